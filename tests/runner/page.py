"""Turns a page into its steps: the blocks to run and the claims to check, in the order in which they stand."""

import ast
import io
import itertools
import re
import warnings
from bisect import bisect
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pytest_codeblocks import extract_from_buffer

from tests.runner import exercises, observed, quiz, tables, widgets
from tests.runner.fences import CONTROL, WIDGETS, Comment, Fence, Problem, Scan, is_directive, normal_form, scan
from tests.runner.outputs import differences, idle_band, within
from tests.runner.snippets import Chunk, chunks

PLAIN_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w])")
# What `compile` and `ast.literal_eval` raise for text that is no expression, or is nested too deeply.
NOT_PYTHON = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)
LATER = ("note:", "given:", "exercise:", "material/tags")  # no claims of their own; the last one lists the topics


@dataclass
class Output:
    """The output that a page shows for a block: the fence, and how far its decimals may be off."""

    fence: Fence

    @property
    def text(self) -> str:
        return "\n".join(self.fence.body)

    @property
    def within(self) -> float:
        return within(self.fence.title)


@dataclass
class Block:
    """A Python block that runs."""

    name: str
    fence: Fence
    chunks: list[Chunk]
    output: Output | None = None
    raises: str | None = None  # name of the exception that the page says it raises
    skip: str | None = None  # reason, which the reader sees
    role: str = ""  # in an exercise: starter, tests, solution or wrong
    tests: list[Chunk] = field(default_factory=list)  # in an exercise: what decides

    @property
    def line(self) -> int:
        return self.fence.line


@dataclass
class Claim:
    """An expression that must hold at its place: a number, a cell of a table, a sentence, the answer of a quiz."""

    name: str
    line: int
    kind: str
    expression: str
    before: str = ""  # the text in front of the comment; its last number is the one that is bound
    holds: bool = True  # False in a wrong answer of a quiz, whose check must fail
    question: quiz.Question | None = None
    row: dict[str, str] | None = None  # of a table: the cells by column
    rows: list[str] | None = None  # of a diagram of layers, or of a widget


@dataclass
class Ending:
    """A step behind the last block: `comments` (was all seen that they state?), `unrun` (was all code called?) or
    `gpu` (did anything run there?)."""

    name: str
    line: int
    excused: list[tuple[int, int]] = field(default_factory=list)  # first and last line of blocks that say why


@dataclass
class Page:
    path: Path
    text: str
    scan: Scan
    steps: list[Block | Claim | Ending] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def words(self) -> str:
        """All prose of the page, on one line."""
        return " ".join(" ".join(self.scan.prose.values()).split())


def read_page(path: Path, root: Path) -> Page:
    """Reads and understands one page; what cannot be understood is in `problems`, each with its line."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return Page(path, "", Scan([]), problems=[Problem(line, f"not UTF-8 text: byte {error.start} is invalid")])
    page = Page(path, text, scan(text))
    page.problems += page.scan.problems
    questions = quiz.questions(page.scan, page.problems)
    blocks = read_blocks(page, root)
    exercises.assign(page.scan, blocks, page.problems)
    diagrams = [f for f in page.scan.fences if f.language == "layers"]
    shapes = [Claim(f"layers-{f.line}", f.line, "layers", "", rows=f.body[1:]) for f in diagrams]
    page.steps = sorted([*blocks, *shapes, *played(page), *read_claims(page, questions)], key=lambda step: step.line)
    page.problems += python_unseen(page.scan, {block.output.fence.line for block in blocks if block.output})
    page.steps += endings(page, [block for block in blocks if not block.skip and not block.role])
    return page


def played(page: Page) -> list[Claim]:
    """What the widgets of the page say about their numbers."""
    shown = [(f, widgets.fields(f.body).get("check")) for f in page.scan.fences if f.language in WIDGETS]
    if "lessons" in page.path.parts:
        page.problems += widgets.unbound(page.scan)
    return [Claim(f"widget-{f.line}", f.line, "widget", check, rows=f.body) for f, check in shown if check]


def python_unseen(scan: Scan, outputs: set[int]) -> list[Problem]:
    """Python that would silently not run: a session with >>>, or a program in a fence of another language."""
    message = "this looks like Python and never runs: put it into a python fence, and its output into a text fence"
    lines = [(line, text) for line, text in scan.prose.items()]
    for fence in scan.fences:
        if fence.language in ("text", "console") and fence.line not in outputs:
            lines += enumerate(fence.body, start=fence.line + 1)
            if is_program("\n".join(fence.body)):
                return [Problem(fence.line, message)]
    return [Problem(line, message) for line, text in lines if re.match(r"\s*>>> \S", text)][:1]


def is_program(text: str) -> bool:
    """Whether a text is Python that imports or defines something."""
    try:
        body = ast.parse(text).body
    except NOT_PYTHON:
        return False
    return any(isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) for node in body)


def endings(page: Page, blocks: list[Block]) -> list[Ending]:
    """What is asked when the page has run."""
    code = [chunk for block in blocks for chunk in block.chunks]
    last, found = len(page.scan.lines), []
    if any(observed.stated(chunk) for chunk in code):
        found.append(Ending("comments", last))
    if any(re.search(r"^\s*(async def|def|class)\b", chunk.code, re.MULTILINE) for chunk in code):
        above = {comment.line for comment in page.scan.comments if comment.words.startswith("given:")}
        fences = [next_fence(page.scan, line) for line in above]
        found.append(Ending("unrun", last, [(fence.line, fence.end) for fence in fences if fence]))
    return found


def read_blocks(page: Page, root: Path) -> list[Block]:
    """The Python blocks as pytest-codeblocks extracts them, each with its fence, directives and output."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            extracted = extract_from_buffer(io.StringIO(normal_form(page.scan)), max_num_lines=10**9)
    except RuntimeError as error:
        page.problems.append(Problem(line_of_directive(page.scan), str(error)))
        return []
    fences = {fence.line: fence for fence in page.scan.fences}
    outputs = read_outputs(page)
    blocks = []
    for extract in extracted:
        if extract.syntax != "python":
            continue
        fence = fences[extract.lineno]
        block = Block(f"block-{len(blocks) + 1}", fence, [], outputs.get(fence.line))
        try:
            block.chunks = chunks(page.path, fence, extract.code, root)
            read_marks(page, block, extract.marks)
        except Problem as problem:
            page.problems.append(problem)
        blocks.append(block)
    return blocks


def output_fault(block: Block, printed: str, units: float = 0.5) -> Problem | None:
    """How what a block printed differs from what the page shows for it; units: see differences()."""
    shown = block.output
    if control := CONTROL.search(printed.replace("\r\n", "\n")):
        return Problem(block.line, f"the block prints {control[0]!r}, which a page cannot show")
    found = differences(shown.text if shown else "", printed, shown.within if shown else 0.0, units)
    if not found:
        return None
    what = "prints something else than the page shows" if shown else "prints, but the page shows no output"
    message = "\n  ".join([f"the block {what}", *found])
    return Problem(shown.fence.line if shown else block.line, message, mend=True)


def line_of_directive(scan: Scan) -> int:
    """The first directive that pytest-codeblocks would not know, for its message, which names no line."""
    known = ("expected-output", "expected-output-ignore-whitespace")
    for comment in scan.comments:
        if comment.words.startswith("pytest-codeblocks:") and comment.words.split(":")[1] not in known:
            return comment.line
    return next((c.line for c in scan.comments if is_directive(c)), 1)


def read_outputs(page: Page) -> dict[int, Output]:
    """The shown outputs, by the line of the Python fence that they belong to.

    An output is the text fence right below its block; pytest-codeblocks' own mark may stand between, but need not.
    """
    outputs: dict[int, Output] = {}
    for fence, below in itertools.pairwise(page.scan.fences):
        between = range(fence.end + 1, below.line)
        if (fence.language, below.language) == ("python", "text") and not any(
            page.scan.lines[number - 1].strip(" \t>") for number in between
        ):
            outputs[fence.line] = Output(below)
    python = [fence.line for fence in page.scan.fences if fence.language == "python"]
    for comment in page.scan.comments:
        if not is_directive(comment):
            continue
        following = next_fence(page.scan, comment.line)
        words = comment.words.removeprefix("pytest-codeblocks:")
        wanted = "text" if words == "expected-output" else "python"
        if words != "expected-output" and not words.startswith("pytest.mark."):
            page.problems.append(
                Problem(comment.line, f'unknown directive "{words}": known are expected-output and pytest.mark.*')
            )
        elif following is None or following.language != wanted:
            page.problems.append(Problem(comment.line, f"a {wanted} fence must follow this comment at once"))
        elif wanted == "text":
            before = bisect(python, comment.line)
            if before:
                outputs[python[before - 1]] = Output(following)
    page.problems += [
        Problem(shown.fence.line, "the title allows a difference, but integers must be equal: print decimals, as `.1f`")
        for shown in outputs.values()
        if idle_band(shown.fence.title, shown.text)
    ]
    return outputs


def next_fence(scan: Scan, line: int) -> Fence | None:
    """The fence that opens after `line` with nothing but empty lines and comments between."""
    index = bisect(scan.fences, line, key=lambda fence: fence.line)
    if index == len(scan.fences):
        return None
    fence = scan.fences[index]
    between = (scan.prose.get(number, "").strip(" \t>") for number in range(line + 1, fence.line))
    return None if any(between) else fence


def read_marks(page: Page, block: Block, marks: list[str]) -> None:
    """`pytest.mark.skip(reason=...)` and `pytest.mark.xfail(raises=...)` in front of a block."""
    for text in marks:
        mark = re.fullmatch(r"pytest\.mark\.(skip|xfail)\((reason|raises)=(.+)\)", text.strip())
        if mark and mark.group(1, 2) == ("xfail", "raises"):
            block.raises = mark[3].strip()
        elif mark and mark.group(1, 2) == ("skip", "reason"):
            block.skip = read_reason(page, block, mark[3])
        else:
            raise Problem(
                block.line,
                f'unknown mark "{text}": write pytest.mark.xfail(raises=Name) or pytest.mark.skip(reason="...")',
            )


def read_reason(page: Page, block: Block, literal: str) -> str:
    try:
        reason = str(ast.literal_eval(literal))
    except NOT_PYTHON:
        raise Problem(block.line, f"the reason must be a string, not {literal}") from None
    if not reason or " ".join(reason.split()) not in page.words:
        raise Problem(block.line, f'the reader must see why this block does not run: write "{reason}" in the prose')
    return reason


def read_claims(page: Page, questions: list[quiz.Question]) -> list[Claim]:
    """The comments that bind a number, a table, a sentence or a quiz answer."""
    claims: list[Claim] = []
    at: Counter[int] = Counter()  # claims of a line
    wrong = set().union(*(question.wrong_lines for question in questions))
    for comment in page.scan.comments:
        if comment.words.rstrip() == "given:":
            page.problems.append(Problem(comment.line, "say why: <!-- given: the reason -->"))
        if is_directive(comment) or comment.words.startswith(LATER):
            continue
        try:
            for claim in read_claim(page, comment, questions, wrong):
                compile(claim.expression, str(page.path), "eval")
                at[claim.line] += 1
                claim.name = f"claim-{claim.line}" + (f"-{at[claim.line]}" if at[claim.line] > 1 else "")
                claims.append(claim)
        except NOT_PYTHON as error:
            words = comment.words.partition("=" if comment.words.startswith("=") else ":")[2].strip()
            page.problems.append(Problem(comment.line, f"{words!r} is not a Python expression: {error}"))
        except Problem as problem:
            page.problems.append(problem)
    return claims


def read_claim(page: Page, comment: Comment, questions: list[quiz.Question], wrong: set[int]) -> list[Claim]:
    kind, _, expression = comment.words.partition("=" if comment.words.startswith("=") else ":")
    expression = expression.strip()
    if kind == "":
        return [Claim("", comment.line, "number", expression, paragraph_before(page.scan, comment))]
    if kind == "check":
        return [Claim("", comment.line, "check", expression, comment.before, holds=comment.line not in wrong)]
    if kind == "table":
        bound = tables.bound_cells(page.scan, comment.line, comment.words)
        return [Claim("", line, "cell", code, cell, row=row) for line, code, cell, row in bound]
    if kind == "answer":
        index = bisect(questions, comment.line, key=lambda question: question.line) - 1
        question = questions[index] if index >= 0 else None
        if question is None or not question.line < comment.line <= question.end:
            raise Problem(comment.line, "an answer stands in a question: a ### heading under ## Quiz")
        return [Claim("", comment.line, "answer", expression, question=question)]
    known = "= expr, check:, table:, answer:, exercise:, given:, note:, pytest.mark.*"
    raise Problem(comment.line, f'unknown comment "<!-- {comment.words} -->": known are {known}')


def paragraph_before(scan: Scan, comment: Comment) -> str:
    """The text of the paragraph up to the comment (its end, if it is long), with commas for thousands."""
    text, line = comment.before, comment.line - 1
    while line > comment.line - 10 and scan.prose.get(line, "").strip():
        if scan.prose[line].lstrip().startswith(("|", "- ", "#")):
            break
        text = f"{scan.prose[line]}\n{text}"
        line -= 1
    return with_commas(text[-1000:])


def with_commas(text: str) -> str:
    """`1 728` with a thin or a fixed space, as typography and LaTeX group digits, as `1,728`."""
    return re.sub(r"(?<=\d)(?:\\,|[\u00a0\u202f\u2009])(?=\d{3}(?!\d))", ",", text)


def how_many(expression: str) -> int:
    """How many numbers an expression binds: `3, 4` binds two."""
    try:
        body = ast.parse(expression, mode="eval").body
    except NOT_PYTHON:
        return 1
    return len(body.elts) if isinstance(body, ast.Tuple) else 1


def bound_numbers(page: Page, step) -> list[tuple[int, float]]:
    """The numbers that a claim binds, each with its line."""
    if getattr(step, "kind", "") not in ("number", "cell"):
        return []
    count = how_many(step.expression) if step.kind == "number" else 1
    lines = step.before.split("\n")
    numbers = [
        (step.line - len(lines) + 1 + offset, float(number.replace(",", "")))
        for offset, text in enumerate(lines)
        for number in PLAIN_NUMBER.findall(text)
    ]
    return numbers[-count:]

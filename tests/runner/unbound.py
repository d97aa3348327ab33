"""Finds numbers in prose, math and tables that nothing accounts for.

A number must come from somewhere: from an output, a diagram, a figure or code of the page, from arithmetic that is
recomputed, from a binding `<!-- = expr -->` or `<!-- table: ... -->`, from the expression of a check in the same
paragraph, from a source that is cited there, or, for what nobody computes, from a reason: `<!-- given: why -->`.

Two digits or more, or a number with a unit, may come from anywhere on the page. Lessons are read more strictly: there
a single digit must come from its own section, and numbers in a row, such as `1, 3, 8, 9` or `3 by 2`, must stand
somewhere in this order.
"""

import ast
import itertools
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from tests.runner import arithmetic, observed, quiz, tables, totals
from tests.runner.arithmetic import MATH, SHORT, UNITS
from tests.runner.fences import Problem
from tests.runner.page import Block, Page, bound_numbers, with_commas

NUMBER = re.compile(
    rf"(?<![\w.])(?<![A-Za-z]-)(?P<number>{arithmetic.NUMBER})(?!\w|\.\d)"
    rf"(?:[\s\u00a0\u202f]*(?P<unit>%|(?:{'|'.join(sorted(UNITS.keys() - {'%'}, key=len, reverse=True))})\b))?"
)
IN_CODE = re.compile(rf"(?<![A-Za-z_\d.])(?:{arithmetic.NUMBER})(?:e[-+]?\d+)?(?![A-Za-z_])")
BETWEEN = re.compile(r"[\s,()\[\]×*·;|/-]*")  # what may stand between two numbers of a row, in code
JOINED = re.compile(
    rf"(?<![\w.]){arithmetic.NUMBER}(?:(?:\s*,\s*|\s+by\s+|\s*×\s*)[-−]?(?:{arithmetic.NUMBER}))+(?![\w])"
)
# Not claims: the number of a list item, the effort of an exercise, alt texts (their code writes them), links, tags.
UNSEEN = re.compile(
    r"^\s*(?:#+\s+)?\d+\. |\*(?:Easy|Medium|Hard) · \d+ minutes"
    r"|<summary>[^<]*</summary>|!\[[^\[\]]*\]\([^()\[\]]*\)|\]\([^()\[\]]*\)|<[^<>]+>|https?://\S+|arXiv:\S+"
)
# Names of years, places and versions are no claims either.
YEAR = r"(?:19[5-9]\d|20[0-3]\d)"
COUNTED = "(?:steps|epochs|images|channels|values|pixels|weights|parameters|samples|classes|batches|features|units)"
LABELS = re.compile(
    rf"\b{YEAR}-[01]\d-[0-3]\d\b"
    rf"|\b(?:in|since|from|until|by|before|after|around|of|early|late|year|and|to|summer|spring|autumn|winter)\s+{YEAR}\b(?![,.]?\d|-[01]\d-|\s+{COUNTED}\b)"
    rf"|(?:et al\.,?|\b[A-Z][a-z]+,)\s+{YEAR}\b|\b(?:ILSVRC|ImageNet|NeurIPS|CVPR|ICML|ICLR|ICCV|ECCV)[\s-]{YEAR}\b"
    r"|\b(?:figures?|fig\.|sections?|chapters?|tables?|equations?|eq\.|appendix|exercises?|questions?|lessons?|listings?)\s\d+(?:\.\d+)*"
    r"|\b(?:version|python|pytorch|torch|torchvision|numpy|cuda|cudnn|matplotlib|scikit-learn|scikit-image|mkdocs)\s\d+(?:\.\d+)*",
    re.IGNORECASE,
)
ALT = re.compile(r"!\[([^\[\]]*)\]")
SENTENCE_END = re.compile(r"[.!?][*_)]*(?=\s+[A-Z*_`$(\[])")
CITED = re.compile(r"\]\([^()\[\]\s]*#sources\)")


@dataclass
class Evidence:
    """The numbers that a page shows to be true: where they stand, and which stand in a row."""

    at: dict[int, set[float]] = field(default_factory=dict)  # line -> numbers
    rows: list[tuple[float, ...]] = field(default_factory=list)
    parts_of_size: dict[int, set[tuple[float, ...]]] = field(default_factory=dict)

    def add(self, line: int, text: str) -> None:
        text = re.sub(r"(?<=\d)_(?=\d)", "", re.sub(r"(?<=\d)x(?=\d)", "×", text))
        row, last = [], 0
        for match in IN_CODE.finditer(text):
            if row and not BETWEEN.fullmatch(text, last, match.start()):
                self.rows.append(tuple(row))
                row = []
            row.append(value(match[0]))
            last = match.end()
            self.at.setdefault(line, set()).add(row[-1])
        self.rows.append(tuple(row))

    @cached_property
    def everywhere(self) -> set[float]:
        return set().union(*self.at.values())

    @cached_property
    def in_order(self) -> list[float]:
        return sorted(self.everywhere)

    def between(self, first: int, last: int) -> set[float]:
        return set().union(*(self.at[line] for line in range(first, last + 1) if line in self.at))

    def has_row(self, row: tuple[float, ...], more: list[tuple[float, ...]]) -> bool:
        return row in self.parts(len(row)) or row in parts(more, len(row))

    def parts(self, size: int) -> set[tuple[float, ...]]:
        """All runs of `size` numbers in the rows of the page."""
        if size not in self.parts_of_size:
            self.parts_of_size[size] = parts(self.rows, size)
        return self.parts_of_size[size]

    def has_between(self, low: float, high: float) -> bool:
        index = bisect_left(self.in_order, low)
        return index < len(self.in_order) and self.in_order[index] <= high


def parts(rows: list[tuple[float, ...]], size: int) -> set[tuple[float, ...]]:
    return {row[i : i + size] for row in rows for i in range(len(row) - size + 1)}


def problems(page: Page, root: Path) -> list[Problem]:
    evidence, strict = evidence_of(page), is_lesson(page, root)
    everywhere = evidence.everywhere
    excused = given_lines(page)
    bound = {place for step in page.steps for place in bound_numbers(page, step)}
    bound |= {(line, value(NUMBER.search(shown)["number"])) for line, _, shown, _, holds in totals.sums(page) if holds}
    bound |= years(page)
    first, last = sources_section(page)
    heads, silent = section_starts(page), offered(page)
    place, found = (0, 0), []
    for lines in arithmetic.paragraphs(page):
        if first <= lines[0][0] <= last:
            continue
        text = without_cited("\n".join(words for _, words in lines))
        lines = [(line, without_choice(words)) for (line, _), words in zip(lines, text.split("\n"), strict=True)]
        if not place[0] <= lines[0][0] <= place[1]:
            place = section(heads, lines[0][0])
            choices, shown_near = options(page, *place), evidence.between(*place)
        sides = arithmetic.sides(text)
        sides += [side for side in arithmetic.sums(text) if side.value in everywhere or side.value in choices]
        computed = {value(number) for side in sides for number in side.literal}
        near = shown_near | computed
        rows = [tuple(value(number) for number in side.literal) for side in sides]
        for line, words in lines:
            if line in silent:
                continue
            for match in needing(words):
                number, written = value(match["number"]), match[0].strip()
                small = len(re.sub(r"\D", "", match["number"])) == 1 and not match["unit"]
                known = number in (near if small else everywhere) or number in computed
                known = known or rounds(match, sides, evidence)
                if line not in excused and (line, number) not in bound and not known and (strict or not small):
                    found.append(Problem(line, message(written)))
            if strict and line not in excused:
                found += [Problem(line, message(w)) for w in strange_rows(words, evidence, rows, near, bound, line)]
    return found + (words_in_code(page, evidence) if strict else [])


def is_lesson(page: Page, root: Path) -> bool:
    return page.path.is_relative_to(root / "docs" / "lessons")


def evidence_of(page: Page) -> Evidence:
    """Outputs, diagrams, code without its comments, stated comments, alt texts of figures and bound expressions."""
    evidence = Evidence()
    for fence in page.scan.fences:
        if fence.language in ("text", "layers", "console"):
            evidence.add(fence.line, "\n".join(line for line in fence.body if not line.startswith("alt:")))
    for step in page.steps:
        for chunk in step.chunks if isinstance(step, Block) else []:
            evidence.add(step.line, without_remarks(chunk.code))
            for note in observed.stated(chunk).values():
                evidence.add(step.line, note.words)
            for _, comment in arithmetic.comments(chunk.code, 1):
                evidence.add(step.line, " ; ".join(n for side in arithmetic.sides(comment) for n in side.literal))
        if not isinstance(step, Block):
            evidence.add(step.line, read_by(step))
    for line, text in page.scan.prose.items():
        evidence.add(line, "\n".join(ALT.findall(text)))
    return evidence


def read_by(step) -> str:
    """What a bound expression works with: its own numbers, and the cells of its row that it names."""
    expression, row = getattr(step, "expression", ""), getattr(step, "row", None) or {}
    cells = [cell for name, cell in row.items() if re.search(rf"""c\[["']{re.escape(name)}""", expression)]
    return " ; ".join([expression, *cells])


def remarks(code: str, first_line: int) -> list[tuple[int, str]]:
    """What code says in words, with lines: its comments, its docstrings, and the messages of its asserts."""
    return [*arithmetic.comments(code, first_line), *strings(code, first_line)]


@cache
def strings(code: str, first_line: int) -> list[tuple[int, str]]:
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # running the block reports it
    said = [node.value for node in nodes if isinstance(node, ast.Expr)]
    said += [part for node in nodes if isinstance(node, ast.Assert) for part in getattr(node.msg, "values", [node.msg])]
    texts = [text for text in said if isinstance(text, ast.Constant) and isinstance(text.value, str)]
    return [(first_line + text.lineno - 1 + i, line) for text in texts for i, line in enumerate(text.value.split("\n"))]


def without_remarks(code: str) -> str:
    lines = code.split("\n")
    for line, words in remarks(code, 1):
        lines[line - 1] = lines[line - 1].replace(words, "")
    return "\n".join(lines)


def words_in_code(page: Page, evidence: Evidence) -> list[Problem]:
    """Numbers of two digits or more, and rows, in what code says: seen in the run, recomputed, or shown somewhere."""
    said = [(f.line + 1, f.body[0]) for f in page.scan.fences if f.language == "layers" and f.body]  # alt: ...
    for step in page.steps:
        for chunk in step.chunks if isinstance(step, Block) else []:
            seen = observed.stated(chunk)
            for line, words in remarks(chunk.code, chunk.line):
                if line not in seen:
                    said.append((line if chunk.path == page.path else step.line, words))
    message = 'nothing accounts for "{}" in these words of the code'
    return [Problem(line, message.format(number)) for line, words in said for number in unknown(words, evidence)]


def unknown(words: str, evidence: Evidence):
    """What stands in words of the code, and nowhere else."""
    sides = arithmetic.sides(words)
    computed = {value(number) for side in sides for number in side.literal}
    for match in NUMBER.finditer(words):
        long = len(re.sub(r"\D", "", match["number"])) > 1
        number = value(match["number"])
        if long and number not in evidence.everywhere and number not in computed:
            yield match[0].strip()
    rows = [tuple(value(number) for number in side.literal) for side in sides]
    yield from strange_rows(words, evidence, rows, evidence.everywhere, set(), 0)


def given_lines(page: Page) -> set[int]:
    """The lines that a `<!-- given: why -->` excuses: its own or, alone on a line, the paragraph or table below."""
    found = set()
    for comment in page.scan.comments:
        if comment.words.startswith("given:"):
            line = comment.line
            found.add(line)
            if not page.scan.prose.get(line, "").strip():
                line += 1 + (not page.scan.prose.get(line + 1, "x").strip())
                while page.scan.prose.get(line, "").strip():
                    found.add(line)
                    line += 1
    return found


def years(page: Page) -> set[tuple[int, float]]:
    """The cells of columns that hold years."""
    found = set()
    for line, text in page.scan.prose.items():
        if tables.RULE.match(text) and re.search(
            r"\|\s*(?:year|date|published)", page.scan.prose.get(line - 1, ""), re.I
        ):
            for number, row in tables.rows_below(page.scan, line - 2)[1]:
                found |= {(number, float(cell)) for cell in row if re.fullmatch(YEAR, cell)}
    return found


def without_cited(text: str) -> str:
    """The text with spaces in the place of sentences that cite a source."""
    ends = [0, *(match.end() for match in SENTENCE_END.finditer(text)), len(text)]
    sentences = [text[start:end] for start, end in itertools.pairwise(ends)]
    return "".join(re.sub(r"[^\n]", " ", words) if CITED.search(words) else words for words in sentences)


def section_starts(page: Page) -> list[int]:
    """The first lines of the sections, down to `###`."""
    return [1, *(number for number, level, _ in page.scan.headings if level <= 3), len(page.scan.lines) + 1]


def section(starts: list[int], line: int) -> tuple[int, int]:
    """First and last line of the section around `line`."""
    behind = bisect_right(starts, line)
    return starts[behind - 1], starts[behind] - 1


def options(page: Page, first: int, last: int) -> set[float]:
    """The numbers that the options of a quiz question offer."""
    lines = [page.scan.prose.get(line, "") for line in range(first, last + 1)]
    texts = [found[2] for line in lines if (found := quiz.OPTION.match(line))]
    texts += [found[1] for line in lines if (found := quiz.TYPED.match(line))]
    return {value(number) for text in texts for number in IN_CODE.findall(text)}


def without_choice(words: str) -> str:
    """The line without what a typed answer offers: `answer:` computes that."""
    found = quiz.TYPED.match(words)
    return words.replace(found[1], " " * len(found[1]), 1) if found else words


def sources_section(page: Page) -> tuple[int, int]:
    """The lines under `## Sources`: years and numbers of papers, which only the literature can confirm."""
    heads = [(line, text) for line, level, text in page.scan.headings if level == 2] + [(len(page.scan.lines) + 1, "")]
    return next(((a, b - 1) for (a, text), (b, _) in itertools.pairwise(heads) if text == "Sources"), (0, 0))


def needing(words: str):
    """The numbers of a line that need a reason."""
    if not tables.RULE.match(words):
        yield from NUMBER.finditer(plain(words))


def offered(page: Page) -> set[int]:
    """The lines of quiz options, but for a right one that no `answer:` computes: it is a sentence like any other."""
    answers, found = [step.line for step in page.steps if getattr(step, "kind", "") == "answer"], set()
    for question in quiz.questions(page.scan, []):
        computed = any(question.line < line <= question.end for line in answers)
        for line in range(question.line, question.end + 1):
            option = quiz.OPTION.match(page.scan.prose.get(line, ""))
            if option and (computed or question.answers.get(option[1]) != "Right"):
                found.add(line)
    return found


def plain(words: str) -> str:
    """The line as a reader reads it, with one spelling for `×` and for thousands."""
    words = "".join(part if part.startswith("$") else SHORT.sub(r"\1 \2", part) for part in MATH.split(words))
    spelled = re.sub(r"\\times|\\cdot|(?<=\d)x(?=\d)", "×", words.replace("{,}", ","))
    return LABELS.sub(" ", UNSEEN.sub(" ", with_commas(spelled)))


def strange_rows(words: str, evidence: Evidence, rows: list, near: set[float], bound: set, line: int):
    """Numbers in a row that stand nowhere in this order; `3 by 3` needs a 3 only."""
    if "|" in words:
        return
    for match in JOINED.finditer(plain(words)):
        row = tuple(value(number) for number in IN_CODE.findall(match[0]))
        square = len(set(row)) == 1 and row[0] in near
        if not square and not evidence.has_row(row, rows) and not all((line, number) in bound for number in row):
            yield match[0]


def rounds(match: re.Match, sides: list, evidence: Evidence) -> bool:
    """Whether a number with decimals or a unit is a rounded form of what the paragraph computes or the page shows."""
    digits, unit = match["number"].replace(",", ""), match["unit"]
    if not unit and "." not in digits:
        return False
    half = 0.5 * 10.0 ** -len(digits.partition(".")[2]) * (1 + 1e-9)
    scales = {1.0, 0.01} if unit in ("%", "percent") else {UNITS[unit]} if unit else {1.0}
    for scale in scales:
        low, high = (float(digits) - half) * scale, (float(digits) + half) * scale
        fine = len(digits.replace(".", "").lstrip("0")) > 1  # one digit alone is near some number of every page
        if fine and evidence.has_between(low, high) or any(low <= side.value <= high for side in sides):
            return True
    return False


def message(written: str) -> str:
    return f'nothing accounts for "{written}": write <!-- = expr --> behind it, cite a source, or <!-- given: why -->'


def value(number: str) -> float:
    return float(number.replace(",", ""))

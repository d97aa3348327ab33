"""The small lies that a page can be tested with: one digit, one operator, one name, one answer at a time.

Each mutant changes one place of one line: a digit in the prose, in math, in a table, in an output, in a comment of the
code or in its strings; a constant (a kernel size, a stride, a padding), an operator or a variable of the code; the
answer of a quiz; a bound expression; a number that a figure is drawn from. A wrong answer and the starting code of an
exercise are wrong as they stand, so another fault in them is no lie: each is replaced as a whole by the solution. For
the same reason the wrong options of a quiz keep their numbers.
"""

import ast
import builtins
import hashlib
import io
import random
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from tests.runner import arithmetic, quiz, unbound
from tests.runner.fences import CODE_SPAN, COMMENT
from tests.runner.page import Block, Page, how_many
from tests.runner.quiz import ANSWER, OPTION

NUMBER = re.compile(rf"(?<![\w.])(?:{arithmetic.NUMBER})(?!\w)")
SWAPS = {
    "+": "-", "-": "+", "*": "+", "/": "*", "//": "*", "**": "*", "%": "*",
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "and": "or", "or": "and",
}  # fmt: skip
# Not claims: where links lead, numbers of list items, tags, and the effort of an exercise, which is an estimate.
UNSEEN = re.compile(r"!?\]\([^)]*\)|^\s*\d+\. |https?://\S+|<[^>]+>|\*(?:Easy|Medium|Hard) · \d+ minutes")


@dataclass
class Mutant:
    """One change in `file`: lines `line` to `end` (from 1) become `text`; there, `was` became `now`."""

    kind: str
    file: str
    line: int
    was: str
    now: str
    text: str
    end: int = 0

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.file}:{self.line}:{self.text}".encode()).hexdigest()[:16]


class Maker:
    """Makes the mutants of a page; the same seed makes the same ones."""

    def __init__(self, page: Page, root: Path, seed: int):
        self.page, self.root, self.random = page, root, random.Random(seed)
        self.name = str(page.path.relative_to(root))
        self.found: dict[str, Mutant] = {}
        self.questions = quiz.questions(page.scan, [])

    def add(self, kind: str, file: str, line: int, text: str, start: int, was: str, now: str) -> None:
        mutant = Mutant(kind, file, line, was, now, text[:start] + now + text[start + len(was) :], line)
        self.found[mutant.key] = mutant

    def mutants(self) -> list[Mutant]:
        """Every mutant of the page, of the snippets that it shows and of the code that draws its figures."""
        self.words()
        self.answers()
        self.comments()
        self.fences()
        for step in self.page.steps:
            if isinstance(step, Block) and not step.skip:
                if step.role in ("starter", "wrong"):
                    self.made_right(step)
                else:
                    for chunk in step.chunks:
                        self.code(str(chunk.path.relative_to(self.root)), chunk.code, chunk.line)
        self.figures()
        return list(self.found.values())

    def words(self) -> None:
        """Numbers in what a reader reads, and the answers of the quiz."""
        first, last = unbound.sources_section(self.page)
        for line in self.page.scan.prose:
            text = self.page.scan.lines[line - 1]
            if first <= line <= last or text.startswith(("#", "<")):
                continue
            if (option := OPTION.match(text)) and not self.is_right(line, option[1]):
                continue
            for kind, match in numbers_in_prose(text):
                self.add(kind, self.name, line, text, match.start(), match[0], self.digit(match[0]))

    def is_right(self, line: int, letter: str) -> bool:
        """Whether the option at a line is the right one."""
        return any(q.line < line <= q.end and q.answers.get(letter) == "Right" for q in self.questions)

    def answers(self) -> None:
        """The right answer of each question moved to every other option."""
        for question in self.questions:
            lines = self.page.scan.lines[question.line : question.end]
            places = [(n, m) for n, text in enumerate(lines, question.line + 1) if (m := ANSWER.match(text))]
            right = next(((n, m) for n, m in places if m[2] == "Right"), None)
            for wrong in [place for place in places if right and place[1][2] == "Wrong"]:
                (first, _), (last, _) = sorted([right, wrong], key=lambda place: place[0])
                block = self.page.scan.lines[first - 1 : last]
                for offset, now in ((right[0] - first, "Wrong"), (wrong[0] - first, "Right")):
                    block[offset] = re.sub(r"\. (Right|Wrong)\.", f". {now}.", block[offset], count=1)
                name = f"{right[1][1]} right"
                mutant = Mutant("quiz", self.name, first, name, f"{wrong[1][1]} right", "\n".join(block), last)
                self.found[mutant.key] = mutant

    def comments(self) -> None:
        """The expressions that bind numbers, sentences and answers."""
        for comment in self.page.scan.comments:
            kind, mark, expression = re.match(r"(check|answer|table)?(:|=)?\s*(.*)$", comment.words).groups()
            text = self.page.scan.lines[comment.line - 1]
            if mark is None or not expression or kind == "table" and "==" not in expression:
                continue
            was = expression.partition("==")[2].strip() if kind == "table" else expression
            now = f"not ({was})" if kind == "check" else f"({was}, 1)" if kind == "answer" else f"2 * ({was}) + 1"
            if kind is None and how_many(was) > 1:
                now = f"*({was}), 1"  # one number more
            start = text.index(comment.words) + len(comment.words) - len(was)
            self.add("bound expression", self.name, comment.line, text, start, was, now)

    def fences(self) -> None:
        """Numbers in the outputs of blocks, in diagrams and in worked grids."""
        outputs = {s.output.fence.line for s in self.page.steps if isinstance(s, Block) and s.output}
        for fence in self.page.scan.fences:
            if fence.language in ("text", "layers"):
                kind = "output" if fence.line in outputs else "diagram"
                for line, body in enumerate(fence.body, start=fence.line + 1):
                    text = self.page.scan.lines[line - 1]
                    for match in NUMBER.finditer(text, len(text) - len(body)):
                        self.add(kind, self.name, line, text, match.start(), match[0], self.digit(match[0]))

    def made_right(self, block: Block) -> None:
        """The solution in the place of a starter or of a wrong answer."""
        solution = next(
            (s for s in self.page.steps if getattr(s, "role", "") == "solution" and s.tests == block.tests), None
        )
        if solution:
            mutant = Mutant(
                "exercise", self.name, block.line + 1, block.role, "solution", "\n".join(solution.fence.body)
            )
            mutant.end = block.line + len(block.fence.body)
            self.found[mutant.key] = mutant

    def figures(self) -> None:
        """Constants in the code that draws the figures of the page."""
        drawing = self.root / "snippets" / "figures" / f"{self.page.path.parent.name.replace('-', '_')}.py"
        if self.page.path.name == "index.md" and drawing.exists():
            code, file = drawing.read_text(encoding="utf-8"), str(drawing.relative_to(self.root))
            for token in tokens(code):
                if token.type == tokenize.NUMBER:
                    (line, column), was = token.start, token.string
                    self.add("figure", file, line, code.splitlines()[line - 1], column, was, self.digit(was))

    def code(self, file: str, code: str, first_line: int) -> None:
        """Constants, operators and variables of the code; numbers in its comments and strings."""
        names = variables(code)
        for token in tokens(code):
            line, (_, column) = first_line + token.start[0] - 1, token.start
            text = code.splitlines()[token.start[0] - 1]
            if text.lstrip().startswith(("import ", "from ", "--8<--")):
                continue
            if token.type == tokenize.NUMBER:
                self.add("constant", file, line, text, column, token.string, self.digit(token.string))
            elif token.string in SWAPS and not unary(code, token):
                self.add("operator", file, line, text, column, token.string, SWAPS[token.string])
            elif token.type == tokenize.NAME and token.string in names and not called(text, token):
                others = [name for name in names if name != token.string]
                if others:
                    self.add("variable", file, line, text, column, token.string, self.random.choice(others))
            elif token.type in (tokenize.COMMENT, tokenize.STRING):
                kind = "comment" if token.type == tokenize.COMMENT else "string"
                self.words_in_code(kind, file, line, token, code)

    def words_in_code(self, kind: str, file: str, first: int, token: tokenize.TokenInfo, code: str) -> None:
        for offset, _ in enumerate(token.string.split("\n")):
            text = code.splitlines()[token.start[0] - 1 + offset]
            begin = token.start[1] if offset == 0 else 0
            end = token.end[1] if token.start[0] + offset == token.end[0] else len(text)
            for match in NUMBER.finditer(text, begin, end):
                self.add(kind, file, first + offset, text, match.start(), match[0], self.digit(match[0]))

    def digit(self, number: str) -> str:
        """The number with one of its digits replaced by another one."""
        place = self.random.choice([i for i, char in enumerate(number) if char.isdigit()])
        digit = self.random.choice([d for d in "123456789" if d != number[place]])
        return number[:place] + digit + number[place + 1 :]


def numbers_in_prose(text: str):
    """The numbers that a reader sees on the line, each with its kind."""
    hidden = UNSEEN.sub(lambda m: " " * len(m[0]), COMMENT.sub(lambda m: " " * len(m[0]), text))
    math = {i for m in re.finditer(r"\$[^$]+\$|^[^$]*\\[a-z]+.*$", hidden) for i in range(*m.span())}
    code = {i for m in CODE_SPAN.finditer(hidden) for i in range(*m.span())}
    for match in NUMBER.finditer(hidden):
        kind = "math" if match.start() in math else "code span" if match.start() in code else "prose"
        if OPTION.match(text):
            kind = "quiz"
        elif text.lstrip().startswith("|"):
            kind = "table"
        yield "alt text" if text.startswith("![") else kind, match


def tokens(code: str) -> list[tokenize.TokenInfo]:
    """Numbers, names, operators, strings and comments."""
    kinds = (tokenize.NUMBER, tokenize.NAME, tokenize.OP, tokenize.STRING, tokenize.COMMENT)
    return [token for token in tokenize.generate_tokens(io.StringIO(code).readline) if token.type in kinds]


def variables(code: str) -> list[str]:
    """The names that a variable may be replaced with: none of Python's own, which any check would notice."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return []
    return sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"_", *dir(builtins)})


def called(line: str, token: tokenize.TokenInfo) -> bool:
    """Whether the name is called, is an attribute, or names an argument, there or in the head of a function."""
    before, behind = line[: token.start[1]].rstrip(), line[token.end[1] :]
    return line.lstrip().startswith("def ") or before.endswith(".") or re.match(r"\s*(\(|=(?!=))", behind) is not None


def unary(code: str, token: tokenize.TokenInfo) -> bool:
    """Whether an operator is a sign, an unpacking star, or the star of a signature."""
    before = code.splitlines()[token.start[0] - 1][: token.start[1]].rstrip()
    return token.string in "-+**" and (not before or before[-1] in "([{,=:*/+-<>%" or before.endswith(("return", "in")))

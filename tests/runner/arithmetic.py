"""Recomputes arithmetic that is written out: `3 × 3 × 3 × 64 = 1,728`, in prose, math, tables and code comments.

Every `=` or `≈` that has something computable on both sides is a claim. A side with a variable in it (`H`, `y_{0,1}`)
is not computable, and claims nothing here.
"""

import ast
import io
import math
import operator
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from tests.runner.fences import Problem
from tests.runner.page import Block, Page

UNITS = {"%": 0.01, "percent": 0.01, "thousand": 1e3, "million": 1e6, "billion": 1e9}
FUNCTIONS = {
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "ln": math.log,
    "log": math.log,
    "exp": math.exp,
}
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
TOKEN = re.compile(
    rf"(?P<number>(?<![\w.])(?:{NUMBER})(?!\w|\.\d))|(?P<operator>\*\*|//|[-+*/^])|(?P<open>[(⌊])|(?P<close>[)⌋])"
    r"|(?P<call>[A-Za-z_][\w'-]*(?=\())|(?P<word>%|[A-Za-z_][\w'-]*)|(?P<other>\S)"
)
# What LaTeX, typography and keyboards write for the same thing.
SPELLINGS = [
    (r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))"),
    (r"\\(?:begin|end)\{[a-z*]+\}|&|\\\\(?=\s|$)", " "),
    (r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|displaystyle)(?![a-zA-Z])", ""),
    (r"\\lfloor", "⌊"),
    (r"\\rfloor", "⌋"),
    (r"\\times|\\cdot|[×·]|(?<=\d)\s*x\s*(?=\d)", "*"),
    (r"\\div|÷", "/"),
    (r"\\approx|~=", "≈"),
    (r"\\%", "%"),
    (r"\{,\}", ","),
    (r"\\[,;:! ]|\\quad|[~\u00a0\u202f\u2009]", " "),
    (r"[−–]", "-"),
    (r"\\(?:text|mathrm|textrm)\s*\{([^{}]*)\}", r" \1 "),
    (r"\\(floor|ceil|sqrt|ln|log|exp)\s*\{([^{}]*)\}", r" \1(\2)"),
    (r"\\(floor|ceil|sqrt|ln|log|exp)(?![a-zA-Z])", r" \1"),
    (r"\^\s*\{([^{}]*)\}", r"^(\1)"),
    (r"²", "^2"),
    (r"³", "^3"),
    (r"[`$]", " "),
    (r"(?<![\d)\s])\s*\*\*|\*\*(?=[^\d(\s])|\*\*$|(?<=\s)\*\*(?=\S)", " "),  # bold, not a power
]
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
MOST_TOKENS = 60


@dataclass
class Side:
    """One side of a relation: its value, and whether it is a number alone, with its decimals and unit."""

    code: str
    value: float
    alone: bool
    decimals: int
    unit: str | None


def problems(page: Page, root: Path) -> list[Problem]:
    """False arithmetic in the prose of a page and in the comments of its code, each at its line."""
    found = []
    for lines in paragraphs(page):
        text = "\n".join(text for _, text in lines)
        places = [line for line, words in lines for _ in relations(words)]
        found += [Problem(places[index], message) for index, message in faults(text)]
    for line, comment in code_comments(page):
        found += [Problem(line, message) for _, message in faults(comment)]
    return found


def paragraphs(page: Page):
    """Runs of prose lines that belong together, as lists of `(line, text)`."""
    run: list[tuple[int, str]] = []
    for line in range(1, len(page.scan.lines) + 2):
        text = page.scan.prose.get(line, "")
        if text.strip() and not text.lstrip().startswith(("|", "- ", "#")):
            run.append((line, text))
            continue
        if run:
            yield run
        run = [(line, text)] if text.strip() else []
    if run:
        yield run


def code_comments(page: Page):
    """The comments in the Python that a page holds itself, with their lines."""
    for step in page.steps:
        if isinstance(step, Block):
            for chunk in step.chunks:
                if chunk.path == page.path:
                    yield from comments(chunk.code, chunk.line)


def comments(code: str, first_line: int):
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                yield first_line + token.start[0] - 1, token.string.lstrip("# ")
    except (tokenize.TokenError, SyntaxError):
        return  # running the block reports it


def relations(text: str) -> list[str]:
    return re.split(r"(=|≈)", spell(text))[1::2]


def spell(text: str) -> str:
    """The text with one spelling for every operator."""
    for pattern, replacement in SPELLINGS[:1] * 3 + SPELLINGS:  # fractions stand in fractions
        text = re.sub(pattern, replacement, text)
    return text


def faults(text: str) -> list[tuple[int, str]]:
    """What is false in the arithmetic written in `text`: the number of the relation, and the words."""
    return [(index, words(left, right)) for index, left, right, holds in claims(text) if not holds]


def numbers(text: str) -> set[float]:
    """The numbers that take part in arithmetic that was recomputed."""
    codes = [side.code for _, left, right, _ in claims(text) for side in (left, right)]
    return {float(number) for code in codes for number in re.findall(r"\d+(?:\.\d+)?", code)}


def claims(text: str):
    """Each relation with something computable on both sides: its number, its sides, and whether it holds."""
    pieces = re.split(r"(=|≈)", spell(text))
    for index, relation in enumerate(pieces[1::2]):
        left, right = last_side(pieces[2 * index]), first_side(pieces[2 * index + 2])
        if left and right:
            yield index, left, right, agree(left, right, relation)


def last_side(text: str) -> Side | None:
    """The longest computable expression that ends the text."""
    tokens = split(text)[-MOST_TOKENS:]
    for start in range(len(tokens)):
        before = tokens[start - 1] if start else ("", "")
        bound = before[0] in ("operator", "open", "call") or before[0] == "word" and len(before[1]) == 1
        signed = tokens[start][0] == "operator" and before[0] in ("word", "number", "close")
        if not bound and not signed and (side := read(tokens[start:])):
            return side
    return None


def first_side(text: str) -> Side | None:
    """The longest computable expression that starts the text."""
    tokens = split(text)[:MOST_TOKENS]
    for stop in range(len(tokens), 0, -1):
        behind = tokens[stop] if stop < len(tokens) else ("", "")
        if behind[0] not in ("operator", "open") and (side := read(tokens[:stop])):
            return side
    return None


def split(text: str) -> list[tuple[str, str]]:
    return [(match.lastgroup, match[0]) for match in TOKEN.finditer(text)]


def read(tokens: list[tuple[str, str]]) -> Side | None:
    """The tokens as one expression, if they are nothing else. Words that name what is counted are left out."""
    code, before, unit = "", "", None
    for kind, word in tokens:
        if kind == "call" and word in FUNCTIONS and before in ("", "operator", "open"):
            code += word
        elif kind == "word":
            if before not in ("number", "word", "close") or len(word) == 1 and word != "%":
                return None
            unit = word if word in UNITS else unit
        elif kind == "open" and before == "close":
            code += "*("
        elif kind in ("other", "call") or kind in ("number", "open") and before in ("number", "word", "close"):
            return None
        else:
            code += {"^": "**", "⌊": "floor(", "⌋": ")"}.get(word, word.replace(",", ""))
        before = kind
    try:
        value = compute(code)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError):
        return None
    alone = re.fullmatch(r"\s*[-+]?[\d.]+\s*", code) is not None
    return Side(code, value * UNITS.get(unit, 1.0), alone, len(code.strip().partition(".")[2]), unit)


def compute(code: str) -> float:
    """The value of numbers, `+ - * / // **` and the functions above; anything else raises ValueError."""
    return walk(ast.parse(code.strip(), mode="eval").body)


def walk(node: ast.AST) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return -walk(node.operand) if isinstance(node.op, ast.USub) else walk(node.operand)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return FUNCTIONS[node.func.id](walk(node.args[0]))
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = walk(node.left), walk(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > 100 or abs(left) > 1e6):
            raise ValueError("a power that large is not for a page")
        return OPERATORS[type(node.op)](left, right)
    raise ValueError("not arithmetic")


def agree(left: Side, right: Side, relation: str) -> bool:
    """Whether both sides are the same number, at the precision in which a side that is a number alone is written."""
    shown, seen = (right, left) if right.alone else (left, right)
    distance = abs(shown.value - seen.value)
    if not shown.alone:
        return distance <= 1e-9 * max(1.0, abs(shown.value))
    unit = UNITS.get(shown.unit, 1.0)
    step = 10.0**-shown.decimals
    if relation == "≈" and shown.decimals == 0:
        digits = shown.code.strip().lstrip("+-")
        step = 10.0 ** (len(digits) - len(digits.rstrip("0")))
    exact = relation == "=" and shown.decimals == 0 and shown.unit is None
    return distance <= (1e-9 * max(1.0, abs(seen.value)) if exact else 0.5 * step * unit * (1 + 1e-9))


def words(left: Side, right: Side) -> str:
    shown, seen = (right, left) if right.alone else (left, right)
    value = seen.value / UNITS.get(shown.unit, 1.0)
    exact = f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
    written = shown.code.strip() + (f" {shown.unit}" if shown.unit else "")
    return f"{seen.code.strip()} is {exact}{' ' + shown.unit if shown.unit else ''}, not {written}"

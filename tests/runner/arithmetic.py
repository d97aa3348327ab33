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
from functools import cache
from pathlib import Path

from tests.runner.fences import Problem
from tests.runner.page import Block, Page

UNITS = {
    "%": 0.01, "percent": 0.01, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
    "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
}  # fmt: skip
UNITS |= {p + w: UNITS[p] for p in "KMGT" for w in ("MAC", "MACs", "FLOP", "FLOPs")}
FUNCTIONS = {
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "ln": math.log,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "exp": math.exp,
}
NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,6}|\d+)(?:\.\d+)?"
TOKEN = re.compile(
    rf"(?P<number>(?<![\w.])(?:{NUMBER}(?:e[-+]?\d+)?)(?!\w|\.\d))|(?P<operator>\*\*|//|[-+*/^])|(?P<open>[(⌊⌈])"
    r"|(?P<close>[)⌋⌉])|(?P<call>[A-Za-z_][\w'-]*(?=\())|(?P<word>%|[A-Za-z_][\w'-]*)|(?P<other>\S)"
)
# Words that end a sum: what stands behind them is another one.
STOP = set(
    "and or but so then while against versus vs if when where which that is are was were gives give makes instead not"
    " in at on to from into because since between than as".split()
)
IS = r"(?:is|are|equals|makes?|gives?|yields?|comes to|adds up to|add up to)\s+"
FRACTION = (r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))")
# What LaTeX, typography and keyboards write for the same thing.
SPELLINGS = [
    # The cells of a matrix are no sums.
    (r"(?s)\\begin\{((?:small)?[bpBvV]?matrix|array)\}(?:(?!\\begin).)*?\\end\{\1\}", " [ ] "),
    FRACTION,
    (r"(?<=\d)(?:\\,|\{,\}|[\u00a0\u202f\u2009])(?=\d{3}(?!\d))", ","),
    (r"\\(?:begin|end)\{[a-z*]+\}|&|\\\\(?=\s|$)", " "),
    (r"\\(?:left|right|[bB]igg?[lr]?|displaystyle)(?![a-zA-Z])", ""),
    (r"\\lfloor", "⌊"),
    (r"\\rfloor", "⌋"),
    (r"\\lceil", "⌈"),
    (r"\\rceil", "⌉"),
    (r"\\\*|\\times|\\cdot|\\ast|[×·∗⋅]|(?<=[\d)])\s*x\s*(?=[\d(])|(?<=\w)\s+(?:x|times)\s+(?=\d)", "*"),
    (r"\\div|÷|∕", "/"),
    (r"\\approx|~=|≃|≅|\\simeq", "≈"),
    (rf"(?<=[\d)⌋⌉%])\s+{IS}(?:exactly|just|only)?\s*(?=[-−]?\d)", " ≗ "),
    (rf"(?<=[\d)⌋⌉%])\s+{IS}(?:about|roughly|around|almost|nearly|approximately)\s+(?=[-−]?\d)", " ≙ "),
    (r"\\%", "%"),
    (r"\\[,;:! ]|\\q?quad|[~\u00a0\u202f\u2009\u2007]", " "),
    (r"[−–\u2010\u2011]", "-"),
    (r"\\(?:text|mathrm|textrm|mathbf|textbf|operatorname)\s*\{([^{}]*)\}", r" \1 "),
    (r"\\sqrt\s*\{([^{}]*)\}", r" sqrt(\1)"),
    (r"√\s*(\d[\d.]*)", r" sqrt(\1)"),
    (r"√", " sqrt"),
    (r"\\?\blog_?\{?(2|10)\}?(?![\d.])", r" log\1"),
    (r"\\(floor|ceil|ln|log|exp)\s*\{([^{}]*)\}", r" \1(\2)"),
    (r"\\(floor|ceil|ln|log|exp)(?![a-zA-Z])", r" \1"),
    (rf"(?<![\w.])(ln|log|log2|log10|sqrt|exp)\s+({NUMBER})", r"\1(\2)"),
    (r"(?<![\w.])(floor|ceil|sqrt|ln|log|log2|log10|exp)\s+\(", r"\1("),
    (r"\^\s*\{([^{}]*)\}", r"^(\1)"),
    (r"²", "^2"),
    (r"³", "^3"),
    (r"[`$]", " "),
    (r"(?<![\d)\s])\s*\*\*|\*\*(?=[^\d(\s])|\*\*$|(?<=\s)\*\*(?=\S)", " "),  # bold, not a power
]
RELATION = "([=≈≗≙])"  # the last two: `is` and `is about`, written as words behind a sum
MATH = re.compile(r"(\$\$?[^$]+\$\$?)")
SHORT = re.compile(rf"(?<![\w.])({NUMBER})([KMGT])(?![\w^])")  # 9.1M, but not the variable in $2M$
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
    """One side of a relation: its value, and whether it is a number alone, with the decimals and units written."""

    text: str  # as it is written, in one spelling
    value: float
    alone: bool
    places: list[int]  # decimal places of each number
    unit: str | None
    literal: list[str]  # the numbers as they are written
    named: bool  # words say what is counted
    units: bool  # a unit is among them

    @property
    def step(self) -> float:
        """What the last digit written is worth."""
        return 10.0 ** -max(self.places) * UNITS.get(self.unit, 1.0)


def problems(page: Page, root: Path) -> list[Problem]:
    """False arithmetic in the prose of a page and in the comments of its code, each at its line."""
    found = []
    for lines in paragraphs(page):
        text = "\n".join(text for _, text in lines)
        places = [line for line, words in lines for _ in relations(words)]
        places += [lines[-1][0]] * text.count("\n")  # a relation whose words are on two lines counts for neither
        found += [Problem(places[index], message) for index, message in faults(text)]
    for line, comment in [*code_comments(page), *listings(page)]:
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


def listings(page: Page):
    """The lines of text fences that are no output of a block."""
    outputs = [step.output.fence.line for step in page.steps if isinstance(step, Block) and step.output]
    for fence in page.scan.fences:
        if fence.language == "text" and fence.line not in outputs:
            yield from enumerate(fence.body, start=fence.line + 1)


@cache
def comments(code: str, first_line: int) -> list[tuple[int, str]]:
    """The comments of some code, with their lines."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                found.append((first_line + token.start[0] - 1, token.string.lstrip("# ")))
    except (tokenize.TokenError, SyntaxError):
        return []  # running the block reports it
    return found


def relations(text: str) -> list[str]:
    return re.split(RELATION, spell(text))[1::2]


@cache
def spell(text: str) -> str:
    """The text with one spelling for every operator."""
    text = "".join(part if part.startswith("$") else SHORT.sub(r"\1 \2", part) for part in MATH.split(text))
    for pattern, replacement in [FRACTION] * 3 + SPELLINGS:  # fractions stand in fractions
        text = re.sub(pattern, replacement, text)
    return text


def faults(text: str) -> list[tuple[int, str]]:
    """What is false in the arithmetic written in `text`: the number of the relation, and the words."""
    return [(index, words(left, right)) for index, left, right, holds in claims(text) if not holds]


def sides(text: str) -> list[Side]:
    """The sides of all arithmetic in `text` that was recomputed."""
    return [side for _, left, right, _ in claims(text) for side in (left, right)]


@cache
def sums(text: str) -> list[Side]:
    """What is written as arithmetic and claims nothing, such as `16 · 9` in a sentence."""
    found, tokens = [], []
    for token in [*split(spell(text)), ("other", "")]:
        if token[0] in ("number", "operator", "open", "close", "call"):
            tokens.append(token)
            continue
        side = read(tokens) if tokens else None
        if side and not side.alone and len(side.literal) > 1:
            found.append(side)
        tokens = []
    return found


@cache
def claims(text: str) -> list[tuple[int, Side, Side, bool]]:
    """Each relation with something computable on both sides: its number, its sides, and whether it holds."""
    pieces, found = re.split(RELATION, spell(text)), []
    for index, relation in enumerate(pieces[1::2]):
        left, right = last_side(pieces[2 * index]), first_side(pieces[2 * index + 2])
        loose = left is not None and left.alone and (left.named or relation in "≗≙")  # `64 each = 128` is no sum
        if left and right and not loose:
            found.append((index, left, right, agree(left, right, {"≗": "=", "≙": "≈"}.get(relation, relation))))
    return found


def last_side(text: str) -> Side | None:
    """The longest computable expression that ends the text."""
    tokens = split(text)[-MOST_TOKENS:]
    for start in range(len(tokens)):
        before = tokens[start - 1] if start else ("", "")
        if before[0] == "open" and (start < 2 or tokens[start - 2][0] in ("word", "other")):
            before = ("", "")  # an aside: (1 - 1/4 = 0.75)
        bound = before[0] in ("operator", "open", "call") or len(before[1]) == 1 and before[1].isalpha()
        bound |= before[0] in ("number", "close") and tokens[start][0] != "operator"  # columns of a grid
        counted = before[0] in ("number", "close") or before[0] == "word" and before[1].lower() not in STOP
        signed = tokens[start][0] == "operator" and counted
        if not bound and not signed and (side := read(tokens[start:])):
            return side
    return None


def first_side(text: str) -> Side | None:
    """The longest computable expression that starts the text."""
    tokens = split(text)[:MOST_TOKENS]
    for stop in range(len(tokens), 0, -1):
        behind = tokens[stop] if stop < len(tokens) else ("", "")
        if behind[0] not in ("operator", "open", "number") and (side := read(tokens[:stop])):
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
            counts = word in UNITS and before == "number"
            if before not in ("number", "word", "close") or not counts and (len(word) == 1 or word.lower() in STOP):
                return None
            unit = word if counts else unit
            code = re.sub(r"([\d.]+)$", rf"(\1*{UNITS[word]!r})", code) if counts else code
        elif kind == "open" and before == "close":
            code += "*("
        elif kind in ("other", "call") or kind in ("number", "open") and before in ("number", "word", "close"):
            return None
        else:
            code += {"^": "**", "⌊": "floor(", "⌈": "ceil(", "⌋": ")", "⌉": ")"}.get(word, word.replace(",", ""))
        before = kind
    try:
        value = compute(code)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError):
        return None
    literal = [word.replace(",", "") for kind, word in tokens if kind == "number"]
    alone = len(literal) == 1 and not any(kind in ("operator", "call", "open") for kind, _ in tokens[1:])
    named = any(kind == "word" and word not in UNITS for kind, word in tokens)
    places = [decimals(number) for number in literal]
    return Side(as_written(tokens), value, alone, places, unit if alone else None, literal, named, unit is not None)


def as_written(tokens: list[tuple[str, str]]) -> str:
    """The tokens in one line, with spaces around words only."""
    text = " ".join(word.replace(",", "") for _, word in tokens)
    return re.sub(r" ?([-+*/^()⌊⌋⌈⌉]|\*\*|//) ?", r"\1", text)


def decimals(number: str) -> int:
    """The decimal places that are written: 2 in `0.25`, 4 in `1.5e-3`."""
    mantissa, _, exponent = number.partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)


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
    rounding = 1e-9 * max(1.0, abs(seen.value))
    if not shown.alone:
        rounded = sum(0.5 * 10.0**-places for side in (left, right) for places in side.places if places > 0)
        return distance <= (rounded + rounding if relation == "≈" else rounding)
    step = shown.step
    if relation == "≈" and shown.places == [0]:
        digits = shown.literal[0]
        step *= 10.0 ** (len(digits) - len(digits.rstrip("0")))
    if (
        shown.unit
        and not seen.units
        and abs(float(shown.literal[0]) - abs(seen.value)) <= 0.5 * 10.0 ** -shown.places[0]
    ):
        return True  # 102.4 / 4 = 25.6 MB: the unit is that of the first number
    exact = relation == "=" and shown.places == [0] and shown.unit is None
    return distance <= (rounding if exact else 0.5 * step * (1 + 1e-9))


def words(left: Side, right: Side) -> str:
    """What is false: `3*3*64 is 576, not 567`; with a unit, in this unit if the sum is meant in it."""
    shown, seen = (right, left) if right.alone else (left, right)
    number = shown.literal[0] if shown.alone else shown.text
    scaled, unit = seen.value / UNITS.get(shown.unit, 1.0), f" {shown.unit}" if shown.unit else ""
    plain = unit and not seen.units and abs(seen.value - float(number)) < abs(scaled - float(number))
    value = seen.value if plain else scaled
    exact = f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
    return f"{seen.text} is {exact}{'' if plain else unit}, not {number}{unit}"

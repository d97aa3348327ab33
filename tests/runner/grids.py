"""Recomputes worked grids, `input * kernel = output`: in text fences, and as matrices in math.

In a fence the grids stand side by side, and the columns of the signs divide the cells of all rows. In math they are
matrices. What cannot be read claims nothing. What the signs mean is in grid_sums.py.
"""

import re
from bisect import bisect, bisect_left
from collections.abc import Iterator
from fractions import Fraction
from functools import cache, partial
from itertools import groupby
from math import prod
from pathlib import Path

from tests.runner.fences import CODE_SPAN, Problem
from tests.runner.grid_sums import FLIPPED, SIZE, Cell, Claim, Grid, faults
from tests.runner.page import Page

SIGNS = {
    **dict.fromkeys(r"* ∗ ⊛ ⋆ ⊗ × conv \ast \star \circledast \otimes \times".split(), "*"),
    **dict.fromkeys(r"⊙ ∘ \odot \circ".split(), "⊙"),  # cell by cell
    **dict.fromkeys(r"@ · \cdot".split(), "@"),  # product of matrices
    **dict.fromkeys(r"= -> --> => ==> → ⟶ ⇒ \to \rightarrow".split(), "="),
    "+": "+",
    "-": "-",
}
MINUS = str.maketrans("−–﹣－", "----")
NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(?:/[1-9][0-9]{0,11})?")
MOST_LINES = 5  # of a caption
MOST_PRODUCTS = 20_000  # of the cells of all grids on one side; more is no worked example

# In a fence: words that may stand on a row, as in `[1, 3, 8, 9] * [-1, 1] = [2, 1]  (stride 2)`; lines around cells.
LABELS = re.compile(
    rf"(?i)\b(?:(?:max|average|avg|mean)[- ]?pool\w*(?: {SIZE})?|(?:stride|padding|dilation)[ =][0-9]+|[0-9]+x[0-9]+"
    r"|input|image|kernel|filter|window|output|result)\b|^\s*[^\W\d]\w* =(?= )|^\s*[^\W\d][\w ,]*: "
)
FRAME = re.compile(r"\+(?:[-=]+\+)+|(?<!\S)--+(?![\S>])|={3,}(?!>)|[][(){}|,;#\u2500-\u257f\u239b-\u23ad]")
# Not read: numbers with a thousands separator, and single rows that list sizes, (8, 8) -> (4, 4).
THOUSANDS = re.compile(r"[0-9],[0-9]{3}(?![0-9])|(?:^|[*×=+])\s*[1-9][0-9]{0,2}(?: [0-9]{3})+\s*(?:$|[*×=+])")
TUPLE = re.compile(r"\(\s*[-+.0-9]")
SETS = re.compile("pool|strid|pad|dilat")
ARROW = re.compile(r"->|=>|→|⟶|⇒")

# In math: a formula, and what stands in it.
SPAN = re.compile(r"\$\$([^$]+)\$\$|(?<![\\$])\$((?:[^$\n]|\n(?!\n))+)\$")
MATH = re.compile(
    r"\\begin\{(?P<name>(?:small|[bpB])?matrix|array)\}(?P<cells>(?:(?!\\begin).)*?)\\end\{(?P=name)\}"
    r"|(?P<space>\s+|&|\\[,;:! ]|\\(?:left|right)\s*[][().|]|\\(?:begin|end)\{(?:aligned|align\*?|gathered|split)\})"
    r"|(?P<stop>\\\\|\\q?quad|\\text\{[^{}]*\}|[,;.])"
    r"|(?P<number>\\[dt]?frac\{\d+\}\{\d+\}|\d+(?:\.\d+)?)"
    r"|(?P<other>\\[a-zA-Z]+|.)",
    re.DOTALL,
)


def problems(page: Page, root: Path) -> list[Problem]:
    """Cells and sizes that are wrong in the worked grids of a page, each at its line."""
    outputs = {step.output.fence.line for step in page.steps if getattr(step, "output", None)}
    found = []
    said = cache(partial(said_before, page))
    for fence in page.scan.fences:
        if fence.language == "text" and fence.line not in outputs:
            found += in_text(fence.body, fence.line + 1, said(fence.line))
    lines = range(1, len(page.scan.lines) + 1)
    text = "\n".join(CODE_SPAN.sub("", page.scan.prose.get(line, "")).lstrip(" \t>") for line in lines)
    ends = [found.start() for found in re.finditer("\n", text)]
    for span in SPAN.finditer(text):
        line = 1 + bisect_left(ends, span.start(span.lastindex))
        found += in_math(span[span.lastindex], line, said(line))
    return found


def said_before(page: Page, line: int) -> str:
    """Whether the prose just before speaks of a flipped kernel; as to stride and padding it may mean anything."""
    before = " ".join(page.scan.prose.get(number, "") for number in range(line - 3, line + 1))
    return "flipped" if FLIPPED.search(before) else ""


# Reading a text fence


def in_text(lines: list[str], first: int = 1, words: str = "") -> list[Problem]:
    """What is wrong in the body of a text fence whose first line has the number `first`."""
    read = [(text, read_row(text, line)) for line, text in enumerate(lines, first)]
    parts = [(kind, list(rows)) for kind, rows in groupby(read, key=kind_of)]
    found = []
    for index, (kind, rows) in enumerate(parts):
        if kind == "rows":
            found += in_rows(rows, words + caption(parts, index))
    return found


def kind_of(row: tuple) -> str:
    text, items = row
    return "empty" if not text.strip() else "words" if items is None else "rows"


def caption(parts: list, index: int) -> str:
    """The words above the rows; and those right below, if the ones above and those on the rows set nothing."""
    around = [("", [])] * 2 + parts + [("", [])] * 2
    (_, far_above), (above, near), (_, rows), (below, under), (next_below, _) = around[index : index + 5]
    before = [row for row in (far_above if above == "empty" else []) + near if row[1] is None]
    words = in_lines(before[-MOST_LINES:])
    if below == "words" and next_below != "rows" and not SETS.search(words + in_lines(rows)):
        return words + in_lines(under[:MOST_LINES])
    return words


def in_lines(rows: list) -> str:
    return "".join(f"\n{text}" for text, _ in rows).lower()


def read_row(text: str, line: int) -> list[tuple[int, Cell | str]] | None:
    """The cells and signs of a row, each with its column; None for a line of words."""
    plain = text.expandtabs().translate(MINUS)
    for pattern in (LABELS, FRAME):
        plain = pattern.sub(lambda found: " " * len(found[0]), plain)
    items = [(found.start(), SIGNS.get(found[0]) or number(found[0], line)) for found in re.finditer(r"\S+", plain)]
    kinds = [item for _, item in items]
    between = "=" in kinds and isinstance(kinds[0], Cell) and isinstance(kinds[-1], Cell)
    if None in kinds or THOUSANDS.search(text) or re.search(r"[^\W\d_]", text) and not between:
        return None
    return items


def number(text: str, line: int) -> Cell | None:
    if not NUMBER.fullmatch(text):
        return None
    top, _, bottom = text.partition("/")
    value = Fraction(top) / Fraction(bottom or 1)
    return Cell(int(value) if value.denominator == 1 else value, text, line)


def in_rows(rows: list, words: str) -> list[Problem]:
    """One claim over all rows if just one of them has the `=`, else one claim for each row that has it."""
    signed = [row for row in rows if any(item == "=" for _, item in row[1])]
    if len(signed) != 1 or len(rows) == 1:
        return [problem for row in signed for claim in in_row(row, words) for problem in faults(claim)]
    tokens = divide(rows)
    flat = all(len(grid) == 1 for grid in tokens[1:] if isinstance(grid, list))
    if flat and any(claim.signs and not faults(claim) for claim in in_row(signed[0], words)):
        return []  # the other rows do not belong to it
    return check(tokens, words + in_lines(rows))


def in_row(row: tuple, words: str) -> list[Claim]:
    """The claims of a single row, unless it lists sizes: `[1, 16, 8, 8] -> [1, 16, 4, 4]`."""
    text, _ = row
    found = claims(divide([row]), words + in_lines([row]))
    sizes = [claim for claim in found if not (ARROW.search(text) and len(claim.output[0]) == len(claim.grids[0][0]))]
    return [] if TUPLE.search(text) else sizes


def divide(rows: list) -> list[Grid | str | None]:
    """The grids between the columns of the signs, with the signs; None for what is no rectangle of cells."""
    signs = sorted((column, item) for _, items in rows for column, item in items if isinstance(item, str))
    columns = [column for column, _ in signs]
    grids: list[Grid] = [[] for _ in range(len(signs) + 1)]
    for _, items in rows:
        cells = [(bisect(columns, column), item) for column, item in items if isinstance(item, Cell)]
        for place, group in groupby(cells, key=lambda cell: cell[0]):
            grids[place].append([cell for _, cell in group])
    tokens: list[Grid | str | None] = [rectangle(grids[0])]
    for (_, sign), grid in zip(signs, grids[1:], strict=True):
        tokens += [sign, rectangle(grid)]
    return tokens


def rectangle(rows: Grid) -> Grid | None:
    return rows if len({len(row) for row in rows}) == 1 and all(cell for row in rows for cell in row) else None


# Reading math


def in_math(math: str, first: int = 1, words: str = "") -> list[Problem]:
    """What is wrong between the `$` of a formula that starts at line `first`."""
    found, tokens, stopped, line = [], [], False, first
    for match in MATH.finditer(math.translate(MINUS)):
        if match["stop"]:
            stopped = True
        elif not match["space"]:
            token = read_math(match, line)
            if stopped and tokens and not isinstance(tokens[-1], str) and not isinstance(token, str):
                found += check(tokens, words)
                tokens = []
            tokens.append(token)
            stopped = False
        line += match[0].count("\n")
    return found + check(tokens, words)


def read_math(match: re.Match, line: int) -> Grid | str | None:
    """A matrix, a number as a grid of one cell, or a sign."""
    if match["cells"] is not None:
        return matrix(match["cells"], line)
    if match["number"]:
        return rectangle([[plain_cell(match["number"], line)]])
    return SIGNS.get(match["other"])


def matrix(text: str, line: int) -> Grid | None:
    r"""The cells between `&` and `\\`, each at its line."""
    text = re.sub(r"\A\s*\{[lcr| ]*\}|\\hline", "", text)
    rows = []
    for row in re.split(r"\\\\", text):
        start = line + row[: len(row) - len(row.lstrip())].count("\n")
        line += row.count("\n")
        if row.strip():
            rows.append([plain_cell(cell, start) for cell in row.split("&")])
    return rectangle(rows)


def plain_cell(text: str, line: int) -> Cell | None:
    text = re.sub(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}", r"\1/\2", text)
    text = re.sub(r"\\phantom\{[^{}]*\}|\\(?:mathbf|boxed|textcolor\{\w+\}|color\{\w+\})|\\[,;:! ]|[{}\s]", "", text)
    return number(text, line)


# What is claimed


def check(tokens: list[Grid | str | None], words: str) -> list[Problem]:
    return [problem for claim in claims(tokens, words) for problem in faults(claim)]


def claims(tokens: list[Grid | str | None], words: str) -> Iterator[Claim]:
    """`A * K = Y`, also as `Y = A * K`, or with a side between that is not read."""
    sides = [side(list(part)) for relation, part in groupby(tokens, key=lambda token: token == "=") if not relation]
    alone = [each[0][0] for each in sides if each and not each[1]]
    if len(sides) == len(alone) == 2 and "pool" in words and len(alone[0]) * len(alone[0][0]) <= MOST_PRODUCTS:
        yield Claim(alone[:1], [], alone[1], words)
    for grids, signs in filter(None, sides):
        sizes = [len(grid) * len(grid[0]) for grid in grids]
        if signs and alone and max(sizes) > 1 and prod(sizes) <= MOST_PRODUCTS:
            yield Claim(grids, signs, alone[0], words)


def side(tokens: list[Grid | str | None]) -> tuple[list[Grid], list[str]] | None:
    """Grids and the signs between them; matrices that stand side by side are multiplied."""
    grids, signs = [], []
    for token in tokens:
        if token is None or isinstance(token, str) and len(signs) == len(grids):
            return None
        if isinstance(token, str):
            signs.append(token)
        else:
            signs += ["@"] * (len(grids) > len(signs))
            grids.append(token)
    return (grids, signs) if len(grids) == len(signs) + 1 else None

"""Recomputes the worked grids in text fences, `input * kernel = output`.

The grids stand side by side, and the columns of the signs divide the cells of all rows; or one below the other, each
with a label. What cannot be read claims nothing. What the signs mean is in grid_sums.py.
"""

import re
from bisect import bisect
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path

from tests.runner.fences import Problem
from tests.runner.grid_sums import Cell, Claim, Grid, faults, size
from tests.runner.page import Page

SIGNS = {
    **dict.fromkeys("* ∗ ⊛ ⋆ ⊗ × conv".split(), "*"),
    **dict.fromkeys("⊙ ∘".split(), "⊙"),  # cell by cell
    **dict.fromkeys("@ ·".split(), "@"),  # product of matrices
    **dict.fromkeys("= -> --> => ==> → ⟶ ⇒".split(), "="),
    "+": "+",
    "-": "-",
}
MINUS = str.maketrans("−–﹣－", "----")
NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{0,12})?|\.[0-9]{1,12}|[0-9]{1,6}/[1-9][0-9]{0,5})")
MOST_CELLS = 400  # of a grid; more is no worked example
MOST_LINES = 5  # of a caption
FAR = 30  # lines above a grid, the farthest that may speak of it
# Words that may stand on a row, as in `[1, 3, 8, 9] * [-1, 1] = [2, 1]  (stride 2)`; lines around cells.
WORDS = re.compile(
    r"(?i)\b(?:(?:max|average|avg|mean)[- ]?pool\w*(?: [0-9]+ ?[x×] ?[0-9]+)?|(?:max|mean|average)(?=\s*(?:-+>|=+>|→))"
    r"|(?:stride|padding|dilation)[ =:]{1,3}[0-9]+|[0-9]+x[0-9]+|input|image|kernel|filter|window|output|result)\b"
    r"|^\s*[^\W\d]\w* =(?= )|^\s*[^\W\d][\w ,]*: "
)
FRAME = re.compile(
    r"\+(?:[-=]+\+)+|(?<=\|)[-+=:]{2,}(?=\|)|(?<!\S)--+(?![\S>])|={3,}(?!>)|[][(){}|,;#\u2500-\u257f\u239b-\u23ad]"
)
BETWEEN = re.compile(r"(?<=  )[^\W\d](?:\S| (?=\S))*(?=  |\s*$)")  # words with wide spaces around
POOL = re.compile(r"(?i)pool|\b(?:max|mean|average)\b.*(?:->|=>|→)")
UNSURE = re.compile(r"->|=>|→|⟶|⇒|\(\s*[-+.0-9]")  # (8, 8) -> (4, 4) may be meant
THOUSANDS = re.compile(r"[0-9],[0-9]{3}(?![0-9])|(?:^|[*×=+])\s*[1-9][0-9]{0,2}(?: [0-9]{3})+\s*(?:$|[*×=+])")
LABEL = re.compile(  # of an input, a kernel, an output, or something else
    r"(?i)^\W*(?:the |padded )?(?:(input|signal|image|x|row)|(kernel|filter|weights?|w)|(output|result|y)"
    r"|(?!stride|pad|dilat)[^\W\d]\w*)\b(?: (?:row|image)\b)?(?: *\((?=[^()]*[^\W\d_])[^()]*\))?(?:, padded)? *[:=]?"
)
INPUT, KERNEL, OUTPUT = 1, 2, 3  # as LABEL numbers them
IN_ORDER = re.compile("(?:12|21)3(?:(?:12|21|1|2)?3)*")  # of labels: an output follows its input and kernel


def problems(page: Page, root: Path) -> list[Problem]:
    """Cells and sizes that are wrong in the worked grids of a page, each at its line."""
    outputs = {step.output.fence.line for step in page.steps if getattr(step, "output", None)}
    found = []
    for fence in page.scan.fences:
        if fence.language == "text" and fence.line not in outputs:
            found += in_text(fence.body, fence.line + 1, said_above(page, fence.line))
    return found


def said_above(page: Page, line: int) -> str:
    """The heading and the paragraph that end above a line."""
    lines = [page.scan.prose.get(number, "").strip(" \t>") for number in range(max(1, line - FAR), line)]
    heading = next((text for text in reversed(lines) if text.startswith("#")), "")
    return heading + "\n\n" + "\n".join(lines).rstrip().rpartition("\n\n")[2].replace("\n", " ") + " "


def in_text(lines: list[str], first: int = 1, above: str = "") -> list[Problem]:
    """What is wrong in a text fence. Words belong to the grids below them, those at the end to the last grids."""
    lines = [text.expandtabs().translate(MINUS) for text in lines]
    rows = [read_row(text, line) for line, text in enumerate(with_arrow(lines), first)]
    if not any(has_equals(row) and len(row) > 1 for row in rows):
        return in_stack(lines, first, above)
    parts, words = [], []
    for is_grid, group in groupby(zip(rows, lines, strict=True), key=lambda pair: bool(pair[0])):
        if is_grid:
            parts.append((list(group), words[-MOST_LINES:]))
            words = []
        else:
            words += [text for _, text in group]
    parts[-1][1].extend(words[:MOST_LINES])
    return [problem for part, said in parts for problem in in_rows(part, said, above)]


def with_arrow(lines: list[str]) -> list[str]:
    """Words that stand between two grids, like "max pool with 2x2 filters", become an arrow."""
    found = [(index, match) for index, text in enumerate(lines) for match in BETWEEN.finditer(text)]
    found = [(index, match) for index, match in found if lines[index][: match.start()].strip()]
    if not any("pool" in match[0] for _, match in found) or any(UNSURE.search(text) for text in lines):
        return lines
    shown, column = lines[:], min(match.start() for _, match in found)
    for index, match in found:
        shown[index] = shown[index][: match.start()] + " " * len(match[0]) + shown[index][match.end() :]
    first = shown[found[0][0]]
    shown[found[0][0]] = f"{first[:column]}->{first[column + 2 :]}"
    return shown


def blank(pattern: re.Pattern, text: str) -> str:
    return pattern.sub(lambda found: " " * len(found[0]), text)


def has_equals(row: list) -> bool:
    return any(item == "=" for _, item in row)


def read_row(text: str, line: int) -> list[tuple[int, Cell | str]]:
    """The cells and signs of a row, each with its column; nothing for a line of words."""
    found = re.finditer(r"\S+", blank(FRAME, blank(WORDS, text)))
    row = [(item.start(), SIGNS.get(item[0]) or number(item[0], line)) for item in found]
    items = [item for _, item in row]
    words = re.search(r"[^\W\d_]", text) and not ("=" in items and any(isinstance(item, Cell) for item in items))
    return [] if words or None in items or THOUSANDS.search(text) else row


def number(text: str, line: int) -> Cell | None:
    return Cell(Fraction(text), text, line) if NUMBER.fullmatch(text) else None


def in_rows(part: list, words: list[str], above: str) -> list[Problem]:
    """One claim over all rows if just one of them has the `=`, else one claim for each row that has it."""
    signed = [pair for pair in part if has_equals(pair[0])]
    found = []
    for pairs in [part] if len(signed) == 1 else [[pair] for pair in signed]:
        said = "\n".join([*words, *(text for _, text in pairs)])
        found += check(divide([row for row, _ in pairs]), said, above, unsure=bool(UNSURE.search(said)))
    return found


def divide(rows: list) -> list[Grid | str | None]:
    """The grids between the columns of the signs, with the signs; None for what is no rectangle of cells."""
    signs = sorted((column, item) for row in rows for column, item in row if isinstance(item, str))
    columns = [column for column, _ in signs]
    grids: list[Grid] = [[] for _ in range(len(signs) + 1)]
    for row in rows:
        cells = [(bisect(columns, column), item) for column, item in row if isinstance(item, Cell)]
        for place, group in groupby(cells, key=lambda cell: cell[0]):
            grids[place].append([cell for _, cell in group])
    tokens: list[Grid | str | None] = [rectangle(grids[0])]
    for (_, sign), grid in zip(signs, grids[1:], strict=True):
        tokens += [sign, rectangle(grid)]
    return tokens


def rectangle(rows: Grid) -> Grid | None:
    whole = len({len(row) for row in rows}) == 1 and all(cell for row in rows for cell in row)
    return rows if whole and 0 < len(rows) * len(rows[0]) <= MOST_CELLS else None


def in_stack(lines: list[str], first: int, above: str) -> list[Problem]:
    """Labelled grids, one below the other: each output with the last input and the last kernel above it."""
    sections = stack(lines, first)
    if not IN_ORDER.fullmatch("".join(str(role) for role, _, _ in sections)):
        return []
    found, said, grids = [], [], {}
    for role, rows, words in sections:
        grids[role] = rectangle(rows)
        said += words
        if role == OUTPUT and sum(map(len, grids[KERNEL] or [])) > 1:
            tokens = [grids[INPUT], "*", grids[KERNEL], "=", grids[OUTPUT]]
            found += check(tokens, "\n".join(said), above, unsure=True)
            said = []
    return found


def stack(lines: list[str], first: int) -> list:
    """For each label what it means, the rows of its grid, and the words that belong to it."""
    sections, words = [], []
    for line, text in enumerate(lines, first):
        label = LABEL.match(text)
        row = read_row(text[label.end() :] if label else text, line)
        cells = [item for _, item in row if isinstance(item, Cell)]
        words.append(text)
        if label and label.lastindex:
            sections.append((label.lastindex, [], words))
            words = []
        elif cells and (label or len(cells) < len(row)):
            return []  # another label, such as a bias, or a sum
        if cells and sections:
            sections[-1][1].append(cells)
    if sections:
        sections[-1][2].extend(words)
    return sections


# What is claimed


def check(tokens: list[Grid | str | None], words: str, above: str, unsure: bool = False) -> list[Problem]:
    """What is wrong in `A * K = Y`, also as `Y = A * K`; or in a pooling, `A -> Y`."""
    sides = [list(part) for relation, part in groupby(tokens, key=lambda token: token == "=") if not relation]
    found = []
    for side, other in [*pairwise(sides), *pairwise(sides[::-1])]:
        kinds = [type(token) for token in side + other]
        if kinds == [list, str, list, list] and not size(side[0]) == size(side[2]) == (1, 1):
            found += faults(Claim(*side, other[0], words, above, unsure))
    if [type(token) for side in sides for token in side] == [list, list] and POOL.search(words + above):
        found += faults(Claim(sides[0][0], "pool", [], sides[-1][0], words, above, unsure))
    return found

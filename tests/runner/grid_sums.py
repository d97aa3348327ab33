"""Computes worked grids, for grids.py: what the signs may mean, and which cells of the output are wrong.

`*` is cross-correlation, as in deep learning; the product cell by cell or of matrices is right too, if it gives the
whole output. Where no words tell stride, padding and dilation, small ones are tried.
"""

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from tests.runner.fences import Problem

# What is said of a window: how it is called, and what is tried if it is named without a number, the usual one first.
SETTINGS = {
    "stride": (r"strid\w*|\bs(?= ?=)", [1, 2, 3, 4]),
    "padding": (r"\bpad(?:s|ded|ding)?\b|\bp(?= ?=)", [0, 1, 2, 3, 4]),
    "dilation": (r"dilat\w*|\bd(?= ?=)", [1, 2, 3]),
}
USUAL = (1, 0, 1)
PLAIN = {  # other words for the same
    r"\b(?:no|without|valid) pad\w*|\bpad\w*\W+valid\b": "padding 0",
    r"\bsame\W+pad\w*|\bpad\w*\W+same\b": "padding same",
    r"\bone\b": "1",
    r"\btwo\b": "2",
    r"\baverage\b|\bavg": "mean",
}
PAIR = r"([1-9]) ?[x×] ?([1-9])\b"
WINDOW = re.compile(
    rf"(?:pool\w*|window\w*|filter\w*|kernel\w*|size|\b[kf](?= ?=))[ :=(]*(?:with |of )?(?:{PAIR}|([1-9])\b(?! ?[x×]))"
    rf"|\b{PAIR}[ -](?:max |mean )?(?:pool|window|filter|kernel|block)"
)
FLIPPED = re.compile(r"(?i)(?<!not )(?<!n't )(?<!never )(?<!without )(?<!un)flip|true convolution")
POOLS = {"max": "largest", "mean": "mean"}
SIGNS = {"*": operator.mul, "⊙": operator.mul, "+": operator.add, "-": operator.sub}
MOST_TERMS = 9  # of a sum in a message
MOST_TOLD = 3  # wrong cells of one output


class Cell(NamedTuple):
    """A number: as it is written, at a line of the page, or with the words how it was computed."""

    value: Fraction
    text: str
    line: int = 0


Grid = list[list[Cell]]  # empty: the grids do not fit together


@dataclass
class Claim:
    """`image sign kernel` is `output`; the sign "pool" has no kernel."""

    image: Grid
    sign: str
    kernel: Grid
    output: Grid
    words: str = ""  # in the fence: they tell stride and the like
    above: str = ""  # the heading and the paragraph above it
    unsure: bool = False  # rows of positive integers may list sizes, as in `[1, 16, 8, 8] -> [1, 16, 4, 4]`


def faults(claim: Claim) -> list[Problem]:
    """What is wrong by the reading that fits best: some cells, the size, or that the kernel was flipped."""
    mirrored = replace(claim, kernel=[row[::-1] for row in claim.kernel[::-1]])
    announced = FLIPPED.search(claim.words + claim.above)
    tried = attempts(claim) + (attempts(mirrored) if announced else [])
    fitting = [(how, wrong) for how, _, wrong in tried if wrong is not None]
    how, wrong = min(fitting, key=lambda attempt: len(attempt[1]), default=("", None))
    few = wrong is not None and 2 * len(wrong) <= len(claim.output) * len(claim.output[0])
    if wrong == [] or not few and may_be_sizes(claim) or not tried and claim.sign == "pool":
        return []
    if wrong and any(other == [] for _, _, other in attempts(mirrored)):
        start = "this is the output of the flipped kernel, but convolution means cross-correlation here"
        advice = 'If it is meant, say "flipped kernel" just above'
        return [Problem(wrong[0][2].line, f"{start}: {in_words(*wrong[0])}{how}. {advice}")]
    if few or tried and tried[0][2]:
        return [Problem(cell[2].line, in_words(*cell) + how) for cell in wrong[:MOST_TOLD]]
    return [wrong_size(claim, tried)]


def attempts(claim: Claim) -> list[tuple[str, Grid, list | None]]:
    """For each reading its name, its output, and which cells are wrong (None: the size is another)."""
    return [(how, true, differences(claim.output, true)) for how, true in readings(claim) if true]


def differences(shown: Grid, true: Grid) -> list[tuple[int, int, Cell, Cell]] | None:
    if size(shown) != size(true):
        return None
    places = product(range(len(true)), range(len(true[0])))
    return [(r, c, shown[r][c], true[r][c]) for r, c in places if not agree(shown[r][c], true[r][c].value)]


def may_be_sizes(claim: Claim) -> bool:
    grids = [claim.image, claim.kernel, claim.output]
    cells = [cell.value for grid in grids for row in grid for cell in row]
    return claim.unsure and max(map(len, grids)) == 1 and all(v > 0 and v.denominator == 1 for v in cells)


def agree(shown: Cell, value: Fraction) -> bool:
    """Integers and fractions exactly, decimals at the digits shown."""
    decimals = len(shown.text.partition(".")[2])
    return abs(shown.value - value) <= (Fraction(1, 2 * 10**decimals) if decimals else 0)


# Messages


def in_words(row: int, column: int, shown: Cell, true: Cell) -> str:
    return f"row {row + 1}, column {column + 1} of the output is {show(true.value)}, not {shown.text}: {true.text}"


def wrong_size(claim: Claim, tried: list) -> Problem:
    if not tried:
        sizes = "{}x{} and {}x{}".format(*size(claim.image), *size(claim.kernel))
        return Problem(claim.image[0][0].line, f"grids of {sizes} cells do not fit together with {claim.sign}")
    how = tried[0][0] or (" (stride 1, padding 0)" if claim.sign == "*" else "")
    sizes = "{}x{}, not {}x{}".format(*size(tried[0][1]), *size(claim.output))
    return Problem(claim.output[0][0].line, f"the output must be {sizes}{how}")


def show(value: Fraction) -> str:
    """An integer or a decimal if that is exact, else a fraction."""
    text = f"{float(value):.6g}"
    return text if "e" not in text and Fraction(text) == value else str(value)


def signed(value: Fraction) -> str:
    return f"({show(value)})" if value < 0 else show(value)


def joined(terms: list[str], between: str) -> str:
    return between.join(terms[:MOST_TERMS] + ["..."] * (len(terms) > MOST_TERMS))


# What the words tell


def told(name: str, claim: Claim) -> list:
    """What the words of the fence say of stride, padding or dilation, else the sentence that leads to it."""
    start, tried = SETTINGS[name]
    for words, also in (plain(claim.words), []), (leading_words(claim), [0] * (name == "padding")):
        # Also no padding: the row may show its zeros, and "with padding 1" tells where they come from.
        found = re.findall(rf"(?:{start})[\s`$]*(?:of|by|=|:|is)?[\s`$]*(same\b|[0-9]\b)", words)
        known = [number if number == "same" else int(number) for number in found if number != "0" or name == "padding"]
        if known or re.search(start, words):
            return (known or tried) + also
    return []


def leading_words(claim: Claim) -> str:
    """The sentence just above, if it ends with a colon."""
    last = re.split(r"(?<=[.!?])\s+|\n", claim.above.strip())[-1]
    return plain(last) if last.endswith(":") else ""


def plain(words: str) -> str:
    words = words.lower()
    for pattern, instead in PLAIN.items():
        words = re.sub(pattern, instead, words)
    return words


# The readings: which operation is meant, in words for a message, and its output


def readings(claim: Claim) -> Iterator[tuple[str, Grid]]:
    """What the sign may mean, the likeliest first."""
    if claim.sign == "pool":
        yield from pools(claim)
    elif claim.sign == "@":
        yield "", matrix_product(claim.image, claim.kernel)
    elif claim.sign != "*":
        yield "", each(claim.image, claim.kernel, claim.sign)
    else:
        yield from correlations(claim)
        yield " (cell by cell)", each(claim.image, claim.kernel, "*")
        yield " (product of matrices)", matrix_product(claim.image, claim.kernel)


def correlations(claim: Claim) -> Iterator[tuple[str, Grid]]:
    """With what is told; if nothing is, also with other settings that give the size, and as `kernel * image`."""
    image, kernel, known = claim.image, claim.kernel, [told(name, claim) for name in SETTINGS]
    hows = list(product(*(choice or [usual] for choice, usual in zip(known, USUAL, strict=True))))
    if not any(known) and output_size(image, size(kernel), USUAL) != size(claim.output):
        for how in product(*(tried for _, tried in SETTINGS.values())):
            inside = how[1] <= how[2] * (max(size(kernel)) - 1)  # no window lies in the padding alone
            if inside and output_size(image, size(kernel), how) == size(claim.output):
                hows.append(how)
    for how in hows:
        words = "" if how == USUAL else " (stride {}, padding {}, dilation {})".format(*how)
        yield words, correlate(image, kernel, how)
    if not any(known):
        yield "", correlate(kernel, image, USUAL)


def pools(claim: Claim) -> Iterator[tuple[str, Grid]]:
    """Max or mean over the windows that are told, or over those that give the size."""
    image, words, leading = claim.image, plain(claim.words), leading_words(claim)
    kinds = [kind for kind in POOLS if kind in words] or [kind for kind in POOLS if kind in leading] or list(POOLS)
    known = windows_told(words) or windows_told(leading)
    flat = len(image) == 1  # a row may list sizes, so the size of the window must be told
    shapes = known or [size(image), *((k, k) for k in range(2, 1 + min(size(image))))]
    shapes = [(1, width) for _, width in known] if flat else shapes
    steps = told("stride", claim) or [None], told("padding", claim) or [0], [1]
    for kind, window, *how in product(kinds, shapes, *steps):
        if known and not flat or output_size(image, window, how) == size(claim.output):
            name = f" ({kind} pool {window[0]}x{window[1]}, stride {how[0] or window[1]}, padding {how[1]})"
            yield name, [[pool(seen, kind) for seen in row] for row in windows(image, window, how)]


def windows_told(words: str) -> list[tuple[int, int]]:
    found = (list(filter(None, groups)) for groups in WINDOW.findall(words))
    return [(int(sides[0]), int(sides[-1])) for sides in found]


# Computing


def size(grid: Grid) -> tuple[int, int]:
    return len(grid), len(grid[0])


def each(a: Grid, b: Grid, sign: str) -> Grid:
    """Cell by cell."""
    if size(a) != size(b):
        return []
    pairs = [[(x.value, y.value) for x, y in zip(*rows, strict=True)] for rows in zip(a, b, strict=True)]
    return [[Cell(SIGNS[sign](x, y), f"{show(x)} {sign} {signed(y)}") for x, y in row] for row in pairs]


def matrix_product(a: Grid, b: Grid) -> Grid:
    """Rows times columns; of two single rows their dot product; a single number times each cell."""
    if size(a) == (1, 1):
        return [[weigh(a[0], [cell]) for cell in row] for row in b]
    columns = b if len(a) == len(b) == 1 else list(zip(*b, strict=True))
    fit = len(a[0]) == len(columns[0])
    return [[weigh(row, column) for column in columns] for row in a] if fit else []


def correlate(grid: Grid, kernel: Grid, how: tuple) -> Grid:
    weights = [cell for row in kernel for cell in row]
    return [[weigh(weights, seen) for seen in row] for row in windows(grid, size(kernel), how)]


def weigh(weights: list[Cell], seen: list[Cell | None]) -> Cell:
    """The sum of weights times cells, wherever there is a cell."""
    pairs = [(weight.value, cell.value) for weight, cell in zip(weights, seen, strict=True) if cell]
    terms = [f"{show(weight)}*{signed(value)}" for weight, value in pairs]
    return Cell(sum(weight * value for weight, value in pairs), joined(terms, " + "))


def pool(seen: list[Cell | None], kind: str) -> Cell:
    """The largest cell or the mean, in which padding counts as zeros, as in PyTorch."""
    values = [cell.value if cell else 0 for cell in seen if cell or kind == "mean"] or [0]
    result = max(values) if kind == "max" else sum(values, Fraction()) / len(values)
    return Cell(result, f"the {POOLS[kind]} of {joined([show(value) for value in values], ', ')}")


def windows(grid: Grid, window: tuple[int, int], how: tuple) -> list[list[list[Cell | None]]]:
    """The cells under the window at each of its places, row by row; None for the padding."""
    rows, columns = (starts(n, k, *how) for n, k in zip(size(grid), window, strict=True))
    inside = {(r, c): cell for r, row in enumerate(grid) for c, cell in enumerate(row)}
    steps = list(product(*(range(0, how[2] * k, how[2]) for k in window)))
    return [[[inside.get((r + down, c + right)) for down, right in steps] for c in columns] for r in rows if columns]


def output_size(grid: Grid, window: tuple[int, int], how: tuple) -> tuple[int, ...]:
    return tuple(len(starts(n, k, *how)) for n, k in zip(size(grid), window, strict=True))


def starts(n: int, k: int, stride: int | None, padding: int | str, dilation: int) -> range:
    """Where windows of `k` cells start among `n` cells. One row under one row is not padded with rows."""
    reach = dilation * (k - 1)
    before = reach // 2 if padding == "same" else padding if max(n, k) > 1 else 0
    after = reach - before if padding == "same" else before
    return range(-before, n + after - reach, stride or k)

"""Computes worked grids, for grids.py: what `*` and the other signs may mean, and which cells are wrong.

`*` is cross-correlation, as in deep learning; the product cell by cell or of matrices is right too, if it gives the
whole output. Where no words tell stride, padding and dilation, small ones are tried.
"""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import product
from typing import NamedTuple

from tests.runner.fences import Problem

# What is said of a window: how it is called, and what is tried when nothing is said, the usual one first.
SETTINGS = {
    "stride": (r"strid\w*|\bs(?= ?=)", [1, 2, 3, 4]),
    "padding": (r"\bpad(?:s|ded|ding)?\b|\bp(?= ?=)", [0, 1, 2, 3, 4]),
    "dilation": (r"dilat\w*|\bd(?= ?=)", [1, 2, 3]),
}
USUAL = (1, 0, 1)
SIZE = r"\b([0-9]{1,2}) ?[x×] ?([0-9]{1,2})\b"
FLIPPED = re.compile(r"(?i)(?<!not )(?<!n't )(?<!never )(?<!without )(?<!un)flip|true convolution")
POOLS = {"max": (max, "the largest of"), "mean": (lambda values: Fraction(sum(values), len(values)), "the mean of")}
MOST_TERMS = 9  # of a sum in a message
MOST_TOLD = 3  # wrong cells of one output
MOST_CELLS = 200_000  # under all windows together


class Misfit(ValueError):
    """Grids of these sizes do not go together."""


class Cell(NamedTuple):
    """A number: as it is written, at a line of the page, or with the words how it was computed."""

    value: Fraction | int
    text: str
    line: int = 0


Grid = list[list[Cell]]


@dataclass
class Claim:
    """`grids`, joined by `signs`, give `output` (no signs: by pooling); `words` tell stride and the like."""

    grids: list[Grid]
    signs: list[str]
    output: Grid
    words: str


def faults(claim: Claim) -> list[Problem]:
    """What is wrong by the reading that fits best: some cells, the size, or that the kernel was flipped."""
    tried = attempts(claim, flip=False)
    if tried and FLIPPED.search(claim.words):
        tried += attempts(claim, flip=True)
    if not tried:
        return misfit(claim)
    if any(wrong == [] for _, _, wrong in tried):
        return []
    fitting = [attempt for attempt in tried if attempt[2] is not None]
    how, result, wrong = min(fitting, key=lambda attempt: len(attempt[2]), default=tried[0])
    if wrong and any(other == [] for _, _, other in attempts(claim, flip=True)):
        return [flipped_kernel(wrong[0], how)]
    guessed = tried[0][2] is None and wrong is not None
    if wrong is None or guessed and 2 * len(wrong) > len(result) * len(result[0]):
        return [wrong_size(claim, *tried[0][:2])]
    return wrong_cells(wrong, how)


def attempts(claim: Claim, flip: bool) -> list[tuple[str, Grid, list | None]]:
    """For each reading its name, its output, and where the claim shows otherwise (None: an output of another size)."""
    found = []
    for how, compute in readings(claim, flip):
        try:
            result = compute()
        except Misfit:
            continue
        wrong = differences(claim.output, result) if size(result) == size(claim.output) else None
        found.append((how, result, wrong))
        if wrong == []:
            break
    return found


def differences(shown: Grid, true: Grid) -> list[tuple[int, int, Cell, Cell]]:
    places = product(range(len(shown)), range(len(shown[0])))
    return [(r, c, shown[r][c], true[r][c]) for r, c in places if not agree(shown[r][c], true[r][c].value)]


def agree(shown: Cell, value: Fraction) -> bool:
    """Integers and fractions exactly, decimals at the digits shown."""
    decimals = 0 if "/" in shown.text else len(shown.text.partition(".")[2])
    return abs(shown.value - value) <= (Fraction(1, 2 * 10**decimals) if decimals else 0)


# Messages


def wrong_cells(wrong: list, how: str) -> list[Problem]:
    more = len(wrong) - MOST_TOLD
    rest = f"; {more} more of this output {'is' if more == 1 else 'are'} wrong" if more > 0 else ""
    texts = [f"{in_words(*cell)}{how}" for cell in wrong[:MOST_TOLD]]
    texts[-1] += rest
    return [Problem(cell[2].line, text) for cell, text in zip(wrong, texts, strict=False)]


def in_words(row: int, column: int, shown: Cell, true: Cell) -> str:
    return f"row {row + 1}, column {column + 1} of the output is {show(true.value)}, not {shown.text}: {true.text}"


def flipped_kernel(wrong: tuple, how: str) -> Problem:
    start = "this is the output of the flipped kernel, but convolution means cross-correlation here"
    return Problem(wrong[2].line, f'{start}: {in_words(*wrong)}{how}. If it is meant, say "flipped kernel" just above')


def wrong_size(claim: Claim, how: str, result: Grid) -> Problem:
    how = how or (" (stride 1, padding 0)" if "*" in claim.signs else "")
    return Problem(claim.output[0][0].line, f"the output must be {times(result)}, not {times(claim.output)}{how}")


def misfit(claim: Claim) -> list[Problem]:
    """Grids that no reading can join; a pooling that cannot be read is no claim."""
    sizes = " and ".join(times(grid) for grid in claim.grids)
    message = f"grids of {sizes} cells do not fit together with {' '.join(claim.signs)}"
    return [Problem(claim.grids[0][0][0].line, message)] if claim.signs else []


def times(grid: Grid) -> str:
    return f"{len(grid)}x{len(grid[0])}"


def show(value: Fraction | int) -> str:
    """An integer or a decimal if that is exact, else a fraction."""
    text = f"{float(value):.6g}"
    return text if "e" not in text and Fraction(text) == value else str(value)


# The readings: which operation is meant


def readings(claim: Claim, flip: bool) -> Iterator[tuple[str, Callable[[], Grid]]]:
    """What the signs may mean, the likeliest first: how, in words for a message, and the computation."""
    if not claim.signs:
        yield from pools(claim)
    elif "*" not in claim.signs:
        yield "", partial(evaluate, claim, each)
    else:
        for index, how in enumerate(settings(claim.words)):
            words = "" if how == USUAL else " (stride {}, padding {}, dilation {})".format(*how)
            if index == 0 or may_be_meant(claim, how):
                yield words, partial(evaluate, claim, partial(correlate, how=how, flip=flip))
        if not flip:
            yield " (cell by cell)", partial(evaluate, claim, each)
            yield " (product of matrices)", partial(evaluate, claim, matrix_product)


def settings(words: str) -> list[tuple]:
    """(stride, padding, dilation) as the words tell; the others are the usual ones, or tried if the words tell none."""
    silent = not any(re.search(name, words) for name, _ in SETTINGS.values())
    choices = [
        stated(name, words) or (tried if silent or re.search(name, words) else tried[:1])
        for name, tried in SETTINGS.values()
    ]
    if re.search(r"\bsame\W+pad|\bpad\w*\W+same\b", words):
        choices[1] = ["same"]
    elif re.search(r"\b(?:no|without|valid) pad|\bpad\w*\W+valid\b", words):
        choices[1] = [0]
    return list(product(*choices))


def stated(name: str, words: str) -> list[int]:
    found = re.findall(rf"(?:{name}) *(?:of|by|=|:|is)? *([0-9])\b", words)
    return [int(digits) for digits in found if int(digits) or "pad" in name]


def may_be_meant(claim: Claim, how: tuple) -> bool:
    """Of what is tried: it gives the size; no window lies in the padding alone; and it is no lucky guess."""
    image, kernel, *_ = claim.grids
    if output_size(image, size(kernel), how) != size(claim.output):
        return False
    usual = output_size(image, size(kernel), USUAL) == size(claim.output)
    inside = how[1] == "same" or how[1] <= how[2] * (max(size(kernel)) - 1)
    return inside and (not usual or len(claim.output) * len(claim.output[0]) >= 4)


def pools(claim: Claim) -> Iterator[tuple[str, Callable[[], Grid]]]:
    """Max or mean over the windows that the words tell; a single row is a claim only if its length agrees with them."""
    grid, words = claim.grids[0], re.sub("average|avg", "mean", claim.words)
    kinds = [kind for kind in POOLS if kind in words] or list(POOLS)
    strides = stated(SETTINGS["stride"][0], words) or [None]
    paddings = stated(SETTINGS["padding"][0], words) or [0]
    every = list(dict.fromkeys(product(pool_windows(claim, words), strides, paddings)))
    sized = [(k, s, p) for k, s, p in every if output_size(grid, k, (s, p, 1)) == size(claim.output)]
    for kind, (window, stride, padding) in product(kinds, sized or every[: len(grid) > 1]):
        name = f" ({kind} pool {window[0]}x{window[1]}, stride {stride or window[1]}, padding {padding})"
        yield name, partial(pool, grid, window, (stride, padding, 1), kind)


def pool_windows(claim: Claim, words: str) -> list[tuple[int, int]]:
    """The sizes of windows in the words; without any, all that are possible."""
    grid = claim.grids[0]
    single = [int(k) for k in re.findall(r"(?:pool\w*|window|kernel|size|\bk)[ =:(of]*([1-9])\b(?! ?[x×])", words)]
    if len(grid) == 1:
        return [] if re.search(SIZE, words) else [(1, k) for k in single]
    pairs = [(int(height), int(width)) for height, width in re.findall(SIZE, words)]
    told = [pair for pair in pairs if 0 not in pair and pair not in (size(grid), size(claim.output))]
    told += [(k, k) for k in single]
    return told or [size(grid), *((k, k) for k in range(2, min(size(grid))))]


# Computing


def size(grid: Grid) -> tuple[int, int]:
    return len(grid), len(grid[0])


def evaluate(claim: Claim, multiply: Callable[[Grid, Grid], Grid]) -> Grid:
    """The products first, then the sums."""
    products = {"*": multiply, "@": matrix_product, "⊙": each}
    terms, sums = [claim.grids[0]], []
    for sign, grid in zip(claim.signs, claim.grids[1:], strict=True):
        if sign in products:
            terms[-1] = products[sign](terms[-1], grid)
        else:
            terms.append(grid)
            sums.append(sign)
    total = terms[0]
    for sign, term in zip(sums, terms[1:], strict=True):
        total = each(total, term, sign)
    return total


def each(a: Grid, b: Grid, sign: str = "*") -> Grid:
    """Cell by cell; a single row, column or cell is repeated."""
    rows, columns = max(len(a), len(b)), max(len(a[0]), len(b[0]))
    a, b = (grid * (rows if len(grid) == 1 else 1) for grid in (a, b))
    a, b = ([row * (columns if len(row) == 1 else 1) for row in grid] for grid in (a, b))
    if size(a) != size(b):
        raise Misfit
    pairs = [list(zip(*two, strict=True)) for two in zip(a, b, strict=True)]
    return [[combine(x.value, y.value, sign) for x, y in row] for row in pairs]


def combine(x: Fraction, y: Fraction, sign: str) -> Cell:
    compute = {"*": operator.mul, "+": operator.add, "-": operator.sub}[sign]
    return Cell(compute(x, y), f"{show(x)} {sign} {signed(y)}")


def signed(value: Fraction) -> str:
    return f"({show(value)})" if value < 0 else show(value)


def matrix_product(a: Grid, b: Grid) -> Grid:
    """Rows times columns; of two single rows their dot product, and a single number times each cell."""
    if 1 in (len(a) * len(a[0]), len(b) * len(b[0])):
        return each(a, b)
    columns = b if len(a) == len(b) == 1 else list(zip(*b, strict=True))
    if len(a[0]) != len(columns[0]):
        raise Misfit
    return [[weigh(row, column) for column in columns] for row in a]


def correlate(grid: Grid, kernel: Grid, how: tuple, flip: bool) -> Grid:
    if how[1] == 0 and (len(kernel) > len(grid) or len(kernel[0]) > len(grid[0])):
        grid, kernel = kernel, grid  # written as kernel * input
    weights = [cell for row in kernel for cell in row][:: -1 if flip else 1]
    return [[weigh(weights, seen) for seen in row] for row in windows(grid, size(kernel), how)]


def weigh(weights: list[Cell], seen: list[Cell | None]) -> Cell:
    """The sum of weights times cells, wherever there is a cell."""
    pairs = [(weight.value, cell.value) for weight, cell in zip(weights, seen, strict=True) if cell]
    terms = [f"{show(weight)}*{signed(value)}" for weight, value in pairs[:MOST_TERMS]]
    return Cell(
        sum(weight * value for weight, value in pairs), " + ".join(terms) + " + ..." * (len(pairs) > MOST_TERMS)
    )


def pool(grid: Grid, window: tuple[int, int], how: tuple, kind: str) -> Grid:
    """Padding is nothing for the largest, and counts as zeros in the mean, as in PyTorch."""
    compute, name = POOLS[kind]
    result = []
    for row in windows(grid, window, how):
        values = [[cell.value if cell else 0 for cell in seen if cell or kind == "mean"] for seen in row]
        if [] in values:
            raise Misfit
        result.append([Cell(compute(inside), f"{name} {listed(inside)}") for inside in values])
    return result


def listed(values: list[Fraction]) -> str:
    return ", ".join(map(show, values[:MOST_TERMS])) + ", ..." * (len(values) > MOST_TERMS)


def windows(grid: Grid, window: tuple[int, int], how: tuple) -> list[list[list[Cell | None]]]:
    """The cells under the window at each of its places, row by row; None for the padding."""
    rows, columns = (starts(n, k, *how) for n, k in zip(size(grid), window, strict=True))
    if not 0 < len(rows) * len(columns) * window[0] * window[1] <= MOST_CELLS:
        raise Misfit
    inside = {(r, c): cell for r, row in enumerate(grid) for c, cell in enumerate(row)}
    steps = list(product(*(range(0, how[2] * k, how[2]) for k in window)))
    return [[[inside.get((r + down, c + right)) for down, right in steps] for c in columns] for r in rows]


def output_size(grid: Grid, window: tuple[int, int], how: tuple) -> tuple[int, ...]:
    return tuple(len(starts(n, k, *how)) for n, k in zip(size(grid), window, strict=True))


def starts(n: int, k: int, stride: int | None, padding: int | str, dilation: int) -> range:
    """Where windows of `k` cells start among `n` cells. One row under one row is not padded with rows."""
    reach = dilation * (k - 1)
    before = reach // 2 if padding == "same" else padding if max(n, k) > 1 else 0
    after = reach - before if padding == "same" else before
    return range(-before, n + after - reach, stride or k)

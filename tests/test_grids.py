"""Worked grids: which are true, which are false and why, and what claims nothing."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.runner import grids
from tests.runner.grids import in_text
from tests.runner.page import read_page

TRUE_TEXT = {
    "the example of the lesson": """
1 3 8 9
2 3 9 6   *   -1 1   =   4 17 -5
1 3 6 8       -2 2       5 12  1
""",
    "brackets and commas": """
[[1, 3, 8, 9],
 [2, 3, 9, 6],   *   [[-1, 1],   =   [[4, 17, -5],
 [1, 3, 6, 8]]        [-2, 2]]        [5, 12,  1]]
""",
    "brackets of many lines, a Unicode minus, an arrow": """
⎡1 3 8 9⎤
⎢2 3 9 6⎥ ⊛ ⎡−1 1⎤ → ⎡4 17 −5⎤
⎣1 3 6 8⎦   ⎣−2 2⎦   ⎣5 12  1⎦
""",
    "boxes": """
┌───┬───┬───┬───┐
│ 1 │ 3 │ 8 │ 9 │     ┌────┬───┐     ┌───┬────┬────┐
├───┼───┼───┼───┤     │ -1 │ 1 │     │ 4 │ 17 │ -5 │
│ 2 │ 3 │ 9 │ 6 │  *  ├────┼───┤  =  ├───┼────┼────┤
├───┼───┼───┼───┤     │ -2 │ 2 │     │ 5 │ 12 │  1 │
│ 1 │ 3 │ 6 │ 8 │     └────┴───┘     └───┴────┴────┘
└───┴───┴───┴───┘
""",
    "boxes of plain characters, signs on a line without cells": """
+---+---+---+---+
| 1 | 3 | 8 | 9 |     +----+---+     +---+----+----+
+---+---+---+---+     | -1 | 1 |     | 4 | 17 | -5 |
| 2 | 3 | 9 | 6 |     +----+---+     +---+----+----+
                   *              =
| 1 | 3 | 6 | 8 |     | -2 | 2 |     | 5 | 12 |  1 |
+---+---+---+---+     +----+---+     +---+----+----+
""",
    "a header of words": """
Input (3x4)     Kernel (2x2)   Output (2x3)
1 3 8 9
2 3 9 6      *    -1 1      =     4 17 -5
1 3 6 8           -2 2            5 12  1
""",
    "stride": """
input      kernel, stride 2   output
1 3 8 9
2 3 9 6  *   -1 1          =  4 -5
1 3 6 8      -2 2
""",
    "padding, below": """
1 3 8 9
2 3 9 6   *   -1 1   =   2 4 10  2 -18
1 3 6 8       -2 2       5 4 17 -5 -21
                         4 5 12  1 -22
                         1 2  3  2  -8
with padding 1 and stride 1
""",
    "padding that is told elsewhere": """
1 3 8 9
2 3 9 6   *   -1 1   =   2 4 10  2 -18
1 3 6 8       -2 2       5 4 17 -5 -21
                         4 5 12  1 -22
                         1 2  3  2  -8
""",
    "stride and padding": """
stride = 2, padding = 1

1 3 8 9
2 3 9 6   *   -1 1   =   2 10 -18
1 3 6 8       -2 2       4 12 -22
""",
    "dilation": """
dilation 2:
1 3 8 9
2 3 9 6   *   -1 1   =   17 16
1 3 6 8       -2 2
""",
    "same padding": "padding='same'\n[1, 3, 8, 9] * [1, 1, 1] = [4, 12, 20, 17]",
    "fractions, rounded": """
1 3 8 9       1/9 1/9 1/9
2 3 9 6   *   1/9 1/9 1/9   =   4.0 6.11
1 3 6 8       1/9 1/9 1/9
""",
    "a flipped kernel that is announced": """
true convolution, with the flipped kernel
1 3 8 9
2 3 9 6   *   -1 1   =   -5 -16 1
1 3 6 8       -2 2       -4 -15 4
""",
    "one line": "[1, 3, 8, 9] * [-1, 1] = [2, 5, 1]",
    "one line without brackets": "1 3 8 9 * -1 1 = 2 5 1",
    "one line with words": "input [1, 3, 8, 9] conv kernel [-1, 1] -> output [2, 1]  (stride 2)",
    "one line with padding": "1 3 8 9 * -1 1 = 1 2 5 1 -9   # padding 1",
    "decimals": "[0.5, 1.25] * [2, .5] = 1.6",
    "the output first": "[2, 5, 1] = [1, 3, 8, 9] * [-1, 1]",
    "a name in front": "y = [1, 3, 8, 9] * [-1, 1] = [2, 5, 1]",
    "words in front": "row 1, two weights: 1 3 8 9 * -1 1 = 2 5 1",
    "the kernel first": "[-1, 1] * [1, 3, 8, 9] = [2, 5, 1]",
    "padding without a number": "the row padded by one zero\n[1, 3, 8, 9] * [-1, 1] = [1, 2, 5, 1, -9]",
    "a line for each claim": "stride 1\n1 3 8 9 * -1 1 = 2 5 1\nstride 2\n1 3 8 9 * -1 1 = 2 1",
    "words on each row": "1 3 8 9 * -1 1 = 2 5 1  (stride 1)\n1 3 8 9 * -1 1 = 2 1  (stride 2)",
    "words that belong to the next row": "1 3 8 9 * -1 1 = 2 5 1\nstride 2\n1 3 8 9 * -1 1 = 2 1",
    "pooling of some kind": "pooling 1x2\n1 3 9 8\n2 2 6 0 -> 3 9\n0 4 1 1       2 6\n              4 1",
    "sum": """
4 17       1 1       5 18
5 12   +   1 0   =   6 12
""",
    "difference": "4 17 − 1 −1 = 3 18",
    "cell by cell": """
1 3   *   -1 1   =   -1 3
2 5       -2 2       -4 10
""",
    "one place of the window": """
1 3   *   -1 1   =   8
2 5       -2 2
""",
    "product of matrices": """
1 2   @   5 6   =   19 22
3 4       7 8       43 50
""",
    "max pool": """
max pool 2x2, 4x4 -> 2x2
1 3 2 4
5 6 1 0   ->   6 4
2 2 9 8        7 9
7 1 3 4
""",
    "max pool with a stride": """
max pooling, window 2, stride 1
1 3 2 4        6 6 4
5 6 1 0   →    6 9 9
2 2 9 8        7 9 9
7 1 3 4
""",
    "max pool with padding": """
MaxPool2d(3), stride 2, padding 1
1 3 2 4
5 6 1 0   =>   6 6
2 2 9 8        7 9
7 1 3 4
""",
    "average pool, told on the row": """
1 3 2 4
5 6 1 0   --average pool 2x2-->   3.75 1.75
2 2 9 8                           3.00 6.00
7 1 3 4
""",
    "global average pool": """
global average pool
1 3 2 4
5 6 1 0   ->   3.625
2 2 9 8
7 1 3 4
""",
    "max pool of a row": "max pool 2\n[1, 3, 9, 8] -> [3, 9]",
    "max before the arrow, blocks": """
| 1  3 | 2  4 |
| 5  6 | 1  0 |              | 6  4 |
|------+------|    max  ->   | 7  9 |
| 2  2 | 9  8 |
| 7  1 | 3  4 |
""",
    "mean before the arrow": "1 3 2 4   mean -->   3.75 1.75\n5 6 1 0",
    "words between the columns": """
single depth slice

 1  3  2  4
 5  6  1  0      max pool with 2x2 filters      6  4
 2  2  9  8      and stride 2                   7  9
 7  1  3  4
""",
    "words between the columns, on one line": """
[1 3 2 4]
[5 6 1 0]   average pooling, 2 x 2   [3.75 1.75]
[2 2 9 8]                            [3.00 6.00]
[7 1 3 4]
""",
    "labels": """
input    0  1  4  2  0  3  0
kernel   1  0 -1
output  -4 -1  4 -1  0
""",
    "labels with colons and brackets, padding below": """
signal: [1, 4, 2, 0, 3]
filter: [1, 0, -1]
result: [-4, -1, 4, -1, 0]
with padding 1
""",
    "labels of one letter, a caption": "stride 2\nx = [1, 4, 2, 0, 3]\nw = [1, 0, -1]\ny = [-1, -1]",
    "a label with the stride, two outputs": """
input row            1  4  2  0  3
weights              1  0 -1
output              -1  4 -1
output (stride 2)   -1 -1
""",
    "labels above grids": """
Input:
1 3 8 9
2 3 9 6
1 3 6 8

Kernel (2x2):
-1 1
-2 2

Output (stride 2):
4 -5
""",
    "labels and signs, one below the other": "input:\n1 3 8 9\n*\nkernel:\n-1 1\n=\noutput:\n2 5 1",
    "labels beside grids": """
image    1 3 8 9
         2 3 9 6
         1 3 6 8
kernel  -1 1
        -2 2
result   4 17 -5
         5 12  1
""",
    "labels and grids of positive numbers, two wide": "input   1 2 3\nkernel  1 2\noutput  5 8",
}
# The paragraph above a fence, and what stands in it.
TRUE_BELOW = {
    "padding, told above": (
        "A kernel of ones, padding 1:",
        "2 5   *   1 1 1   =   11 11\n1 3       1 1 1       11 11\n          1 1 1",
    ),
    "padding of one": ("The row gets a padding of one zero:", "1 3 8 9 * -1 1 = 1 2 5 1 -9"),
    "padding that the row shows": (
        "With padding 1, the row becomes:",
        "input 0 1 4 2 0 3 0\nkernel 1 0 -1\noutput -4 -1 4 -1 0",
    ),
    "padding that the row does not show": ("With padding 1:", "input 1 4 2 0 3\nkernel 1 0 -1\noutput -4 -1 4 -1 0"),
    "stride": ("Above, it was stride 1. Now with a stride of 2:", "1 3 8 9 * -1 1 = 2 1"),
    "the fence knows better": ("Not with stride 1, but:", "1 3 8 9 * -1 1 = 2 1  (stride 2)"),
    "a sentence about something else": ("Later we use stride 3 and padding 2.", "1 3 8 9 * -1 1 = 2 5 1"),
    "true convolution": ("True convolution flips the kernel.", "1 2 * 0 1 = 1"),
    "pooling, told above": ("Max pooling: 2 × 2 windows, stride 2:", "1 3 2 4\n5 6 1 0  ->  6 4"),
    "pooling in the heading": (
        "## Max pooling\n\n3 × 3 windows with stride 1 overlap, and the result is 2 × 2 again:",
        "1 3 2 4\n5 6 1 0  ->  9 9\n2 2 9 8      9 9\n7 1 3 4",
    ),
}
FALSE_TEXT = [
    (
        "1 3 8 9\n2 3 9 6  *  -1 1  =  4 17 -5\n1 3 6 8     -2 2     5 13 1",
        [(3, "row 2, column 2 of the output is 12, not 13: -1*3 + 1*9 + -2*3 + 2*6")],
    ),
    ("[1, 3, 8, 9] * [-1, 1] = [2, 4, 1]", [(1, "row 1, column 2 of the output is 5, not 4: -1*3 + 1*8")]),
    ("1 3 8 9 * -1 1 = 2 5 1 0", [(1, "the output must be 1x3, not 1x4 (stride 1, padding 0)")]),
    ("stride 2\n1 3 8 9 * -1 1 = 2 5 1", [(2, "the output must be 1x2, not 1x3 (stride 2, padding 0, dilation 1)")]),
    ("1 3 * 1 1 = 4  (stride 2)\n1 3 8 * -1 1 = 2 5  (stride 2)", [(2, "the output must be 1x1, not 1x2 (stride 2")]),
    ("stride 1, no padding\n1 3 8 9 * -1 1 = 2 1", [(2, "the output must be 1x3, not 1x2")]),
    ("padding 1\n1 3 8 9 * -1 1 = 1 2 5 1 9", [(2, "column 5 of the output is -9, not 9: -1*9 (stride 1, padding 1")]),
    ("1 3 8 9 * -1 1 = 1 2 5 1 -8", [(1, "row 1, column 5 of the output is -9, not -8")]),
    (
        "1 3 8 9\n2 3 9 6  *  -1 1  =  -5 -16 1\n1 3 6 8     -2 2     -4 -15 4",
        [
            (
                2,
                "this is the output of the flipped kernel, but convolution means cross-correlation here: row 1, column 1",
            )
        ],
    ),
    ("no padding\n1 3 8 9 * -1 1 = 1 2 5 1 -9", [(2, "the output must be 1x3, not 1x5 (stride 1, padding 0)")]),
    (
        "padding='same'\n[1, 3, 8, 9] * [1, 1, 1] = [4, 12, 20, 18]",
        [(2, "is 17, not 18: 1*8 + 1*9 (stride 1, padding same")],
    ),
    ("1 2 + 3 4 = 4 7", [(1, "row 1, column 2 of the output is 6, not 7: 2 + 4")]),
    (
        "1 2 3 4 + 1 1 1 1 = 0 0 0 0",
        [(1, "is 2,"), (1, "is 3,"), (1, "is 4, not 0: 3 + 1")],
    ),
    ("1 2\n3 4 @ 1 2 3 = 1\n5 6", [(1, "grids of 3x2 and 1x3 cells do not fit together with @")]),
    (
        "1 1 1   1 1 1\n1 1 1 * 1 1 1 = 8\n1 1 1   1 1 1",
        [(2, "row 1, column 1 of the output is 9, not 8: 1*1 + 1*1 + 1*1 + 1*1 + 1*1 + 1*1 + 1*1 + 1*1 + 1*1")],
    ),
    ("[1, 1, 1, 1, 1, 1, 1, 1, 1, 1] @ [1, 1, 1, 1, 1, 1, 1, 1, 1, 1] = 9", [(1, " + 1*1 + ...")]),
    ("1 2 - 3 -4 = -2 -2", [(1, "is 6, not -2: 2 - (-4)")]),
    ("1 2 * 3 4 = 3 9", [(1, "is 8, not 9: 2 * 4 (cell by cell)")]),
    ("[1, 2] + [3, 4, 5] = [4, 6, 8]", [(1, "grids of 1x2 and 1x3 cells do not fit together with +")]),
    (
        "1 2   @   5 6   =   19 22\n3 4       7 8       43 51",
        [(2, "row 2, column 2 of the output is 50, not 51: 3*6 + 4*8")],
    ),
    ("0.5 1.25 * 2 .5 = 1.7", [(1, "is 1.625, not 1.7")]),
    ("1/3 1/3 * 1 2 = 0.9", [(1, "is 1, not 0.9")]),
    (
        "max pool 2x2\n1 3 2 4\n5 6 1 0  ->  6 3",
        [(3, "is 4, not 3: the largest of 2, 4, 1, 0 (max pool 2x2, stride 2")],
    ),
    ("average pool 2x2\n1 3 2 4\n5 6 1 0  ->  3.75 1.9", [(3, "is 1.75, not 1.9: the mean of 2, 4, 1, 0")]),
    (
        "max pool 2x2, stride 1\n1 3 2 4\n5 6 1 0  ->  6 4",
        [(3, "the output must be 1x3, not 1x2 (max pool 2x2, stride 1")],
    ),
    (
        "input 1 4 2 0 3\nkernel 1 0 -1\noutput -1 4 1",
        [(3, "row 1, column 3 of the output is -1, not 1: 1*2 + 0*0 + -1*3")],
    ),
    ("input 1 4 2 0 3\nkernel -1 0 1\noutput -1 4 -1", [(3, "this is the output of the flipped kernel")]),
    ("input 1 4 2 0 3\nkernel 1 0 -1\noutput (stride 2) -1 4 -1", [(3, "the output must be 1x2, not 1x3 (stride 2")]),
]
FALSE_BELOW = [
    ("With stride 2:", "1 3 8 9 * -1 1 = 2 5 1", [(1, "the output must be 1x2, not 1x3 (stride 2, padding 0")]),
    ("No padding:", "2 5 * 1 1 1 = 7 7\n1 3", [(1, "grids of 2x2 and 1x3 cells do not fit together with *")]),
    (
        "A window of 2, max pooling, stride 1:",
        "1 3 2\n5 6 1 -> 6",
        [(2, "the output must be 1x2, not 1x1 (max pool 2x2")],
    ),
    ("Don't flip it:", "1 2 * 0 1 = 1", [(1, "this is the output of the flipped kernel")]),
]
NO_CLAIM_TEXT = {
    "numbers only": "3 * 4 = 13",
    "a long sum": "1 * -1 + 3 * 1 = 3",
    "grids without a sign": "1 2 3    1 0\n4 5 6    0 1",
    "one grid": "1 2 3 = 1 2 4",
    "an arrow without pooling": "1 3 2 4\n5 6 1 0  ->  6 4",
    "letters": "x = [1, 2] * k = [3, 4]",
    "unfinished": "[1, 3, 8, 9] * [-1, 1] =",
    "places not shown": "1 3 ... 9 * -1 1 = 2 5 1",
    "rows of unequal length": "1 3 8 9\n2 3    *   -1 1   =   4 17\n",
    "sizes": "(32, 32) * (3, 3) = (30, 30)",
    "sizes of a product": "[3, 4] @ [4, 2] -> [3, 2]",
    "sizes in words": "max pool 2x2: 4x4 -> 2x2",
    "sizes of a pooling": "max pool: [1, 16, 8, 8] -> [1, 16, 4, 4]",
    "sizes of a global pooling": "global average pool: [64, 7, 7] -> [64]",
    "spaces between thousands": "12 500 * 3 = 37 500",
    "commas between thousands": "1,024 2,048 * 2 = 2,048 4,096",
    "numbers with zeros in front": "007 008 + 1 1 = 8 8",
    "a sum in columns": "  12\n+ 30\n= 43",
    "products in cells": "1*3 2*4 + 1 1 = 4 10",
    "a comparison": "1 2 * 3 4 == 3 9",
    "a table": "epoch  loss\n1      2.3\n2      1.1",
    "a network": "input 8x8 -> conv 3x3 -> 6x6 -> max pool 2x2 -> 3x3",
    "a pooling window that is too large": "max pool 3x3\n1 2\n3 4 -> 4",
    "a name for a grid": "y = [1, 2] * [3, 4]",
    "two relations": "1 2 = 3 4 = 5 6",
    "nothing": "",
    "labels of sizes": "input  (1, 28, 28)\nkernel (8, 1, 3, 3)\noutput (8, 26, 26)",
    "labels of sizes without brackets": "input: 28 28\nkernel: 3 3\noutput: 26 26",
    "a bias": "input 1 4 2 0 3\nkernel 1 0 -1\nbias 1\noutput 0 5 0",
    "a size of the kernel": "input 1 4 2 0 3\nkernel 3\noutput 7 6 5",
    "no kernel": "input 1 4 2 0 3\noutput 7 6 5",
    "rows of an image": "row 1: 1 4 2\nrow 2: 1 0 -1\nkernel: 1 1\noutput: 3",
    "signs in labelled rows": "input 1 2 4\nkernel 1 0\noutput 7 * 6\n 5 * 4",
    "words between columns of a table": "1   max pool with 2x2 filters   3 4\n2   and then                    5 6",
    "three terms": "1 2 + 3 4 + 5 6 = 0 0",
}


def problems(text: str, above: str = "") -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in in_text(text.split("\n"), above=above)]


TRUE = [("", text) for text in TRUE_TEXT.values()] + list(TRUE_BELOW.values())
NAMES = [*TRUE_TEXT, *TRUE_BELOW]


@pytest.mark.parametrize(("above", "text"), TRUE, ids=NAMES)
def test_true(above, text):
    assert problems(text, above) == []


@pytest.mark.parametrize(("above", "text"), TRUE, ids=NAMES)
def test_the_true_ones_are_seen(above, text, monkeypatch):
    """Each cell of an output is computed: with another first digit it is wrong, at its own line."""
    claims = []
    with monkeypatch.context() as patch:
        patch.setattr(grids, "faults", lambda claim: claims.append(claim) or [])
        problems(text, above)
    assert claims
    for cell in (cell for claim in claims for row in claim.output for cell in row):
        changed = text.split("\n")
        changed[cell.line - 1] = other(changed[cell.line - 1], cell.text.lstrip("-"), first=text.startswith("[2, 5"))
        assert cell.line in [line for line, _ in problems("\n".join(changed), above)], changed


def other(line: str, number: str, first: bool) -> str:
    """The line with another first digit in its last `number` (or its first)."""
    places = [found.start() for found in re.finditer(rf"(?<![\d.]){re.escape(number)}(?![\d.])", line)]
    place = places[0 if first else -1]
    return f"{line[:place]}{1 + (int(line[place]) + 3) % 9}{line[place + 1 :]}"


@pytest.mark.parametrize(("above", "text", "expected"), [("", *example) for example in FALSE_TEXT] + FALSE_BELOW)
def test_false(above, text, expected):
    found = problems(text, above)
    assert [line for line, _ in found] == [line for line, _ in expected], found
    for (_, message), (_, words) in zip(found, expected, strict=True):
        assert words in message


@pytest.mark.parametrize("text", NO_CLAIM_TEXT.values(), ids=NO_CLAIM_TEXT)
def test_text_that_claims_nothing(text):
    assert problems(text) == []


PAGE = """---
title: Grids
---
> ```text
> input   1 4 2 0 3
> kernel  1 0 -1
> output -1 4 1
> ```

```text
1 2 * 1 1 = 4
```

```python
print("1 2 * 1 1 = 5")
```
<!--pytest-codeblocks:expected-output-->
```text
1 2 * 1 1 = 5
```

True convolution flips the kernel:

```text
1 2 * 0 1 = 1
```

## Max pooling

The usual windows
with stride 2:

```text
1 3 2 4
5 6 1 0  ->  6 5
```
"""


def test_lines_on_a_page(tmp_path):
    """What a block prints is no worked grid, and prose that speaks of flipping may mean it."""
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    found = grids.problems(read_page(tmp_path / "page.md", tmp_path), tmp_path)
    assert [problem.line for problem in found] == [7, 11, 35]


@given(st.data())
def test_random_grids_agree_with_torch(data):
    """Any stride, padding and dilation; a cell that is changed is found, at its row."""
    torch.manual_seed(data.draw(st.integers(0, 99)))
    stride, padding, dilation = (data.draw(st.integers(low, 3)) for low in (1, 0, 1))
    kernel = torch.randint(-3, 4, (1, 1, *(data.draw(st.integers(1, 3)) for _ in "hw"))).double()
    reach = [dilation * (k - 1) + 1 + data.draw(st.integers(0, 4)) for k in kernel.shape[2:]]
    image = torch.randint(-9, 10, (1, 1, max(2, reach[0]), max(2, reach[1]))).double()
    output = torch.nn.functional.conv2d(image, kernel, stride=stride, padding=padding, dilation=dilation)
    caption = f"stride {stride}, padding {padding}, dilation {dilation}"
    assert problems(side_by_side(image, kernel, output, caption)) == []
    row, column = (data.draw(st.integers(0, n - 1)) for n in output.shape[2:])
    output[0, 0, row, column] += 1
    assert row + 2 in [line for line, _ in problems(side_by_side(image, kernel, output, caption))]


def side_by_side(image, kernel, output, caption: str) -> str:
    """The three tensors of shape (1, 1, H, W) as columns of text, the signs on the first row."""
    texts = [[" ".join(f"{int(x):3}" for x in row) for row in grid[0, 0]] for grid in (image, kernel, output)]
    lines = []
    for row in range(max(map(len, texts))):
        cells = [(text[row] if row < len(text) else "").ljust(len(text[0])) for text in texts]
        lines.append("{} {} {} {} {}".format(cells[0], " *"[row == 0], cells[1], " ="[row == 0], cells[2]))
    return "\n".join([caption, *lines])


@given(st.text(alphabet="0123456789 +-*=/.,()[]|@>×→·\n\txpolmastride", max_size=120))
def test_any_text_is_read(text):
    assert isinstance(problems(text), list)


NUMBERS = st.lists(st.lists(st.integers(-20, 20), min_size=1, max_size=3), min_size=1, max_size=3)


@given(st.lists(st.one_of(st.sampled_from("* + - = -> @ ⊙ pool max \n stride padding".split(" ")), NUMBERS.map(str))))
def test_any_row_of_grids_is_read(parts):
    assert isinstance(problems(" ".join(parts)), list)

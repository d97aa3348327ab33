"""Figures of the lesson convolution-from-scratch. Input is blue, kernel orange, output green."""

from itertools import product

import numpy as np
import torch
from skimage import data

from snippets.convolution_from_scratch import conv1d, conv2d, im2col, output_size, toeplitz_matrix, window_view
from snippets.figures.style import (
    ACCENT,
    ACCENT2,
    ACCENT3,
    INK,
    MINUS,
    canvas,
    caption,
    frame,
    grey,
    grid,
    picture,
    rows_in_words,
    tinted,
)

X = [[1, 3, 8, 9], [2, 3, 9, 6], [1, 3, 6, 8]]
KERNEL = [[-1, 1], [-2, 2]]
ARC = {"arrowstyle": "->", "linewidth": 1.2, "connectionstyle": "arc3,rad=-0.25"}  # an arrow that bends upwards


def photograph():
    """Every third pixel of scikit-image's photograph of a cameraman: (171, 171), whole numbers from 0 to 255."""
    return data.camera()[::3, ::3].astype(int)


def edges(kernel):
    return np.array(conv2d(photograph().tolist(), kernel))


def four_numbers():
    figure, axes = canvas(5.2, 2.3)
    picture(axes, grey(photograph(), levels=32), 0.05, 0.05, 1.9)
    grid(axes, KERNEL, 2.2, 0.5, tint=tinted(2, 2, ACCENT2))
    axes.annotate("", (3.2, 1.7), (2, 1.7), arrowprops={"arrowstyle": "->", "linewidth": 1.5})
    picture(axes, grey(abs(edges(KERNEL))), 3.25, 0.05, 1.9)
    for x, text in ((1, "the photograph"), (2.6, "four numbers"), (4.2, "what they find")):
        caption(axes, x, 2.13, text)
    figure.set_label(
        f"A photograph of a man behind a camera on a tripod; a small grid with the {rows_in_words(KERNEL)}; and the "
        "result, mostly black, with bright outlines of the man, the tripod and a distant tower."
    )
    return figure


def six_windows():
    """Top: the kernel, and one window computed. Below: the window at its six places, the output filled up to there."""
    figure, axes = canvas(5.2, 5.1)
    cell, y = 0.32, conv2d(X, KERNEL)
    grid(axes, KERNEL, 1, 0.08, cell, tint=tinted(2, 2, ACCENT2))
    caption(axes, 0.6, 0.4, "kernel")
    products = [f"({w})·{v}" if w < 0 else f"{w}·{v}" for w, v in zip((-1, 1, -2, 2), (3, 8, 3, 9), strict=True)]
    caption(axes, 3.5, 0.22, "the second window:")
    caption(axes, 3.5, 0.52, f"{' + '.join(products)} = {y[0][1]}".replace("-", MINUS))
    for i, j in product(range(2), range(3)):
        left, top = 0.36 + 1.7 * j, 1 + 2.15 * i
        for y_middle, text in ((top + 0.64, "input"), (top + 1.56, "output")):
            if j == 0:
                axes.text(0.16, y_middle, text, ha="center", va="center", rotation=90, fontsize=12)
        caption(axes, left + 2 * cell, top, f"i = {i}, j = {j}")
        grid(axes, X, left, top + 0.16, cell, tint=tinted(2, 2, ACCENT, i, j))
        frame(axes, left + j * cell, top + 0.16 + i * cell, 2, 2, cell)
        done = [[v if (row, place) <= (i, j) else "" for place, v in enumerate(vs)] for row, vs in enumerate(y)]
        grid(axes, done, left + cell / 2, top + 1.24, cell, tint={(i, j): ACCENT3})
        frame(axes, left + (j + 0.5) * cell, top + 1.24 + i * cell, 1, 1, cell, color=ACCENT3)
    figure.set_label(
        f"A kernel with {rows_in_words(KERNEL)}; six times the input with {rows_in_words(X)}, and below it the output. "
        "The window of two rows and two columns moves from left to right, then one row down and from left to right "
        f"again. At each place one output is added: {', '.join(map(str, sum(y, [])))}. "
        f"The second window has the {rows_in_words([row[1:3] for row in X[:2]])}; {' + '.join(products)} = {y[0][1]}."
    )
    return figure


def strides():
    figure, axes = canvas(5.2, 3.35)
    for x, text in ((2.4, "input"), (4.3, "output")):
        caption(axes, x, 0.2, text)
    for row, (stride, padding) in enumerate(((1, 0), (2, 1), (3, 0))):
        strip(axes, 0.4 + row, stride, padding)
    outputs = [" ".join(map(str, conv1d(X[0], KERNEL[0], *walk))) for walk in ((1, 0), (2, 1), (3, 0))]
    row = " ".join(map(str, X[0]))
    figure.set_label(
        f"The row {row} under a kernel of two, three times. Stride 1, padding 0: three windows, outputs {outputs[0]}. "
        f"Stride 2, padding 1: the row becomes 0 {row} 0 and has three windows, outputs {outputs[1]}. Stride 3, "
        f"padding 0: one window, output {outputs[2]}; the pixels {X[0][2]} and {X[0][3]} are under no window."
    )
    return figure


def strip(axes, top, stride, padding):
    """Draw the first row of X with zeros around it, a bar under each window, and the output at the right."""
    signal, kernel, cell = X[0], KERNEL[0], 0.4
    values = [0] * padding + signal + [0] * padding
    left = 1.6 - padding * cell
    grid(axes, [values], left, top, cell, tint=tinted(1, len(signal), ACCENT, 0, padding))
    for i in range(output_size(len(signal), len(kernel), stride, padding)):
        start, y = left + i * stride * cell + 0.05, top + cell + 0.12 + 0.11 * (i % 2)
        axes.plot([start, start + len(kernel) * cell - 0.1], [y, y], color=ACCENT2, linewidth=3)
    y = conv1d(signal, kernel, stride, padding)
    grid(axes, [y], 4.3 - len(y) * cell / 2, top, cell, tint=tinted(1, len(y), ACCENT3))
    for line, text in enumerate((f"stride {stride}", f"padding {padding}")):
        axes.text(0.05, top + 0.1 + 0.25 * line, text, fontsize=12, va="center_baseline")


def dense_matrix():
    """The matrix of the worked example, with a frame around each block of 3 rows and 4 columns."""
    figure, axes = canvas(5.2, 3.1)
    matrix = toeplitz_matrix(KERNEL, 3, 4).int().tolist()
    colors = {-1: ACCENT, 1: ACCENT, -2: ACCENT2, 2: ACCENT2}
    tint = {(i, j): colors[w] for i, row in enumerate(matrix) for j, w in enumerate(row) if w}
    grid(axes, [[w or "" for w in row] for row in matrix], 0.5, 0.4, cell=0.38, tint=tint)
    for block in range(6):
        frame(axes, 0.5 + 1.52 * (block % 3), 0.4 + 1.14 * (block // 3), 3, 4, cell=0.38, color=INK)
    caption(axes, 2.78, 0.2, "the 12 input pixels, row by row")
    axes.text(0.25, 1.54, "the 6 outputs", ha="center", va="center", rotation=90, fontsize=12)
    caption(axes, 2.78, 2.9, "blue: kernel row 0, orange: row 1, blank: 0")
    (first, second), (gap, *_) = KERNEL, [column - 1 for column, w in enumerate(matrix[0]) if w == KERNEL[1][0]]
    figure.set_label(
        f"The matrix with {len(matrix)} rows and {len(matrix[0])} columns. The first row starts with {first[0]} and "
        f"{first[1]}; {gap - 1} blank cells later come {second[0]} and {second[1]}. Each row has these four weights, "
        "further to the right than the row above. All other cells are blank, for zero. Thick lines cut the matrix into "
        "blocks of 3 rows and 4 columns: above, a block of the first kernel row, one of the second, and an empty one; "
        "below, an empty one, one of the first kernel row and one of the second."
    )
    return figure


def windows_as_columns():
    """Top: the input, and its windows as columns. Bottom: the kernel as a row, and the outputs: row times column."""
    figure, axes = canvas(5.2, 3.55)
    cell, left, right, top, bottom = 0.38, 0.1, 2.7, 0.45, 2.6
    columns = im2col(torch.tensor([[X]]), 2, 2)[0].tolist()
    places = im2col(torch.arange(12).reshape(1, 1, 3, 4), 2, 2)[0].tolist()
    weights, y = sum(KERNEL, []), sum(conv2d(X, KERNEL), [])
    shared = {(i, j): ACCENT for i, row in enumerate(places) for j, pixel in enumerate(row) if pixel == 6}
    grid(axes, X, left, top + cell / 2, cell, tint={(1, 2): ACCENT})
    frame(axes, left + cell, top + cell / 2, 2, 2, cell)
    grid(axes, columns, right, top, cell, tint=shared)
    frame(axes, right + cell, top, 4, 1, cell)
    grid(axes, [weights], left, bottom, cell, tint=tinted(1, 4, ACCENT2))
    grid(axes, [y], right, bottom, cell, tint=tinted(1, 6, ACCENT3))
    frame(axes, right + cell, bottom, 1, 1, cell, color=ACCENT3)
    for x, height, text in (
        (left + 2 * cell, 0.25, "input"),
        (right + 3 * cell, 0.25, "a column for each window"),
        (left + 2 * cell, 2.4, "kernel, as a row"),
        (right + 3 * cell, 2.4, "row times column"),
        (2.6, 3.3, "tinted blue: one pixel, in four windows"),
    ):
        caption(axes, x, height, text)
    caption(axes, 2.2, bottom + cell / 2, "=", size=18)
    columns_in_words = [" ".join(map(str, column)) for column in zip(*columns, strict=True)]
    figure.set_label(
        f"The input with {rows_in_words(X)}; beside it a matrix with six columns, one for each window: "
        f"{', '.join(columns_in_words)}. Below, the kernel as the row {' '.join(map(str, weights))}; beside it the row "
        f"times each column: {' '.join(map(str, y))}. The {X[1][2]} in the middle row of the input is tinted, and so "
        f"are its {len(shared)} copies in the matrix. The second window and its output {y[1]} are framed."
    )
    return figure


def windows_in_memory():
    """The twelve pixels as they lie in memory, and where three windows find their values."""
    figure, axes = canvas(5.3, 3.2)
    cell, left, top = 0.35, 1.05, 0.72
    memory = torch.tensor(X)
    windows = window_view(torch.arange(12).reshape(3, 4), 2, 2)
    grid(axes, [memory.flatten().tolist()], left, top, cell, tint=tinted(1, 4, ACCENT) | tinted(1, 4, ACCENT, 0, 8))
    for row in range(3):
        caption(axes, left + (4 * row + 2) * cell, 0.55, f"row {row}")
    caption(axes, left + 6 * cell, 0.2, "twelve pixels, one after the other")
    caption(axes, 0.5, top + cell / 2, "window")
    words = []
    for line, (i, j) in enumerate(((0, 0), (0, 1), (1, 0))):
        y = 1.5 + 0.5 * line
        caption(axes, 0.5, y, f"{i}, {j}")
        for pixel in windows[i, j].flatten().tolist():
            x = left + pixel * cell
            axes.plot([x + 0.04, x + cell - 0.04], [y, y], color=ACCENT2, linewidth=4)
        first, below = windows[i, j, :, 0].tolist()
        start, end = left + (first + 0.5) * cell, left + (below + 0.5) * cell
        axes.annotate("", (end, y - 0.06), (start, y - 0.06), arrowprops=ARC)
        caption(axes, (start + end) / 2, y, f"+{below - first}")
        places = " ".join(map(str, windows[i, j].flatten().tolist()))
        words.append(f"Window {i}, {j} finds its values at the places {places}.")
    caption(axes, 2.65, 2.97, "one column further: +1, one row further: +4")
    row = " ".join(map(str, memory.flatten().tolist()))
    figure.set_label(
        f"The pixels as they lie in memory, places 0 to 11: {row}. {' '.join(words)} "
        f"In each window, its second row begins {windows.stride()[2]} places after its first."
    )
    return figure


FIGURES = {
    "four-numbers-find-edges.svg": four_numbers,
    "six-windows.svg": six_windows,
    "stride-and-padding.svg": strides,
    "convolution-as-dense-matrix.svg": dense_matrix,
    "windows-as-columns.svg": windows_as_columns,
    "windows-in-memory.svg": windows_in_memory,
}

"""Figures of the lesson convolution-from-scratch. Input is blue, kernel orange, output green."""

import numpy as np
from skimage import data

from snippets.convolution_from_scratch import conv1d, conv2d, output_size
from snippets.figures.style import (
    ACCENT,
    ACCENT2,
    ACCENT3,
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
SOBEL_VERTICAL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
SOBEL_HORIZONTAL = [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]


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


def worked_example():
    figure, axes = canvas(5.2, 2.4)
    y = conv2d(X, KERNEL)
    grid(axes, X, 0.05, 0.45, tint=tinted(2, 2, ACCENT, 0, 1))
    frame(axes, 0.45, 0.45, 2, 2)
    grid(axes, KERNEL, 2.2, 0.65, tint=tinted(2, 2, ACCENT2))
    grid(axes, y, 3.8, 0.65, tint={(0, 1): ACCENT3})
    frame(axes, 4.2, 0.65, 1, 1, color=ACCENT3)
    for x, text in ((0.85, "input, 3 × 4"), (2.6, "kernel, 2 × 2"), (4.4, "output, 2 × 3")):
        caption(axes, x, 0.2, text)
    caption(axes, 1.92, 1.05, "∗", size=18)
    caption(axes, 3.4, 1.05, "=", size=18)
    products = [f"({w})·{v}" if w < 0 else f"{w}·{v}" for w, v in zip((-1, 1, -2, 2), (3, 8, 3, 9), strict=True)]
    caption(axes, 2.6, 2.1, f"{' + '.join(products)} = {y[0][1]}".replace("-", MINUS), size=14)
    figure.set_label(
        f"An input with {rows_in_words(X)}; a kernel with {rows_in_words(KERNEL)}; "
        f"the output with {rows_in_words(y)}. The window with {rows_in_words([row[1:3] for row in X[:2]])} "
        f"is framed, and so is its output {y[0][1]}."
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


def edge_maps():
    figure, axes = canvas(4.8, 5.3)
    vertical, horizontal = edges(SOBEL_VERTICAL), edges(SOBEL_HORIZONTAL)
    panels = (
        (grey(photograph(), levels=32), "the photograph"),
        (grey(abs(vertical) // 2), "vertical edges"),
        (grey(abs(horizontal) // 2), "horizontal edges"),
        (grey(np.hypot(vertical, horizontal) // 2), "both together"),
    )
    for index, (pixels, text) in enumerate(panels):
        left, top = 0.05 + 2.4 * (index % 2), 0.05 + 2.65 * (index // 2)
        picture(axes, pixels, left, top, 2.3)
        caption(axes, left + 1.15, top + 2.44, text)
    return figure


def padding_counts():
    figure, axes = canvas(5, 2.75)
    words = []
    for left, padding in ((0.1, 0), (2.8, 1)):
        counts = np.zeros((5 + 2 * padding, 5 + 2 * padding), dtype=int)
        for i in range(3 + 2 * padding):
            for j in range(3 + 2 * padding):
                counts[i : i + 3, j : j + 3] += 1
        counts = counts[padding : padding + 5, padding : padding + 5]
        full = {(i, j): ACCENT for i in range(5) for j in range(5) if counts[i, j] == 9}
        grid(axes, counts.tolist(), left, 0.5, cell=0.42, tint=full, size=13)
        caption(axes, left + 1.05, 0.25, f"padding {padding}", size=13)
        corner, edge, centre = counts[0, 0], counts[0, 2], counts[2, 2]
        words.append(f"Padding {padding}: corner {corner}, middle of an edge {edge}, centre {centre}.")
    figure.set_label(
        "Two grids of five by five pixels with the number of three by three windows over each pixel. " + " ".join(words)
    )
    return figure


def dense_matrix():
    """Column j holds the outputs for an input that is 1 at pixel j and 0 elsewhere."""
    figure, axes = canvas(5.2, 3.1)
    pixels = range(12)
    columns = [sum(conv2d([[int(4 * i + j == p) for j in range(4)] for i in range(3)], KERNEL), []) for p in pixels]
    matrix = [list(row) for row in zip(*columns, strict=True)]
    colors = {-1: ACCENT, 1: ACCENT, -2: ACCENT2, 2: ACCENT2}
    tint = {(i, j): colors[w] for i, row in enumerate(matrix) for j, w in enumerate(row) if w}
    grid(axes, [[w or "" for w in row] for row in matrix], 0.5, 0.4, cell=0.38, tint=tint)
    caption(axes, 2.78, 0.2, "the 12 input pixels, row by row")
    axes.text(0.25, 1.54, "the 6 outputs", ha="center", va="center", rotation=90, fontsize=12)
    caption(axes, 2.78, 2.9, "blank cells are 0")
    (first, second), (gap, *_) = KERNEL, [column - 1 for column, w in enumerate(matrix[0]) if w == KERNEL[1][0]]
    figure.set_label(
        f"The matrix with {len(matrix)} rows and {len(matrix[0])} columns. The first row starts with {first[0]} and "
        f"{first[1]}; {gap - 1} blank cells later come {second[0]} and {second[1]}. Each row is the one above moved to "
        "the right. All other cells are blank, for zero."
    )
    return figure


FIGURES = {
    "four-numbers-find-edges.svg": four_numbers,
    "one-window-of-six.svg": worked_example,
    "stride-and-padding.svg": strides,
    "sobel-edge-maps.svg": edge_maps,
    "padding-counts.svg": padding_counts,
    "convolution-as-dense-matrix.svg": dense_matrix,
}

"""Figures of the lesson why-convolution. Input is blue, kernel orange, output green."""

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path as Outline
from sklearn.datasets import load_digits

from snippets.figures.style import (
    ACCENT,
    ACCENT2,
    ACCENT3,
    INK,
    MINUS,
    canvas,
    caption,
    grid,
    picture,
)
from snippets.why_convolution import SIZES, as_matrix, dense

X = [0, 3, 1, 0, 0, 0]
DENSE = [[2, -1, 1, 4, -3, 2], [1, 1, 0, 2, -1, 1], [3, 2, -2, 1, 1, 5], [-1, 4, 3, 1, 2, 1]]
LOCAL = [row[i : i + 3] for i, row in enumerate(DENSE)]
SHARED = [LOCAL[0]] * len(LOCAL)
MATRICES = (DENSE, as_matrix(LOCAL, len(X)), as_matrix(SHARED, len(X)))
SPOT = [[1, 4, 2], [5, 9, 6], [2, 3, 7]]
SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]

# Written by `python -m snippets.why_convolution`: torch 2.14.1, one CPU thread. One list for each of five seeds.
RECORDED = {
    "cnn": {
        "shifts 0 to 4": [
            [93.1, 75.0, 93.1, 75.1, 93.9],
            [94.0, 84.5, 94.1, 83.5, 94.1],
            [95.4, 80.8, 95.3, 79.7, 94.3],
            [94.5, 86.0, 94.4, 86.1, 94.3],
            [94.7, 82.8, 94.8, 82.7, 94.3],
        ],
        "first kernels": [  # seed 0, weights in thousandths
            [[21, 134, -338], [-242, -204, 61], [-90, 187, -40]],
            [[110, -348, -175], [-765, -591, -31], [716, 693, 636]],
            [[-479, -566, 306], [728, 419, 820], [115, 341, 762]],
            [[-193, -237, -67], [332, 603, 204], [-291, -557, -572]],
            [[8, 804, 621], [683, 258, -555], [242, -917, -745]],
            [[-756, 470, 579], [-254, 442, 703], [787, 641, 423]],
            [[496, 13, 346], [-71, -625, -473], [495, 499, 86]],
            [[35, 113, -101], [-87, -20, 97], [250, -278, -244]],
            [[630, 707, 764], [867, 377, -57], [-36, -822, -602]],
            [[857, 648, -848], [491, 328, -190], [-587, 436, -399]],
            [[514, 447, 688], [340, -781, -575], [447, 141, -356]],
            [[-262, 239, 177], [-144, -102, -294], [-58, -317, -315]],
            [[-69, 131, -489], [529, -618, 378], [697, -544, -155]],
            [[307, 502, 186], [635, 337, -521], [571, -600, -782]],
            [[-315, -785, 126], [-854, -548, 593], [-642, 265, 803]],
            [[119, -40, -142], [607, 692, 806], [754, 785, 378]],
        ],
        "shuffled": [88.7, 90.1, 90.3, 89.5, 90.4],
        75: [74.7, 77.4, 75.8, 74.5, 83.2],
        150: [88.9, 89.4, 90.1, 88.1, 90.9],
        300: [92.9, 94.6, 94.3, 92.3, 95.2],
        600: [94.5, 93.0, 95.7, 94.3, 94.8],
    },
    "mlp": {
        "shifts 0 to 4": [
            [93.7, 43.8, 11.8, 15.7, 20.2],
            [93.3, 38.2, 10.4, 8.4, 13.5],
            [93.6, 38.3, 9.4, 8.8, 14.9],
            [93.3, 41.1, 10.6, 13.3, 16.8],
            [94.0, 42.1, 11.4, 11.5, 14.9],
        ],
        "shuffled": [93.3, 93.7, 93.7, 93.1, 93.4],
        75: [40.7, 41.5, 42.8, 40.6, 40.0],
        150: [61.6, 60.3, 61.0, 61.2, 61.9],
        300: [75.2, 71.2, 71.0, 72.4, 72.6],
        600: [77.1, 75.7, 73.9, 76.8, 77.4],
    },
    "cnn without pooling": {
        "shifts 0 to 4": [
            [95.9, 95.9, 95.9, 95.9, 95.7],
            [94.2, 94.2, 94.2, 94.2, 94.3],
            [95.6, 95.6, 95.6, 95.7, 95.7],
            [96.4, 96.4, 96.4, 96.3, 96.3],
            [95.6, 95.6, 95.6, 95.6, 95.4],
        ],
    },
}


def three():
    """Digit 3 of the data set, whole numbers (8, 8) from 0 to 16."""
    return load_digits().images[3].astype(int)


def strip_with(column, width=16):
    strip = np.zeros((8, width), dtype=int)
    strip[:, column : column + 8] = three()
    return strip


def cells(axes, values, left, top, cell, color=INK, border=True):
    """Draw an array as squares, the more opaque the larger the absolute value, in up to eight steps."""
    rows, columns = values.shape
    levels = np.ceil(8 * abs(values) / max(1, abs(values).max())).astype(int)
    for level in sorted(set(levels[levels > 0].tolist())):
        corners = [(left + j * cell, top + i * cell) for i, j in np.argwhere(levels == level)]
        squares = [Outline(Outline.unit_rectangle().vertices * cell + corner, closed=True) for corner in corners]
        outline = Outline.make_compound_path(*squares)
        axes.add_patch(PathPatch(outline, facecolor=color, alpha=level / 8, linewidth=0, antialiased=False))
    if border:
        size = (columns * cell, rows * cell)
        axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8))


def same_digit():
    """A three at column 4 and at column 8 of a strip, and the two on top of each other."""
    figure, axes = canvas(5.2, 3.5)
    here, there = strip_with(4), strip_with(8)
    cells(axes, here, 0.05, 0.4, 0.155, ACCENT)
    cells(axes, there, 2.67, 0.4, 0.155, ACCENT2)
    both = ((here > 0) & (there > 0)).astype(int)
    cells(axes, (here > 0).astype(int) - both, 1.36, 2.15, 0.155, ACCENT, border=False)
    cells(axes, (there > 0).astype(int) - both, 1.36, 2.15, 0.155, ACCENT2, border=False)
    cells(axes, both, 1.36, 2.15, 0.155)
    inked, common = int((here > 0).sum()), int(both.sum())
    caption(axes, 1.29, 0.2, f"{inked} inked pixels")
    caption(axes, 3.91, 0.2, f"{inked} inked pixels, moved")
    caption(axes, 2.6, 1.95, f"in common: {common}")
    figure.set_label(
        f"Two strips of 8 by 16 pixels, each with the same handwritten three of {inked} inked pixels, 4 pixels further "
        f"right on the second. Laid on top of each other, they have {common} inked pixels in common."
    )
    return figure


def connections():
    """The three layers of the worked example: lines from inputs to outputs, and the weights as a matrix."""
    figure, axes = canvas(5.3, 6.4)
    names = (
        f"dense: {len(DENSE) * len(X)} weights",
        f"locally connected: {sum(map(len, LOCAL))} weights",
        f"convolution: {len(SHARED[0])} weights",
    )
    for number, (name, matrix) in enumerate(zip(names, MATRICES, strict=True)):
        top = 0.2 + 2.15 * number
        axes.text(0.05, top, name, fontsize=12, va="center_baseline", fontweight="bold")
        one_layer(axes, matrix, top + 0.4, near=number > 0, shared=number == 2)
    outputs = [" ".join(map(str, dense(X, matrix))) for matrix in MATRICES]
    figure.set_label(
        f"Three layers from the input {' '.join(map(str, X))} to four outputs, each as lines and as a matrix. Dense: "
        f"every output has a line to every input, {len(DENSE) * len(X)} weights, outputs {outputs[0]}. Locally "
        f"connected: lines to three neighbours only, {len(LOCAL) * 3} weights, outputs {outputs[1]}. Convolution: the "
        f"same lines, and every output repeats the {len(SHARED[0])} weights {' '.join(map(str, SHARED[0]))}; outputs "
        f"{outputs[2]}."
    )
    return figure


def one_layer(axes, matrix, top, near, shared):
    left, step, below = 0.25, 0.44, top + 1.2
    colors, styles = (ACCENT, ACCENT2, ACCENT3), ("-", (0, (4, 2)), (0, (1, 1.5)))
    tint = {}
    for i, row in enumerate(matrix):
        for j, _ in enumerate(row):
            offset = j - i
            if near and not 0 <= offset < 3:
                continue
            tint[i, j] = colors[offset] if shared else ACCENT2
            line = axes.plot([left + step * j, left + step * (i + 1)], [top + 0.14, below - 0.14], color=tint[i, j])[0]
            line.set(linewidth=1.6 if shared else 0.9, linestyle=styles[offset] if shared else "-")
    for j, value in enumerate(X):
        node(axes, left + step * j, top, value, ACCENT)
    for i, value in enumerate(dense(X, matrix)):
        node(axes, left + step * (i + 1), below, value, ACCENT3)
    shown = [[w if (i, j) in tint else "" for j, w in enumerate(row)] for i, row in enumerate(matrix)]
    grid(axes, shown, 3.0, top - 0.05, cell=0.36, tint=tint, size=11)


def node(axes, x, y, value, color):
    axes.add_patch(Circle((x, y), 0.16, facecolor=color, alpha=0.35, linewidth=0))
    caption(axes, x, y, str(value).replace("-", MINUS), size=11)


def square_of_maps():
    """Shift, then filter, or filter, then shift: the same picture."""
    figure, axes = canvas(5.2, 3.45)
    here, there = strip_with(2), strip_with(6)
    panels = ((here, 0.05, 0.35), (edges(here), 2.95, 0.35), (there, 0.05, 2.25), (edges(there), 2.95, 2.25))
    for number, (values, left, top) in enumerate(panels):
        if number % 2:
            cells(axes, np.maximum(values, 0), left, top, 0.14, ACCENT3)
            cells(axes, np.minimum(values, 0), left, top, 0.14, ACCENT2, border=False)
        else:
            cells(axes, values, left, top, 0.14)
    for left, top in ((2.33, 0.91), (2.33, 2.81)):
        axes.annotate("", (left + 0.58, top), (left, top), arrowprops={"arrowstyle": "->", "linewidth": 1.5})
        caption(axes, left + 0.28, top - 0.17, "filter")
    for left in (1.17, 4.07):
        axes.annotate("", (left, 2.2), (left, 1.52), arrowprops={"arrowstyle": "->", "linewidth": 1.5})
        axes.text(left + 0.1, 1.85, "shift by 4", va="center_baseline", fontsize=12)
    caption(axes, 1.17, 0.17, "digit")
    caption(axes, 4.07, 0.17, "its vertical edges")
    assert (np.roll(edges(here), 4, axis=1) == edges(there)).all()
    figure.set_label(
        "Four strips. Top left a handwritten three; top right its vertical edges, positive ones green, negative ones "
        "orange. Below, both 4 pixels further right. Arrows: filter from left to right, shift from top to bottom. "
        "Both ways lead to the same picture at the bottom right."
    )
    return figure


def edges(image):
    """Sobel's kernel over an image (H, W), circular padding: whole numbers (H, W)."""
    x = torch.tensor(image, dtype=torch.float64)[None, None]
    y = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), torch.tensor([[SOBEL]], dtype=torch.float64))
    return y[0, 0].numpy().astype(int)


def first_kernels():
    """The kernels of the CNN's first layer after training, sorted by sum / sum of sizes, and the three through each."""
    figure, axes = canvas(5.2, 3.75)
    kernels = sorted((np.array(kernel) for kernel in RECORDED["cnn"]["first kernels"]), key=balance)
    for number, kernel in enumerate(kernels):
        left, top = 0.06 + 1.3 * (number % 4), 0.12 + 0.96 * (number // 4)
        signed(axes, kernel, left, top, 0.14)
        signed(axes, three_through(kernel), left + 0.5, top, 0.068)
        caption(axes, left + 0.21, top + 0.57, f"{balance(kernel):.2f}".replace("-", MINUS), size=10)
    values = ", ".join(f"{balance(kernel):.2f}" for kernel in kernels)
    figure.set_label(
        "The 16 kernels of 3 by 3 weights, each with its map of the three; positive values green, negative orange. "
        f"Below each kernel its sum divided by the sum without signs, from least to most: {values}."
    )
    return figure


def balance(kernel):
    """The sum of the weights, divided by the sum of their sizes."""
    return kernel.sum() / abs(kernel).sum()


def three_through(kernel):
    """Outputs (8, 10) of an integer kernel (3, 3) on the three with its surroundings, without bias."""
    x = np.pad(three(), ((1, 1), (2, 2)))
    return sum(kernel[a, b] * x[a : a + 8, b : b + 10] for a in range(3) for b in range(3))


def signed(axes, values, left, top, cell):
    """Draw positive values green and negative ones orange, the more opaque the larger the size, in eight steps."""
    rows, columns = values.shape
    pixels = np.zeros((rows, columns, 4), dtype=np.uint8)
    for color, here in ((ACCENT3, values > 0), (ACCENT2, values < 0)):
        pixels[here, :3] = list(bytes.fromhex(color[1:]))
    pixels[..., 3] = -(-8 * abs(values) // abs(values).max()) * 255 // 8
    picture(axes, pixels, left, top, columns * cell, smooth=False)
    size = (columns * cell, rows * cell)
    axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8))


def accuracy_by_shift():
    """Networks trained on digits in the middle of the strip, tested on digits further right."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    axes = figure.subplots()
    words = []
    lines = (("cnn without pooling", ACCENT3, "s"), ("cnn", ACCENT, "o"), ("mlp", ACCENT2, "^"))
    for number, (name, color, marker) in enumerate(lines):
        runs = np.array(RECORDED[name]["shifts 0 to 4"])  # (seeds, shifts)
        places = np.arange(5) + 0.07 * (number - 1)
        axes.plot(places, runs.mean(axis=0), color=color, linewidth=1.3)
        axes.plot(places, runs.T, marker, color=color, markersize=4, markeredgewidth=0)
        words.append(f"{name}: " + ", ".join(f"{value:.1f} %" for value in runs.mean(axis=0)))
    axes.text(1.0, 99.5, "CNN without pooling", color=ACCENT3, ha="center", va="bottom", fontsize=11)
    axes.text(2.95, 71.5, "CNN with pooling", color=ACCENT, ha="center", va="top", fontsize=11)
    axes.text(1.2, 43, "MLP", color=ACCENT2, ha="left", fontsize=11)
    axes.axhline(10, color=INK, linewidth=0.8, linestyle=":")
    axes.text(-0.2, 12, "guessing", ha="left", va="bottom", fontsize=10)
    axes.set(xticks=range(5), ylim=(0, 108), yticks=(0, 20, 40, 60, 80, 100))
    axes.set(xlabel="shift to the right, pixels", ylabel="read correctly, %")
    figure.set_label(
        "Accuracy on test digits against the shift, 0 to 4 pixels, means of five runs. "
        + "; ".join(words).replace("cnn", "CNN").replace("mlp", "MLP")
        + ". A dotted line marks guessing, 10 %."
    )
    return figure


def accuracy_by_examples():
    """Networks trained and tested on digits at random columns, against the number of training images."""
    figure = Figure(figsize=(5.2, 3.0), layout="constrained")
    axes = figure.subplots()
    words = []
    for name, color, marker in (("cnn", ACCENT, "o"), ("mlp", ACCENT2, "^")):
        runs = np.array([RECORDED[name][size] for size in SIZES])  # (sizes, seeds)
        axes.plot(SIZES, runs.mean(axis=1), color=color, linewidth=1.3)
        axes.plot(SIZES, runs, marker, color=color, markersize=4, markeredgewidth=0)
        words.append(f"{name.upper()}: " + ", ".join(f"{value:.1f} %" for value in runs.mean(axis=1)))
    axes.text(140, 93, "CNN", color=ACCENT, ha="right", fontsize=11)
    axes.text(300, 67, "MLP", color=ACCENT2, ha="left", va="top", fontsize=11)
    axes.set(xscale="log", ylim=(30, 100), xlabel="training images", ylabel="read correctly, %")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.minorticks_off()
    figure.set_label(
        "Accuracy on test digits at random columns against the number of training images, "
        f"{', '.join(map(str, SIZES))}, means of five runs. {'; '.join(words)}."
    )
    return figure


def two_corners():
    """A spot in two corners, its feature map under Sobel's kernel, and the largest value of each map."""
    figure, axes = canvas(5.2, 3.9)
    largest = []
    for row, corner in enumerate((1, 4)):
        top = 0.45 + 1.75 * row
        image = np.zeros((8, 8), dtype=int)
        image[corner : corner + 3, corner : corner + 3] = SPOT
        feature_map = np.maximum(edges(image), 0)
        cells(axes, image, 0.15, top, 0.18)
        cells(axes, feature_map, 2.15, top, 0.18, ACCENT3)
        largest.append(int(feature_map.max()))
        grid(axes, [[largest[-1]]], 4.3, top + 0.5, cell=0.44, tint={(0, 0): ACCENT3})
        for left in (1.66, 3.68):
            axes.annotate("", (left + 0.44, top + 0.72), (left, top + 0.72), arrowprops={"arrowstyle": "->"})
    for x, text in ((0.87, "image"), (2.87, "feature map"), (4.52, "largest")):
        caption(axes, x, 0.22, text)
    figure.set_label(
        "Two images of 8 by 8 pixels with the same spot, top left and bottom right. Their "
        "feature maps hold the same values, moved. "
        f"The largest value is {largest[0]} in the first map, {largest[1]} in the second."
    )
    return figure


FIGURES = {
    "why-convolution-same-digit.svg": same_digit,
    "why-convolution-connections.svg": connections,
    "why-convolution-shift-filter.svg": square_of_maps,
    "why-convolution-first-kernels.svg": first_kernels,
    "why-convolution-accuracy-by-shift.svg": accuracy_by_shift,
    "why-convolution-accuracy-by-examples.svg": accuracy_by_examples,
    "why-convolution-two-corners.svg": two_corners,
}

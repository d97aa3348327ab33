"""Figures of the lesson convolution-layer. Input is blue, kernel orange, output green."""

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image
from skimage import data

from snippets.convolution_layer import conv_layer, output_size, pad_row, times_read
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

X = [[[1, 3, 8, 9], [2, 3, 9, 6], [1, 3, 6, 8]], [[2, 0, 1, 1], [0, 1, 2, 0], [1, 0, 0, 3]]]
WEIGHT = [[[[-1, 1], [-2, 2]], [[1, 0], [0, -1]]], [[[0, 1], [1, 0]], [[1, -1], [2, 0]]]]
BIAS = [1, -3]
MODES = ("zeros", "reflect", "replicate", "circular")


def photograph(step):
    """Every step-th pixel of scikit-image's photograph of an astronaut, uint8 (512 / step, 512 / step, 3)."""
    return data.astronaut()[::step, ::step]


def few_colours(pixels, count=40):
    """Return the photograph with its `count` most useful colours only: the file shrinks to a third."""
    image = Image.fromarray(pixels).quantize(count, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.asarray(image.convert("RGB"))


def three_numbers():
    figure, axes = canvas(5.2, 2.35)
    photo = photograph(4)
    red, green, blue = photo.astype(int).transpose(2, 0, 1)
    weights = (1, 0, -1)
    response = sum(w * channel for w, channel in zip(weights, (red, green, blue), strict=True))
    picture(axes, few_colours(photo), 0.05, 0.05, 1.9)
    for row, (w, name) in enumerate(zip(weights, ("red", "green", "blue"), strict=True)):
        grid(axes, [[w]], 2.05, 0.3 + 0.45 * row, tint=tinted(1, 1, ACCENT2))
        axes.text(2.53, 0.5 + 0.45 * row, name, fontsize=12, va="center_baseline")
    axes.annotate("", (3.18, 1.8), (2.02, 1.8), arrowprops={"arrowstyle": "->", "linewidth": 1.5})
    picture(axes, grey(response), 3.25, 0.05, 1.9)
    for x, text in ((1, "the photograph"), (2.6, "three numbers"), (4.2, "what they find")):
        caption(axes, x, 2.15, text)
    figure.set_label(
        "A colour photograph of an astronaut in an orange suit, with a flag, a model of a white space shuttle and a "
        f"pale wall behind her; three weights, {weights[0]} for red, {weights[1]} for green and {weights[2]} for blue; "
        "and the result, in which the orange suit and the red stripes of the flag are bright and all that is white, "
        "grey or black has gone dark."
    )
    return figure


def worked_example():
    figure, axes = canvas(5.2, 4.3)
    y, cell = conv_layer(X, WEIGHT, BIAS), 0.36
    for c, top in ((0, 0.6), (1, 2.4)):
        grid(axes, X[c], 0.05, top, cell, tint=tinted(2, 2, ACCENT, 0, 1))
        frame(axes, 0.05 + cell, top, 2, 2, cell)
        caption(axes, 0.05 + 2 * cell, top + 3 * cell + 0.18, f"channel {c}", size=11)
    for o, top in ((0, 0.6), (1, 2.4)):
        for c, left in ((0, 1.85), (1, 2.75)):
            grid(axes, WEIGHT[o][c], left, top + 0.2, cell, tint=tinted(2, 2, ACCENT2))
            caption(axes, left + cell, top + 0.06, f"slice {c}", size=11)
        caption(axes, 2.66, top + 2 * cell + 0.4, f"filter {o}, bias {BIAS[o]}".replace("-", MINUS), size=11)
        box = Rectangle((1.76, top - 0.08), 1.8, 2 * cell + 0.64, fill=False, edgecolor=ACCENT2, linewidth=1.5)
        axes.add_patch(box)
        grid(axes, y[o], 4.05, top, cell, tint={(0, 1): ACCENT3})
        frame(axes, 4.05 + cell, top, 1, 1, cell, color=ACCENT3)
        caption(axes, 4.05 + 1.5 * cell, top + 2 * cell + 0.18, f"channel {o}", size=11)
        axes.annotate("", (3.98, top + cell), (3.62, top + cell), arrowprops={"arrowstyle": "->", "linewidth": 1.5})
    for c, start in enumerate((0.6 + 1.5 * cell, 2.4 + 1.5 * cell)):
        for end in (0.6 + cell, 2.4 + cell):
            axes.plot([1.51, 1.74], [start, end + 0.2 * c - 0.1], color=ACCENT, linewidth=1.5)
    heads = ((0.77, "input", "2 × 3 × 4"), (2.66, "two filters", "2 × 2 × 2 each"), (4.6, "output", "2 × 2 × 3"))
    for x, first, second in heads:
        caption(axes, x, 0.15, first)
        caption(axes, x, 0.38, second, size=11)
    sums = [sum(w * X[c][a][1 + b] for a in (0, 1) for b, w in enumerate(WEIGHT[0][c][a])) for c in (0, 1)]
    terms = f"{sums[0]} + ({sums[1]}) + {BIAS[0]} = {y[0][0][1]}".replace("-", MINUS)
    caption(axes, 2.6, 4.08, f"filter 0, framed window: {terms}", size=12)
    words = [
        f"Filter {o} has the slices with {rows_in_words(WEIGHT[o][0])}, and {rows_in_words(WEIGHT[o][1])}, and the "
        f"bias {BIAS[o]}; its output has {rows_in_words(y[o])}."
        for o in (0, 1)
    ]
    figure.set_label(
        f"An input of two channels, one with {rows_in_words(X[0])}, the other with {rows_in_words(X[1])}. "
        f"{' '.join(words)} The window at row 0, column 1 is framed in both channels: "
        f"filter 0 gives {sums[0]} and {sums[1]} there, with the bias {y[0][0][1]}."
    )
    return figure


def padding_modes():
    figure, axes = canvas(5.2, 6.0)
    row, p = X[0][0], 2
    photo = few_colours(photograph(8), 24)
    words = []
    for index, mode in enumerate(MODES):
        left, top = 0.05 + 2.6 * (index % 2), 0.05 + 3.0 * (index // 2)
        padded = pad_row(row, p, mode)
        caption(axes, left + 1.25, top + 0.12, mode, size=13)
        grid(axes, [padded], left + 0.05, top + 0.3, 0.3, tint=tinted(1, len(row), ACCENT, 0, p), size=12)
        option = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
        pixels = np.pad(photo, ((16, 16), (16, 16), (0, 0)), mode=option)
        picture(axes, pixels, left + 0.2, top + 0.75, 2.1)
        outline = Rectangle((left + 0.2, top + 0.75), 2.1, 2.1, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8)
        axes.add_patch(outline)
        side = 2.1 / 96
        corner = (left + 0.2 + 16 * side, top + 0.75 + 16 * side)
        axes.add_patch(Rectangle(corner, 64 * side, 64 * side, fill=False, edgecolor=ACCENT, linewidth=1.5))
        words.append(f"{mode}: {' '.join(map(str, padded))}")
    figure.set_label(
        f"The row {' '.join(map(str, row))} with {p} more values at each end, and a photograph with a wide border, in "
        f"four ways. {'; '.join(words)}. Around the photograph: black; its mirror image; its outermost pixels drawn "
        "out to stripes; the opposite side of the picture."
    )
    return figure


def walks():
    """A 3 x 3 kernel on 5 x 5 pixels, four ways: its first and its last window, the taps filled, and the outputs."""
    figure, axes = canvas(5.2, 4.05)
    n, k, cell = 5, 3, 0.215
    words = []
    for index, (s, p, d) in enumerate(((1, 0, 1), (2, 0, 1), (1, 0, 2), (2, 1, 1))):
        left, top = 0.08 + 2.62 * (index % 2), 0.1 + 2.0 * (index // 2)
        side, count = n + 2 * p, output_size(n, k, s, p, d)
        reach, last = d * (k - 1) + 1, s * (count - 1)
        caption(axes, left + 1.2, top + 0.1, f"stride {s}, dilation {d}, padding {p}", size=11)
        starts = sorted({0, last})
        tint = {(t + a * d, t + b * d): ACCENT2 for t in starts for a in range(k) for b in range(k)}
        inside = range(p, p + n)
        cells = [["" if i in inside and j in inside else 0 for j in range(side)] for i in range(side)]
        x, y = left + (1 - p) * cell, top + 0.32 + (1 - p) * cell
        grid(axes, cells, x, y, cell, tint, size=10)
        if p:
            frame(axes, x + p * cell, y + p * cell, n, n, cell)
        for t, line in zip(starts, ("-", (0, (2, 1))), strict=False):
            size = reach * cell
            corner = (x + t * cell, y + t * cell)
            axes.add_patch(Rectangle(corner, size, size, fill=False, edgecolor=ACCENT2, linewidth=2.5, linestyle=line))
        across, down = np.meshgrid(np.arange(count) * s * cell, np.arange(count) * s * cell)
        axes.plot(x + across.ravel(), y + down.ravel(), "o", color=INK, markersize=5)
        tail, centre = left + 7 * cell, top + 0.32 + 3.5 * cell
        arrow = {"arrowstyle": "->", "linewidth": 1.5}
        axes.annotate("", (tail + 0.26, centre), (tail + 0.04, centre), arrowprops=arrow)
        start = tail + 0.32 + (3 - count) * cell / 2
        ends = {(t, t): ACCENT3 for t in (0, count - 1)}
        grid(axes, [[""] * count] * count, start, centre - count * cell / 2, cell, ends)
        caption(axes, tail + 0.32 + 1.5 * cell, centre + 1.5 * cell + 0.2, f"{count} × {count}")
        taps = ", ".join(str(a * d) for a in range(k))
        place = f"the last window at {last}" if last else "no other window"
        words.append(f"Stride {s}, dilation {d}, padding {p}: taps at {taps}, {place}; {count} × {count} outputs.")
    figure.set_label(
        f"Four grids of {n} × {n} pixels under a kernel of {k} × {k}, with the first and the last window, and a "
        f"dot for each window. Rows and columns are alike. {' '.join(words)} Around the last grid is a ring of zeros."
    )
    return figure


def last_start():
    """The padded row, the two windows of a dilated kernel, and how far the first tap may go."""
    n, k, s, p, d = 4, 2, 2, 1, 2
    figure, axes = canvas(5.2, 2.75)
    row, cell, left = pad_row(X[0][0], p), 0.6, 1.5
    caption(axes, 0.7, 0.2, "position")
    caption(axes, 0.7, 0.7, "padded row")
    for position in range(len(row)):
        caption(axes, left + (position + 0.5) * cell, 0.2, str(position), size=11)
    grid(axes, [row], left, 0.4, cell, tint=tinted(1, n, ACCENT, 0, p), size=13)
    last = n + 2 * p - 1 - d * (k - 1)
    count = output_size(n, k, s, p, d)
    for i in range(count):
        y = 1.3 + 0.4 * i
        taps = [left + (i * s + a * d + 0.5) * cell for a in range(k)]
        axes.plot(taps, [y] * k, color=ACCENT2, linewidth=2, marker="o", markersize=9)
        caption(axes, 0.7, y, f"window {i}, t = {i * s}")
    y = 1.3 + 0.4 * count
    taps = [left + (last + a * d + 0.5) * cell for a in range(k)]
    axes.plot(taps, [y] * k, color=ACCENT2, linewidth=2, marker="o", markersize=9, mfc="none", linestyle=":")
    caption(axes, 0.7, y, f"last place, {last}")
    caption(axes, 2.6, 2.55, f"starts 0, {s}, {2 * s}, … up to {last}: {count} windows", size=12)
    figure.set_label(
        f"The row {' '.join(map(str, row))} at the positions 0 to {len(row) - 1}; the outer two values are padding. A "
        f"kernel of {k} with dilation {d} and stride {s}: the first window starts at 0 and its last tap stands at "
        f"{d * (k - 1)}; the second starts at {s} and ends at {s + d * (k - 1)}. A dotted window shows the last place "
        f"at which the kernel fits, {last}; no start falls there. So there are {count} windows."
    )
    return figure


def groups():
    figure, axes = canvas(5.2, 2.6)
    words = []
    for left, count in ((0.55, 1), (2.25, 2), (3.95, 4)):
        tint = {(o, c): ACCENT2 for o in range(4) for c in range(4) if o * count // 4 == c * count // 4}
        grid(axes, [[""] * 4] * 4, left, 0.7, 0.3, tint=tint)
        caption(axes, left + 0.6, 0.18, f"groups = {count}", size=12)
        caption(axes, left + 0.6, 2.1, f"{len(tint)} slices", size=12)
        words.append(f"groups {count}: {len(tint)} slices")
        for i in range(4):
            caption(axes, left + 0.15 + 0.3 * i, 0.52, str(i), size=11)
            caption(axes, left - 0.13, 0.85 + 0.3 * i, str(i), size=11)
    axes.text(0.13, 1.3, "filter", ha="center", va="center", rotation=90, fontsize=12)
    caption(axes, 2.85, 2.4, "columns: input channels", size=12)
    figure.set_label(
        "Three grids of four by four cells, a row for each filter and a column for each input channel; a filled cell "
        f"is a slice of weights. {'; '.join(words)}. With one group all cells are filled, with two groups two blocks "
        "of two by two on the diagonal, with four groups the diagonal alone."
    )
    return figure


def times_used():
    """How many windows of 3 x 3 read each of 6 x 6 pixels: the counts of the rows times those of the columns."""
    figure, axes = canvas(5.2, 2.35)
    words = []
    for left, stride, padding in ((0.05, 1, 0), (1.8, 1, 1), (3.55, 2, 0)):
        line = np.array(times_read(6, 3, stride, padding))
        counts = np.outer(line, line)
        tint = {tuple(place): ACCENT for place in np.argwhere(counts == counts.max())}
        tint |= {tuple(place): ACCENT2 for place in np.argwhere(counts == 0)}
        grid(axes, counts.tolist(), left, 0.62, 0.265, tint=tint, size=11)
        caption(axes, left + 0.8, 0.15, f"stride {stride}")
        caption(axes, left + 0.8, 0.4, f"padding {padding}")
        words.append(
            f"Stride {stride}, padding {padding}: upper left corner {counts[0, 0]}, middle of the upper edge "
            f"{counts[0, 2]}, most {counts.max()}, lower right corner {counts[5, 5]}."
        )
    figure.set_label(
        "Three grids of six by six pixels with the number of three by three windows that read each pixel. "
        + " ".join(words)
        + " In the last grid all of the last row and the last column is 0."
    )
    return figure


FIGURES = {
    "three-numbers-find-a-colour.svg": three_numbers,
    "two-channels-two-filters.svg": worked_example,
    "stride-dilation-padding.svg": walks,
    "padding-modes.svg": padding_modes,
    "last-start.svg": last_start,
    "groups.svg": groups,
    "times-read.svg": times_used,
}

"""Figures of the lesson receptive-field. Pixels are blue, layers between orange, outputs green."""

import numpy as np
from matplotlib.patches import PathPatch, Polygon
from matplotlib.path import Path
from skimage import data

from snippets.figures.style import (
    ACCENT,
    ACCENT2,
    ACCENT3,
    INK,
    canvas,
    caption,
    frame,
    grey,
    grid,
    picture,
    tinted,
)
from snippets.receptive_field import Layer, receptive_field, trace_back, width_holding

SAME = Layer(3, padding=1)
HALVE = Layer(2, 2)
VGG = 2 * [SAME] + [HALVE] + 2 * [SAME] + [HALVE] + (3 * [SAME] + [HALVE]) * 2 + 3 * [SAME]
WORKED = [Layer(3), Layer(2, 2), Layer(3)]
DEPTHS = (5, 10, 20, 40)


def photograph():
    """Return the middle of scikit-image's cat, grey and brightened: (224, 224), from 0 to 255."""
    return np.minimum(255, 1.5 * data.cat()[20:244, 130:354].mean(axis=-1))


def two_frames():
    """Show the fields of two units near the middle: number 112 of 224, and number 7 of 14, in each direction."""
    figure, axes = canvas(5.2, 3.05)
    pixels = grey(photograph()[::2, ::2], levels=16)
    plain, vgg = receptive_field(13 * [SAME])[0], receptive_field(VGG)[0]
    sides = ((0.05, 13 * [SAME], 112, "13 convolutions"), (2.7, VGG, 7, "plus 4 poolings"))
    for left, layers, unit, text in sides:
        width = 2.45
        picture(axes, pixels, left, 0.05, width)
        first, last = trace_back(layers, unit, unit)
        size = last - first + 1
        side = size / 224 * width
        corner = (left + first / 224 * width, 0.05 + first / 224 * width)
        frame(axes, *corner, 1, 1, cell=side, color=ACCENT2)
        caption(axes, left + width / 2, 2.65, text)
        caption(axes, left + width / 2, 2.88, f"{size} × {size} pixels")
    figure.set_label(
        f"Twice the same photograph of a cat's face, 224 by 224 pixels. Left, 13 convolutions: a frame of {plain} by "
        f"{plain} pixels holds a bit of fur between the eyes. Right, 13 convolutions and 4 poolings: a frame of {vgg} "
        f"by {vgg} pixels holds most of the face."
    )
    return figure


def pyramid():
    """Trace output 1 of the worked example back to twelve pixels."""
    figure, axes = canvas(5.2, 4.1)
    cell, left = 0.36, 0.8
    widths, names = (12, 10, 5, 3), ("pixels", "conv 3", "pool 2/2", "conv 3")
    colors = (ACCENT, ACCENT2, ACCENT2, ACCENT3)
    steps = [trace_back(WORKED[level:], 1, 1) for level in range(4)]
    middle = left + sum(steps[0], 1) * cell / 2
    spans = []
    for level, (width, (first, last)) in enumerate(zip(widths, steps, strict=True)):
        top = 3.15 - level * 0.95
        start = middle - (first + last + 1) * cell / 2
        grid(axes, [list(range(width))], start, top, cell, tint=tinted(1, last - first + 1, colors[level], 0, first))
        frame(axes, start + first * cell, top, 1, last - first + 1, cell, colors[level])
        axes.text(0.05, top + cell / 2, names[level], fontsize=11, va="center_baseline")
        spans.append((start + first * cell, start + (last + 1) * cell, top))
    for (a, b, below), (c, d, above) in zip(spans, spans[1:], strict=False):
        corners = [(a, below), (b, below), (d, above + cell), (c, above + cell)]
        axes.add_patch(Polygon(corners, facecolor=ACCENT, alpha=0.13, linewidth=0))
    counts = np.convolve(np.repeat([1, 1, 1], 2), [1, 1, 1]).tolist()
    first = steps[0][0]
    for place, count in enumerate(counts):
        caption(axes, left + (first + place + 0.5) * cell, 3.74, str(count))
    axes.text(0.05, 3.74, "ways", fontsize=11, va="center_baseline")
    intervals = [f"{first} to {last}" for first, last in steps]
    figure.set_label(
        "Four rows of numbered cells, one above the other. Output 1 on top depends on the outputs "
        f"{intervals[2]} of the pooling, these on the outputs {intervals[1]} of the first convolution, and these on "
        f"the pixels {intervals[0]}. Below the pixels, the number of ways from each one to the output: "
        f"{' '.join(map(str, counts))}."
    )
    return figure


def bars():
    """Draw the field of each output as a bar over the pixels it sees, without and with padding."""
    figure, axes = canvas(5.2, 3.85)
    cell, left = 0.22, 1.65
    words = []
    padded = [Layer(3, padding=1), Layer(2, 2), Layer(3, padding=1)]
    for top, layers, outputs, text in ((0.4, WORKED, 3, "padding 0"), (2.0, padded, 6, "padding 1")):
        size, jump, start = receptive_field(layers)
        caption(axes, left + 6 * cell, top - 0.2, text)
        grid(axes, [list(range(12))], left, top, cell, tint=tinted(1, 12, ACCENT), size=10)
        if start:
            blank = [[""] * -start]
            for side in (left + start * cell, left + 12 * cell):
                grid(axes, blank, side, top, cell)
        for output in range(outputs):
            first = start + output * jump
            y = top + cell + 0.16 + 0.26 * output
            x = np.array([first + 0.1, first + size - 0.1]) * cell + left
            axes.plot(x, [y, y], color=ACCENT3, linewidth=4, solid_capstyle="butt")
            axes.plot([x.mean()], [y], "o", color=ACCENT2, markersize=5)
            axes.text(0.05, y, f"output {output}", fontsize=10, va="center_baseline")
        words.append(
            f"{text.capitalize()}: {outputs} bars, each over {size} pixels, the first from {start}, "
            f"each {jump} further right than the one above"
        )
    figure.set_label(
        "Twelve pixels and, below them, a bar for each output with a dot in its centre. "
        + "; ".join(words) + ". Here the outer bars hang over into the zeros."
    )
    return figure


def read_counts(dilations):
    """Return how many ways lead from each pixel of one row to the output, through kernels of three."""
    counts = np.array([1])
    for dilation in dilations:
        kernel = np.zeros(2 * dilation + 1, dtype=int)
        kernel[::dilation] = 1
        counts = np.convolve(counts, kernel)
    return counts


def gridding():
    figure, axes = canvas(5.2, 2.95)
    words = []
    for left, dilations in ((0.1, (2, 2, 2)), (2.7, (1, 2, 3))):
        row = read_counts(dilations)
        counts = np.outer(row, row)
        cell = 2.4 / len(row)
        corners = np.array([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)])
        cells = Path.make_compound_path(
            *[Path((corners + place) * cell + (left, 0.1), closed=True) for place in np.argwhere(counts)]
        )
        axes.add_patch(PathPatch(cells, facecolor=ACCENT, alpha=0.5, linewidth=0))
        lines = np.arange(len(row) + 1) * cell
        axes.hlines(0.1 + lines, left, left + 2.4, color=INK, alpha=0.45, linewidth=0.6)
        axes.vlines(left + lines, 0.1, 2.5, color=INK, alpha=0.45, linewidth=0.6)
        caption(axes, left + 1.2, 2.7, f"dilations {', '.join(map(str, dilations))}")
        read = int((counts > 0).sum())
        words.append(f"Dilations {', '.join(map(str, dilations))}: {read} of {counts.size} cells are coloured")
    figure.set_label(
        f"Two fields of {len(row)} by {len(row)} pixels; the pixels that the output depends on are coloured. "
        f"{words[0]}, every second one in every second row. {words[1]}, all of them."
    )
    return figure


def shares(depth):
    """Return the share of each pixel of a row in all ways through `depth` kernels of three: (2 * depth + 1,)."""
    share = np.ones(1)
    for _ in range(depth):
        share = np.convolve(share, [1 / 3] * 3)
    return share


def heat():
    """Show the shares of one unit's ways through 3x3 layers, and its field as a frame."""
    figure, axes = canvas(5.2, 5.55)
    words = []
    for index, depth in enumerate(DEPTHS):
        left, top = 0.1 + 2.6 * (index % 2), 0.1 + 2.75 * (index // 2)
        share = shares(depth)
        size = len(share)
        pixels = np.zeros((81, 81))
        inside = slice(40 - depth, 41 + depth)
        pixels[inside, inside] = np.outer(share, share)
        picture(axes, grey(255 * (pixels / pixels.max()) ** 0.5, levels=32), left, top, 2.4, smooth=False)
        corner = 2.4 * (40 - depth) / 81
        frame(axes, left + corner, top + corner, 1, 1, cell=2.4 * size / 81, color=ACCENT2)
        caption(axes, left + 1.2, top + 2.53, f"{depth} layers, field {size}")
        words.append(f"{depth} layers, frame {size}")
    figure.set_label(
        "Four dark squares, each with a round bright spot that fades outwards, and a frame for the receptive field: "
        + "; ".join(words) + ". The frame grows much faster than the spot."
    )
    return figure


def growth():
    figure, axes = canvas(5.2, 3.2)
    axes.remove()
    axes = figure.add_axes((0.13, 0.17, 0.82, 0.77))
    depth = np.arange(0, 41)
    axes.plot(depth, 2 * depth + 1, color=ACCENT2, linewidth=2)
    axes.plot(depth, 4 * np.sqrt(2 * depth / 3), color=ACCENT, linewidth=2)
    widths = [width_holding(shares(n)) for n in DEPTHS]
    axes.plot(DEPTHS, widths, "o", color=ACCENT)
    axes.text(24, 62, "receptive field", color=ACCENT2, fontsize=12, ha="right")
    axes.text(38, 26, "holds 95 % of the influence", color=ACCENT, fontsize=12, ha="right")
    axes.set(xlim=(0, 41), ylim=(0, 85), xlabel="layers with a 3 × 3 kernel", ylabel="width in pixels")
    axes.set_xticks([0, *DEPTHS])
    last = DEPTHS[-1]
    figure.set_label(
        f"Two curves over the number of layers. The receptive field is a straight line up to {2 * last + 1} pixels at "
        f"{last} layers. The width that holds 95 % of the influence bends and reaches {widths[-1]} pixels."
    )
    return figure


FIGURES = {
    "two-frames.svg": two_frames,
    "one-output-traced-back.svg": pyramid,
    "fields-as-bars.svg": bars,
    "dilation-gridding.svg": gridding,
    "influence-of-deep-stacks.svg": heat,
    "field-and-influence.svg": growth,
}

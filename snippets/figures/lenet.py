"""Figures of the lesson lenet."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, MINUS, canvas, caption, grid
from snippets.lenet import BARS, SEGMENTS, connections

# name, maps, side of a map, trainable parameters
LAYERS = [
    ("input", 1, 32, 0),
    ("C1", 6, 28, 156),
    ("S2", 6, 14, 12),
    ("C3", 16, 10, 1516),
    ("S4", 16, 5, 32),
    ("C5", 120, 1, 48120),
    ("F6", 84, 1, 10164),
    ("output", 10, 1, 0),
]
COLORS = {"C": ACCENT, "S": ACCENT2, "F": ACCENT3}
WINDOW = [[1, 2], [0, 1]]
WEIGHT, BIAS = 0.5, -0.5


def architecture():
    figure, axes = canvas(5.3, 2.2)
    for i, (name, maps, side, parameters) in enumerate(LAYERS):
        x, size = 0.72 + 0.575 * i, 0.12 + side / 32 * 0.36
        color = COLORS.get(name[0], INK)
        for k in range(min(maps, 4) - 1, -1, -1):
            corner = (x + 0.03 * k, 0.8 - size / 2 - 0.04 * k)
            axes.add_patch(Rectangle(corner, size, size, facecolor=color, alpha=0.25, edgecolor="none"))
            axes.add_patch(Rectangle(corner, size, size, fill=False, edgecolor=color, linewidth=1))
        caption(axes, x + 0.22, 0.2, name, size=11)
        for y, text in ((1.3, f"{maps}"), (1.6, f"{side}×{side}"), (1.9, f"{parameters:,}")):
            caption(axes, x + 0.22, y, text, size=10)
    for y, text in ((1.3, "maps"), (1.6, "size"), (1.9, "trained")):
        axes.text(0.05, y, text, fontsize=10, va="center_baseline", alpha=0.75)
    rows = ", ".join(f"{name} {maps} of {side} by {side}" for name, maps, side, _ in LAYERS)
    counts = ", ".join(f"{name} {count:,}" for name, _, _, count in LAYERS if count)
    figure.set_label(f"LeNet-5 from left to right, as stacks of maps: {rows}. Trained parameters: {counts}.")
    return figure


def subsampling():
    figure, axes = canvas(5.3, 1.35)
    total = sum(map(sum, WINDOW))
    grid(axes, WINDOW, 0.2, 0.3, tint={(i, j): ACCENT for i in range(2) for j in range(2)})
    caption(axes, 1.45, 0.7, "sum")
    grid(axes, [[total]], 1.85, 0.5)
    caption(axes, 2.65, 0.7, f"× {WEIGHT}")
    grid(axes, [[total * WEIGHT]], 3.0, 0.5)
    caption(axes, 3.85, 0.7, f"+ ({MINUS}{-BIAS})")
    grid(axes, [[total * WEIGHT + BIAS]], 4.3, 0.5, tint={(0, 0): ACCENT2})
    caption(axes, 2.75, 1.2, "weight and bias are the same for the whole map, and trained", size=10)
    figure.set_label(
        f"A window of four values, {WINDOW[0][0]} and {WINDOW[0][1]} above {WINDOW[1][0]} and {WINDOW[1][1]}. Their "
        f"sum is {total}; times the weight {WEIGHT} it is {total * WEIGHT}; plus the bias {BIAS} it is "
        f"{total * WEIGHT + BIAS}."
    )
    return figure


def table():
    figure, axes = canvas(5.3, 2.3)
    for column, row in enumerate(connections()):
        for i in range(6):
            x, y = 0.75 + 0.27 * column, 0.45 + 0.27 * i
            face = {"facecolor": ACCENT, "alpha": 0.8} if i in row else {"fill": False, "alpha": 0.3}
            axes.add_patch(Rectangle((x, y), 0.23, 0.23, edgecolor=INK, linewidth=0.5, **face))
        caption(axes, 0.865 + 0.27 * column, 0.27, str(column), size=10)
    for i in range(6):
        caption(axes, 0.55, 0.565 + 0.27 * i, str(i), size=10)
    axes.text(0.75, 0.08, "map of C3", fontsize=10, va="center")
    axes.text(0.18, 1.25, "map of S2", fontsize=10, va="center", ha="center", rotation=90)
    caption(axes, 2.9, 2.2, f"{sum(map(len, connections()))} of 96 kernels are there", size=10)
    figure.set_label(
        "The connection table: which of the six maps of S2, in rows, each of the 16 maps of C3, in columns, reads. "
        + "; ".join(f"{k}: {' '.join(map(str, row))}" for k, row in enumerate(connections()))
        + "."
    )
    return figure


def digits():
    figure = Figure(figsize=(5.3, 1.0))
    axes = figure.add_axes((0.01, 0.02, 0.98, 0.96))
    axes.set_axis_off()
    axes.set(xlim=(0, 93), ylim=(13, -1))
    for digit, bars in enumerate(SEGMENTS):
        for rows, columns in (BARS[bar] for bar in bars):
            corner = (2 + 9 * digit + columns.start, rows.start)
            size = (columns.stop - columns.start, rows.stop - rows.start)
            axes.add_patch(Rectangle(corner, *size, facecolor=INK, edgecolor="none"))
    axes.set_aspect("equal")
    figure.set_label("The ten target pictures, 0 to 9, twelve rows of seven pixels each, made of seven bars.")
    return figure


FIGURES = {
    "lenet-layers.svg": architecture,
    "lenet-subsampling.svg": subsampling,
    "lenet-connections.svg": table,
    "lenet-targets.svg": digits,
}

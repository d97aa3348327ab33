"""Figures of the lesson inception."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, canvas, caption, grid
from snippets.inception import BLOCKS

IN_CHANNELS = 192
PIXEL, WEIGHTS = [3, 1, 2, 0], [[1, 0, 1, 2], [0, 2, 1, 1]]  # four channels, two filters of 1x1


def box(axes, x, y, text, color):
    axes.add_patch(Rectangle((x, y - 0.15), 0.98, 0.3, facecolor=color, alpha=0.22, edgecolor="none"))
    axes.add_patch(Rectangle((x, y - 0.15), 0.98, 0.3, fill=False, edgecolor=color, linewidth=1))
    caption(axes, x + 0.49, y, text, size=10)


def line(axes, start, end):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1})


def block():
    one, three, five, pool = BLOCKS["3a"]
    total = one + three[1] + five[1] + pool
    figure, axes = canvas(5.3, 2.9)
    columns = [
        [(f"1×1, {one}", ACCENT)],
        [(f"1×1, {three[0]}", ACCENT2), (f"3×3, {three[1]}", ACCENT)],
        [(f"1×1, {five[0]}", ACCENT2), (f"5×5, {five[1]}", ACCENT)],
        [("max pool", ACCENT3), (f"1×1, {pool}", ACCENT2)],
    ]
    caption(axes, 2.65, 0.17, f"{IN_CHANNELS} channels")
    for k, boxes in enumerate(columns):
        x = 0.25 + 1.26 * k
        for i, (text, color) in enumerate(boxes):
            y = 0.95 + 0.75 * i
            box(axes, x, y, text, color)
            line(axes, (2.65, 0.32) if i == 0 else (x + 0.49, y - 0.58), (x + 0.49, y - 0.17))
        line(axes, (x + 0.49, y + 0.17), (2.65 + 0.2 * (k - 1.5), 2.53))
    caption(axes, 2.65, 2.7, f"{one} + {three[1]} + {five[1]} + {pool} = {total} channels")
    figure.set_label(
        f"A block with {IN_CHANNELS} channels at the top and four branches side by side: 1×1 to {one}; 1×1 to "
        f"{three[0]}, then 3×3 to {three[1]}; 1×1 to {five[0]}, then 5×5 to {five[1]}; max pooling, then 1×1 "
        f"to {pool}. At the bottom the maps are joined: {total} channels."
    )
    return figure


def pointwise():
    figure, axes = canvas(5.3, 1.9)
    result = [sum(w * v for w, v in zip(row, PIXEL, strict=True)) for row in WEIGHTS]
    grid(axes, [[value] for value in PIXEL], 0.4, 0.15, tint={(i, 0): ACCENT for i in range(4)})
    grid(axes, WEIGHTS, 1.75, 0.55)
    line(axes, (0.9, 0.95), (1.65, 0.95))
    line(axes, (3.45, 0.95), (4.1, 0.95))
    grid(axes, [[value] for value in result], 4.2, 0.55, tint={(i, 0): ACCENT2 for i in range(2)})
    caption(axes, 2.55, 1.6, "a row of weights for each new channel", size=10)
    figure.set_label(
        f"One pixel with four channels, {PIXEL}, a table of weights with the rows {WEIGHTS[0]} and {WEIGHTS[1]}, and "
        f"the result, two channels: {result}."
    )
    return figure


def cost():
    one, three, five, pool = BLOCKS["3a"]
    area = 28 * 28
    direct = {"3×3": area * IN_CHANNELS * three[1] * 9, "5×5": area * IN_CHANNELS * five[1] * 25}
    reduced = {
        "3×3": area * (IN_CHANNELS * three[0] + three[0] * three[1] * 9),
        "5×5": area * (IN_CHANNELS * five[0] + five[0] * five[1] * 25),
    }
    figure = Figure(figsize=(5.3, 2.2), layout="constrained")
    axes = figure.subplots()
    for i, (name, macs) in enumerate(direct.items()):
        axes.barh(i - 0.18, macs / 1e6, 0.32, color=ACCENT2, label="directly" if i == 0 else None)
        axes.barh(i + 0.18, reduced[name] / 1e6, 0.32, color=ACCENT, label="through 1×1" if i == 0 else None)
    axes.set_yticks([0, 1], list(direct))
    axes.set(xlabel="million MACs")
    axes.invert_yaxis()
    axes.legend(loc="lower right")
    words = "; ".join(
        f"{name} {direct[name] / 1e6:.0f} million MACs directly, {reduced[name] / 1e6:.0f} through a 1×1 layer"
        for name in direct
    )
    figure.set_label(f"Two pairs of bars, for two branches of the block 3a: {words}.")
    return figure


FIGURES = {"inception-block.svg": block, "inception-pointwise.svg": pointwise, "inception-cost.svg": cost}

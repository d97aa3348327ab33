"""Figures of the lesson alexnet."""

import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from snippets.alexnet import alexnet_2012
from snippets.cost_of_a_network import costs
from snippets.figures.style import ACCENT, ACCENT2, INK, canvas, caption, grid

STAGES = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]
HALF = [48, 128, 192, 192, 128, 2048, 2048]  # maps or units on each card
SIDES = [55, 27, 13, 13, 13, 1, 1]
CROSSING = ("conv3", "fc6", "fc7")
CHANNELS = [1, 2, 3]


def towers():
    figure, axes = canvas(5.3, 2.75)
    for card, top in enumerate((0.85, 1.85)):
        axes.text(0.02, top, f"card {card + 1}", fontsize=10, va="center_baseline")
        for i, maps in enumerate(HALF):
            size = 0.22 + SIDES[i] / 55 * 0.38
            x = 0.62 + 0.66 * i + (0.6 - size) / 2
            axes.add_patch(Rectangle((x, top - size / 2), size, size, facecolor=ACCENT if card else ACCENT2, alpha=0.3))
            caption(axes, 0.92 + 0.66 * i, top, str(maps), size=10)
    for i, name in enumerate(STAGES):
        caption(axes, 0.92 + 0.66 * i, 0.2, name, size=10)
        caption(axes, 0.92 + 0.66 * i, 2.5, f"{SIDES[i]}×{SIDES[i]}", size=10)
        if name in CROSSING:
            for a, b in ((0.85, 1.85), (1.85, 0.85)):
                line = {"arrowstyle": "->", "mutation_scale": 8, "color": INK, "linewidth": 1, "alpha": 0.7}
                axes.add_patch(FancyArrowPatch((0.5 + 0.66 * i, a), (0.72 + 0.66 * i, b), **line))
    maps = ", ".join(f"{name} {half}" for name, half in zip(STAGES, HALF, strict=True))
    figure.set_label(
        f"Two rows of boxes, one for each graphics card, with the maps or units on each: {maps}. Arrows cross between "
        f"the rows before {', '.join(CROSSING)} only."
    )
    return figure


def normalised():
    figure, axes = canvas(5.3, 1.5)
    middle, total = CHANNELS[1], sum(c * c for c in CHANNELS)
    grid(axes, [[value] for value in CHANNELS], 0.3, 0.15, tint={(i, 0): ACCENT for i in range(3)})
    caption(axes, 1.3, 0.75, "squares")
    grid(axes, [[value * value] for value in CHANNELS], 1.85, 0.15)
    caption(axes, 2.95, 0.75, f"2 + 1 + 4 + 9 = {2 + total}")
    result = middle / (2 + total) ** 0.5
    caption(axes, 4.4, 0.75, f"{middle} / √{2 + total} = {result:g}")
    figure.set_label(
        f"One pixel of three channels, {CHANNELS}. The sum of their squares and 2 is {2 + total}. The "
        f"middle channel, {middle}, is divided by the root of that, and becomes {result:g}."
    )
    return figure


def shares():
    with torch.device("meta"):
        rows = costs(alexnet_2012().eval(), torch.zeros(1, 3, 227, 227))
    rows = [row for row in rows if row.kind in ("Conv2d", "Linear")]
    names = [*STAGES, "fc8"]
    figure = Figure(figsize=(5.3, 2.5), layout="constrained")
    words = []
    for axes, what in zip(figure.subplots(1, 2, sharey=True), ("parameters", "macs"), strict=True):
        values = [getattr(row, what) for row in rows]
        percent = [100 * value / sum(values) for value in values]
        title = "MACs" if what == "macs" else what
        axes.barh(names, percent, color=[ACCENT] * 5 + [ACCENT2] * 3)
        axes.set(title=title, xlim=(0, 70), xticks=[0, 25, 50], xlabel="%")
        words.append(f"{title}: " + ", ".join(f"{n} {p:.0f} %" for n, p in zip(names, percent, strict=True)))
    figure.axes[0].invert_yaxis()
    figure.set_label("Where AlexNet has its parameters and its MACs. " + ". ".join(words) + ".")
    return figure


FIGURES = {"alexnet-towers.svg": towers, "alexnet-normalised.svg": normalised, "alexnet-shares.svg": shares}

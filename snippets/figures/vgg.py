"""Figures of the lesson vgg."""

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from snippets.cost_of_a_network import costs
from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, canvas, caption, grid
from snippets.vgg import VGG_CONFIGS, vgg

ROW, FIRST, SECOND = [1, 2, 3, 5, 8], [1, 2, 1], [1, 0, -1]


def correlate(row, kernel):
    return [sum(k * v for k, v in zip(kernel, row[i:], strict=False)) for i in range(len(row) - len(kernel) + 1)]


def stacked():
    figure, axes = canvas(5.3, 2.85)
    cell, middle = 0.42, 2.65
    for level, (number, color) in enumerate(((1, ACCENT2), (3, ACCENT), (5, ACCENT), (7, ACCENT3))):
        top, left = 0.25 + 0.68 * level, middle - number * cell / 2
        if level:
            above, right = top - 0.68 + cell, left + number * cell
            corners = [(left + cell, above), (right - cell, above), (right, top), (left, top)]
            axes.add_patch(Polygon(corners, facecolor=color, alpha=0.15, edgecolor="none"))
        grid(axes, [[""] * number], left, top, cell, tint={(0, j): color for j in range(number)})
        axes.text(4.45, top + cell / 2, f"{number} wide", fontsize=11, va="center_baseline")
        if level:
            axes.text(0.05, top - 0.13, "3×3 layer", fontsize=11, va="center_baseline")
    figure.set_label(
        "One value at the top, seen from the side. Below it 3 values of the layer before, below those 5, and at the "
        "bottom 7 pixels: three layers of 3×3 see 7×7."
    )
    return figure


def row():
    figure, axes = canvas(5.3, 2.1)
    once = correlate(ROW, FIRST)
    combined = [sum(FIRST[i] * SECOND[k - i] for i in range(3) if 0 <= k - i < 3) for k in range(5)]
    result = correlate(once, SECOND)
    grid(axes, [ROW], 0.15, 0.35)
    grid(axes, [once], 2.65, 0.35, tint={(0, j): ACCENT for j in range(3)})
    grid(axes, [result], 4.6, 0.35, cell=0.5, tint={(0, 0): ACCENT2})
    grid(axes, [ROW], 0.15, 1.35)
    grid(axes, [result], 4.6, 1.35, cell=0.5, tint={(0, 0): ACCENT2})
    for start, end, y, kernel in ((2.2, 2.6, 0.55, FIRST), (3.9, 4.55, 0.55, SECOND), (2.2, 4.55, 1.55, combined)):
        axes.annotate("", (end, y), (start, y), arrowprops={"arrowstyle": "->", "color": INK})
        words = "(" + ", ".join(map(str, kernel)).replace("-", "−") + ")"
        caption(axes, (start + end) / 2, y - 0.38, words, size=10)
    figure.set_label(
        f"The row {ROW}. Above: the kernel {FIRST} makes {once} of it, the kernel {SECOND} makes {result[0]} of that. "
        f"Below: the one kernel {combined} makes {result[0]} at once."
    )
    return figure


def shares():
    with torch.device("meta"):
        rows = costs(vgg("D").eval(), torch.zeros(1, 3, 224, 224))
    stage, places = 1, {"parameters": {}, "MACs": {}, "values": {}}
    for line in rows:
        name = f"stage {stage}" if len(line.shape) == 4 else "linear"
        for what, value in (("parameters", line.parameters), ("MACs", line.macs)):
            places[what][name] = places[what].get(name, 0) + value
        if line.kind in ("Conv2d", "MaxPool2d", "Linear"):
            places["values"][name] = places["values"].get(name, 0) + line.outputs
        stage += line.kind == "MaxPool2d"
    figure = Figure(figsize=(5.3, 2.5), layout="constrained")
    words = []
    for axes, (what, parts) in zip(figure.subplots(1, 3, sharey=True), places.items(), strict=True):
        total = sum(parts.values())
        percent = [100 * value / total for value in parts.values()]
        axes.barh(list(parts), percent, color=[ACCENT] * 5 + [ACCENT2])
        axes.set(title=what, xlim=(0, 100), xticks=[0, 50, 100], xlabel="%")
        words.append(f"{what}: " + ", ".join(f"{name} {p:.0f} %" for name, p in zip(parts, percent, strict=True)))
    figure.axes[0].invert_yaxis()
    layers = sum(VGG_CONFIGS["D"])
    figure.set_label(f"Where VGG-16, with {layers} convolutions, has its costs. " + ". ".join(words) + ".")
    return figure


FIGURES = {"vgg-stacked.svg": stacked, "vgg-row.svg": row, "vgg-shares.svg": shares}

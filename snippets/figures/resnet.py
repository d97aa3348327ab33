"""Figures of the lesson resnet; what was trained is read from its results.json."""

import json
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from snippets.figures.style import ACCENT, ACCENT2, INK, canvas, caption

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "resnet" / "results.json"
COLORS = {"plain": ACCENT2, "A": ACCENT}
DASHES = {8: ":", 20: "--", 32: "-"}
W = 0.5  # the weight of each layer in the worked example


def recorded():
    """Return the losses of the recorded runs, {kind and depth: one list for each seed}."""
    experiments = json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]
    return {name: runs["loss"] for name, runs in experiments.items()}


def degradation():
    figure = Figure(figsize=(5.3, 2.9), layout="constrained")
    last = {}
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), ("plain", "A"), strict=True):
        for depth, dashes in DASHES.items():
            runs = recorded()[f"{kind}, {depth}"]
            for run in runs:
                axes.plot(range(1, 5), run, color=COLORS[kind], linewidth=1.1, linestyle=dashes)
            last[kind, depth] = sum(run[-1] for run in runs) / len(runs)
        title = "plain" if kind == "plain" else "with shortcuts"
        axes.set(title=title, xlabel="epoch", xticks=range(1, 5), ylim=(0, 2.3))
    figure.axes[0].set_ylabel("loss on training images")
    for (kind, depth), value in last.items():
        axes = figure.axes[kind == "A"]
        height = {("A", 8): 0.28, ("A", 20): 0.14, ("A", 32): 0.0}.get((kind, depth), value)
        axes.text(4.08, height, str(depth), va="center", fontsize=10)
        axes.set_xlim(0.9, 4.5)
    words = ", ".join(f"{depth} layers {last['plain', depth]:.2f}" for depth in DASHES)
    sums = ", ".join(f"{depth} layers {last['A', depth]:.2f}" for depth in DASHES)
    figure.set_label(
        "Two panels of training loss against epoch, five runs for each depth. Left, plain networks: the deeper, the "
        f"higher, in the mean at the end {words}. Right, the same layers with shortcuts: all come down, {sums}."
    )
    return figure


def box(axes, x, y, text, color=ACCENT, width=0.95):
    axes.add_patch(Rectangle((x, y - 0.17), width, 0.34, facecolor=color, alpha=0.22, edgecolor="none"))
    axes.add_patch(Rectangle((x, y - 0.17), width, 0.34, fill=False, edgecolor=color, linewidth=1))
    caption(axes, x + width / 2, y, text, size=10)


def arrow(axes, start, end, **style):
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="->", mutation_scale=9, color=INK, linewidth=1, **style))


def chain():
    figure, axes = canvas(5.3, 2.3)
    for top, sums in ((0.6, False), (1.7, True)):
        value = 1.0
        for k in range(3):
            x = 0.65 + 1.5 * k
            caption(axes, x - 0.35, top, f"{value:g}", size=11)
            arrow(axes, (x - 0.15, top), (x + 0.08, top))
            box(axes, x + 0.08, top, f"× {W:g}", ACCENT if sums else ACCENT2, width=0.6)
            arrow(axes, (x + 0.68, top), (x + 0.9, top))
            if sums:
                arrow(axes, (x - 0.35, top - 0.18), (x + 0.95, top - 0.2), connectionstyle="arc3,rad=-0.35")
                caption(axes, x + 0.98, top, "+", size=12)
            value = value + W * value if sums else W * value
        caption(axes, 4.98, top, f"{value:g}", size=11)
    caption(axes, 2.65, 0.15, "plain: each layer multiplies", size=10)
    caption(axes, 2.65, 2.15, "with shortcuts: each layer adds to what comes past it", size=10)
    figure.set_label(
        f"Two chains of three layers, each of which multiplies by {W}. The plain chain turns 1 into {W}, {W**2} and "
        f"{W**3}. With a shortcut around each layer, 1 becomes {1 + W}, {(1 + W) ** 2} and {(1 + W) ** 3}."
    )
    return figure


def blocks():
    figure, axes = canvas(5.3, 3.3)
    rows = {
        "basic": ["3×3, 64", "3×3, 64"],
        "bottleneck": ["1×1, 64", "3×3, 64", "1×1, 256"],
        "pre-activation": ["norm, ReLU", "3×3", "norm, ReLU", "3×3"],
    }
    for k, (name, layers) in enumerate(rows.items()):
        x = 0.35 + 1.75 * k
        caption(axes, x + 0.5, 0.15, name, size=11)
        arrow(axes, (x + 0.5, 0.3), (x + 0.5, 0.55))
        step = 1.95 / len(layers)
        for i, text in enumerate(layers):
            y = 0.72 + step * i
            box(axes, x, y, text, ACCENT if "3×3" in text else ACCENT2, width=1.0)
            end = 0.72 + step * (i + 1) - 0.17 if i + 1 < len(layers) else 2.72
            arrow(axes, (x + 0.5, y + 0.17), (x + 0.5, end))
        axes.plot([x + 0.5, x + 1.2, x + 1.2], [0.4, 0.4, 2.82], color=INK, linewidth=1)
        arrow(axes, (x + 1.2, 2.82), (x + 0.62, 2.82))
        caption(axes, x + 0.5, 2.82, "+", size=13)
        arrow(axes, (x + 0.5, 2.92), (x + 0.5, 3.2))
        if name != "pre-activation":
            axes.text(x + 0.58, 3.07, "ReLU", fontsize=10, va="center")
    figure.set_label(
        "Three residual blocks, each with an arrow around its body to a plus sign. Basic: two layers of 3×3 with 64 "
        "channels. Bottleneck: 1×1 with 64, 3×3 with 64, 1×1 with 256 channels. Behind both sums a ReLU. "
        "Pre-activation: norm and ReLU before each of two 3×3 layers, and nothing behind the sum."
    )
    return figure


FIGURES = {"resnet-degradation.svg": degradation, "resnet-chain.svg": chain, "resnet-blocks.svg": blocks}

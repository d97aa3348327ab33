"""Figures of the lesson attention-in-cnns; what was trained is read from its results.json."""

import json
import math
from pathlib import Path

from matplotlib.figure import Figure

from snippets.attention_in_cnns import with_lamp
from snippets.figures.style import ACCENT, ACCENT2, INK, canvas, caption, grey, grid, picture
from snippets.first_cnn import load

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "attention-in-cnns" / "results.json"
MAPS = [[[1, 3], [3, 1]], [[0, 2], [0, 2]]]
DOWN, UP = [1, -1], [1, 2]  # two means to one number, and back to two


def recorded():
    """Return the recorded test accuracies, {gate: one for each seed}."""
    experiments = json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]
    return {name: runs["test"] for name, runs in experiments.items()}


def block():
    means = [sum(map(sum, rows)) / 4 for rows in MAPS]
    hidden = max(0, sum(w * m for w, m in zip(DOWN, means, strict=True)))
    gates = [1 / (1 + math.exp(-w * hidden)) for w in UP]
    figure, axes = canvas(5.3, 2.65)
    for c in range(2):
        y = 0.35 + 1.2 * c
        tint = {(i, j): ACCENT for i in range(2) for j in range(2)}
        grid(axes, MAPS[c], 0.15, y, tint=tint)
        axes.annotate("", (1.4, y + 0.4), (1.0, y + 0.4), arrowprops={"arrowstyle": "->", "color": INK})
        caption(axes, 1.62, y + 0.4, f"{means[c]:g}")
        axes.annotate("", (2.35, 1.35), (1.8, y + 0.4), arrowprops={"arrowstyle": "->", "color": INK})
        axes.annotate("", (3.2, y + 0.4), (2.6, 1.35), arrowprops={"arrowstyle": "->", "color": INK})
        caption(axes, 3.5, y + 0.4, f"{gates[c]:.2f}")
        rows = [[f"{gates[c] * value:.2f}" for value in row] for row in MAPS[c]]
        grid(axes, rows, 4.1, y, cell=0.5, size=10, tint={(i, j): ACCENT2 for i in range(2) for j in range(2)})
    caption(axes, 2.48, 1.35, f"{hidden:g}")
    for x, text in ((0.55, "maps"), (1.62, "means"), (2.48, "ReLU"), (3.5, "gates"), (4.6, "scaled")):
        caption(axes, x, 0.12, text, size=10)
    figure.set_label(
        f"Two maps of four values, {MAPS[0]} and {MAPS[1]}. Their means, {means[0]:g} and {means[1]:g}, become one "
        f"number, {hidden:g}, and that becomes two gates, {gates[0]:.2f} and {gates[1]:.2f}, by "
        f"which the maps are multiplied."
    )
    return figure


def scenes():
    images, labels = load()
    pictures, classes = with_lamp(images, labels)
    lit = pictures[:, 0, 3, 21] > 0
    chosen = [int((lit == want).nonzero()[k]) for want in (False, True) for k in (0, 1)]
    figure, axes = canvas(5.3, 1.95)
    words = []
    for place, index in enumerate(chosen):
        left, top = 0.1 + 2.65 * (place // 2), 0.1 + 0.92 * (place % 2)
        picture(axes, grey((255 * pictures[index, 0]).numpy()), left, top, 1.95, smooth=False)
        axes.text(left + 2.05, top + 0.3, f"{classes[index]}", fontsize=13, va="center_baseline")
        words.append(f"a {labels[index]} with the lamp {'on' if lit[index] else 'off'} is {classes[index]}")
    figure.set_label(f"Four scenes, a digit at the left and at the right a square, dark or lit: {', '.join(words)}.")
    return figure


def accuracies():
    runs = recorded()
    figure = Figure(figsize=(5.3, 2.4), layout="constrained")
    axes = figure.subplots()
    for i, values in enumerate(runs.values()):
        axes.plot(values, [i] * len(values), "o", color=ACCENT2 if i == 0 else ACCENT, markersize=7)
    axes.axvline(50, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(runs)), list(runs))
    axes.set(xlim=(0, 100), ylim=(len(runs) - 0.5, -0.5), xlabel="test images right, %")
    words = "; ".join(f"{name} {min(values):.0f} to {max(values):.0f} %" for name, values in runs.items())
    figure.set_label(f"Test accuracy of four networks, {len(runs['SE'])} runs each: {words}. A dotted line at 50 %.")
    return figure


FIGURES = {
    "attention-in-cnns-block.svg": block,
    "attention-in-cnns-scenes.svg": scenes,
    "attention-in-cnns-accuracies.svg": accuracies,
}

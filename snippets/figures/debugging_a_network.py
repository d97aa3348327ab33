"""Figures of the lesson debugging-a-network; what was trained is read from its results.json."""

import json
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from snippets.debugging_a_network import load, load_pairs, score
from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, canvas, caption, digit, grid

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "debugging-a-network" / "results.json"
RUNGS = ("all six bugs", "1 labels", "2 rows", "3 logits", "4 first weights", "5 gradient", "6 eval")
SHOWN = ("5 gradient", "4 first weights", "6 eval")  # runs A, B and C of the opening picture


def recorded():
    """Return the recorded runs, {rung: accuracy and losses per epoch}."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]


def three_runs():
    """Training loss per epoch of three runs; two of them have a bug."""
    figure = Figure(figsize=(5.3, 2.2), layout="constrained")
    ends = []
    for axes, letter, rung in zip(figure.subplots(1, 3, sharey=True), "ABC", SHOWN, strict=True):
        losses = recorded()[rung]["losses"][0]
        ends.append(f"{letter} from {losses[0]:.1f} to {losses[-1]:.1f}")
        axes.plot(range(1, 11), losses, color=ACCENT, linewidth=2)
        axes.set(title=f"run {letter}", xlabel="epoch", ylim=(0, 2.5), xticks=(1, 5, 10))
    figure.axes[0].set_ylabel("training loss")
    figure.set_label(f"Training loss of three runs over ten epochs. All fall smoothly: {', '.join(ends)}.")
    return figure


def broadcast():
    """Three predictions as a column, three targets as a row, and the nine squared differences between them."""
    numbers = [1, 2, 3]
    cells = [[(prediction - target) ** 2 for target in numbers] for prediction in numbers]
    figure, axes = canvas(4.6, 2.75)
    caption(axes, 2.6, 0.18, "targets, shape (3,)")
    grid(axes, [numbers], 1.85, 0.35, 0.5, tint={(0, j): ACCENT2 for j in range(3)})
    grid(axes, [[number] for number in numbers], 1.15, 1.0, 0.5, tint={(i, 0): ACCENT for i in range(3)})
    grid(axes, cells, 1.85, 1.0, 0.5, tint={(i, i): ACCENT3 for i in range(3)})
    for line, text in enumerate(("predictions,", "shape (3, 1)")):
        caption(axes, 0.55, 1.65 + 0.22 * line, text)
    for line, text in enumerate(("only the", "diagonal", "is meant")):
        caption(axes, 3.95, 1.55 + 0.22 * line, text)
    total = sum(map(sum, cells))
    caption(axes, 2.6, 2.65, f"mean of all nine: {total} / 9 = {total / 9:.2f}")
    rows = "; ".join(" ".join(map(str, row)) for row in cells)
    figure.set_label(
        "Three predictions 1, 2, 3 in a column and three targets 1, 2, 3 in a row. Between them the nine squared "
        f"differences, row by row: {rows}. Only the zeros on the diagonal are meant. The mean of all nine is "
        f"{total / 9:.2f}."
    )
    return figure


def look():
    """The first six images with the labels that the buggy script gives them, and those of the mended one."""
    torch.manual_seed(0)
    order = torch.randperm(1797)[:6].tolist()
    labels = [load()[1][:6].tolist(), load_pairs()[1][:6].tolist()]
    figure, axes = canvas(5.3, 1.65)
    for row, text in enumerate(("buggy", "mended")):
        y = 1.1 + 0.34 * row
        axes.text(0.02, y, text, va="center_baseline", fontsize=13)
        for column, label in enumerate(labels[row]):
            color = INK if label == labels[1][column] else ACCENT2
            x = 1.18 + 0.75 * column
            axes.text(x, y, label, ha="center", va="center_baseline", fontsize=14, color=color)
    for column, index in enumerate(order):
        digit(axes, load_digits().images[index], 0.86 + 0.75 * column, 0.1, 0.64)
    words = [" ".join(map(str, row)) for row in labels]
    figure.set_label(
        f"The first six images of the batch, which show the digits {words[1]}. Below them the labels of the buggy "
        f"script, {words[0]}, and of the mended one, {words[1]}."
    )
    return figure


def ladder():
    """Validation accuracy of every recorded run, after each mend."""
    figure = Figure(figsize=(5.3, 3.3), layout="constrained")
    axes = figure.subplots()
    means = []
    for row, rung in enumerate(RUNGS):
        accuracy = np.array(recorded()[rung]["accuracy"])
        means.append(accuracy.mean())
        heights = row + 0.2 * np.linspace(-1, 1, len(accuracy))
        axes.plot(accuracy, heights, "o", markersize=4, markeredgewidth=0, color=ACCENT3 if row == 6 else ACCENT)
        side = -1 if accuracy.mean() > 50 else 1
        place = (accuracy.min() if side < 0 else accuracy.max()) + 3 * side
        align = "right" if side < 0 else "left"
        axes.text(place, row, f"{accuracy.mean():.0f} %", ha=align, va="center", fontsize=11)
    names = [f"mended: {rung}" if rung[0].isdigit() else rung for rung in RUNGS]
    axes.set(yticks=range(7), yticklabels=names, ylim=(6.6, -0.6), xlim=(0, 100), xlabel="validation accuracy, %")
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    words = ", ".join(f"{mean:.0f}" for mean in means)
    figure.set_label(
        "Validation accuracy of ten runs after each mend, one dot per run. The means, from all six bugs to none: "
        f"{words} %."
    )
    return figure


def leak():
    """Validation score on pure noise over 100 seeds: features chosen on the training rows, and on all rows."""
    figure = Figure(figsize=(5.3, 2.4), layout="constrained")
    axes = figure.subplots()
    means = []
    for choose_on_all, color, text in ((False, ACCENT3, "training rows"), (True, ACCENT2, "all rows")):
        scores = 100 * np.array([score(seed, choose_on_all) for seed in range(100)])
        means.append(scores.mean())
        bars = np.arange(31, 101, 2)
        axes.hist(scores, bins=bars, color=color, alpha=0.75)
        height = np.histogram(scores, bins=bars)[0].max()
        axes.text(scores.mean(), height + 1, f"chosen on\n{text}", ha="center", va="bottom", fontsize=11)
    axes.axvline(50, ymax=12 / 35, color=INK, linewidth=1, linestyle=":")
    axes.set(xlabel="validation accuracy on noise, %", ylabel="seeds", ylim=(0, 35), xlim=(30, 100))
    figure.set_label(
        "Two histograms of validation accuracy on noise, one hundred seeds each. Features chosen on the training rows "
        f"give {means[0]:.0f} % on average, features chosen on all rows {means[1]:.0f} %."
    )
    return figure


FIGURES = {
    "debugging-a-network-three-runs.svg": three_runs,
    "debugging-a-network-broadcast.svg": broadcast,
    "debugging-a-network-look.svg": look,
    "debugging-a-network-ladder.svg": ladder,
    "debugging-a-network-leak.svg": leak,
}

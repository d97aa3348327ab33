"""Figures of the lesson transfer-learning; what was trained is read from its results.json."""

import json
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, canvas, caption, grey, picture
from snippets.first_cnn import load
from snippets.transfer_learning import scenes

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "transfer-learning" / "results.json"
NUMBERS = (2, 5, 10, 20, 50, 90)
COLORS = {"scratch": ACCENT2, "frozen": ACCENT3, "fine-tuned": ACCENT}
BATCH = [4, 6, 8, 10]


def recorded():
    """Return the recorded test accuracies, {way and number: one for each seed}."""
    experiments = json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]
    return {name: runs["test"] for name, runs in experiments.items()}


def mean(values):
    return sum(values) / len(values)


def learning_curves():
    figure = Figure(figsize=(5.3, 2.9), layout="constrained")
    axes = figure.subplots()
    words, later = [], []
    for way, color in COLORS.items():
        runs = [recorded()[f"{way}, {number}"] for number in NUMBERS]
        axes.plot(NUMBERS, [mean(run) for run in runs], color=color, label=way)
        for number, run in zip(NUMBERS, runs, strict=True):
            axes.plot([number] * len(run), run, "o", color=color, markersize=3.5)
        if way != "frozen":
            long = recorded()[f"{way}, 90, long"]
            axes.plot([105] * len(long), long, "o", color=color, markersize=5, markerfacecolor="none")
            later.append(f"{way} {mean(long):.0f} %")
        words.append(f"{way} {mean(runs[0]):.0f}, {mean(runs[2]):.0f} and {mean(runs[-1]):.0f} %")
    axes.set(xscale="log", ylim=(20, 100), ylabel="test scenes right, %", xlabel="training images of each class")
    axes.set_xticks(NUMBERS, list(map(str, NUMBERS)))
    axes.minorticks_off()
    axes.legend(loc="lower right")
    figure.set_label(
        f"Test accuracy against the number of training images of each class, five runs each. With {NUMBERS[0]}, "
        f"{NUMBERS[2]} and {NUMBERS[-1]} images, in the mean: " + "; ".join(words) + ". Rings: "
        f"with {NUMBERS[-1]} images and five times the steps, " + " and ".join(later) + "."
    )
    return figure


def two_tasks():
    digits, labels = load()
    figure, axes = canvas(5.3, 2.35)
    for row, (name, part) in enumerate((("source", labels < 5), ("target", labels >= 5))):
        kinds = sorted(set(labels[part].tolist()))
        chosen = [int((labels == kind).nonzero()[3]) for kind in kinds]
        made = scenes(digits[chosen], seed=row + 3)
        axes.text(0.05, 0.6 + 1.15 * row, name, fontsize=11, va="center_baseline")
        for k, scene in enumerate(made[:, 0]):
            picture(axes, grey((255 * scene).numpy()), 0.75 + 0.9 * k, 0.12 + 1.15 * row, 0.82, smooth=False)
            caption(axes, 1.16 + 0.9 * k, 1.05 + 1.15 * row, str(kinds[k]), size=10)
    figure.set_label(
        "Ten small grey scenes, each a bright digit somewhere on a piece of a photograph. The upper row, the source, "
        "shows 0 1 2 3 4, the lower one, the target, 5 6 7 8 9."
    )
    return figure


def drift():
    values, average = [2.0], mean(BATCH)
    for _ in range(12):
        values.append(0.9 * values[-1] + 0.1 * average)
    figure = Figure(figsize=(5.3, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(values, "o-", color=ACCENT, markersize=4)
    axes.axhline(average, color=INK, linewidth=0.8, linestyle=":")
    axes.axhline(values[0], color=ACCENT3, linewidth=1.5)
    axes.set(xlabel="batches", ylabel="running mean", ylim=(1, 8), xlim=(0, 12))
    axes.text(12, average + 0.15, "mean of the batch", ha="right", va="bottom")
    axes.text(12, values[0] - 0.15, "in evaluation mode", ha="right", va="top")
    figure.set_label(
        f"The running mean over 12 batches. In training mode it rises from {values[0]:g} to {values[1]:g}, "
        f"{values[2]:g}, and so on towards the mean of the batch, {average:g}. In "
        f"evaluation mode it stays at {values[0]:g}."
    )
    return figure


def parts():
    figure, axes = canvas(5.3, 1.75)
    ways = (
        ("frozen", ACCENT3, "learns nothing"),
        ("fine-tuned", ACCENT, "small steps"),
        ("scratch", ACCENT2, "from random"),
    )
    for k, (way, color, words) in enumerate(ways):
        x = 0.15 + 1.75 * k
        caption(axes, x + 0.75, 0.17, way, size=11)
        for width, top, text, face in ((1.5, 0.35, words, color), (1.5, 1.05, "new head", INK)):
            axes.add_patch(Rectangle((x, top), width, 0.55, facecolor=face, alpha=0.18, edgecolor="none"))
            axes.add_patch(Rectangle((x, top), width, 0.55, fill=False, edgecolor=face, linewidth=1))
            caption(axes, x + 0.75, top + 0.28, text, size=10)
    figure.set_label(
        "Three networks of two parts, a body and a new head. Frozen: the body learns nothing. Fine-tuned: it learns in "
        "small steps. Scratch: it begins with random weights."
    )
    return figure


FIGURES = {
    "transfer-learning-curves.svg": learning_curves,
    "transfer-learning-tasks.svg": two_tasks,
    "transfer-learning-drift.svg": drift,
    "transfer-learning-parts.svg": parts,
}

"""The figures of the lesson training-loop; what was trained is read from its results.json."""

import json
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK
from snippets.training_loop import adamw_step, cosine, sgd_step

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "training-loop" / "results.json"
LETTERS = {
    "A": "no shuffle",
    "B": "no eval",
    "C": "no zero_grad",
    "D": "right",
    "E": "zero_grad late",
    "F": "no train",
}
BATCHES, EPOCHS, RATE = 12, 12, 0.1
FEW = 20  # a range of confidence with fewer answers than this says nothing


def recorded():
    """Return the recorded experiments, {name: results}."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]


def which_line():
    """Six runs that differ in one line of the loop: the loss of each batch, and the validation loss of each epoch."""
    figure = Figure(figsize=(5.2, 5.8), layout="constrained")
    panels, runs, words = figure.subplots(3, 2, sharex=True), recorded()["mistakes"], []
    for axes, (letter, name) in zip(panels.flat, LETTERS.items(), strict=True):
        losses, validation = np.array(runs[name]["losses"]), np.array(runs[name]["validation"][0])
        epochs = np.arange(1, len(validation) + 1)
        axes.plot((np.arange(len(losses)) + 0.5) / BATCHES, losses, color=ACCENT, linewidth=1, label="training")
        axes.plot(epochs, validation, "o", color=ACCENT2, markersize=4, markeredgewidth=0, label="validation")
        axes.set(title=letter, xlim=(0, 12.2), xticks=(0, 4, 8, 12))
        words.append(f"{letter} {losses[-BATCHES:].mean():.2f} and {validation[-1]:.2f}")
    for axes in panels[0, 0], panels[2, 0]:
        axes.set(ylim=(1.5, 3), yticks=(1.5, 2, 2.5, 3), yticklabels=("1.5", "2", "2.5", "3"))
    logarithmic(panels[1, 0], (1, 150), (1, 10, 100))
    for axes in panels[:, 1]:
        logarithmic(axes, (0.003, 4), (0.01, 0.1, 1))
    for axes in panels[2]:
        axes.set_xlabel("epoch")
    for axes in panels[:, 0]:
        axes.set_ylabel("loss")
    panels[0, 1].legend(loc="lower left", fontsize=10, handlelength=1.2)
    figure.set_label(
        "Six panels, A to F: the training loss of each batch as a line, the validation loss after each "
        "epoch as dots. A stays near 2.3, and its line swings up and down within each epoch; C climbs; E is "
        "flat; B, D and F fall. In B line and dots lie together, in D the dots lie below the line, in F above it. "
        f"Training loss in the last epoch, and validation loss: {', '.join(words)}."
    )
    return figure


def logarithmic(axes, limits, ticks):
    """Give the axes a logarithmic height with plain numbers at its ticks."""
    axes.set(yscale="log", ylim=limits, yticks=ticks)
    axes.set_yticklabels([f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def paths(steps):
    """Return {name: weights (steps + 1, 2)} of the three optimizers on the worked example, all with the rate 0.1."""
    X = torch.tensor([[1.0, 2.0], [2.0, -1.0]], dtype=torch.float64)
    Y = torch.tensor([1.0, 4.0], dtype=torch.float64)
    walks = {}
    for name, step, options in (
        ("SGD", sgd_step, {}),
        ("momentum", sgd_step, {"momentum": 0.9}),
        ("AdamW", adamw_step, {}),
    ):
        w, state = torch.ones(2, dtype=torch.float64), {}
        walks[name] = [w.tolist()]
        for _ in range(steps):
            w = step(w, 2 * X.T @ (X @ w - Y) / len(X), state, lr=RATE, **options)
            walks[name].append(w.tolist())
    return {name: np.array(points) for name, points in walks.items()}


def three_paths():
    """The two weights of the worked example, step by step, with SGD, momentum and AdamW."""
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    walks, goal, titles = paths(24), (1.8, -0.4), ("first weight", "second weight")
    for axes, number in zip(figure.subplots(1, 2), (0, 1), strict=True):
        axes.axhline(goal[number], color=INK, linewidth=0.8, linestyle=":")
        for (name, points), color in zip(walks.items(), (ACCENT, ACCENT2, ACCENT3), strict=True):
            axes.plot(points[:, number], "o-", color=color, linewidth=1.3, markersize=3, label=name)
        axes.set(title=titles[number], xlabel="step", xlim=(0, 24.3), xticks=(0, 6, 12, 18, 24))
    figure.axes[0].set(ylim=(0.9, 2.65), yticks=(1, 1.4, 1.8, 2.2, 2.6))
    figure.axes[1].set(ylim=(-1.75, 1.05), yticks=(1, 0.3, -0.4, -1.1))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=11)
    first, second, highest = walks["SGD"][1], walks["momentum"][2], walks["momentum"][:, 0].max()
    figure.set_label(
        f"Both weights against the step, from 1 towards the goal, {goal[0]} and {goal[1]}. SGD goes straight to it, "
        f"first to {first[0]:.1f} and {first[1]:.1f}. Momentum begins in the same way, is at {second[0]:.2f} and "
        f"{second[1]:.2f} after two steps, runs past the goal up to {highest:.2f} in the first weight, and swings "
        "around it. AdamW moves both weights equally far in each of its first steps."
    )
    return figure


def rates():
    """Validation loss against the learning rate, for three optimizers; five seeds each, as dots, and their mean."""
    figure = Figure(figsize=(5.2, 3.3), layout="constrained")
    axes, words = figure.subplots(), []
    for (name, losses), color in zip(recorded()["rates"].items(), (ACCENT, ACCENT2, ACCENT3), strict=True):
        x = [float(rate) for rate in losses]
        means = [np.mean(values) for values in losses.values()]
        axes.plot(x, means, color=color, linewidth=1.4, label=name)
        for rate, values in zip(x, losses.values(), strict=True):
            axes.plot([rate] * len(values), values, "o", color=color, markersize=3.5, markeredgewidth=0)
        best = int(np.argmin(means))
        words.append(f"{name} {means[best]:.2f} at {x[best]:g}")
    axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation loss", ylim=(0.05, 3.2))
    axes.set(xticks=(0.001, 0.01, 0.1, 1), yticks=(0.1, 0.3, 1, 3))
    axes.set_xticklabels(["0.001", "0.01", "0.1", "1"])
    axes.set_yticklabels(["0.1", "0.3", "1", "3"])
    axes.minorticks_off()
    axes.legend(fontsize=10)
    figure.set_label(
        "Validation loss against the learning rate, both on logarithmic scales: three valleys side by side, one "
        f"for each optimizer. The lowest mean of five seeds: {', '.join(words)}."
    )
    return figure


def schedule():
    """The cosine schedule with T_max in batches, and with T_max in epochs though it steps per batch."""
    figure = Figure(figsize=(5.2, 2.7), layout="constrained")
    axes, steps = figure.subplots(), np.arange(BATCHES * EPOCHS + 1)
    right, wrong = (np.array([cosine(t, t_max, RATE) for t in steps]) for t_max in (BATCHES * EPOCHS, EPOCHS))
    axes.plot(steps, wrong, color=ACCENT2, linewidth=1.2, label=f"T_max={EPOCHS}")
    axes.plot(steps, right, color=ACCENT, linewidth=2, label=f"T_max={BATCHES * EPOCHS}")
    axes.set(xlabel="step", ylabel="learning rate", xlim=(0, 144), ylim=(0, 0.125), xticks=range(0, 145, 24))
    axes.set_yticks((0, 0.05, 0.1))
    axes.legend(fontsize=10, loc="upper right", ncols=2, bbox_to_anchor=(1, 1.08))
    zeros = int((wrong < 1e-12).sum())
    figure.set_label(
        f"Learning rate against step, 0 to {steps[-1]}. With T_max={BATCHES * EPOCHS} it falls once, from "
        f"{right[0]:.1f} to 0. With T_max={EPOCHS} it falls to 0 and rises again: {zeros} zeros in all."
    )
    return figure


def calibration():
    """Reliability diagram of ten networks together, without and with the temperature."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    results, words = recorded()["calibration"], []
    images = sum(row[0] for row in results["bins"][0])
    titles = ("as trained", "with temperature")
    for axes, title, rows in zip(figure.subplots(1, 2, sharey=True), titles, results["bins"], strict=True):
        shown = np.array([row for row in rows if row[0] >= FEW])
        confidence, accuracy = shown[:, 1], shown[:, 2]
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
        for x, y in zip(confidence, accuracy, strict=True):
            axes.plot([x, x], [x, y], color=ACCENT2, linewidth=1.6)
        axes.plot(confidence, accuracy, "o", color=ACCENT, markersize=5, markeredgewidth=0)
        axes.set(title=title, xlabel="confidence", xlim=(0.1, 1.02), ylim=(0.1, 1.02), aspect="equal")
        axes.set(xticks=(0.2, 0.4, 0.6, 0.8, 1), yticks=(0.2, 0.4, 0.6, 0.8, 1))
        error = sum(n * abs(c - a) for n, c, a in rows) / images
        words.append(f"{title}, {100 * error:.1f} %")
    figure.axes[0].set_ylabel("accuracy")
    figure.set_label(
        "Two panels of accuracy against confidence, a dot for each range of confidence with "
        f"{FEW} answers or more, and the gap to the diagonal. As trained, most dots lie above it: the networks "
        "are right more often than they say. With the temperature they lie near it. "
        f"Mean gap over {images:,} answers: {'; '.join(words)}."
    )
    return figure


FIGURES = {
    "training-loop-which-line.svg": which_line,
    "training-loop-three-paths.svg": three_paths,
    "training-loop-rates.svg": rates,
    "training-loop-cosine.svg": schedule,
    "training-loop-calibration.svg": calibration,
}

"""Figures of the lesson regularisation; what was trained is read from its results.json."""

import json
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, canvas, caption, digit, grey, grid, picture
from snippets.first_cnn import load, split
from snippets.regularisation import dropout, fill_from_neighbours, small_set, three_maps

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "regularisation" / "results.json"


def recorded():
    """Return the recorded experiments, {name: results of its runs}."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]


def wrong_labels():
    """Six training images of seed 0 with a wrong label, and what the trained network said: the wrong label."""
    images, labels = load()
    x, given, true = small_set(images, labels, split(labels, train=800, validation=200)[0], seed=0)
    if recorded()["none"]["wrong_repeated"][0] != 100:
        raise ValueError("the network of seed 0 did not repeat every wrong label")
    chosen = [(given != true).nonzero().flatten().tolist()[i] for i in range(6)]
    figure, axes = canvas(5.3, 1.45)
    for place, number in enumerate(chosen):
        left = 0.07 + place * 0.87
        digit(axes, (x[number, 0] * 16).round().int().numpy(), left, 0.06, 0.78)
        caption(axes, left + 0.39, 1.04, f"label {given[number]}", 11)
        axes.text(left + 0.39, 1.29, f"says {given[number]}", ha="center", va="center_baseline", color=ACCENT2)
    words = ", ".join(f"a {true[i]} with the label {given[i]}" for i in chosen)
    figure.set_label(
        f"Six handwritten digits of the training set with their labels: {words}. Below each, what the trained network "
        "says about it: the wrong label, six times."
    )
    return figure


def curves():
    """Loss and accuracy on training and validation images, epoch by epoch, without any cure; five seeds."""
    figure = Figure(figsize=(5.3, 4.6), layout="constrained")
    histories = np.array(recorded()["none"]["history"])  # (runs, 4 columns, epochs)
    epochs = np.arange(1, histories.shape[2] + 1)
    for axes, column, name in zip(figure.subplots(2, 1, sharex=True), (0, 1), ("loss", "accuracy, %"), strict=True):
        for number, history in enumerate(histories):
            first = number == 0
            axes.plot(epochs, history[column], color=ACCENT, linewidth=1, label="training" if first else None)
            label = "validation" if first else None
            axes.plot(epochs, history[column + 2], color=ACCENT2, linewidth=1, linestyle="--", label=label)
        axes.set(ylabel=name, xlim=(0, len(epochs)))
    figure.axes[0].legend(loc="upper center")
    figure.axes[0].set(ylim=(0, 2.4))
    figure.axes[1].set(xlabel="epoch", ylim=(0, 103))
    mean = histories.mean(axis=0)
    best = mean[2].argmin()
    figure.set_label(
        "Two panels against the epoch, one line for each of five seeds. Above, the training loss falls to "
        f"{mean[0, -1]:.2f}; the validation loss falls to {mean[2, best]:.2f} at epoch {epochs[best]} and then rises "
        f"to {mean[2, -1]:.2f}. Below, the training accuracy rises to {mean[1, -1]:.0f} %, and the validation accuracy "
        f"goes from {mean[3, best]:.0f} % to {mean[3, -1]:.0f} %."
    )
    return figure


def four_numbers():
    """x times a mask, divided by 1 - p; and the same vector in evaluation mode."""
    x = torch.tensor([2.0, 4.0, 6.0, 8.0])
    keep = torch.tensor([1.0, 0.0, 1.0, 1.0])
    y = dropout(x, keep, 0.5)
    figure, axes = canvas(5.3, 2.7)
    rows = [(x, "activations x", ACCENT), (keep, "mask m", ACCENT2), (y, "training: m · x / 0.5", ACCENT3)]
    rows.append((x, "evaluation: x as it is", ACCENT3))
    for number, (values, name, color) in enumerate(rows):
        top = 0.12 + 0.65 * number
        cells = [[int(value) for value in values.tolist()]]
        tint = {(0, j): color for j in range(4) if not (number in (1, 2) and keep[j] == 0)}
        grid(axes, cells, 2.6, top, 0.5, tint=tint)
        axes.text(2.45, top + 0.25, name, ha="right", va="center_baseline", fontsize=11.5)
    axes.text(4.75, 0.37, f"sum {int(x.sum())}", va="center_baseline", fontsize=11)
    axes.text(4.75, 0.37 + 1.3, f"sum {int(y.sum())}", va="center_baseline", fontsize=11)
    axes.text(4.75, 0.37 + 1.95, f"sum {int(x.sum())}", va="center_baseline", fontsize=11)
    axes.set_xlim(0, 5.45)
    words = [" ".join(str(int(value)) for value in values.tolist()) for values in (x, keep, y)]
    figure.set_label(
        f"The activations {words[0]}, the mask {words[1]}, and in training their product divided by 0.5: {words[2]}. "
        f"In evaluation the activations stay as they are. The sums: {int(x.sum())}, {int(y.sum())}, {int(x.sum())}."
    )
    return figure


def channels():
    """Three maps of a photograph: as they are, after Dropout, after guessing the gaps, after Dropout2d."""
    maps = three_maps()
    keep = (torch.rand(maps.shape, generator=torch.Generator().manual_seed(0)) >= 0.5).double()
    guessed = torch.where(keep == 1, maps, fill_from_neighbours(maps, keep))
    whole = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)[None, :, None, None]
    rows = [("maps", maps), ("Dropout", maps * keep), ("gaps\nguessed", guessed), ("Dropout2d", maps * whole)]
    figure, axes = canvas(5.3, 5.6)
    side = 1.25
    for column, name in enumerate(("brightness", "vertical edges", "horizontal edges")):
        caption(axes, 1.15 + side / 2 + column * (side + 0.1), 0.15, name, 11)
    for row, (name, values) in enumerate(rows):
        top = 0.32 + row * (side + 0.07)
        axes.text(1.05, top + side / 2, name, ha="right", va="center", fontsize=11)
        for column in range(3):
            bright = 255 * values[0, column].numpy() / maps[0, column].max().item()
            left = 1.15 + column * (side + 0.1)
            picture(axes, grey(bright, levels=8), left, top, side, smooth=False)
            axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8))
    gone = f"{100 * (1 - keep.mean().item()):.0f} %"
    figure.set_label(
        "Three feature maps of a photograph of a man with a camera: brightness, vertical and horizontal edges. "
        f"Second row, Dropout: {gone} of the pixels are black. Third row: the gaps are filled by the mean of their "
        "neighbours, and the man is back. Fourth row, Dropout2d: the second map is all black, the others are whole."
    )
    return figure


CURES = ("none", "decay 0.01", "decay 1", "smoothing 0.1", "dropout 0.5", "all three")


def pairs():
    """Test accuracy of each recorded run; a thin line joins the runs of one seed."""
    results = recorded()
    accuracy = np.array([results[name]["test_accuracy"] for name in CURES])  # (cures, seeds)
    figure = Figure(figsize=(5.3, 3.3), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(CURES))
    for run in accuracy.T:
        axes.plot(run, rows, color=INK, alpha=0.18, linewidth=0.8)
        axes.plot(run, rows, "o", markersize=4.5, markeredgewidth=0, color=ACCENT)
    for row, values in zip(rows, accuracy, strict=True):
        axes.plot([values.mean()] * 2, [row - 0.3, row + 0.3], color=ACCENT2, linewidth=2.2)
    axes.set(yticks=rows, yticklabels=CURES, ylim=(len(rows) - 0.5, -0.5))
    axes.set_xlabel("test images read correctly, %")
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    words = ", ".join(f"{name} {values.mean():.1f} %" for name, values in zip(CURES, accuracy, strict=True))
    figure.set_label(
        f"Test accuracy of {accuracy.shape[1]} runs of each cure, one dot per run, the runs of one seed joined by a "
        f"thin line, the mean as a bar. Means: {words}."
    )
    return figure


LONG = {"none": (INK, ":"), "decay 1": (ACCENT3, "--"), "dropout 0.5": (ACCENT, "-")}


def longer():
    """Wrong labels repeated, and test accuracy, up to step 1200; the mean of five seeds for each cure."""
    figure = Figure(figsize=(5.3, 4.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    words = []
    for name, (color, style) in LONG.items():
        epochs, repeated, accuracy = np.array(recorded()[f"1200 steps, {name}"]["history"]).mean(axis=0)
        upper.plot(epochs * 4, repeated, color=color, linestyle=style, label=name)  # 4 steps per epoch
        lower.plot(epochs * 4, accuracy, color=color, linestyle=style)
        early = int(np.flatnonzero(epochs * 4 == 240)[0])
        words.append(
            f"{name}, repeated {repeated[early]:.0f} % and {repeated[-1]:.0f} %, "
            f"test {accuracy[early]:.0f} % and {accuracy[-1]:.0f} %"
        )
    for axes in (upper, lower):
        axes.axvline(240, color=INK, alpha=0.35, linewidth=0.8)
    upper.set(ylabel="repeated, %", ylim=(0, 104), xlim=(0, 1200))
    upper.legend(loc="lower right")
    lower.set(xlabel="step", ylabel="test accuracy, %")
    figure.set_label(
        "Two panels against the step, from 0 to 1200, with a mark at 240: above, the share of the wrong labels that is "
        "repeated; below, the test accuracy; means of five seeds. At step 240 and at the end: " + "; ".join(words) + "."
    )
    return figure


SIZES = (50, 100, 200, 400, 800)


def more_data():
    """Share of the test images read wrongly, by the number of training images; right labels, no cure."""
    results = recorded()
    wrong = [100 - np.array(results[f"right labels, {size}"]["test_accuracy"]) for size in SIZES]
    figure = Figure(figsize=(5.3, 2.9), layout="constrained")
    axes = figure.subplots()
    for size, values in zip(SIZES, wrong, strict=True):
        axes.plot([size] * len(values), values, "o", markersize=4, markeredgewidth=0, color=ACCENT)
    axes.plot(SIZES, [values.mean() for values in wrong], color=ACCENT2, linewidth=1.4)
    axes.set(xscale="log", yscale="log", xlabel="training images", ylabel="read wrongly, %")
    axes.minorticks_off()
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.set_yticks((2, 5, 10, 20), ("2", "5", "10", "20"))
    words = ", ".join(f"{values.mean():.1f} % with {size}" for size, values in zip(SIZES, wrong, strict=True))
    figure.set_label(
        f"Share of the test images read wrongly, on logarithmic scales, five runs for each size of the training set. "
        f"Means: {words} images."
    )
    return figure


FIGURES = {
    "regularisation-wrong-labels.svg": wrong_labels,
    "regularisation-curves.svg": curves,
    "regularisation-dropout.svg": four_numbers,
    "regularisation-dropout2d.svg": channels,
    "regularisation-pairs.svg": pairs,
    "regularisation-longer.svg": longer,
    "regularisation-more-data.svg": more_data,
}

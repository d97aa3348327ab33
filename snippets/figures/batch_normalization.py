"""The figures of the lesson batch-normalization; what was trained is read from its results.json."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from snippets.batch_normalization import RATES, SIZES, batch_norm, deep
from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, canvas, caption, frame, grid
from snippets.first_cnn import load

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "batch-normalization" / "results.json"
X = [[[1, 3], [20, 8]], [[3, 9], [8, 20]]]  # image, channel, column
GAMMA, BETA = (3, 2), (0, 1)
NAMES = {"plain": "plain", "he": "He's weights", "bn": "batch norm"}
COLORS = {"plain": INK, "he": ACCENT2, "bn": ACCENT}


def recorded():
    """Return the recorded experiments, {name: results of its runs}."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]


def one_line():
    """Training loss, epoch by epoch, of the plain network and of the one with batch normalisation, five seeds each."""
    figure = Figure(figsize=(5.3, 2.7), layout="constrained")
    last = {}
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), ("plain", "bn"), strict=True):
        losses = recorded()[f"{kind}, lr 0.03"]["loss"]
        for run in losses:
            axes.plot(run, color=COLORS[kind], linewidth=1.2)
        axes.axhline(math.log(10), color=INK, linewidth=0.8, linestyle=":")
        title = "eight convolutions" if kind == "plain" else "one more layer each"
        axes.set(title=title, xlabel="epoch", xticks=range(0, 9, 2), ylim=(0, 2.6))
        last[kind] = max(run[-1] for run in losses)
    figure.axes[0].set_ylabel("loss on training images")
    figure.axes[1].text(8, math.log(10) + 0.06, "ln 10", ha="right", va="bottom")
    figure.set_label(
        "Two panels of training loss against epoch, by SGD, five runs each. Left, eight convolutions: all lines stay "
        f"flat at ln 10. Right, with one more layer behind each: all lines fall, and end at {last['bn']:.2f} or below."
    )
    return figure


def fraction(value):
    """Write thirds as fractions, whole numbers as they are."""
    thirds = round(3 * value)
    return str(thirds // 3) if thirds % 3 == 0 else f"{thirds}/3"


def eight_numbers():
    """The batch of the worked example: one colour for each channel, before, normalised, and after gamma and beta."""
    x = torch.tensor(X).double().unsqueeze(2)  # (2, 2, 1, 2)
    one, zero = torch.ones(2).double(), torch.zeros(2).double()
    steps = {
        "x": x,
        "normalised": batch_norm(x, one, zero),
        "y": batch_norm(x, torch.tensor(GAMMA).double(), torch.tensor(BETA).double()),
    }
    figure, axes = canvas(5.3, 3.8)
    cell, colors = 0.56, (ACCENT, ACCENT2)
    for column, (name, values) in enumerate(steps.items()):
        left = 0.78 + 1.6 * column
        caption(axes, left + cell, 0.2, name)
        for n in range(2):
            for c in range(2):
                top = 0.42 + 1.4 * n + 0.64 * c
                row = [fraction(value) for value in values[n, c, 0].tolist()]
                grid(axes, [row], left, top, cell, tint={(0, j): colors[c] for j in range(2)}, size=11)
    for n in range(2):
        caption(axes, 0.38, 1.02 + 1.4 * n, f"image {n}", size=11)
    mean = x.mean(dim=(0, 2, 3)).tolist()
    var = x.var(dim=(0, 2, 3), correction=0).tolist()
    words = [f"mean {m:g}, variance {v:g}" for m, v in zip(mean, var, strict=True)]
    for c in range(2):
        left, top = 1.4, 3.2 + 0.3 * c
        axes.add_patch(Rectangle((left, top), 0.2, 0.2, facecolor=colors[c], alpha=0.5, linewidth=0))
        axes.text(left + 0.28, top + 0.1, f"channel {c}: {words[c]}", ha="left", va="center_baseline", fontsize=11)
    rows = "; ".join(f"image {n}: {a} {b} and {c} {d}" for n, ((a, b), (c, d)) in enumerate(X))
    results = [[fraction(v) for v in steps["y"][:, c].flatten().tolist()] for c in range(2)]
    figure.set_label(
        f"Two images with two channels of two values, {rows}, the channels in two colours. Channel 0 has {words[0]}, "
        f"channel 1 {words[1]}. Beside them the normalised values and the results, channel 0: {' '.join(results[0])}, "
        f"channel 1: {' '.join(results[1])}."
    )
    return figure


@torch.no_grad()
def spreads(norm):
    """Return the standard deviation of a value over 100 images, the mean over all values, behind each of 20 layers."""
    torch.manual_seed(0)
    values, found = load()[0][:100].double(), []
    for layer in deep(norm, depth=20).double():
        values = layer(values)
        if isinstance(layer, norm or nn.Conv2d):
            found.append(values.std(dim=0).mean().item())
    return found


def depth():
    """How much a value differs between images, layer by layer, in an untrained network."""
    figure = Figure(figsize=(5.3, 2.8), layout="constrained")
    axes = figure.subplots()
    plain, normed = spreads(None), spreads(nn.BatchNorm2d)
    layers = range(1, len(plain) + 1)
    axes.plot(layers, normed, "o-", color=COLORS["bn"], markersize=4)
    axes.plot(layers, plain, "o-", color=COLORS["plain"], markersize=4)
    axes.set(yscale="log", xlabel="layer", ylabel="standard deviation", xticks=(1, 5, 10, 15, 20), ylim=(1e-12, 50))
    axes.set(yticks=(1, 1e-3, 1e-6, 1e-9, 1e-12), yticklabels=("1", "1/10³", "1/10⁶", "1/10⁹", "1/10¹²"))
    axes.minorticks_off()
    axes.text(20, 3, "batch norm", ha="right", color=COLORS["bn"])
    axes.text(12, 1e-5, "plain", color=COLORS["plain"])
    power = math.floor(math.log10(plain[-1]))
    figure.set_label(
        "Standard deviation of a value over the images, against the layer, logarithmic. With batch normalisation it "
        f"stays between {min(normed):.1f} and {max(normed):.1f} for all {len(plain)} layers. In the plain network it "
        f"falls from {plain[0]:.1f} to {plain[-1] / 10**power:.0f} times 10 to the power {power}."
    )
    return figure


def learning_rates():
    """Validation accuracy of the recorded runs against the learning rate: plain, He's weights, batch norm."""
    figure = Figure(figsize=(5.3, 3), layout="constrained")
    axes = figure.subplots()
    worst = {}
    for shift, kind in zip((-0.2, 0, 0.2), NAMES, strict=True):
        for place, lr in enumerate(RATES):
            values = recorded()[f"{kind}, lr {lr}"]["validation_accuracy"]
            spots = place + shift + np.linspace(-0.06, 0.06, len(values))
            label = NAMES[kind] if place == 0 else None
            axes.plot(spots, values, "os^"[list(NAMES).index(kind)], markersize=4.5, color=COLORS[kind], label=label)
            worst[kind, lr] = round(min(values))
    axes.set(xticks=range(len(RATES)), xticklabels=RATES, xlabel="learning rate of SGD", ylim=(0, 102))
    axes.set(ylabel="validation images read, %", yticks=range(0, 101, 20))
    figure.legend(loc="outside upper center", ncols=3)
    words = ", ".join(f"{worst['bn', lr]} % at {lr}" for lr in RATES)
    figure.set_label(
        "Validation accuracy against the learning rate of SGD, five runs each. Plain networks stay at guessing, about "
        "10 %, everywhere; He's weights learn with the smaller rates only. The worst runs with batch normalisation: "
        f"{words}."
    )
    return figure


def block(axes, left, top, name, member, color):
    """Draw 3 images x 4 channels, each cell a map of 2 x 2 positions; tint those for which member(n, c) is true."""
    cell, gap = 0.17, 0.06
    for n in range(3):
        for c in range(4):
            tint = {(i, j): color for i in range(2) for j in range(2)} if member(n, c) else {}
            corner = (left + c * (2 * cell + gap), top + n * (2 * cell + gap))
            grid(axes, [["", ""]] * 2, *corner, cell, tint=tint)
            if member(n, c):
                frame(axes, *corner, 2, 2, cell, color=color)
    caption(axes, left + 4 * cell, top - 0.2, name)


def relatives():
    """Which values share a mean: three images by four channels, each a map of 2 x 2, for four normalisations."""
    figure, axes = canvas(5.3, 3.75)
    members = {
        "batch": (lambda n, c: c == 1, ACCENT),
        "layer": (lambda n, c: n == 0, ACCENT3),
        "instance": (lambda n, c: (n, c) == (0, 1), ACCENT2),
        "group, two groups": (lambda n, c: n == 0 and c < 2, ACCENT3),
    }
    words = []
    for place, (name, (member, color)) in enumerate(members.items()):
        left, top = 0.85 + 2.55 * (place % 2), 0.45 + 1.75 * (place // 2)
        block(axes, left, top, name, member, color)
        for n in range(3):
            axes.text(left - 0.1, top + 0.4 * n + 0.17, f"image {n}", ha="right", va="center_baseline", fontsize=10)
        count = sum(member(n, c) for n in range(3) for c in range(4))
        words.append(f"{name}: {count} of 12 maps")
    caption(axes, 2.65, 3.6, "columns: channels 0 to 3", size=11)
    figure.set_label(
        "Four grids of 3 images by 4 channels, each cell a small map; the maps whose values share one mean are "
        f"framed. {'; '.join(words)}. Batch takes one column, layer one row, instance a single map, group the first "
        "two maps of a row."
    )
    return figure


def batch_sizes():
    """Validation accuracy of the recorded runs against the batch size: batch norm and group norm."""
    figure = Figure(figsize=(5.3, 2.8), layout="constrained")
    axes = figure.subplots()
    means = {}
    for norm, name, color, shift, mark in (
        ("bn", "batch norm", ACCENT, -0.12, "^"),
        ("gn", "group norm", ACCENT3, 0.12, "o"),
    ):
        for place, size in enumerate(SIZES):
            values = recorded()[f"{norm}, batches of {size}"]["validation_accuracy"]
            spots = place + shift + np.linspace(-0.06, 0.06, len(values))
            axes.plot(spots, values, mark, markersize=5, color=color, label=name if place == 0 else None)
            means[norm, size] = f"{np.mean(values):.0f} %"
    axes.set(xticks=range(len(SIZES)), xticklabels=SIZES, xlabel="images in a batch", ylim=(0, 102))
    axes.set(ylabel="validation images read, %", yticks=range(0, 101, 20))
    figure.legend(loc="outside upper center", ncols=2)
    words = "; ".join(
        f"batches of {size}: {means['bn', size]} with batch norm, {means['gn', size]} with group norm" for size in SIZES
    )
    figure.set_label(f"Validation accuracy against the batch size, five runs each. Means: {words}.")
    return figure


FIGURES = {
    "batch-normalization-one-line.svg": one_line,
    "batch-normalization-eight-numbers.svg": eight_numbers,
    "batch-normalization-depth.svg": depth,
    "batch-normalization-learning-rates.svg": learning_rates,
    "batch-normalization-relatives.svg": relatives,
    "batch-normalization-batch-sizes.svg": batch_sizes,
}

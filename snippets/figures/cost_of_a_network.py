"""Figures of the lesson cost-of-a-network. Parameters are orange, MACs green, activations blue."""

import matplotlib.ticker
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn
from torchvision import models

from snippets.cost_of_a_network import costs, kept_for_backward
from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, canvas, caption

NETWORKS = {
    "alexnet": "AlexNet",
    "squeezenet1_1": "SqueezeNet",
    "vgg16": "VGG-16",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "mobilenet_v2": "MobileNetV2",
    "efficientnet_b0": "EfficientNet-B0",
}
GIB = 2**30
BALANCE = 10  # MACs per byte, of the machine that the roofline assumes


def on_meta(name):
    with torch.device("meta"):
        return models.get_model(name, weights=None), torch.empty(1, 3, 224, 224)


def where_the_cost_sits():
    rows = [row for row in costs(*on_meta("vgg16")) if row.macs]
    convs = sum(row.kind == "Conv2d" for row in rows)
    names = [f"conv{i + 1}" for i in range(convs)] + [f"fc{i + 1}" for i in range(len(rows) - convs)]
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    shown = (
        (ACCENT2, "parameters,\nmillions", [row.parameters / 1e6 for row in rows]),
        (ACCENT, "activations,\nmillions", [row.outputs / 1e6 for row in rows]),
        (ACCENT3, "MACs,\nbillions", [row.macs / 1e9 for row in rows]),
    )
    for axes, (color, words, values) in zip(panels, shown, strict=True):
        axes.barh(names, values, color=color)
        axes.set_xlabel(words)
        axes.tick_params(axis="y", length=0)
    panels[0].invert_yaxis()
    panels[0].set(xlim=(0, 125), xticks=(0, 50, 100))
    panels[1].set(xlim=(0, 3.6), xticks=(0, 1, 2, 3))
    panels[2].set(xlim=(0, 2.1), xticks=(0, 1, 2))
    largest = max(rows, key=lambda row: row.parameters)
    busy = sum(row.macs for row in rows[:convs]) / sum(row.macs for row in rows)
    figure.set_label(
        f"Three bar charts, one bar for each of the {len(rows)} weighted layers of VGG-16. Parameters: small for the "
        f"{convs} convolutions, {largest.parameters / 1e6:.0f} million for the first dense layer. Activations: "
        f"{rows[0].outputs / 1e6:.1f} million for each of the first two convolutions, then ever fewer. MACs: up to "
        f"{max(row.macs for row in rows) / 1e9:.1f} billion for single convolutions, {100 * busy:.0f} % of all; the "
        "bars of the dense layers can hardly be seen."
    )
    return figure


def box(axes, left, top, width, height, color, lines):
    """Draw a tinted box with centred lines of text, the first one larger."""
    axes.add_patch(Rectangle((left, top), width, height, facecolor=color, alpha=0.3, linewidth=0))
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=color, linewidth=1.5))
    for i, line in enumerate(lines):
        y = top + height / 2 + 0.27 * (i - (len(lines) - 1) / 2)
        caption(axes, left + width / 2, y, line, size=12 if i else 13)


def one_layer():
    layer = nn.Conv2d(3, 8, 3, padding=1)
    [row] = costs(layer, torch.zeros(1, 3, 8, 8))
    figure, axes = canvas(5.2, 2.5)
    box(axes, 0.1, 1.2, 1.4, 1.2, ACCENT, ["input", "3 × 8 × 8", f"{row.inputs} values"])
    box(axes, 3.7, 1.2, 1.4, 1.2, ACCENT3, ["output", "8 × 8 × 8", f"{row.outputs} values"])
    box(axes, 1.6, 0.1, 2.0, 0.7, ACCENT2, ["8 filters, 3 × 3 × 3", f"{row.parameters} parameters"])
    box(axes, 1.95, 1.4, 1.3, 0.8, INK, [f"{row.macs:,}", "MACs"])
    for start, end in (((1.5, 1.8), (1.95, 1.8)), ((3.25, 1.8), (3.7, 1.8)), ((2.6, 0.8), (2.6, 1.4))):
        axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "linewidth": 1.5})
    figure.set_label(
        f"A box for the input, 3 channels of 8 by 8, {row.inputs} values; a box for 8 filters of 3 by 3 by 3 with "
        f"{row.parameters} parameters; both lead into {row.macs:,} MACs; from there to the output, 8 maps of 8 by 8, "
        f"{row.outputs} values."
    )
    return figure


def scatter():
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    points = {}
    for name, title in NETWORKS.items():
        rows = costs(*on_meta(name))
        points[title] = sum(row.parameters for row in rows) / 1e6, sum(row.macs for row in rows) / 1e9
    offsets = {"VGG-16": (-62, 0), "SqueezeNet": (-6, 13), "EfficientNet-B0": (7, 5), "MobileNetV2": (9, -6)}
    for title, (parameters, macs) in points.items():
        axes.plot(parameters, macs, "o", color=ACCENT, markersize=7)
        offset = offsets.get(title, (9, 0))
        axes.annotate(title, (parameters, macs), xytext=offset, textcoords="offset points", va="center")
    axes.set(xscale="log", yscale="log", xlabel="parameters, millions", ylabel="MACs, billions")
    axes.set(xlim=(1, 250), ylim=(0.2, 25), xticks=(1, 3, 10, 30, 100), yticks=(0.3, 1, 3, 10))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.minorticks_off()
    alex, resnet = points["AlexNet"], points["ResNet-50"]
    figure.set_label(
        f"{len(points)} networks as dots, parameters to the right, MACs upwards, both axes logarithmic. There is no "
        f"line through them: AlexNet has {alex[0]:.0f} million parameters and {alex[1]:.1f} billion MACs, ResNet-50 "
        f"{resnet[0]:.0f} million and {resnet[1]:.1f} billion."
    )
    return figure


def memory_in_training():
    vgg, photo = on_meta("vgg16")
    weights = 4 * sum(p.numel() for p in vgg.parameters()) / GIB
    features = vgg.features.to_empty(device="cpu")
    for p in features.parameters():
        nn.init.constant_(p, 0)
    kept = sum(kept_for_backward(features, torch.zeros(photo.shape)).values()) / GIB
    batches = (1, 8, 32, 64)
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.subplots()
    parts = (("weights", 1, ACCENT2, 1), ("gradients", 1, ACCENT2, 0.65), ("AdamW's two means", 2, ACCENT2, 0.35))
    bottom = 0
    for words, copies, color, alpha in parts:
        axes.bar([str(n) for n in batches], copies * weights, bottom=bottom, color=color, alpha=alpha, label=words)
        bottom += copies * weights
    heights = [n * kept for n in batches]
    axes.bar([str(n) for n in batches], heights, bottom=bottom, color=ACCENT, label="kept for backward")
    axes.set(xlabel="images in the batch", ylabel="GiB")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper left")
    figure.set_label(
        f"Four stacked bars for VGG-16 in training, with batches of {', '.join(map(str, batches[:-1]))} and "
        f"{batches[-1]}. Weights, gradients and the two means of AdamW are {4 * weights:.2f} GiB in every bar. What "
        f"the convolutions and poolings keep for backward grows from {heights[0]:.2f} to {heights[-1]:.2f} GiB."
    )
    return figure


def roofline():
    layers = {
        "linear,\nbatch 1": (nn.Linear(4096, 4096), (1, 4096)),
        "depthwise\n3×3": (nn.Conv2d(256, 256, 3, padding=1, groups=256), (1, 256, 28, 28)),
        "our layer": (nn.Conv2d(3, 8, 3, padding=1), (1, 3, 8, 8)),
        "linear,\nbatch 64": (nn.Linear(4096, 4096), (64, 4096)),
        "1×1": (nn.Conv2d(256, 256, 1), (1, 256, 28, 28)),
        "dense\n3×3": (nn.Conv2d(256, 256, 3, padding=1), (1, 256, 28, 28)),
    }
    figure = Figure(figsize=(5.2, 3.3), layout="constrained")
    axes = figure.subplots()
    axes.plot([0.1, BALANCE, 300], [0.1 / BALANCE, 1, 1], color=INK, linewidth=1.5)
    axes.plot([BALANCE] * 2, [0.01, 1], color=INK, linewidth=0.8, linestyle=":")
    found = {}
    for words, (layer, shape) in layers.items():
        [row] = costs(layer.to("meta"), torch.empty(*shape, device="meta"))
        at = row.macs / row.bytes
        found[words] = at
        axes.plot(at, min(1, at / BALANCE), "o", color=ACCENT2 if at < BALANCE else ACCENT3, markersize=7)
        tall = {"linear,\nbatch 64": ((-4, -24), "left", "top"), "1×1": ((0, -9), "center", "top")}
        offset, align, side = tall.get(words, ((3, -9), "center", "top"))
        if words == "our layer":
            offset, align, side = (-8, 4), "right", "center"
        elif at < BALANCE:
            offset, align, side = (9, -3), "left", "center"
        place = {"xytext": offset, "textcoords": "offset points", "ha": align, "va": side}
        axes.annotate(words, (at, min(1, at / BALANCE)), linespacing=0.95, **place)
    axes.text(0.38, 0.071, "waits for memory", rotation=44, ha="center", va="center", color=ACCENT2)
    axes.text(60, 1.25, "waits for arithmetic", ha="center", color=ACCENT3)
    axes.set(xscale="log", yscale="log", xlabel="MACs per byte moved", ylabel="share of the peak speed")
    axes.set(xlim=(0.1, 300), ylim=(0.01, 2), xticks=(0.1, 1, 10, 100), yticks=(0.01, 0.1, 1))
    axes.set_xticklabels(["0.1", "1", "10", "100"])
    axes.set_yticklabels(["1 %", "10 %", "100 %"])
    axes.minorticks_off()
    below = [words.replace("\n", " ") for words, at in found.items() if at < BALANCE]
    above = [words.replace("\n", " ") for words, at in found.items() if at >= BALANCE]
    figure.set_label(
        "A line that rises with the MACs per byte and then stays level at the peak: the roof. It bends at "
        f"{BALANCE} MACs per byte. On the slope, waiting for memory: {', '.join(below)}. On the level part, waiting "
        f"for arithmetic: {', '.join(above)}."
    )
    return figure


FIGURES = {
    "where-the-cost-sits.svg": where_the_cost_sits,
    "one-layer-counted.svg": one_layer,
    "parameters-and-macs.svg": scatter,
    "memory-in-training.svg": memory_in_training,
    "roofline.svg": roofline,
}

"""The figures of the lesson first-cnn; what was trained is read from its results.json."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.datasets import load_digits

from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, MINUS, canvas, caption, digit, frame, grid
from snippets.first_cnn import any_size, cnn, load

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "first-cnn" / "results.json"


def recorded():
    """Return the recorded experiments, {name: results of its runs}."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]


def which_digit():
    """Six digits of the test images: an easy one, and five that trained networks misread."""
    figure, axes = canvas(6, 1.35)
    for column, (letter, index) in enumerate(zip("ABCDEF", (0, 1118, 37, 77, 905, 678), strict=True)):
        left = 0.06 + column
        digit(axes, load_digits().images[index], left, 0.06, 0.88)
        axes.text(left + 0.44, 1.15, letter, ha="center", va="center", fontsize=12)
    height, width = load_digits().images[0].shape
    figure.set_label(
        f"Six handwritten digits of {height} by {width} grey pixels, marked A to F. A is clearly a zero; the other "
        "five are hard to read."
    )
    return figure


def one_value():
    """Image 0, kernel 8 of the untrained network (seed 0), and the feature map that it makes, one value framed."""
    torch.manual_seed(0)
    layer, image = cnn()[0], load()[0][:1]
    with torch.no_grad():
        feature_map = layer(image)[0, 8]
    figure, axes = canvas(7.7, 3.5)
    pixels = (image[0, 0] * 16).int().tolist()
    grid(axes, pixels, 0.05, 0.7, 0.3, tint={(i, j): ACCENT for i in range(3) for j in range(2, 5)}, size=10)
    frame(axes, 0.65, 0.7, 3, 3, 0.3)
    kernel = [[f"{value:.2f}" for value in row] for row in layer.weight[8, 0].tolist()]
    grid(axes, kernel, 2.8, 1.0, 0.5, tint={(i, j): ACCENT2 for i in range(3) for j in range(3)}, size=10)
    values = [[f"{value:.1f}".replace("-0.0", "0.0") for value in row] for row in feature_map.tolist()]
    values[1][3] = f"{feature_map[1, 3].item():.2f}"
    grid(axes, values, 4.6, 0.4, 0.38, tint={(1, 3): ACCENT3}, size=9)
    frame(axes, 4.6 + 3 * 0.38, 0.4 + 0.38, 1, 1, 0.38, color=ACCENT3)
    words = [(1.25, 0.48, "image 0, in sixteenths"), (3.55, 0.78, "kernel 8"), (6.12, 0.2, "feature map 8")]
    bias = f"bias {layer.bias[8].item():.2f}".replace("-", MINUS)
    words += [(2.63, 1.76, "∗"), (4.45, 1.76, "="), (3.55, 2.75, bias)]
    for x, y, text in words:
        axes.text(x, y, text, ha="center", va="center_baseline", fontsize=18 if len(text) == 1 else 11)
    rows = "; ".join(" ".join(row) for row in kernel)
    figure.set_label(
        f"The pixels of image 0 with a square window of {len(kernel)} rows framed, times kernel 8 with the weights "
        f"{rows} and its {bias.replace(MINUS, '-')}, gives feature map 8. Its value in row 1, column 3 is framed: "
        f"{values[1][3]}."
    )
    return figure


def loss_curves():
    """Loss on training and validation images, epoch by epoch, for CNN and MLP; one line for each of five seeds."""
    figure = Figure(figsize=(6, 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("cnn", "mlp"), strict=True):
        for number, history in enumerate(recorded()[name]["history"]):
            first = number == 0
            train, validation = zip(*history, strict=True)
            axes.plot(train, color=ACCENT, linewidth=1.1, label="training" if first else None)
            axes.plot(validation, color=ACCENT2, linewidth=1.1, linestyle="--", label="validation" if first else None)
        axes.axhline(math.log(10), color=INK, linewidth=0.8, linestyle=":")
        axes.set(title=name.upper(), xlabel="epoch", yscale="log", xlim=(0, 20), xticks=(0, 5, 10, 15, 20))
        axes.minorticks_off()
    axes.text(20, math.log(10) * 0.88, "ln 10", ha="right", va="top")
    figure.axes[0].set(ylabel="mean loss", yticks=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3))
    figure.axes[0].set_yticklabels(["0.003", "0.01", "0.03", "0.1", "0.3", "1", "3"])
    figure.axes[0].legend(loc="lower left")
    last = {name: np.mean([run[-1] for run in recorded()[name]["history"]], axis=0) for name in ("cnn", "mlp")}
    figure.set_label(
        "Two panels of loss against epoch on a logarithmic scale, CNN and MLP, one line for each of five seeds. "
        f"All curves start near ln 10. At the end, the mean training losses are {last['cnn'][0]:.3f} for the CNN and "
        f"{last['mlp'][0]:.3f} for the MLP; the validation losses have levelled off at {last['cnn'][1]:.2f} and "
        f"{last['mlp'][1]:.2f}."
    )
    return figure


def seeds():
    """Test accuracy of each recorded run: CNN and MLP, with the pixels in place and shuffled."""
    rows = ("cnn", "mlp", "cnn, shuffled", "mlp, shuffled")
    names = ("CNN", "MLP", "CNN,\npixels shuffled", "MLP,\npixels shuffled")
    figure = Figure(figsize=(6, 2.9), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(rows):
        accuracy = np.array(recorded()[name]["test_accuracy"])
        heights = row + 0.22 * np.linspace(-1, 1, len(accuracy))
        axes.plot(accuracy, heights, "o", markersize=4.5, markeredgewidth=0, color=(ACCENT, ACCENT2)[row % 2])
        axes.plot([accuracy.mean()] * 2, [row - 0.35, row + 0.35], color=INK, linewidth=1.5)
        axes.text(accuracy.mean(), row - 0.38, f"{accuracy.mean():.1f} %", ha="center", va="bottom", fontsize=10)
    axes.set(yticks=range(4), yticklabels=names, ylim=(3.5, -0.75), xlim=(93.5, 99))
    axes.set_xlabel("test images read correctly, %")
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    mean = {name: f"{np.mean(recorded()[name]['test_accuracy']):.1f} %" for name in rows}
    figure.set_label(
        f"Test accuracy of twenty runs each, one dot per run. CNN, mean {mean['cnn']}, lies to the right of MLP, "
        f"{mean['mlp']}. With the pixels shuffled, CNN falls to {mean['cnn, shuffled']} and MLP has "
        f"{mean['mlp, shuffled']}."
    )
    return figure


def confusion_matrix():
    """Predictions of the twenty recorded CNNs on the test images; the mistakes tinted by their number."""
    counts = np.array(recorded()["cnn"]["confusion"])
    figure, axes = canvas(5.6, 5.3)
    cell, left, top = 0.48, 0.75, 0.45
    worst = (counts - np.diag(np.diag(counts))).max()
    for i, j in np.ndindex(10, 10):
        color, alpha = (ACCENT3, 0.3) if i == j else (ACCENT2, 0.8 * counts[i, j] / worst)
        corner = (left + j * cell, top + i * cell)
        axes.add_patch(Rectangle(corner, cell, cell, facecolor=color, alpha=alpha, linewidth=0))
    grid(axes, np.where(counts > 0, counts.astype(str), "").tolist(), left, top, cell, size=10)
    for number in range(10):
        axes.text(left - 0.15, top + (number + 0.5) * cell, number, ha="center", va="center")
        axes.text(left + (number + 0.5) * cell, top - 0.14, number, ha="center", va="center")
    axes.text(left + 5 * cell, 0.12, "digit predicted", ha="center", va="center")
    axes.text(0.25, top + 5 * cell, "true digit", ha="center", va="center", rotation=90)
    true, predicted = (int(place) for place in np.argwhere(counts - np.diag(np.diag(counts)) == worst)[0])
    figure.set_label(
        "Confusion matrix of twenty runs: true digit by row, predicted digit by column. Nearly all counts are on the "
        f"diagonal. The most frequent mistake, {worst} times, is to read {true} as {predicted}."
    )
    return figure


def wrong_digits():
    """The ten test images that most of the twenty recorded CNNs misread."""
    results, target = recorded()["cnn"], load_digits().target
    mistakes = sorted(results["mistakes"], key=lambda mistake: -mistake[2])[:10]
    figure, axes = canvas(6, 3.5)
    for place, (index, predicted, runs) in enumerate(mistakes):
        left, top = 0.08 + place % 5 * 1.2, 0.06 + place // 5 * 1.78
        digit(axes, load_digits().images[index], left, top, 1.04)
        words = f"{target[index]} read as {predicted}", f"{runs} of {len(results['seeds'])} runs"
        for line, text in enumerate(words):
            axes.text(left + 0.52, top + 1.2 + 0.19 * line, text, ha="center", va="center", fontsize=10)
    worst = ", ".join(f"{target[index]} read as {predicted} ({runs} times)" for index, predicted, runs in mistakes[:3])
    figure.set_label(f"The ten test images that most of the twenty networks misread. The first three: {worst}.")
    return figure


def shapes_in(model, shape, places):
    """Return the shape (without the batch) of a black image and what comes out of the layers at `places`."""
    x, shapes = torch.zeros(1, *shape), [shape]
    with torch.no_grad():
        for place, layer in enumerate(model):
            x = layer(x)
            if place in places:
                shapes.append(tuple(x.shape[1:]))
    return shapes


def shape_box(axes, left, top, text, color, broken=False):
    """A tinted box with a shape; if broken, in a thick frame."""
    width, height = 1.05, 0.3
    alpha = 0.08 if color == INK else 0.3
    axes.add_patch(Rectangle((left, top), width, height, facecolor=color, alpha=alpha, linewidth=0))
    if broken:
        axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=color, linewidth=2.5))
    caption(axes, left + width / 2, top + height / 2, text, size=10)


def other_sizes():
    """Four images of different sizes in the same layers: where Linear(128, 10) breaks, and the adaptive variant."""
    figure, axes = canvas(5.3, 4.4)
    images = ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 224, 224))
    words = ["image", "block 1", "block 2", "Flatten", "Linear"]
    words += ["block 2", "bins", "Flatten", "Linear"]
    tops = [0.1 + 0.42 * row for row in range(5)] + [2.75 + 0.42 * row for row in range(4)]
    for word, top in zip(words, tops, strict=True):
        axes.text(0.02, top + 0.15, word, ha="left", va="center_baseline", fontsize=10)
    arriving = []
    for column, image in enumerate(images):
        left = 0.78 + 1.14 * column
        model = any_size(image[0])
        chain = shapes_in(torch.nn.Sequential(*model[:6], torch.nn.Flatten()), image, (2, 5, 6))
        chain += shapes_in(model, image, (5, 6, 7, 8))[1:]
        fits = chain[3] == (128,)
        chain.insert(4, (10,) if fits else "breaks")
        arriving.append(f"{chain[3][0]:,}")
        for row, (shape, top) in enumerate(zip(chain, tops, strict=True)):
            broken = shape == "breaks"
            text = shape if broken else "×".join(f"{n:,}" for n in shape)
            color = ACCENT2 if broken else ACCENT if row == 0 else ACCENT3 if shape == (10,) else INK
            shape_box(axes, left, top, text, color, broken)
    axes.plot([0.02, 5.28], [2.36, 2.36], color=INK, alpha=0.45, linewidth=0.8)
    caption(axes, 3.0, 2.53, "with AdaptiveAvgPool2d(2) before Flatten", size=10)
    figure.set_label(
        f"Four columns of shapes, for images of {', '.join('x'.join(map(str, image)) for image in images)}. "
        f"After two blocks of convolution, ReLU and pooling, Flatten gives {', '.join(arriving[:3])} and {arriving[3]} "
        "values. Linear(128, 10) takes the first and breaks, framed in orange, at the other three. Below, with "
        "adaptive pooling after block 2: in each column 32x2x2, then 128, then 10 logits."
    )
    return figure


FIGURES = {
    "first-cnn-other-sizes.svg": other_sizes,
    "first-cnn-which-digit.svg": which_digit,
    "first-cnn-one-value.svg": one_value,
    "first-cnn-loss-curves.svg": loss_curves,
    "first-cnn-seeds.svg": seeds,
    "first-cnn-confusion-matrix.svg": confusion_matrix,
    "first-cnn-wrong-digits.svg": wrong_digits,
}

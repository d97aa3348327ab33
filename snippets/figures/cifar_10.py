"""The figures of the lesson cifar-10; what was trained is read from its results.json."""

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torchvision.transforms import v2

from snippets.cifar_10 import MEAN, SHAPES, STD, SmallCIFAR10, draw, photographs, warm_up_cosine, write_small_cifar
from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, MINUS, canvas, caption, frame, grid, picture

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "cifar-10" / "results.json"
VARIANTS = ("recipe", "no batch norm", "no augmentation", "no dropout", "constant rate")
PIXEL = (12, 16)


@cache
def image_0():
    """The first image of the generated set, uint8 (32, 32, 3)."""
    with tempfile.TemporaryDirectory() as root:
        write_small_cifar(root)
        return SmallCIFAR10(root).data[0]


def few_colours(image):
    """Keep six steps for each colour, so that the file stays small."""
    return (np.round(image / 51) * 51).astype(np.uint8)


def tiles(images, columns, gap=2):
    """Put images (n, 32, 32, 3) in rows, with a white gap; return uint8 (h, w, 3)."""
    rows = -(-len(images) // columns)
    side = 32 + gap
    sheet = np.full((rows * side - gap, columns * side - gap, 3), 255, dtype=np.uint8)
    for place, image in enumerate(images):
        top, left = place // columns * side, place % columns * side
        sheet[top : top + 32, left : left + 32] = image
    return few_colours(sheet)


def thirty_epochs():
    """Image 0 as each of 30 epochs sees it, above the learning rate of those epochs."""
    image = torch.from_numpy(image_0()).permute(2, 0, 1)
    augment = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()])
    torch.manual_seed(0)
    views = [augment(image).permute(1, 2, 0).numpy() for _ in range(30)]
    figure, axes = canvas(5.3, 3.6)
    picture(axes, tiles(views, 10), 0.1, 0.1, 5.1, smooth=False)
    rate = figure.add_axes((0.1, 0.15, 0.87, 0.33))
    steps = 30 * 351
    factors = [warm_up_cosine(step, steps, steps // 10) for step in range(0, steps, 27)]
    rate.plot(np.linspace(0, 30, len(factors)), factors, color=ACCENT2)
    rate.set(xlim=(0, 30), ylim=(0, 1.08), xticks=(0, 3, 10, 20, 30), yticks=(0, 1), yticklabels=("0", "max"))
    rate.set_xlabel("epoch")
    rate.set_title("learning rate", fontsize=11)
    figure.set_label(
        f"A red plus, cut and mirrored in {len(views)} random ways, in three rows of ten. Below, the learning rate "
        "over the same epochs: it rises in a straight line for three epochs, then falls along half a cosine to zero."
    )
    return figure


def ten_classes():
    """Four generated images of each class, with its name."""
    rng, photos = np.random.default_rng(1), photographs()
    figure, axes = canvas(5.3, 2.55)
    for place, name in enumerate(SHAPES):
        left, top = 0.05 + place % 5 * 1.06, 0.27 + place // 5 * 1.3
        images = [draw(name, photos, rng) for _ in range(4)]
        picture(axes, tiles(images, 2, gap=1), left, top, 0.95, smooth=False)
        caption(axes, left + 0.475, top - 0.13, name, size=11)
    figure.set_label(
        f"Four generated images of each of {len(SHAPES)} classes: {', '.join(SHAPES)}. The shapes have random colours, "
        "places, sizes and tilts, and lie on pieces of photographs."
    )
    return figure


def one_pixel():
    """Image 0 with one pixel framed, its three bytes in the row of the file, and their normalised values."""
    image, (y, x) = image_0(), PIXEL
    figure, axes = canvas(5.3, 2.9)
    picture(axes, few_colours(image), 0.1, 0.35, 1.6, smooth=False)
    cell = 1.6 / 32
    frame(axes, 0.1 + x * cell, 0.35 + y * cell, 1, 1, cell, color=INK)
    caption(axes, 0.9, 0.17, f"row {y}, column {x}", size=11)
    row = []
    for plane, (name, color) in enumerate(zip("RGB", (ACCENT2, ACCENT3, ACCENT), strict=True)):
        left, index = 1.95 + 1.1 * plane, 1024 * plane + 32 * y + x
        axes.add_patch(Rectangle((left, 0.75), 1.1, 0.4, facecolor=color, alpha=0.35, linewidth=0))
        axes.add_patch(Rectangle((left, 0.75), 1.1, 0.4, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8))
        at = left + 1.1 * (32 * y + x) / 1024
        axes.plot([at, at], [0.7, 1.2], color=INK, linewidth=2)
        caption(axes, left + 0.3, 0.95, name, size=12)
        caption(axes, left + 0.55, 0.55, f"{1024 * plane} to {1024 * plane + 1023}", size=10)
        caption(axes, left + 0.55, 1.38, f"byte {index}", size=11)
        value = image[y, x, plane]
        scaled = (value / 255 - MEAN[plane]) / STD[plane]
        words = f"{scaled:.3f}".replace("-", MINUS)
        grid(axes, [[value]], left + 0.3, 1.55, 0.5, tint={(0, 0): color}, size=12)
        caption(axes, left + 0.55, 2.3, "becomes", size=10)
        caption(axes, left + 0.55, 2.6, words, size=13)
        row.append(f"byte {index} is {value} and becomes {scaled:.3f}")
    caption(axes, 3.6, 0.25, "one row of the file, 3072 bytes", size=11)
    figure.set_label(
        f"Image 0, a red plus, with the pixel in row {y}, column {x} framed. In its row of the file, {'; '.join(row)}."
    )
    return figure


def recorded():
    """Return the recorded experiments, {variant: results of its runs}."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]


def left_out():
    """Test accuracy of each recorded run: the recipe, and the recipe without one part."""
    figure = Figure(figsize=(5.3, 2.9), layout="constrained")
    axes = figure.subplots()
    means = []
    for row, name in enumerate(VARIANTS):
        values = np.array(recorded()[name]["test"])
        heights = row + 0.2 * np.linspace(-1, 1, len(values))
        axes.plot(values, heights, "o", markersize=5, markeredgewidth=0, color=ACCENT2 if row else ACCENT)
        axes.plot([values.mean()] * 2, [row - 0.35, row + 0.35], color=INK, linewidth=1.5)
        means.append(f"{name} {values.mean():.1f} %")
    axes.set(yticks=range(len(VARIANTS)), yticklabels=VARIANTS, ylim=(len(VARIANTS) - 0.4, -0.6))
    axes.set_xlabel("test images named correctly, %")
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    figure.set_label(f"Test accuracy of {len(values)} runs each, one dot per run. Means: {', '.join(means)}.")
    return figure


def learning_curve():
    """Accuracy on the way in each epoch of the recorded runs, and that of the trained networks on the same images."""
    runs = recorded()["recipe"]
    figure = Figure(figsize=(5.3, 2.9), layout="constrained")
    axes = figure.subplots()
    epochs = len(runs["on_the_way"][0])
    for line in runs["on_the_way"]:
        axes.plot(range(1, epochs + 1), line, color=ACCENT, linewidth=1.5)
    places = epochs + 0.35 + 0.12 * np.arange(len(runs["training"]))
    axes.plot(places, runs["training"], "o", color=ACCENT3, markersize=5, markeredgewidth=0)
    axes.text(epochs - 2.7, 62, "on the way", fontsize=11, color=ACCENT)
    axes.text(epochs + 0.85, 101, "afterwards", fontsize=11, color=ACCENT3, ha="right")
    axes.axhline(10, color=INK, linewidth=0.8, linestyle=":")
    axes.text(epochs + 0.85, 12, "guessing", fontsize=11, ha="right")
    axes.set(xlim=(0.8, epochs + 0.9), ylim=(0, 110), xticks=range(1, epochs + 1), yticks=(0, 50, 100))
    axes.set_xlabel("epoch")
    axes.set_ylabel("training images, %")
    first, last = (np.array([line[place] for line in runs["on_the_way"]]) for place in (0, -1))
    figure.set_label(
        f"Accuracy on the way by epoch, one line for each of {len(runs['seeds'])} runs: from {first.min():.0f} to "
        f"{first.max():.0f} % in the first epoch, from {last.min():.0f} to {last.max():.0f} % in the last. Afterwards, "
        f"the same images give {min(runs['training']):.0f} to {max(runs['training']):.0f} %."
    )
    return figure


def truth():
    """The true classes of the generated test images, in the order of the file."""
    with tempfile.TemporaryDirectory() as root:
        write_small_cifar(root)
        return np.array(SmallCIFAR10(root, train=False).targets)


def confusion():
    """Predictions of all recorded runs of the recipe, true class by row."""
    counts = np.zeros((10, 10), dtype=int)
    for predicted in recorded()["recipe"]["predicted"]:
        np.add.at(counts, (truth(), np.array(predicted)), 1)
    return counts


def confusion_matrix():
    """The confusion matrix of the recorded runs of the recipe, mistakes tinted by their number."""
    counts, names = confusion(), list(SHAPES)
    wrong = counts - np.diag(np.diag(counts))
    figure, axes = canvas(5.3, 5.15)
    cell, left, top = 0.43, 0.85, 0.75
    for i, j in np.ndindex(10, 10):
        color, alpha = (ACCENT3, 0.3) if i == j else (ACCENT2, 0.8 * counts[i, j] / wrong.max())
        corner = (left + j * cell, top + i * cell)
        axes.add_patch(Rectangle(corner, cell, cell, facecolor=color, alpha=alpha, linewidth=0))
    grid(axes, np.where(counts > 0, counts.astype(str), "").tolist(), left, top, cell, size=10)
    for place, name in enumerate(names):
        axes.text(left - 0.08, top + (place + 0.5) * cell, name, ha="right", va="center_baseline", fontsize=10)
        turned = {"rotation": 45, "rotation_mode": "anchor", "fontsize": 10}
        axes.text(left + (place + 0.4) * cell, top - 0.06, name, ha="left", va="bottom", **turned)
    true, predicted = (int(place) for place in np.argwhere(wrong == wrong.max())[0])
    figure.set_label(
        f"Confusion matrix of {len(recorded()['recipe']['seeds'])} runs: true class by row, predicted class by column. "
        f"Most counts are on the diagonal. The most frequent mistake, {wrong.max()} times, is to call a "
        f"{names[true]} {names[predicted]}."
    )
    return figure


FIGURES = {
    "cifar-10-thirty-epochs.svg": thirty_epochs,
    "cifar-10-ten-classes.svg": ten_classes,
    "cifar-10-one-pixel.svg": one_pixel,
    "cifar-10-learning-curve.svg": learning_curve,
    "cifar-10-left-out.svg": left_out,
    "cifar-10-confusion-matrix.svg": confusion_matrix,
}

"""Figures of the lesson data-augmentation; what was trained is read from its results.json."""

import json
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from skimage import data
from sklearn.datasets import load_digits
from torchvision.transforms import v2

from snippets.data_augmentation import crop_with_padding, cut_box, cutmix, erase, mixup, turn_by
from snippets.figures.style import (
    ACCENT,
    ACCENT2,
    ACCENT3,
    INK,
    canvas,
    caption,
    grid,
    picture,
    rows_in_words,
)

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "data-augmentation" / "results.json"

LETTER_F = torch.tensor([[8, 8, 8, 8], [8, 0, 0, 0], [8, 8, 8, 0], [8, 0, 0, 0]])
LETTER_L = torch.tensor([[4, 0, 0, 0], [4, 0, 0, 0], [4, 0, 0, 0], [4, 4, 4, 4]])


def recorded():
    """Return the recorded experiments, {name: results of its runs}."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]


def ink(axes, pixels, left, top, size):
    """Draw pixels (8, 8), 0 to 16, as ink on the page: the larger the value, the darker the cell."""
    cell = size / 8
    for i, j in np.argwhere(pixels > 0):
        corner = (left + j * cell, top + i * cell)
        axes.add_patch(
            Rectangle(corner, cell, cell, facecolor=INK, alpha=pixels[i, j] / 16, linewidth=0, antialiased=False)
        )
    axes.add_patch(Rectangle((left, top), size, size, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8))


def which_label():
    """A six of the data set (image 16), and five changed versions of it."""
    six = torch.tensor(load_digits().images[16])
    moved = crop_with_padding(six, 1, 2, 0)
    turned = turn_by(six[None, None], torch.tensor([np.radians(10)], dtype=torch.float64))[0, 0].round()
    versions = (six, moved, turned, six.flip(1), six.flip(0), six.flip(0, 1))
    figure, axes = canvas(5.2, 3.75)
    names = ("as written", "moved", "turned by 10°", "mirrored", "top to bottom", "upside down")
    for place, (name, version) in enumerate(zip(names, versions, strict=True)):
        left, top = 0.1 + 1.75 * (place % 3), 0.3 + 1.85 * (place // 3)
        ink(axes, version.numpy(), left, top, 1.5)
        caption(axes, left + 0.75, top - 0.15, name)
    figure.set_label(
        "Six pictures. The first is a handwritten six, as written. The others are made of it: moved up and to the "
        "right by one pixel; turned by ten degrees; mirrored; flipped from top to bottom; upside down, where it looks "
        "like a nine."
    )
    return figure


def letter_f():
    """The worked example: what each change makes of a letter F of 4x4 numbers."""
    batch = torch.stack([LETTER_F, LETTER_L])[:, None].double()
    labels = torch.eye(2, dtype=torch.float64)
    blended, pasted = mixup(batch, labels, 0.75), cutmix(batch, labels, cut_box(0.75, 3, 3, 4, 4))
    panels = (
        ("F", LETTER_F, ACCENT),
        ("mirror", LETTER_F.flip(1), ACCENT3),
        ("rotate by 90°", torch.rot90(LETTER_F), ACCENT3),
        ("pad, then crop", crop_with_padding(LETTER_F, 1, 2, 0), ACCENT3),
        ("erase", erase(LETTER_F, 1, 1, 2, 2, 5), ACCENT3),
        ("L", LETTER_L, ACCENT2),
        ("MixUp", blended[0][0, 0].int(), ACCENT3),
        ("CutMix", pasted[0][0, 0].int(), ACCENT3),
    )
    figure, axes = canvas(5.2, 5.7)
    words = []
    for place, (name, values, colour) in enumerate(panels):
        left, top = 0.05 + 1.78 * (place % 3), 0.35 + 1.9 * (place // 3)
        tint = {(i, j): colour for i, j in np.ndindex(4, 4) if values[i, j]}
        grid(axes, values.tolist(), left, top, cell=0.37, tint=tint)
        caption(axes, left + 0.74, top - 0.18, name)
        words.append(f"{name}: {rows_in_words(values.tolist())}")
    figure.set_label(f"Eight grids of numbers. {'. '.join(words)}.")
    return figure


def photograph():
    """The face of the cat, each block of 4x4 pixels averaged: uint8 (3, 75, 75)."""
    face = data.chelsea()[0:300, 60:360].astype(int)
    small = face.reshape(75, 4, 75, 4, 3).sum(axis=(1, 3)) // 16
    return torch.tensor(small, dtype=torch.uint8).permute(2, 0, 1)


def few_colours(x):
    """Keep six levels of each channel of uint8 (3, H, W), so that the file stays small; return (H, W, 3)."""
    levels = (x.permute(1, 2, 0).numpy().astype(int) * 5 + 127) // 255
    return (levels * 51).astype(np.uint8)


def one_photograph():
    """One photograph under eight random transforms, each with the same seed; then three more draws of one of them."""
    nearest = v2.InterpolationMode.NEAREST
    resized_crop = v2.RandomResizedCrop(75, interpolation=nearest)
    transforms = (
        ("photograph", v2.Identity()),
        ("HorizontalFlip", v2.RandomHorizontalFlip(p=1)),
        ("Crop(padding)", v2.RandomCrop(75, padding=12)),
        ("ResizedCrop", resized_crop),
        ("Rotation(30)", v2.RandomRotation(30)),
        ("ColorJitter", v2.ColorJitter(0.4, 0.4, 0.4, 0.1)),
        ("Erasing", v2.RandomErasing(p=1)),
        ("RandAugment", v2.RandAugment()),
        ("TrivialAugment", v2.TrivialAugmentWide()),
        *[("ResizedCrop", resized_crop)] * 3,
    )
    figure, axes = canvas(5.2, 7.65)
    for place, (name, transform) in enumerate(transforms):
        left, top = 0.05 + 1.73 * (place % 3), 0.3 + 1.9 * (place // 3)
        state = torch.get_rng_state()
        torch.manual_seed(2 if place < 9 else place - 9 + 4)
        changed = transform(photograph())
        torch.set_rng_state(state)
        picture(axes, few_colours(changed), left, top, 1.63)
        caption(axes, left + 0.815, top - 0.15, name)
    return figure


NAMES = {
    "none": "none",
    "shift 1": "shift by 1",
    "turn 10": "turn by 10°",
    "shift and turn": "shift, turn",
    "mixup": "MixUp",
    "cutmix": "CutMix",
    "shift 2": "shift by 2",
    "mirror": "mirror",
    "top to bottom": "top to bottom",
    "upside down": "upside down",
}


def effect():
    """Test accuracy of each recorded run with 100 images: one row for each augmentation."""
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    middle = {}
    for row, name in enumerate(NAMES):
        accuracy = np.array(recorded()[name]["test_accuracy"])
        middle[name] = accuracy.mean()
        colour = ACCENT if name == "none" else ACCENT3 if accuracy.mean() > middle["none"] else ACCENT2
        heights = row + 0.2 * np.linspace(-1, 1, len(accuracy))
        axes.plot(accuracy, heights, "o", markersize=4.5, markeredgewidth=0, color=colour)
        axes.plot([accuracy.mean()] * 2, [row - 0.35, row + 0.35], color=INK, linewidth=1.5)
        axes.text(97.4, row, f"{accuracy.mean():.1f}", ha="right", va="center", fontsize=11)
    axes.axvline(middle["none"], color=INK, linewidth=0.8, linestyle=":")
    axes.set(yticks=range(len(NAMES)), yticklabels=NAMES.values(), ylim=(len(NAMES) - 0.5, -0.5), xlim=(79.5, 97.5))
    axes.set_xlabel("test images read correctly, %")
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    words = ", ".join(f"{NAMES[name]} {mean:.1f} %" for name, mean in middle.items())
    figure.set_label(f"Test accuracy of ten runs for each augmentation, one dot per run. The means: {words}.")
    return figure


def recall(name):
    """Return, for each digit, the share of its test images that the recorded runs of `name` read correctly, in %."""
    counts = np.array(recorded()[name]["confusion"])
    return 100 * counts.diagonal() / counts.sum(axis=1)


def harmed_digits():
    """How far the recall of each digit moves, in points, under the augmentations that change labels."""
    names = ("mirror", "top to bottom", "upside down")
    figure, axes = canvas(5.2, 2.1)
    words = []
    for digit in range(10):
        caption(axes, 1.42 + 0.395 * digit, 0.2, str(digit))
    for row, name in enumerate(names):
        moved = (recall(name) - recall("none")).round().astype(int)
        top = 0.4 + 0.5 * row
        axes.text(0.02, top + 0.22, NAMES[name].replace(" to bottom", "–bottom"), va="center_baseline", fontsize=11)
        for digit, points in enumerate(moved):
            colour, corner = ACCENT2 if points < 0 else ACCENT3, (1.225 + 0.395 * digit, top)
            alpha = min(abs(int(points)) / 40, 0.8)
            axes.add_patch(Rectangle(corner, 0.395, 0.44, facecolor=colour, alpha=alpha, linewidth=0))
            axes.add_patch(Rectangle(corner, 0.395, 0.44, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8))
            caption(axes, corner[0] + 0.1975, top + 0.22, f"{points:+d}".replace("+0", "0").replace("-", "−"), size=11)
        words.append(f"{NAMES[name]}: {' '.join(f'{points:+d}'.replace('+0', '0') for points in moved)}")
    figure.set_label(
        "A table of the change in recall, in percentage points, for the digits 0 to 9. " + "; ".join(words) + "."
    )
    return figure


FIGURES = {
    "data-augmentation-which-label.svg": which_label,
    "data-augmentation-letter-f.svg": letter_f,
    "data-augmentation-photograph.svg": one_photograph,
    "data-augmentation-effect.svg": effect,
    "data-augmentation-digits.svg": harmed_digits,
}

"""Figures of the lesson transposed-convolution. Input is blue, kernel orange, output green."""

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from skimage import data
from sklearn.datasets import load_digits

from snippets.figures.style import (
    ACCENT,
    ACCENT2,
    ACCENT3,
    INK,
    canvas,
    caption,
    frame,
    grey,
    grid,
    picture,
    rows_in_words,
    tinted,
)
from snippets.transposed_convolution import phases, spread, stamp

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "transposed-convolution" / "results.json"
X = [[1, 3], [2, 4]]
KERNEL = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
LABELS = {
    "kernel 3": "kernel 3 × 3",
    "kernel 4": "kernel 4 × 4",
    "shuffle": "shuffle",
    "equal start": "shuffle,\nequal start",
    "resize": "enlarged first",
}


def cat():
    """The face of scikit-image's cat: (1, 1, 40, 40), grey, 0 to 255."""
    photo = torch.tensor(data.chelsea().mean(axis=2)[20:260, 100:340])
    return F.avg_pool2d(photo[None, None], 6)


def enlarge(image, kernel):
    """Enlarge (1, 1, H, W) twofold with kernel (k, k) so that the mean brightness stays; (2 * H - 2, 2 * W - 2)."""
    k, weight = len(kernel), 4 * kernel / kernel.sum()
    large = F.conv_transpose2d(image, weight[None, None], stride=2)[0, 0]
    return large[k - 2 : 2 - k, k - 2 : 2 - k] if k > 2 else large


def checkerboard():
    figure, axes = canvas(5.2, 2.6)
    three, four = (torch.ones(k, k, dtype=torch.float64) for k in (3, 4))
    panels = (
        (0.1, 0.9, cat()[0, 0], "40 × 40"),
        (1.15, 1.95, enlarge(cat(), three), "kernel 3 × 3"),
        (3.2, 1.95, enlarge(cat(), four), "kernel 4 × 4"),
    )
    for left, size, pixels, words in panels:
        picture(axes, grey(pixels.numpy(), levels=32), left, 0.1, size, smooth=False)
        caption(axes, left + size / 2, 0.1 + size + 0.2, words)
    figure.set_label(
        "Three pictures of a cat's face. A small one; the same enlarged by a transposed convolution with a kernel of "
        "three, covered by a regular grid of bright squares; enlarged with a kernel of four, without a grid."
    )
    return figure


def four_stamps():
    figure, axes = canvas(5.2, 4.9)
    y = stamp(X, KERNEL, stride=2)
    grid(axes, X, 0.1, 0.45, tint=tinted(2, 2, ACCENT))
    grid(axes, KERNEL, 1.4, 0.25, tint=tinted(3, 3, ACCENT2))
    grid(axes, y, 3.15, 0.25, tint=tinted(5, 5, ACCENT3))
    frame(axes, 3.95, 1.05, 1, 1, color=ACCENT3)
    for left, top, text in ((0.5, 0.3, "input"), (2.0, 0.1, "kernel"), (4.15, 0.1, "output")):
        caption(axes, left, top, text)
    caption(axes, 0.65, 2.5, "four stamps")
    for index, (i, j) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        left, top = 0.1 + 1.27 * index, 2.7
        cells = [[""] * 5 for _ in range(5)]
        for a, row in enumerate(KERNEL):
            for b, weight in enumerate(row):
                cells[2 * i + a][2 * j + b] = X[i][j] * weight
        grid(axes, cells, left, top, cell=0.235, tint=tinted(3, 3, ACCENT2, 2 * i, 2 * j), size=10)
        frame(axes, left + 2 * 0.235, top + 2 * 0.235, 1, 1, 0.235, color=ACCENT3)
        caption(axes, left + 0.59, 4.1, f"{X[i][j]} × kernel")
    corners = " + ".join(str(X[i][j] * KERNEL[2 - 2 * i][2 - 2 * j]) for i in (0, 1) for j in (0, 1))
    caption(axes, 2.6, 4.6, f"in the middle: {corners} = {y[2][2]}", size=13)
    figure.set_label(
        f"The input with {rows_in_words(X)} and the kernel with {rows_in_words(KERNEL)}. Four grids of five by five "
        f"cells, each with one stamp, the kernel times 1, 3, 2 and 4, in one of the corners. Their sum is the output "
        f"with {rows_in_words(y)}. The middle cell lies under all four stamps: {corners} = {y[2][2]}."
    )
    return figure


def zeros_between():
    figure, axes = canvas(5.2, 3.2)
    image = torch.tensor(X, dtype=torch.float64)[None, None]
    wide = F.pad(spread(image, 2), (2, 2, 2, 2))[0, 0].int().tolist()
    inputs = {(2 + 2 * i, 2 + 2 * j): ACCENT for i in range(2) for j in range(2)}
    grid(axes, wide, 0.1, 0.35, cell=0.34, tint=inputs)
    frame(axes, 0.1 + 2 * 0.34, 0.35 + 2 * 0.34, 3, 3, 0.34)
    turned = [row[::-1] for row in KERNEL[::-1]]
    grid(axes, turned, 2.72, 1.0, cell=0.34, tint=tinted(3, 3, ACCENT2))
    y = stamp(X, KERNEL, stride=2)
    grid(axes, y, 3.95, 0.82, cell=0.24, tint={(2, 2): ACCENT3}, size=10)
    frame(axes, 3.95 + 2 * 0.24, 0.82 + 2 * 0.24, 1, 1, 0.24, color=ACCENT3)
    for left, top, text in ((1.29, 0.18, "zeros between and around"), (3.23, 0.8, "turned"), (4.55, 0.62, "output")):
        caption(axes, left, top, text)
    caption(axes, 2.6, 1.51, "∗", size=16)
    caption(axes, 3.85, 1.51, "=", size=13)
    products = " + ".join(f"{turned[2 * i][2 * j]}·{X[i][j]}" for i in (0, 1) for j in (0, 1))
    caption(axes, 2.6, 2.98, f"{products} = {y[2][2]}", size=13)
    figure.set_label(
        f"A grid of seven by seven: the inputs {X[0][0]}, {X[0][1]}, {X[1][0]}, {X[1][1]} with one zero between them "
        f"and two rows of zeros around. The kernel turned, with {rows_in_words(turned)}. The output with "
        f"{rows_in_words(y)}. The window in the middle is framed: {products} = {y[2][2]}."
    )
    return figure


def coverage():
    figure, axes = canvas(5.2, 2.75)
    words = []
    for left, k in ((0.1, 3), (2.75, 4)):
        ones = torch.ones(1, 1, k, k)
        counts = F.conv_transpose2d(torch.ones(1, 1, 4, 4), ones, stride=2)[0, 0].int()
        counts = counts[:8, :8] if k == 3 else counts[1:-1, 1:-1]
        colors = {1: None, 2: ACCENT, 4: ACCENT2}
        tint = {(i, j): colors[n] for i, row in enumerate(counts.tolist()) for j, n in enumerate(row) if colors[n]}
        grid(axes, counts.tolist(), left, 0.4, cell=0.28, tint=tint, size=11)
        caption(axes, left + 1.12, 0.2, f"kernel {k} × {k}, stride 2")
        inside = counts[2:6, 2:6].unique().tolist()
        words.append(f"Kernel {k}: away from the border, {', '.join(map(str, inside))}.")
    figure.set_label(
        f"Two grids with the number of stamps on each cell, stride two. {words[0]} The counts form a pattern of "
        f"squares. {words[1]} All cells are the same."
    )
    return figure


def cures():
    figure, axes = canvas(5.2, 2.1)
    torch.manual_seed(3)
    four, three = torch.rand(4, 4, dtype=torch.float64), torch.rand(3, 3, dtype=torch.float64)
    resized = F.interpolate(cat(), scale_factor=2, mode="nearest")
    after = F.conv2d(resized, three[None, None] / three.sum())[0, 0]
    panels = (
        (enlarge(cat(), three), "kernel 3 × 3"),
        (enlarge(cat(), four), "kernel 4 × 4"),
        (after, "enlarged first"),
    )
    for index, (pixels, words) in enumerate(panels):
        left = 0.05 + 1.73 * index
        picture(axes, grey(pixels.numpy(), levels=32), left, 0.05, 1.65, smooth=False)
        caption(axes, left + 0.82, 1.9, words, size=11)
    uneven = bool(phases(four, 2).std() > 0.1)
    figure.set_label(
        "The cat three times, always with random weights. Transposed convolution with a kernel of three: a strong "
        f"grid. With a kernel of four: {'a grid as well' if uneven else 'no grid'}. Enlarged first, then convolved: "
        "no grid."
    )
    return figure


def digits():
    figure, axes = canvas(5.2, 4.1)
    results = json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]
    shown, learned = results["shown"], torch.tensor(results["drawn"])[:, None]
    large = torch.tensor(load_digits().images[shown], dtype=torch.float32)[:, None]
    small = F.avg_pool2d(large, 2)
    bilinear = F.interpolate(small, scale_factor=2, mode="bilinear")
    rows = ((small, "4 × 4"), (bilinear, "bilinear"), (learned, "learned"), (large, "true"))
    for i, (images, words) in enumerate(rows):
        for j, image in enumerate(images):
            ink = 255 - image[0].numpy() * 255 / 16
            picture(axes, grey(np.round(ink)), 1.15 + 1.02 * j, 0.05 + 1.02 * i, 0.95, smooth=False)
        axes.text(0.05, 0.52 + 1.02 * i, words, va="center_baseline", fontsize=12)
    targets = [int(load_digits().target[index]) for index in shown]
    figure.set_label(
        f"Four handwritten digits, {', '.join(map(str, targets))}, in four rows: shrunk to four by four; enlarged "
        "bilinearly, blurred; enlarged by the trained network, with clearer strokes; and the true digits."
    )
    return figure


def trained():
    """What a flat image of level 8 becomes behind each trained head, and how uneven it is with each seed."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]["heads"]
    figure, axes = canvas(5.2, 4.3)
    names = ("kernel 3", "kernel 4", "shuffle", "equal start", "resize")
    scale = 2.5 / math.ceil(max(max(results[name]["uneven"]) for name in names))
    words = []
    for row, name in enumerate(names):
        top, uneven = 0.3 + 0.68 * row, results[name]["uneven"]
        cells = np.tile(np.array(results[name]["cell"]), (4, 4))
        picture(axes, grey(np.round(255 - cells * 255 / 16), levels=64), 1.4, top, 0.6, smooth=False)
        axes.text(0.05, top + 0.3, LABELS[name], va="center_baseline", fontsize=11)
        axes.plot([2.4, 4.9], [top + 0.3] * 2, color=INK, linewidth=0.5)
        heights = top + 0.3 + 0.16 * np.linspace(-1, 1, len(uneven))
        axes.plot(2.4 + scale * np.array(uneven), heights, "o", markersize=5, markeredgewidth=0, color=ACCENT3)
        words.append(f"{name} {min(uneven):.1f} to {max(uneven):.1f}")
    for value in range(math.ceil(2.5 / scale - 1e-9) + 1):
        if value % 2 == 0:
            caption(axes, 2.4 + scale * value, 3.8, str(value), size=11)
    caption(axes, 1.7, 0.14, "first seed", size=11)
    caption(axes, 3.65, 0.14, "ten seeds each", size=11)
    caption(axes, 3.65, 4.1, "unevenness, grey levels", size=11)
    figure.set_label(
        f"Five rows, one for each head: what a flat image becomes with the first seed, and a dot for each of "
        f"{len(uneven)} seeds. The patch is checkered in all rows but the last. "
        f"Unevenness in grey levels: {', '.join(words)}."
    )
    return figure


FIGURES = {
    "checkerboard-on-a-cat.svg": checkerboard,
    "four-stamps.svg": four_stamps,
    "zeros-between.svg": zeros_between,
    "coverage.svg": coverage,
    "cures.svg": cures,
    "enlarged-digits.svg": digits,
    "trained-heads.svg": trained,
}

"""Figures of the lesson image-filters. Input is blue, kernel orange, output green."""

import numpy as np
from matplotlib.patches import Rectangle
from skimage import data

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
from snippets.image_filters import correlate, equalise, gaussian, histogram, median_filter, salt_and_pepper

X = np.full((5, 8), 10)
X[:, 5:] = 46
X[2, 2] = 154
BOX = np.ones((3, 3)) / 9
GAUSS = np.outer([1, 2, 1], [1, 2, 1]) / 16
SHARPEN = 2 * np.pad([[1]], 1) - BOX
SOBEL = np.outer([1, 2, 1], [-1, 0, 1])
LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
VIOLET = "#9a5fd0"  # a fourth mid tone, for the fourth direction


def whole(kernel):
    """A kernel as whole numbers for a grid: box and sharpen are written in ninths."""
    return (np.asarray(kernel) * (9 if kernel is BOX or kernel is SHARPEN else 1)).round().astype(int).tolist()


def photograph():
    """Every third pixel of the cameraman, as the page uses it: (171, 171)."""
    return data.camera()[::3, ::3].astype(int)


def head():
    """The head and the camera, every second pixel: (96, 96)."""
    return data.camera()[56:248:2, 140:332:2].astype(int)


def cat():
    """The cat in grey, every fourth pixel: (75, 113)."""
    return (data.chelsea().astype(int).sum(axis=2) // 3)[::4, ::4]


def coins():
    """Every fourth pixel of the coins: (76, 96)."""
    return data.coins()[::4, ::4].astype(int)


def nine_numbers():
    figure, axes = canvas(5.2, 5.75)
    picture(axes, grey(head()), 1.75, 0.05, 1.7)
    caption(axes, 2.6, 1.93, "the photograph")
    panels = (
        (BOX, "÷ 9", correlate(head(), BOX), "blurred"),
        (SHARPEN, "÷ 9", correlate(head(), SHARPEN), "sharpened"),
        (SOBEL, "", abs(correlate(head(), SOBEL)) / 2, "outlines"),
    )
    for index, (kernel, factor, result, text) in enumerate(panels):
        left = 0.05 + 1.72 * index
        values = whole(kernel)
        grid(axes, values, left + 0.1, 2.2, cell=0.42, tint=tinted(3, 3, ACCENT2), size=13)
        caption(axes, left + 1.54, 2.83, factor, size=13)
        axes.annotate("", (left + 0.73, 3.75), (left + 0.73, 3.5), arrowprops={"arrowstyle": "->", "linewidth": 1.5})
        picture(axes, grey(result), left, 3.8, 1.66)
        caption(axes, left + 0.83, 5.6, text)
    figure.set_label(
        "A photograph of a man looking into a camera. Below it three grids of nine numbers, and under each what it "
        f"makes of the photograph. The {rows_in_words(whole(BOX))}, divided by 9: a blurred picture. The "
        f"{rows_in_words(whole(SHARPEN))}, divided by 9: a sharper one, and grainier. The "
        f"{rows_in_words(whole(SOBEL))}: black, with bright outlines of the upright edges."
    )
    return figure


def one_grid():
    figure, axes = canvas(5.2, 6.15)
    caption(axes, 1.49, 0.17, "input")
    grid(axes, X.tolist(), 0.05, 0.35, cell=0.36, tint=tinted(3, 3, ACCENT, 1, 4), size=10.5)
    frame(axes, 0.05 + 4 * 0.36, 0.35 + 0.36, 3, 3, cell=0.36)
    caption(axes, 3.18, 1.25, "∗", size=18)
    caption(axes, 3.95, 0.45, "box kernel")
    grid(axes, [["⅑"] * 3] * 3, 3.41, 0.71, cell=0.36, tint=tinted(3, 3, ACCENT2), size=13)
    result = correlate(X, BOX).round(4)
    value = int(result[1, 4])
    caption(axes, 4.66, 1.25, "=", size=18)
    grid(axes, [[value]], 4.78, 1.07, cell=0.36, tint={(0, 0): ACCENT3})
    caption(axes, 2.6, 2.4, "the middle row, and what each filter makes of it", size=12)
    rows = [("input", X[2], ACCENT, 0)]
    for name, filtered in (
        ("box", result),
        ("Gaussian", correlate(X, GAUSS)),
        ("sharpen", correlate(X, SHARPEN).round(4)),
        ("Sobel", correlate(X, SOBEL)),
        ("Laplacian", correlate(X, LAPLACIAN)),
        ("median", median_filter(X, 3)),
    ):
        rows.append((name, filtered[1], ACCENT3, 1))
    words = []
    for index, (name, values, colour, start) in enumerate(rows):
        values, top = [int(v) for v in values], 2.6 + 0.5 * index
        axes.text(0.05, top + 0.23, name, va="center_baseline", fontsize=12)
        grid(axes, [values], 1.1 + 0.5 * start, top, cell=0.5, tint=tinted(1, len(values), colour), size=12)
        words.append(f"{name} {' '.join(map(str, values))}")
    figure.set_label(
        f"A grid with {rows_in_words(X.tolist())}. The neighbourhood with "
        f"{rows_in_words(X[1:4, 4:7].tolist())} is framed; a kernel of nine weights of one ninth makes {value} of it. "
        f"Below, the middle row and what each filter makes of it: {'; '.join(words)}."
    )
    return figure


def edge_maps():
    figure, axes = canvas(5.2, 6.2)
    vertical, horizontal = correlate(photograph(), SOBEL), correlate(photograph(), SOBEL.T)
    strength = np.hypot(vertical, horizontal)
    panels = (
        (grey(abs(vertical) // 3, levels=8), "vertical edges"),
        (grey(abs(horizontal) // 3, levels=8), "horizontal edges"),
        (grey(strength // 3, levels=8), "strength"),
        (directions(vertical, horizontal, strength > 200), "direction"),
    )
    for index, (pixels, text) in enumerate(panels):
        left, top = 0.05 + 2.6 * (index % 2), 0.05 + 2.8 * (index // 2)
        picture(axes, pixels, left, top, 2.5)
        caption(axes, left + 1.25, top + 2.62, text)
    for x, y, colour, text in LEGEND:
        axes.add_patch(Rectangle((x, y - 0.08), 0.16, 0.16, facecolor=colour, linewidth=0))
        axes.text(x + 0.24, y, text, va="center_baseline", fontsize=11)
    return figure


LEGEND = (
    (0.5, 5.78, ACCENT, "brighter to the right"),
    (2.8, 5.78, ACCENT2, "brighter to the left"),
    (0.5, 6.04, ACCENT3, "brighter below"),
    (2.8, 6.04, VIOLET, "brighter above"),
)


def directions(vertical, horizontal, shown):
    """Colour each pixel by the quarter turn that its gradient is nearest to: right, below, left, above."""
    quarter = np.round(np.arctan2(horizontal, vertical) / (np.pi / 2)).astype(int) % 4
    colours = [ACCENT, ACCENT3, ACCENT2, VIOLET]
    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=np.uint8)
    return np.where(shown[..., None], table[quarter], 0).astype(np.uint8)


def noise():
    figure, axes = canvas(5.2, 2.35)
    photo = head()
    noisy = salt_and_pepper(photo, 0.1, seed=0)
    inner = photo[1:-1, 1:-1]
    panels = (
        (noisy[1:-1, 1:-1], "noisy"),
        (correlate(noisy, BOX), "mean of nine"),
        (median_filter(noisy, 3), "median of nine"),
    )
    words = []
    for index, (pixels, text) in enumerate(panels):
        left = 0.05 + 1.72 * index
        error = f"{abs(pixels - inner).mean():.1f}"
        picture(axes, grey(pixels, levels=8), left, 0.05, 1.66)
        caption(axes, left + 0.83, 1.9, text)
        caption(axes, left + 0.83, 2.17, f"error {error}")
        words.append(f"{text} {error}")
    figure.set_label(
        "Three pictures of a man with a camera. Noisy: black and white specks all over. Mean of nine: each speck is a "
        "grey smudge. Median of nine: the specks are gone, the outlines are sharp. Mean error of a pixel: "
        f"{', '.join(words)}."
    )
    return figure


def histograms():
    figure, axes = canvas(5.2, 4.2)
    before = cat()
    after = equalise(before)
    words = []
    for left, pixels, text in ((0.05, before, "as taken"), (2.65, after, "equalised")):
        picture(axes, grey(pixels), left, 0.05, 2.5)
        caption(axes, left + 1.25, 1.87, text)
        bars(axes, pixels, left, 3.6, 2.5, 1.4)
        for value in (0, 255):
            caption(axes, left + 0.1 + 2.25 * value / 255, 3.75, str(value), size=11)
        darker = np.mean(pixels < 64), np.mean(pixels >= 192)
        words.append(f"{darker[0]:.0%} of the pixels are below 64 and {darker[1]:.0%} are 192 or more")
    caption(axes, 2.6, 4.02, "bars: pixels of each brightness; line: share up to it", size=11)
    figure.set_label(
        f"Twice a photograph of a cat, with its histogram below. As taken, {words[0]}. Equalised, {words[1]}. The line "
        "of the cumulative histogram climbs steeply in the middle before, and almost straight after."
    )
    return figure


def bars(axes, pixels, left, bottom, width, height):
    """Draw the histogram of pixels in 32 bars, and the cumulative share as a line from 0 to `height`."""
    counts = histogram(pixels).reshape(32, 8).sum(axis=1)
    step = width / 32
    for i, count in enumerate(counts):
        tall = height * count / pixels.size / 0.12
        bar = Rectangle((left + i * step, bottom - tall), step, tall, facecolor=ACCENT, alpha=0.8, linewidth=0)
        axes.add_patch(bar)
    share = np.concatenate([[0], np.cumsum(counts) / pixels.size])
    axes.plot(left + step * np.arange(33), bottom - height * share, color=ACCENT2, linewidth=2)
    axes.plot([left, left + width], [bottom, bottom], color=INK, linewidth=0.8)


def factor(weights, frequency):
    """By what a symmetric row of weights multiplies a wave. frequency: turns per pixel, at most a half."""
    r = len(weights) // 2
    return sum(w * np.cos(2 * np.pi * frequency * d) for d, w in enumerate(weights, start=-r))


WAVES = (  # weights, colour, line, name, and where the name stands
    (np.ones(9) / 9, ACCENT2, "--", "box of 9", (1.62, 2.62)),
    (gaussian(np.sqrt(80 / 12), 9), ACCENT3, "--", "Gaussian", (2.35, 1.66)),  # as spread as the box of 9
    (np.ones(3) / 3, ACCENT2, "-", "box of 3", (4.6, 2.42)),
    (np.array([1, 2, 1]) / 4, ACCENT3, "-", "1 2 1", (3.55, 1.2)),
)


def frequencies():
    figure, axes = canvas(5.2, 5.12)
    curves(axes, left=0.55, zero=2.1, width=4.5, height=1.8)
    photo, weights = coins(), gaussian(3, 9)
    low = correlate(np.pad(photo, 9, mode="reflect"), np.outer(weights, weights))
    panels = ((photo, "coins", 8), (low, "low-pass", 32), (photo - low + 128, "high-pass + 128", 8))
    for index, (pixels, text, levels) in enumerate(panels):
        picture(axes, grey(pixels, levels), 0.05 + 1.72 * index, 3.42, 1.66)
        caption(axes, 0.88 + 1.72 * index, 4.93, text)
    frequency = np.arange(1, 501) / 1000
    box, smooth = (round(1 / min(frequency, key=lambda f, w=w: abs(factor(w, f)))) for w, *_ in WAVES[2:])
    figure.set_label(
        "Above, four curves: by which factor a filter multiplies a wave. All start at 1 for very long waves. The "
        f"curve of the weights 1 2 1 falls to 0 at a wave of {smooth} pixels and is never negative. The box of 3 "
        f"crosses 0 at {box} pixels and ends below zero. The box of 9 swings around zero in ripples; a Gaussian "
        "as wide falls to zero and stays there. Below, three pictures: the coins as photographed, the background "
        "darker towards the bottom; low-pass, grey spots and the uneven light; high-pass, the coins' edges on an even "
        "grey."
    )
    return figure


def curves(axes, left, zero, width, height):
    """Draw the factor of each filter against the frequency; 0 lies at `zero`, 1 is `height` above it."""
    frequency = np.linspace(0, 0.5, 101)
    axes.plot([left, left + width], [zero, zero], color=INK, linewidth=0.8)
    for weights, colour, line, name, (x, y) in WAVES:
        heights = zero - height * factor(weights, frequency)
        axes.plot(left + width * frequency / 0.5, heights, color=colour, linestyle=line, linewidth=2)
        axes.text(x, y, name, ha="center", va="center_baseline", fontsize=12, color=colour)
    for value in (0, 0.5, 1):
        axes.text(left - 0.08, zero - height * value, f"{value:g}", ha="right", va="center", fontsize=11)
    for length in (8, 4, 3, 2):
        x = left + width / length / 0.5
        axes.plot([x, x], [zero - 0.04, zero + 0.04], color=INK, linewidth=1)
        caption(axes, x, 2.88, str(length), size=11)
    axes.text(left, 2.88, "∞", ha="center", va="center_baseline", fontsize=12)
    caption(axes, 2.6, 3.14, "pixels from one crest of the wave to the next", size=12)


FIGURES = {
    "nine-numbers.svg": nine_numbers,
    "one-grid-six-filters.svg": one_grid,
    "edges-in-a-photograph.svg": edge_maps,
    "salt-and-pepper.svg": noise,
    "histogram-of-a-cat.svg": histograms,
    "filters-and-waves.svg": frequencies,
}

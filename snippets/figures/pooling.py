"""Figures of the lesson pooling. Input is blue, output green; orange is the other choice."""

import torch
import torch.nn.functional as F

from snippets.figures.style import (
    ACCENT,
    ACCENT2,
    ACCENT3,
    canvas,
    caption,
    frame,
    grey,
    grid,
    picture,
    rows_in_words,
    tinted,
)
from snippets.pooling import avg_pool2d, bins, max_blur_pool, max_pool2d, pool_size, spans, striped_disc

X = [[1, 5, 4, 0], [4, 2, 3, 9], [7, 0, 6, 4], [1, 0, 8, 6]]
SIGNAL = [1, 1, 9, 9] * 3


def pixels(x):
    """Return a tensor (1, 1, H, W) of values from 0 to 1 as uint8 pixels with few levels of grey."""
    return grey((x[0, 0].numpy() * 255).round())


def two_discs():
    figure, axes = canvas(4.5, 4.85)
    for column, (shift, text) in enumerate(((0, "a striped disc"), (1, "moved by one pixel"))):
        left = 0.1 + 2.25 * column
        disc = striped_disc(shift)[..., 14:50, 12:48]
        picture(axes, pixels(disc), left, 0.05, 2.05, smooth=False)
        caption(axes, left + 1.02, 2.27, text)
        picture(axes, pixels(F.max_pool2d(disc, 2)), left, 2.5, 2.05, smooth=False)
        caption(axes, left + 1.02, 4.72, "after max pooling")
    return figure


def worked_example():
    figure, axes = canvas(5.2, 2.75)
    largest, means = max_pool2d(X, 2), [[int(v) for v in row] for row in avg_pool2d(X, 2)]
    tint = {(i, j): ACCENT for i in range(4) for j in range(4) if X[i][j] == largest[i // 2][j // 2]}
    grid(axes, X, 0.1, 0.4, 0.44, tint=tint, size=13)
    for i in range(2):
        for j in range(2):
            frame(axes, 0.1 + 0.88 * j, 0.4 + 0.88 * i, 2, 2, 0.44)
    for left, values, text in ((2.5, largest, "max"), (4.0, means, "average")):
        grid(axes, values, left, 0.6, 0.44, tint=tinted(2, 2, ACCENT3), size=13)
        caption(axes, left + 0.44, 0.2, text)
    first = [X[0][0], X[0][1], X[1][0], X[1][1]]
    caption(axes, 3.69, 1.85, f"max({', '.join(map(str, first))}) = {max(first)}")
    caption(axes, 3.69, 2.2, f"({' + '.join(map(str, first))}) / 4 = {sum(first) // 4}")
    caption(axes, 0.98, 0.2, "input, 4 × 4")
    caption(axes, 0.98, 2.42, "four windows, 2 × 2")
    figure.set_label(
        f"An input with {rows_in_words(X)}, cut into four windows of two by two by thick frames; in each the largest "
        f"value is tinted. Max pooling gives {rows_in_words(largest)}, average pooling {rows_in_words(means)}."
    )
    return figure


WALKS = (
    {"k": 3, "stride": 2},
    {"k": 3, "stride": 2, "ceil_mode": True},
    {"k": 3, "stride": 2, "padding": 1},
    {"k": 4, "stride": 3, "padding": 2, "ceil_mode": True},
)


def borders():
    figure, axes = canvas(5.2, 4.2)
    row, words = X[0], []
    for x, text in ((2.82, "input"), (4.72, "largest")):
        caption(axes, x, 0.2, text)
    for index, walk in enumerate(WALKS):
        top, cell, left = 0.42 + 0.98 * index, 0.36, 2.1
        padding = walk.get("padding", 0)
        values = ["-∞"] * padding + row + ["-∞"] * padding
        grid(axes, [values], left - padding * cell, top, cell, tint=tinted(1, 4, ACCENT, 0, padding))
        found = spans(4, **walk)
        result = [max(row[max(start, 0) : stop]) for start, stop in found]
        for i, (start, _) in enumerate(found):
            bar(axes, left + start * cell, top + cell + 0.12 + 0.11 * (i % 2), walk["k"] * cell)
        dropped = walk.get("ceil_mode") and padding
        if dropped:
            bar(axes, left + (found[-1][0] + walk["stride"]) * cell, top + cell + 0.12, walk["k"] * cell, ":")
        grid(axes, [result], 4.72 - len(result) * cell / 2, top, cell, tint=tinted(1, len(result), ACCENT3))
        lines = [f"{walk['k']} wide, stride {walk['stride']}"]
        lines += [f"padding {padding}"] * bool(padding) + ["ceil_mode"] * bool(walk.get("ceil_mode"))
        for line, text in enumerate(lines):
            axes.text(0.05, top + 0.12 + 0.24 * line, text, fontsize=11, va="center_baseline")
        count = pool_size(4, **walk)
        windows = f"{count} window" + "s" * (count > 1) + ", one more is not allowed" * bool(dropped)
        words.append(f"{', '.join(lines)}: {windows}, largest {' '.join(map(str, result))}.")
    figure.set_label(f"The row {' '.join(map(str, row))} under four walks of a window. {' '.join(words)}")
    return figure


def bar(axes, start, y, length, style="-"):
    """Draw a bar below the cells that a window covers."""
    axes.plot([start + 0.05, start + length - 0.05], [y, y], color=ACCENT2, linewidth=3, linestyle=style)


def adaptive_bins():
    figure, axes = canvas(5.2, 1.85)
    words = []
    for top, n, m in ((0.08, 4, 3), (1.05, 7, 3)):
        cell = 0.44
        grid(axes, [list(range(n))], 1.6, top, cell, tint=tinted(1, n, ACCENT), size=13)
        axes.text(0.05, top + 0.24, f"{n} into {m} bins", fontsize=12, va="center_baseline")
        for i, (start, stop) in enumerate(bins(n, m)):
            bar(axes, 1.6 + start * cell, top + cell + 0.14 + 0.15 * (i % 2), (stop - start) * cell)
        named = "; ".join(" ".join(map(str, range(*each))) for each in bins(n, m))
        words.append(f"The places 0 to {n - 1} in {m} bins: {named}.")
    figure.set_label(" ".join(words))
    return figure


def every_second():
    figure, axes = canvas(5.2, 3.7)
    dense = [max(pair) for pair in zip(SIGNAL, SIGNAL[1:], strict=False)]
    blurred = [(a + 2 * b + c) // 4 for a, b, c in zip(dense, dense[1:], dense[2:], strict=False)]
    words = []
    for top, values, text in ((0.1, dense, "max, stride 1"), (1.95, blurred, "then blurred")):
        values, cell = values[:8], 0.42
        tint = {(0, j): (ACCENT, ACCENT2)[j % 2] for j in range(8)}
        axes.text(0.05, top + 0.23, text, fontsize=12, va="center_baseline")
        grid(axes, [values], 1.7, top, cell, tint=tint, size=13)
        for line, (start, color, name) in enumerate(((0, ACCENT, "as it is"), (1, ACCENT2, "moved by one"))):
            y = top + 0.6 + 0.5 * line
            axes.text(0.05, y + 0.21, name, fontsize=12, va="center_baseline")
            grid(axes, [values[start::2]], 1.7 + 2 * cell, y, cell, tint=tinted(1, 4, color), size=13)
        kept = [" ".join(map(str, values[start::2])) for start in (0, 1)]
        words.append(f"{text.capitalize()}: {' '.join(map(str, values))}; as it is {kept[0]}, moved by one {kept[1]}.")
    figure.set_label("Every second value of a row, in two ways. " + " ".join(words))
    return figure


def rings():
    """Rings that get finer outwards; at the middle of a side a bright ring follows every two pixels."""
    size = 176
    y, x = torch.meshgrid(*[torch.arange(size, dtype=torch.float64) - size / 2] * 2, indexing="ij")
    return (0.5 + 0.5 * torch.cos(torch.pi * (x**2 + y**2) / size))[None, None]


def false_rings():
    figure, axes = canvas(4.6, 5.05)
    x = rings()
    panels = (
        (x, "rings, finer outwards"),
        (x[..., ::2, ::2], "every second pixel"),
        (F.max_pool2d(x, 2), "max pooling, 2 × 2"),
        (max_blur_pool(x), "max, blur, every second"),
    )
    for index, (values, text) in enumerate(panels):
        left, top = 0.05 + 2.3 * (index % 2), 0.05 + 2.5 * (index // 2)
        picture(axes, pixels(values), left, top, 2.2, smooth=False)
        caption(axes, left + 1.1, top + 2.35, text)
    return figure


FIGURES = {
    "a-disc-moved-by-one-pixel.svg": two_discs,
    "max-and-average.svg": worked_example,
    "windows-at-the-border.svg": borders,
    "adaptive-bins.svg": adaptive_bins,
    "every-second-value.svg": every_second,
    "false-rings.svg": false_rings,
}

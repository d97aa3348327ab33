"""Figures of the lesson backpropagation-through-convolution. Input is blue, kernel orange, output green."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from skimage import data

from snippets.backpropagation_through_convolution import (
    avg_pool_backward,
    conv_backward,
    input_gradient,
    max_pool_backward,
    measured_slope,
    network,
    relative_error,
    relu_backward,
)
from snippets.figures.style import (
    ACCENT,
    ACCENT2,
    ACCENT3,
    MINUS,
    canvas,
    caption,
    frame,
    grey,
    grid,
    picture,
    rows_in_words,
    tinted,
)

X = [[1, 3, 8, 9], [2, 3, 9, 6], [1, 3, 6, 8]]
KERNEL = [[-1, 1], [-2, 2]]
G = [[3, 1, -2], [2, -1, 5]]
DX = input_gradient(G, KERNEL, 3, 4)
FLIPPED = [row[::-1] for row in KERNEL[::-1]]


def tensor(grid):
    return torch.tensor(grid, dtype=torch.float64)[None, None]


def whole(tensor):
    """A (1, 1, H, W) tensor of whole numbers as a list of rows."""
    return tensor[0, 0].int().tolist()


def arrow(axes, start, end, color=None):
    style = {"arrowstyle": "->", "linewidth": 1.5} | ({"color": color} if color else {})
    axes.annotate("", end, start, arrowprops=style)


def photograph_slopes():
    """Return the photograph, 171 x 171, and the slope of E for each of its pixels, both as whole numbers."""
    photo = tensor(data.camera()[::3, ::3].astype(float))
    y = F.conv2d(photo, tensor(KERNEL))
    hidden = F.relu(y)
    pooled = F.max_pool2d(hidden, 4)  # E is half the sum of its squares, so the slopes of E are the values themselves
    d_y = relu_backward(max_pool_backward(pooled, hidden, 4, 4), y)
    return photo[0, 0].int().numpy(), conv_backward(d_y, photo, tensor(KERNEL))[0][0, 0].int().numpy()


def values_in_words(values):
    return " and ".join(map(str, values))


def stitched():
    photo, slopes = photograph_slopes()
    figure, axes = canvas(5.2, 4.75)
    picture(axes, grey(photo, levels=32), 0.05, 0.35, 2.45)
    picture(axes, grey(128 + slopes // 3), 2.7, 0.35, 2.45, smooth=False)
    caption(axes, 1.27, 0.17, "the photograph")
    caption(axes, 3.92, 0.17, "the slope for each pixel")
    top, left, rows, columns = 110, 90, 4, 8
    cut = slopes[top : top + rows, left : left + columns].tolist()
    scale, cell = 2.45 / photo.shape[1], 0.44
    frame(axes, 2.7 + left * scale, 0.35 + top * scale, rows, columns, cell=scale, color=ACCENT2)
    tint = {(i, j): ACCENT if v > 0 else ACCENT2 for i, row in enumerate(cut) for j, v in enumerate(row) if v}
    grid(axes, cut, 0.85, 2.97, cell=cell, tint=tint, size=10.5)
    frame(axes, 0.85, 2.97, rows, columns, cell=cell, color=ACCENT2)
    marks = [[row[j : j + 2] for row in cut[1:3]] for j in (1, 4)]
    figure.set_label(
        "A photograph of a man behind a camera on a tripod. Next to it a grey picture with many small marks of black "
        "and white, strongest along the edges of the coat and the legs of the tripod. A part of it, enlarged, holds "
        f"two marks, with {rows_in_words(marks[0])} and with {rows_in_words(marks[1])}; all other pixels there are 0."
    )
    return figure


def fork():
    """x goes two ways, to u and to v; E is their product. Values above the boxes' slopes, arrows both ways."""
    figure, axes = canvas(5.2, 2.3)
    x = 3
    u, v = 2 * x, x * x
    d_u, d_v = v, u
    along = d_u * 2, d_v * 2 * x
    boxes = {"x": (0.75, 1.15), "u": (2.6, 0.5), "v": (2.6, 1.8), "E": (4.45, 1.15)}
    values = {"x": (f"x = {x}", ACCENT), "u": (f"u = 2x = {u}", None), "v": (f"v = x·x = {v}", None),
              "E": (f"E = u·v = {u * v}", None)}  # fmt: skip
    slopes = {"x": f"{along[0]} + {along[1]} = {sum(along)}", "u": f"{d_u}", "v": f"{d_v}", "E": "1"}
    for name, (left, top) in boxes.items():
        caption(axes, left, top - 0.14, values[name][0])
        axes.text(left, top + 0.14, slopes[name], ha="center", va="center_baseline", fontsize=12, color=ACCENT3)
    for start, end in (("x", "u"), ("x", "v"), ("u", "E"), ("v", "E")):
        (x0, y0), (x1, y1) = boxes[start], boxes[end]
        dx, dy = x1 - x0, y1 - y0
        a, b = (x0 + 0.33 * dx, y0 + 0.36 * dy), (x0 + 0.66 * dx, y0 + 0.70 * dy)
        arrow(axes, (a[0], a[1] - 0.05), (b[0], b[1] - 0.05))
        arrow(axes, (b[0], b[1] + 0.05), (a[0], a[1] + 0.05), ACCENT3)
    for top, text in ((0.62, f"{d_u}·2 = {along[0]}"), (1.72, f"{d_v}·{2 * x} = {along[1]}")):
        axes.text(1.2, top, text, ha="center", va="center_baseline", fontsize=12, color=ACCENT3)
    axes.text(0.05, 0.13, "values, forwards", fontsize=11, va="center_baseline")
    axes.text(0.05, 2.17, "slopes of E, backwards", fontsize=11, va="center_baseline", color=ACCENT3)
    figure.set_label(
        f"A number goes two ways. Forwards: x = {x}; u = 2x = {u} and v = x·x = {v}; E = u·v = {u * v}. Backwards: "
        f"u receives {d_u} and sends {d_u} times 2 = {along[0]}; v receives {d_v} and sends {d_v} times {2 * x} = "
        f"{along[1]}; x adds them up to {sum(along)}."
    )
    return figure


def one_pixel_collects():
    """The four windows over the pixel at row 1, column 1, and what each sends to it."""
    figure, axes = canvas(5.2, 4.15)
    row, column, cell = 1, 1, 0.34
    parts = []
    for index, (i, j) in enumerate((i, j) for i in (0, 1) for j in (0, 1)):
        left, top = 0.05 + 2.55 * (index % 2), 0.4 + 1.7 * (index // 2)
        a, b = row - i, column - j
        tint = {(i + p, j + q): ACCENT2 for p in (0, 1) for q in (0, 1)}
        shown = [["" for _ in line] for line in X]
        for p, q in tint:
            shown[p][q] = KERNEL[p - i][q - j]
        grid(axes, shown, left, top, cell=cell, tint=tint, size=12)
        frame(axes, left + column * cell, top + row * cell, 1, 1, cell=cell)
        axes.text(left, top - 0.17, f"window of output {i}, {j}", fontsize=11, va="center_baseline")
        product = f"{G[i][j]}·{KERNEL[a][b]}" if KERNEL[a][b] > 0 else f"{G[i][j]}·({KERNEL[a][b]})"
        parts.append(
            (f"({G[i][j]}){product[product.index('·') :]}" if G[i][j] < 0 else product, G[i][j] * KERNEL[a][b])
        )
        axes.text(left + 4 * cell + 0.08, top + 1.5 * cell, f"{parts[-1][0]} = {parts[-1][1]}".replace("-", MINUS),
                  fontsize=11, va="center_baseline")  # fmt: skip
    total = sum(value for _, value in parts)
    sums = " + ".join(f"({value})" if value < 0 else str(value) for _, value in parts)
    caption(axes, 2.6, 3.4, "in each window: slope of its output · weight on the pixel", size=11)
    caption(axes, 2.6, 3.8, f"the framed pixel collects  {sums} = {total}".replace("-", MINUS), size=13)
    assert total == DX[row][column]
    words = ", ".join(f"{slope} times {weight}" for slope, weight in (
        (G[i][j], KERNEL[row - i][column - j]) for i in (0, 1) for j in (0, 1)))  # fmt: skip
    figure.set_label(
        f"The input four times, with one of the four windows over the pixel in row {row}, column {column}. In each, "
        f"the upstream slope of the window's output times the weight on the pixel: {words}. The sum is {total}."
    )
    return figure


def full_correlation():
    """Stride 1: zeros around the slopes. Stride 2: zeros between them, too. Then the flipped kernel slides."""
    figure, axes = canvas(5.2, 5.25)
    coarse = [[G[0][0], G[0][2]]]
    between = [[coarse[0][0], 0, coarse[0][1]], [0, 0, 0]]
    words = []
    for top, slopes, real, title in ((0.42, G, None, "stride 1"), (3.1, between, {(0, 0), (0, 2)}, "stride 2")):
        padded = [[0] * 5, *([0, *row, 0] for row in slopes), [0] * 5]
        inside = {(i, j) for i in range(2) for j in range(3)} if real is None else real
        tint = {(i + 1, j + 1): ACCENT3 for i, j in inside}
        cell = 0.36
        grid(axes, padded, 0.05, top, cell=cell, tint=tint)
        grid(axes, FLIPPED, 2.2, top + cell, cell=cell, tint=tinted(2, 2, ACCENT2))
        dx = input_gradient(slopes, KERNEL, 3, 4)
        grid(axes, dx, 3.65, top + cell / 2, cell=cell, tint={(1, 1): ACCENT})
        frame(axes, 0.05 + cell, top + cell, 2, 2, cell=cell)
        frame(axes, 3.65 + cell, top + 1.5 * cell, 1, 1, cell=cell)
        caption(axes, 2.03, top + 2 * cell, "∗", size=16)
        caption(axes, 3.28, top + 2 * cell, "=", size=16)
        axes.text(0.05, top - 0.2, f"{title}: slopes and zeros", fontsize=12, va="center_baseline")
        caption(axes, 2.2 + cell, top + 3.5 * cell, "flipped kernel")
        caption(axes, 3.65 + 2 * cell, top + 4.1 * cell, "pixel slopes")
        window = [row[1:3] for row in padded[1:3]]
        products = [f"{s}·{w}" if w >= 0 else f"{s}·({w})" for row, line in zip(window, FLIPPED, strict=True)
                    for s, w in zip(row, line, strict=True)]  # fmt: skip
        products = [p if not p.startswith("-") else f"({p.split('·')[0]})·{p.split('·')[1]}" for p in products]
        caption(axes, 2.6, top + 1.98, f"{' + '.join(products)} = {dx[1][1]}".replace("-", MINUS), size=13)
        words.append(f"{title.capitalize()}: the slopes with zeros around them, {rows_in_words(padded)}, "
                     f"give {rows_in_words(dx)}.")  # fmt: skip
    figure.set_label(f"The flipped kernel, {rows_in_words(FLIPPED)}, slides over two grids. " + " ".join(words))
    return figure


def routes():
    """What ReLU and both kinds of pooling send back, for the outputs of the worked example."""
    figure, axes = canvas(5.2, 4.0)
    y = F.conv2d(tensor(X), tensor(KERNEL))
    g, pooled_g = tensor(G), tensor([[6, 4]])
    rows = (
        ("ReLU", whole(g), relu_backward(g, y)),
        ("max pooling", whole(pooled_g), max_pool_backward(pooled_g, y, 2, 1)),
        ("average pooling", whole(pooled_g), avg_pool_backward(pooled_g, y, 2, 1)),
    )
    words, cell = [], 0.38
    for index, (title, upstream, sent) in enumerate(rows):
        top = 0.5 + 1.18 * index
        caption(axes, 0.62, top + cell, title.replace(" ", "\n"), size=12)
        grid(axes, whole(y), 1.25, top, cell=cell, tint=tinted(2, 3, ACCENT))
        grid(axes, upstream, 2.65, top + (2 - len(upstream)) * cell / 2, cell=cell,
             tint=tinted(len(upstream), len(upstream[0]), ACCENT3))  # fmt: skip
        values = [[f"{v:g}" for v in row] for row in sent[0, 0].tolist()]
        nonzero = {(i, j): ACCENT for i, row in enumerate(values) for j, v in enumerate(row) if v not in ("0", "-0")}
        values = [["0" if v == "-0" else v for v in row] for row in values]
        grid(axes, values, 4.0, top, cell=cell, tint=nonzero, size=11)
        words.append(f"{title[0].upper() + title[1:]} turns {rows_in_words(upstream)} into {rows_in_words(values)}."
                     .replace("rows 6 4", "6 4"))  # fmt: skip
    for x, text in ((1.82, "its input"), (3.1, "upstream"), (4.57, "downstream")):
        caption(axes, x, 0.25, text)
    figure.set_label(f"The input of three layers, {rows_in_words(whole(y))}. " + " ".join(words))
    return figure


def step_against_error():
    figure, axes = canvas(5.2, 4.0)
    exact = sum(
        sum(KERNEL[a][b] * X[i + a][j + b] for a in (0, 1) for b in (0, 1)) ** 3 * X[i][j]
        for i in range(2)
        for j in range(3)
    )
    left, right, top, bottom = 0.8, 5.05, 0.35, 3.3

    def place(step, error):
        return left + (step + 12) / 12 * (right - left), top + (1 - error) / 12.5 * (bottom - top)

    for error in range(-11, 1, 2):
        x, y = place(-12, error)
        axes.plot([x, right], [y, y], color="#000000", alpha=0.2, linewidth=0.8)
        axes.text(left - 0.1, y, power(error), ha="right", va="center_baseline", fontsize=11)
    for step in range(-12, 1, 2):
        x = place(step, 0)[0]
        axes.plot([x, x], [bottom, bottom + 0.06], color="#000000", linewidth=0.8)
        caption(axes, x, bottom + 0.2, power(step), size=11)
    axes.plot([left, right], [bottom, bottom], color="#000000", linewidth=0.8)
    best = {}
    for name, number, color in (("float64", float, ACCENT), ("float32", np.float32, ACCENT2)):
        steps = [-quarter / 4 for quarter in range(0, 49)]
        points = []
        for step in steps:
            h = float(f"{10**step:.2g}")
            error = relative_error(measured_slope(X, KERNEL, h, number), exact)
            points.append((step, math.log10(min(max(error, 1e-11), 1))))
        best[name] = min(points, key=lambda point: point[1])[0]
        axes.plot(*zip(*(place(*point) for point in points), strict=True), color=color, linewidth=2)
    axes.text(*place(-3.1, -1.5), "float32", color=ACCENT2, fontsize=12, ha="center")
    axes.text(*place(-7.4, -6.3), "float64", color=ACCENT, fontsize=12, ha="center")
    axes.text(*place(-10.4, -8.9), "rounding", fontsize=12, ha="center")
    axes.text(*place(-1.3, -8.2), "truncation", fontsize=12, ha="center")
    caption(axes, (left + right) / 2, bottom + 0.5, "step h, from tiny to large", size=12)
    axes.text(left - 0.5, 0.15, "relative error of the slope", fontsize=12, va="center_baseline")
    figure.set_label(
        "The relative error of a measured slope against the step h, both in powers of ten. Both curves have the shape "
        f"of a V. That of float64 is lowest near h = 1e{round(best['float64'])}. That of float32 lies higher, is "
        f"lowest near h = 1e{round(best['float32'])}, and has an error of 1, all of it, from h = 1e-7 downwards."
    )
    return figure


def power(exponent):
    """10 to the power of a whole number, as text."""
    return "1" if exponent == 0 else "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def there_and_back():
    """The little network of the page, its values above and their slopes below."""
    figure, axes = canvas(5.2, 3.35)
    v, target = [2, -1], 14
    x, w = tensor(X), tensor(KERNEL)
    zero = torch.zeros(1, dtype=torch.float64)
    weights, wanted = torch.tensor(v, dtype=torch.float64), torch.tensor([target], dtype=torch.float64)
    loss, (dx, dw, _, _) = network(x, w, zero, weights, wanted)
    y = F.conv2d(x, w)
    hidden = F.relu(y)
    pooled = F.max_pool2d(hidden, 2, 1)
    out = int(pooled.flatten() @ weights)
    error = out - target
    d_pooled = [[error * value for value in v]]
    d_hidden = max_pool_backward(tensor(d_pooled), hidden, 2, 1)
    d_y = relu_backward(d_hidden, y)
    cell, lefts = 0.285, (0.04, 1.4, 2.48, 3.56, 4.36)
    above = (X, whole(y), whole(hidden), whole(pooled), [[out]])
    below = (whole(dx), whole(d_y), whole(d_hidden), d_pooled, [[error]])
    names = ("input", "conv", "ReLU", "max pool", "linear")
    for left, up, down, name in zip(lefts, above, below, names, strict=True):
        rows, columns = len(up), len(up[0])
        for values, centre, color in ((up, 1.05, ACCENT), (down, 2.5, ACCENT3)):
            grid(axes, values, left, centre - rows * cell / 2, cell=cell, size=10.5,
                 tint={(i, j): color for i in range(rows) for j in range(columns) if values[i][j]})  # fmt: skip
        caption(axes, left + columns * cell / 2, 0.42, name, size=11)
    for left, right in zip((1.2, 2.27, 3.35, 4.15), lefts[1:], strict=True):
        arrow(axes, (left - 0.02, 1.05), (right - 0.01, 1.05))
        arrow(axes, (right - 0.01, 2.5), (left - 0.02, 2.5), ACCENT3)
    arrow(axes, (4.66, 1.2), (4.9, 1.62))
    arrow(axes, (4.9, 1.92), (4.66, 2.35), ACCENT3)
    caption(axes, 4.78, 1.77, f"E = {float(loss):g}", size=12)
    axes.text(0.05, 0.13, "values, forwards", fontsize=11, va="center_baseline")
    axes.text(0.05, 3.15, "slopes of E, backwards", fontsize=11, va="center_baseline", color=ACCENT3)
    pooled_words = values_in_words(pooled[0, 0, 0].int().tolist())
    figure.set_label(
        f"A network as a row of grids. Forwards: the input, the outputs of the convolution, {rows_in_words(whole(y))}, "
        f"of ReLU, {rows_in_words(whole(hidden))}, of max pooling, {pooled_words}, the linear output {out}, and "
        f"E = {float(loss):g}. Backwards: {error}; {values_in_words(d_pooled[0])}; {rows_in_words(whole(d_hidden))}; "
        f"the same once more; and for the input {rows_in_words(whole(dx))}."
    )
    return figure


FIGURES = {
    "slopes-of-a-photograph.svg": stitched,
    "one-number-two-paths.svg": fork,
    "one-pixel-collects.svg": one_pixel_collects,
    "flipped-kernel-over-slopes.svg": full_correlation,
    "relu-and-pooling-backwards.svg": routes,
    "step-against-error.svg": step_against_error,
    "network-there-and-back.svg": there_and_back,
}

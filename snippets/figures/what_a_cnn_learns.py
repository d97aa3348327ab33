"""The figures of the lesson what-a-cnn-learns; what was trained is read from its results.json."""

import functools
import json
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, MINUS, canvas, caption, frame, grey, grid, picture, tinted
from snippets.what_a_cnn_learns import SHAPES, make

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "lessons" / "what-a-cnn-learns" / "results.json"


@functools.cache
def recorded(name):
    """Return one of the recorded experiments."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"][name]


@functools.cache
def test_images(number=400):
    """Return images (N, 32, 32) from 0 to 255 and the names of their shapes."""
    images, shapes, *_ = make(number, 1)
    return images[:, 0].numpy() * 255, [SHAPES[shape] for shape in shapes]


def show(axes, pixels, left, top, size):
    """Draw pixels from 0 to 255 without blending, in 16 greys."""
    picture(axes, grey(np.array(pixels)), left, top, size, smooth=False)


def three_maps():
    """One test image and three maps: which one is the network's?"""
    figure, axes = canvas(5.3, 1.65)
    images, shapes = test_images()
    maps = recorded("pictures")
    number = maps["opening"]
    rows = [("image", images[number]), ("A", maps["reset"]), ("B", maps["edges"]), ("C", maps["trained"])]
    for place, (name, pixels) in enumerate(rows):
        left = 0.05 + 1.32 * place
        show(axes, pixels, left, 0.35, 1.24)
        caption(axes, left + 0.62, 0.17, name)
    figure.set_label(
        f"A grey image of a {shapes[number]} filled with a texture, and a bar. Beside it three maps, A, B and "
        f"C. In each the outline "
        "of the shape stands out brightly on a dark ground."
    )
    return figure


def filters():
    """The twelve kernels of the first layer, trained and untrained."""
    figure, axes = canvas(3.8, 3.3)
    names = ("trained", "untrained")
    for row, (name, kernels) in enumerate(zip(names, recorded("pictures")["filters"], strict=True)):
        caption(axes, 1.9, 0.15 + 1.63 * row, name)
        kernels = np.array(kernels)
        for place, kernel in enumerate(kernels):
            scaled = 127.5 + 127.5 * kernel / abs(kernel).max()
            show(axes, scaled, 0.12 + 0.6 * (place % 6), 0.3 + 1.63 * row + 0.6 * (place // 6), 0.56)
    figure.set_label(
        f"Two groups of {len(kernels)} kernels of {kernels.shape[1]} by {kernels.shape[2]} weights, light for "
        f"positive and dark for negative. "
        "Some of the trained ones have a light and a dark side. Many of the trained ones, and all of the "
        "untrained ones, look like noise."
    )
    return figure


def maps():
    """The first four feature maps of each block, for the image of the opening picture."""
    figure, axes = canvas(5.3, 3.75)
    layers = recorded("pictures")["feature maps"]
    for row, layer in enumerate(layers):
        top = 0.3 + 1.22 * row
        caption(axes, 2.65, top - 0.14, f"block {row + 1}: {len(layer[0])} by {len(layer[0])}")
        for place, values in enumerate(layer):
            show(axes, 17 * np.array(values), 0.5 + 1.13 * place, top, 0.9)
    sizes = [len(layer[0]) for layer in layers]
    figure.set_label(
        f"The first {len(layers[0])} feature maps of each block for one image of a cross: {sizes[0]} by {sizes[0]}, "
        f"{sizes[1]} by {sizes[1]} and {sizes[2]} by {sizes[2]} values. "
        "Block 1 shows the cross and the bar; a channel of block 2 is bright everywhere but there. "
        "The deeper maps are coarse, some black."
    )
    return figure


def methods():
    """The image of the opening picture and three heat maps of one trained network."""
    figure, axes = canvas(5.3, 1.65)
    recordings = recorded("pictures")
    rows = [("image", test_images()[0][recordings["opening"]])]
    rows += [(name, recordings[name]) for name in ("Grad-CAM", "saliency", "occlusion")]
    for place, (text, pixels) in enumerate(rows):
        left = 0.05 + 1.32 * place
        show(axes, pixels, left, 0.35, 1.24)
        caption(axes, left + 0.62, 0.17, text)
    figure.set_label(
        "An image of a cross, and three heat maps. Grad-CAM is one smooth blot over the cross. Saliency is a cloud of "
        "single bright pixels in and around it. Occlusion is bright at the arms and dark in the middle."
    )
    return figure


FIELDS = ((1, -2, 5), (2, -4, 10), (4, -8, 20))  # step, first pixel of field 0 and size of the field, for each ReLU


def patches():
    """The patches that excite three channels of each layer most, four for each channel."""
    figure, axes = canvas(5.3, 2.28)
    images, _ = test_images()
    for row, (layer, (step, first, size)) in enumerate(zip(recorded("pictures")["patches"], FIELDS, strict=True)):
        top = 0.32 + 0.74 * row
        caption(axes, 2.65, top - 0.15, f"block {row + 1}: fields of {size} by {size} pixels")
        for channel, best in enumerate(layer):
            for place, (image, i, j) in enumerate(best):
                padded = np.pad(images[image], 20)
                y, x = step * i + first + 20, step * j + first + 20
                patch = padded[y : y + size, x : x + size]
                show(axes, patch, 0.06 + 1.78 * channel + 0.42 * place, top, 0.4)
    figure.set_label(
        "Three rows of image patches, for three channels of each of the three blocks, four patches for each channel. "
        f"The patches of {FIELDS[0][2]} by {FIELDS[0][2]} pixels show edges and specks, those of {FIELDS[1][2]} "
        f"by {FIELDS[1][2]} pieces of outlines, "
        f"those of {FIELDS[2][2]} by {FIELDS[2][2]} whole shapes."
    )
    return figure


def found():
    """Images that make a logit large, without and with care, for each class."""
    figure, axes = canvas(5.3, 3.75)
    main = recorded("main")[0]
    for row, care in enumerate(("without care", "with small moves and blur")):
        top = 0.3 + 1.88 * row
        caption(axes, 2.65, top - 0.16, care)
        for place, shape in enumerate(SHAPES):
            left = 0.2 + 1.72 * place
            show(axes, main["found"][row][place], left, top, 1.3)
            caption(axes, left + 0.65, top + 1.42, f"{shape}: logit {main['logit found'][row][place]:.0f}", 10.5)
    figure.set_label(
        "Six images that make one logit large. Without care they are fine patterns of black and white pixels side "
        "by side, slanted for the triangle, with right angles for the cross; the logits are "
        + ", ".join(f"{value:.0f}" for value in main["logit found"][0])
        + ". With small moves and blur they show broad bright and dark stripes and patches, with logits "
        + ", ".join(f"{value:.0f}" for value in main["logit found"][1]) + "."
    )
    return figure


A1, A2, WEIGHTS = np.array([[0, 2, 0], [2, 6, 3], [0, 3, 2]]), np.array([[3, 0, 0], [0, 1, 0], [0, 2, 3]]), (2, -1)


def by_hand():
    """Two feature maps, the weighted sum, and the ReLU, in ninths."""
    figure, axes = canvas(5.3, 3.6)
    signed = WEIGHTS[0] * A1 + WEIGHTS[1] * A2
    cell, upper, lower = 0.4, 0.35, 2.15
    words = [f"map 1, weight {WEIGHTS[0]}", f"map 2, weight {MINUS}{-WEIGHTS[1]}", "weighted sum", "after ReLU"]
    spots = [(0.8, upper, A1, ACCENT), (3.2, upper, A2, ACCENT), (0.8, lower, signed, ACCENT2),
             (3.2, lower, signed.clip(0), ACCENT3)]
    for text, (left, top, values, color) in zip(words, spots, strict=True):
        grid(axes, values.tolist(), left, top, cell, tint=tinted(3, 3, color))
        caption(axes, left + 0.6, top - 0.15, text)
    frame(axes, 0.8 + cell, lower + cell, 1, 1, cell, ACCENT2)
    frame(axes, 3.2 + cell, lower + cell, 1, 1, cell, ACCENT3)
    caption(axes, 1.4, lower + 1.36, "in ninths", 10.5)
    caption(axes, 3.8, lower + 1.36, "in ninths", 10.5)
    axes.annotate("", (3.05, lower + 0.6), (2.15, lower + 0.6), arrowprops={"arrowstyle": "->", "color": ACCENT})
    rows = [" ".join(map(str, row)) for row in (*A1.tolist(), *A2.tolist(), *signed.tolist())]
    figure.set_label(
        f"Map 1 with rows {rows[0]}, {rows[1]} and {rows[2]} and weight {WEIGHTS[0]}; map 2 with rows {rows[3]}, "
        f"{rows[4]} and {rows[5]} and weight "
        f"{WEIGHTS[1]}. Their weighted sum in ninths has the rows {rows[6]}, {rows[7]} and {rows[8]}. After ReLU "
        f"the {signed[0, 0]} is "
        f"{max(0, signed[0, 0])}; the largest value, {signed.max()}, is in the centre."
    )
    return figure


def cues():
    """An image with clear and with faint shape in conflict with its texture, and a marked disc with its Grad-CAM."""
    figure, axes = canvas(5.3, 1.75)
    clear, faint = (make(1, 3, "conflict", look)[0][0, 0].numpy() * 255 for look in (False, True))
    images, shapes = test_images()
    disc = shapes.index("disc")
    marked = images[disc].copy()
    marked[1:4, 1:4] = 255
    heat = recorded("pictures")["marked"]
    spots = [("clear", clear), ("faint", faint), ("marked disc", marked), ("Grad-CAM", heat)]
    for place, (text, pixels) in enumerate(spots):
        left = 0.05 + 1.32 * place
        show(axes, pixels, left, 0.35, 1.24)
        caption(axes, left + 0.62, 0.17, text)
    axes.add_patch(Rectangle((2.69, 0.35), 0.3875, 0.3875, fill=False, edgecolor=ACCENT2, linewidth=2))
    axes.add_patch(Rectangle((4.01, 0.35), 0.3875, 0.3875, fill=False, edgecolor=ACCENT2, linewidth=2))
    figure.set_label(
        "Four pictures. The same shape, filled with the texture of another one, clearly brighter than the "
        "background and hardly brighter. "
        "A disc with a small white square near the upper left corner. The Grad-CAM map of it: it is bright near "
        "that corner, and dim at the disc."
    )
    return figure


FIGURES = {
    "what-a-cnn-learns-three-maps.svg": three_maps,
    "what-a-cnn-learns-filters.svg": filters,
    "what-a-cnn-learns-maps.svg": maps,
    "what-a-cnn-learns-methods.svg": methods,
    "what-a-cnn-learns-patches.svg": patches,
    "what-a-cnn-learns-found.svg": found,
    "what-a-cnn-learns-by-hand.svg": by_hand,
    "what-a-cnn-learns-cues.svg": cues,
}

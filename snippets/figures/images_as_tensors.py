"""Figures of the lesson images-as-tensors. Here red, green and blue stand for the three channels."""

import numpy as np
from PIL import Image
from skimage import data

from snippets.figures.style import ACCENT, ACCENT3, INK, canvas, caption, frame, grid, picture, rows_in_words
from snippets.images_as_tensors import to_planes

IMAGE = [[[250, 30, 10], [20, 200, 40], [70, 50, 240]], [[245, 215, 25], [0, 0, 0], [255, 255, 255]]]
CHANNELS = {"red": "#d83a3a", "green": ACCENT3, "blue": ACCENT}
MORE = 100  # what is added to brighten the photograph
COLORS = tuple(CHANNELS.values())


def coffee():
    """Every fourth row and column of scikit-image's photograph of a cup: (100, 150, 3) uint8."""
    return data.coffee()[::4, ::4]


def few_colours(pixels, colours=48):
    """Return uint8 pixels (H, W, 3) with so few colours that a PNG with a palette holds them."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).quantize(colours, dither=0).convert("RGB"))


def hero():
    figure, axes = canvas(5.2, 2.05)
    photo = coffee()
    scrambled = photo.reshape(3, *photo.shape[:2]).transpose(1, 2, 0)
    picture(axes, few_colours(photo), 0.05, 0.05, 2.4)
    picture(axes, few_colours(scrambled, 128), 2.75, 0.05, 2.4)
    caption(axes, 1.25, 1.85, "the photograph")
    caption(axes, 3.95, 1.85, "after one wrong line")
    figure.set_label(
        "A photograph of a cup of coffee on a wooden table; and a picture of the same size, fine dots and stripes in "
        "garish colours, in which only the rim of the cup can be guessed."
    )
    return figure


def pixels_and_planes(axes, top, planes, sources):
    """Draw the pixels that three planes give, then the planes; sources[c][h][w] is the true channel of each value."""
    pixels = np.array(planes, dtype=np.uint8).transpose(1, 2, 0)
    picture(axes, pixels, 0.05, top + 0.02, 1.32, smooth=False)
    grid(axes, [[""] * 3] * 2, 0.05, top + 0.02, 0.44)
    for c, plane in enumerate(planes):
        tint = {(h, w): COLORS[true] for h, row in enumerate(sources[c]) for w, true in enumerate(row)}
        grid(axes, plane, 1.6 + 1.21 * c, top + 0.07, 0.38, tint=tint, size=11)


def pixels():
    figure, axes = canvas(5.2, 1.45)
    planes = to_planes(IMAGE)
    pixels_and_planes(axes, 0.42, planes, [[[c] * 3] * 2 for c in range(3)])
    caption(axes, 0.71, 0.2, "six pixels")
    for c, name in enumerate(CHANNELS):
        caption(axes, 2.17 + 1.21 * c, 0.2, f"{name} values")
    figure.set_label(
        "Two rows of three pixels: red, green, blue; yellow, black, white. Beside them three grids of numbers. "
        + " ".join(f"{name.capitalize()}: {rows_in_words(p)}." for name, p in zip(CHANNELS, planes, strict=True))
    )
    return figure


def memory():
    """Both orders of the 18 values; the frame marks the values of the yellow pixel."""
    figure, axes = canvas(5.3, 2.5)
    planes, cell, left = to_planes(IMAGE), 0.29, 0.04
    by_pixel = [(v, c, (h, w)) for h, row in enumerate(IMAGE) for w, p in enumerate(row) for c, v in enumerate(p)]
    by_plane = [(v, c, (h, w)) for c, p in enumerate(planes) for h, row in enumerate(p) for w, v in enumerate(row)]
    places = []
    for top, values in ((0.75, by_pixel), (1.75, by_plane)):
        tint = {(0, i): COLORS[c] for i, (_, c, _) in enumerate(values)}
        grid(axes, [[v for v, _, _ in values]], left, top, cell, tint=tint, size=10)
        yellow = [i for i, (_, _, at) in enumerate(values) if at == (1, 0)]
        for i in range(len(values)):
            weight = "bold" if i in yellow else "normal"
            axes.text(left + (i + 0.5) * cell, top + 0.44, str(i), ha="center", va="center", fontsize=10, weight=weight)
        for i in yellow:
            frame(axes, left + i * cell, top, 1, 1, cell, color=INK)
        places.append(" ".join(map(str, yellow)))
    caption(axes, 2.65, 0.2, "one row of 18 values, numbered from 0", size=11)
    caption(axes, 2.65, 0.55, "pixel by pixel (channels last, NHWC)", size=12)
    caption(axes, 2.65, 1.55, "plane by plane (channels first, NCHW)", size=12)
    figure.set_label(
        f"The {len(by_pixel)} values in two orders. Pixel by pixel: {' '.join(str(v) for v, _, _ in by_pixel)}. "
        f"Plane by plane: {' '.join(str(v) for v, _, _ in by_plane)}. The values of the yellow pixel are framed: they "
        f"stand at the places {places[0]} in the first row, {places[1]} in the second."
    )
    return figure


def permute_and_reshape():
    figure, axes = canvas(5.2, 2.75)
    values = np.array(IMAGE)
    channel = np.broadcast_to(np.arange(3), values.shape)
    words = []
    for top, name in ((0, "permute"), (1.35, "reshape")):
        move = {
            "permute": lambda array: array.transpose(2, 0, 1),
            "reshape": lambda array: array.reshape(3, 2, 3),
        }[name]
        planes = move(values).tolist()
        pixels_and_planes(axes, top + 0.42, planes, move(channel).tolist())
        caption(axes, 0.71, top + 0.2, name)
        for c in range(3):
            caption(axes, 2.17 + 1.21 * c, top + 0.2, f"plane {c}")
        words.append(f"{name}: " + "; ".join(rows_in_words(plane) for plane in planes))
    figure.set_label(
        f"Three planes made in two ways. With {words[0]}; each plane has one colour, the pixels are as before. "
        f"With {words[1]}; each plane mixes the colours, the pixels are others."
    )
    return figure


def wrap():
    figure, axes = canvas(5.2, 1.5)
    photo = coffee()
    with np.errstate(over="ignore"):
        wrapped = photo + np.uint8(MORE)
    clamped = np.clip(photo.astype(int) + MORE, 0, 255).astype(np.uint8)
    panels = ((photo, "the photograph"), (wrapped, f"+ {MORE} in uint8"), (clamped, "clamped"))
    for i, (pixels, text) in enumerate(panels):
        picture(axes, few_colours(pixels, 24), 0.05 + 1.74 * i, 0.05, 1.62)
        caption(axes, 0.86 + 1.74 * i, 1.33, text)
    figure.set_label(
        f"The cup three times. As it is; with {MORE} added in uint8, where all bright parts have turned dark in false "
        f"colours; with {MORE} added and clamped, brighter everywhere."
    )
    return figure


def batch():
    figure, axes = canvas(5.2, 3.55)
    arrays = (data.coffee(), data.cat(), data.astronaut(), data.coins())
    photos = [Image.fromarray(array).convert("RGB") for array in arrays]
    for i, photo in enumerate(photos):
        left = 0.98 + 1.06 * i
        width, height = photo.size
        caption(axes, left + 0.5, 0.2, f"{height} × {width}")
        scale = 72 / min(photo.size)
        short = photo.resize((round(width * scale), round(height * scale)))
        cut = (short.size[0] - 72) // 2
        fit = photo.resize((72, round(height * 72 / width)))
        wide = Image.new("RGB", (72, 72))
        wide.paste(fit, (0, (72 - fit.size[1]) // 2))
        made = (photo.resize((72, 72)), short.crop((cut, 0, cut + 72, 72)), wide)
        for j, square in enumerate(made):
            picture(axes, few_colours(np.asarray(square), 20), left, 0.38 + 1.06 * j, 1.0)
    for j, text in enumerate(("stretched", "cropped", "padded")):
        axes.text(0.05, 0.88 + 1.06 * j, text, fontsize=12, va="center_baseline")
    sizes = ", ".join(f"{photo.size[1]} by {photo.size[0]}" for photo in photos)
    figure.set_label(
        f"A cup, a cat, an astronaut and coins, of {sizes} pixels, made square in three ways. Stretched: too narrow. "
        "Cropped: left and right are cut off. Padded: black bars above and below. The astronaut is square already."
    )
    return figure


FIGURES = {
    "one-wrong-line.svg": hero,
    "pixels-and-channels.svg": pixels,
    "two-orders-in-memory.svg": memory,
    "permute-and-reshape.svg": permute_and_reshape,
    "bright-parts-turn-dark.svg": wrap,
    "three-ways-to-one-size.svg": batch,
}

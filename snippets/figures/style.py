"""The one style of all figures, and how a matplotlib figure becomes an SVG that a page can inline.

Black is the ink: it is written as `currentColor`, so text and lines follow the light and the dark scheme.
Everything else is an accent, a mid tone that reads on white and on near-black.
"""

import base64
import io
import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from PIL import Image

INK = "#000000"
ACCENT = "#2f80d0"  # blue
ACCENT2 = "#d2601a"  # orange
ACCENT3 = "#0f8f6b"  # green
MINUS = "\N{MINUS SIGN}"

RC = {
    "axes.facecolor": "none",
    "axes.prop_cycle": matplotlib.cycler(color=[ACCENT, ACCENT2, ACCENT3]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 11,
    "image.interpolation": "none",
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
}

SVG = "http://www.w3.org/2000/svg"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
# `svg:root` matches only where the SVG is a document of its own, as on GitHub; inlined, the page gives ink and font.
STANDALONE = (
    "svg:root{color:#1f2328;font-family:system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){svg:root{color:#e6edf3}}"
)


def canvas(width, height):
    """Return `(figure, axes)` of width x height inches, the axes bare and one inch long per unit, y downwards."""
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure, axes


def grid(axes, values, left, top, cell=0.4, tint=None, size=12):
    """Draw rows of values as a grid of square cells, the upper left corner at (left, top) in axes units.

    values: a list of rows; an empty string leaves a cell blank.
    tint: {(row, column): colour}, drawn as a light background.
    """
    tint = tint or {}
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            x, y = left + j * cell, top + i * cell
            if (i, j) in tint:
                axes.add_patch(Rectangle((x, y), cell, cell, facecolor=tint[i, j], alpha=0.35, linewidth=0))
            axes.add_patch(Rectangle((x, y), cell, cell, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8))
            if value != "":
                text = str(value).replace("-", MINUS)
                axes.text(x + cell / 2, y + cell / 2, text, ha="center", va="center_baseline", fontsize=size)


def frame(axes, left, top, rows, columns, cell=0.4, color=ACCENT):
    """Draw a thick frame around rows x columns cells, the upper left corner at (left, top) in axes units."""
    size = (columns * cell, rows * cell)
    axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=color, linewidth=2.5))


def picture(axes, pixels, left, top, size, smooth=True):
    """Show uint8 pixels, grey (H, W) or colour (H, W, 3), with the width `size` in axes units.

    smooth: let the browser blend neighbouring pixels, as one wants for a photograph but not for a 5x5 grid.
    """
    height = size * pixels.shape[0] / pixels.shape[1]
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)  # a grey colour map would round some values down by one
    limits = {"xlim": axes.get_xlim(), "ylim": axes.get_ylim()}
    image = axes.imshow(pixels, extent=(left, left + size, top + height, top), interpolation="none")
    image.set_gid("smooth" if smooth else None)
    axes.set(aspect="auto", **limits)


def tinted(rows, columns, color, top=0, left=0):
    """Return the `tint` of `grid` for a rectangle of rows x columns cells from row `top`, column `left`."""
    return {(top + i, left + j): color for i in range(rows) for j in range(columns)}


def caption(axes, x, y, text, size=12):
    """Write text centred on (x, y) in axes units."""
    axes.text(x, y, text, ha="center", va="center_baseline", fontsize=size)


def grey(values, levels=16):
    """Clip to 0..255 and keep a few levels of grey: the file shrinks to a third.

    Raises ValueError unless the number of levels divides 256.
    """
    if 256 % levels:
        raise ValueError(f"{levels} levels do not divide 256: white would wrap around to dark")
    step = 256 // levels
    return (np.clip(values, 0, 255) // step * step * 255 // (256 - step)).astype(np.uint8)


def rows_in_words(rows):
    """`[[1, 3], [2, 3]]` as "rows 1 3 and 2 3"."""
    rows = [" ".join(map(str, row)) for row in rows]
    return "rows " + " and ".join(filter(None, [", ".join(rows[:-1]), rows[-1]]))


def to_svg(figure, name):
    """Return the figure as SVG text: no date, no prolog, no style attribute, ids that are unique to `name`."""
    buffer = io.StringIO()
    with matplotlib.rc_context({**RC, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ET.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith("}metadata") or child.find(f"{{{SVG}}}style") is not None:
                parent.remove(child)
    used = set(re.findall(r'#([^")]+)[")]', ET.tostring(root, encoding="unicode")))
    for element in root.iter():
        _tidy(element, used)
    _finish_root(root)
    ET.register_namespace("", SVG)
    ET.indent(root, space="")
    return _with_own_ids(ET.tostring(root, encoding="unicode"), name.removesuffix(".svg")) + "\n"


def _with_own_ids(svg, name):
    """Number the ids: matplotlib makes them from coordinates, whose last digits differ between processors."""
    for number, old in enumerate(re.findall(r' id="([^"]+)"', svg), start=1):
        new = f"{name}-{number}"
        for before, behind in ((' id="', '"'), ("#", '"'), ("#", ")")):
            svg = svg.replace(before + old + behind, before + new + behind)
    return svg


def _tidy(element, used):
    """Write style as attributes (a Content-Security-Policy forbids inline style), ink as currentColor, 3 decimals."""
    attributes = element.attrib
    smooth = attributes.get("id") == "smooth"
    if attributes.get("id") not in used:
        attributes.pop("id", None)
    for declaration in filter(None, re.split(r";\s*", attributes.pop("style", ""))):
        key, value = declaration.split(":", 1)
        attributes[key.strip()] = value.strip()
    if "sans-serif" in attributes.get("font-family", ""):
        del attributes["font-family"]
    if "rotate(-0 " in attributes.get("transform", ""):
        del attributes["transform"]
    if XLINK_HREF in attributes:
        attributes["href"] = attributes.pop(XLINK_HREF)
    if element.tag.endswith("}image"):
        attributes["href"] = _smaller_image(attributes["href"])
        attributes["image-rendering"] = "auto" if smooth else "pixelated"
    for key in set(attributes) - {"href", "id"}:
        value = attributes[key].replace(INK, "currentColor")
        value = re.sub(r"-?\d+\.\d+", lambda number: f"{round(float(number[0]), 3):g}", value)
        attributes[key] = " ".join(value.split())


def _finish_root(root):
    width, height = (round(float(root.get(side).removesuffix("pt")) * 4 / 3) for side in ("width", "height"))
    root.attrib = {"width": str(width), "height": str(height), "viewBox": root.get("viewBox")}
    # matplotlib leaves out a black fill, SVG's default: on the root it becomes the ink.
    root.attrib |= {"fill": "currentColor", "stroke-linejoin": "round"}
    style = ET.Element(f"{{{SVG}}}style")
    style.text = STANDALONE
    root.insert(0, style)


def _smaller_image(uri):
    """Return a WebP data URI with the same pixels as `uri`: without loss, and a quarter smaller than a PNG."""
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    buffer = io.BytesIO()
    image.save(buffer, format="webp", lossless=True, exact=True, quality=100, method=6)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def digit(axes, pixels, left, top, size):
    """Draw pixels (8, 8), 0 to 16, as ink on the page: the more of it, the larger the value."""
    cell = size / 8
    for level in range(1, 17):
        squares = [
            Outline.unit_rectangle().vertices * cell + (left + j * cell, top + i * cell)
            for i, j in np.argwhere(pixels == level)
        ]
        if squares:
            outline = Outline.make_compound_path(*(Outline(square, closed=True) for square in squares))
            axes.add_patch(PathPatch(outline, facecolor=INK, alpha=level / 16, linewidth=0, antialiased=False))
    axes.add_patch(Rectangle((left, top), size, size, fill=False, edgecolor=INK, alpha=0.45, linewidth=0.8))

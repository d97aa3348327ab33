"""The ```layers fence: a column of layers and the shape that each hands on, as an SVG that follows the colour scheme.

    alt: The CNN of this lesson, 8x8 pixels in, 10 logits out.
    input | 1 x 8 x 8
    Conv2d(1, 16, 3, padding=1) | 16 x 8 x 8
    Linear(256, 10) | 10
"""

from html import escape

from markdown import Markdown

from scripts.site.pages import error

LETTER = 7.9  # width of one letter of a 13 px monospaced font
BOX = 34  # height of a layer
ROW = 58  # from one layer to the next
LEARNED = ("Conv", "Linear", "BatchNorm", "LayerNorm", "GroupNorm", "Embedding")  # layers that have weights


def parse(source: str) -> tuple[str, list[tuple[str, str]]]:
    """Split a fence into its alt text and its rows (layer, shape). Raises ValueError that names the wrong line."""
    first, *rest = source.strip().splitlines() or [""]
    key, _, alt = first.partition(":")
    if key.strip() != "alt" or not alt.strip():
        raise ValueError(f"the first line must be `alt: what the diagram shows`, not {first!r}")
    rows = []
    for line in rest:
        layer, bar, shape = (part.strip() for part in line.partition("|"))
        if not (layer and bar and shape):
            raise ValueError(f"each line must be `layer | shape`, not {line!r}")
        rows.append((layer, shape.replace(" x ", " × ")))
    if len(rows) < 2:
        raise ValueError("a diagram needs at least two layers")
    return alt.strip(), rows


def draw(alt: str, rows: list[tuple[str, str]]) -> str:
    """SVG with one box per row; the shape stands below the box, beside the arrow to the next one."""
    width = max(max(len(layer), len(shape) + 8) for layer, shape in rows) * LETTER + 36
    height = ROW * len(rows)
    middle = width / 2
    parts = []
    for number, (layer, shape) in enumerate(rows):
        top = number * ROW + 1
        learned = " layers__box--learned" if layer.startswith(LEARNED) else ""
        parts += [
            f'<rect class="layers__box{learned}" x="1" y="{top}" width="{width - 2:.0f}" height="{BOX}" rx="6"/>',
            f'<text x="{middle:.0f}" y="{top + 22}" text-anchor="middle">{escape(layer)}</text>',
            f'<path class="layers__arrow" d="M{middle:.0f} {top + BOX}v{ROW - BOX - 2}m-4 -5l4 5l4 -5"/>',
            f'<text class="layers__shape" x="{middle + 12:.0f}" y="{top + BOX + 16}">{escape(shape)}</text>',
        ]
    return (
        f'<svg class="layers" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" role="img">'
        f"<title>{escape(alt)}</title>{''.join(parts)}</svg>"
    )


def layers(source: str, language: str, css_class: str, options: dict, md: Markdown, **kwargs: object) -> str:
    """Formatter for pymdownx.superfences. Raises PageError when the fence is not written as described above."""
    try:
        alt, rows = parse(source)
    except ValueError as problem:
        raise error(md, source, f"wrong `layers` fence: {problem}") from problem
    return f'<figure class="figure" data-search-exclude="true">{draw(alt, rows)}</figure>'

"""The ```conv-stepper fence: a convolution that the reader steps through, see docs/assets/widgets/conv-stepper.js.

    id: by-hand
    mode: 2d
    input: 1 2 3 / 4 5 6 / 7 8 9
    kernel: 1 0 / 0 -1
    stride: 1
    alt: What a reader without JavaScript must know.

mode is 2d, 1d or transposed. Rows are divided by /, channels by |, filters by ||. stride, padding, dilation and groups
may be left out. Without JavaScript a reader sees the numbers and the words.
"""

import re
from html import escape
from urllib.parse import urlencode

from markdown import Markdown

from scripts.site.pages import error

FIELDS = re.compile(r"^(id|mode|input|kernel|stride|padding|dilation|groups|alt): *(\S.*)$")
MODES = ("2d", "1d", "transposed")


def grid(text: str) -> list[list[float]]:
    """`1 2 / 3 4` -> rows. Raises ValueError for what is no number, or for rows of several lengths."""
    rows = [[float(value) for value in row.split()] for row in text.split("/")]
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError("the rows of a grid have several lengths")
    return rows


def state(fields: dict[str, str]) -> str:
    """What the fence says as the query that convolution.js reads. Raises ValueError with the mistake."""
    mode = fields.get("mode", "2d")
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}")
    inputs = [grid(channel) for channel in fields["input"].split("|")]
    filters = [[grid(part) for part in one.split("|")] for one in fields["kernel"].split("||")]
    groups = int(fields.get("groups", 1))
    seen = len(filters) if mode == "transposed" else len(filters[0]) * groups
    if seen != len(inputs):
        raise ValueError(f"the kernel is for {seen} channels, the input has {len(inputs)}")
    channels = len(filters[0]) * groups if mode == "transposed" else len(filters)
    sizes = [len(inputs[0]), len(inputs[0][0]), len(filters[0][0]), len(filters[0][0][0])]
    sizes += [int(fields.get(name, default)) for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))]
    values = [f"{value:g}" for channel in inputs for row in channel for value in row]
    weights = [f"{value:g}" for one in filters for part in one for row in part for value in row]
    numbers = ".".join(map(str, [*sizes, len(inputs), channels, groups]))
    return urlencode({"mode": mode, "n": numbers, "x": ",".join(values), "w": ",".join(weights)}, safe=",")


def conv_stepper(source: str, language: str, css_class: str, options: dict, md: Markdown, **kwargs: object) -> str:
    """Formatter for pymdownx.superfences. Raises PageError when the fence is not written as described above."""
    found = [FIELDS.match(line) for line in source.strip().split("\n")]
    if not all(found):
        raise error(md, source, "wrong `conv-stepper` fence: each line is `name: value`, see scripts/site/widgets.py")
    fields = {match[1]: match[2] for match in found}
    if missing := {"id", "input", "kernel", "alt"} - set(fields):
        raise error(md, source, f"wrong `conv-stepper` fence: {', '.join(sorted(missing))} missing")
    try:
        query = state(fields)
    except ValueError as problem:
        raise error(md, source, f"wrong `conv-stepper` fence: {problem}") from problem
    words = escape(f"{fields['alt']} Input: {fields['input']}. Kernel: {fields['kernel']}.")
    attributes = f'id="{escape(fields["id"])}" state="{escape(query)}" data-search-exclude="true"'
    return f'<div class="widget"><conv-stepper {attributes}><p>{words}</p></conv-stepper></div>'

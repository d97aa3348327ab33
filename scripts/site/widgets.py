"""The fences of the widgets, see docs/assets/widgets/. Without JavaScript a reader sees the words and the numbers.

    ```conv-stepper
    id: by-hand
    input: 1 2 3 / 4 5 6 / 7 8 9
    kernel: 1 0 / 0 -1
    stride: 1
    alt: What a reader without JavaScript must know.
    ```

Each line is `name: value`. mode is 2d (if left out), 1d or transposed. Rows are divided by /, channels by |, filters
by ||. stride, padding, dilation and groups may be left out. `shape-calculator` and `receptive-field` have a `network`,
such as `1x28x28: conv out=6 kernel=5; relu; flatten; linear out=10`; `kernel-sandbox` has a `kernel`, a number to
`divide` by if it is not 1, and what to `show`, 0, 1 or 2; `digit-lab` has its words alone. In a lesson, `check` ties
the numbers to the example of the page: `widget.input == x and widget.kernel == kernel`, see tests/runner/widgets.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from markdown import Markdown

from scripts.site.pages import error

LINE = re.compile(r"^([a-z]+): *(\S.*)$")
MODES = ("2d", "1d", "transposed")
LAYER = r"(conv|maxpool|avgpool|adaptive|batchnorm|relu|dropout|flatten|linear)( [a-z]+=\d+)*"
NETWORK = re.compile(rf"^\d+x\d+x\d+: {LAYER}(; {LAYER})*$")
NUMBERS = ("input", "kernel", "network")
SIDES = (1, 3, 5, 7)  # of a kernel with a middle


def grid(text: str) -> list[list[float]]:
    """`1 2 / 3 4` -> rows. Raises ValueError for what is no number, or for rows of several lengths."""
    rows = [[float(value) for value in row.split()] for row in text.split("/")]
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError("the rows of a grid have several lengths")
    return rows


def convolution(fields: dict[str, str]) -> str:
    """What a conv-stepper says as the query that convolution.js reads. Raises ValueError with the mistake."""
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


def network(fields: dict[str, str]) -> str:
    """The layers as network.js reads them. Raises ValueError with the mistake."""
    if not NETWORK.match(fields["network"]):
        raise ValueError("a network is written as `1x28x28: conv out=6 kernel=5; relu`, with one space between words")
    return fields["network"]


def filtering(fields: dict[str, str]) -> str:
    """The kernel as the query that filtering.js reads. Raises ValueError with the mistake."""
    rows = grid(fields["kernel"])
    if len(rows) != len(rows[0]) or len(rows) not in SIDES:
        raise ValueError(f"a kernel has as many rows as columns, one of {', '.join(map(str, SIDES))}")
    kernel = "/".join(" ".join(f"{value:g}" for value in row) for row in rows)
    return urlencode({"k": kernel, "divide": fields.get("divide", "1"), "show": fields.get("show", "0")})


def picture(name: str, text: str) -> str:
    """What a reader without JavaScript sees of the numbers: a table for each grid, or the layers in their order."""
    if name == "network":
        shape, _, layers = text.partition(": ")
        items = "".join(f"<li><code>{escape(layer)}</code></li>" for layer in layers.split("; "))
        return f"<p>Input: {escape(shape.replace('x', ' × '))}. Then:</p><ol>{items}</ol>"
    tables = []
    for place, part in enumerate(re.split(r" *\|+ *", text)):
        rows = ["".join(f"<td>{value:g}</td>" for value in row) for row in grid(part)]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = name if "|" not in text else f"{name} {place}"
        table = f'<table class="widget__table"><caption>{caption}</caption><tbody>{body}</tbody></table>'
        tables.append(f'<div class="widget__grid">{table}</div>')
    return f'<div class="stepper__grids">{"".join(tables)}</div>'


@dataclass(frozen=True)
class Widget:
    """A formatter for pymdownx.superfences; no closure, which Zensical could not pickle."""

    name: str
    needed: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    state: Callable[[dict[str, str]], str] | None = None

    def __call__(self, source: str, language: str, css_class: str, options: dict, md: Markdown, **more: object) -> str:
        """The element. Raises PageError when a fence is not written as described above."""
        fields = self.read(source, md)
        try:
            query = f' state="{escape(self.state(fields))}"' if self.state else ""
        except ValueError as problem:
            raise error(md, source, f"wrong `{self.name}` fence: {problem}") from problem
        still = "".join(picture(key, fields[key]) for key in NUMBERS if key in fields)
        attributes = f'id="{escape(fields["id"])}"{query} data-search-exclude="true"'
        words = f"<p>{escape(fields['alt'])}</p>"
        return f'<div class="widget"><{self.name} {attributes}>{words}{still}</{self.name}></div>'

    def read(self, source: str, md: Markdown) -> dict[str, str]:
        found = [LINE.match(line) for line in source.strip().split("\n")]
        names = self.needed | self.allowed | {"id", "alt", "check"}
        if not all(match and match[1] in names for match in found):
            wrong = f"wrong `{self.name}` fence: each line is `name: value`, see scripts/site/widgets.py"
            raise error(md, source, wrong)
        fields = {match[1]: match[2] for match in found}
        if missing := (self.needed | {"id", "alt"}) - set(fields):
            raise error(md, source, f"wrong `{self.name}` fence: {', '.join(sorted(missing))} missing")
        return fields


OPTIONS = frozenset({"mode", "stride", "padding", "dilation", "groups"})
conv_stepper = Widget("conv-stepper", frozenset({"input", "kernel"}), OPTIONS, convolution)
shape_calculator = Widget("shape-calculator", frozenset({"network"}), state=network)
receptive_field = Widget("receptive-field", frozenset({"network"}), state=network)
kernel_sandbox = Widget("kernel-sandbox", frozenset({"kernel"}), frozenset({"divide", "show"}), filtering)
digit_lab = Widget("digit-lab")

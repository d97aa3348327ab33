"""Reads the numbers of a widget's fence, so that its `check:` can compare them with the example of the page."""

from types import SimpleNamespace

from scripts.site.widgets import NUMBERS, grid
from tests.runner.fences import WIDGETS, Problem, Scan


def fields(rows: list[str]) -> dict[str, str]:
    """The lines of a fence. What is no `name: value` is for the builder of the site to refuse."""
    return {name: value for name, colon, value in (row.partition(": ") for row in rows) if colon}


def parse(rows: list[str]) -> SimpleNamespace:
    """What an expression sees as `widget`: its grids, as deep as they are written, or its layers as dicts."""
    found = fields(rows)
    seen = {name: found[name] for name in found if name not in NUMBERS}
    if "network" in found:
        shape, _, layers = found["network"].partition(": ")
        return SimpleNamespace(
            **seen, input=[int(n) for n in shape.split("x")], layers=[layer(each) for each in layers.split("; ")]
        )
    return SimpleNamespace(**seen, **{name: nested(found[name]) for name in NUMBERS if name in found})


def nested(text: str) -> list:
    """`1 2 / 3 4` -> rows, `... | ...` -> channels of rows, `... || ...` -> filters of channels."""
    if "||" in text:
        return [[grid(part) for part in one.split("|")] for one in text.split("||")]
    return [grid(part) for part in text.split("|")] if "|" in text else grid(text)


def layer(text: str) -> dict[str, object]:
    kind, *numbers = text.split()
    return {"kind": kind} | {name: int(value) for name, _, value in (each.partition("=") for each in numbers)}


def unbound(scan: Scan) -> list[Problem]:
    """The widgets of a lesson whose numbers nothing ties to the example of the lesson."""
    shown = [(fence.line, fields(fence.body)) for fence in scan.fences if fence.language in WIDGETS]
    message = "nothing ties the numbers of this widget to the page: add a line such as `check: widget.input == x`"
    return [Problem(line, message) for line, found in shown if set(found) & set(NUMBERS) and "check" not in found]

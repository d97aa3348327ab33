"""Checks the shapes in a `layers` diagram by sending a tensor through its layers.

A row that names a layer of torch.nn, `Conv2d(1, 16, 3, padding=1) | 16 x 8 x 8`, is built and run on what the row above
hands on. Any other row, such as `image | 1 x 8 x 8`, states the shape that it hands on.
"""

import difflib
import re


def fault(rows: list[str]) -> str | None:
    """The first shape that is not what the layer makes, in words. Needs torch."""
    import torch

    x = None
    for row in rows:
        name, _, words = (part.strip() for part in row.partition("|"))
        shape = tuple(int(size) for size in re.findall(r"\d+", words))
        kind = name.partition("(")[0]
        if not shape:
            return f"{name} has no shape behind its bar"
        if kind in dir(torch.nn) and x is not None:
            x = run(torch, name, x)
            if tuple(x.shape[1:]) != shape:
                return f"{name} hands on {spell(x.shape[1:])}, not {spell(shape)}"
        elif "(" in name:
            near = difflib.get_close_matches(kind, dir(torch.nn), 1)
            return f"torch.nn has no {kind}" + (f": did you mean {near[0]}?" if near else "")
        else:
            x = torch.zeros(1, *shape)
    return None


def run(torch, name: str, x):
    layer = eval(name if "(" in name else f"{name}()", dict(vars(torch.nn)))
    with torch.no_grad():
        return layer.eval()(x)


def spell(shape: tuple) -> str:
    return " x ".join(map(str, shape))

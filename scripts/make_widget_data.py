"""Write what the widgets show: docs/assets/widgets/photograph.js and digit-weights.js.

The photograph is scikit-image's cat in grey, as the lesson image-filters has it, every second pixel. The weights are
those of the CNN of the lesson first-cnn, trained here with seed 0 in float64, so that every processor ends at the same
ones, and rounded to four decimals; beside them lie digits of the test part, which the CNN has not seen.

Example: python -m scripts.make_widget_data --check
"""

import argparse
import base64
import io
import json
import sys

import numpy as np
import torch
from PIL import Image
from skimage import data

from scripts.get_assets import ROOT
from snippets import first_cnn

FOLDER = ROOT / "docs" / "assets" / "widgets"
PHOTOGRAPH, DIGITS = FOLDER / "photograph.js", FOLDER / "digit-weights.js"
SCALE = 10_000  # weights are written as whole numbers, this many to 1
WRONG = 4  # so many examples that the CNN gets wrong
HEAD = "// Written by scripts/make_widget_data.py. {}\n"


def cat() -> np.ndarray:
    """The cat in grey: (150, 226), whole numbers from 0 to 255."""
    return (data.chelsea().astype(int).sum(axis=2) // 3)[::2, ::2]


def photograph() -> str:
    """The contents of photograph.js. Not a file of its own: a page in a folder could not read its pixels."""
    file = io.BytesIO()
    Image.fromarray(cat().astype(np.uint8)).save(file, "WEBP", lossless=True, quality=100, method=6)
    address = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
    return HEAD.format("Photograph: Stéfan van der Walt, CC0.") + f'"use strict";\n\nconst PHOTOGRAPH = "{address}";\n'


def pixels(text: str) -> np.ndarray:
    """The pixels in a photograph.js."""
    code = text.rpartition("base64,")[2].partition('"')[0]
    return np.array(Image.open(io.BytesIO(base64.b64decode(code))).convert("L"))


def parts() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(images, labels) to train on, to choose on, and to test with; float64."""
    images, labels = first_cnn.load()
    return [(images[i].double(), labels[i]) for i in first_cnn.split(labels)]


def trained() -> torch.nn.Sequential:
    """The CNN, with the weights that the page gets."""
    train, validation, _ = parts()
    model, _ = first_cnn.fit(lambda: first_cnn.cnn().double(), train, validation, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter * SCALE).round() / SCALE)
    return model


@torch.no_grad()
def digits(model: torch.nn.Sequential) -> dict:
    """The weights, how many test images the CNN reads with them, and examples: the first that it reads of each digit,
    then the first that it does not."""
    images, labels = parts()[2]
    right = model(images).argmax(dim=1) == labels
    chosen = [(right & (labels == digit)).nonzero()[0].item() for digit in range(10)]
    chosen += (~right).nonzero().flatten()[:WRONG].tolist()
    examples = [{"label": labels[i].item(), "image": (16 * images[i]).round().int().flatten().tolist()} for i in chosen]
    values = [round(value * SCALE) for parameter in model.parameters() for value in parameter.flatten().tolist()]
    found = {"right": int(right.sum()), "of": len(labels), "examples": examples}
    return found | {"weights": {"scale": SCALE, "values": values}}


def digits_text(found: dict) -> str:
    """The contents of digit-weights.js."""
    lines = ",\n".join(f"  {name}: {json.dumps(value, separators=(',', ':'))}" for name, value in found.items())
    return HEAD.format("What first-cnn learned.") + f'"use strict";\n\nconst DIGITS = {{\n{lines},\n}};\n'


def read_digits() -> dict:
    """What lies in digit-weights.js."""
    lines = DIGITS.read_text(encoding="utf-8").partition("{\n")[2].splitlines()
    pairs = [line.strip().rstrip(",").partition(": ") for line in lines if ": " in line]
    return {name: json.loads(value) for name, _, value in pairs}


def read_weights() -> torch.nn.Sequential:
    """The CNN with the weights of digit-weights.js, float64."""
    weights, model = read_digits()["weights"], first_cnn.cnn().double()
    values = torch.tensor(weights["values"], dtype=torch.float64) / weights["scale"]
    torch.nn.utils.vector_to_parameters(values, model.parameters())
    return model


def problems() -> list[str]:
    """What of the two files is not what would be written. A weight may differ by one in its last decimal."""
    found = []
    try:
        is_cat = np.array_equal(pixels(PHOTOGRAPH.read_text(encoding="utf-8")), cat())
    except (OSError, ValueError):
        is_cat = False
    if not is_cat:
        found.append(f"{PHOTOGRAPH.relative_to(ROOT)}: not the cat of scikit-image")
    new = digits(trained())
    try:
        old = read_digits()
        old_values, new_values = (np.array(each.pop("weights")["values"]) for each in (old, new))
    except (OSError, ValueError, KeyError):
        return [*found, f"{DIGITS.relative_to(ROOT)}: missing or damaged"]
    if old != new or old_values.shape != new_values.shape or np.abs(old_values - new_values).max() > 1:
        found.append(f"{DIGITS.relative_to(ROOT)}: not what the CNN of first-cnn learns")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is another one")
    if parser.parse_args(arguments).check:
        found = problems()
        print("".join(f"{line}. Mend it with: python -m scripts.make_widget_data\n" for line in found), end="")
        return 1 if found else 0
    PHOTOGRAPH.write_text(photograph(), encoding="utf-8")
    DIGITS.write_text(digits_text(digits(trained())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

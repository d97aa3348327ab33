"""What PyTorch makes of handwritten digits with the weights of docs/assets/widgets/digit-weights.js, and of drawings.

The first cases are test images of the lesson first-cnn with the logits, and for a few all feature maps. The others are
random ink with the 8 by 8 image that it becomes: cut out, scaled to 32 by 32, counted in blocks of 4 by 4.
"""

import random

import torch
import torch.nn.functional as F

from scripts.make_widget_data import read_weights
from snippets import first_cnn

STAGES = {"conv1": 2, "pool1": 3, "conv2": 5, "pool2": 6}  # how many layers of the network make it
IMAGES, WITH_MAPS, DRAWINGS = 40, 3, 30


@torch.no_grad()
def image_case(model: torch.nn.Sequential, image: torch.Tensor, with_maps: bool) -> dict:
    """image: (1, 8, 8), from 0 to 1."""
    x = image.double()[None]
    found = {"image": [round(16 * value) for value in image.flatten().tolist()]}
    found["logits"] = [round(value, 6) for value in model(x)[0].tolist()]
    if with_maps:
        maps = {name: model[:depth](x)[0].flatten(1) for name, depth in STAGES.items()}
        found["maps"] = {
            name: [[round(value, 6) for value in each] for each in map_.tolist()] for name, map_ in maps.items()
        }
    return found


def drawing_case(dice: random.Random) -> dict:
    """ink: rows of 0 and 1, as the widget draws them: a few thick lines."""
    height, width = dice.randint(6, 40), dice.randint(6, 40)
    ink = torch.zeros(height, width)
    for _ in range(dice.randint(0, 3)):
        top, left = dice.randrange(height), dice.randrange(width)
        ink[top : top + dice.randint(1, 12), left : left + dice.randint(1, 12)] = 1
    return {"ink": ink.int().tolist(), "image": fit(ink)}


def fit(ink: torch.Tensor) -> list[int]:
    """The 64 counts of a drawing (H, W), row by row."""
    if not ink.any():
        return [0] * 64
    rows, columns = ink.any(dim=1).nonzero().flatten(), ink.any(dim=0).nonzero().flatten()
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = cut.shape
    longer = max(height, width)
    above, before = (longer - height) // 2, (longer - width) // 2
    square = F.pad(cut, (before, longer - width - before, above, longer - height - above))[None, None]
    bitmap = F.interpolate(square, size=(32, 32), mode="nearest-exact")
    return [round(value) for value in (16 * F.avg_pool2d(bitmap, 4)).flatten().tolist()]


def cases() -> list[dict]:
    model = read_weights()
    images, labels = first_cnn.load()
    test = first_cnn.split(labels)[2][:IMAGES].tolist()
    dice = random.Random(5)
    seen = [image_case(model, images[i], place < WITH_MAPS) for place, i in enumerate(test)]
    return [*seen, *(drawing_case(dice) for _ in range(DRAWINGS))]

"""What PyTorch makes of random small images and kernels.

Each case is an image and a state of docs/assets/widgets/filtering.js with the filtered channels, or an error. The
function of the lesson image-filters must give the same, or nothing is written.
"""

import random

import numpy as np
import torch
import torch.nn.functional as F

from snippets.image_filters import correlate

CASES = 40


def filtered(channel: list[list[int]], kernel: list[list[float]], divisor: float) -> list[list[float]]:
    x, weight = (torch.tensor(each, dtype=torch.float64)[None, None] for each in (channel, kernel))
    result = F.conv2d(x, weight)[0, 0] / divisor
    np.testing.assert_allclose(correlate(channel, kernel) / divisor, result, atol=1e-9)
    return [[round(value, 6) + 0.0 for value in row] for row in result.tolist()]


def case(dice: random.Random) -> dict:
    height, width, side = dice.randint(2, 9), dice.randint(2, 9), dice.choice([1, 3, 3, 5, 7])
    whole = dice.random() < 0.5
    weight = (lambda: dice.randint(-9, 9)) if whole else (lambda: round(dice.uniform(-2, 2), 3))
    kernel = [[weight() for _ in range(side)] for _ in range(side)]
    channels = [
        [[dice.randint(0, 255) for _ in range(width)] for _ in range(height)] for _ in range(dice.choice([1, 3]))
    ]
    found = {"channels": channels, "kernel": kernel, "divisor": 1 if whole else dice.choice([1, 2, 9, 16])}
    try:
        return found | {"result": [filtered(channel, kernel, found["divisor"]) for channel in channels]}
    except RuntimeError as problem:
        return found | {"error": str(problem).split("\n")[0]}


def cases() -> list[dict]:
    dice = random.Random(3)
    return [case(dice) for _ in range(CASES)]

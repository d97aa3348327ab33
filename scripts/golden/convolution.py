"""What PyTorch computes for random convolutions.

Each case is a state of docs/assets/widgets/convolution.js with its output, or with the error that PyTorch raises. The
layers that the lessons write from scratch must give the same numbers, or nothing is written.
"""

import random

import torch
import torch.nn.functional as F
from torch import nn

from snippets import convolution_layer, transposed_convolution

CALLS = {"2d": F.conv2d, "1d": F.conv1d, "transposed": F.conv_transpose2d}
LAYERS = {"2d": nn.Conv2d, "1d": nn.Conv1d, "transposed": nn.ConvTranspose2d}
CASES = 60


def random_state(dice: random.Random) -> dict:
    """A state within the limits of the widget; now and then one that has no output."""
    mode = dice.choice(list(CALLS))
    groups = dice.choice([1, 1, 1, 2, 3])
    most = 4 // groups
    channels = {"inChannels": groups * dice.randint(1, most), "outChannels": groups * dice.randint(1, most)}
    if groups > 1 and dice.random() < 0.3:
        channels[dice.choice(list(channels))] -= 1  # which groups do not divide
    sizes = {"height": dice.randint(1, 8), "width": dice.randint(1, 8)}
    sizes |= {"kernelHeight": dice.randint(1, 5), "kernelWidth": dice.randint(1, 5)}
    if mode == "1d":
        sizes |= {"height": 1, "kernelHeight": 1}
    steps = {"stride": dice.randint(1, 4), "padding": dice.randint(0, 3), "dilation": dice.randint(1, 3)}
    state = {"mode": mode, **sizes, **steps, **channels, "groups": groups}
    whole = dice.random() < 0.5

    def values(*shape: int) -> list:
        if not shape:
            return float(dice.randint(-9, 9)) if whole else round(dice.uniform(-3, 3), 3)
        return [values(*shape[1:]) for _ in range(shape[0])]

    first, second = (channels["inChannels"], channels["outChannels"])
    first, second = (first, second) if mode == "transposed" else (second, first)
    state["input"] = values(channels["inChannels"], sizes["height"], sizes["width"])
    state["weight"] = values(first, -(-second // groups), sizes["kernelHeight"], sizes["kernelWidth"])
    return state


def by_pytorch(state: dict) -> list:
    """The output (C, H, W). Raises as PyTorch does: ValueError for the channels of a layer, RuntimeError for sizes."""
    LAYERS[state["mode"]](state["inChannels"], state["outChannels"], 1, groups=state["groups"])
    x, weight = (torch.tensor(state[name], dtype=torch.float64) for name in ("input", "weight"))
    options = {name: state[name] for name in ("stride", "padding", "dilation", "groups")}
    if state["mode"] == "1d":
        return F.conv1d(x[None, :, 0], weight[:, :, 0], **options)[0][:, None].tolist()
    return CALLS[state["mode"]](x[None], weight, **options)[0].tolist()


def by_hand(state: dict) -> list | None:
    """The same by the layers of the lessons; None where they do not go as far."""
    steps = {name: state[name] for name in ("stride", "padding", "dilation")}
    if state["mode"] == "2d":
        bias = [0.0] * state["outChannels"]
        return convolution_layer.conv_layer(state["input"], state["weight"], bias, groups=state["groups"], **steps)
    is_square = state["kernelHeight"] == state["kernelWidth"]
    if state["mode"] == "transposed" and state["groups"] == 1 and is_square:
        x, weight = torch.tensor([state["input"]]), torch.tensor(state["weight"])
        return transposed_convolution.conv_transpose2d(x, weight, **steps)[0].tolist()
    return None


def case(state: dict) -> dict:
    """The state with its output or its error. Raises AssertionError where a lesson's layer disagrees."""
    try:
        output = by_pytorch(state)
    except (RuntimeError, ValueError) as problem:
        return {"state": state, "error": str(problem).split("\n")[0]}
    mine = by_hand(state)
    if mine is not None:
        torch.testing.assert_close(torch.tensor(mine), torch.tensor(output), rtol=1e-5, atol=1e-4)
    # Products of numbers with three decimals have six: rounding to six takes away what differs between processors.
    return {"state": state, "output": [[[round(value, 6) + 0.0 for value in row] for row in rows] for rows in output]}


def cases() -> list[dict]:
    dice = random.Random(7)
    return [case(random_state(dice)) for _ in range(CASES)]

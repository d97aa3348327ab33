"""What PyTorch makes of random stacks of layers.

Each case is a stack as docs/assets/widgets/network.js writes it, with a row [shape, parameters, MACs] for each layer as
the lesson cost-of-a-network counts them, up to the first layer at which PyTorch raises an error. For some units there
are the rows and columns of the pixels whose gradient is not zero: the receptive field, measured.
"""

import random

import torch
from torch import nn

from snippets.cost_of_a_network import cost

CASES = 90
POOL = ("kernel", "stride", "padding")
CONV = ("kernel", "stride", "padding", "dilation", "groups")
ARGUMENTS = {"kernel": "kernel_size", "out": "out_channels", "bias": "bias"}


def random_layer(dice: random.Random) -> dict:
    """One layer with all its numbers, also such as fit nowhere."""
    kind = dice.choices(
        ["conv", "maxpool", "avgpool", "adaptive", "batchnorm", "relu", "dropout", "flatten", "linear"],
        [10, 3, 3, 1, 1, 3, 1, 0.7, 1],
    )[0]
    if kind == "conv":
        sizes = {"kernel": dice.randint(1, 4), "stride": dice.choice([1, 1, 2, 3]), "padding": dice.randint(0, 3)}
        sizes |= {
            "dilation": dice.choice([1, 1, 2, 3]),
            "groups": dice.choice([1, 1, 1, 2]),
            "bias": dice.randint(0, 1),
        }
        return {"kind": kind, "out": dice.choice([1, 2, 2, 4]), **sizes}
    if kind.endswith("pool"):
        kernel = dice.randint(1, 3)
        return {
            "kind": kind,
            "kernel": kernel,
            "stride": dice.randint(1, 3),
            "padding": dice.choice([0, 0, 0, 0, 1, 2]),
        }
    numbers = {
        "adaptive": {"size": dice.randint(1, 4)},
        "linear": {"out": dice.randint(1, 5), "bias": dice.randint(0, 1)},
    }
    return {"kind": kind, **numbers.get(kind, {})}


def module(kind: str, **numbers: int) -> nn.Module:
    """The layer of PyTorch; it learns from its first input how many channels there are."""
    options = {ARGUMENTS.get(name, name): value for name, value in numbers.items()}
    if kind == "conv":
        return nn.LazyConv2d(**options | {"bias": bool(numbers["bias"])})
    if kind == "linear":
        return nn.LazyLinear(numbers["out"], bias=bool(numbers["bias"]))
    if kind == "adaptive":
        return nn.AdaptiveAvgPool2d(numbers["size"])
    plain = {"maxpool": nn.MaxPool2d, "avgpool": nn.AvgPool2d, "batchnorm": nn.LazyBatchNorm2d}
    plain |= {"relu": nn.ReLU, "dropout": nn.Dropout, "flatten": nn.Flatten}
    return plain[kind](**options)


def run(shape: list[int], layers: list[dict]) -> tuple[list, list[nn.Module], str | None]:
    """A row for each layer, the layers, and the error that stopped them."""
    x, rows, modules = torch.ones(1, *shape, dtype=torch.float64), [], []
    for numbers in layers:
        try:
            layer = module(**numbers).double().eval()
            with torch.no_grad():
                y = layer(x)
        except (IndexError, RuntimeError, ValueError) as problem:
            return rows, modules, str(problem).split("\n")[0]
        found = cost("", layer, x, y)
        rows.append([list(y.shape[1:]), found.parameters, found.macs])
        modules.append(layer)
        x = y
    return rows, modules, None


def for_gradients(layer: nn.Module) -> nn.Module:
    """The same geometry with positive weights and averages, so that no gradient is zero by chance."""
    if isinstance(layer, nn.MaxPool2d):
        return nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
    for parameter in layer.parameters():
        parameter.requires_grad_(False).fill_(0.5)
    return layer


def field(shape: list[int], modules: list[nn.Module], unit: list[int]) -> dict:
    """The rows and the columns of the pixels on which a unit depends, over all channels."""
    x = torch.ones(1, *shape, dtype=torch.float64, requires_grad=True)
    y = nn.Sequential(*map(for_gradients, modules))(x)
    y[(0, slice(None), *unit) if y.dim() == 4 else (0, *unit)].sum().backward()
    seen = x.grad[0].sum(dim=0) != 0  # (H, W)
    rows, columns = seen.any(dim=1).nonzero().flatten().tolist(), seen.any(dim=0).nonzero().flatten().tolist()
    assert seen.sum() == len(rows) * len(columns), "the pixels of a unit are rows times columns"
    return {"depth": len(modules), "unit": unit, "rows": rows, "columns": columns}


def case(dice: random.Random) -> dict:
    shape = [dice.randint(1, 4), dice.randint(4, 20), dice.randint(4, 20)]
    layers = [random_layer(dice) for _ in range(dice.randint(1, 7))]
    if dice.random() < 0.3:
        layers += [{"kind": "flatten"}, {"kind": "linear", "out": dice.randint(1, 5), "bias": 1}]
    rows, modules, error = run(shape, layers)
    fields = []
    for _ in range(2 if modules else 0):
        depth = dice.randint(1, len(modules))
        sizes = rows[depth - 1][0]
        unit = [dice.randrange(n) for n in (sizes if len(sizes) == 1 else sizes[1:])]
        fields.append(field(shape, modules[:depth], unit))
    return {"stack": {"input": shape, "layers": layers}, "rows": rows, "error": error, "fields": fields}


def cases() -> list[dict]:
    torch.manual_seed(0)
    dice = random.Random(11)
    return [case(dice) for _ in range(CASES)]

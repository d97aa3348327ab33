"""Counting what a network costs, as the lesson cost-of-a-network shows it.

A MAC is one multiplication with its addition. Only the products of
convolutions and linear layers are counted, as in the papers; torchvision's
metadata count the same MACs and call them GFLOPS.
"""

from math import prod
from typing import NamedTuple

import torch
from torch import nn


# --8<-- [start:cost]
class Cost(NamedTuple):
    """What one call of one layer costs."""

    name: str
    kind: str
    inputs: int  # values that come in
    shape: tuple  # of the output, (N, C, H, W) or (N, features)
    parameters: int
    macs: int

    @property
    def outputs(self):
        """Values that come out."""
        return prod(self.shape)

    @property
    def bytes(self):
        """Bytes moved when every float32 value is read or written once."""
        return 4 * (self.inputs + self.parameters + self.outputs)


def cost(name, layer, x, y):
    """Return the Cost of a layer that made the tensor y from the tensor x."""
    counted = isinstance(layer, (nn.Conv2d, nn.Linear))
    # Each output value uses one filter, or one row of a dense layer.
    macs = y.numel() * layer.weight[0].numel() if counted else 0
    parameters = sum(p.numel() for p in layer.parameters())
    kind, shape = type(layer).__name__, tuple(y.shape)
    return Cost(name, kind, x.numel(), shape, parameters, macs)
# --8<-- [end:cost]


# --8<-- [start:costs]
@torch.no_grad()
def costs(model, x):
    """Return a Cost for each call of a layer while `model` reads x.

    Layers that only hold other layers get no row of their own. Model and x may
    be on the meta device: shapes without values, so nothing is computed.
    """
    names = {}
    for name, layer in model.named_modules():
        if not list(layer.children()):
            names[layer] = name
    rows = []

    def note(layer, inputs, output):
        rows.append(cost(names[layer], layer, inputs[0], output))

    handles = [layer.register_forward_hook(note) for layer in names]
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return rows
# --8<-- [end:costs]


# --8<-- [start:kept_for_backward]
def kept_for_backward(model, x):
    """Return {dtype: bytes} of what autograd keeps while `model` reads x.

    The parameters are left out: they exist anyway. A tensor that two layers
    keep is counted once.
    """
    known = {p.data_ptr() for p in model.parameters()}
    kept = {}

    def pack(tensor):
        if tensor.data_ptr() not in known:
            kept[tensor.data_ptr()] = tensor
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks
    with hooks(pack, lambda tensor: tensor):
        model(x)
    sizes = {}
    for tensor in kept.values():
        sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.nbytes
    return sizes
# --8<-- [end:kept_for_backward]


# --8<-- [start:plain_network]
def plain_network(width=32, depth=4):
    """Return `depth` 3x3 convolutions of `width` channels, each with a ReLU.

    Images (N, 3, H, W) become maps (N, width, H, W).
    """
    layers = []
    for i in range(depth):
        before = width if i else 3
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)
# --8<-- [end:plain_network]

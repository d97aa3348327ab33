"""Receptive fields along one axis, as the lesson receptive-field shows them.

Rows and columns do not mix in the geometry of a convolution or a pooling layer, so one axis is enough. The recurrence
is that of Araujo, Norris and Sim, Distill 2019, doi:10.23915/distill.00021.
"""

from typing import NamedTuple

import torch
from torch import nn


# --8<-- [start:layer]
class Layer(NamedTuple):
    """Geometry of a convolution or a pooling layer along one axis, in positions."""

    kernel: int
    stride: int = 1
    padding: int = 0  # on each side
    dilation: int = 1  # distance between neighbouring weights; 1 means no gaps
# --8<-- [end:layer]


# --8<-- [start:trace_back]
def trace_back(layers, first, last):
    """Return the first and the last pixel behind the outputs `first` to `last`.

    layers: in the order in which the data passes them. A result below 0 lies in padding.
    """
    for layer in reversed(layers):
        first = first * layer.stride - layer.padding
        last = last * layer.stride - layer.padding + layer.dilation * (layer.kernel - 1)
    return first, last
# --8<-- [end:trace_back]


# --8<-- [start:receptive_field]
def receptive_field(layers):
    """Return `(size, jump, start)` of the last layer's fields, in pixels.

    Output i sees the pixels from start + i * jump to start + i * jump + size - 1.
    Raises ValueError for a layer that cannot exist.
    """
    size, jump, start = 1, 1, 0
    for layer in layers:
        if min(layer.kernel, layer.stride, layer.dilation) < 1 or layer.padding < 0:
            raise ValueError(f"no such layer: {layer}")
        size += layer.dilation * (layer.kernel - 1) * jump
        start -= layer.padding * jump
        jump *= layer.stride
    return size, jump, start
# --8<-- [end:receptive_field]


# --8<-- [start:gradient_profile]
def gradient_profile(network, shape, index):
    """Return |d output / d input| for each column of the input: float64, shape (width,).

    network: float64, in evaluation mode. shape: of its input, (N, C, H, W) or (N, C, W).
    index: the place of one number in its output, as many numbers as `shape` has.
    """
    x = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    network(x)[index].backward()
    return x.grad.abs().sum(dim=tuple(range(len(shape) - 1)))


def reached(profile):
    """Return the first and the last column whose gradient is not zero."""
    columns = profile.nonzero().flatten()
    return columns[0].item(), columns[-1].item()
# --8<-- [end:gradient_profile]


# --8<-- [start:for_tracing]
def for_tracing(build, cut):
    """Return `cut(build())` with positive random weights and average pooling, in float64.

    build: makes a torchvision model. cut: takes the part of it that is to be measured.
    """
    with torch.device("meta"):  # shapes without memory: a large classifier costs nothing
        network = cut(build())
    network = network.to_empty(device="cpu").double().eval()
    for parent in list(network.modules()):
        if hasattr(parent, "reset_parameters"):
            parent.reset_parameters()  # random weights; BatchNorm: mean 0, variance 1
        for name, child in parent.named_children():
            if isinstance(child, nn.MaxPool2d):
                window = child.kernel_size, child.stride, child.padding
                setattr(parent, name, nn.AvgPool2d(*window))
    for parameter in network.parameters():
        parameter.requires_grad_(False).abs_()
    return network
# --8<-- [end:for_tracing]


# --8<-- [start:spread]
def spread(profile):
    """Return the standard deviation, in pixels, of a profile of shares along a row."""
    share = torch.as_tensor(profile, dtype=torch.float64)
    share = share / share.sum()
    place = torch.arange(len(share), dtype=torch.float64)
    centre = (share * place).sum()
    return (share * (place - centre) ** 2).sum().sqrt().item()
# --8<-- [end:spread]


# --8<-- [start:random_influence]
def random_influence(depth, channels=8, seed=0):
    """Return |gradient| of one unit behind `depth` random 3x3 layers: (side, side).

    A ReLU follows each layer but the last. The input is as large as the field: side
    2 * depth + 1. Weights in the scale that He et al. give for ReLU; float64.
    """
    torch.manual_seed(seed)
    side = 2 * depth + 1
    x = torch.randn(1, channels, side, side, dtype=torch.float64, requires_grad=True)
    y = x
    for layer in range(depth):
        if layer > 0:
            y = y.relu()
        weight = torch.randn(channels, channels, 3, 3, dtype=torch.float64)
        y = nn.functional.conv2d(y, weight * (2 / (9 * channels)) ** 0.5)
    y[0, 0, 0, 0].backward()
    return x.grad[0].abs().sum(dim=0)
# --8<-- [end:random_influence]


# --8<-- [start:width_holding]
def width_holding(profile, share=0.95):
    """Return how many values in the middle of `profile` hold `share` of its sum, at least."""
    wanted = share * sum(profile)
    margin = 0
    while sum(profile[margin + 1 : len(profile) - margin - 1]) >= wanted:
        margin += 1
    return len(profile) - 2 * margin
# --8<-- [end:width_holding]

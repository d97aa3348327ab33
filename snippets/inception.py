"""The code of the lesson inception: network in network, and GoogLeNet."""

from functools import partial

import torch
from torch import nn

from snippets.vgg import conv_norm_activation


# --8<-- [start:nin]
def mlp_conv(in_channels, channels, kernel):
    """A convolution and two 1x1 layers, each with a ReLU; the size stays."""
    first, second, third = channels
    return nn.Sequential(
        nn.Conv2d(in_channels, first, kernel, padding=kernel // 2), nn.ReLU(),
        nn.Conv2d(first, second, 1), nn.ReLU(),
        nn.Conv2d(second, third, 1), nn.ReLU(),
    )  # fmt: skip


def network_in_network(num_classes=10, in_channels=3, width=32):
    """Logits (N, num_classes) from images (N, in_channels, H, W)."""
    w = width
    return nn.Sequential(
        mlp_conv(in_channels, (6 * w, 5 * w, 3 * w), 5),
        nn.MaxPool2d(3, 2, padding=1), nn.Dropout(0.5),
        mlp_conv(3 * w, (6 * w, 6 * w, 6 * w), 5),
        nn.AvgPool2d(3, 2, padding=1), nn.Dropout(0.5),
        mlp_conv(6 * w, (6 * w, 6 * w, num_classes), 3),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),  # a map for each class
    )  # fmt: skip
# --8<-- [end:nin]


# --8<-- [start:block]
class Inception(nn.Module):
    """Four branches side by side, their maps joined.

    (N, in_channels, H, W) -> (N, one + three[1] + five[1] + pool, H, W).
    three and five: (channels of the 1x1 layer, channels behind it). kernel: of
    the third branch. Source: Szegedy et al.
    """

    def __init__(self, in_channels, one, three, five, pool, kernel=5, layer=None):
        super().__init__()
        layer = layer or conv_norm_activation
        self.one = layer(in_channels, one, 1)
        self.three = nn.Sequential(
            layer(in_channels, three[0], 1), layer(*three, 3)
        )
        self.five = nn.Sequential(
            layer(in_channels, five[0], 1), layer(*five, kernel)
        )
        self.pool = nn.Sequential(
            nn.MaxPool2d(3, 1, padding=1), layer(in_channels, pool, 1)
        )

    def forward(self, x):
        branches = (self.one, self.three, self.five, self.pool)
        return torch.cat([branch(x) for branch in branches], dim=1)
# --8<-- [end:block]


# --8<-- [start:googlenet]
BLOCKS = {  # name: 1x1, (reduce, 3x3), (reduce, 5x5), behind the pooling
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}


def googlenet(num_classes=1000, kernel=5, norm=True):
    """Logits (N, num_classes) from images (N, 3, H, W).

    kernel: 5 as in the paper, 3 as in torchvision, which also has `norm`.
    """
    norm_layer = partial(nn.BatchNorm2d, eps=0.001) if norm else None
    layer = partial(conv_norm_activation, norm=norm_layer)
    pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
    rows = {"1": layer(3, 64, 7, 2), "pool1": pool()}
    rows |= {"2": layer(64, 64, 1), "3": layer(64, 192, 3), "pool2": pool()}
    before = 192
    for name, (one, three, five, last) in BLOCKS.items():
        rows[name] = Inception(before, one, three, five, last, kernel, layer)
        before = one + three[1] + five[1] + last
        if name == "3b":
            rows["pool3"] = pool()
        if name == "4e":
            rows["pool4"] = nn.MaxPool2d(2, 2, ceil_mode=True)
    net = nn.Sequential()
    for name, module in rows.items():
        net.add_module(name, module)
    for module in (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)):
        net.append(module)
    net.add_module("fc", nn.Linear(before, num_classes))
    return net
# --8<-- [end:googlenet]


# --8<-- [start:names]
BRANCHES = {"branch1": "one", "branch2": "three", "branch3": "five"}


def our_name(name):
    """Return our name of a parameter of torchvision's GoogLeNet."""
    part, *rest = name.split(".")  # inception3a.branch2.1.bn.weight
    if part.startswith("inception"):
        branch, *rest = rest
        branch = BRANCHES.get(branch, "pool")
        part = f"{part.removeprefix('inception')}.{branch}"
    name = ".".join([part.removeprefix("conv"), *rest])
    return name.replace(".conv.", ".0.").replace(".bn.", ".1.")
# --8<-- [end:names]


# --8<-- [start:auxiliary]
class Auxiliary(nn.Module):
    """A second classifier in the middle: logits from maps (N, C, 14, 14)."""

    def __init__(self, in_channels, num_classes=1000):
        super().__init__()
        self.head = nn.Sequential(
            nn.AvgPool2d(5, 3),  # (N, C, 4, 4)
            conv_norm_activation(in_channels, 128, 1, norm=None),
            nn.Flatten(),
            nn.Linear(128 * 16, 1024), nn.ReLU(), nn.Dropout(0.7),
            nn.Linear(1024, num_classes),
        )  # fmt: skip

    def forward(self, x):
        return self.head(x)
# --8<-- [end:auxiliary]


# --8<-- [start:small]
def small_inception(width=4):
    """Logits (N, 10) from grey images: two blocks of branches."""
    w = width
    return nn.Sequential(
        conv_norm_activation(1, 4 * w),
        Inception(4 * w, 2 * w, (2 * w, 4 * w), (w, w), w),
        Inception(8 * w, 2 * w, (2 * w, 4 * w), (w, w), w),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * w, 10),
    )  # fmt: skip


def large_kernels(width=4):
    """The same with a dense 5x5 layer in the place of each block."""
    w = width
    return nn.Sequential(
        conv_norm_activation(1, 4 * w),
        conv_norm_activation(4 * w, 8 * w, 5),
        conv_norm_activation(8 * w, 8 * w, 5),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * w, 10),
    )  # fmt: skip


def small_nin(width=8):
    """Network in network, narrow; weights drawn for ReLU, as it has no norm."""
    net = network_in_network(in_channels=1, width=width)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return net
# --8<-- [end:small]

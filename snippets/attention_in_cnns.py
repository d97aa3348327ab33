"""The code of the lesson attention-in-cnns; squeeze-and-excitation is shared with the lesson efficientnet."""

import math

import torch
from torch import nn

from snippets.resnet import resnet


# --8<-- [start:squeeze_excitation]
class SqueezeExcitation(nn.Module):
    """Scale each channel by a number between 0 and 1 that all channels decide.

    (N, channels, H, W) -> the same shape. Two 1x1 convolutions on the means of
    the maps, with `squeezed` channels between them. Source: Hu et al.
    """

    def __init__(self, channels, squeezed, activation=nn.ReLU, bias=True):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),  # squeeze: (N, channels, 1, 1)
            nn.Conv2d(channels, squeezed, 1, bias=bias),
            activation(),
            nn.Conv2d(squeezed, channels, 1, bias=bias),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.gate(x)  # excitation
# --8<-- [end:squeeze_excitation]


# --8<-- [start:se_resnet]
def se_resnet(depth=50, num_classes=1000, reduction=16, bias=True):
    """A ResNet with squeeze-and-excitation at the end of each body."""

    def gate(channels):
        return SqueezeExcitation(channels, channels // reduction, bias=bias)

    return resnet(depth, num_classes, gate=gate)
# --8<-- [end:se_resnet]


# --8<-- [start:eca]
class ECA(nn.Module):
    """Scale each channel by what its neighbours among the channels say.

    (N, channels, H, W) -> the same shape. One 1-D convolution over the means of
    the maps, without a bias. Source: Wang et al.
    """

    def __init__(self, channels):
        super().__init__()
        nearest = int((math.log2(channels) + 1) / 2)
        kernel = nearest if nearest % 2 else nearest + 1  # odd
        self.conv = nn.Conv1d(
            1, 1, kernel, padding=kernel // 2, bias=False
        )

    def forward(self, x):
        means = x.mean(dim=(2, 3)).unsqueeze(1)  # (N, 1, channels)
        gate = self.conv(means).sigmoid()
        return x * gate.transpose(1, 2).unsqueeze(3)  # (N, channels, 1, 1)
# --8<-- [end:eca]


# --8<-- [start:cbam]
class CBAM(nn.Module):
    """Scale each channel, then each pixel: two gates, one after the other.

    (N, channels, H, W) -> the same shape. Source: Woo et al.
    """

    def __init__(self, channels, squeezed, kernel=7):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1),
            nn.ReLU(),
            nn.Conv2d(squeezed, channels, 1),
        )
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2)

    def forward(self, x):
        means, largest = x.mean((2, 3), True), x.amax((2, 3), True)
        x = x * (self.mlp(means) + self.mlp(largest)).sigmoid()
        pixels = [x.mean(1, True), x.amax(1, True)]  # each (N, 1, H, W)
        return x * self.conv(torch.cat(pixels, dim=1)).sigmoid()
# --8<-- [end:cbam]

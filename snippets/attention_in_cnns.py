"""The code of the lesson attention-in-cnns; squeeze-and-excitation is shared with the lesson efficientnet."""

import math

import torch
from torch import nn

from snippets.first_cnn import evaluate, load, split, train_one_epoch
from snippets.resnet import Residual, basic_body, projection, resnet
from snippets.vgg import conv_norm_activation


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


# --8<-- [start:small]
GATES = {  # each makes a layer from its number of channels
    "none": lambda channels: nn.Identity(),
    "SE": lambda channels: SqueezeExcitation(channels, channels // 4),
    "ECA": lambda channels: ECA(channels),
    "CBAM": lambda channels: CBAM(channels, channels // 4, kernel=3),
}


def small_network(gate, width=16):
    """Logits (N, 10) from grey images: two residual blocks, each gated."""
    rows, before = [conv_norm_activation(1, width)], width
    for channels, stride in ((width, 1), (2 * width, 2)):
        body = basic_body(before, channels, stride)
        body.append(gate(channels))
        shortcut = projection(before, channels, stride)
        rows.append(Residual(body, shortcut, nn.ReLU()))
        before = channels
    rows += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*rows, nn.Linear(before, 10))
# --8<-- [end:small]


# --8<-- [start:lamp]
def with_lamp(images, labels, seed=0):
    """Return images (N, 1, 8, 26) and labels (N,): the lamp decides how to read.

    The digit stands at the left end. At the right end a square is lit in half
    of the images; there a digit d has the label 9 - d.
    """
    lit = torch.rand(len(images), generator=torch.Generator().manual_seed(seed))
    lit = lit < 0.5
    scenes = torch.zeros(len(images), 1, 8, 26)
    scenes[:, :, :, :8] = images
    scenes[lit, :, 2:6, 20:24] = 1
    return scenes, torch.where(lit, 9 - labels, labels)


def fit(model, scenes, labels, epochs=25):
    """Train with AdamW, in batches of 50."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(epochs):
        train_one_epoch(model, optimizer, scenes, labels)
    return model
# --8<-- [end:lamp]


def record(seeds=range(3), epochs=40):
    """Return the test accuracies that the lesson's figure shows, JSON-ready: {gate: {"seeds", "test"}}."""
    images, labels = load()
    train, _, test = split(labels)
    scenes, classes = with_lamp(images, labels)
    results = {}
    for name, gate in GATES.items():
        right = []
        for seed in seeds:
            torch.manual_seed(seed)
            model = fit(small_network(gate, width=12), scenes[train], classes[train], epochs)
            right.append(evaluate(model, scenes[test], classes[test])[1])
        results[name] = {"seeds": list(seeds), "test": right}
        print(name, right, flush=True)
    return results

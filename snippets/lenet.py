"""The code of the lesson lenet: LeNet-5 as it was published in 1998, and as it is coded today."""

import torch
import torch.nn.functional as F
from torch import nn


# --8<-- [start:squash]
class Squash(nn.Module):
    """1.7159 tanh(2 x / 3), so that 1 stays 1 and -1 stays -1."""

    def forward(self, x):
        return 1.7159 * torch.tanh(2 * x / 3)
# --8<-- [end:squash]


# --8<-- [start:subsampling]
class Subsampling(nn.Module):
    """Sum of each 2x2 window, times a weight, plus a bias: one pair per map.

    (N, channels, H, W) -> (N, channels, H / 2, W / 2). LeCun et al., 1998.
    """

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        sums = 4 * F.avg_pool2d(x, 2)
        return self.weight * sums + self.bias
# --8<-- [end:subsampling]


# --8<-- [start:sparse]
def connections():
    """Return, for each of the 16 maps of C3, the maps of S2 that it reads."""
    three = [[(i + j) % 6 for j in range(3)] for i in range(6)]
    four = [[(i + j) % 6 for j in range(4)] for i in range(6)]
    apart = [[i, i + 1, (i + 3) % 6, (i + 4) % 6] for i in range(3)]
    return [sorted(maps) for maps in [*three, *four, *apart, range(6)]]


class SparseConv2d(nn.Module):
    """A convolution whose output maps read different sets of input maps.

    (N, C, H, W) -> (N, len(table), H - 4, W - 4), with 5x5 kernels.
    """

    def __init__(self, table):
        super().__init__()
        self.table = table
        self.maps = nn.ModuleList(nn.Conv2d(len(row), 1, 5) for row in table)

    def forward(self, x):
        pairs = zip(self.maps, self.table, strict=True)
        return torch.cat([conv(x[:, row]) for conv, row in pairs], dim=1)
# --8<-- [end:sparse]


# --8<-- [start:prototypes]
SEGMENTS = ["abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgecd", "abc",
            "abcdefg", "abcdfg"]  # fmt: skip
BARS = {  # rows and columns of each bar of a seven-segment display
    "a": (slice(0, 2), slice(0, 7)), "d": (slice(10, 12), slice(0, 7)),
    "g": (slice(5, 7), slice(0, 7)), "f": (slice(0, 7), slice(0, 2)),
    "e": (slice(5, 12), slice(0, 2)), "b": (slice(0, 7), slice(5, 7)),
    "c": (slice(5, 12), slice(5, 7)),
}  # fmt: skip


def bitmaps():
    """Return a picture (10, 12, 7) of each digit: 1 is ink, -1 is paper."""
    pictures = -torch.ones(10, 12, 7)
    for picture, bars in zip(pictures, SEGMENTS, strict=True):
        for bar in bars:
            picture[BARS[bar]] = 1
    return pictures


class Prototypes(nn.Module):
    """Squared distances (N, 10) of F6's values (N, 84) to fixed pictures."""

    def __init__(self):
        super().__init__()
        self.register_buffer("pictures", bitmaps().flatten(1))

    def forward(self, x):
        return ((x.unsqueeze(1) - self.pictures) ** 2).sum(dim=2)
# --8<-- [end:prototypes]


# --8<-- [start:lenet5]
class LeNet5(nn.Module):
    """Distances (N, 10) from images (N, 1, 32, 32); the smallest one wins.

    60,000 trainable parameters. Source: LeCun et al., 1998, section II.B.
    """

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)  # (N, 6, 28, 28)
        self.s2 = Subsampling(6)  # (N, 6, 14, 14)
        self.c3 = SparseConv2d(connections())  # (N, 16, 10, 10)
        self.s4 = Subsampling(16)  # (N, 16, 5, 5)
        self.c5 = nn.Conv2d(16, 120, 5)  # (N, 120, 1, 1)
        self.f6 = nn.Linear(120, 84)
        self.squash = Squash()
        self.output = Prototypes()

    def forward(self, x):
        x = self.squash(self.s2(self.c1(x)))
        x = self.squash(self.s4(self.c3(x)))
        x = self.squash(self.c5(x)).flatten(1)
        return self.output(self.squash(self.f6(x)))
# --8<-- [end:lenet5]


# --8<-- [start:start]
def start_small(model):
    """Draw all weights from -2.4 / F to 2.4 / F, F the inputs of a unit."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            bound = 2.4 / layer.weight[0].numel()
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)
    return model
# --8<-- [end:start]


# --8<-- [start:today]
def lenet_today():
    """Logits (N, 10) from images (N, 1, 28, 28): 61,706 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),  # (N, 6, 28, 28)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 6, 14, 14)
        nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 5, 5)
        nn.Flatten(),  # (N, 400)
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
# --8<-- [end:today]


# --8<-- [start:train]
def train(model, images, labels, sign, lr=0.002, epochs=6):
    """Minimise the cross-entropy of `sign` times the outputs, with Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(25):
            loss = F.cross_entropy(sign * model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@torch.no_grad()
def accuracy(model, images, labels, sign):
    """Return in how many percent of the images the true class wins."""
    model.eval()
    best = (sign * model(images)).argmax(dim=1)
    return 100 * (best == labels).double().mean().item()
# --8<-- [end:train]

"""The code of the lesson alexnet: two towers of 2012, and torchvision's single one."""

import torch
import torch.nn.functional as F
from torch import nn


# --8<-- [start:lrn]
def local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=2.0):
    """Divide each value by what its neighbours among the channels sum up to.

    (N, C, H, W) -> the same shape. Source: Krizhevsky et al.
    """
    squares = F.pad(x.square(), (0, 0, 0, 0, size // 2, size // 2))
    windows = squares.unfold(1, size, 1)  # (N, C, H, W, size)
    return x / (k + alpha * windows.sum(dim=-1)) ** beta
# --8<-- [end:lrn]


# --8<-- [start:alexnet_2012]
def conv_relu(in_channels, out_channels, kernel, stride=1, padding=0, groups=1):
    """A convolution and a ReLU; two groups are the two graphics cards."""
    return [
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups),
        nn.ReLU(),
    ]


def alexnet_2012(num_classes=1000, groups=2, norm=True):
    """Logits (N, num_classes) from images of 227 by 227 pixels."""
    lrn = [nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)] * norm
    return nn.Sequential(
        *conv_relu(3, 96, 11, stride=4), *lrn, nn.MaxPool2d(3, 2),
        *conv_relu(96, 256, 5, padding=2, groups=groups), *lrn,
        nn.MaxPool2d(3, 2),
        *conv_relu(256, 384, 3, padding=1),
        *conv_relu(384, 384, 3, padding=1, groups=groups),
        *conv_relu(384, 256, 3, padding=1, groups=groups),
        nn.MaxPool2d(3, 2),  # (N, 256, 6, 6)
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(256 * 36, 4096), nn.ReLU(),
        nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip
# --8<-- [end:alexnet_2012]


# --8<-- [start:towers]
class Towers(nn.Module):
    """Convolutions 2 to 5 of AlexNet as two streams that meet once.

    (N, 96, H, W) -> (N, 256, h, w). Each stream has half of the channels, and
    convolution 3 alone reads both. Built from the layers of `alexnet_2012`.
    """

    def __init__(self, convs):
        super().__init__()
        two, three, four, five = convs
        self.two, self.four, self.five = map(halves, (two, four, five))
        self.three = nn.ModuleList([rows(three, 0), rows(three, 1)])
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x):
        pair = x.chunk(2, dim=1)  # one half of the channels for each card
        pair = [self.pool(h) for h in each(self.two, pair)]
        both = torch.cat(pair, dim=1)  # the cards exchange their maps
        pair = each(self.three, [both, both])
        pair = each(self.five, each(self.four, pair))
        return self.pool(torch.cat(pair, dim=1))


def each(convs, pair):
    """Return what each stream's convolution and ReLU make of its own maps."""
    return [conv(h).relu() for conv, h in zip(convs, pair, strict=True)]


def rows(conv, half):
    """Return a dense convolution for one half of the output channels."""
    weight, bias = conv.weight.chunk(2)[half], conv.bias.chunk(2)[half]
    out_channels, in_channels, kernel, _ = weight.shape
    part = nn.Conv2d(in_channels, out_channels, kernel, padding=conv.padding)
    part.load_state_dict({"weight": weight, "bias": bias})
    return part


def halves(conv):
    """Return the two groups of a convolution as two convolutions."""
    return nn.ModuleList([rows(conv, 0), rows(conv, 1)])
# --8<-- [end:towers]


# --8<-- [start:alexnet]
def alexnet(
    num_classes=1000, in_channels=3, width=64, hidden=4096, dropout=0.5
):
    """torchvision's AlexNet: logits from images (N, in_channels, 224, 224)."""
    w = width
    return nn.Sequential(
        *conv_relu(in_channels, w, 11, stride=4, padding=2), nn.MaxPool2d(3, 2),
        *conv_relu(w, 3 * w, 5, padding=2), nn.MaxPool2d(3, 2),
        *conv_relu(3 * w, 6 * w, 3, padding=1),
        *conv_relu(6 * w, 4 * w, 3, padding=1),
        *conv_relu(4 * w, 4 * w, 3, padding=1), nn.MaxPool2d(3, 2),
        nn.AdaptiveAvgPool2d(6), nn.Flatten(),
        nn.Dropout(dropout), nn.Linear(4 * w * 36, hidden), nn.ReLU(),
        nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Linear(hidden, num_classes),
    )  # fmt: skip


def our_name(name):
    """Return our name of a parameter of torchvision's AlexNet."""
    part, place, kind = name.split(".")  # classifier.1.weight
    start = {"features": 0, "classifier": 15}[part]
    return f"{start + int(place)}.{kind}"
# --8<-- [end:alexnet]


# --8<-- [start:colours]
def colour_axes(image):
    """Return (directions (3, 3) in columns, spreads (3,)) of a photo's colours.

    image: (H, W, 3), from 0 to 1. The directions are the eigenvectors of the
    covariance of red, green and blue, the spreads the roots of its eigenvalues.
    """
    values, vectors = torch.linalg.eigh(torch.cov(image.reshape(-1, 3).T))
    vectors = vectors * vectors.sum(dim=0).sign()  # towards white, not black
    return vectors, values.clamp(min=0).sqrt()


def shift_colours(image, draw):
    """Add `draw` (3,) times each direction and its variance, as in the paper."""
    vectors, spreads = colour_axes(image)
    return (image + vectors @ (draw * spreads**2)).clamp(0, 1)
# --8<-- [end:colours]


# --8<-- [start:top]
def top_error(logits, labels, k):
    """Return in how many percent of the rows the label is not in the top k."""
    above = (logits > logits.gather(1, labels[:, None])).sum(dim=1)  # (N,)
    return 100 * (above >= k).double().mean().item()
# --8<-- [end:top]


# --8<-- [start:small]
def small_alexnet(activation):
    """Four convolutions, overlapping pooling; grey images of 32 by 32 pixels."""
    rows, before = [], 1
    for channels, pool in ((16, True), (32, True), (48, False), (32, True)):
        rows += [nn.Conv2d(before, channels, 3, padding=1), activation()]
        rows += [nn.MaxPool2d(3, 2)] * pool
        before = channels
    rows += [nn.Flatten(), nn.Linear(32 * 9, 64)]
    return nn.Sequential(*rows, activation(), nn.Linear(64, 10))


def start(model, name):
    """Draw weights that keep the size of the values: "relu" or "tanh"."""
    gain = nn.init.calculate_gain(name)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=gain / fan_in**0.5)
            nn.init.zeros_(layer.bias)
    return model


def fit(model, images, labels, lr=0.01, epochs=4):
    """Train with SGD; return the mean training loss of each epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(images)).split(25):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
# --8<-- [end:small]

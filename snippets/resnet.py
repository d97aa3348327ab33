"""The code of the lesson resnet, and the residual block that later lessons share."""

import torch
import torch.nn.functional as F
from torch import nn

from snippets.first_cnn import load, split, train_one_epoch
from snippets.vgg import conv_norm_activation


# --8<-- [start:residual]
class Residual(nn.Module):
    """A residual block: y = after(shortcut(x) + body(x)).

    `shortcut` is the identity unless it must change the shape; `after` is the
    activation behind the sum, or nothing. Source: He et al.
    """

    def __init__(self, body, shortcut=None, after=None):
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut
        self.after = nn.Identity() if after is None else after

    def forward(self, x):
        return self.after(self.shortcut(x) + self.body(x))
# --8<-- [end:residual]


# --8<-- [start:bodies]
def basic_body(in_channels, channels, stride=1):
    """Two 3x3 layers, (N, in_channels, H, W) -> (N, channels, H / stride, ...)."""
    return nn.Sequential(
        conv_norm_activation(in_channels, channels, 3, stride),
        conv_norm_activation(channels, channels, 3, activation=None),
    )


def bottleneck_body(in_channels, channels, stride=1, version="1.5"):
    """Narrow, convolve, widen to 4 * channels; version 1 strides in the first."""
    first, second = (stride, 1) if version == "1" else (1, stride)
    return nn.Sequential(
        conv_norm_activation(in_channels, channels, 1, first),
        conv_norm_activation(channels, channels, 3, second),
        conv_norm_activation(channels, 4 * channels, 1, activation=None),
    )


def projection(in_channels, out_channels, stride=1):
    """The shortcut where the shape changes: a 1x1 convolution; else None."""
    if stride == 1 and in_channels == out_channels:
        return None
    return conv_norm_activation(
        in_channels, out_channels, 1, stride, activation=None
    )
# --8<-- [end:bodies]


# --8<-- [start:resnet]
DEPTHS = {  # depth: blocks in the four stages, and layers in each block
    18: ([2, 2, 2, 2], 2),
    34: ([3, 4, 6, 3], 2),
    50: ([3, 4, 6, 3], 3),
    101: ([3, 4, 23, 3], 3),
    152: ([3, 8, 36, 3], 3),
}


def block(in_channels, channels, stride, layers, version, gate):
    """Return one residual block: its body, perhaps a gate, its shortcut."""
    if layers == 3:
        body = bottleneck_body(in_channels, channels, stride, version)
        channels = 4 * channels
    else:
        body = basic_body(in_channels, channels, stride)
    if gate is not None:
        body.append(gate(channels))
    shortcut = projection(in_channels, channels, stride)
    return Residual(body, shortcut, nn.ReLU())


def resnet(depth, num_classes=1000, version="1.5", gate=None):
    """Logits (N, num_classes) from images (N, 3, H, W).

    depth: one of DEPTHS. version: "1" or "1.5", of the bottlenecks.
    gate: makes a layer for the end of each body from its channels, or None.
    """
    numbers, layers = DEPTHS[depth]
    stages, before = [], 64
    for i, number in enumerate(numbers):
        channels, stride, stage = 64 * 2**i, 1 if i == 0 else 2, []
        for _ in range(number):  # only the first block of a stage has a stride
            stage.append(block(before, channels, stride, layers, version, gate))
            before, stride = channels * (4 if layers == 3 else 1), 1
        stages.append(nn.Sequential(*stage))
    return nn.Sequential(
        conv_norm_activation(3, 64, 7, stride=2),  # (N, 64, H / 2, W / 2)
        nn.MaxPool2d(3, stride=2, padding=1),  # (N, 64, H / 4, W / 4)
        *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(before, num_classes),
    )  # fmt: skip
# --8<-- [end:resnet]


# --8<-- [start:names]
def our_name(name):
    """Return our name of a parameter or buffer of torchvision's ResNets."""
    part, *rest = name.split(".")
    if part in ("conv1", "bn1"):  # the stem
        return ".".join(["0", "0" if part == "conv1" else "1", *rest])
    if part == "fc":
        return ".".join(["8", *rest])
    block, layer, *rest = rest  # layer1.0.conv2.weight
    start = f"{int(part[-1]) + 1}.{block}."  # our stages have the places 2 to 5
    if layer == "downsample":
        return start + ".".join(["shortcut", *rest])
    kind, number = layer[:-1], int(layer[-1]) - 1  # conv2 -> conv, 1
    return start + ".".join(
        ["body", str(number), "0" if kind == "conv" else "1", *rest]
    )
# --8<-- [end:names]


# --8<-- [start:cifar]
class Padded(nn.Module):
    """Shortcut A: every `stride`-th pixel, and zeros for the new channels."""

    def __init__(self, new_channels, stride):
        super().__init__()
        self.new_channels, self.stride = new_channels, stride

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))


def cifar_shortcut(option, before, channels, stride):
    """Return the shortcut of a block: A pads with zeros, B projects."""
    if stride == 1 or option == "B":
        return projection(before, channels, stride)
    return Padded(channels - before, stride)


def cifar_resnet(depth=20, option="A", num_classes=10, in_channels=3, width=16):
    """Logits from images (N, in_channels, H, W): 6n + 2 layers, three stages.

    option: "A", "B", or "plain" for the same layers without any shortcut.
    Source: He et al.
    """
    n, before = (depth - 2) // 6, width
    rows = [conv_norm_activation(in_channels, width)]
    for i in range(3 * n):
        channels = width * 2 ** (i // n)
        stride = 1 if channels == before else 2
        body = basic_body(before, channels, stride)
        if option == "plain":
            rows += [body, nn.ReLU()]
        else:
            shortcut = cifar_shortcut(option, before, channels, stride)
            rows.append(Residual(body, shortcut, nn.ReLU()))
        before = channels
    rows += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*rows, nn.Linear(before, num_classes))
# --8<-- [end:cifar]


# --8<-- [start:pre_activation]
def norm_activation_conv(in_channels, out_channels, stride=1):
    """The layer of version 2: normalise and activate first, then convolve."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
    )


def cifar_resnet_v2(depth=20, num_classes=10, in_channels=3, width=16):
    """The same network with pre-activation: nothing but sums on the shortcut."""
    n, before = (depth - 2) // 6, width
    rows = [nn.Conv2d(in_channels, width, 3, padding=1, bias=False)]
    for i in range(3 * n):
        channels = width * 2 ** (i // n)
        stride = 1 if channels == before else 2
        body = nn.Sequential(
            norm_activation_conv(before, channels, stride),
            norm_activation_conv(channels, channels),
        )
        shortcut = cifar_shortcut("A", before, channels, stride)
        rows.append(Residual(body, shortcut))
        before = channels
    rows += [nn.BatchNorm2d(before), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*rows, nn.Flatten(), nn.Linear(before, num_classes))
# --8<-- [end:pre_activation]


# --8<-- [start:fit]
def fit(model, images, labels, lr=0.02, epochs=4):
    """Train with SGD; return the training loss after each epoch.

    The loss is computed with the statistics of the whole set of images, as
    batch normalisation does in training, so that no running mean lags behind.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for _ in range(epochs):
        train_one_epoch(model, optimizer, images, labels)
        model.train()
        with torch.no_grad():
            losses.append(F.cross_entropy(model(images), labels).item())
    return losses
# --8<-- [end:fit]


def record(seeds=range(5), depths=(8, 20, 32)):
    """Return the losses that the lesson's figure shows, JSON-ready: {"plain, 8": {"seeds", "loss"}, ...}."""
    images, labels = load()
    train = split(labels)[0]
    results = {}
    for depth in depths:
        for kind in ("plain", "A"):
            runs = []
            for seed in seeds:
                torch.manual_seed(seed)
                model = cifar_resnet(depth, kind, in_channels=1, width=8)
                runs.append(fit(model, images[train], labels[train]))
            results[f"{kind}, {depth}"] = {"seeds": list(seeds), "loss": runs}
            print(kind, depth, runs, flush=True)
    return results

"""The code of the lesson efficientnet: cheap convolutions, and compound scaling."""

import math
from functools import partial

from torch import nn

from snippets.attention_in_cnns import SqueezeExcitation
from snippets.resnet import Residual
from snippets.vgg import conv_norm_activation


# --8<-- [start:separable]
def depthwise_separable(in_channels, out_channels, kernel=3, stride=1):
    """A kernel for each channel by itself, then a 1x1 convolution: no bias."""
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(
            in_channels, in_channels, kernel, stride,
            padding, groups=in_channels, bias=False,
        ),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
    )
# --8<-- [end:separable]


# --8<-- [start:inverted_residual]
def inverted_residual(
    in_channels, out_channels, kernel, stride, expand,
    activation=nn.SiLU, gate=True,
):
    """Widen, convolve each channel by itself, weigh, narrow: MBConv.

    (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride). The
    last layer has no activation. Sandler et al.; the gate: Tan and Le.
    """
    wide = in_channels * expand
    layer = partial(conv_norm_activation, activation=activation)
    body = [layer(in_channels, wide, 1)] if expand > 1 else []
    body.append(layer(wide, wide, kernel, stride, groups=wide))
    if gate:
        squeezed = max(1, in_channels // 4)
        body.append(SqueezeExcitation(wide, squeezed, activation))
    body.append(conv_norm_activation(wide, out_channels, 1, activation=None))
    body = nn.Sequential(*body)
    if stride == 1 and in_channels == out_channels:
        return Residual(body)
    return body
# --8<-- [end:inverted_residual]


# --8<-- [start:mobilenet]
MOBILENET_V2 = [  # expand, kernel, stride, out_channels, blocks
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 3, 2, 32, 3), (6, 3, 2, 64, 4),
    (6, 3, 1, 96, 3), (6, 3, 2, 160, 3), (6, 3, 1, 320, 1),
]  # fmt: skip


def blocks(stages, in_channels, **options):
    """Return the inverted residuals of all stages, in one list."""
    rows = []
    for expand, kernel, stride, out_channels, number in stages:
        for i in range(number):
            step = stride if i == 0 else 1
            rows.append(
                inverted_residual(
                    in_channels, out_channels, kernel, step, expand, **options
                )
            )
            in_channels = out_channels
    return rows


def mobilenet_v2(num_classes=1000):
    """Logits (N, num_classes) from images (N, 3, H, W)."""
    options = {"activation": nn.ReLU6, "gate": False}
    return nn.Sequential(
        conv_norm_activation(3, 32, 3, 2, activation=nn.ReLU6),
        *blocks(MOBILENET_V2, 32, **options),
        conv_norm_activation(320, 1280, 1, activation=nn.ReLU6),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(1280, num_classes),
    )  # fmt: skip
# --8<-- [end:mobilenet]


# --8<-- [start:scaling]
B0 = [  # expand, kernel, stride, out_channels, blocks
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
]  # fmt: skip
SCALES = [  # width, depth, size of the image, dropout; B0 to B7
    (1.0, 1.0, 224, 0.2), (1.0, 1.1, 240, 0.2), (1.1, 1.2, 260, 0.3),
    (1.2, 1.4, 300, 0.3), (1.4, 1.8, 380, 0.4), (1.6, 2.2, 456, 0.4),
    (1.8, 2.6, 528, 0.5), (2.0, 3.1, 600, 0.5),
]  # fmt: skip


def rounded(channels, width):
    """Return width * channels as a multiple of 8, and hardly less."""
    wanted = channels * width
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * wanted else nearest


def scaled(width, depth):
    """Return the stages of B0, wider and deeper."""
    return [
        (e, k, s, rounded(out, width), math.ceil(depth * number))
        for e, k, s, out, number in B0
    ]
# --8<-- [end:scaling]


# --8<-- [start:efficientnet]
def efficientnet(version=0, num_classes=1000):
    """Logits (N, num_classes) from images (N, 3, H, W); version 0 to 7."""
    width, depth, _, dropout = SCALES[version]
    stages = scaled(width, depth)
    stem, last = rounded(32, width), stages[-1][3]
    layer = partial(conv_norm_activation, activation=nn.SiLU)
    return nn.Sequential(
        layer(3, stem, 3, 2),
        *blocks(stages, stem),
        layer(last, 4 * last, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout),
        nn.Linear(4 * last, num_classes),
    )  # fmt: skip
# --8<-- [end:efficientnet]


# --8<-- [start:names]
def our_starts(stages):
    """Return {start of torchvision's names: start of ours} for these stages."""
    starts, place = {"features.0.": "0."}, 1
    for s, (*_, number) in enumerate(stages, start=1):
        for i in range(number):
            residual = "body." if i > 0 else ""  # the first block has none
            starts[f"features.{s}.{i}.block."] = f"{place}.{residual}"
            place += 1
    starts[f"features.{len(stages) + 1}."] = f"{place}."
    return starts | {"classifier.1.": f"{place + 4}."}


def our_name(name, starts):
    """Return our name of a parameter of torchvision's EfficientNet."""
    start = next(s for s in starts if name.startswith(s))
    name = name.replace("fc1.", "gate.1.").replace("fc2.", "gate.3.")
    return starts[start] + name.removeprefix(start)
# --8<-- [end:names]


# --8<-- [start:small]
def small_network(layer, width=16):
    """Logits (N, 10) from grey images; `layer` makes the inner convolutions."""

    def step(in_channels, out_channels, stride):
        return nn.Sequential(
            layer(in_channels, out_channels, 3, stride),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        step(width, 2 * width, 1),
        step(2 * width, 4 * width, 2),
        step(4 * width, 4 * width, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, 10),
    )


def dense(in_channels, out_channels, kernel, stride):
    """An ordinary convolution, with the arguments of `depthwise_separable`."""
    padding = (kernel - 1) // 2
    return nn.Conv2d(
        in_channels, out_channels, kernel, stride, padding, bias=False
    )


def small_efficientnet():
    """The blocks of B0 in two stages, for grey images: logits (N, 10)."""
    stages = [(4, 3, 1, 16, 1), (4, 3, 2, 24, 2)]
    layer = partial(conv_norm_activation, activation=nn.SiLU)
    return nn.Sequential(
        layer(1, 16, 3),
        *blocks(stages, 16),
        layer(24, 64, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip
# --8<-- [end:small]

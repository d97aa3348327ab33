"""The code of the lesson resnet, and the residual block that later lessons share."""

import torch.nn.functional as F
from torch import nn

from snippets.vgg import conv_norm_activation


# --8<-- [start:residual]
class Residual(nn.Module):
    """A residual block: y = after(shortcut(x) + body(x)).

    `shortcut` is the identity unless it must change the shape; `after` is the
    activation behind the sum, or nothing. Source: He et al., 2015.
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


def bottleneck_body(in_channels, channels, stride=1, version="1.5", groups=1):
    """1x1 down, 3x3, 1x1 up to 4 * channels; version 1 strides in the first."""
    first, second = (stride, 1) if version == "1" else (1, stride)
    return nn.Sequential(
        conv_norm_activation(in_channels, channels, 1, first),
        conv_norm_activation(channels, channels, 3, second, groups),
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
BLOCKS = {  # depth: blocks in the four stages, and layers in each block
    18: ([2, 2, 2, 2], 2),
    34: ([3, 4, 6, 3], 2),
    50: ([3, 4, 6, 3], 3),
    101: ([3, 4, 23, 3], 3),
    152: ([3, 8, 36, 3], 3),
}


def stage(in_channels, channels, blocks, stride, layers, version, gate=None):
    """Return `blocks` residual blocks; only the first one has the stride.

    gate: makes a layer for the end of each body from its channels, or None.
    """
    out_channels, rows = channels * (4 if layers == 3 else 1), []
    for i in range(blocks):
        step = stride if i == 0 else 1
        if layers == 3:
            body = bottleneck_body(in_channels, channels, step, version)
        else:
            body = basic_body(in_channels, channels, step)
        if gate is not None:
            body.append(gate(out_channels))
        shortcut = projection(in_channels, out_channels, step)
        rows.append(Residual(body, shortcut, nn.ReLU()))
        in_channels = out_channels
    return nn.Sequential(*rows)


def resnet(depth, num_classes=1000, version="1.5", gate=None):
    """Logits (N, num_classes) from images (N, 3, H, W); depth 18 to 152."""
    blocks, layers = BLOCKS[depth]
    rows = [conv_norm_activation(3, 64, 7, stride=2)]  # (N, 64, H / 2, W / 2)
    rows += [nn.MaxPool2d(3, stride=2, padding=1)]  # (N, 64, H / 4, W / 4)
    in_channels = 64
    for i, number in enumerate(blocks):
        channels, stride = 64 * 2**i, 1 if i == 0 else 2
        rows.append(
            stage(in_channels, channels, number, stride, layers, version, gate)
        )
        in_channels = channels * (4 if layers == 3 else 1)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*rows, *head, nn.Linear(in_channels, num_classes))
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


def cifar_resnet(
    depth=20, option="A", num_classes=10, in_channels=3, width=16, shortcuts=True
):
    """Logits from images (N, in_channels, H, W): 6n + 2 layers, three stages.

    option: "A" pads with zeros, "B" projects. Without `shortcuts` it is the
    plain network of the same layers. Source: He et al., 2015, section 4.2.
    """
    rows = [conv_norm_activation(in_channels, width)]
    before = width
    for i in range(depth // 6 * 3):
        channels = width * 2 ** (i // (depth // 6))
        stride = 1 if channels == before else 2
        body = basic_body(before, channels, stride)
        if not shortcuts:
            rows += [body, nn.ReLU()]
        else:
            shortcut = projection(before, channels, stride)
            if option == "A" and shortcut is not None:
                shortcut = Padded(channels - before, stride)
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
    rows = [nn.Conv2d(in_channels, width, 3, padding=1, bias=False)]
    before = width
    for i in range(depth // 6 * 3):
        channels = width * 2 ** (i // (depth // 6))
        stride = 1 if channels == before else 2
        body = nn.Sequential(
            norm_activation_conv(before, channels, stride),
            norm_activation_conv(channels, channels),
        )
        shortcut = None if stride == 1 else Padded(channels - before, stride)
        rows.append(Residual(body, shortcut))
        before = channels
    rows += [nn.BatchNorm2d(before), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*rows, nn.Flatten(), nn.Linear(before, num_classes))
# --8<-- [end:pre_activation]

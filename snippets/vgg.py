"""The code of the lesson vgg, and the block of convolution, normalisation and activation that later lessons share."""

import torch
import torch.nn.functional as F
from torch import nn


# --8<-- [start:conv_norm_activation]
def conv_norm_activation(
    in_channels, out_channels, kernel=3, stride=1, groups=1,
    norm=nn.BatchNorm2d, activation=nn.ReLU, bias=None,
):
    """Return a convolution, its normalisation and its activation, in a row.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ...) for odd
    kernels: the padding is (kernel - 1) // 2 on each side. norm and activation
    make a layer, or are None for no such layer. A bias is there only where no
    normalisation follows that would take it away again, unless `bias` says so.
    """
    bias = norm is None if bias is None else bias
    layers = [
        nn.Conv2d(
            in_channels, out_channels, kernel, stride,
            padding=(kernel - 1) // 2, groups=groups, bias=bias,
        )
    ]
    layers += [] if norm is None else [norm(out_channels)]
    layers += [] if activation is None else [activation()]
    return nn.Sequential(*layers)
# --8<-- [end:conv_norm_activation]


# --8<-- [start:vgg]
VGG_CONFIGS = {  # layers of 3x3 in each of the five stages
    "A": [1, 1, 2, 2, 2],
    "B": [2, 2, 2, 2, 2],
    "D": [2, 2, 3, 3, 3],
    "E": [2, 2, 4, 4, 4],
}


def features(config, norm=None, width=64, in_channels=3):
    """Return the convolutions: five stages, a pooling behind each of them."""
    layers, widths = [], [width * factor for factor in (1, 2, 4, 8, 8)]
    for channels, number in zip(widths, VGG_CONFIGS[config], strict=True):
        for _ in range(number):
            layers.append(
                conv_norm_activation(in_channels, channels, norm=norm, bias=True)
            )
            in_channels = channels
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def classifier(inputs, num_classes=1000, hidden=4096):
    """Return the three linear layers; the paper drops half of the values."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(hidden, num_classes),
    )  # fmt: skip


def vgg(config, num_classes=1000, norm=None, width=64, hidden=4096):
    """Logits (N, num_classes) from images (N, 3, 224, 224)."""
    return nn.Sequential(
        features(config, norm, width),  # (N, 8 * width, 7, 7)
        nn.Flatten(),
        classifier(8 * width * 49, num_classes, hidden),
    )
# --8<-- [end:vgg]


# --8<-- [start:names]
def our_names(config, norm):
    """Return {torchvision's name of a layer: ours}, for layers with weights."""
    names, theirs, ours = {}, 0, 0
    for number in VGG_CONFIGS[config]:
        for _ in range(number):
            names[f"features.{theirs}"] = f"0.{ours}.0"  # the convolution
            if norm:
                names[f"features.{theirs + 1}"] = f"0.{ours}.1"
            theirs, ours = theirs + (3 if norm else 2), ours + 1
        theirs, ours = theirs + 1, ours + 1  # the pooling
    return names | {f"classifier.{i}": f"2.{i}" for i in (0, 3, 6)}
# --8<-- [end:names]


# --8<-- [start:small]
def small_vgg(norm=None, width=8, config="D"):
    """Logits (N, 10) from grey images of 32 by 32 pixels."""
    return nn.Sequential(
        features(config, norm, width, in_channels=1),  # (N, 8 * width, 1, 1)
        nn.Flatten(),
        nn.Linear(8 * width, 10),
    )


def start_with(model, rule):
    """Draw the weights of all convolutions by a rule: "paper" or "he"."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            if rule == "paper":
                nn.init.normal_(layer.weight, std=0.01)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return model
# --8<-- [end:small]


# --8<-- [start:fit]
def fit(model, images, labels, lr=0.01, epochs=4):
    """Train with SGD and clipped gradients; return the last epoch's mean loss."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(epochs):
        losses = []
        for batch in torch.randperm(len(images)).split(50):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)
# --8<-- [end:fit]

"""Code of the lesson batch-normalization: batch, layer, instance and group norm, and what they do to deep networks."""

import math
from functools import partial

import torch
from torch import nn

from snippets.first_cnn import evaluate, load, nudged, split, train_one_epoch


# --8<-- [start:train]
def batch_norm(x, gamma, beta, eps=1e-5):
    """Return y (N, C, H, W) from x of that shape, in training: with x's own statistics.

    gamma, beta: (C,). Raises ValueError where a channel has one value only.
    Source: Ioffe and Szegedy.
    """
    if x.numel() == x.shape[1]:
        raise ValueError("one value per channel: it would always become 0")
    mean = x.mean(dim=(0, 2, 3), keepdim=True)  # (1, C, 1, 1)
    var = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)  # divided by n
    normalised = (x - mean) / torch.sqrt(var + eps)
    return gamma.reshape(1, -1, 1, 1) * normalised + beta.reshape(1, -1, 1, 1)


# --8<-- [end:train]


# --8<-- [start:running]
def update(running_mean, running_var, x, momentum=0.1):
    """Return the new running mean and variance (C,) after a batch x (N, C, H, W).

    momentum: the weight of the new value, as in PyTorch.
    """
    mean = x.mean(dim=(0, 2, 3))
    var = x.var(dim=(0, 2, 3), correction=1)  # divided by n - 1
    running_mean = (1 - momentum) * running_mean + momentum * mean
    running_var = (1 - momentum) * running_var + momentum * var
    return running_mean, running_var


def batch_norm_eval(x, running_mean, running_var, gamma, beta, eps=1e-5):
    """Return y (N, C, H, W) from x, with statistics (C,) that were kept earlier."""
    scale = gamma / torch.sqrt(running_var + eps)  # (C,)
    shift = beta - running_mean * scale  # (C,)
    return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)


# --8<-- [end:running]


# --8<-- [start:fuse]
@torch.no_grad()
def fuse(conv, norm):
    """Return one convolution that does what `conv`, then `norm` in eval mode, do.

    Raises ValueError where `norm` is in training mode: it has no fixed numbers then.
    """
    if norm.training:
        raise ValueError("fuse in eval mode only")
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # (C_out,)
    bias = torch.zeros_like(scale) if conv.bias is None else conv.bias
    fused = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        conv.padding, conv.dilation, conv.groups, padding_mode=conv.padding_mode,
        dtype=conv.weight.dtype,
    )
    fused.weight.copy_(conv.weight * scale.reshape(-1, 1, 1, 1))
    fused.bias.copy_(norm.bias + (bias - norm.running_mean) * scale)
    return fused


# --8<-- [end:fuse]


# --8<-- [start:relatives]
def normalise(x, dims, eps=1e-5):
    """Return x with mean 0 and variance 1 over `dims`: these values share a mean."""
    mean = x.mean(dim=dims, keepdim=True)
    var = x.var(dim=dims, keepdim=True, correction=0)
    return (x - mean) / torch.sqrt(var + eps)


def group_norm(x, groups):
    """Return x (N, C, H, W), normalised over the channels of each of its groups."""
    n, c, h, w = x.shape
    grouped = x.reshape(n, groups, c // groups, h, w)
    return normalise(grouped, (2, 3, 4)).reshape(x.shape)


# --8<-- [end:relatives]


# --8<-- [start:deep]
def deep(norm, depth=8, pools=1, channels=16):
    """Logits (N, 10) from images (N, 1, 8, 8): `depth` convolutions in a row.

    norm: None, or a function that makes the layer behind each convolution.
    pools: behind so many of them, the maps are halved.
    """
    layers, inputs = [], 1
    for i in range(depth):
        layers.append(nn.Conv2d(inputs, channels, 3, padding=1, bias=norm is None))
        layers += [norm(channels)] if norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)] if i < pools else [nn.ReLU()]
        inputs = channels
    side = 8 // 2**pools
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * side * side, 10))


def he(model):
    """Draw the weights of all convolutions anew, with He's variance 2 / fan-in."""
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return model


# --8<-- [end:deep]


# --8<-- [start:fit]
def fit(build, train, lr, seed, epochs=8, batch_size=50, adamw=False):
    """Train what `build()` makes on `train`, a pair (images, labels).

    By SGD with momentum, or by AdamW. Return the model and its loss on these
    images before and after each epoch.
    """
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    if adamw:
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    losses = [evaluate(model, *train)[0]]
    for _ in range(epochs):
        train_one_epoch(model, optimizer, *train, batch_size)
        losses.append(evaluate(model, *train)[0])
    return model, losses


# --8<-- [end:fit]


def groups_of_4(channels):
    """A group norm with four channels in each group."""
    return nn.GroupNorm(channels // 4, channels)


KINDS = {"plain": lambda: deep(None), "he": lambda: he(deep(None)), "bn": lambda: deep(nn.BatchNorm2d)}
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
NORMS = {"bn": nn.BatchNorm2d, "gn": groups_of_4}
SIZES = (50, 10, 2)


def record(seeds=range(5)):
    """Return the results that the lesson's figures show, JSON-ready: {experiment: {validation_accuracy, loss}}.

    `loss` holds the training losses, one list for each seed, where all are finite.
    """
    images, labels = load()
    train, validation = ((images[i], labels[i]) for i in split(labels)[:2])
    experiments = {f"{kind}, lr {lr}": (build, lr, 50, False) for kind, build in KINDS.items() for lr in RATES}
    experiments |= {f"{kind}, lr 0.03, nudged": (nudged(KINDS[kind]), 0.03, 50, False) for kind in KINDS}
    experiments |= {f"{kind}, AdamW": (build, 0.003, 50, True) for kind, build in KINDS.items()}
    for name, norm in NORMS.items():
        build = partial(deep, norm, depth=4, pools=3)
        experiments |= {f"{name}, batches of {size}": (build, 0.0006 * size, size, False) for size in SIZES}
        size = {"bn": 2, "gn": 50}[name]  # where it does badly: do other rates help?
        for words, lr in (("a third of", 0.0002), ("three times", 0.0018)):
            experiments[f"{name}, batches of {size}, {words} the rate"] = (build, lr * size, size, False)
    results = {}
    for name, (build, lr, size, adamw) in experiments.items():
        runs = [fit(build, train, lr, seed, batch_size=size, adamw=adamw) for seed in seeds]
        results[name] = {"seeds": list(seeds)}
        results[name]["validation_accuracy"] = [evaluate(model, *validation)[1] for model, _ in runs]
        results[name]["loss"] = [losses for _, losses in runs if all(map(math.isfinite, losses))]
        print(name, results[name]["validation_accuracy"], flush=True)
    return results

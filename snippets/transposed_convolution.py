"""Transposed convolution, as the lesson transposed-convolution shows it.

Sizes as in Dumoulin and Visin, arXiv:1603.07285, and in the documentation of
torch.nn.ConvTranspose2d.
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn


# --8<-- [start:stamp]
def stamp(x, kernel, stride=1):
    """Add a copy of the kernel, times each value of x, to an empty grid.

    x and kernel are lists of rows; the copies start `stride` cells apart.
    """
    height = (len(x) - 1) * stride + len(kernel)
    width = (len(x[0]) - 1) * stride + len(kernel[0])
    y = [[0] * width for _ in range(height)]
    for i, row in enumerate(x):
        for j, value in enumerate(row):
            for a, weights in enumerate(kernel):
                for b, weight in enumerate(weights):
                    y[i * stride + a][j * stride + b] += value * weight
    return y
# --8<-- [end:stamp]


# --8<-- [start:output_size]
def output_size(n, k, stride=1, padding=0, output_padding=0, dilation=1):
    """Return the size to which a transposed convolution enlarges n values.

    Raises ValueError where output_padding is smaller than neither stride nor
    dilation, and where the padding cuts everything away.
    """
    if output_padding and output_padding >= max(stride, dilation):
        raise ValueError("output_padding must be below stride or dilation")
    reach = dilation * (k - 1) + 1  # what one stamp covers
    size = (n - 1) * stride + reach - 2 * padding + output_padding
    if size < 1:
        raise ValueError(f"a padding of {padding} cuts everything away")
    return size
# --8<-- [end:output_size]


# --8<-- [start:conv_transpose2d]
def conv_transpose2d(
    x, weight, stride=1, padding=0, output_padding=0, dilation=1
):
    """Return (N, C_out, H_out, W_out) from x (N, C_in, H, W).

    weight is (C_in, C_out, k, k).
    """
    (n, _, h, w), (_, c_out, k, _) = x.shape, weight.shape
    height, width = (
        output_size(size, k, stride, 0, output_padding, dilation)
        for size in (h, w)
    )
    y = x.new_zeros(n, c_out, height, width)
    for a in range(k):
        for b in range(k):
            top, left = a * dilation, b * dilation
            rows = slice(top, top + (h - 1) * stride + 1, stride)
            columns = slice(left, left + (w - 1) * stride + 1, stride)
            products = torch.einsum("nchw,co->nohw", x, weight[:, :, a, b])
            y[:, :, rows, columns] += products
    return y[:, :, padding : height - padding, padding : width - padding]
# --8<-- [end:conv_transpose2d]


# --8<-- [start:by_convolution]
def spread(x, stride):
    """Put stride - 1 zeros between the values of x (N, C, H, W)."""
    n, c, h, w = x.shape
    wide = x.new_zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1)
    wide[:, :, ::stride, ::stride] = x
    return wide


def by_convolution(
    x, weight, stride=1, padding=0, output_padding=0, dilation=1
):
    """Return the same as conv_transpose2d, by an ordinary convolution."""
    before = dilation * (weight.shape[-1] - 1) - padding  # cut off where negative
    after = before + output_padding
    wide = F.pad(spread(x, stride), (before, after, before, after))
    turned = weight.transpose(0, 1).flip(2, 3)  # (C_out, C_in, k, k)
    return F.conv2d(wide, turned, dilation=dilation)
# --8<-- [end:by_convolution]


# --8<-- [start:by_matrix]
def by_matrix(x, weight, stride=1, padding=0, output_padding=0, dilation=1):
    """Return the same as conv_transpose2d, by the matrix of a convolution."""
    (n, _, h, w), (_, c_out, k, _) = x.shape, weight.shape
    shape = c_out, *(
        output_size(size, k, stride, padding, output_padding, dilation)
        for size in (h, w)
    )
    size = math.prod(shape)
    lit = torch.eye(size, dtype=x.dtype).reshape(size, *shape)  # one value each
    columns = F.conv2d(lit, weight, None, stride, padding, dilation)
    matrix = columns[:, :, :h, :w].flatten(1).T  # what conv2d multiplies by
    return (x.flatten(1) @ matrix).reshape(n, *shape)  # each row: matrix.T @ row
# --8<-- [end:by_matrix]


# --8<-- [start:bilinear]
def bilinear_kernel(stride):
    """Return the (2 * stride, 2 * stride) kernel of bilinear upsampling.

    The stride is even.
    """
    places = torch.arange(2 * stride, dtype=torch.float64) + 0.5
    line = 1 - (places - stride).abs() / stride
    return torch.outer(line, line)
# --8<-- [end:bilinear]


# --8<-- [start:phases]
def phases(kernel, stride):
    """Return the sums of the phases of kernel (k, k): (stride, stride)."""
    starts = range(stride)
    sums = [kernel[a::stride, b::stride].sum() for a in starts for b in starts]
    return torch.stack(sums).reshape(stride, stride)
# --8<-- [end:phases]


# --8<-- [start:pixel_shuffle]
def pixel_shuffle(x, r):
    """Return (N, C, r * H, r * W) from x (N, C * r * r, H, W).

    r * r maps become one map that is r times as high and wide.
    """
    n, c, h, w = x.shape
    x = x.reshape(n, c // r**2, r, r, h, w)
    x = x.permute(0, 1, 4, 2, 5, 3)  # (N, C, H, r, W, r)
    return x.reshape(n, c // r**2, h * r, w * r)
# --8<-- [end:pixel_shuffle]


# --8<-- [start:enlarger]
HEADS = {
    "kernel 3": lambda: nn.ConvTranspose2d(16, 1, 3, 2, 1, output_padding=1),
    "kernel 4": lambda: nn.ConvTranspose2d(16, 1, 4, 2, 1),
    "shuffle": lambda: nn.Sequential(
        nn.Conv2d(16, 4, 3, padding=1), nn.PixelShuffle(2)
    ),
    "resize": lambda: nn.Sequential(
        nn.Upsample(scale_factor=2), nn.Conv2d(16, 1, 3, padding=1)
    ),
}


def enlarger(head="kernel 4"):
    """Images (N, 1, 4, 4) become (N, 1, 8, 8)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),  # (N, 16, 4, 4)
        nn.ReLU(),
        HEADS[head](),  # (N, 1, 8, 8)
    )


def train(build, small, large, seed, steps=150):
    """Fit build() so that it makes `large` of `small`; return the network."""
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        loss = F.mse_loss(model(small), large)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
# --8<-- [end:enlarger]


# --8<-- [start:heads]
@torch.no_grad()
def flat_cell(model):
    """Return what becomes of a pixel in a flat image of level 8: (2, 2)."""
    flat = torch.full((1, 1, 8, 8), 8 / 16)
    return 16 * model(flat)[0, 0, 8:10, 8:10]


def unevenness(model):
    """Return max - min of that cell, in grey levels."""
    cell = flat_cell(model)
    return (cell.max() - cell.min()).item()
# --8<-- [end:heads]


def equal_start():
    """Return the enlarger with pixel shuffle whose four kernels, and biases, start equal (ICNR, arXiv:1707.02937)."""
    model = enlarger("shuffle")
    with torch.no_grad():
        for parameter in model[2][0].parameters():
            parameter[:] = parameter[:1].clone()
    return model


def record(seeds=range(10), shown=(1203, 605, 997, 1500), names=(*HEADS, "equal start")):
    """Return what the figures of trained networks show, JSON-ready.

    For each head: errors on digits from 300 and unevenness, of all runs in grey levels, and the flat cell of the first.
    """
    large = torch.tensor(load_digits().images, dtype=torch.float32)[:, None]
    small = F.avg_pool2d(large, 2)
    results = {"shown": list(shown), "heads": {}}
    for name in names:
        build = equal_start if name == "equal start" else partial(enlarger, name)
        models = [train(build, small[:300] / 16, large[:300] / 16, seed) for seed in seeds]
        with torch.no_grad():
            guesses = [model(small / 16) * 16 for model in models]
        results["heads"][name] = {
            "errors": [F.mse_loss(guess[300:], large[300:]).sqrt().item() for guess in guesses],
            "uneven": [unevenness(model) for model in models],
            "cell": flat_cell(models[0]).tolist(),
        }
        if name == "kernel 4":
            results["drawn"] = guesses[0][list(shown), 0].clamp(0, 16).tolist()
    return results

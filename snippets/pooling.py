"""Pooling in pure Python, as the lesson pooling shows it, and pooling with a blur, in PyTorch.

A grid is a list of rows. Sizes and borders are those of torch.nn.MaxPool2d and torch.nn.AvgPool2d.
"""

from statistics import mean

import torch
import torch.nn.functional as F


# --8<-- [start:spans]
def pool_size(n, k, stride=None, padding=0, ceil_mode=False):
    """Return how many windows of k values fit into n, with `padding` places at each end.

    stride: None means k. ceil_mode: a last window may stick out on the right.
    Raises ValueError if no window fits, or if padding is more than half of k.
    """
    stride = k if stride is None else stride
    if k < 1 or stride < 1 or not 0 <= padding <= k // 2:
        raise ValueError("need k >= 1, stride >= 1, 0 <= padding <= k // 2")
    steps = n + 2 * padding - k + (stride - 1 if ceil_mode else 0)
    size = steps // stride + 1
    if ceil_mode and (size - 1) * stride >= n + padding:
        size -= 1  # the last window would start behind the input
    if size < 1:
        raise ValueError(f"a window of {k} does not fit into {n + 2 * padding} values")
    return size


def spans(n, k, stride=None, padding=0, ceil_mode=False):
    """Return (start, stop) of each window; both count from the first input value."""
    size = pool_size(n, k, stride, padding, ceil_mode)
    starts = [i * (k if stride is None else stride) - padding for i in range(size)]
    return [(start, min(start + k, n + padding)) for start in starts]
# --8<-- [end:spans]


# --8<-- [start:pool2d]
def seen(x, rows, columns):
    """Return the values of the grid x inside a window; places in the padding have none."""
    (top, bottom), (left, right) = rows, columns
    return [v for row in x[max(top, 0) : bottom] for v in row[max(left, 0) : right]]


def max_pool2d(x, k, **walk):
    """Return the grid of the largest value of each k by k window. walk: as in `spans`."""
    down, across = spans(len(x), k, **walk), spans(len(x[0]), k, **walk)
    return [[max(seen(x, r, c)) for c in across] for r in down]


def avg_pool2d(x, k, count_include_pad=True, **walk):
    """Return the grid of means. count_include_pad: places in the padding count as zeros."""
    def window_mean(rows, columns):
        values = seen(x, rows, columns)
        places = (rows[1] - rows[0]) * (columns[1] - columns[0])
        return sum(values) / (places if count_include_pad else len(values))

    down, across = spans(len(x), k, **walk), spans(len(x[0]), k, **walk)
    return [[window_mean(r, c) for c in across] for r in down]
# --8<-- [end:pool2d]


# --8<-- [start:adaptive]
# --8<-- [start:bins]
def bins(n, m):
    """Return (start, stop) of m bins over n values: n/m wide, rounded outwards.

    `//` rounds down; -(-a // m) is a/m rounded up.
    """
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
# --8<-- [end:bins]


def adaptive_avg_pool2d(x, height, width):
    """Return the height by width grid of the means of the bins of the grid x."""
    down, across = bins(len(x), height), bins(len(x[0]), width)
    return [
        [mean(v for row in x[top:bottom] for v in row[left:right]) for left, right in across]
        for top, bottom in down
    ]
# --8<-- [end:adaptive]


# --8<-- [start:blur_pool]
def blur_pool(x, stride=2):
    """Blur each channel of x, (N, C, H, W), with 1-2-1; keep every `stride`-th value.

    The border mirrors the image, so that flat stays flat. After Zhang: see Sources.
    """
    row = torch.tensor([1, 2, 1], dtype=x.dtype) / 4
    channels = x.shape[1]
    kernel = torch.outer(row, row).expand(channels, 1, 3, 3)
    mirrored = F.pad(x, (1, 1, 1, 1), mode="reflect")
    return F.conv2d(mirrored, kernel, stride=stride, groups=channels)


def max_blur_pool(x):
    """Take the largest of each 2 by 2 window with stride 1, then blur and drop."""
    return blur_pool(F.max_pool2d(x, 2, stride=1))
# --8<-- [end:blur_pool]


# --8<-- [start:striped_disc]
def striped_disc(shift=0):
    """Return a disc of stripes, 2 pixels wide, white (1) on black (0): (1, 1, 64, 64).

    shift: how many pixels the whole disc is moved to the right, 0 to 8.
    """
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64) - shift, indexing="ij")
    white = ((y - 32) ** 2 + (x - 28) ** 2 < 14**2) & (x // 2 % 2 == 0)
    return white[None, None].to(torch.float64)
# --8<-- [end:striped_disc]

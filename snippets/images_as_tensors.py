"""Pictures as nested lists and as tensors, as the lesson images-as-tensors shows them.

A picture is a list of rows, a row a list of pixels, a pixel a list of values: image[h][w][c]. The same values plane by
plane are planes[c][h][w]. Tensors have the shape (C, H, W), a batch of them (N, C, H, W).
"""

import torch


# --8<-- [start:to_planes]
def to_planes(image):
    """Turn image[h][w][c] into planes[c][h][w]: one grid of values for each channel."""
    channels = range(len(image[0][0]))
    return [[[pixel[c] for pixel in row] for row in image] for c in channels]
# --8<-- [end:to_planes]


# --8<-- [start:offset]
def offset(n, c, h, w, shape):
    """Return how many values stand in memory before the value (n, c, h, w).

    shape: (N, C, H, W), stored in this order without gaps.
    Raises IndexError for an index outside the shape.
    """
    for index, size in zip((n, c, h, w), shape, strict=True):
        if not 0 <= index < size:
            raise IndexError(f"index {index} is not in 0..{size - 1}")
    _, channels, height, width = shape
    return ((n * channels + c) * height + h) * width + w
# --8<-- [end:offset]


# --8<-- [start:normalise]
def mean_and_std(planes):
    """Return a mean for each channel, and a standard deviation for each channel."""
    means, stds = [], []
    for plane in planes:
        values = [value for row in plane for value in row]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        means.append(mean)
        stds.append(variance**0.5)
    return means, stds


def normalise(planes, means, stds):
    """Return (value - mean) / std, with the mean and the std of the value's channel.

    Raises ValueError for a std of zero or less.
    """
    if min(stds) <= 0:
        raise ValueError("each standard deviation must be positive")
    return [
        [[(value - mean) / std for value in row] for row in plane]
        for plane, mean, std in zip(planes, means, stds, strict=True)
    ]
# --8<-- [end:normalise]


# --8<-- [start:to_picture]
def to_picture(x):
    """Turn a float tensor (C, H, W), range 0..1, into uint8 pixels (H, W, C).

    Values outside the range become 0 or 255. Raises TypeError for whole numbers.
    """
    if not x.is_floating_point():
        raise TypeError(f"need floats from 0 to 1, got {x.dtype}")
    x = (x * 255).round().clamp(0, 255)
    return x.to(torch.uint8).permute(1, 2, 0)
# --8<-- [end:to_picture]

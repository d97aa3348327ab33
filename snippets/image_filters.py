"""Filters with hand-chosen weights, as the lesson image-filters shows them.

An image is a NumPy array of shape (H, W). Only pixels whose whole neighbourhood exists are computed: no border is made
up. "Convolution" is cross-correlation, as everywhere in deep learning: the kernel is not flipped.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


# --8<-- [start:correlate]
def correlate(image, kernel):
    """Return the weighted sum of the neighbourhood of each pixel, as float64.

    image: shape (H, W). kernel: shape (k_h, k_w), both odd, so that it has a middle.
    The result has the shape (H - k_h + 1, W - k_w + 1).
    Raises ValueError if the kernel has no middle or does not fit.
    """
    image, kernel = np.asarray(image), np.asarray(kernel)
    if kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise ValueError(f"a kernel of shape {kernel.shape} has no middle")
    height, width = (n - k + 1 for n, k in zip(image.shape, kernel.shape, strict=True))
    if height < 1 or width < 1:
        raise ValueError(f"kernel {kernel.shape} does not fit into {image.shape}")
    result = np.zeros((height, width))
    for (a, b), weight in np.ndenumerate(kernel):
        result += weight * image[a : a + height, b : b + width]
    return result
# --8<-- [end:correlate]


# --8<-- [start:gaussian]
def gaussian(sigma, radius):
    """Return the 2 * radius + 1 weights of a Gaussian, divided by their sum."""
    distance = np.arange(-radius, radius + 1)
    weights = np.exp(-(distance**2) / (2 * sigma**2))
    return weights / weights.sum()
# --8<-- [end:gaussian]


# --8<-- [start:median_filter]
def median_filter(image, k):
    """Return the median of each k x k neighbourhood: (H, W) -> (H - k + 1, W - k + 1)."""
    return np.median(sliding_window_view(image, (k, k)), axis=(2, 3))


def salt_and_pepper(image, share, seed):
    """Return a copy of image where about `share` of the pixels are 0 or 255 instead."""
    luck = np.random.default_rng(seed).random(image.shape)
    noisy = np.where(luck < share / 2, 0, image)
    return np.where(luck > 1 - share / 2, 255, noisy)
# --8<-- [end:median_filter]


# --8<-- [start:equalise]
def histogram(image):
    """Return how many pixels have the value 0, 1, ... 255. image: whole numbers."""
    return np.bincount(image.ravel(), minlength=256)


def equalise(image):
    """Replace each value by 255 times the share of the pixels that are not brighter."""
    share = np.cumsum(histogram(image)) / image.size
    return np.round(255 * share).astype(int)[image]  # a table; each pixel looks itself up
# --8<-- [end:equalise]


# --8<-- [start:fit_kernel]
def fit_kernel(image, wanted, k):
    """Return the k x k kernel whose weighted sums over image come closest to wanted.

    image, wanted: the same shape (H, W). Closest: smallest sum of squared errors.
    """
    r = k // 2
    pixels = sliding_window_view(image, (k, k)).reshape(-1, k * k)  # a row each
    targets = wanted[r : wanted.shape[0] - r, r : wanted.shape[1] - r].ravel()
    return np.linalg.lstsq(pixels, targets, rcond=None)[0].reshape(k, k)
# --8<-- [end:fit_kernel]

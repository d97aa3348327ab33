"""Convolution in pure Python, as the lesson convolution-from-scratch shows it.

A signal is a list of numbers, a grid is a list of rows. "Convolution" is cross-correlation, as everywhere in deep
learning: the kernel is not flipped. Sizes as in Dumoulin and Visin, arXiv:1603.07285.
"""


# --8<-- [start:conv1d]
def output_size(n, k, stride=1, padding=0):
    """Return how many windows of k values fit into n, with `padding` more at each end.

    Raises ValueError if none fits, or if k, stride or padding makes no sense.
    """
    if k < 1 or stride < 1 or padding < 0:
        raise ValueError("need k >= 1, stride >= 1, padding >= 0")
    if k > n + 2 * padding:
        raise ValueError(f"a kernel of {k} does not fit into {n + 2 * padding} values")
    return (n + 2 * padding - k) // stride + 1


def conv1d(x, kernel, stride=1, padding=0):
    """Slide kernel along the list x, `stride` values at a time; return the sums."""
    padded = [0] * padding + x + [0] * padding
    y = []
    for i in range(output_size(len(x), len(kernel), stride, padding)):
        window = padded[i * stride : i * stride + len(kernel)]
        y.append(sum(w * v for w, v in zip(kernel, window, strict=True)))
    return y
# --8<-- [end:conv1d]


# --8<-- [start:window_sum]
def window_sum(x, kernel, top, left):
    """Return the sum of kernel times the window of x at row `top`, column `left`."""
    total = 0
    for a, row in enumerate(kernel):
        for b, weight in enumerate(row):
            total += weight * x[top + a][left + b]
    return total
# --8<-- [end:window_sum]


# --8<-- [start:conv2d]
def conv2d(x, kernel, stride=1, padding=0):
    """Slide kernel over the grid x (both are lists of rows); return the grid of sums.

    Raises ValueError for rows of unequal length and for a kernel that does not fit.
    """
    for name, grid in (("x", x), ("kernel", kernel)):
        if len({len(row) for row in grid}) != 1:
            raise ValueError(f"{name} needs rows, and all of the same length")
    height = output_size(len(x), len(kernel), stride, padding)
    width = output_size(len(x[0]), len(kernel[0]), stride, padding)
    side, blank = [0] * padding, [0] * (len(x[0]) + 2 * padding)
    padded = [blank] * padding + [side + row + side for row in x] + [blank] * padding
    return [
        [window_sum(padded, kernel, i * stride, j * stride) for j in range(width)]
        for i in range(height)
    ]
# --8<-- [end:conv2d]


# --8<-- [start:learn_kernel]
def subtract(p, q, factor=1):
    """Return the grid p - factor * q."""
    return [
        [a - factor * b for a, b in zip(*rows, strict=True)]
        for rows in zip(p, q, strict=True)
    ]


def learn_kernel(x, target, kernel, rate, steps):
    """Return `kernel` after gradient descent towards conv2d(x, kernel) == target."""
    for _ in range(steps):
        error = subtract(conv2d(x, kernel), target)
        gradient = conv2d(x, error)
        kernel = subtract(kernel, gradient, rate)
    return kernel
# --8<-- [end:learn_kernel]

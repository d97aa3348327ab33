"""Convolution in pure Python and in four other ways, as the lesson convolution-from-scratch shows it.

A signal is a list of numbers, a grid is a list of rows; the other ways take tensors. "Convolution" is
cross-correlation, as everywhere in deep learning: the kernel is not flipped. Sizes as in Dumoulin and Visin,
arXiv:1603.07285.
"""

import cmath
from itertools import product

import torch
import torch.nn.functional as F


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


# --8<-- [start:toeplitz_matrix]
def toeplitz_matrix(kernel, height, width, stride=1, padding=0):
    """Return the matrix of conv2d for images of height x width: (outputs, pixels).

    kernel: a list of rows. Outputs and pixels are counted row by row. Raises ValueError
    as output_size does.
    """
    rows = output_size(height, len(kernel), stride, padding)
    columns = output_size(width, len(kernel[0]), stride, padding)
    matrix = [[0] * (height * width) for _ in range(rows * columns)]
    for i, j in product(range(rows), range(columns)):
        for a, b in product(range(len(kernel)), range(len(kernel[0]))):
            row, column = i * stride + a - padding, j * stride + b - padding
            if 0 <= row < height and 0 <= column < width:  # else: a zero of the border
                matrix[i * columns + j][row * width + column] = kernel[a][b]
    return torch.tensor(matrix, dtype=torch.float64)
# --8<-- [end:toeplitz_matrix]


# --8<-- [start:im2col]
def im2col(x, k_h, k_w, stride=1, padding=0):
    """Copy each k_h x k_w window of x (N, C, H, W) into a column.

    Returns (N, C * k_h * k_w, windows). Raises ValueError as output_size does.
    """
    n, channels, height, width = x.shape
    rows = output_size(height, k_h, stride, padding)
    columns = output_size(width, k_w, stride, padding)
    x = F.pad(x, [padding] * 4)
    out = x.new_zeros(n, channels, k_h, k_w, rows, columns)
    for a, b in product(range(k_h), range(k_w)):
        below, beyond = a + stride * rows, b + stride * columns
        out[:, :, a, b] = x[:, :, a:below:stride, b:beyond:stride]
    return out.reshape(n, channels * k_h * k_w, rows * columns)
# --8<-- [end:im2col]


# --8<-- [start:window_view]
def window_view(x, k_h, k_w, stride=1):
    """Return the windows of x (H, W) as a view: (rows, columns, k_h, k_w), no copy."""
    rows, columns = output_size(x.shape[0], k_h, stride), output_size(x.shape[1], k_w, stride)
    down, right = x.stride()  # in values, not in bytes
    return x.as_strided(
        (rows, columns, k_h, k_w), (stride * down, stride * right, down, right)
    )


def conv2d_by_views(x, kernel, stride=1, padding=0):
    """Add up shifted views of x (H, W), one for each weight of kernel (k_h, k_w)."""
    windows = window_view(F.pad(x, [padding] * 4), *kernel.shape, stride)
    y = x.new_zeros(windows.shape[:2])
    for a, b in product(range(kernel.shape[0]), range(kernel.shape[1])):
        y += kernel[a, b] * windows[:, :, a, b]
    return y
# --8<-- [end:window_view]


# --8<-- [start:fft]
def fft(c):
    """Return the values of c[0] + c[1] z + c[2] z^2 + ... at the points with z^n = 1.

    n = len(c), a power of two, else ValueError. After Cooley and Tukey.
    """
    n = len(c)
    if n == 1:
        return c
    if n == 0 or n % 2:
        raise ValueError("need a power of two")
    even, odd = fft(c[::2]), fft(c[1::2])
    points = [cmath.exp(-2j * cmath.pi * k / n) for k in range(n // 2)]
    odd = [z * value for z, value in zip(points, odd, strict=True)]
    pairs = list(zip(even, odd, strict=True))
    return [e + o for e, o in pairs] + [e - o for e, o in pairs]  # at z, then at -z
# --8<-- [end:fft]


# --8<-- [start:circular_convolution]
def circular_convolution(p, q, n):
    """Return the n coefficients of p times q; from power n on they count as power 0, 1, ...

    p, q: lists of at most n real numbers; n: a power of two, else ValueError.
    """
    at_p, at_q = (fft(c + [0] * (n - len(c))) for c in (p, q))
    values = [a * b for a, b in zip(at_p, at_q, strict=True)]
    back = fft([value.conjugate() for value in values])  # undoes fft, up to a factor of n
    return [value.real / n for value in back]
# --8<-- [end:circular_convolution]


# --8<-- [start:conv2d_by_fft]
def conv2d_by_fft(x, kernel, stride=1, padding=0):
    """Convolve x (H, W) with kernel (k_h, k_w) by multiplying Fourier transforms.

    Raises ValueError if the kernel does not fit.
    """
    for n, k in zip(x.shape, kernel.shape, strict=True):
        output_size(n, k, stride, padding)
    x = F.pad(x, [padding] * 4)
    flipped = torch.fft.rfft2(kernel.flip(0, 1), s=x.shape)  # pads with zeros to x's shape
    circular = torch.fft.irfft2(torch.fft.rfft2(x) * flipped, s=x.shape)
    wrapped_rows, wrapped_columns = kernel.shape[0] - 1, kernel.shape[1] - 1
    return circular[wrapped_rows::stride, wrapped_columns::stride]
# --8<-- [end:conv2d_by_fft]


# --8<-- [start:costs]
def costs(height, width, k):
    """Return {way: (MACs, extra values)} for a k x k kernel, stride 1, no padding.

    FFT: our fft along rows and columns, their lengths rounded up to powers of two. A
    complex product counts as four MACs, a complex value as two values.
    """
    outputs = output_size(height, k) * output_size(width, k)
    levels = (height - 1).bit_length() + (width - 1).bit_length()
    points = 2**levels
    transform = points // 2 * levels  # complex products
    return {
        "sliding": (outputs * k * k, 0),
        "matrix": (outputs * height * width, outputs * height * width),
        "im2col": (outputs * k * k, outputs * k * k),
        "views": (outputs * k * k, outputs),
        "FFT": (4 * (3 * transform + points), 2 * 2 * points),
    }
# --8<-- [end:costs]

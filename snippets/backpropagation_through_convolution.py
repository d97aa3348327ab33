"""Backpropagation through convolution, ReLU and pooling, as the lesson backpropagation-through-convolution shows it.

`g` is always the upstream gradient: for each output, the slope of the loss E as that output grows.
Shapes are (N, C, H, W). "Convolution" is cross-correlation, as everywhere in deep learning: the kernel is not flipped.
The rule as in Rumelhart, Hinton and Williams, doi:10.1038/323533a0; sizes as in Dumoulin and Visin, arXiv:1603.07285.
"""

import torch
import torch.nn.functional as F


# --8<-- [start:input_gradient]
def input_gradient(g, kernel, rows, columns):
    """Return the slope of the loss for each pixel of an input with rows x columns.

    g: a grid with the slope for each output. Stride 1, no padding.
    """
    dx = [[0] * columns for _ in range(rows)]
    for i, line in enumerate(g):
        for j, slope in enumerate(line):
            for a, weights in enumerate(kernel):
                for b, weight in enumerate(weights):
                    dx[i + a][j + b] += slope * weight
    return dx
# --8<-- [end:input_gradient]


# --8<-- [start:backward_by_windows]
def backward_by_windows(g, x, w, stride=1, padding=0):
    """Return the gradients for x (N, C, H, W), w (O, C, k, k') and the bias (O,).

    g: (N, O, H', W'). One window after the other, for all images and channels at once.
    """
    padded = F.pad(x, [padding] * 4)
    dx, dw = torch.zeros_like(padded), torch.zeros_like(w)
    for i in range(g.shape[2]):
        rows = slice(i * stride, i * stride + w.shape[2])
        for j in range(g.shape[3]):
            columns = slice(j * stride, j * stride + w.shape[3])
            slope = g[:, :, i, j]
            dx[..., rows, columns] += torch.einsum("no, ocab -> ncab", slope, w)
            met = padded[..., rows, columns]
            dw += torch.einsum("no, ncab -> ocab", slope, met)
    height, width = x.shape[2:]
    dx = dx[:, :, padding : padding + height, padding : padding + width]
    return dx, dw, g.sum(dim=(0, 2, 3))
# --8<-- [end:backward_by_windows]


# --8<-- [start:conv_forward]
def meetings(kernel, output, stride, dilation):
    """Yield a, b, rows, columns: which padded pixels the weight (a, b) meets.

    kernel, output: their (height, width). A weight meets one pixel for each output.
    """
    height, width = (stride * (n - 1) + 1 for n in output)
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            rows = slice(a * dilation, a * dilation + height, stride)
            columns = slice(b * dilation, b * dilation + width, stride)
            yield a, b, rows, columns


def output_size(x, w, stride, padding, dilation):
    """Return the height and width of the convolution of x (N, C, H, W) with w."""
    sides = zip(x.shape[2:], w.shape[2:], strict=True)
    return [(n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in sides]


def conv_forward(x, w, bias, stride=1, padding=0, dilation=1, groups=1):
    """Return the convolution of x (N, C, H, W): a tensor (N, O, H', W').

    w: (O, C/groups, k, k'); bias: (O,).
    """
    padded = F.pad(x, [padding] * 4).unflatten(1, (groups, -1))
    output = output_size(x, w, stride, padding, dilation)
    weights = w.unflatten(0, (groups, -1))
    y = x.new_zeros(len(x), *weights.shape[:2], *output)
    for a, b, rows, columns in meetings(w.shape[2:], output, stride, dilation):
        met, weight = padded[..., rows, columns], weights[..., a, b]
        y += torch.einsum("ngchw, goc -> ngohw", met, weight)
    return y.flatten(1, 2) + bias[:, None, None]
# --8<-- [end:conv_forward]


# --8<-- [start:conv_backward]
def conv_backward(g, x, w, stride=1, padding=0, dilation=1, groups=1):
    """Return the gradients for x, w and bias, in their shapes. g: (N, O, H', W').

    Raise ValueError if g has not the shape of the output.
    """
    shape = len(x), len(w), *output_size(x, w, stride, padding, dilation)
    if g.shape != shape:
        raise ValueError(f"the output has the shape {shape}, but g has {tuple(g.shape)}")
    padded = F.pad(x, [padding] * 4).unflatten(1, (groups, -1))
    upstream, weights = g.unflatten(1, (groups, -1)), w.unflatten(0, (groups, -1))
    dx, dw = torch.zeros_like(padded), torch.zeros_like(weights)
    for a, b, rows, columns in meetings(w.shape[2:], g.shape[2:], stride, dilation):
        met, weight = padded[..., rows, columns], weights[..., a, b]
        dx[..., rows, columns] += torch.einsum("ngohw, goc -> ngchw", upstream, weight)
        dw[..., a, b] = torch.einsum("ngohw, ngchw -> goc", upstream, met)
    height, width = x.shape[2:]
    dx = dx.flatten(1, 2)[:, :, padding : padding + height, padding : padding + width]
    return dx, dw.flatten(0, 1), g.sum(dim=(0, 2, 3))
# --8<-- [end:conv_backward]


# --8<-- [start:pool_backward]
def relu_backward(g, x):
    """Pass g on where x was positive; give 0 elsewhere."""
    return torch.where(x > 0, g, 0)


def windows(g, size, stride):
    """Yield for each output the place of its window in the input, and its g."""
    for i in range(g.shape[2]):
        rows = slice(i * stride, i * stride + size)
        for j in range(g.shape[3]):
            columns = slice(j * stride, j * stride + size)
            yield (..., rows, columns), g[:, :, i, j, None, None]


def max_pool_backward(g, x, size, stride):
    """Give each g to the largest pixel of its window of x; to the first of several."""
    dx = torch.zeros_like(x)
    for place, slope in windows(g, size, stride):
        winner = x[place].flatten(2).argmax(dim=2)
        chosen = F.one_hot(winner, size * size).unflatten(2, (size, size))
        dx[place] += chosen * slope
    return dx


def avg_pool_backward(g, x, size, stride):
    """Give each pixel of a window of x the same share of its g."""
    dx = torch.zeros_like(x)
    for place, slope in windows(g, size, stride):
        dx[place] += slope / size**2
    return dx
# --8<-- [end:pool_backward]


# --8<-- [start:own_function]
class OwnConv(torch.autograd.Function):
    """Our convolution, with our own backward, as one operation of autograd."""

    @staticmethod
    def forward(ctx, x, w, bias, stride, padding):
        ctx.save_for_backward(x, w)
        ctx.walk = stride, padding
        return conv_forward(x, w, bias, stride, padding)

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        dx, dw, dbias = conv_backward(g, x, w, *ctx.walk)
        return dx, dw, dbias, None, None  # one for each argument of forward
# --8<-- [end:own_function]


# --8<-- [start:network]
def network(x, w, bias, v, target, size=2, stride=1):
    """Run convolution, ReLU, max pooling and a linear output; then walk back.

    v: one weight for each pooled value; target: (N,).
    Return E = half the sum of squared errors, and its gradients for x, w, bias and v.
    """
    y = conv_forward(x, w, bias)
    hidden = F.relu(y)
    pooled = F.max_pool2d(hidden, size, stride)
    error = pooled.flatten(1) @ v - target
    loss = 0.5 * (error**2).sum()
    # Backwards. Each line turns the slopes for an output into those for an input.
    d_v = pooled.flatten(1).T @ error
    d_pooled = torch.outer(error, v).reshape(pooled.shape)
    d_hidden = max_pool_backward(d_pooled, hidden, size, stride)
    d_y = relu_backward(d_hidden, y)
    return loss, (*conv_backward(d_y, x, w), d_v)
# --8<-- [end:network]


# --8<-- [start:measured]
def relative_error(a, b):
    """Return |a - b| / max(|a|, |b|) of two numbers; 0 if both are 0."""
    a, b = float(a), float(b)
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0


def fourth_powers(x, kernel):
    """Return a quarter of the sum of y**4 over all outputs y, in x's precision."""
    total = 0
    for i in range(len(x) - 1):
        for j in range(len(x[0]) - 1):
            y = 0
            for a in range(2):
                for b in range(2):
                    y += kernel[a][b] * x[i + a][j + b]
            total += y * y * y * y
    return total / 4


def measured_slope(x, kernel, h, number=float):
    """Return the slope for the first weight by central differences with step h.

    number: float for 64 bits, numpy.float32 for 32 bits.
    """
    x = [[number(value) for value in row] for row in x]
    (first, *others), second = [[number(value) for value in row] for row in kernel]
    above = fourth_powers(x, [[first + number(h), *others], second])
    below = fourth_powers(x, [[first - number(h), *others], second])
    return (above - below) / (2 * number(h))
# --8<-- [end:measured]

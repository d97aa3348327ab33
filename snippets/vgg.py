"""The code of the lesson vgg, and the block of convolution, normalisation and activation that later lessons share."""

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


# --8<-- [start:window_sums]
def window_sums(row, width):
    """Return the sum of each window of `width` neighbours in `row`, from left to right."""
    if width > len(row):
        message = f"the window ({width}) is longer than the row ({len(row)})"
        raise ValueError(message)
    starts = range(len(row) - width + 1)
    return [sum(row[i : i + width]) for i in starts]
# --8<-- [end:window_sums]

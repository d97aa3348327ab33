"""The code of the lesson attention-in-cnns; squeeze-and-excitation is shared with the lesson efficientnet."""

from torch import nn


# --8<-- [start:squeeze_excitation]
class SqueezeExcitation(nn.Module):
    """Scale each channel by a number between 0 and 1 that all channels decide.

    (N, channels, H, W) -> the same shape. Two 1x1 convolutions on the means of
    the maps, with `squeezed` channels between them. Source: Hu et al., 2017.
    """

    def __init__(self, channels, squeezed, activation=nn.ReLU, bias=True):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),  # squeeze: (N, channels, 1, 1)
            nn.Conv2d(channels, squeezed, 1, bias=bias),
            activation(),
            nn.Conv2d(squeezed, channels, 1, bias=bias),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.gate(x)  # excitation
# --8<-- [end:squeeze_excitation]


# --8<-- [start:window_sums]
def window_sums(row, width):
    """Return the sum of each window of `width` neighbours in `row`, from left to right."""
    if width > len(row):
        message = f"the window ({width}) is longer than the row ({len(row)})"
        raise ValueError(message)
    starts = range(len(row) - width + 1)
    return [sum(row[i : i + width]) for i in starts]
# --8<-- [end:window_sums]

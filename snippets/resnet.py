"""The code of the lesson resnet, and the residual block that later lessons share."""

from torch import nn


# --8<-- [start:residual]
class Residual(nn.Module):
    """A residual block: y = after(shortcut(x) + body(x)).

    `shortcut` is the identity unless it must change the shape; `after` is the
    activation behind the sum, or nothing. Source: He et al., 2015.
    """

    def __init__(self, body, shortcut=None, after=None):
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut
        self.after = nn.Identity() if after is None else after

    def forward(self, x):
        return self.after(self.shortcut(x) + self.body(x))
# --8<-- [end:residual]


# --8<-- [start:window_sums]
def window_sums(row, width):
    """Return the sum of each window of `width` neighbours in `row`, from left to right."""
    if width > len(row):
        message = f"the window ({width}) is longer than the row ({len(row)})"
        raise ValueError(message)
    starts = range(len(row) - width + 1)
    return [sum(row[i : i + width]) for i in starts]
# --8<-- [end:window_sums]

"""A whole convolution layer in pure Python, as the lesson convolution-layer shows it.

A channel is a list of rows; an input is a list of channels; a filter is a list of slices, one for each channel that it
sees. Sizes as in Dumoulin and Visin, arXiv:1603.07285. Conventions are those of torch.nn.Conv2d.
"""


# --8<-- [start:output_size]
def output_size(n, k, stride=1, padding=0, dilation=1):
    """Return how many windows fit along one side of n values.

    Raises ValueError if none fits, or if an argument makes no sense.
    """
    if k < 1 or stride < 1 or padding < 0 or dilation < 1:
        raise ValueError("need k, stride, dilation >= 1 and padding >= 0")
    last_start = n + 2 * padding - 1 - dilation * (k - 1)
    if last_start < 0:
        reach = dilation * (k - 1) + 1
        raise ValueError(f"a reach of {reach} does not fit into {n + 2 * padding} values")
    return last_start // stride + 1
# --8<-- [end:output_size]


# --8<-- [start:pad]
def pad_row(row, p, mode="zeros"):
    """Return the list `row` with p values more at each end; the modes of nn.Conv2d.

    Raises ValueError if the row is too short: reflect needs p < n, circular p <= n.
    """
    n = len(row)
    if p > {"reflect": n - 1, "circular": n}.get(mode, p):
        raise ValueError(f"{mode}: {n} values are too few for a padding of {p}")
    ends = {
        "zeros": ([0] * p, [0] * p),
        "reflect": (row[p:0:-1], row[-2 : -p - 2 : -1]),
        "replicate": (row[:1] * p, row[-1:] * p),
        "circular": (row[n - p :], row[:p]),
    }
    left, right = ends[mode]
    return left + row + right


def pad(channel, p, mode="zeros"):
    """Return the channel, a list of rows, with p rows or columns more on each side."""
    wide = [pad_row(row, p, mode) for row in channel]
    columns = [pad_row(list(column), p, mode) for column in zip(*wide, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]
# --8<-- [end:pad]


# --8<-- [start:window_sum]
def window_sum(x, slices, top, left, dilation=1):
    """Return the sum of weight times value over all channels of one window.

    x: the channels, (C, H, W); slices: one filter, (C, k_h, k_w), both nested lists.
    """
    total = 0
    for channel, weights in zip(x, slices, strict=True):
        for a, row in enumerate(weights):
            for b, weight in enumerate(row):
                total += weight * channel[top + a * dilation][left + b * dilation]
    return total
# --8<-- [end:window_sum]


# --8<-- [start:conv_layer]
def conv_layer(x, weight, bias, stride=1, padding=0, dilation=1, groups=1, mode="zeros"):
    """Return the output channels, (C_out, H_out, W_out), as nested lists.

    x: (C_in, H, W); weight: (C_out, C_in / groups, k_h, k_w); bias: C_out numbers.
    Raises ValueError for channels that do not match, and for a kernel that does not fit.
    """
    seen = len(weight[0])  # channels that one filter sees
    share = len(weight) // groups  # filters of one group
    if len(x) != groups * seen or len(weight) != groups * share:
        raise ValueError(f"{len(weight)} filters of {seen}, {groups} groups, input {len(x)}")
    height = output_size(len(x[0]), len(weight[0][0]), stride, padding, dilation)
    width = output_size(len(x[0][0]), len(weight[0][0][0]), stride, padding, dilation)
    padded = [pad(channel, padding, mode) for channel in x]
    y = []
    for o, (slices, b) in enumerate(zip(weight, bias, strict=True)):
        first = o // share * seen  # the first channel that filter o sees
        group = padded[first : first + seen]
        y.append([[b + window_sum(group, slices, i * stride, j * stride, dilation)
                   for j in range(width)] for i in range(height)])
    return y
# --8<-- [end:conv_layer]


# --8<-- [start:times_read]
def times_read(n, k, stride=1, padding=0, dilation=1):
    """Return, for each of n values in a row, how many windows read it."""
    counts = [0] * n
    for i in range(output_size(n, k, stride, padding, dilation)):
        for a in range(k):
            position = i * stride + a * dilation - padding  # without padding
            if 0 <= position < n:
                counts[position] += 1
    return counts
# --8<-- [end:times_read]

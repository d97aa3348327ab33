"""The code of the lesson alexnet."""


# --8<-- [start:window_sums]
def window_sums(row, width):
    """Return the sum of each window of `width` neighbours in `row`, from left to right."""
    if width > len(row):
        message = f"the window ({width}) is longer than the row ({len(row)})"
        raise ValueError(message)
    starts = range(len(row) - width + 1)
    return [sum(row[i : i + width]) for i in starts]
# --8<-- [end:window_sums]

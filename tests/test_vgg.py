"""The code of the lesson vgg does what the page says, in the cases that the page does not show."""

import pytest

from snippets import vgg


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_there_are_n_minus_k_plus_1_windows(width):
    assert len(vgg.window_sums([5, 0, 2, 7], width)) == 4 - width + 1


def test_a_window_as_long_as_the_row_gives_its_sum():
    assert vgg.window_sums([5, 0, 2, 7], 4) == [14]


def test_a_window_longer_than_the_row_is_an_error():
    with pytest.raises(ValueError, match="longer than the row"):
        vgg.window_sums([1, 2], 3)

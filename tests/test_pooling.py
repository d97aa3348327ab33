"""The functions of the lesson pooling: hand numbers, PyTorch on random cases, refusals, shifts."""

import random

import pytest
import torch
import torch.nn.functional as F

from snippets.pooling import (
    adaptive_avg_pool2d,
    avg_pool2d,
    bins,
    blur_pool,
    max_blur_pool,
    max_pool2d,
    pool_size,
    seen,
    spans,
    striped_disc,
)

X = [[1, 5, 4, 0], [4, 2, 3, 9], [7, 0, 6, 4], [1, 0, 8, 6]]


def random_grid(rng, rows, columns):
    return [[rng.uniform(-1, 1) for _ in range(columns)] for _ in range(rows)]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def assert_same(ours, theirs):
    torch.testing.assert_close(tensor(ours), theirs[0, 0], rtol=0, atol=1e-12)


def test_the_worked_example():
    assert max_pool2d(X, 2) == [[5, 9], [7, 8]]
    assert avg_pool2d(X, 2) == [[3, 4], [2, 6]]
    assert max_pool2d(X, 4) == [[9]]
    assert avg_pool2d(X, 4) == [[3.75]]
    assert adaptive_avg_pool2d(X, 1, 1) == [[3.75]]
    assert adaptive_avg_pool2d(X, 3, 3) == [[3, 3.5, 4], [3.25, 2.75, 5.5], [2, 3.5, 6]]


def test_without_more_words_the_windows_lie_side_by_side():
    assert spans(7, 3) == [(0, 3), (3, 6)]
    assert pool_size(7, 3) == 2


def test_a_window_may_stick_out_but_not_start_behind_the_input():
    assert spans(4, 3, 2, ceil_mode=True) == [(0, 3), (2, 4)]
    assert spans(3, 2, 2, 1, ceil_mode=True) == [(-1, 1), (1, 3)]
    assert spans(4, 2, 2, 1, ceil_mode=True) == [(-1, 1), (1, 3), (3, 5)]


def test_what_a_window_sees_is_cut_at_the_border():
    assert seen(X, (-1, 1), (-1, 2)) == [1, 5]
    assert seen(X, (3, 5), (2, 5)) == [8, 6]


@pytest.mark.parametrize("k", range(1, 8))
@pytest.mark.parametrize("up", [False, True])
def test_the_number_of_windows_is_pytorchs(k, up):
    for n in range(1, 13):
        for stride in range(1, 7):
            for padding in range(k // 2 + 1):
                case = (n, k, stride, padding, up)
                try:
                    theirs = F.max_pool1d(torch.zeros(1, 1, n), k, stride, padding, ceil_mode=up).shape[2]
                except RuntimeError:
                    with pytest.raises(ValueError, match="does not fit"):
                        pool_size(*case)
                else:
                    assert pool_size(*case) == theirs, case


@pytest.mark.parametrize("seed", range(120))
def test_max_and_average_equal_pytorch(seed):
    rng = random.Random(seed)
    k = rng.randint(1, 5)
    x = random_grid(rng, rng.randint(k, 11), rng.randint(k, 11))
    walk = {"stride": rng.choice([None, 1, 2, 3, 4]), "padding": rng.randint(0, k // 2), "ceil_mode": seed % 2 == 0}
    assert_same(max_pool2d(x, k, **walk), F.max_pool2d(tensor([[x]]), k, **walk))
    for counted in (True, False):
        theirs = F.avg_pool2d(tensor([[x]]), k, count_include_pad=counted, **walk)
        assert_same(avg_pool2d(x, k, count_include_pad=counted, **walk), theirs)


@pytest.mark.parametrize("seed", range(60))
def test_adaptive_pooling_equals_pytorch(seed):
    rng = random.Random(seed)
    x = random_grid(rng, rng.randint(1, 12), rng.randint(1, 12))
    size = rng.randint(1, 14), rng.randint(1, 14)
    assert_same(adaptive_avg_pool2d(x, *size), F.adaptive_avg_pool2d(tensor([[x]]), size))


def test_the_padding_of_max_pooling_never_wins_and_that_of_average_pooling_counts():
    flat = [[-9] * 4] * 4
    assert max_pool2d(flat, 3, stride=2, padding=1) == [[-9, -9], [-9, -9]]
    assert avg_pool2d(flat, 3, stride=2, padding=1) == [[-4, -6], [-6, -9]]
    assert avg_pool2d(flat, 3, False, stride=2, padding=1) == [[-9, -9], [-9, -9]]


def test_bins_cover_everything_and_are_nearly_equal():
    assert bins(7, 3) == [(0, 3), (2, 5), (4, 7)]
    for n in range(1, 30):
        for m in range(1, n + 1):
            found = bins(n, m)
            assert {place for start, stop in found for place in range(start, stop)} == set(range(n))
            sizes = [stop - start for start, stop in found]
            assert max(sizes) <= -(-n // m) + 1 and min(sizes) >= n // m


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ((4, 5), "a window of 5 does not fit into 4 values"),
        ((1, 4, 1, 1), "a window of 4 does not fit into 3 values"),
        ((4, 0), "need k >= 1"),
        ((4, 2, 0), "stride >= 1"),
        ((4, 2, 2, 2), "padding <= k // 2"),
        ((4, 2, 2, -1), "0 <= padding"),
    ],
)
def test_a_walk_without_sense_is_refused(case, words):
    with pytest.raises(ValueError, match=words):
        pool_size(*case)


def test_inputs_are_left_unchanged():
    x = [row[:] for row in X]
    max_pool2d(x, 3, stride=1, padding=1)
    avg_pool2d(x, 3, stride=1, padding=1)
    assert x == X


def test_the_blur_by_hand():
    assert max_blur_pool(tensor([[X]])).tolist() == [[[[5.75, 7.25], [7.0, 7.75]]]]
    assert blur_pool(torch.full((2, 3, 7, 6), 5.0)).tolist() == torch.full((2, 3, 4, 3), 5.0).tolist()


def test_the_blur_keeps_channels_apart():
    x = torch.rand(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([blur_pool(x[:, c : c + 1], stride=3) for c in range(3)], dim=1)
    torch.testing.assert_close(blur_pool(x, stride=3), alone, rtol=0, atol=1e-12)


def test_plain_max_pooling_is_the_dense_maximum_with_every_second_value():
    x = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(F.max_pool2d(x, 2), F.max_pool2d(x, 2, stride=1)[..., ::2, ::2])


def test_the_disc_keeps_its_stripes_or_loses_all_of_them():
    here, there = F.max_pool2d(striped_disc(0), 2)[0, 0, 16], F.max_pool2d(striped_disc(1), 2)[0, 0, 16]
    assert here[10:18].tolist() == [1, 0] * 4
    assert there[10:18].tolist() == [1] * 8
    assert torch.equal(striped_disc(8)[..., 8:], striped_disc(0)[..., :-8])

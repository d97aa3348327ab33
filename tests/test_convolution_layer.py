"""The functions of the lesson convolution-layer: hand numbers, PyTorch on random cases, refusals."""

import random

import pytest
import torch
import torch.nn.functional as F

from snippets.convolution_layer import conv_layer, output_size, pad, pad_row, times_read, window_sum

X = [[[1, 3, 8, 9], [2, 3, 9, 6], [1, 3, 6, 8]], [[2, 0, 1, 1], [0, 1, 2, 0], [1, 0, 0, 3]]]
WEIGHT = [[[[-1, 1], [-2, 2]], [[1, 0], [0, -1]]], [[[0, 1], [1, 0]], [[1, -1], [2, 0]]]]
BIAS = [1, -3]
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def random_block(rng, *shape):
    if not shape:
        return rng.uniform(-1, 1)
    return [random_block(rng, *shape[1:]) for _ in range(shape[0])]


def test_the_worked_example():
    assert window_sum(X, WEIGHT[0], 0, 1) == 15
    assert conv_layer(X, WEIGHT, BIAS) == [[[6, 16, -3], [6, 14, 1]], [[4, 9, 19], [2, 8, 11]]]
    assert conv_layer(X, WEIGHT, BIAS, stride=2) == [[[6, -3]], [[4, 19]]]
    assert conv_layer(X, WEIGHT, BIAS, dilation=2) == [[[20, 14]], [[9, 8]]]


def test_two_groups_by_hand():
    weight = [[WEIGHT[0][0]], [WEIGHT[1][1]]]
    assert conv_layer(X, weight, BIAS, groups=2) == [[[5, 18, -4], [6, 13, 2]], [[-1, -2, 1], [-2, -4, -1]]]


@pytest.mark.parametrize("seed", range(300))
def test_conv_layer_equals_pytorch(seed):
    rng = random.Random(seed)
    groups, seen, share = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 2)
    mode = rng.choice(list(MODES))
    k_h, k_w = rng.randint(1, 4), rng.randint(1, 4)
    stride, padding, dilation = rng.randint(1, 3), rng.randint(0, 2), rng.randint(1, 3)
    sides = [rng.randint(max(3, dilation * (k - 1) + 1 - 2 * padding), 12) for k in (k_h, k_w)]
    x = random_block(rng, groups * seen, *sides)
    weight = random_block(rng, groups * share, seen, k_h, k_w)
    bias = random_block(rng, groups * share)
    ours = conv_layer(x, weight, bias, stride, padding, dilation, groups, mode)
    padded = F.pad(tensor([x]), [padding] * 4, mode=MODES[mode])
    expected = F.conv2d(padded, tensor(weight), tensor(bias), stride, 0, dilation, groups)[0]
    torch.testing.assert_close(tensor(ours), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(300))
def test_output_size_counts_the_windows(seed):
    rng = random.Random(seed)
    k, stride, padding, dilation = rng.randint(1, 5), rng.randint(1, 4), rng.randint(0, 3), rng.randint(1, 3)
    n = rng.randint(max(1, dilation * (k - 1) + 1 - 2 * padding), 25)
    starts = [t for t in range(0, n + 2 * padding, stride) if t + dilation * (k - 1) < n + 2 * padding]
    assert output_size(n, k, stride, padding, dilation) == len(starts)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("p", [0, 1, 2, 3])
def test_padding_equals_pytorch(mode, p):
    row = [1, 3, 8, 9]
    expected = F.pad(tensor([[row]]), [p, p], mode=MODES[mode])[0, 0]
    assert pad_row(row, p, mode) == expected.tolist()
    rows = [[1, 3, 8, 9, 2], [2, 3, 9, 6, 5], [1, 3, 6, 8, 7], [4, 0, 2, 5, 3]]
    expected = F.pad(tensor([[rows]]), [p] * 4, mode=MODES[mode])[0, 0]
    assert pad(rows, p, mode) == expected.tolist()


def test_a_row_may_be_padded_with_all_of_itself_but_not_mirrored():
    assert pad_row([1, 3], 2, "circular") == [1, 3, 1, 3, 1, 3]
    assert pad_row([1, 3], 3) == [0, 0, 0, 1, 3, 0, 0, 0]
    for mode, p in (("circular", 3), ("reflect", 2)):
        with pytest.raises(ValueError, match=f"{mode}: 2 values are too few for a padding of {p}"):
            pad_row([1, 3], p, mode)


def test_times_read():
    assert times_read(5, 3) == [1, 2, 3, 2, 1]
    assert times_read(5, 3, padding=1) == [2, 3, 3, 3, 2]
    assert times_read(6, 3, stride=2) == [1, 1, 2, 1, 1, 0]
    assert times_read(5, 2, dilation=2) == [1, 1, 2, 1, 1]


@pytest.mark.parametrize("seed", range(50))
def test_times_read_equals_one_lit_value_at_a_time(seed):
    rng = random.Random(seed)
    k, stride, padding, dilation = rng.randint(1, 4), rng.randint(1, 3), rng.randint(0, 2), rng.randint(1, 2)
    n = rng.randint(dilation * (k - 1) + 1, 12)
    lit, ones = torch.eye(n, dtype=torch.float64)[:, None], torch.ones(1, 1, k, dtype=torch.float64)
    windows = F.conv1d(lit, ones, stride=stride, padding=padding, dilation=dilation).sum((1, 2))
    assert times_read(n, k, stride, padding, dilation) == windows.tolist()


def test_inputs_are_left_unchanged():
    x = [[row[:] for row in channel] for channel in X]
    conv_layer(x, WEIGHT, BIAS, padding=2, mode="reflect")
    assert x == X


@pytest.mark.parametrize("options", [{"k": 0}, {"stride": 0}, {"padding": -1}, {"dilation": 0}])
def test_a_walk_without_sense_is_refused(options):
    with pytest.raises(ValueError, match="dilation >= 1 and padding >= 0"):
        output_size(**{"n": 5, "k": 3, **options})


def test_a_kernel_that_does_not_fit_is_refused():
    assert output_size(3, 3, padding=1, dilation=2) == 1
    with pytest.raises(ValueError, match="a reach of 7 does not fit into 5 values"):
        output_size(3, 3, padding=1, dilation=3)


@pytest.mark.parametrize("groups", [2, 3])
def test_channels_that_do_not_match_are_refused(groups):
    with pytest.raises(ValueError, match=f"2 filters of 2, {groups} groups, input 2"):
        conv_layer(X, WEIGHT, BIAS, groups=groups)
    with pytest.raises(ValueError, match="1 groups, input 1"):
        conv_layer(X[:1], WEIGHT, BIAS)


def test_filters_that_do_not_share_out_are_refused():
    weight = [[slices[0]] for slices in (*WEIGHT, WEIGHT[0])]
    with pytest.raises(ValueError, match="3 filters of 1, 2 groups, input 2"):
        conv_layer(X, weight, [0, 0, 0], groups=2)


def test_each_filter_needs_its_bias():
    with pytest.raises(ValueError):
        conv_layer(X, WEIGHT, [1])

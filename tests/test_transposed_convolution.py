"""The functions of the lesson transposed-convolution: hand numbers, PyTorch on random cases, refusals, recorded results."""

import json
import random
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from snippets.transposed_convolution import (
    HEADS,
    bilinear_kernel,
    by_convolution,
    by_matrix,
    conv_transpose2d,
    enlarger,
    equal_start,
    flat_cell,
    output_size,
    phases,
    pixel_shuffle,
    record,
    spread,
    stamp,
    train,
    unevenness,
)

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "lessons" / "transposed-convolution" / "results.json"
X = [[1, 3], [2, 4]]
KERNEL = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
Y = [[1, 2, 6, 6, 9], [4, 5, 18, 15, 18], [9, 12, 40, 32, 39], [8, 10, 28, 20, 24], [14, 16, 46, 32, 36]]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_worked_example_in_all_three_ways():
    x, weight = tensor([[X]]), tensor([[KERNEL]])
    matrix = F.conv2d(torch.eye(25).double().reshape(25, 1, 5, 5), weight, stride=2).reshape(25, 4)
    assert stamp(X, KERNEL, stride=2) == Y
    assert conv_transpose2d(x, weight, stride=2).tolist() == by_convolution(x, weight, stride=2).tolist() == [[Y]]
    assert (matrix @ x.flatten()).tolist() == sum(Y, [])
    assert by_matrix(x, weight, stride=2).tolist() == [[Y]]


def test_stamp_takes_single_steps_unless_told_otherwise():
    assert stamp([[1, 10]], [[1, 2]]) == [[1, 12, 20]]
    assert stamp([[1], [10]], [[1, 2], [3, 4]]) == [[1, 2], [13, 24], [30, 40]]


@pytest.mark.parametrize("seed", range(100))
def test_all_three_ways_equal_pytorch(seed):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    k, stride, dilation = rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 2)
    options = {"stride": stride, "dilation": dilation, "padding": rng.randint(0, (k - 1) // 2)}
    options["output_padding"] = rng.randrange(max(stride, dilation))
    x = torch.randn(2, rng.randint(1, 3), rng.randint(1, 5), rng.randint(1, 5), dtype=torch.float64)
    weight = torch.randn(x.shape[1], rng.randint(1, 3), k, k, dtype=torch.float64)
    expected = F.conv_transpose2d(x, weight, **options)
    for way in (conv_transpose2d, by_convolution, by_matrix):
        torch.testing.assert_close(way(x, weight, **options), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("way", [conv_transpose2d, by_convolution, by_matrix])
def test_all_three_ways_have_the_defaults_of_pytorch(way):
    x, weight = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.randn(3, 2, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(way(x, weight), F.conv_transpose2d(x, weight), rtol=0, atol=1e-12)


def test_by_convolution_cuts_where_the_padding_is_larger_than_the_stamp():
    x, weight = torch.randn(1, 1, 4, 4, dtype=torch.float64), torch.randn(1, 1, 2, 2, dtype=torch.float64)
    expected = F.conv_transpose2d(x, weight, stride=2, padding=2)
    torch.testing.assert_close(by_convolution(x, weight, stride=2, padding=2), expected, rtol=0, atol=1e-12)


def test_output_padding_shows_what_was_cut_off_or_zeros():
    x, weight = tensor([[X]]), tensor([[KERNEL]])
    assert F.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)[0, 0, -1].tolist() == Y[4][1:]
    assert F.conv_transpose2d(x, weight, stride=2, output_padding=1)[0, 0, -1].tolist() == [0] * 6


def test_spread_puts_zeros_between_and_nowhere_else():
    assert spread(tensor([[[[1, 2]]]]), 3).tolist() == [[[[1, 0, 0, 2]]]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"output_padding": 1}, "output_padding must be below"),
        ({"stride": 2, "output_padding": 2}, "output_padding must be below"),
        ({"padding": 3}, "a padding of 3 cuts everything away"),
    ],
)
def test_sizes_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        output_size(4, 3, **options)


def test_the_smallest_sizes_that_can_be():
    assert output_size(4, 3) == 6
    assert output_size(1, 1) == output_size(3, 3, padding=2) == 1
    assert output_size(4, 3, dilation=2, output_padding=1) == 9


@pytest.mark.parametrize("stride", [2, 4])
def test_bilinear_kernel_enlarges_as_interpolate_does(stride):
    x = torch.randn(1, 1, 6, 6, dtype=torch.float64)
    ours = F.conv_transpose2d(x, bilinear_kernel(stride)[None, None], stride=stride, padding=stride // 2)
    theirs = F.interpolate(x, scale_factor=stride, mode="bilinear", align_corners=False)
    inside = (..., slice(stride, -stride), slice(stride, -stride))
    torch.testing.assert_close(ours[inside], theirs[inside], rtol=0, atol=1e-12)


def test_phases_are_the_values_on_a_flat_input():
    kernel = torch.arange(1.0, 26).reshape(5, 5)
    flat = F.conv_transpose2d(torch.ones(1, 1, 5, 5), kernel[None, None], stride=3)[0, 0, 6:9, 6:9]
    assert torch.equal(phases(kernel, 3), flat)
    assert phases(torch.ones(1, 1), 2).tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("r", [1, 2, 3])
def test_pixel_shuffle_equals_pytorch(r):
    x = torch.randn(2, 2 * r * r, 3, 4)
    assert torch.equal(pixel_shuffle(x, r), nn.PixelShuffle(r)(x))


def test_training_follows_the_loss_and_its_seed():
    small, large = torch.zeros(5, 1, 4, 4), torch.full((5, 1, 8, 8), 0.5)
    model = train(enlarger, small, large, seed=1, steps=60)
    assert F.mse_loss(model(small), large) < 0.01
    again = train(enlarger, small, large, seed=1, steps=60)
    assert torch.equal(model[0].weight, again[0].weight)


def test_the_cell_of_a_flat_image_shows_each_phase():
    model = enlarger()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model[0].bias[0] = 1
        model[2].weight[0, 0] = torch.arange(16.0).reshape(4, 4)
    # padding 1 cuts off the first row and column, so output (8, 8) starts with the odd phase
    expected = 16 * phases(model[2].weight[0, 0].detach(), 2).flip(0, 1)
    assert torch.equal(flat_cell(model), expected)
    assert unevenness(model) == (expected.max() - expected.min()).item() == 16 * 20


@pytest.mark.parametrize("head", HEADS)
def test_each_head_doubles_the_size(head):
    assert enlarger(head)(torch.zeros(3, 1, 4, 4)).shape == (3, 1, 8, 8)


def test_an_equal_start_is_flat():
    torch.manual_seed(0)
    assert unevenness(equal_start()) < 1e-5 < 0.1 < unevenness(enlarger("shuffle"))


def test_recorded_results_are_what_training_gives():
    recorded, fresh = json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"], record(seeds=[0])
    assert recorded["shown"] == fresh["shown"]
    torch.testing.assert_close(tensor(recorded["drawn"]), tensor(fresh["drawn"]), rtol=0, atol=0.5)
    for name, head in recorded["heads"].items():
        assert head["errors"][0] == pytest.approx(fresh["heads"][name]["errors"][0], abs=0.1)
        torch.testing.assert_close(tensor(head["cell"]), tensor(fresh["heads"][name]["cell"]), rtol=0, atol=0.5)


def test_recorded_results_say_what_the_page_says():
    heads = json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]["heads"]
    assert list(heads) == [*HEADS, "equal start"]
    errors = [error for head in heads.values() for error in head["errors"]]
    assert len(errors) == 50 and 2.6 < min(errors) and max(errors) < 3.2
    assert max(heads["resize"]["uneven"]) < 0.01
    assert all(min(head["uneven"]) > 0.3 for name, head in heads.items() if name != "resize")
    means = {name: sum(head["uneven"]) / 10 for name, head in heads.items()}
    assert means["kernel 4"] == pytest.approx(means["kernel 3"], abs=0.3)
    assert means["equal start"] > 2

"""The functions of the lesson receptive-field: hand numbers, gradients of random chains, refusals."""

import random

import pytest
import torch
from torch import nn

from snippets.receptive_field import (
    Layer,
    for_tracing,
    gradient_profile,
    random_influence,
    reached,
    receptive_field,
    spread,
    trace_back,
    width_holding,
)

WORKED = [Layer(3), Layer(2, 2), Layer(3)]


def network(layers, low=1.0, high=1.0):
    """Return a chain of convolutions with positive weights, float64."""
    net = nn.Sequential(*[nn.Conv1d(1, 1, *layer, bias=False) for layer in layers]).double()
    for weight in net.parameters():
        nn.init.uniform_(weight, low, high)
    return net


def random_chain(rng):
    return [
        Layer(rng.randint(1, 5), rng.randint(1, 3), rng.randint(0, 3), rng.randint(1, 3))
        for _ in range(rng.randint(1, 4))
    ]


def test_a_layer_has_no_stride_padding_or_gaps_of_its_own():
    assert Layer(3) == (3, 1, 0, 1)


def test_the_worked_example():
    assert [trace_back(WORKED[number:], 1, 1) for number in (2, 1, 0)] == [(1, 3), (2, 7), (2, 9)]
    assert [receptive_field(WORKED[:depth]) for depth in range(4)] == [(1, 1, 0), (3, 1, 0), (4, 2, 0), (8, 2, 0)]


def test_padding_moves_the_field():
    assert receptive_field([Layer(3, padding=1), Layer(2, 2), Layer(3, padding=1)]) == (8, 2, -3)


def test_several_outputs_are_traced_together():
    assert trace_back(WORKED, 0, 2) == (0, 11)
    assert trace_back([], 3, 5) == (3, 5)


@pytest.mark.parametrize("seed", range(100))
def test_recurrence_walk_and_gradient_agree(seed):
    chain = random_chain(random.Random(seed))
    size, jump, start = receptive_field(chain)
    i = 500 // jump + 1
    field = start + i * jump, start + i * jump + size - 1
    assert trace_back(chain, i, i) == field
    assert reached(gradient_profile(network(chain, 0.5, 1.5), (1, 1, 1600), (0, 0, i))) == field


@pytest.mark.parametrize("seed", range(50))
def test_without_padding_the_smallest_input_is_the_field(seed):
    chain = [layer._replace(padding=0) for layer in random_chain(random.Random(seed))]
    size = receptive_field(chain)[0]
    assert network(chain)(torch.ones(1, 1, size, dtype=torch.float64)).shape == (1, 1, 1)
    with pytest.raises(RuntimeError):
        network(chain)(torch.ones(1, 1, size - 1, dtype=torch.float64))


@pytest.mark.parametrize("layer", [Layer(0), Layer(3, 0), Layer(3, 1, -1), Layer(3, 1, 0, 0)])
def test_a_layer_that_cannot_exist_is_refused(layer):
    with pytest.raises(ValueError, match="no such layer"):
        receptive_field([Layer(3), layer])


def test_the_smallest_layer_is_accepted():
    assert receptive_field([Layer(1, 1, 0, 1)]) == (1, 1, 0)


def test_the_gradient_counts_the_ways():
    profile = gradient_profile(network(3 * [Layer(3)]), (1, 1, 9), (0, 0, 1))
    assert profile.tolist() == [0, 1, 3, 6, 7, 6, 3, 1, 0]


def test_the_profile_adds_rows_and_channels_without_signs():
    convolution = nn.Conv2d(2, 1, (2, 3), bias=False).double()
    weight = torch.arange(-6, 6, dtype=torch.float64).reshape(1, 2, 2, 3)
    with torch.no_grad():
        convolution.weight.copy_(weight)
    expected = weight.abs().sum(dim=(0, 1, 2))
    profile = gradient_profile(convolution, (1, 2, 2, 4), (0, 0, 0, 1))
    assert profile.tolist() == [0, *expected.tolist()]


def test_a_model_is_made_ready_for_tracing():
    def build():
        return nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1)), nn.Linear(10, 10)
        )

    torch.manual_seed(0)
    traced = for_tracing(build, lambda net: net[0])
    assert not traced.training and isinstance(traced[3], nn.AvgPool2d)
    assert (traced[3].kernel_size, traced[3].stride, traced[3].padding) == (3, 2, 1)
    assert traced[1].running_mean.tolist() == [0] * 4 and traced[1].running_var.tolist() == [1] * 4
    for parameter in traced.parameters():
        assert parameter.dtype == torch.float64 and not parameter.requires_grad and (parameter >= 0).all()
    assert len(traced[0].weight.unique()) > 50, "random weights"
    assert reached(gradient_profile(traced, (1, 3, 9, 21), (0, 0, 1, 5))) == trace_back(
        [Layer(3), Layer(3, 2, 1)], 5, 5
    )


def test_the_spread_is_a_standard_deviation():
    assert spread([1, 1, 1]) == pytest.approx((2 / 3) ** 0.5)
    assert spread([0, 0, 2, 2, 2, 0]) == pytest.approx((2 / 3) ** 0.5)
    assert spread([5]) == 0


@pytest.mark.parametrize(
    ("profile", "share", "width"),
    [([1, 1, 1, 1], 1.0, 4), ([0, 0, 1, 0, 0], 0.95, 1), ([1, 8, 1], 0.8, 1), ([1, 8, 1], 0.81, 3), ([1, 4, 4, 1], 0.8, 2)],
)
def test_the_middle_that_holds_a_share(profile, share, width):
    assert width_holding(profile, share) == width


def test_the_usual_share_is_95_percent():
    assert width_holding([2, 96, 2]) == 1
    assert width_holding([3, 94, 3]) == 3


def test_influence_fills_the_field_and_repeats():
    influence = random_influence(3, channels=2, seed=5)
    assert influence.shape == (7, 7)
    assert torch.equal(influence, random_influence(3, channels=2, seed=5))
    assert not torch.equal(influence, random_influence(3, channels=2, seed=6))


def test_the_initialisation_keeps_the_size_of_the_gradient():
    mean = [sum((random_influence(n, seed=s) ** 2).sum().item() for s in range(20)) / 20 for n in (4, 16)]
    assert 0.1 < mean[1] / mean[0] < 10

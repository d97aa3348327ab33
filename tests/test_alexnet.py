"""The code of the lesson alexnet: two towers, torchvision's one, and what the page does not show."""

import pytest
import torch
import torchvision
from skimage import data
from torch import nn

from snippets.alexnet import (
    Towers,
    alexnet,
    alexnet_2012,
    colour_axes,
    fit,
    halves,
    local_response_norm,
    our_name,
    shift_colours,
    small_alexnet,
    start,
    top_error,
)
from snippets.architectures import depth_and_field


def on_meta(build, **options):
    with torch.device("meta"):
        return build(**options)


@pytest.mark.parametrize(
    "build, options, count",
    [(alexnet_2012, {}, 60965224), (alexnet_2012, {"groups": 1}, 62378344), (alexnet, {}, 61100840)],
)
def test_parameters_depth_and_field(build, options, count):
    net = on_meta(build, **options)
    assert sum(p.numel() for p in net.parameters()) == count
    assert depth_and_field(net) == (8, 195)


def test_every_name_of_torchvision_has_its_place():
    theirs, ours = on_meta(torchvision.models.alexnet), on_meta(alexnet)
    state = {our_name(key): value.shape for key, value in theirs.state_dict().items()}
    assert state == {key: value.shape for key, value in ours.state_dict().items()}


def test_towers_are_groups_in_both_directions():
    torch.manual_seed(0)
    net = alexnet_2012(num_classes=2, norm=False)
    convs = [layer for layer in net if isinstance(layer, nn.Conv2d)]
    streams = Towers(convs[1:])
    x = torch.randn(1, 96, 27, 27)
    before = streams(x)
    x[:, :48] += 1  # changes the maps of the first card
    two = [conv(h) for conv, h in zip(streams.two, x.chunk(2, dim=1), strict=True)]
    assert torch.allclose(torch.cat(two, dim=1), convs[1](x), atol=1e-5)
    changed = (streams(x) - before).abs().amax(dim=(0, 2, 3)) > 0
    assert changed[128:].any(), "behind the third convolution both cards see it"


def test_halves_of_a_convolution():
    conv = nn.Conv2d(4, 6, 3, padding=1, groups=2)
    x = torch.randn(1, 4, 5, 5)
    parts = [half(h) for half, h in zip(halves(conv), x.chunk(2, dim=1), strict=True)]
    assert torch.allclose(torch.cat(parts, dim=1), conv(x), atol=1e-6)


@pytest.mark.parametrize("size, alpha, beta, k", [(5, 1e-4, 0.75, 2.0), (3, 1.0, 0.5, 1.0), (7, 0.3, 1.0, 0.1)])
def test_response_norm_is_pytorchs_with_alpha_times_size(size, alpha, beta, k):
    x = 10 * torch.randn(2, 9, 3, 4, dtype=torch.float64)
    theirs = nn.LocalResponseNorm(size, alpha=alpha * size, beta=beta, k=k)
    assert torch.allclose(local_response_norm(x, size, alpha, beta, k), theirs(x))


def test_colour_axes_are_the_axes_of_the_covariance():
    photo = torch.from_numpy(data.chelsea().copy()) / 255
    vectors, spreads = colour_axes(photo)
    assert torch.allclose(vectors.T @ vectors, torch.eye(3), atol=1e-5)
    along = (photo.reshape(-1, 3) - photo.reshape(-1, 3).mean(dim=0)) @ vectors
    assert torch.allclose(along.std(dim=0), spreads, atol=1e-4)
    assert torch.equal(shift_colours(photo, torch.zeros(3)), photo)
    assert shift_colours(photo, torch.tensor([0.0, 0.0, 1.0])).mean() > photo.mean()


def test_top_error_of_one_row():
    logits = torch.tensor([[1.0, 4, 3, 2]])
    assert [top_error(logits, torch.tensor([2]), k) for k in (1, 2, 3)] == [100.0, 0.0, 0.0]


@pytest.mark.parametrize("activation, name", [(nn.ReLU, "relu"), (nn.Tanh, "tanh")])
def test_small_network_learns_from_a_start_that_fits(activation, name):
    torch.manual_seed(0)
    images, labels = torch.rand(60, 1, 32, 32), torch.arange(60) % 2
    images[labels == 0, :, :16] = 0
    net = start(small_alexnet(activation), name)
    losses = fit(net, images, labels)
    assert len(losses) == 4 and losses[-1] < 0.5

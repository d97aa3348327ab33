"""The code of the lesson vgg: the shared block, and networks equal to torchvision's."""

import pytest
import torch
import torchvision
from torch import nn

from snippets.architectures import depth_and_field
from snippets.figures.vgg import FIRST, ROW, SECOND, correlate
from snippets.vgg import (
    VGG_CONFIGS,
    classifier,
    conv_norm_activation,
    features,
    fit,
    our_names,
    small_vgg,
    start_with,
    vgg,
)


def kinds(module):
    return [type(layer).__name__ for layer in module]


def test_the_block_leaves_out_what_is_none():
    assert kinds(conv_norm_activation(3, 8)) == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert kinds(conv_norm_activation(3, 8, norm=None)) == ["Conv2d", "ReLU"]
    assert kinds(conv_norm_activation(3, 8, activation=None)) == ["Conv2d", "BatchNorm2d"]
    assert kinds(conv_norm_activation(3, 8, norm=None, activation=None)) == ["Conv2d"]


def test_a_bias_is_there_only_where_it_counts():
    assert conv_norm_activation(3, 8)[0].bias is None
    assert conv_norm_activation(3, 8, norm=None)[0].bias is not None
    assert conv_norm_activation(3, 8, bias=True)[0].bias is not None
    assert conv_norm_activation(3, 8, norm=None, bias=False)[0].bias is None


@pytest.mark.parametrize("kernel, stride, groups", [(1, 1, 1), (3, 1, 4), (3, 2, 1), (5, 2, 2), (7, 2, 1), (1, 2, 1)])
def test_the_block_keeps_the_size_or_divides_it(kernel, stride, groups):
    layer = conv_norm_activation(4, 8, kernel, stride, groups)
    assert layer(torch.zeros(2, 4, 11, 8)).shape == (2, 8, -(-11 // stride), -(-8 // stride))
    assert layer[0].weight.shape == (8, 4 // groups, kernel, kernel)


@pytest.mark.parametrize("config, number", [("A", 11), ("B", 13), ("D", 16), ("E", 19)])
@pytest.mark.parametrize("norm", [None, nn.BatchNorm2d])
def test_every_name_of_torchvision_has_its_place(config, number, norm):
    name = f"vgg{number}_bn" if norm else f"vgg{number}"
    with torch.device("meta"):
        theirs, ours = torchvision.models.get_model(name, weights=None), vgg(config, norm=norm)
    names = our_names(config, norm)
    state = {}
    for key, value in theirs.state_dict().items():
        layer, _, kind = key.rpartition(".")
        state[f"{names[layer]}.{kind}"] = value.shape
    assert state == {key: value.shape for key, value in ours.state_dict().items()}
    assert depth_and_field(ours)[0] == number


def test_a_narrow_network_has_the_shapes_of_the_wide_one():
    assert features("D", width=4)(torch.zeros(1, 3, 224, 224)).shape == (1, 32, 7, 7)
    assert vgg("A", 5, width=4, hidden=8)(torch.zeros(2, 3, 224, 224)).shape == (2, 5)
    assert kinds(classifier(3)) == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]


@pytest.mark.parametrize("config", VGG_CONFIGS)
def test_small_network_and_its_starts(config):
    torch.manual_seed(0)
    images = torch.rand(2, 1, 32, 32)
    he, paper = (start_with(small_vgg(config=config), rule)[0](images) for rule in ("he", "paper"))
    assert he.std() > 1e3 * paper.std()


def test_batch_norm_makes_a_bad_start_good():
    torch.manual_seed(0)
    images, labels = torch.rand(100, 1, 32, 32), torch.arange(100) % 2
    images[labels == 0, :, :16] = 0
    plain = fit(start_with(small_vgg(), "paper"), images, labels)
    normed = fit(start_with(small_vgg(nn.BatchNorm2d), "paper"), images, labels)
    assert normed < 0.5 < plain


def test_the_figure_computes_its_rows():
    assert correlate(correlate(ROW, FIRST), SECOND) == [-13]

"""The code of the lesson efficientnet: equal to torchvision's, and what the page does not show."""

import pytest
import torch
import torchvision
from torch import nn

from snippets.architectures import depth_and_field
from snippets.efficientnet import (
    MOBILENET_V2,
    SCALES,
    blocks,
    dense,
    depthwise_separable,
    efficientnet,
    inverted_residual,
    mobilenet_v2,
    our_name,
    our_starts,
    rounded,
    scaled,
    small_efficientnet,
    small_network,
)
from snippets.resnet import Residual
from tests.conftest import with_random_norms


@pytest.mark.parametrize("version", range(8))
def test_every_name_of_torchvision_has_its_place(version):
    with torch.device("meta"):
        theirs = torchvision.models.get_model(f"efficientnet_b{version}", weights=None)
        ours = efficientnet(version)
    starts = our_starts(scaled(*SCALES[version][:2]))
    state = {our_name(key, starts): value.shape for key, value in theirs.state_dict().items()}
    assert state == {key: value.shape for key, value in ours.state_dict().items()}


@pytest.mark.parametrize("version", [0, 1])
def test_outputs_equal_torchvision(version):
    torch.manual_seed(0)
    theirs = with_random_norms(torchvision.models.get_model(f"efficientnet_b{version}", weights=None, num_classes=5)).double().eval()
    starts = our_starts(scaled(*SCALES[version][:2]))
    ours = efficientnet(version, num_classes=5).double().eval()
    ours.load_state_dict({our_name(key, starts): value for key, value in theirs.state_dict().items()})
    x = torch.randn(1, 3, 50, 70, dtype=torch.float64)
    assert torch.allclose(ours(x), theirs(x), rtol=0, atol=1e-10)


def test_mobilenet_in_training_as_well():
    torch.manual_seed(0)
    theirs, ours = with_random_norms(torchvision.models.mobilenet_v2(weights=None)).double().eval(), mobilenet_v2().double()
    pairs = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict(dict(pairs))
    for model in (theirs.train(), ours.train()):
        for layer in model.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
    x = torch.randn(3, 3, 64, 64, dtype=torch.float64)
    assert torch.allclose(ours(x), theirs(x), rtol=0, atol=1e-8)
    assert depth_and_field(ours) == (53, 491)


@pytest.mark.parametrize("stride, out_channels, joined", [(1, 8, True), (2, 8, False), (1, 12, False)])
def test_a_sum_only_where_the_shape_stays(stride, out_channels, joined):
    block = inverted_residual(8, out_channels, 5, stride, 4)
    assert isinstance(block, Residual) == joined
    assert block(torch.zeros(2, 8, 6, 6)).shape == (2, out_channels, 6 // stride, 6 // stride)


def test_the_narrow_layer_is_linear_and_a_block_may_be_bare():
    body = inverted_residual(8, 8, 3, 1, 6).body
    assert [type(layer).__name__ for layer in body[-1]] == ["Conv2d", "BatchNorm2d"]
    assert len(inverted_residual(8, 4, 3, 1, 1, gate=False)) == 2
    assert len(inverted_residual(8, 4, 3, 1, 6, gate=True)) == 4


@pytest.mark.parametrize("c, d, k", [(3, 5, 3), (4, 4, 5)])
def test_separable_has_the_weights_of_the_formula(c, d, k):
    pair, one = depthwise_separable(c, d, k), dense(c, d, k, 1)
    ratio = sum(p.numel() for p in pair.parameters()) / one.weight.numel()
    assert ratio == pytest.approx(1 / d + 1 / k**2)
    assert pair(torch.zeros(1, c, 7, 7)).shape == one(torch.zeros(1, c, 7, 7)).shape == (1, d, 7, 7)


def test_widths_are_multiples_of_eight():
    for width, *_ in SCALES:
        assert all(rounded(channels, width) % 8 == 0 for channels in range(8, 400, 4))
        assert all(rounded(channels, width) >= 0.9 * channels * width for channels in range(8, 400, 4))
    assert len(blocks(MOBILENET_V2, 32, gate=False)) == 17
    assert len(blocks(scaled(1, 1), 32)) == 16


@pytest.mark.parametrize("layer", [dense, depthwise_separable])
def test_small_network(layer):
    assert small_network(layer, width=4)(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_small_efficientnet_is_made_of_the_blocks_of_b0():
    model = small_efficientnet()
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert model[:-3](torch.zeros(2, 1, 8, 8)).shape == (2, 64, 4, 4), "one stride of 2"
    assert [type(layer) for layer in model[1:3]] == [type(layer) for layer in blocks([(4, 3, 1, 16, 1), (4, 3, 2, 24, 2)], 16)][:2]

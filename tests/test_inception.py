"""The code of the lesson inception: equal to torchvision's, and what the page does not show."""

from functools import partial

import pytest
import torch
import torchvision
from torch import nn

from snippets.architectures import depth_and_field
from snippets.inception import (
    BLOCKS,
    Auxiliary,
    Inception,
    googlenet,
    large_kernels,
    mlp_conv,
    network_in_network,
    our_name,
    small_inception,
    small_nin,
)
from snippets.vgg import conv_norm_activation
from tests.conftest import with_random_norms


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def theirs(**options):
    return torchvision.models.googlenet(weights=None, init_weights=False, **options)


def test_every_name_of_torchvision_has_its_place():
    with torch.device("meta"):
        a, b = theirs(aux_logits=False), googlenet(kernel=3)
    state = {our_name(key): value.shape for key, value in a.state_dict().items()}
    assert state == {key: value.shape for key, value in b.state_dict().items()}
    assert depth_and_field(a) == depth_and_field(b) == (22, 379)


def test_outputs_equal_torchvision_in_both_modes():
    torch.manual_seed(0)
    a = with_random_norms(theirs(aux_logits=False, num_classes=5))
    for layer in a.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    b = googlenet(num_classes=5, kernel=3)
    b[-2].p = 0.0
    b.load_state_dict({our_name(key): value for key, value in a.state_dict().items()})
    a, b = a.double(), b.double()
    x = torch.randn(2, 3, 75, 90, dtype=torch.float64)
    assert torch.allclose(b.train()(x), a.train()(x), rtol=0, atol=1e-8)
    assert torch.allclose(b.eval()(x), a.eval()(x), rtol=0, atol=1e-8)


@pytest.mark.parametrize("kernel, norm, count", [(5, True, 7005832), (5, False, 6998552), (3, True, 6624904)])
def test_the_three_variants(kernel, norm, count):
    with torch.device("meta"):
        assert parameters(googlenet(kernel=kernel, norm=norm)) == count


def test_heads_have_the_parameters_of_torchvision():
    with torch.device("meta"):
        a = theirs()
    for channels, head in ((512, a.aux1), (528, a.aux2)):
        assert parameters(Auxiliary(channels)) == parameters(head) - 128  # their 1x1 layer is normalised
    assert Auxiliary(4, 7)(torch.zeros(2, 4, 14, 14)).shape == (2, 7)


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_block_joins_its_branches_in_order(name, kernel):
    one, three, five, pool = BLOCKS[name]
    block = Inception(8, one, three, five, pool, kernel, partial(conv_norm_activation, norm=None))
    x = torch.randn(1, 8, 6, 5)
    y = block(x)
    assert y.shape == (1, one + three[1] + five[1] + pool, 6, 5)
    assert torch.equal(y[:, :one], block.one(x)) and torch.equal(y[:, -pool:], block.pool(x))
    assert block.five[1][0].kernel_size == (kernel, kernel)


def test_network_in_network_averages_a_map_for_each_class():
    torch.manual_seed(0)
    net = network_in_network(num_classes=7, in_channels=1, width=4).eval()
    x = torch.randn(2, 1, 32, 32)
    assert torch.allclose(net(x), net[:-2](x).mean(dim=(2, 3)), atol=1e-6)
    assert mlp_conv(3, (4, 5, 6), 3)(torch.zeros(1, 3, 9, 9)).shape == (1, 6, 9, 9)
    assert parameters(network_in_network()) == 966986


@pytest.mark.parametrize("build", [small_inception, large_kernels, small_nin])
def test_small_network(build):
    assert build()(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert parameters(build(2)) < parameters(build(3))


def test_small_nin_hands_on_what_differs_between_images():
    torch.manual_seed(0)
    x = torch.rand(20, 1, 8, 8)
    ours, theirs = (net.eval()(x).std(dim=0).mean() for net in (small_nin(), network_in_network(10, 1, 8)))
    assert ours > 100 * theirs

"""The measurements of the page reference/architectures.md agree with other ways to find the same numbers."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import get_model, get_model_weights
from torchvision.ops import SqueezeExcitation

from snippets import architectures
from snippets.cost_of_a_network import kept_for_backward
from snippets.receptive_field import gradient_profile, reached
from snippets.resnet import Residual


class Branches(nn.Module):
    """Two branches of different depth and width, joined, and a functional pooling in between."""

    def __init__(self, kernel, dilation, pad):
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, (1, 3), padding=(0, 1)))
        self.right = nn.Conv2d(1, 2, kernel, padding=dilation * (kernel - 1) // 2, dilation=dilation)
        self.last = nn.Conv2d(4, 1, 3, stride=2, padding=pad)

    def forward(self, x):
        x = F.avg_pool2d(x, 3, stride=2, padding=1)
        return self.last(torch.cat([self.left(x), self.right(x)], dim=1))


def positive(network):
    """All weights positive, in float64: no gradient can cancel another one."""
    for parameter in network.double().parameters():
        parameter.data.abs_().add_(0.1)
    return network.eval()


@pytest.mark.parametrize("kernel, dilation, pad", [(3, 1, 0), (5, 1, 1), (3, 3, 1), (1, 1, 1)])
def test_field_is_what_the_gradient_reaches(kernel, dilation, pad):
    network = positive(Branches(kernel, dilation, pad))
    depth, field = architectures.depth_and_field(network)
    shape = (1, 1, 64, 64)
    rows, columns = network(torch.ones(shape, dtype=torch.float64)).shape[2:]
    first, last = reached(gradient_profile(network, shape, (0, 0, rows // 2, columns // 2)))
    assert (depth, field) == (3, last - first + 1)


def test_a_shortcut_counts_as_its_longest_branch():
    body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    network = nn.Sequential(nn.Conv2d(3, 4, 7, padding=3, stride=2), Residual(body), nn.Flatten(), nn.Linear(64, 2))
    assert architectures.depth_and_field(network) == (4, 7 + 2 * 4)


def test_a_gate_adds_neither_depth_nor_field():
    network = nn.Sequential(nn.Conv2d(1, 8, 3), SqueezeExcitation(8, 2), nn.Conv2d(8, 8, 3))
    assert architectures.depth_and_field(network) == (2, 5)


def test_windows_behind_the_averaged_maps_do_not_widen_the_field():
    network = nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(4), nn.Conv2d(1, 1, 3))
    assert architectures.depth_and_field(network) == (2, 3)


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1", "shufflenet_v2_x0_5"])
def test_bytes_without_values_are_the_bytes_with_values(name):
    network, images = get_model(name, weights=None).train(), torch.zeros(2, 3, 96, 96)
    on_meta = architectures.kept(get_model(name, weights=None).train().to("meta"), images.to("meta"))
    assert architectures.kept(network, images) == on_meta == sum(kept_for_backward(network, images).values())


@pytest.mark.parametrize("name", ["squeezenet1_0", "mnasnet0_5", "resnet18"])
def test_counts_are_those_of_torchvision(name):
    row, first, newest = architectures.from_torchvision(name)
    meta = next(iter(get_model_weights(name))).meta
    assert row.parameters == meta["num_params"]
    assert row.macs / 1e9 == pytest.approx(meta["_ops"], abs=6e-4)
    assert first == meta["_metrics"]["ImageNet-1K"]["acc@1"] <= newest


def test_a_grey_image_can_be_measured():
    network = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Flatten(), nn.Linear(96, 10)).to("meta")
    row = architectures.measure(network, side=8, channels=1)
    assert row == (8, 2, 6 * 26 + 970, 16 * 6 * 25 + 960, 5, row.memory)
    assert row.memory == 4 * (64 + 96)  # what the two layers read

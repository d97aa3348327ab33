"""The code of the lesson resnet: equal to torchvision's, and what the page does not show."""

import json

import pytest
import torch
import torchvision
from torch import nn

from scripts.record_results import ROOT
from snippets.architectures import depth_and_field
from snippets.resnet import (
    DEPTHS,
    Padded,
    Residual,
    basic_body,
    bottleneck_body,
    cifar_resnet,
    cifar_resnet_v2,
    fit,
    our_name,
    projection,
    resnet,
)
from tests.conftest import with_random_norms

EXPERIMENTS = json.loads((ROOT / "docs/lessons/resnet/results.json").read_text(encoding="utf-8"))["experiments"]


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("depth", DEPTHS)
def test_every_name_of_torchvision_has_its_place(depth):
    with torch.device("meta"):
        theirs, ours = torchvision.models.get_model(f"resnet{depth}", weights=None), resnet(depth)
    state = {our_name(key): value.shape for key, value in theirs.state_dict().items()}
    assert state == {key: value.shape for key, value in ours.state_dict().items()}
    assert depth_and_field(ours) == depth_and_field(theirs)
    assert depth_and_field(ours)[0] == depth


@pytest.mark.parametrize("depth", [18, 50])
def test_equal_to_torchvision_in_training_too(depth):
    torch.manual_seed(0)
    theirs = with_random_norms(torchvision.models.get_model(f"resnet{depth}", weights=None, num_classes=7)).double()
    ours = resnet(depth, num_classes=7).double()
    ours.load_state_dict({our_name(key): value for key, value in theirs.state_dict().items()})
    x = torch.randn(3, 3, 49, 70, dtype=torch.float64)
    assert torch.allclose(ours(x), theirs(x), rtol=0, atol=1e-9)
    assert torch.allclose(ours.eval()(x), theirs.eval()(x), rtol=0, atol=1e-9)


def test_a_wrong_mapping_is_noticed():
    torch.manual_seed(0)
    theirs = with_random_norms(torchvision.models.resnet18(weights=None)).eval()
    state = {our_name(key): value for key, value in theirs.state_dict().items()}
    one, two = "2.0.body.0.1.bias", "2.0.body.1.1.bias"
    state[one], state[two] = state[two], state[one]
    ours = resnet(18)
    ours.load_state_dict(state)
    x = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(ours.eval()(x), theirs(x), atol=1e-3)


@pytest.mark.parametrize("version, stride", [("1", (2, 1)), ("1.5", (1, 2))])
def test_the_place_of_the_stride(version, stride):
    body = bottleneck_body(8, 4, 2, version)
    assert tuple(layer[0].stride[0] for layer in body[:2]) == stride
    assert body(torch.zeros(1, 8, 6, 6)).shape == (1, 16, 3, 3)


def test_shortcuts():
    assert projection(8, 8) is None
    assert projection(8, 16)(torch.zeros(1, 8, 4, 4)).shape == (1, 16, 4, 4)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    y = Padded(2, 2)(x)
    assert y[0, 0].tolist() == [[0, 2], [8, 10]] and (y[0, 1:] == 0).all() and y.shape == (1, 3, 2, 2)


def test_the_sum_comes_before_the_activation():
    block = Residual(nn.Identity(), nn.Identity(), nn.ReLU())
    assert block(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 4.0]
    assert parameters(basic_body(3, 5)) == 27 * 5 + 10 + 225 + 10


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("build", [cifar_resnet, cifar_resnet_v2])
def test_the_family_has_6n_plus_2_layers(build, n):
    assert depth_and_field(build(6 * n + 2))[0] == 6 * n + 2
    plain = cifar_resnet(6 * n + 2, "plain")
    assert parameters(plain) == parameters(build(6 * n + 2)), "shortcuts of option A are free"


def test_degradation_as_recorded():
    last = {name: [loss[-1] for loss in runs["loss"]] for name, runs in EXPERIMENTS.items()}
    assert min(last["plain, 32"]) > max(last["plain, 20"]) > min(last["plain, 20"]) > max(last["plain, 8"])
    assert max(max(last[f"A, {depth}"]) for depth in (8, 20, 32)) < min(last["plain, 8"])


def test_fit_returns_one_loss_for_each_epoch():
    torch.manual_seed(0)
    images, labels = torch.randn(60, 1, 8, 8), torch.arange(60) % 10
    losses = fit(cifar_resnet(8, in_channels=1, width=8), images, labels, epochs=3)
    assert len(losses) == 3 and losses[-1] < losses[0]

"""The code of the lesson attention-in-cnns does what the page says, in the cases that the page does not show."""

import json

import pytest
import torch
import torchvision
from torch import nn

from scripts.record_results import ROOT
from snippets.architectures import depth_and_field
from snippets.attention_in_cnns import (
    CBAM,
    ECA,
    GATES,
    SqueezeExcitation,
    fit,
    se_resnet,
    small_network,
    with_lamp,
)
from snippets.first_cnn import load
from snippets.resnet import resnet

RESULTS = json.loads((ROOT / "docs/lessons/attention-in-cnns/results.json").read_text(encoding="utf-8"))["experiments"]


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU])
def test_squeeze_excitation_is_torchvisions(activation):
    torch.manual_seed(0)
    theirs = torchvision.ops.SqueezeExcitation(12, 3, activation=activation)
    ours = SqueezeExcitation(12, 3, activation)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    x = torch.randn(2, 12, 4, 6)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_se_resnet_adds_two_matrices_to_each_block(depth):
    with torch.device("meta"):
        plain, gated = resnet(depth), se_resnet(depth, bias=False)
    channels = [module.gate[1].in_channels for module in gated.modules() if isinstance(module, SqueezeExcitation)]
    assert len(channels) == {18: 8, 34: 16, 50: 16}[depth]
    assert parameters(gated) - parameters(plain) == sum(2 * c * (c // 16) for c in channels)


def test_the_gate_stands_in_the_body():
    block = se_resnet(18)[2][0]
    assert isinstance(block.body[-1], SqueezeExcitation)
    assert se_resnet(18, num_classes=3)(torch.zeros(2, 3, 64, 64)).shape == (2, 3)


@pytest.mark.parametrize("channels, kernel", [(16, 3), (32, 3), (64, 3), (128, 5), (256, 5), (512, 5), (2048, 7)])
def test_the_kernel_of_eca_is_odd_and_grows_slowly(channels, kernel):
    assert ECA(channels).conv.kernel_size == (kernel,)


def test_eca_reads_neighbouring_channels_only():
    torch.manual_seed(0)
    layer, x = ECA(16), torch.rand(1, 16, 3, 3)
    moved = x.clone()
    moved[:, 0] += 1
    changed = ((layer(moved) / moved - layer(x) / x).abs().amax(dim=(2, 3)) > 1e-6)[0]
    assert changed.nonzero().flatten().tolist() == [0, 1]


def test_cbam_gates_pixels_and_channels():
    torch.manual_seed(0)
    layer, x = CBAM(8, 2), torch.rand(2, 8, 9, 9)
    ratio = layer(x) / x
    assert ((ratio > 0) & (ratio < 1)).all()
    assert ratio.std(dim=(2, 3)).min() > 0 and ratio.std(dim=1).min() > 0
    rank_one = ratio[:, :, :1, :1] * ratio[:, :1] / ratio[:, :1, :1, :1]
    assert torch.allclose(ratio, rank_one, atol=1e-5), "a gate for the channel times one for the pixel"


def test_the_lamp_decides():
    images, labels = load()
    scenes, classes = with_lamp(images, labels)
    lit = scenes[:, 0, 2, 20] > 0
    assert torch.equal(scenes[..., :8], images) and 0.45 < lit.double().mean() < 0.55
    assert torch.equal(classes[lit], 9 - labels[lit]) and torch.equal(classes[~lit], labels[~lit])
    assert (scenes[lit][:, 0, 2:6, 20:24] == 1).all() and scenes[~lit][..., 8:].abs().max() == 0


@pytest.mark.parametrize("name", GATES)
def test_small_network_sees_too_little_without_its_gate(name):
    network = small_network(GATES[name], width=4)
    assert network(torch.zeros(2, 1, 8, 26)).shape == (2, 10)
    assert depth_and_field(small_network(GATES["none"]))[1] == 13


def test_fit_learns_a_few_scenes():
    torch.manual_seed(0)
    scenes, classes = with_lamp(*(part[:60] for part in load()))
    model = fit(small_network(GATES["SE"], width=8), scenes, classes, epochs=40).eval()
    assert (model(scenes).argmax(dim=1) == classes).double().mean() > 0.5


def test_recorded_gates_pass_one_half_and_the_plain_network_does_not():
    assert max(RESULTS["none"]["test"]) < 52
    assert min(min(RESULTS[name]["test"]) for name in ("SE", "ECA", "CBAM")) > 60

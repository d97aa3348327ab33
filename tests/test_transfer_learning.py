"""The code of the lesson transfer-learning does what the page says, in the cases that the page does not show."""

import copy
import json

import pytest
import torch
from torch import nn

from scripts.record_results import ROOT
from snippets.first_cnn import load
from snippets.transfer_learning import WAYS, Frozen, adapt, backbone, compare, few, groups, pretrain, scenes, tasks

RESULTS = json.loads((ROOT / "docs/lessons/transfer-learning/results.json").read_text(encoding="utf-8"))["experiments"]


@pytest.fixture(scope="module")
def both():
    return tasks()


def test_scenes_hold_the_digit_and_are_the_same_for_the_same_seed():
    digits = load()[0][:4]
    made = scenes(digits, seed=3)
    assert made.shape == (4, 1, 20, 20) and made.min() >= 0 and made.max() <= 1.0001
    assert torch.equal(made, scenes(digits, seed=3)) and not torch.equal(made, scenes(digits, seed=4))
    assert (made.amax(dim=(1, 2, 3)) > 0.8).all(), "the ink is brighter than any ground"


def test_source_and_target_share_no_digit(both):
    (source, low), (target, high) = both
    assert set(low.tolist()) == set(high.tolist()) == set(range(5))
    assert len(source) == 3 * 901 and len(target) == 896
    assert abs(source.mean()) < 1e-4 and abs(source.std() - 1) < 1e-4


@pytest.mark.parametrize("number", [2, 50, 90])
def test_training_and_test_images_do_not_meet(both, number):
    labels = both[1][1]
    train, test = few(labels, number, seed=0)
    assert not set(train.tolist()) & set(test.tolist())
    assert labels[train].bincount().tolist() == [number] * 5 and labels[test].bincount().tolist() == [80] * 5


def test_a_frozen_body_never_moves():
    torch.manual_seed(0)
    body = backbone(4)
    x = torch.randn(6, 1, 20, 20)
    before = body.eval()(x)
    frozen = Frozen(body)
    model = nn.Sequential(frozen, nn.Linear(16, 5)).train()
    assert model[1].training and not any(layer.training for layer in frozen.modules())
    loss = model(x + 5).sum()
    loss.backward()
    assert torch.equal(frozen(x), before) and all(p.grad is None for p in body.parameters())


def test_a_rate_of_zero_leaves_a_part_out():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    assert [group["lr"] for group in groups(model, (0.1, 0.5))] == [0.1, 0.5]
    [only] = groups(model, (0.0, 0.5))
    assert only["lr"] == 0.5 and only["params"] == list(model[1].parameters())


def test_adapt_moves_what_it_is_told_to(both):
    images, labels = both[1]
    train = few(labels, 2, seed=0)[0]
    torch.manual_seed(0)
    start = backbone()
    for rates, moves in (((0.0, 0.1), False), ((0.01, 0.1), True)):
        body = copy.deepcopy(start)
        adapt(body, rates, images[train], labels[train], seed=0, steps=2)
        assert torch.equal(body[0].weight, start[0].weight) != moves


def test_pretraining_learns(both):
    source = tuple(part[::9] for part in both[0])
    model = pretrain(*source, epochs=4).eval()
    right = (model(source[0]).argmax(dim=1) == source[1]).double().mean()
    assert right > 0.5


@pytest.mark.parametrize("way", WAYS)
def test_compare_leaves_the_trained_backbone_alone(both, way):
    torch.manual_seed(0)
    trained = backbone()
    before = copy.deepcopy(trained.state_dict())
    assert 0 <= compare(way, trained, both[1], 2, seed=0, steps=2) <= 100
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())


def mean(name):
    return sum(RESULTS[name]["test"]) / len(RESULTS[name]["test"])


def test_what_the_page_says_of_the_recorded_runs():
    for number in (2, 5, 10):
        assert mean(f"fine-tuned, {number}") > mean(f"scratch, {number}") + 4
    assert mean("frozen, 2") > mean("scratch, 2") + 10 and mean("frozen, 90") < mean("scratch, 90") - 10
    assert mean("scratch, 90, long") >= mean("fine-tuned, 90, long") - 1

"""The code of the lesson data-augmentation, in the cases that the page does not show, and that the page says what its
recorded results say."""

import ast
import json
import math
import re
import statistics

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF

from scripts import record_results
from snippets import data_augmentation
from snippets.data_augmentation import (
    AUGMENTATIONS,
    accuracy,
    average_over_shifts,
    crop_with_padding,
    cut_box,
    cutmix,
    erase,
    few,
    mixup,
    shift,
    sometimes,
    train,
    turn,
    turn_by,
)
from snippets.first_cnn import cnn, load

LESSON = record_results.ROOT / "docs" / "lessons" / "data-augmentation"
PAGE = (LESSON / "index.md").read_text(encoding="utf-8")
RESULTS = json.loads((LESSON / "results.json").read_text(encoding="utf-8"))
EXPERIMENTS = RESULTS["experiments"]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def random_batch(n=6, channels=1, height=8, width=8):
    return torch.rand(n, channels, height, width, dtype=torch.float64)


@pytest.mark.parametrize("top", range(5))
@pytest.mark.parametrize("left", range(5))
def test_crop_with_padding_is_pad_and_crop(top, left):
    x = torch.rand(4, 7, dtype=torch.float64)
    assert torch.equal(crop_with_padding(x, 2, top, left), TF.crop(TF.pad(x[None], 2), top, left, 4, 7)[0])


def test_crop_in_the_middle_changes_nothing():
    x = torch.rand(4, 7)
    assert torch.equal(crop_with_padding(x, 3, 3, 3), x)


def test_erase_leaves_its_input_alone():
    x = torch.ones(4, 4)
    assert erase(x, 1, 1, 2, 3, 0).sum() == 16 - 6 and x.sum() == 16


@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0])
def test_mixup_blends_with_the_image_before(lam):
    x, targets = random_batch(3), torch.eye(3, dtype=torch.float64)
    mixed, mixed_targets = mixup(x, targets, lam)
    assert torch.allclose(mixed[2], lam * x[2] + (1 - lam) * x[1])
    assert torch.allclose(mixed[0], lam * x[0] + (1 - lam) * x[2])
    assert torch.allclose(mixed_targets.sum(dim=1), torch.ones(3, dtype=torch.float64))
    assert mixed_targets[2].tolist() == pytest.approx([0, 1 - lam, lam])


@pytest.mark.parametrize("lam", [0.05, 0.3, 0.75, 0.99])
@pytest.mark.parametrize("size", [(8, 8), (5, 9)])
def test_every_box_lies_in_the_image_and_the_target_is_its_area(lam, size):
    height, width = size
    x = torch.stack([torch.zeros(1, height, width), torch.ones(1, height, width)])
    for row in range(height):
        for column in range(width):
            box = cut_box(lam, row, column, height, width)
            assert 0 <= box[0] <= box[1] <= height and 0 <= box[2] <= box[3] <= width
            pasted, targets = cutmix(x, torch.eye(2), box)
            assert targets[0, 1].item() == pytest.approx(pasted[0].mean().item(), abs=1e-6)
            assert targets[0, 1].item() <= 1 - lam + 1e-6


def test_cutmix_leaves_its_input_alone():
    x = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    cutmix(x, torch.eye(2), (0, 2, 0, 2))
    assert x[0].sum() == 0


@pytest.mark.parametrize("transform", [v2.MixUp(alpha=0.4, num_classes=4), v2.CutMix(alpha=0.4, num_classes=4)])
def test_both_equal_torchvision(transform):
    for number in range(30):
        x, y = random_batch(5, 3, 9, 6), torch.randint(4, (5,))
        targets = F.one_hot(y, 4).float()
        torch.manual_seed(number)
        drawn = transform.make_params([x])
        torch.manual_seed(number)
        expected = transform(x, y)
        if "lam" in drawn:
            ours = mixup(x, targets, drawn["lam"])
        else:
            left, top, right, bottom = drawn["box"]
            ours = cutmix(x, targets, (top, bottom, left, right))
        assert torch.allclose(ours[0], expected[0]) and torch.allclose(ours[1], expected[1])


@pytest.mark.parametrize("by", [1, 2])
def test_shift_draws_every_shift_and_only_those(by):
    x = torch.zeros(600, 1, 8, 8)
    x[:, 0, 3, 4] = 1
    places = {tuple(place) for place in shift(x, by).nonzero()[:, 2:].tolist()}
    assert places == {(3 + i, 4 + j) for i in range(-by, by + 1) for j in range(-by, by + 1)}


def test_shift_moves_whole_images():
    x = random_batch(20)
    for moved, image in zip(shift(x), x, strict=True):
        options = [crop_with_padding(image[0], 1, i, j) for i in range(3) for j in range(3)]
        assert any(torch.equal(moved[0], option) for option in options)


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_sometimes_draws_for_each_image(p):
    x = torch.tensor([[0.0, 1.0]]).expand(2000, 1, 1, 2)
    flipped = (sometimes(x, lambda v: v.flip(-1), p)[:, 0, 0, 0] == 1).float().mean().item()
    assert abs(flipped - p) < 0.05


@pytest.mark.parametrize("degrees", [-37, 10, 90, 180])
def test_turn_by_equals_torchvision(degrees):
    x = random_batch(3)
    angle = torch.full((3,), math.radians(degrees), dtype=torch.float64)
    expected = TF.rotate(x, degrees, interpolation=v2.InterpolationMode.BILINEAR)
    assert torch.allclose(turn_by(x, angle), expected)


def test_turn_draws_an_angle_for_each_image():
    x = random_batch(1).expand(50, 1, 8, 8)
    turned = turn(x, 10)
    assert len({round(image.sum().item(), 9) for image in turned}) > 40
    assert torch.allclose(turn(x, 0), x)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_keeps_shape_and_distributions(name):
    x, targets = torch.rand(50, 1, 8, 8), F.one_hot(torch.randint(10, (50,)), 10).float()
    before = x.clone()
    changed, new_targets = AUGMENTATIONS[name](x, targets)
    assert changed.shape == x.shape and torch.equal(x, before)
    assert torch.allclose(new_targets.sum(dim=1), torch.ones(50)) and new_targets.min() >= 0
    assert torch.equal(changed, x) == (name == "none")


def test_upside_down_is_half_a_turn():
    x = random_batch(40)
    changed = AUGMENTATIONS["upside down"](x, None)[0]
    assert all(
        torch.equal(one, image) or torch.equal(one, torch.rot90(image, 2, dims=(-2, -1)))
        for one, image in zip(changed, x, strict=True)
    )


def test_few_takes_as_many_of_each_digit():
    labels = load()[1]
    chosen = few(labels, 10, seed=3)
    assert torch.bincount(labels[chosen]).tolist() == [10] * 10 and len(set(chosen.tolist())) == 100
    assert torch.equal(chosen, few(labels, 10, seed=3)) and not torch.equal(chosen, few(labels, 10, seed=4))


def test_train_learns_and_is_the_same_for_the_same_seed():
    images, labels = load()
    part = few(labels, 10, seed=0)
    models = [train(AUGMENTATIONS["shift 1"], images[part], labels[part], seed=1, steps=60) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*(model.parameters() for model in models), strict=True))
    assert not models[0].training
    assert accuracy(models[0], images[part], labels[part]) > 70


def test_accuracy_is_in_percent():
    logits = torch.eye(10)[[0, 1, 2, 3]]
    assert accuracy(torch.nn.Identity(), logits, torch.tensor([0, 1, 2, 9])) == 75


def test_average_is_the_mean_of_nine_views():
    model, x = cnn(), torch.rand(4, 1, 8, 8)
    probabilities = average_over_shifts(model, x)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(4), atol=1e-6)
    views = [
        torch.stack([crop_with_padding(image[0], 1, i, j)[None] for image in x]) for i in range(3) for j in range(3)
    ]
    expected = torch.stack([model(view).softmax(dim=1) for view in views]).mean(dim=0)
    assert torch.allclose(probabilities, expected, atol=1e-6)


def test_record_makes_what_the_figures_read(monkeypatch):
    monkeypatch.setattr(data_augmentation, "train", lambda *arguments: arguments[-1]().eval())
    results = data_augmentation.record(seeds=range(2), few_seeds=range(1))
    assert set(results) == set(EXPERIMENTS)
    for name, runs in results.items():
        number = 1 if "1000" in name else 2
        assert sum(map(sum, runs["confusion"])) == number * 897
        assert len(runs["test_accuracy"]) == len(runs["train_accuracy"]) == len(runs["averaged_accuracy"]) == number


# What the page says about the recorded runs.


def values(name, kind="test_accuracy"):
    return EXPERIMENTS[name][kind]


def mean(name, kind="test_accuracy"):
    return statistics.mean(values(name, kind))


def gains(name, to="none"):
    return [a - b for a, b in zip(values(name), values(to), strict=True)]


def with_error(differences):
    """The mean of paired differences and its standard error, as the page writes them."""
    error = statistics.stdev(differences) / len(differences) ** 0.5
    return f"{abs(statistics.mean(differences)):.1f} ± {error:.1f}"


def prose():
    return " ".join(re.sub(r"<!--.*?-->", "", PAGE, flags=re.DOTALL).split())


def test_recorded_results_agree_with_themselves():
    for name, results in EXPERIMENTS.items():
        right = sum(results["confusion"][digit][digit] for digit in range(10))
        number = 5 if "1000" in name else 10
        assert len(results["seeds"]) == len(values(name)) == number
        assert 100 * right / (897 * number) == pytest.approx(mean(name), abs=1e-3)


def test_page_quotes_the_recorded_bands():
    quoted = ast.literal_eval(re.search(r"^recorded = (\{.*?\})", PAGE, re.MULTILINE | re.DOTALL)[1])
    names = ("none", "shift 1", "upside down")
    assert quoted == {name: (round(min(values(name)), 1), round(max(values(name)), 1)) for name in names}


def test_every_gain_and_every_loss_is_as_the_page_says():
    shift_1, turn_10, mixed, pasted = (gains(name) for name in ("shift 1", "turn 10", "mixup", "cutmix"))
    assert f"by {with_error(shift_1)} points in the mean" in prose()
    said = [with_error(gain) for gain in (turn_10, mixed, pasted)]
    assert "Turning brings {}, MixUp {} and CutMix {}, each in all ten runs".format(*said) in prose()
    assert min(shift_1 + turn_10 + mixed + pasted) > 0
    lead = gains("cutmix", to="shift 1")
    assert f"by {with_error(lead)} points, and in {sum(gain > 0 for gain in lead)} runs of 10" in prose()
    assert max(AUGMENTATIONS, key=mean) == "cutmix"
    for name in ("mirror", "top to bottom", "upside down"):
        assert max(gains(name)) < 0 and -5 < statistics.mean(gains(name)) < -4
    assert 0 < mean("shift and turn") - mean("none") < mean("shift 1") - mean("none")
    assert -4 < statistics.mean(gains("shift 2")) < -3.7
    assert f"read {mean('shift 2', 'train_accuracy'):.1f} % of their own training images" in prose()
    assert min(values("none", "train_accuracy")) == 100


def test_with_more_steps_it_is_as_the_page_says():
    gained = {
        name: gains(f"{name}, 1000 steps", to="none, 1000 steps")
        for name in ("shift and turn", "shift 1", "shift 2", "mirror", "upside down")
    }
    both, one = (f"{statistics.mean(gained[name]):.1f}" for name in ("shift and turn", "shift 1"))
    two, mirror, turned = (with_error(gained[name]) for name in ("shift 2", "mirror", "upside down"))
    assert f"as much as the shift alone ({both} and {one})" in prose()
    assert min(gained["shift 1"]) > 0
    assert f"large shift is behind by {two} points (worse in three runs of five)" in prose()
    assert sum(gain < 0 for gain in gained["shift 2"]) == 3 and statistics.mean(gained["shift 2"]) < 0
    assert f"Mirroring still costs {mirror} and upside down {turned} (worse in all five)" in prose()
    assert max(gained["mirror"]) < 0 and max(gained["upside down"]) < 0


def test_a_nudge_moves_a_run_by_less_than_the_limits():
    for name in ("none", "shift 1", "upside down"):
        assert max(abs(gain) for gain in gains(f"{name}, nudged", to=name)) < 1.25
    assert "at most 1.3 points" in prose()


def test_digits_taken_for_another_are_as_the_page_says():
    def counts(name, true, called):
        return EXPERIMENTS[name]["confusion"][true][called]

    assert counts("none", 6, 9) == counts("none", 9, 6) == counts("none", 2, 5) == 0
    assert counts("upside down", 6, 9) > 40 and counts("upside down", 9, 6) > 40
    assert f"{counts('top to bottom', 2, 5)} twos were read as a 5" in prose()


def test_with_more_images_it_is_as_the_page_says():
    few_steps, many_steps = "{}, 600 images", "{}, 600 images, 1000 steps"
    rows = {
        "100 images, 200 steps": "{}",
        "100 images, 1,000 steps": "{}, 1000 steps",
        "600 images, 200 steps": few_steps,
        "600 images, 1,000 steps": many_steps,
    }
    for row, runs in rows.items():
        accuracies = " | ".join(f"{mean(runs.format(name)):.1f}" for name in ("none", "shift 1"))
        assert f"| {row} | {accuracies} |" in PAGE
    assert max(gains(few_steps.format("shift 1"), to=few_steps.format("none"))) < 0
    assert abs(mean(many_steps.format("shift 1")) - mean(many_steps.format("none"))) < 0.5
    assert f"{mean(few_steps.format('shift 1'), 'train_accuracy'):.1f}" in prose()


def test_averaging_over_shifts_helps_only_who_was_trained_on_them():
    for name in ("none", "shift 1"):
        assert re.search(f"from {mean(name):.1f} to {mean(name, 'averaged_accuracy'):.1f} %", prose())

"""The code of the lesson debugging-a-network, and that the page says what its recorded results say."""

import json
import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from scripts import record_results
from snippets import debugging_a_network as lesson
from snippets.debugging_a_network import Logits, Net, RowSoftmax, Whole, fit, predict, predict_eval, start

LESSON = record_results.ROOT / "docs" / "lessons" / "debugging-a-network"
PAGE = (LESSON / "index.md").read_text(encoding="utf-8")
RECORDED = json.loads((LESSON / "results.json").read_text(encoding="utf-8"))["experiments"]


@pytest.fixture(scope="module")
def data():
    return lesson.load_pairs()


@pytest.fixture(scope="module")
def batch(data):
    return data[0][:20], data[1][:20]


def mean(rung):
    return sum(RECORDED[rung]["accuracy"]) / len(RECORDED[rung]["accuracy"])


def test_only_the_mended_loader_keeps_pairs_together():
    digits = lesson.load_digits()
    pixels = torch.tensor(digits.images, dtype=torch.float32).reshape(1797, -1) / 16
    known = {tuple(row.tolist()): label for row, label in zip(pixels, digits.target.tolist(), strict=True)}
    for load, low, high in ((lesson.load, 0.05, 0.15), (lesson.load_pairs, 1, 1)):
        images, labels = load()
        assert images.shape == (1797, 1, 8, 8) and images.min() == 0 and images.max() == 1
        pairs = zip(images.flatten(1), labels.tolist(), strict=True)
        share = sum(known[tuple(image.tolist())] == label for image, label in pairs) / 1797
        assert low <= share <= high


def test_outputs_of_one_image_do_not_depend_on_others(batch):
    torch.manual_seed(1)
    everything = [(i, j) for j in range(4) for i in range(4) if i != j]
    assert lesson.coupled(Net(), batch[0][:4]) == everything
    for build in (RowSoftmax, Logits, Whole):
        assert lesson.coupled(build(), batch[0][:4]) == []


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 2, 3, 1), (1, 0, 2, 3), (2, 0, 3, 1)])
def test_a_flatten_that_carries_values_into_other_images_is_found(axes):
    class Mixing(nn.Module):
        def forward(self, x):
            return x.permute(axes).reshape(len(x), -1)

    images = torch.rand(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    assert bool(lesson.coupled(Mixing(), images)) == (axes[0] != 0)


def test_batch_norm_couples_only_in_training_mode(batch):
    net = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten())
    assert lesson.coupled(net, batch[0]) == []
    changed = batch[0].clone()
    changed[1] = 0
    net.train()
    assert not torch.allclose(net(batch[0])[0], net(changed)[0])


def test_parameters_without_gradient_are_named(batch):
    cut = ["features.0.weight", "features.0.bias", "features.3.weight", "features.3.bias"]
    assert lesson.without_gradient(Logits(), *batch) == cut
    assert lesson.without_gradient(Whole(), *batch) == []
    dead = Whole()
    with torch.no_grad():
        dead.features[3].bias.fill_(-100)
    assert set(cut) <= set(lesson.without_gradient(dead, *batch))


@pytest.mark.parametrize("seed", range(5))
def test_one_batch_is_learned_by_heart_only_by_a_network_without_bugs(batch, seed):
    torch.manual_seed(seed)
    assert lesson.overfit_one_batch(Whole(), *batch) < 0.01
    assert lesson.overfit_one_batch(Logits(), *batch) > 0.2
    assert lesson.overfit_one_batch(RowSoftmax(), *batch) > math.log(1 + 9 / math.e) - 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_how_the_one_batch_test_fails_says_why(batch, seed):
    """The rows of the page's table that the script itself does not show."""

    class ReluLast(Net):
        def forward(self, x):
            return torch.relu(self.head(self.features(x)))

    torch.manual_seed(seed)
    assert lesson.overfit_one_batch(ReluLast(), *batch, steps=200) > 0.2

    twice = torch.cat([batch[0], batch[0]]), torch.cat([batch[1], (batch[1] + 1) % 10])
    assert abs(lesson.overfit_one_batch(Whole(), *twice) - math.log(2)) < 0.1


def test_without_zero_grad_the_loss_on_one_batch_jumps_in_most_runs(batch):
    jumps = []
    for seed in range(5):
        torch.manual_seed(seed)
        net, losses = Whole().eval(), []
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(100):
            loss = F.cross_entropy(net(batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        jumps.append(max(b - a for a, b in zip(losses, losses[1:], strict=False)))
    assert sum(jump > 0.3 for jump in jumps) >= 3


@pytest.mark.parametrize("seed", range(20))
def test_dropout_shows_when_one_asks_twice(batch, seed):
    torch.manual_seed(seed)
    net = Whole()
    assert not lesson.answers_twice(predict, net, batch[0])
    assert lesson.answers_twice(predict_eval, net, batch[0])


class BatchNormed(Whole):
    """Batch normalisation in place of dropout."""

    def __init__(self):
        super().__init__()
        self.features[1] = nn.Sequential(nn.BatchNorm2d(16), nn.ReLU())
        self.features[7] = nn.Identity()


@pytest.mark.parametrize("seed", range(5))
def test_batch_norm_answers_twice_the_same_and_still_the_mode_is_seen(batch, seed):
    torch.manual_seed(seed)
    net = BatchNormed().train()
    assert torch.equal(predict(net, batch[0]), predict(net, batch[0])) and net.training
    assert not lesson.answers_twice(predict, net, batch[0])
    assert lesson.answers_twice(predict_eval, net, batch[0])
    assert not net._forward_pre_hooks


def test_an_optimizer_with_other_parameters_shows_in_the_weights_only(data, batch, monkeypatch):
    assert lesson.unmoved(fit, data, Whole, predict) == []
    right = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda parameters, lr: right(list(parameters)[-2:], lr))
    cut = ["features.0.weight", "features.0.bias", "features.3.weight", "features.3.bias"]
    assert lesson.unmoved(fit, data, Whole, predict) == cut
    assert all(lesson.check_before_training(Whole, predict_eval, *batch).values())


def test_a_missing_zero_grad_shows_in_the_accuracy_only(data, batch, monkeypatch):
    class Forgetful(torch.optim.AdamW):
        def zero_grad(self):
            pass

    monkeypatch.setattr(torch.optim, "AdamW", Forgetful)
    assert all(lesson.check_before_training(Whole, predict_eval, *batch).values())
    assert lesson.unmoved(fit, data, Whole, predict) == []
    assert max(fit(data, Whole, predict_eval, seed)[1] for seed in range(3)) < 85


def test_a_reshape_for_a_permute_passes_all_checks_and_costs_a_few_points(data, batch):
    def colour():
        net = Whole()
        net.features[0] = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        return net

    photos, gaps = data[0].repeat(1, 3, 1, 1).movedim(1, -1), []
    scrambled, right = photos.reshape(-1, 3, 8, 8), photos.movedim(-1, 1)
    assert all(lesson.check_before_training(colour, predict_eval, scrambled[:20], batch[1]).values())
    for seed in range(3):
        wrong, good = (fit((x, data[1]), colour, predict_eval, seed, epochs=4)[1] for x in (scrambled, right))
        gaps.append(good - wrong)
    assert 1 < sum(gaps) / 3 < 8


def test_each_mend_but_the_first_changes_the_checks(batch):
    reports = [lesson.check_before_training(begin, ask, *batch) for _, begin, ask in lesson.rungs().values()]
    changes = [a != b for a, b in zip(reports, reports[1:], strict=False)]
    assert changes == [False, True, True, True, True, True]
    assert all(reports[-1].values()) and not any(all(report.values()) for report in reports[:-1])


def test_weights_of_deviation_one_show_in_the_first_loss_only_without_a_softmax(batch):
    torch.manual_seed(0)
    for build, low, high in ((Logits, 50, 5000), (RowSoftmax, 1.46, 2.47)):
        loss = F.cross_entropy(start(build).eval()(batch[0]), batch[1]).item()
        assert low < loss < high


@pytest.mark.parametrize("shape", [(1, 2), (7, 10), (3, 1)])
@pytest.mark.parametrize("size", [0.0, 1.0, 1e6])
def test_log_softmax_agrees_with_pytorch(shape, size):
    z = size * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(lesson.log_softmax(z), F.log_softmax(z, dim=1))


@pytest.mark.parametrize("size", [0.0, 0.1, 100.0])
@pytest.mark.parametrize("limit", [0.5, 3.0])
def test_clip_agrees_with_pytorch(size, limit):
    layer, noise = nn.Linear(4, 3, dtype=torch.float64), torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        parameter.grad = size * torch.randn(parameter.shape, generator=noise, dtype=torch.float64)
    mine = lesson.clip([parameter.grad.clone() for parameter in layer.parameters()], limit)
    nn.utils.clip_grad_norm_(layer.parameters(), limit)
    assert all(torch.allclose(a, p.grad) for a, p in zip(mine, layer.parameters(), strict=True))
    assert math.sqrt(sum((g**2).sum().item() for g in mine)) <= limit + 1e-9


def test_a_clipped_step_that_is_too_long_goes_to_and_fro():
    places, w = [], 1.0
    for _ in range(6):
        places.append(round(w, 3))
        w -= 3 * lesson.clip([torch.tensor(2 * w, dtype=torch.float64)], limit=1.0)[0].item()
    assert places == [1, -2, 1, -2, 1, -2]


def test_noise_scores_at_chance_unless_features_were_chosen_on_all_rows():
    honest, leaked = ([lesson.score(seed, leak) for seed in range(200, 230)] for leak in (False, True))
    assert 0.45 < sum(honest) / 30 < 0.55
    assert 0.8 < sum(leaked) / 30 < 0.9 and min(leaked) > max(honest)


def test_forgotten_eval_changes_the_answer_and_not_the_training(data):
    one, two = (fit(data, Whole, ask, seed=3, epochs=2) for ask in (predict, predict_eval))
    assert one[0] == two[0] and one[1] < two[1]


def test_the_page_stays_near_the_recorded_runs():
    assert list(RECORDED) == [name + kind for name in lesson.rungs() for kind in ("", ", nudged")]
    means = ", ".join(f"{mean(name):.0f}" for name in lesson.rungs())
    assert f"from all six bugs to none: {means} %." in PAGE
    assert mean("5 gradient") < 93 and 0.3 < (100 - mean("6 eval")) / (100 - mean("5 gradient")) < 0.6
    printed = [float(value) for value in re.findall(r"accuracy (\d+\.\d) %$", PAGE, re.MULTILINE)]
    assert abs(printed[0] - mean("all six bugs")) < 1.5


@pytest.mark.parametrize("rung", list(lesson.rungs()))
def test_nudged_weights_stay_inside_the_bands_of_the_page(rung):
    band = 1.5 if rung == "6 eval" else 3.0
    pairs = zip(RECORDED[rung]["accuracy"], RECORDED[rung + ", nudged"]["accuracy"], strict=True)
    assert max(abs(a - b) for a, b in pairs) <= band

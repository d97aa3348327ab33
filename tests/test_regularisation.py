"""The code of the lesson regularisation, and that the page says what its recorded results say."""

import ast
import json
import math
import re
import statistics
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import StochasticDepth

from snippets import regularisation
from snippets.first_cnn import load, split
from snippets.regularisation import CURES, Residual, all_masks, dropout, small_set, smoothed_loss

LESSON = Path(__file__).resolve().parents[1] / "docs" / "lessons" / "regularisation"
PAGE = (LESSON / "index.md").read_text(encoding="utf-8")
PROSE = " ".join(re.sub(r"<!--.*?-->", "", PAGE, flags=re.DOTALL).split())
RESULTS = json.loads((LESSON / "results.json").read_text(encoding="utf-8"))
EXPERIMENTS = RESULTS["experiments"]


@pytest.fixture(scope="module")
def data():
    images, labels = load()
    return images, labels, *split(labels, train=800, validation=200)


@pytest.mark.parametrize("size, wrong", [(200, 40), (50, 0), (30, 30)])
def test_a_small_set_has_so_many_wrong_labels(data, size, wrong):
    images, labels, pool, *_ = data
    x, given, true = small_set(images, labels, pool, 3, size, wrong)
    assert len(x) == len(given) == len(true) == size
    assert (given != true).tolist() == [True] * wrong + [False] * (size - wrong)
    assert 0 <= given.min() and given.max() <= 9
    again = small_set(images, labels, pool, 3, size, wrong)
    assert torch.equal(again[0], x) and torch.equal(again[1], given)
    assert not torch.equal(small_set(images, labels, pool, 4, size, wrong)[0], x)


def test_the_labels_of_the_data_stay_as_they_are(data):
    images, labels, pool, *_ = data
    before = labels.clone()
    small_set(images, labels, pool, 0)
    assert torch.equal(labels, before)


@pytest.mark.parametrize("size, wrong", [(801, 0), (10, 11), (10, -1)])
def test_a_small_set_that_cannot_be_is_an_error(data, size, wrong):
    images, labels, pool, *_ = data
    with pytest.raises(ValueError, match="wrong labels from 800"):
        small_set(images, labels, pool, 0, size, wrong)


def test_the_network_has_its_shapes_and_drops_only_in_training():
    model, x = regularisation.cnn(0.5), torch.rand(3, 1, 8, 8)
    assert model(x).shape == (3, 10)
    assert sum(p.numel() for p in model.parameters()) == 160 + 4640 + 128 * 64 + 64 + 650
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_fit_is_the_same_for_the_same_seed_and_every_option_counts(data):
    images, labels, pool, *_ = data
    part = small_set(images, labels, pool, 0)[:2]
    rows = []

    def weights(steps=8, **options):
        model, history = regularisation.fit(part, part, 0, steps=steps, **options)
        assert len(history) == 2 and len(history[0]) == 4
        rows.append(history)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    plain = weights()
    assert torch.equal(plain, weights()) and rows[0] == rows[1]
    for options in ({"dropout": 0.5}, {"decay": 1.0}, {"smoothing": 0.1}, {"build": regularisation.nudged_cnn}):
        assert not torch.equal(plain, weights(**options)), options
    seen = []
    _, history = regularisation.fit(part, part, 0, steps=8, watch=lambda *arguments: seen.append(arguments))
    assert [(epoch, row) for epoch, _, row in seen] == list(enumerate(history, start=1))


def test_evaluate_is_without_smoothing_and_switches_dropout_off():
    images = torch.eye(10)[:4]
    model = nn.Sequential(nn.Dropout(0.9)).train()
    loss, accuracy = regularisation.evaluate(model, images, torch.tensor([0, 1, 2, 9]))
    assert accuracy == 75
    assert loss == pytest.approx(F.cross_entropy(images, torch.tensor([0, 1, 2, 9])).item())


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.99])
def test_dropout_is_pytorch_s_with_the_same_mask(p):
    for seed in range(30):
        x = torch.randn(4, 3, 5, dtype=torch.float64)
        torch.manual_seed(seed)
        keep = (F.dropout(torch.ones_like(x), p) != 0).double()
        torch.manual_seed(seed)
        assert torch.allclose(F.dropout(x, p), dropout(x, keep, p))


@pytest.mark.parametrize("p", [-0.1, 1.0, 50])
def test_dropout_refuses_what_is_no_probability_below_1(p):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        dropout(torch.ones(2), torch.ones(2), p)


@pytest.mark.parametrize("n, p", [(1, 0.3), (3, 0.5), (5, 0.9)])
def test_the_masks_have_probability_1_together_and_keep_the_mean(n, p):
    x = torch.randn(n, dtype=torch.float64)
    masks = list(all_masks(n, p))
    assert len({tuple(keep.tolist()) for keep, _ in masks}) == 2**n
    assert sum(chance for _, chance in masks) == pytest.approx(1)
    assert torch.allclose(sum(chance * dropout(x, keep, p) for keep, chance in masks), x)


def test_gaps_are_guessed_from_kept_neighbours_only():
    maps = torch.arange(9, dtype=torch.float64).reshape(1, 1, 3, 3)
    keep = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    keep[0, 0, 0, 1] = keep[0, 0, 2, 1] = 1  # the values 1 and 7
    guess = regularisation.fill_from_neighbours(maps, keep)
    assert guess[0, 0].round(decimals=9).tolist() == [[1, 1, 1], [4, 4, 4], [7, 7, 7]]
    assert regularisation.fill_from_neighbours(maps, torch.zeros_like(keep)).eq(0).all()


def test_the_three_maps():
    maps = regularisation.three_maps()
    assert maps.shape == (1, 3, 64, 64) and maps.min() >= 0 and maps.max() <= 1


@pytest.mark.parametrize("classes, eps", [(2, 0.3), (10, 0.0), (10, 0.1), (7, 1.0)])
def test_smoothed_loss_is_pytorch_s(classes, eps):
    for seed in range(20):
        torch.manual_seed(seed)
        z, y = 5 * torch.randn(6, classes, dtype=torch.float64), torch.randint(classes, (6,))
        assert torch.allclose(smoothed_loss(z, y, eps), F.cross_entropy(z, y, label_smoothing=eps), atol=1e-12)


def test_decay_groups_hold_each_parameter_once():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    yes, no = regularisation.decay_groups(model, 0.3)
    assert [p.ndim for p in yes["params"]] == [4, 2] and yes["weight_decay"] == 0.3
    assert [p.ndim for p in no["params"]] == [1, 1, 1, 1] and no["weight_decay"] == 0


def test_only_decoupled_decay_shrinks_all_weights_alike():
    settings = {"lr": 0.01, "weight_decay": 0.1}
    adam = regularisation.after_noise(partial(torch.optim.Adam, **settings))
    adamw = regularisation.after_noise(partial(torch.optim.AdamW, **settings))
    assert adam[0] > adam[1] > adam[2]
    assert (adamw - adamw.mean()).abs().max() < 1e-6
    none = regularisation.after_noise(partial(torch.optim.SGD, lr=0.01))
    assert torch.allclose(none, torch.ones(3, dtype=torch.float64))


def test_stochastic_depth_is_torchvision_s_in_law():
    x = torch.ones(3000, 2, 1, 1, dtype=torch.float64)
    block = Residual(lambda x: 3 * x, p=0.4)
    y = block(x)
    assert set(y.unique().tolist()) == {1.0, 1 + 3 / 0.6}
    assert torch.equal(y[:, 0], y[:, 1])
    share = (y[:, 0, 0, 0] == 1).double().mean()
    theirs = (StochasticDepth(0.4, "row")(x)[:, 0, 0, 0] == 0).double().mean()
    assert abs(share - 0.4) < 0.05 and abs(theirs - 0.4) < 0.05
    assert torch.equal(block.eval()(x), 4 * x)


# --- What the page says of results.json ---


def values(name, key="test_accuracy"):
    return EXPERIMENTS[name][key]


def mean(name, key="test_accuracy"):
    return statistics.mean(values(name, key))


def differences(name, base):
    return [a - b for a, b in zip(values(name), values(base), strict=True)]


def standard_error(numbers):
    return statistics.stdev(numbers) / math.sqrt(len(numbers))


def row(name, base):
    """A row of the page's tables, as text."""
    cells = [name.removeprefix("right labels, ").replace("200", "none"), f"{mean(name):.1f}"]
    found = differences(name, base)
    if name == base:
        cells += ["", ""]
    else:
        cells.append(f"{statistics.mean(found):+.1f} ± {standard_error(found):.1f}".replace("-", "−"))
        cells.append(f"{sum(difference > 0 for difference in found)} of {len(found)}")
    cells.append(f"{mean(name, 'train_accuracy'):.0f}")
    if base == "none":
        cells.append(f"{mean(name, 'wrong_repeated'):.0f}")
    return "| " + " | ".join(cells) + " |"


RIGHT = "right labels, 200"


@pytest.mark.parametrize("name", [*CURES, RIGHT, *(f"right labels, {cure}" for cure in CURES)])
def test_tables_are_as_recorded(name):
    if name in EXPERIMENTS:
        assert row(name, "none" if name in CURES else RIGHT) + "\n" in PAGE


def test_page_on_the_cures_is_as_recorded():
    decay, smoothing = differences("decay 0.01", "none"), differences("smoothing 0.1", "none")
    assert -2.5 < statistics.mean(decay) / standard_error(decay) < -1.8
    assert 0 < statistics.mean(smoothing) < standard_error(smoothing)
    assert sum(difference < 0 for difference in differences("right labels, decay 1", RIGHT)) == 4
    apart = differences("all three", "dropout 0.5")
    norm = {name: f"{mean(name, 'weight_norm'):.1f}" for name in ("none", "decay 0.01", "decay 1")}
    for words in (
        f"is {norm['decay 0.01']} instead of {norm['none']}; a decay of 1 makes it {norm['decay 1']}.",
        f"brings {statistics.mean(smoothing):.1f} points",
        f"{mean('dropout 0.5', 'train_accuracy'):.0f} % and {mean('decay 1', 'train_accuracy'):.0f} %",
        f"from {mean('none', 'confidence'):.0f} % to {mean('smoothing 0.1', 'confidence'):.0f} %",
        f"{-statistics.mean(apart):.1f} points worse on average, with a standard error of {standard_error(apart):.1f}",
        f"reach {mean('none', 'stopped_accuracy'):.1f} %",
        f"only {mean('all three', 'wrong_repeated'):.0f} % of the wrong",
        f"gives {mean('all three', 'wrong_corrected'):.0f} % of these images",
        f"{100 - mean('right labels, 50'):.1f} % with 50 images to {100 - mean(RIGHT):.1f} % with 200 "
        f"and {100 - mean('right labels, 800'):.1f} % with 800",
    ):
        assert words in PROSE, f"the page does not say {words!r}"
    assert round(mean("none")) == 79 and round(mean("smoothing 0.1")) in (79, 80)
    assert abs(mean("right labels, smoothing 0.1") - mean("right labels, 400")) < 0.5
    assert mean("none", "wrong_repeated") == mean("smoothing 0.1", "wrong_repeated") == 100
    assert mean("dropout 0.5", "wrong_repeated") < mean("decay 1", "wrong_repeated") < 50
    assert max(statistics.mean(differences(name, "none")) for name in CURES) < 8


def test_page_on_the_curves_is_as_recorded():
    def column(name, number):
        return [
            statistics.mean(epoch) for epoch in zip(*(run[number] for run in EXPERIMENTS[name]["history"]), strict=True)
        ]

    loss, accuracy, training = (column("none", number) for number in (2, 3, 0))
    few_loss, few_accuracy = column("right labels, 50", 2), column("right labels, 50", 3)
    assert min(loss) == loss[21] and few_loss[24] < 1.05 * min(few_loss)
    assert all(a > b for a, b in zip(training[6:19], loss[6:19], strict=True))  # validation is the lower one at first
    assert all(80 - 1 < value < 81.5 + 1 for value in accuracy[30:])
    for words in (
        f"from {accuracy[21]:.0f} % at epoch 22 to {accuracy[30]:.0f} % at epoch 31",
        f"goes on from {loss[30]:.2f} to {loss[-1]:.2f}",
        f"the loss rises from {few_loss[24]:.2f} at epoch 25 to {few_loss[-1]:.2f} at the end. "
        f"The accuracy rises, too: from {few_accuracy[24]:.0f} % to {few_accuracy[-1]:.0f} %",
    ):
        assert words in PROSE, f"the page does not say {words!r}"


def test_page_on_longer_training_is_as_recorded():
    def at(name, step, column):
        history = EXPERIMENTS[f"1200 steps, {name}"]["history"]
        return f"{statistics.mean(run[column][run[0].index(step // 4)] for run in history):.0f} %"

    def way(name, column):
        return f"{at(name, 240, column)} at step 240 to {at(name, 1200, column)} at step 1200"

    def short(name, column):
        return f"from {at(name, 240, column)} to {at(name, 1200, column)}"

    stopped = [values(f"1200 steps, {name}", "stopped_accuracy") for name in ("dropout 0.5", "none")]
    ahead = [a - b for a, b in zip(*stopped, strict=True)]
    for words in (
        f"the repeated labels go from {way('dropout 0.5', 1)}, and the test accuracy {short('dropout 0.5', 2)}.",
        f"a decay of 1 they go {short('decay 1', 1)}, and the accuracy {short('decay 1', 2)}.",
        f"Without a cure it ends at {at('none', 1200, 2)}.",
        f"dropout is ahead by only {statistics.mean(ahead):.1f} ± {standard_error(ahead):.1f} points",
    ):
        assert words in PROSE, f"the page does not say {words!r}"
    for name in ("none", "decay 1", "dropout 0.5"):  # the first 240 steps are the runs of the comparison
        for seed, run in enumerate(EXPERIMENTS[f"1200 steps, {name}"]["history"]):
            assert run[2][run[0].index(60)] == pytest.approx(values(name)[seed])
            assert run[1][run[0].index(60)] == pytest.approx(values(name, "wrong_repeated")[seed])


def test_page_on_the_choice_of_the_decay_is_as_recorded():
    ends = [statistics.mean(run[3][-1] for run in EXPERIMENTS[name]["history"]) for name in ("decay 1", "decay 0.01")]
    assert f"{ends[0]:.1f} % to {ends[1]:.1f} %, five seeds" in PROSE


def test_recorded_runs_are_complete():
    for name, results in EXPERIMENTS.items():
        runs = len(results["seeds"])
        assert runs == (8 if name in CURES else 3 if "nudged" in name else 5)
        assert all(len(numbers) == runs for key, numbers in results.items() if key not in ("history",))


def test_page_quotes_the_recorded_bands_and_they_are_wide_enough():
    quoted = ast.literal_eval(re.search(r"^recorded = (\{.*?\})", PAGE, re.MULTILINE)[1])
    largest = []
    for name, (low, high) in quoted.items():
        assert (low, high) == (round(min(values(name)), 1), round(max(values(name)), 1))
        moved = [abs(a - b) for a, b in zip(values(name), values(f"{name}, nudged"), strict=False)]
        assert max(moved) < 3
        largest.append(max(moved))
    assert f"moved by at most {max(largest):.1f} points" in PROSE

"""The code of the lesson first-cnn, and that the page says what its recorded results say."""

import ast
import json
import math
import re
import statistics

import pytest
import torch
import torch.nn.functional as F

from scripts import record_results
from snippets import first_cnn
from snippets.first_cnn import any_size, cnn, confusion, evaluate, fit, load, mlp, shuffle_pixels, split

LESSON = record_results.ROOT / "docs" / "lessons" / "first-cnn"
PAGE = (LESSON / "index.md").read_text(encoding="utf-8")
RESULTS = json.loads((LESSON / "results.json").read_text(encoding="utf-8"))
EXPERIMENTS = RESULTS["experiments"]


@pytest.fixture(scope="module")
def data():
    return load()


@pytest.fixture(scope="module")
def parts(data):
    images, labels = data
    return [(images[i], labels[i]) for i in split(labels)]


def test_images_are_a_batch_of_grey_images_from_0_to_1(data):
    images, labels = data
    assert images.shape == (1797, 1, 8, 8) and images.dtype == torch.float32
    assert images.min() == 0 and images.max() == 1
    assert labels.shape == (1797,) and labels.dtype == torch.int64


def test_split_is_disjoint_complete_and_the_same_each_time(data):
    labels = data[1]
    indices = split(labels)
    assert [len(i) for i in indices] == [600, 300, 897]
    assert torch.equal(torch.cat(indices).sort().values, torch.arange(1797))
    assert all(torch.equal(a, b) for a, b in zip(indices, split(labels), strict=True))
    assert not torch.equal(indices[0], split(labels, seed=1)[0])


def test_split_gives_each_digit_its_share(data):
    labels = data[1]
    whole = torch.bincount(labels) / len(labels)
    for part in split(labels):
        expected = whole * len(part)
        assert (torch.bincount(labels[part]) - expected).abs().max() <= 1


def test_split_refuses_sizes_that_leave_no_test(data):
    with pytest.raises(ValueError, match="train_size"):
        split(data[1], train=1500, validation=297)


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameters():
    assert count(cnn()) == (16 * 9 + 16) + (32 * 16 * 9 + 32) + (10 * 128 + 10) == 6090
    assert count(mlp()) == (128 * 64 + 128) + (10 * 128 + 10) == 9610


def test_shapes_after_each_layer():
    shapes, x = [], torch.zeros(3, 1, 8, 8)
    for layer in cnn():
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    convolutions = [(16, 8, 8), (16, 8, 8), (16, 4, 4), (32, 4, 4), (32, 4, 4), (32, 2, 2)]
    assert shapes == [*convolutions, (128,), (10,)]
    assert mlp()(torch.zeros(3, 1, 8, 8)).shape == (3, 10)


def test_images_without_channel_or_of_another_size_are_refused():
    with pytest.raises(RuntimeError, match="to have 1 channels, but got 50"):
        cnn()(torch.zeros(50, 8, 8))
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        cnn()(torch.zeros(50, 1, 28, 28))


@pytest.mark.parametrize("bins", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_network_takes_every_size(bins, channels):
    model = any_size(channels, bins)
    for height, width in [(4, 4), (8, 8), (28, 28), (30, 45), (224, 224)]:
        assert model(torch.rand(2, channels, height, width)).shape == (2, 10)
    assert count(model[-1]) == 10 * 32 * bins**2 + 10
    with pytest.raises(RuntimeError):
        model(torch.rand(2, channels, 3, 8))


@pytest.mark.parametrize("seed", range(3))
def test_two_bins_change_nothing_on_8x8(seed, data):
    logits = []
    for build in (cnn, any_size):
        torch.manual_seed(seed)
        logits.append(build()(data[0][:100]))
    assert torch.equal(*logits)


def test_one_mean_does_not_see_where_a_feature_lies():
    maps = torch.rand(4, 32, 2, 2, dtype=torch.float64)
    moved = maps.flatten(start_dim=2)[:, :, [2, 0, 3, 1]].reshape(maps.shape)
    one, four = (any_size(bins=bins).double()[6:] for bins in (1, 2))
    assert torch.allclose(one(maps), one(moved)) and not torch.allclose(four(maps), four(moved))


def test_a_value_of_the_last_maps_depends_on_10_pixels():
    means = [torch.nn.AvgPool2d(2) if isinstance(layer, torch.nn.MaxPool2d) else layer for layer in any_size()[:6]]
    layers = torch.nn.Sequential(*(layer for layer in means if not isinstance(layer, torch.nn.ReLU))).double()
    image = torch.rand(1, 1, 32, 32, dtype=torch.float64, requires_grad=True)
    layers(image)[0, :, 4, 4].sum().backward()
    rows, columns = image.grad[0, 0].nonzero(as_tuple=True)
    assert rows.unique().numel() == columns.unique().numel() == 10


@pytest.mark.parametrize("build", [cnn, mlp])
@pytest.mark.parametrize("seed", range(5))
def test_first_loss_is_near_ln_10(build, seed, data):
    torch.manual_seed(seed)
    loss, _ = evaluate(build(), *data)
    assert abs(loss - math.log(10)) < 0.05


def test_evaluate_counts_right_answers_and_leaves_no_gradient():
    images = torch.eye(10)[:4].reshape(4, 1, 10)  # each image is its own logits
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.9), torch.nn.Linear(10, 10, bias=False))
    torch.nn.init.eye_(model[2].weight)
    loss, accuracy = evaluate(model, images, torch.tensor([0, 1, 2, 9]))
    assert accuracy == 75
    assert loss == pytest.approx(math.log(math.e + 9) - 0.75)
    assert not model.training and model[2].weight.grad is None


def test_evaluate_refuses_labels_of_another_number():
    with pytest.raises((ValueError, RuntimeError)):
        evaluate(cnn(), torch.zeros(4, 1, 8, 8), torch.zeros(3, dtype=torch.int64))


def test_one_epoch_takes_one_step_per_batch_and_sees_every_image_once():
    seen = []

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(10))

        def forward(self, images):
            seen.append(images.flatten().tolist())
            return self.bias.expand(len(images), 10)

    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    labels = torch.zeros(25, dtype=torch.int64)
    first_cnn.train_one_epoch(model.eval(), optimizer, torch.arange(25.0), labels, batch_size=10)
    assert model.training
    assert [len(batch) for batch in seen] == [10, 10, 5]
    assert sorted(sum(seen, [])) == list(range(25)) and sum(seen, []) != list(range(25))
    bias = torch.zeros(10, requires_grad=True)
    for _ in range(3):  # the same three steps, with a gradient that starts at zero each time
        (gradient,) = torch.autograd.grad(F.cross_entropy(bias[None], torch.tensor([0])), bias)
        bias = (bias - gradient).detach().requires_grad_()
    assert torch.allclose(model.bias, bias, atol=1e-6)


def test_fit_is_the_same_for_the_same_seed(parts):
    train, validation, _ = parts
    (model, history), (again, same_history) = (
        fit(cnn, train, validation, seed=3, epochs=2, watch=True) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert history == same_history
    assert len(history) == 3 and history != fit(cnn, train, validation, seed=4, epochs=2, watch=True)[1]


def test_watching_changes_nothing_that_is_learned(parts):
    train, validation, _ = parts
    (model, watched), (again, nothing) = (fit(cnn, train, validation, 0, epochs=1, watch=w) for w in (True, False))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert len(watched) == 2 and nothing == []


def test_a_few_epochs_lower_the_loss(parts):
    train, validation, test = parts
    model, history = fit(cnn, train, validation, seed=0, epochs=4, watch=True)
    losses = [loss for loss, _ in history]
    assert len(losses) == 5
    assert abs(losses[0] - math.log(10)) < 0.05 and losses[-1] < 0.5
    assert all(later < earlier for earlier, later in zip(losses, losses[1:], strict=False))
    assert evaluate(model, *test)[1] > 80


def test_confusion_has_the_true_digit_by_row():
    images = F.one_hot(torch.tensor([7, 7, 2])).float()[:, None]  # predicted: 7, 7, 2
    images = F.pad(images, (0, 2))
    counts = confusion(torch.nn.Flatten(), images, torch.tensor([7, 1, 2]))
    assert counts.shape == (10, 10) and counts.sum() == 3
    assert counts[7, 7] == counts[1, 7] == counts[2, 2] == 1


def test_shuffle_moves_every_image_in_the_same_way(data):
    images = data[0][:5]
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    moved = shuffle_pixels(images, order)
    assert moved.shape == images.shape and not torch.equal(moved, images)
    assert torch.equal(shuffle_pixels(moved, order.argsort()), images)


def test_nudged_weights_are_a_thousandth_off_and_the_seed_still_counts():
    torch.manual_seed(0)
    weight = cnn()[0].weight
    torch.manual_seed(0)
    ratio = first_cnn.nudged(cnn)()[0].weight / weight
    assert 5e-4 < (ratio - 1).abs().mean() < 1.5e-3


def test_mistakes_and_confusion_from_votes():
    labels = torch.tensor([0, 3, 5])
    votes = torch.zeros(2, 10, dtype=torch.int64)
    votes[0, 3], votes[1, 5], votes[1, 6] = 4, 1, 3  # image 1 always right, image 2 read as 6 in three runs
    counted = first_cnn.count_votes(votes, labels, torch.tensor([1, 2]))
    assert counted["mistakes"] == [[2, 6, 3]]
    assert counted["confusion"][3][3] == 4 and counted["confusion"][5][5:7] == [1, 3]


def accuracy(name):
    return EXPERIMENTS[name]["test_accuracy"]


SIZES = ("one mean", "one mean, nudged", "enlarged test", "enlarged test, nudged", "enlarged")
LONGER = ("one mean, 60 epochs", "cnn, 60 epochs")


def test_recorded_results_agree_with_themselves():
    for name, results in EXPERIMENTS.items():
        runs = len(results["seeds"])
        assert len(results["test_accuracy"]) == runs >= 5
        if name in SIZES + LONGER:  # accuracies only
            continue
        confused = results["confusion"]
        right = sum(confused[digit][digit] for digit in range(10))
        assert sum(map(sum, confused)) == 897 * runs
        assert 100 * right / (897 * runs) == pytest.approx(statistics.mean(accuracy(name)), abs=1e-3)
        assert sum(number for *_, number in results["mistakes"]) == 897 * runs - right


def test_recorded_cnn_wins_on_digits_and_loses_on_shuffled_pixels():
    mean = {name: statistics.mean(accuracy(name)) for name in EXPERIMENTS}
    assert mean["cnn"] > mean["mlp"] + 0.5
    assert mean["cnn, shuffled"] < mean["mlp, shuffled"] - 0.5
    assert abs(mean["mlp"] - mean["mlp, shuffled"]) < 0.3


def test_page_quotes_the_recorded_bands():
    quoted = ast.literal_eval(re.search(r"^recorded = (\{.*?\})", PAGE, re.MULTILINE)[1])
    assert quoted == {name: (round(min(accuracy(name)), 1), round(max(accuracy(name)), 1)) for name in ("cnn", "mlp")}


def largest_move(name):
    """How far the accuracy of a run moved when its first weights were nudged."""
    return max(abs(a - b) for a, b in zip(accuracy(name), accuracy(f"{name}, nudged"), strict=False))


def test_page_quotes_the_recorded_numbers():
    means = [f"{statistics.mean(accuracy(name)):.1f} %" for name in list(EXPERIMENTS)[:4]]
    moved = [largest_move("cnn"), largest_move("cnn, shuffled")]
    worst = max(EXPERIMENTS["cnn"]["confusion"][8][digit] for digit in range(10) if digit != 8)
    year, month, day = RESULTS["date"].split("-")
    months = {"11": "November", "12": "December"}
    ahead = [a - b for a, b in zip(accuracy("cnn"), accuracy("mlp"), strict=True)]
    error = statistics.stdev(ahead) / len(ahead) ** 0.5
    recorded = f"{int(day)} {months.get(month, month)} {year}, torch {RESULTS['versions']['torch']}"
    prose = re.sub(r"<!--.*?-->", "", PAGE).replace("\n", " ")
    words_of_the_page = [*means, "at most {:.1f} points ({:.1f} in".format(*moved), f"{worst} times", recorded]
    for words in [*words_of_the_page, f"means are {statistics.mean(ahead):.1f} points apart", f"of {error:.1f}, and that"]:
        assert words in prose, f"the page does not say {words!r}"
    assert moved[0] < 1.0 and moved[1] < 1.5, "the limits above the page's outputs are too narrow"


def test_page_on_softmax_and_on_the_worst_images_is_as_recorded():
    never = EXPERIMENTS["cnn, softmax"]["never_predicted"]
    assert len(never) == 10 and never.count([]) == 1 and never.count([8]) == 8 and "nine of ten recorded runs" in PAGE
    wrong = {}
    for index, _, runs in EXPERIMENTS["cnn"]["mistakes"]:
        wrong[index] = wrong.get(index, 0) + runs
    at_the_top = {1118, 37, 77, 905, 678}
    assert all(wrong[index] >= 10 for index in at_the_top) and 0 not in wrong
    worst = sorted(EXPERIMENTS["cnn"]["mistakes"], key=lambda mistake: -mistake[2])[:10]
    assert len(at_the_top & {index for index, *_ in worst}) == 4 and "Four of them you have met" in PAGE


def test_page_on_mistakes_in_file_order_is_as_recorded():
    wrong = {name: 100 - statistics.mean(accuracy(name)) for name in EXPERIMENTS}
    assert 1.6 < wrong["mlp, file order"] / wrong["mlp"] < 2.4
    assert 2.1 < wrong["cnn, file order"] / wrong["cnn"] < 3
    assert "about twice as many mistakes for the MLP, more than twice as many for the CNN" in PAGE


def test_page_on_other_sizes_is_as_recorded():
    prose = " ".join(re.sub(r"<!--.*?-->", "", PAGE).split())

    def band(name):
        return f"between {min(accuracy(name)):.1f} % and {max(accuracy(name)):.1f} %"

    assert {len(accuracy(name)) for name in SIZES[:4]} == {10} and len(accuracy("enlarged")) == 5
    one_mean = statistics.mean(accuracy("one mean"))
    assert f"In ten recorded runs ([results.json](results.json): 26 November 2026), it was {band('one mean')}" in prose
    assert f"with a mean of {one_mean:.1f} %" in prose and one_mean < min(accuracy("mlp"))
    assert 1.7 < (100 - one_mean) / (100 - statistics.mean(accuracy("cnn"))) < 2.3 and "twice as many mistakes" in prose
    learned = {name: EXPERIMENTS[name]["train_accuracy"] for name in ("one mean", "enlarged", "cnn", *LONGER)}
    assert f"read between {min(learned['one mean']):.1f} % and {max(learned['one mean']):.1f} %, while 19 of the 20 CNNs read all" in prose
    assert learned["cnn"].count(100.0) == 19 and len(learned["cnn"]) == 20
    assert len(learned[LONGER[0]]) == len(learned[LONGER[1]]) == 5
    one, four = (statistics.mean(accuracy(name)) for name in LONGER)
    assert f"After 60 epochs, five runs had a mean of {one:.1f} %, and five of the CNN {four:.1f} %" in prose
    assert four - one < 0.5 * (statistics.mean(accuracy("cnn")) - one_mean), "more than little of the gap is left"
    assert f"(at most {max(learned['enlarged']):.1f} % of the training images)" in prose
    assert f"In ten recorded runs, {band('enlarged test')} were read" in prose and max(accuracy("enlarged test")) < 50
    assert f"trained and tested at 32 by 32 read {band('enlarged')}" in prose
    assert max(accuracy("enlarged")) < min(accuracy("cnn"))
    assert largest_move("one mean") < 3 and largest_move("enlarged test") < 15, "the page's limits are too narrow"


def test_recorder_keeps_the_accuracies_of_the_networks_for_any_size(data, monkeypatch):
    images, labels = data
    monkeypatch.setattr(first_cnn, "fit", lambda build, *rest, **options: (build(), [(2.3, 2.3)]))
    sizes = first_cnn.record_sizes(images, labels, split(labels), range(6))
    assert tuple(sizes) == SIZES + LONGER
    assert [len(runs["seeds"]) for runs in sizes.values()] == [6, 6, 6, 6, 5, 5, 5]
    assert all(set(runs) == {"seeds", "seconds", "train_accuracy", "test_accuracy"} for runs in sizes.values())


def test_recorder_writes_results_without_naming_a_machine(tmp_path, monkeypatch):
    (tmp_path / "docs/lessons/first-cnn").mkdir(parents=True)
    monkeypatch.setattr(record_results, "ROOT", tmp_path)
    monkeypatch.setattr(first_cnn, "record", lambda: {"cnn": {"seeds": [0, 1], "test_accuracy": [97.12345, 98.0]}})
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    assert record_results.main(["first-cnn"]) == 0
    written = json.loads((tmp_path / "docs/lessons/first-cnn/results.json").read_text(encoding="utf-8"))
    assert written["experiments"]["cnn"]["test_accuracy"] == [97.1235, 98.0]
    assert set(written) == {"lesson", "date", "device", "versions", "experiments"}
    assert written["device"] == "CPU, 1 thread"


@pytest.mark.parametrize("lesson", ["no-such-lesson", "convolution-from-scratch"])
def test_recorder_refuses_a_lesson_that_trains_nothing(lesson, capsys):
    with pytest.raises(SystemExit):
        record_results.main([lesson])
    assert lesson in capsys.readouterr().err

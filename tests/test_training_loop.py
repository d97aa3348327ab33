"""The code of the lesson training-loop, and that the page says what its recorded results say."""

import json
import math
import re
import statistics

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score, precision_score, recall_score
from torch import nn
from torch.utils.data import TensorDataset

from scripts import record_results
from snippets import training_loop
from snippets.training_loop import (
    MISTAKES,
    OPTIMIZERS,
    adamw_step,
    bins,
    calibration_error,
    cnn,
    cosine,
    evaluate,
    fit,
    keep,
    load_checkpoint,
    loader,
    per_class,
    prepare,
    run_lines,
    save_checkpoint,
    sgd_step,
    temperature,
    train_one_epoch,
    write_folder,
)

LESSON = record_results.ROOT / "docs" / "lessons" / "training-loop"
PAGE = (LESSON / "index.md").read_text(encoding="utf-8")
PROSE = re.sub(r"<!--.*?-->", "", PAGE).replace("\n", " ")
RESULTS = json.loads((LESSON / "results.json").read_text(encoding="utf-8"))
EXPERIMENTS = RESULTS["experiments"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits")
    write_folder(root)
    return root


def toy(images=23, seed=0):
    """Return a small data set that a tiny model can learn."""
    numbers = torch.Generator().manual_seed(seed)
    x = torch.randn(images, 1, 8, 8, generator=numbers)
    return TensorDataset(x, (x.mean(dim=(1, 2, 3)) > 0).long())


def tiny(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 10))
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def test_the_folder_holds_every_digit_once_with_its_pixels(folder):
    files = sorted(folder.glob("*/*/*.png"), key=lambda file: file.name)
    assert len(files) == 1797 and len({file.name for file in files}) == 1797
    digits = load_digits()
    assert [int(file.parent.name) for file in files] == digits.target.tolist()
    for part, number in {"train": 600, "validation": 300, "test": 897}.items():
        data = keep(prepare(folder / part, 0.0, 1.0))
        names = sorted(folder.glob(f"{part}/*/*.png"), key=lambda file: (file.parent.name, file.name))
        indices = [int(file.stem) for file in names]
        assert data.tensors[0].shape == (number, 1, 8, 8) and data.tensors[0].dtype == torch.float32
        expected = torch.tensor(digits.images[indices][:, None] * 15 / 255, dtype=torch.float32)
        assert torch.allclose(data.tensors[0], expected, atol=1e-6)
        assert data.tensors[1].tolist() == digits.target[indices].tolist() == sorted(digits.target[indices])


def test_prepare_normalises(folder):
    plain, scaled = (keep(prepare(folder / "validation", *numbers)).tensors[0] for numbers in ((0.0, 1.0), (0.25, 0.5)))
    assert torch.allclose(scaled, (plain - 0.25) / 0.5, atol=1e-6)


@pytest.mark.parametrize("size", [1, 5, 23, 50])
def test_loader_gives_every_image_once_and_a_new_order_each_epoch(size):
    data = TensorDataset(torch.arange(23.0), torch.arange(23))
    batches = loader(data, batch_size=size)
    epochs = [torch.cat([y for _, y in batches]).tolist() for _ in range(2)]
    assert all(sorted(order) == list(range(23)) for order in epochs) and epochs[0] != epochs[1]
    again = loader(data, batch_size=size)
    torch.manual_seed(99)  # the order does not depend on other random numbers
    assert torch.cat([y for _, y in again]).tolist() == epochs[0]
    assert torch.cat([y for _, y in loader(data, shuffle=False, batch_size=size)]).tolist() == list(range(23))


def test_cnn_has_6090_parameters_and_starts_near_ln_10():
    model = cnn()
    assert sum(p.numel() for p in model.parameters()) == 6090
    x = torch.randn(40, 1, 8, 8)
    assert abs(evaluate(model, [(x, torch.randint(10, (40,)))])[0] - math.log(10)) < 0.3


def test_one_epoch_is_one_step_per_batch_and_returns_the_mean_over_images():
    data = toy(23)
    model, optimizer = tiny()
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)  # nothing moves, so the mean is known
    model[1].p = 0.0
    loss = train_one_epoch(model, loader(data, batch_size=10), optimizer, rate)
    assert model.training and rate.last_epoch == 3
    assert loss == pytest.approx(evaluate(model, loader(data, batch_size=23))[0], abs=1e-5)


@pytest.mark.parametrize("size", [1, 4, 7, 23, 100])
def test_evaluate_does_not_depend_on_the_batches(size):
    model, _ = tiny()
    data = toy()
    loss, accuracy = evaluate(model.train(), loader(data, shuffle=False, batch_size=size))
    logits = model(data.tensors[0])
    assert not model.training
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, data.tensors[1]).item(), abs=1e-5)
    assert accuracy == 100 * (logits.argmax(1) == data.tensors[1]).sum().item() / 23


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "best"),
    [
        ([3, 2, 1, 4], 5, 4, 2),
        ([3, 1, 2, 2, 0], 2, 4, 1),  # stops before it sees the 0
        ([3, 1, 2, 0.5, 2, 2], 2, 6, 3),
        ([1, 1, 1, 0], 2, 3, 0),
        ([2, math.nan, math.nan, math.nan], 2, 3, 0),
    ],
)
def test_fit_stops_and_goes_back_to_the_best_epoch(losses, patience, epochs, best, monkeypatch):
    seen = iter(losses)
    model = nn.Linear(1, 1)

    def epoch(model, *_):
        with torch.no_grad():
            model.weight.copy_(torch.tensor([[float(len(taken))]]))
        taken.append(1)
        return 0.0

    taken = []
    monkeypatch.setattr(training_loop, "train_one_epoch", epoch)
    monkeypatch.setattr(training_loop, "evaluate", lambda *_: (next(seen), 0.0))
    history = fit(model, None, None, None, epochs=len(losses), patience=patience)
    assert len(history) == epochs and model.weight.item() == best


def test_fit_gives_the_first_weights_back_when_no_epoch_is_of_use(monkeypatch):
    model = nn.Linear(1, 1)
    first = model.weight.item()
    monkeypatch.setattr(training_loop, "train_one_epoch", lambda *_: model.weight.data.fill_(math.nan).item())
    monkeypatch.setattr(training_loop, "evaluate", lambda *_: (math.nan, 0.0))
    assert len(fit(model, None, None, None, epochs=9, patience=3)) == 3
    assert model.weight.item() == first


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"weight_decay": 0.1}, {"momentum": 0.5, "weight_decay": 0.3}])
def test_sgd_is_torchs(seed, options):
    compare(sgd_step, torch.optim.SGD, seed, lr=0.05, **options)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.0}, {"weight_decay": 0.3}, {"betas": (0.5, 0.7), "eps": 1e-3}])
def test_adamw_is_torchs(seed, options):
    compare(adamw_step, torch.optim.AdamW, seed, lr=0.05, **options)


def compare(step, optimizer_class, seed, **options):
    torch.manual_seed(seed)
    w, state = torch.randn(3, 2, dtype=torch.float64), {}
    theirs = nn.Parameter(w.clone())
    optimizer = optimizer_class([theirs], **options)
    for _ in range(100):
        theirs.grad = torch.randn(3, 2, dtype=torch.float64)
        w = step(w, theirs.grad, state, **options)
        optimizer.step()
        assert torch.allclose(w, theirs, rtol=0, atol=1e-12)


def test_without_zero_grad_sgd_has_a_momentum_of_one():
    torch.manual_seed(0)
    w, state = torch.ones(2, dtype=torch.float64), {}
    theirs = nn.Parameter(w.clone())
    optimizer = torch.optim.SGD([theirs], lr=0.1)
    for _ in range(10):
        (theirs**2).sum().backward()
        w = sgd_step(w, 2 * w, state, lr=0.1, momentum=1.0)
        optimizer.step()
        assert torch.allclose(w, theirs, atol=1e-12)


def test_one_layer_takes_the_old_gradient_without_an_error():
    """The page's example of a step before the backward pass: here nothing that backward needs has changed."""
    data = TensorDataset(torch.tensor([[1.0, 2.0], [2.0, -1.0]]), torch.tensor([1, 0]))
    model = nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first = model.weight.clone()
    run_lines("train, step zero_grad backward, eval", model, optimizer, loader(data, batch_size=1), data, epochs=3)
    assert not torch.equal(model.weight, first)


@pytest.mark.parametrize("t_max", [1, 7, 50])
def test_cosine_is_torchs(t_max):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=t_max)
    for step in range(3 * t_max):
        assert schedule.get_last_lr()[0] == pytest.approx(cosine(step, t_max, 0.3), abs=1e-9)
        optimizer.step()
        schedule.step()


def test_the_right_lines_are_the_loop_of_the_lesson():
    data, validation = toy(20), toy(9, seed=1)
    ours, optimizer = tiny()
    _, validated = run_lines(MISTAKES["right"], ours, optimizer, loader(data, batch_size=6), validation, epochs=3)
    model, optimizer = tiny()
    history = fit(model, loader(data, batch_size=6), loader(validation, False), optimizer, epochs=3, patience=3)
    assert validated == pytest.approx([loss for _, loss in history], abs=1e-6)


@pytest.mark.parametrize("each", ["backward zero_grad step", "zero_grad step backward"])
def test_a_step_without_a_gradient_changes_nothing_not_even_by_decay(each):
    model, _ = tiny()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.5)
    first = [p.clone() for p in model.parameters()]
    run_lines(f"train, {each}, eval", model, optimizer, loader(toy()), toy(seed=1), epochs=2)
    assert all(torch.equal(a, b) for a, b in zip(first, model.parameters(), strict=True))


@pytest.mark.parametrize("stop", [1, 2])
@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_a_resumed_run_is_the_same_to_the_bit(name, stop, tmp_path):
    ends = []
    for resumed in (False, True):
        torch.manual_seed(7 if resumed else 0)
        model = cnn()
        optimizer, batches = OPTIMIZERS[name](model.parameters(), 0.01), loader(toy(), seed=9 if resumed else 0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)
        parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
        first = load_checkpoint(tmp_path / "run.pt", batches.generator, **parts) if resumed else 0
        assert first == (stop if resumed else 0)
        for epoch in range(first, 3):
            train_one_epoch(model, batches, optimizer, schedule)
            if epoch == stop - 1 and not resumed:
                save_checkpoint(tmp_path / "run.pt", epoch, batches.generator, **parts)
        ends.append([p.detach().clone() for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    model, optimizer = tiny()
    order = torch.Generator().manual_seed(0)
    save_checkpoint(tmp_path / "run.pt", 3, order, model=model)

    def interrupted(states, path):
        path = str(path)
        with open(path, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path / "run.pt", 4, order, model=model)
    assert load_checkpoint(tmp_path / "run.pt", order, model=model) == 4


@pytest.mark.parametrize("seed", range(5))
def test_per_class_is_scikit_learns(seed):
    numbers = torch.Generator().manual_seed(seed)
    labels, answers = (torch.randint(classes, (60,), generator=numbers) for classes in (5, 4))  # nobody answers 4
    counts = torch.bincount(5 * labels + answers, minlength=25).reshape(5, 5)
    for ours, score in zip(per_class(counts), (precision_score, recall_score, f1_score), strict=True):
        theirs = score(labels, answers, labels=range(5), average=None, zero_division=0)
        assert np.allclose(ours, theirs)


def test_micro_f1_is_the_accuracy():
    labels, answers = torch.randint(4, (2, 50), generator=torch.Generator().manual_seed(0))
    assert f1_score(labels, answers, average="micro") == pytest.approx((labels == answers).double().mean().item())


def test_calibration_error_by_hand():
    p = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.0, 1.0]], dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 1])
    rows = bins(p, labels)
    assert [row[0] for row in rows] == [1, 3]  # 0.6; and 0.9, 0.9, 1.0 in the last range
    assert rows[1][1:] == pytest.approx((2.8 / 3, 2 / 3))
    assert calibration_error(p, labels) == pytest.approx((1 * 0.4 + 3 * (2.8 / 3 - 2 / 3)) / 4)


def test_calibrated_answers_have_almost_no_error():
    numbers = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20000, 5, generator=numbers)
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=numbers)[:, 0]
    assert calibration_error(logits.softmax(dim=1), labels) < 0.015
    assert abs(temperature(logits, labels) - 1) < 0.05
    assert abs(temperature(3 * logits, labels) - 3) < 0.15
    assert calibration_error((3 * logits).softmax(dim=1), labels) > 0.1


# --- The recorded results, and what the page says of them -----------------------------------------------------------


def mistakes(name, key="validation"):
    """Return the last number of each recorded run, nudged ones too where they are validation losses."""
    runs = EXPERIMENTS["mistakes"][name]
    return [run[-1] for run in runs["validation"] + runs["nudged"]] if key == "validation" else runs[key]


def test_the_six_curves_can_be_told_apart():
    right = mistakes("right")
    assert len(right) == 15 and max(right) < 0.2
    assert min(mistakes("no zero_grad")) > 20 and "C ended above 20" in PROSE
    assert min(mistakes("no shuffle")) > 1.2 and "A above 1.2" in PROSE
    assert all(abs(loss - math.log(10)) < 0.1 for loss in mistakes("zero_grad late"))
    eval_missing = zip(mistakes("right"), mistakes("no eval"), strict=True)
    assert all(1.5 < without / with_it < 5 for with_it, without in eval_missing)
    for name in ("right", "no eval", "no train"):
        trained, validated = mistakes(name, "last_epoch"), mistakes(name)[:10]
        ratios = [a / b for a, b in zip(trained, validated, strict=True)]
        if name == "right":
            assert min(ratios) > 1.1
        elif name == "no train":
            assert max(ratios) < 0.5
        else:
            assert 0.4 < min(ratios) and max(ratios) < 1, "the page says: no longer below the training loss"
    means = [statistics.mean(mistakes(name)[:10]) for name in ("no train", "right")]
    assert f"its mean is {means[0]:.2f} here and {means[1]:.2f} in D" in re.sub(r"\s+", " ", PROSE)


def test_runs_and_bands_are_those_of_the_page():
    year, month, day = RESULTS["date"].split("-")
    assert f"{int(day)} November {year}, torch {RESULTS['versions']['torch']}" in PROSE and month == "11"
    quoted = re.search(r"chosen = \{.*?\n\}", PAGE, re.DOTALL)[0]
    for name, runs in EXPERIMENTS["optimizers"].items():
        assert re.search(rf'"{name}": \(\w+, \{{"lr": {runs["lr"]}\b', quoted)
        accuracy = runs["test_accuracy"]
        assert len(accuracy) == len(runs["nudged"]) == 10
        words = f"{statistics.mean(accuracy):.1f} %"
        assert words in PROSE, f"{name}: the page does not say {words!r}"


def test_momentum_is_more_than_a_larger_rate():
    sgd, momentum = ([statistics.mean(runs) for runs in EXPERIMENTS["rates"][name].values()] for name in ("SGD", "momentum"))
    rates = [list(map(float, EXPERIMENTS["rates"][name])) for name in ("SGD", "momentum")]
    best = sgd.index(min(sgd))
    tenth = momentum[rates[1].index(rates[0][best] / 10)]
    assert abs(tenth / min(sgd) - 1) < 0.2, "a tenth of the rate comes near"
    assert min(momentum) < 0.7 * min(sgd)


def test_the_schedule_helps_at_the_larger_rate_only():
    lower, said = {}, {}
    for lr in ("0.05", "0.1"):
        constant, cosine_ = (EXPERIMENTS["schedule"][f"{kind} {lr}"] for kind in ("constant", "cosine"))
        assert len(constant) == 10
        lower[lr] = sum(b < a for a, b in zip(constant, cosine_, strict=True))
        differences = [b - a for a, b in zip(constant, cosine_, strict=True)]
        error = statistics.stdev(differences) / len(differences) ** 0.5
        said[lr] = f"by {abs(statistics.mean(differences)):.3f} ± {error:.3f}"
    assert lower == {"0.05": 2, "0.1": 9}
    for words in (
        f"At the rate 0.1 the cosine ended lower in nine of ten, {said['0.1']}",
        f"At 0.05 it ended *higher* in eight of ten, {said['0.05']}",
    ):
        assert words in re.sub(r"\s+", " ", PROSE)


def moves(name):
    runs = EXPERIMENTS["optimizers"][name]
    return [abs(a - b) for a, b in zip(runs["test_accuracy"], runs["nudged"], strict=True)]


def test_limits_above_the_outputs_are_wide_enough():
    assert max(max(moves(name)) for name in OPTIMIZERS) < 2.0
    for key, limit in (("temperature", 0.2), ("error", 0.015)):
        pairs = zip(EXPERIMENTS["calibration"][key], EXPERIMENTS["calibration, nudged"][key], strict=True)
        assert max(np.abs(np.subtract(a, b)).max() for a, b in pairs) < limit
    right = EXPERIMENTS["mistakes"]["right"]
    for plain, nudged in zip(right["validation"], right["nudged"], strict=False):
        assert max(abs(a - b) for a, b in zip(plain, nudged, strict=True)) < 0.15


def test_recorded_calibration_is_as_the_page_says():
    runs = EXPERIMENTS["calibration"]
    assert max(runs["temperature"]) < 1, "the page says: too modest"
    means = np.mean(runs["error"], axis=0)
    for share in means:
        assert f"{100 * share:.1f} %" in PROSE
    assert sum(after > before for before, after in runs["error"]) == 2 and "In two of the ten it rises" in PROSE

"""The code of the lesson cifar-10, its training program, and that the page says what was recorded."""

import ast
import json
import math
import pickle
import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10

from scripts import train_cifar10
from snippets import cifar_10
from snippets.cifar_10 import (
    SHAPES,
    SmallCIFAR10,
    accuracy,
    draw,
    evaluate,
    loaders,
    make_optimizer,
    network,
    photographs,
    transforms,
    warm_up_cosine,
    write_small_cifar,
)

LESSON = train_cifar10.RECORD.parent
PAGE = (LESSON / "index.md").read_text(encoding="utf-8")
NO_RUN = "No full run has been recorded yet."
TINY = {"train": 100, "test": 50}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    write_small_cifar(folder, **TINY)
    return folder


# --- The files ---


def test_files_have_the_names_and_the_layout_of_cifar_10(root):
    names = sorted(path.name for path in (root / "cifar-10-batches-py").iterdir())
    assert names == ["batches.meta", *(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    batch = pickle.loads((root / "cifar-10-batches-py" / "data_batch_3").read_bytes())
    assert batch["data"].shape == (20, 3072) and batch["data"].dtype == np.uint8
    assert len(batch["labels"]) == 20 and all(type(label) is int for label in batch["labels"])
    images = SmallCIFAR10(root).data[40:60]
    for channel, y, x in [(0, 0, 0), (1, 3, 30), (2, 31, 4)]:
        assert np.array_equal(batch["data"][:, 1024 * channel + 32 * y + x], images[:, y, x, channel])


def test_classes_are_balanced_and_the_set_is_the_same_each_time(root, tmp_path):
    write_small_cifar(tmp_path, **TINY)
    for train, number in ((True, 10), (False, 5)):
        one, two = (SmallCIFAR10(folder, train=train) for folder in (root, tmp_path))
        assert np.bincount(one.targets).tolist() == [number] * 10
        assert np.array_equal(one.data, two.data) and one.targets == two.targets
        assert one.classes == list(SHAPES)
    write_small_cifar(tmp_path, **TINY, seed=1)
    assert not np.array_equal(SmallCIFAR10(root).data, SmallCIFAR10(tmp_path).data)


@pytest.mark.parametrize("sizes", [{"train": 60}, {"test": 15}])
def test_sizes_that_do_not_balance_are_refused(sizes, tmp_path):
    with pytest.raises(ValueError, match="multiple"):
        write_small_cifar(tmp_path, **sizes)
    assert list(tmp_path.iterdir()) == []


def test_torchvision_does_not_take_the_set_for_cifar_10(root):
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        CIFAR10(root)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_has_ink_and_leaves_room(name):
    v, u = np.mgrid[-1:1:64j, -1:1:64j]
    share = SHAPES[name](u, v).mean()
    assert 0.1 < share < 0.65
    image = draw(name, photographs(), np.random.default_rng(5))
    assert image.shape == (32, 32, 3) and image.dtype == np.uint8


# --- The pieces of the recipe ---


@pytest.mark.parametrize("width", [1, 3, 8, 32])
def test_parameters_follow_the_formula(width):
    assert sum(p.numel() for p in network(width).parameters()) == 279 * width**2 + 95 * width + 10


def test_without_batch_norm_the_convolutions_have_a_bias():
    kinds = [type(layer).__name__ for layer in network(4, norm=False)]
    assert "BatchNorm2d" not in kinds and network(4, norm=False)[0].bias is not None
    assert network(4)[0].bias is None and network(4)(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_no_output_of_the_last_convolution_sees_the_whole_image():
    seen = []
    for column in range(8):
        image = torch.ones(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
        maps = image
        for layer in network(2, norm=False).double():
            if isinstance(layer, torch.nn.Conv2d):  # positive weights, so that nothing cuts a path
                maps = torch.nn.functional.conv2d(maps, torch.ones_like(layer.weight), padding=1)
            elif isinstance(layer, torch.nn.MaxPool2d):
                maps = torch.nn.functional.avg_pool2d(maps, 2)  # a maximum would follow one of the four only
        maps[0, 0, column, column].backward()
        columns = image.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
        assert (columns[0], columns[-1]) == (max(0, 4 * column - 14), min(31, 4 * column + 17))
        seen.append(len(columns))
    assert max(seen) == 30 and seen[3] == 30


def test_schedule_starts_peaks_and_ends():
    rates = [warm_up_cosine(step, 100, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == 1
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[99] < 0.001
    assert warm_up_cosine(0, 5, 0) == 1 and warm_up_cosine(100, 100, 10) == pytest.approx(0)
    assert warm_up_cosine(55, 100, 10) == pytest.approx((1 + math.cos(math.pi / 2)) / 2)


def test_only_weights_decay_and_no_parameter_is_forgotten():
    model = network(4)
    decay, rest = make_optimizer(model, lr=0.1, decay=0.3).param_groups
    assert decay["weight_decay"] == 0.3 and rest["weight_decay"] == 0
    assert {p.ndim for p in decay["params"]} == {2, 4} and {p.ndim for p in rest["params"]} == {1}
    assert len(decay["params"]) + len(rest["params"]) == len(list(model.parameters()))


def test_images_kept_back_are_never_trained_on_and_never_augmented(root):
    train, held = loaders(SmallCIFAR10, root, 20, 16)
    assert len(train.dataset) == 80 and len(held.dataset) == 20
    assert sorted(train.dataset.indices + held.dataset.indices) == list(range(100))
    assert held.dataset.indices == loaders(SmallCIFAR10, root, 20, 16)[1].dataset.indices
    assert torch.equal(held.dataset[3][0], held.dataset[3][0])
    looks = [train.dataset[3][0] for _ in range(8)]
    assert any(not torch.equal(looks[0], look) for look in looks)
    assert len(train) == 5 and all(len(images) == 16 for images, _ in train)


def test_transform_normalises_with_the_given_numbers(root):
    image = SmallCIFAR10(root)[0][0]
    bare = transforms(False, mean=(0.0,) * 3, std=(1.0,) * 3)(image)
    assert torch.allclose(bare, torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255, atol=1e-6)
    scaled = transforms(False)(image)
    expected = (bare - torch.tensor(cifar_10.MEAN)[:, None, None]) / torch.tensor(cifar_10.STD)[:, None, None]
    assert torch.allclose(scaled, expected, atol=1e-6)


def test_evaluate_keeps_the_order_and_switches_dropout_off(root):
    test = SmallCIFAR10(root, train=False, transform=transforms(False))
    torch.manual_seed(0)
    model = network(2, dropout=0.9)
    small, whole = (evaluate(model.train(), DataLoader(test, size)) for size in (7, 50))
    assert torch.allclose(small[0], whole[0], atol=1e-5) and small[1].tolist() == test.targets
    assert not model.training and small[0].shape == (50, 10)
    assert accuracy(torch.eye(10)[:4], torch.tensor([0, 1, 2, 9])) == 75


# --- The program ---

QUICK = ["--generated", "--width", "2", "--batch-size", "20", "--device", "cpu"]


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(train_cifar10, "write_small_cifar", lambda folder: write_small_cifar(folder, **TINY))


def run(out, *arguments):
    return train_cifar10.main([*QUICK, "--out", str(out), *arguments])


def state(out):
    return torch.load(out / "checkpoint.pt", weights_only=True)


def test_interrupted_and_resumed_is_bit_by_bit_the_same(tmp_path, tiny, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(one, "--epochs", "3") == 0
    assert run(two, "--epochs", "3", "--stop-after", "1") == 130
    assert len(state(two)["history"]) == 1 and not (two / "results.json").exists()
    torch.manual_seed(99)  # another process would have other random numbers
    assert run(two, "--epochs", "3") == 0
    assert "going on after epoch 1" in capsys.readouterr().out
    a, b = state(one), state(two)
    assert a["history"] == b["history"] and len(a["history"]) == 3
    assert all(torch.equal(a["model"][name], b["model"][name]) for name in a["model"])
    for key, value in a["optimizer"]["state"].items():
        assert all(torch.equal(value[name], b["optimizer"]["state"][key][name]) for name in value)
    assert torch.equal(a["random"]["cpu"], b["random"]["cpu"]) and a["schedule"]["last_epoch"] == 12
    assert list(two.glob("*.part")) == []


def test_bytes_of_a_checkpoint_are_those_of_the_exercise(tmp_path):
    model = network(32)
    optimizer = make_optimizer(model, lr=0.001, decay=0.05)
    model(torch.zeros(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    tensors = list(states["model"].values())
    for kept in states["optimizer"]["state"].values():
        tensors += kept.values()
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    text = (LESSON / "exercises.md").read_text(encoding="utf-8")
    assert f"== {size}, " in text and f"{size:,} bytes" in text and f"{size / 2**20:.1f} MiB" in text
    train_cifar10.save(tmp_path / "checkpoint.pt", states)
    assert size < (tmp_path / "checkpoint.pt").stat().st_size < 1.05 * size


def test_ctrl_c_in_an_epoch_leaves_the_last_whole_one(tmp_path, tiny, monkeypatch, capsys):
    real, calls = train_cifar10.train_one_epoch, []

    def interrupted(*arguments):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(train_cifar10, "train_one_epoch", interrupted)
    assert run(tmp_path, "--epochs", "2") == 130
    assert "The same command goes on" in capsys.readouterr().err
    assert len(state(tmp_path)["history"]) == 1


def test_a_save_that_fails_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    train_cifar10.save(path, {"history": [1]})

    def half(state, target):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        train_cifar10.save(path, {"history": [1, 2]})
    assert torch.load(path, weights_only=True) == {"history": [1]}


def test_results_say_how_to_repeat_the_run_and_name_no_folder(tmp_path, tiny):
    assert run(tmp_path, "--epochs", "1", "--seed", "4") == 0
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    results = json.loads(text)
    assert set(results) == {"command", "date", "device", "versions", "settings", "history", "test_accuracy"}
    assert "--seed 4" in results["command"] and str(tmp_path) not in text and results["device"] == "CPU"
    assert results["settings"]["seed"] == 4 and len(results["history"]) == 1
    assert 0 <= results["test_accuracy"] <= 100


def test_a_checkpoint_of_other_settings_is_refused_in_the_words_of_the_page(tmp_path, tiny, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = [*QUICK, "--out", ".cache/cifar10", "--epochs", "1", "--lr", "0.003"]
    assert train_cifar10.main(arguments) == 0
    capsys.readouterr()
    assert train_cifar10.main([*arguments, "--lr", "0.01"]) == 2
    message = capsys.readouterr().err.removeprefix("train_cifar10: ")
    assert message in PAGE and "lr: 0.003 there, 0.01 now" in message
    assert train_cifar10.main([*arguments, "--lr", "0.01", "--fresh"]) == 0


def test_a_damaged_checkpoint_is_refused(tmp_path, tiny, capsys):
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    assert run(tmp_path, "--epochs", "1") == 2
    assert "is damaged, or is no checkpoint" in capsys.readouterr().err


def test_missing_data_says_where_and_what_to_do(tmp_path, capsys):
    arguments = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert train_cifar10.main(arguments) == 2
    message = capsys.readouterr().err
    assert all(words in message for words in (str(tmp_path / "none"), "--download", "--generated"))


def test_damaged_data_is_named(tmp_path, root, tiny, capsys):
    arguments = ["--data", str(root), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert train_cifar10.main(arguments) == 2  # the generated files have not CIFAR-10's checksums
    assert "missing or damaged" in capsys.readouterr().err
    assert run(tmp_path, "--epochs", "1") == 0
    (tmp_path / "generated" / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"cut")
    assert run(tmp_path, "--epochs", "1", "--fresh") == 2
    assert "missing or damaged" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run(tmp_path / "file" / "out") == 2
    assert "cannot write to" in capsys.readouterr().err


def test_a_batch_larger_than_the_set_is_refused(tmp_path, tiny, capsys):
    assert run(tmp_path, "--batch-size", "128") == 2
    assert "--batch-size 128" in capsys.readouterr().err


def test_a_missing_gpu_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(tmp_path, "--device", "cuda") == 2
    assert "finds no GPU" in capsys.readouterr().err


WRONG = ["--record", "--download", "--epochs 0", "--epochs two", "--warm-up 1", "--dropout 1", "--lr 0", "--decay x"]


@pytest.mark.parametrize("wrong", [words.split() for words in WRONG])
def test_options_that_make_no_sense_are_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        train_cifar10.parse(["--generated", *wrong])
    assert wrong[0] in capsys.readouterr().err


def test_the_generated_set_has_the_settings_of_the_page_and_a_folder_of_its_own():
    small, full = train_cifar10.parse(["--generated"]), train_cifar10.parse([])
    assert (small.epochs, small.batch_size, small.lr, small.width) == (8, 25, 0.01, 8)
    assert (full.epochs, full.batch_size, full.lr, full.width) == (30, 128, 0.003, 32)
    assert small.out != full.out and all(".cache" in folder.parts for folder in (small.out, full.out, full.data))
    assert train_cifar10.parse(["--generated", "--epochs", "2", "--out", "x"]).epochs == 2
    assert small.decay == full.decay == 0.05 and small.dropout == full.dropout == 0.1 and small.warm_up == 0.1


def test_a_finished_run_says_so_and_a_fresh_one_removes_what_was_there(tmp_path, tiny, monkeypatch, capsys):
    assert run(tmp_path, "--epochs", "1") == 0
    assert run(tmp_path, "--epochs", "1") == 0
    assert "all 1 epochs are done" in capsys.readouterr().out

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_cifar10, "train_one_epoch", interrupted)
    assert run(tmp_path, "--epochs", "1", "--fresh") == 130
    assert "no epoch was whole yet" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generated"]


def test_a_failed_download_and_a_full_disk_are_named(tmp_path, tiny, monkeypatch, capsys):
    def no_network(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(train_cifar10, "CIFAR10", no_network)
    monkeypatch.setattr(no_network, "base_folder", "cifar-10-batches-py", raising=False)
    arguments = ["--download", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert train_cifar10.main(arguments) == 2
    message = capsys.readouterr().err
    assert "the download into" in message and "no network" in message

    monkeypatch.setattr(torch, "save", no_network)
    with pytest.raises(train_cifar10.UserError, match="cannot write .*no network"):
        train_cifar10.save(tmp_path / "checkpoint.pt", {})


def test_folders_are_left_out_of_the_recorded_command():
    given = ["--data", "/home/me/x", "--epochs", "30", "--out=/tmp/y", "--seed", "1"]
    assert train_cifar10.without_folders(given) == ["--epochs", "30", "--seed", "1"]


# --- The page, and what was recorded ---


def full_run_problems(page, run):
    """What the page says wrongly about a full run on CIFAR-10; run: the content of full-run.json, or None."""
    if run is None:
        return [] if NO_RUN in page else [f"the page must say: {NO_RUN}"]
    wanted = [f"{run['test_accuracy']:.2f} %", run["command"], run["date"], run["device"], run["versions"]["torch"]]
    missing = [f"the page does not say {words!r}" for words in wanted if words not in page]
    return missing + ([f"a run is recorded, but the page says: {NO_RUN}"] if NO_RUN in page else [])


def test_page_and_full_run_agree():
    path = train_cifar10.RECORD
    run = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    assert full_run_problems(PAGE, run) == []


def test_a_page_that_disagrees_with_the_full_run_is_found():
    run = {"test_accuracy": 12.3, "command": "python x", "date": "2031-01-02", "device": "D", "versions": {"torch": "9"}}
    right = "12.30 % python x 2031-01-02 D 9"
    assert full_run_problems(right, run) == [] and full_run_problems(NO_RUN, None) == []
    assert full_run_problems(right.replace("12.30", "12.31"), run) and full_run_problems(right + NO_RUN, run)
    assert full_run_problems("nothing", None)


def test_the_program_records_only_where_it_is_told(tmp_path, root, monkeypatch):
    record = tmp_path / "docs" / "full-run.json"
    record.parent.mkdir()
    monkeypatch.setattr(train_cifar10, "RECORD", record)
    monkeypatch.setattr(train_cifar10, "ROOT", tmp_path)
    monkeypatch.setattr(train_cifar10, "CIFAR10", SmallCIFAR10)  # stands for the real one
    arguments = ["--data", str(root), "--epochs", "1", *QUICK[1:]]
    assert train_cifar10.main([*arguments, "--out", str(tmp_path / "a")]) == 0 and not record.exists()
    assert train_cifar10.main([*arguments, "--out", str(tmp_path / "b"), "--record"]) == 0
    assert json.loads(record.read_text(encoding="utf-8"))["settings"]["generated"] is False


def experiments():
    return json.loads((LESSON / "results.json").read_text(encoding="utf-8"))["experiments"]


def test_page_quotes_the_recorded_accuracies():
    quoted = ast.literal_eval(re.search(r"^recorded = (\{.*?\n\})", PAGE, re.MULTILINE | re.DOTALL)[1])
    variants = [name for name in cifar_10.VARIANTS if "nudged" not in name]
    assert quoted == {name: tuple(round(value, 1) for value in experiments()[name]["test"]) for name in variants}


def test_verdicts_of_the_page_follow_from_its_rule():
    results = experiments()
    verdicts = {}
    for name in ("no batch norm", "no augmentation", "no dropout", "constant rate"):
        costs = np.subtract(results["recipe"]["test"], results[name]["test"])
        error = costs.std(ddof=1) / math.sqrt(len(costs))
        assert abs(abs(costs.mean()) - 3 * error) > 0.5, name  # not close
        verdicts.setdefault("worse" if costs.mean() > 3 * error else "not decided", []).append(name)
    assert verdicts == {"worse": ["no batch norm", "constant rate"], "not decided": ["no augmentation", "no dropout"]}
    assert all(f"**{words}" in PAGE for words in ("Worse without batch norm", "Worse without a schedule"))
    assert "**Not decided: augmentation and dropout.**" in PAGE


def test_limits_of_the_page_are_wider_than_what_was_recorded():
    results = experiments()
    for key, limit in (("test", 8), ("validation", 12), ("training", 8), ("unscaled", 18)):
        first = results["recipe"][key][0]
        others = results["recipe"][key] + results["recipe, nudged"][key]
        assert max(abs(value - first) for value in others) < limit, key
    for name in ("recipe", "recipe, nudged"):
        passes = [run[-1] for run in results[name]["on_the_way"]]
        assert all(after > way for after, way in zip(results[name]["training"], passes, strict=True))
        gaps = [test - bare for test, bare in zip(results[name]["test"], results[name]["unscaled"], strict=True)]
        assert min(gaps) > 0


def test_recorded_predictions_give_the_recorded_accuracy(tmp_path):
    write_small_cifar(tmp_path)
    truth = np.array(SmallCIFAR10(tmp_path, train=False).targets)
    for results in experiments().values():
        found = [100 * (np.array(predicted) == truth).mean() for predicted in results["predicted"]]
        assert found == pytest.approx(results["test"], abs=1e-3)
        assert len(results["seeds"]) == 4


def test_page_on_mistakes_and_on_runs_without_batch_norm_is_as_recorded(tmp_path):
    write_small_cifar(tmp_path)
    truth, names = np.array(SmallCIFAR10(tmp_path, train=False).targets), list(SHAPES)
    counts = np.zeros((10, 10), dtype=int)
    for predicted in experiments()["recipe"]["predicted"]:
        np.add.at(counts, (truth, np.array(predicted)), 1)
    wrong = counts - np.diag(np.diag(counts))
    assert divmod(int(wrong.argmax()), 10) == (names.index("square"), names.index("disc"))
    moon = names.index("moon")
    assert counts.diagonal().argmin() == moon
    assert {names[place] for place in wrong[moon].argsort()[-2:]} == {"ring", "triangle"}
    assert all(len(set(predicted)) == 1 for predicted in experiments()["no batch norm"]["predicted"])
    spread = {name: max(runs["test"]) - min(runs["test"]) for name, runs in experiments().items()}
    assert max(spread, key=spread.get) == "constant rate"
    without = sorted(experiments()["no dropout"]["test"])
    assert without[0] < 85 and without[1] > 92

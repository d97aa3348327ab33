"""Train the network of the lesson cifar-10 on CIFAR-10, or on its small generated set.

Examples, from the root of the project:
    python -m scripts.train_cifar10 --generated          a few minutes at most: try this first
    python -m scripts.train_cifar10 --download           fetch CIFAR-10 (170 MB), and train 30 epochs
    python -m scripts.train_cifar10 --data ~/cifar       CIFAR-10 that is already there

Ctrl-C at any time: the last whole epoch is kept in the folder of --out, and the same command goes on from there. One
training image in ten is kept back for validation; the test images are looked at once, after the last epoch.
"""

import argparse
import datetime
import json
import math
import os
import pickle
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10

from snippets.cifar_10 import (
    SmallCIFAR10,
    accuracy,
    evaluate,
    loaders,
    make_optimizer,
    network,
    train_one_epoch,
    transforms,
    warm_up_cosine,
    write_small_cifar,
)

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "lessons" / "cifar-10" / "full-run.json"
# What is used where the command says nothing: for CIFAR-10, and for the generated set (as on the lesson's page).
FULL = {"epochs": 30, "batch_size": 128, "lr": 0.003, "width": 32}
SMALL = {"epochs": 8, "batch_size": 25, "lr": 0.01, "width": 8}
# A checkpoint goes on only under the same settings; these change what is computed.
SETTINGS = ("generated", "epochs", "batch_size", "lr", "decay", "dropout", "smoothing", "warm_up", "width", "seed")


class UserError(Exception):
    """Something that the user can mend; the message says how."""


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, metavar="FOLDER", help="folder that holds cifar-10-batches-py (default: .cache/data)")
    add("--download", action="store_true", help="fetch CIFAR-10 into that folder if it is not there")
    add("--generated", action="store_true", help="train on the small generated set of the lesson instead")
    for name, kind, meaning in (
        ("epochs", whole, "how often each training image is seen"),
        ("batch_size", whole, "images in a step"),
        ("lr", number(0, above=True), "largest learning rate"),
        ("width", whole, "channels of the first stage"),
    ):
        text = f"{meaning} (default: {FULL[name]}; with --generated {SMALL[name]})"
        add("--" + name.replace("_", "-"), type=kind, metavar="N", help=text)
    add("--decay", type=number(0), default=0.05, metavar="X", help="weight decay (default: %(default)s)")
    add("--dropout", type=number(0, 1), default=0.1, metavar="X", help="share switched off (default: %(default)s)")
    add("--smoothing", type=number(0, 1), default=0.0, metavar="X", help="label smoothing (default: %(default)s)")
    add(
        "--warm-up",
        type=number(0, 1),
        default=0.1,
        metavar="X",
        help="share of the steps with a rising learning rate (default: %(default)s)",
    )
    add("--seed", type=whole_or_0, default=0, metavar="N", help="start of the random numbers (default: 0)")
    add("--workers", type=whole_or_0, default=0, metavar="N", help="processes that load images (default: 0, none)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if there is one (default)")
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder of the checkpoint and the results (default: .cache/cifar10; with --generated "
        ".cache/cifar10-generated). `make clean` removes .cache",
    )
    add("--fresh", action="store_true", help="begin again: a checkpoint in that folder is overwritten")
    add(
        "--stop-after",
        type=whole,
        metavar="N",
        help="end after this epoch, as Ctrl-C would; the same command without it goes on",
    )
    add("--record", action="store_true", help="write the results of a full run for the lesson's page, too")
    options = parser.parse_args(arguments)
    if options.record and options.generated:
        parser.error("--record is for CIFAR-10, not for the generated set")
    if options.download and options.generated:
        parser.error("--generated needs no download")
    for name, value in (SMALL if options.generated else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    cache = ROOT / ".cache"
    options.data = (options.data or cache / "data").expanduser()
    options.out = (options.out or cache / ("cifar10-generated" if options.generated else "cifar10")).expanduser()
    return options


def whole(text, least=1):
    """Return a whole number for argparse, which shows the words of the error."""
    if not text.lstrip("-").isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"must be a whole number, {least} or more, not {text}")
    return int(text)


def whole_or_0(text):
    return whole(text, 0)


def number(least, below=math.inf, above=False):
    """Return a function for argparse: a number from least (or above it) to below another."""
    limits = f"{'above' if above else 'from'} {least}" + (f" to below {below}" if below < math.inf else "")

    def convert(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value < below or (above and value == least):
            raise argparse.ArgumentTypeError(f"must be a number {limits}, not {text}")
        return value

    return convert


def choose_device(name):
    """Return the device; a missing GPU is an error where one was asked for."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch finds no GPU here. Leave --device out, or say --device cpu.")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def open_data(options):
    """Return (data set class, folder), and make sure that all files can be read."""
    if options.generated:
        root, kind = options.out / "generated", SmallCIFAR10
        if not (root / CIFAR10.base_folder / CIFAR10.meta["filename"]).is_file():
            write_small_cifar(root)
    else:
        root, kind = options.data, CIFAR10
        if not (root / CIFAR10.base_folder).is_dir() and not options.download:
            raise UserError(
                f"no CIFAR-10 in {root}: there is no folder {CIFAR10.base_folder}.\n"
                "Fetch it with --download, name another folder with --data, or train on the small generated set "
                "with --generated."
            )
    try:
        for train in (True, False):
            kind(root, train=train, download=options.download)
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise UserError(
            f"files in {root / CIFAR10.base_folder} are missing or damaged.\n"
            "Remove that folder, then run the same command again" + ("." if options.generated else " with --download.")
        ) from error
    except OSError as error:
        doing = f"the download into {root} failed" if options.download else f"a file in {root} cannot be read"
        raise UserError(f"{doing} ({error}).") from error
    return kind, root


def save(path, state):
    """Write the checkpoint under another name first: an interruption leaves the old one whole."""
    part = path.with_suffix(".part")
    try:
        torch.save(state, part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:  # a full disk, for example
        raise UserError(f"cannot write {path} ({first_line(error)}). The epochs before this one are kept.") from error


def first_line(error):
    """Return the first line of an error's message; torch.load's go on for many more."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


def load(path, settings):
    """Return the checkpoint's state. Raises UserError if it is damaged, or made with other settings."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        there = state["settings"]
    except Exception as error:  # torch.load raises many kinds
        raise UserError(
            f"{path} is damaged, or is no checkpoint of this program.\n"
            "Begin again with --fresh (this overwrites it), or name another folder with --out."
        ) from error
    other = [name for name in settings if there.get(name) != settings[name]]
    if other:
        lines = [f"  {name}: {there.get(name)} there, {settings[name]} now" for name in other]
        raise UserError(
            f"{path} was made with other settings:\n" + "\n".join(lines) + "\n"
            "Use the same settings to go on, --fresh to begin again, or another folder with --out."
        )
    return state


def random_state(device):
    """Return the state of the generators that shuffle, augment and drop out."""
    return {"cpu": torch.get_rng_state()} | ({"cuda": torch.cuda.get_rng_state()} if device == "cuda" else {})


def set_random_state(state, device):
    torch.set_rng_state(state["cpu"])
    if device == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])


class Progress:
    """One line that is written again and again: epoch, step, loss and the time left."""

    def __init__(self, loader, epoch, epochs, done):
        self.loader, self.epoch, self.epochs = loader, epoch, epochs
        self.start, self.done = time.monotonic(), done  # done: epochs that were there before

    def __iter__(self):
        steps, every = len(self.loader), 1 if sys.stderr.isatty() else 50
        for step, batch in enumerate(self.loader, start=1):
            yield batch
            if step % every == 0 or step == steps:
                passed = time.monotonic() - self.start
                left = passed / step * (steps - step + steps * (self.epochs - self.epoch))
                text = f"epoch {self.epoch}/{self.epochs}, step {step}/{steps}, about {left / 60:.1f} min left  "
                end = "\r" if sys.stderr.isatty() else "\n"
                print(text, end=end, file=sys.stderr, flush=True)


def fit(options, kind, root, device):
    """Train, from the checkpoint if there is one. Return the model and the history, one entry per epoch."""
    settings = {name: getattr(options, name) for name in SETTINGS}
    checkpoint = options.out / "checkpoint.pt"
    torch.manual_seed(options.seed)
    held_out = len(kind(root)) // 10
    train, held = loaders(kind, root, held_out, options.batch_size, workers=options.workers)
    if not len(train):
        raise UserError(
            f"--batch-size {options.batch_size} is more than the {len(train.dataset)} training images. "
            "Choose a smaller one."
        )
    model = network(options.width, options.dropout).to(device)
    optimizer = make_optimizer(model, options.lr, options.decay)
    steps = options.epochs * len(train)
    warm_up = int(options.warm_up * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_up_cosine(step, steps, warm_up))
    history = []
    if checkpoint.exists() and not options.fresh:
        state = load(checkpoint, settings)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        set_random_state(state["random"], device)
        history = state["history"]
        if len(history) < options.epochs:
            print(f"going on after epoch {len(history)} of {checkpoint}")
        else:
            print(f"all {len(history)} epochs are done in {checkpoint}; --fresh begins again")
    else:
        for old in (checkpoint, options.out / "results.json"):
            old.unlink(missing_ok=True)  # of a run before
    while len(history) < options.epochs:
        epoch = len(history) + 1
        progress = Progress(train, epoch, options.epochs, len(history))
        loss, on_the_way = train_one_epoch(model, progress, optimizer, schedule, options.smoothing, device)
        logits, labels = evaluate(model, held, device)
        entry = {
            "train_loss": loss,
            "train_accuracy": on_the_way,
            "validation_loss": F.cross_entropy(logits, labels).item(),
            "validation_accuracy": accuracy(logits, labels),
        }
        history.append(entry)
        state = {"settings": settings, "history": history, "random": random_state(device)}
        parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
        save(checkpoint, state | {name: part.state_dict() for name, part in parts.items()})
        print(f"epoch {epoch:>3}  " + "  ".join(f"{key} {value:.3f}" for key, value in entry.items()), flush=True)
        if options.stop_after == epoch:
            raise KeyboardInterrupt
    return model, history


def results(options, device, history, test_accuracy, arguments):
    """Return what a reader needs to repeat the run; no name of a machine, no folder of its owner."""
    settings = {name: getattr(options, name) for name in SETTINGS}
    return {
        "command": "python -m scripts.train_cifar10 " + " ".join(without_folders(arguments)),
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("torch", "torchvision")},
        "settings": settings,
        "history": [{key: round(value, 4) for key, value in entry.items()} for entry in history],
        "test_accuracy": round(test_accuracy, 2),
    }


def without_folders(arguments):
    """Return the arguments without --data and --out: where files lie changes no result."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("--data", "--out"):
            skip = True
        elif not argument.startswith(("--data=", "--out=")):
            kept.append(argument)
    return kept


def run(options, arguments):
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / ".write").touch()
        (options.out / ".write").unlink()
    except OSError as error:
        raise UserError(f"cannot write to {options.out} ({error.strerror}). Name another folder with --out.") from error
    device = choose_device(options.device)
    kind, root = open_data(options)
    model, history = fit(options, kind, root, device)
    test = DataLoader(kind(root, train=False, transform=transforms(False)), 500, num_workers=options.workers)
    test_accuracy = accuracy(*evaluate(model, test, device))
    print(f"test accuracy {test_accuracy:.2f} %, on {'the generated set' if options.generated else 'CIFAR-10'}")
    text = json.dumps(results(options, device, history, test_accuracy, arguments), indent=1) + "\n"
    (options.out / "results.json").write_text(text, encoding="utf-8")
    print(f"wrote {options.out / 'results.json'}")
    if options.record:
        RECORD.write_text(text, encoding="utf-8")
        print(f"wrote {RECORD.relative_to(ROOT)}")


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    try:
        run(options, arguments)
    except UserError as error:
        print(f"train_cifar10: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = (options.out / "checkpoint.pt").exists()
        then = "goes on from the last whole epoch" if kept else "begins again: no epoch was whole yet"
        without = " (without --fresh)" * options.fresh + " (without --stop-after)" * bool(options.stop_after)
        print(f"\nstopped. The same command{without} {then}; folder {options.out}.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Code of the lesson training-loop: data from a folder, the loop, three optimizers, checkpoints and measures."""

import copy
import math
import os
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2


# --8<-- [start:write]
def write_folder(root, train=600, validation=300, seed=0):
    """Write scikit-learn's 1,797 digits as <root>/<part>/<digit>/<index>.png.

    A pixel p, 0 to 16, becomes the byte 15 * p. Each digit has its share in
    each part: train, validation, and test, the rest.
    """
    digits = load_digits()
    target, size = digits.target, train + validation
    rest, test = train_test_split(
        range(1797), train_size=size, stratify=target, random_state=seed
    )
    first, second = train_test_split(
        rest, train_size=train, stratify=target[rest], random_state=seed
    )
    names = ("train", "validation", "test")
    for part, indices in zip(names, (first, second, test), strict=True):
        for i in indices:
            folder = Path(root) / part / str(target[i])
            folder.mkdir(parents=True, exist_ok=True)
            pixels = (15 * digits.images[i]).astype("uint8")
            Image.fromarray(pixels).save(folder / f"{i:04}.png")


# --8<-- [end:write]


# --8<-- [start:prepare]
def prepare(root, mean, std):
    """Return the data set of the files <root>/<class>/*.png, normalised.

    It gives pairs: image (1, H, W), float32, and label, an int.
    """
    steps = [
        v2.Grayscale(),  # one channel
        v2.ToImage(),  # a tensor of bytes
        v2.ToDtype(torch.float32, scale=True),  # 0 to 1
        v2.Normalize([mean], [std]),
    ]
    return ImageFolder(root, v2.Compose(steps))


def keep(dataset):
    """Read all images, (N, C, H, W), and labels, (N,), once and keep them."""
    images, labels = zip(*dataset, strict=True)
    return TensorDataset(torch.stack(images), torch.tensor(labels))


# --8<-- [end:prepare]


# --8<-- [start:loader]
def loader(dataset, shuffle=True, seed=0, batch_size=50):
    """Return the data set's batches; `seed` fixes the orders of all epochs."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size, shuffle=shuffle, generator=order)


# --8<-- [end:loader]


# --8<-- [start:cnn]
def cnn(dropout=0.5):
    """Logits (N, 10) from images (N, 1, 8, 8); 6,090 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),  # (N, 16, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 4, 4)
        nn.Conv2d(16, 32, kernel_size=3, padding=1),  # (N, 32, 4, 4)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 2, 2)
        nn.Flatten(),  # (N, 128)
        nn.Dropout(dropout),
        nn.Linear(128, 10),  # (N, 10)
    )


# --8<-- [end:cnn]


# --8<-- [start:epoch]
def train_one_epoch(model, batches, optimizer, scheduler=None):
    """Take one step per batch. Return the mean loss of the images on the way."""
    model.train()
    place = next(model.parameters()).device  # where the weights are
    total = count = 0
    for x, y in batches:
        x, y = x.to(place), y.to(place)
        loss = F.cross_entropy(model(x), y)  # the mean over the batch
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()  # per batch: T_max must count batches, too
        total += loss.item() * len(y)
        count += len(y)
    return total / count


# --8<-- [end:epoch]


# --8<-- [start:evaluate]
@torch.no_grad()
def evaluate(model, batches):
    """Return (mean loss, accuracy in percent) over all images."""
    model.eval()
    place = next(model.parameters()).device
    total = correct = count = 0
    for x, y in batches:
        x, y = x.to(place), y.to(place)
        logits = model(x)  # (N, 10)
        total += F.cross_entropy(logits, y, reduction="sum").item()
        correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return total / count, 100 * correct / count


# --8<-- [end:evaluate]


# --8<-- [start:fit]
def fit(
    model, train, validation, optimizer, scheduler=None, epochs=12, patience=5
):
    """Train for `epochs` epochs, or until `patience` of them brought nothing.

    Leave the weights of the best epoch in the model. Return the mean losses
    of each epoch, a list of pairs (training, validation).
    """
    history, best, best_epoch = [], math.inf, -1
    weights = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        loss = train_one_epoch(model, train, optimizer, scheduler)
        history.append((loss, evaluate(model, validation)[0]))
        if history[-1][1] < best:
            best, best_epoch = history[-1][1], epoch
            weights = copy.deepcopy(model.state_dict())
        if epoch - best_epoch >= patience:
            break
    model.load_state_dict(weights)
    return history


# --8<-- [end:fit]


# --8<-- [start:lines]
def run_lines(lines, model, optimizer, train, validation, epochs=12):
    """Train with the lines "per epoch, per batch, before the validation".

    Return the loss of each batch and the validation loss of each epoch.
    """
    calls = {"train": model.train, "eval": model.eval}
    calls |= {"zero_grad": optimizer.zero_grad, "step": optimizer.step}
    before, each, after = (part.split() for part in lines.split(","))
    losses, validated = [], []
    for _ in range(epochs):
        for line in before:
            calls[line]()
        for x, y in train:
            loss = F.cross_entropy(model(x), y)
            for line in each:
                (calls | {"backward": loss.backward})[line]()
            losses.append(loss.item())
        for line in after:
            calls[line]()
        x, y = validation.tensors
        with torch.no_grad():
            validated.append(F.cross_entropy(model(x), y).item())
    return losses, validated


# --8<-- [end:lines]


# --8<-- [start:sgd]
def sgd_step(w, g, state, lr, momentum=0.0, weight_decay=0.0):
    """Return the weights after one step; `state` keeps the velocity.

    w, g: the weights and their gradient, tensors of one shape.
    """
    g = g + weight_decay * w
    velocity = momentum * state["velocity"] + g if "velocity" in state else g
    state["velocity"] = velocity
    return w - lr * velocity


# --8<-- [end:sgd]


# --8<-- [start:adamw]
def adamw_step(
    w, g, state, lr, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8
):
    """Return the weights after one step; `state` keeps t and two means.

    Source: Loshchilov and Hutter.
    """
    t = state["t"] = state.get("t", 0) + 1
    m = state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
    v = state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g * g
    m_hat = m / (1 - betas[0] ** t)  # both means began at zero: undo that
    v_hat = v / (1 - betas[1] ** t)
    return w - lr * weight_decay * w - lr * m_hat / (v_hat.sqrt() + eps)


# --8<-- [end:adamw]


# --8<-- [start:cosine]
def cosine(step, t_max, lr):
    """Return the learning rate of a step: lr at 0, zero at t_max, then up."""
    return lr * (1 + math.cos(math.pi * step / t_max)) / 2


# --8<-- [end:cosine]


# --8<-- [start:checkpoint]
def save_checkpoint(path, epoch, order, **parts):
    """Write all that the rest of the run needs; replace the old file at once.

    order: the loader's generator. parts: objects with a state_dict, by name.
    """
    states = {name: part.state_dict() for name, part in parts.items()}
    states |= {"epoch": epoch, "order": order.get_state()}
    states["random"] = torch.get_rng_state()  # dropout draws from this one
    torch.save(states, f"{path}.tmp")
    os.replace(f"{path}.tmp", path)


def load_checkpoint(path, order, **parts):
    """Give every part its state back. Return the number of the next epoch."""
    states = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(states[name])
    order.set_state(states["order"])
    torch.set_rng_state(states["random"])
    return states["epoch"] + 1


# --8<-- [end:checkpoint]


# --8<-- [start:per_class]
def per_class(counts):
    """Return precision, recall and F1 of each class, three tensors (C,).

    counts: (C, C), row = true class. Nothing to divide by gives 0.
    """
    right = counts.diagonal().double()
    called, present = counts.sum(dim=0), counts.sum(dim=1)
    f1 = 2 * right / (called + present).clamp(min=1)
    return right / called.clamp(min=1), right / present.clamp(min=1), f1


# --8<-- [end:per_class]


# --8<-- [start:ece]
def bins(probabilities, labels, number=10):
    """Sort images by confidence, the largest of their probabilities (N, C).

    Return (images, mean confidence, accuracy) of each of `number` equal
    ranges that holds any images.
    """
    confidence, answer = probabilities.double().max(dim=1)
    right = (answer == labels).double()
    place = (confidence * number).long().clamp(max=number - 1)
    rows = []
    for b in place.unique():
        inside = place == b
        means = confidence[inside].mean().item(), right[inside].mean().item()
        rows.append((inside.sum().item(), *means))
    return rows


def calibration_error(probabilities, labels, number=10):
    """Return the ECE, 0 to 1: the mean gap between confidence and accuracy.

    Source: Guo, Pleiss, Sun and Weinberger.
    """
    rows = bins(probabilities, labels, number)
    gaps = sum(n * abs(confidence - share) for n, confidence, share in rows)
    return gaps / len(labels)


# --8<-- [end:ece]


# --8<-- [start:temperature]
def temperature(logits, labels):
    """Return the T, 0.50 to 4.00, with the least cross-entropy of logits / T."""
    tried = [number / 100 for number in range(50, 401)]
    losses = [F.cross_entropy(logits / T, labels).item() for T in tried]
    return tried[losses.index(min(losses))]


# --8<-- [end:temperature]


# --- What the figures and the bands of the page come from -----------------------------------------------------------

RIGHT = "train, zero_grad backward step, eval"
MISTAKES = {
    "right": RIGHT,
    "no zero_grad": "train, backward step, eval",
    "zero_grad late": "train, backward zero_grad step, eval",
    "no train": ", zero_grad backward step, eval",
    "no eval": "train, zero_grad backward step, ",
    "no shuffle": RIGHT,
}
OPTIMIZERS = {
    "SGD": lambda parameters, lr: torch.optim.SGD(parameters, lr),
    "momentum": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
    "AdamW": lambda parameters, lr: torch.optim.AdamW(parameters, lr),
}
RATES = {
    "SGD": (0.03, 0.1, 0.3, 1.0, 3.0),
    "momentum": (0.003, 0.01, 0.03, 0.1, 0.3),
    "AdamW": (0.001, 0.003, 0.01, 0.03, 0.1),
}


def parts(root=None):
    """Return the three parts of the digits, kept in memory; written to `root` first, or to a folder that goes away."""
    if root is None:
        with tempfile.TemporaryDirectory() as folder:
            return parts(folder)
    write_folder(root)
    pixels = torch.stack([image for image, _ in prepare(f"{root}/train", 0.0, 1.0)])
    mean, std = pixels.mean().item(), pixels.std().item()
    return [keep(prepare(f"{root}/{part}", mean, std)) for part in ("train", "validation", "test")]


def nudge(model, size=1e-3):
    """Change every weight by a factor of about 1 ± size: it imitates a machine that rounds differently."""
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 1 + size * torch.randn(parameter.shape, generator=noise)


def mistaken(name, train, validation, seed=0, size=0.0):
    """Return the losses of `run_lines` for one of MISTAKES."""
    torch.manual_seed(seed)
    model = cnn()
    nudge(model, size)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    batches = loader(train, shuffle=name != "no shuffle", seed=seed)
    return run_lines(MISTAKES[name], model, optimizer, batches, validation)


def trained(name, lr, train, validation, seed=0, size=0.0, dropout=0.5, epochs=12, schedule=True):
    """Return a model trained by `fit` with one of OPTIMIZERS, with the cosine schedule or without, and its history."""
    torch.manual_seed(seed)
    model = cnn(dropout)
    nudge(model, size)
    optimizer, batches = OPTIMIZERS[name](model.parameters(), lr), loader(train, seed=seed)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(batches)) if schedule else None
    history = fit(model, batches, loader(validation, shuffle=False), optimizer, scheduler, epochs, patience=epochs)
    return model, history


def record(seeds=range(10), few_seeds=range(5)):
    """Return the results that the lesson's figures show, JSON-ready."""
    train, validation, test = parts()
    results = {"mistakes": {}, "rates": {}, "optimizers": {}, "schedule": schedules(train, validation, seeds)}
    for name in MISTAKES:
        runs = [mistaken(name, train, validation, seed) for seed in seeds]
        moved = [mistaken(name, train, validation, seed, 1e-3) for seed in few_seeds]
        results["mistakes"][name] = {"losses": runs[0][0], "validation": [run[1] for run in runs]}
        results["mistakes"][name]["nudged"] = [run[1] for run in moved]
        results["mistakes"][name]["last_epoch"] = [sum(run[0][-12:]) / 12 for run in runs]
        print(name, [round(run[1][-1], 3) for run in runs], flush=True)
    for name, rates in RATES.items():
        losses = {lr: [validated(name, lr, train, validation, seed) for seed in few_seeds] for lr in rates}
        results["rates"][name] = losses
        best = min(rates, key=lambda lr: sum(losses[lr]))
        accuracy = {}
        for size in (0.0, 1e-3):
            models = [trained(name, best, train, validation, seed, size)[0] for seed in seeds]
            accuracy[size] = [evaluate(model, loader(test, shuffle=False))[1] for model in models]
            if size == 0 and name == "momentum":
                results["calibration"] = calibration(models, validation, test)
            elif name == "momentum":
                results["calibration, nudged"] = calibration(models, validation, test)
        results["optimizers"][name] = {"lr": best, "test_accuracy": accuracy[0.0], "nudged": accuracy[1e-3]}
        print(name, results["rates"][name], results["optimizers"][name], flush=True)
    return results


def validated(name, lr, train, validation, seed, schedule=True):
    """Return the validation loss of the model that `trained` leaves."""
    model = trained(name, lr, train, validation, seed, schedule=schedule)[0]
    return evaluate(model, loader(validation, shuffle=False))[0]


def schedules(train, validation, seeds):
    """Return the validation losses of momentum with two rates, each kept constant or on the cosine schedule."""
    kinds = {"constant": False, "cosine": True}
    return {
        f"{kind} {lr}": [validated("momentum", lr, train, validation, seed, schedule) for seed in seeds]
        for lr in (0.05, 0.1)
        for kind, schedule in kinds.items()
    }


@torch.no_grad()
def calibration(models, validation, test):
    """Return the temperature and the calibration error of each model, without and with it, and the bins of all."""
    temperatures, errors, probabilities = [], [], []
    for model in models:
        T = temperature(model.eval()(validation.tensors[0]), validation.tensors[1])
        logits = model(test.tensors[0])
        pair = [softened.softmax(dim=1) for softened in (logits, logits / T)]
        temperatures.append(T)
        errors.append([calibration_error(p, test.tensors[1]) for p in pair])
        probabilities.append(pair)
    labels = test.tensors[1].repeat(len(models))
    pooled = [bins(torch.cat(p), labels) for p in zip(*probabilities, strict=True)]
    return {"temperature": temperatures, "error": errors, "bins": pooled}

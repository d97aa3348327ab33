"""Code of the lesson regularisation: dropout, weight decay, label smoothing, stochastic depth, and what they bring."""

import math

import torch
import torch.nn.functional as F
from skimage.data import camera
from torch import nn

from snippets.first_cnn import load, nudged, split


# --8<-- [start:small_set]
def small_set(images, labels, pool, seed, size=200, wrong=40):
    """Return (images, given labels, true labels) of `size` images drawn from `pool`.

    images (N, 1, 8, 8), labels (N,), pool: indices. The first `wrong` of the images
    get another label than their own, each of the nine others being equally likely.
    Raises ValueError when the pool is too small.
    """
    if not 0 <= wrong <= size <= len(pool):
        raise ValueError(f"{size} images with {wrong} wrong labels from {len(pool)}")
    draw = torch.Generator().manual_seed(seed)
    chosen = pool[torch.randperm(len(pool), generator=draw)[:size]]
    given = labels[chosen].clone()
    given[:wrong] += torch.randint(1, 10, (wrong,), generator=draw)  # 1 to 9 further
    return images[chosen], given % 10, labels[chosen]


# --8<-- [end:small_set]


# --8<-- [start:cnn]
def cnn(dropout=0.0):
    """Logits (N, 10) from images (N, 1, 8, 8); dropout before both linear layers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),  # (N, 16, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 4, 4)
        nn.Conv2d(16, 32, kernel_size=3, padding=1),  # (N, 32, 4, 4)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 2, 2)
        nn.Flatten(),  # (N, 128)
        nn.Dropout(dropout),
        nn.Linear(128, 64),  # (N, 64)
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(64, 10),  # (N, 10)
    )


# --8<-- [end:cnn]


# --8<-- [start:groups]
def decay_groups(model, decay):
    """Two parameter groups: kernels and matrices decay; biases and norms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


# --8<-- [end:groups]


# --8<-- [start:fit]
@torch.no_grad()
def evaluate(model, images, labels):
    """Return (mean loss without smoothing, accuracy in percent) over all images."""
    model.eval()
    logits = model(images)  # (N, 10)
    correct = (logits.argmax(dim=1) == labels).sum().item()
    return F.cross_entropy(logits, labels).item(), 100 * correct / len(labels)


def fit(
    data,
    validation,
    seed,
    dropout=0.0,
    decay=0.0,
    smoothing=0.0,
    steps=240,
    build=cnn,
    watch=None,
):
    """Train a model on `data`, a pair (images, labels), in batches of 50.

    Return the model and one row per epoch:
    (loss, accuracy) on `data`, then (loss, accuracy) on `validation`.
    build: makes the model; watch: called with (epoch, model, row) after each epoch.
    """
    torch.manual_seed(seed)  # first weights, order of the images, dropout's masks
    model, (images, labels) = build(dropout), data
    optimizer = torch.optim.AdamW(decay_groups(model, decay), lr=0.01)
    history = []
    for epoch in range(1, steps * 50 // len(images) + 1):
        model.train()
        for batch in torch.randperm(len(images)).split(50):
            logits = model(images[batch])
            loss = F.cross_entropy(logits, labels[batch], label_smoothing=smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        history.append(evaluate(model, *data) + evaluate(model, *validation))
        if watch:
            watch(epoch, model, history[-1])
    return model, history


# --8<-- [end:fit]


# --8<-- [start:dropout]
def dropout(x, keep, p):
    """Return x with the values where `keep` is 0 dropped and the others enlarged.

    x, keep: tensors of one shape, or shapes that broadcast; keep holds 0 and 1.
    p: the probability that a value is dropped, 0 <= p < 1.
    Source: Srivastava et al. (there, the scaling is done at test time).
    """
    if not 0 <= p < 1:
        raise ValueError(f"p is {p}, but must be at least 0 and below 1")
    return x * keep / (1 - p)


# --8<-- [end:dropout]


# --8<-- [start:masks]
def all_masks(n, p):
    """Yield each of the 2**n masks of n values, with its probability."""
    for number in range(2**n):
        keep = torch.tensor([number >> i & 1 for i in range(n)], dtype=torch.float64)
        kept = int(keep.sum())
        yield keep, (1 - p) ** kept * p ** (n - kept)


# --8<-- [end:masks]


# --8<-- [start:maps]
def three_maps():
    """Return (1, 3, 64, 64): brightness, vertical edges, horizontal edges.

    Source: the photograph `camera` of scikit-image, made smaller by block means.
    """
    pixels = torch.tensor(camera(), dtype=torch.float64) / 255  # (512, 512)
    small = F.avg_pool2d(pixels[None, None], 8)  # (1, 1, 64, 64)
    edge = torch.tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)
    kernels = torch.stack([edge, edge.T])[:, None]  # (2, 1, 3, 3)
    padded = F.pad(small, (1, 1, 1, 1), mode="replicate")
    return torch.cat([small, F.conv2d(padded, kernels).abs() / 4], dim=1)


# --8<-- [end:maps]


# --8<-- [start:fill]
def fill_from_neighbours(maps, keep):
    """Guess each value as the mean of the kept values in its 3x3 window (0 if none).

    maps: (N, C, H, W) before dropout; keep: the same shape, 0 and 1.
    """
    known = F.avg_pool2d(maps * keep, 3, stride=1, padding=1)
    share = F.avg_pool2d(keep, 3, stride=1, padding=1)
    return known / share.clamp(min=1e-9)


# --8<-- [end:fill]


# --8<-- [start:smoothed]
def smoothed_loss(logits, labels, eps):
    """Mean cross-entropy of logits (N, C) against smoothed targets; labels (N,).

    Each target gives eps / C to every class, and the rest to the true class.
    Source: Szegedy et al.
    """
    classes = logits.shape[1]
    targets = torch.full_like(logits, eps / classes)  # (N, C)
    targets[range(len(labels)), labels] += 1 - eps
    log_p = logits - logits.logsumexp(dim=1, keepdim=True)
    return -(targets * log_p).sum(dim=1).mean()


# --8<-- [end:smoothed]


# --8<-- [start:noise]
def after_noise(make_optimizer, steps=200):
    """Return three weights (3,), at first all 1, after steps whose slopes cancel out.

    The slopes are +10, +1 and +0.1 in one step and -10, -1 and -0.1 in the next:
    nothing can be learned, so what changes the weights for good is their decay.
    make_optimizer: a function from a list of parameters to an optimizer.
    """
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([w])
    slopes = torch.tensor([10.0, 1.0, 0.1], dtype=torch.float64)
    for step in range(steps):
        loss = (-1) ** step * (slopes * w).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return w.detach()


# --8<-- [end:noise]


# --8<-- [start:depth]
class Residual(nn.Module):
    """x + branch(x), where training sometimes skips the branch. x: (N, C, H, W)."""

    def __init__(self, branch, p):
        super().__init__()
        self.branch, self.p = branch, p

    def forward(self, x):
        y = self.branch(x)
        if self.training:
            keep = torch.rand(len(x), 1, 1, 1, dtype=x.dtype) >= self.p  # per image
            y = y * keep / (1 - self.p)
        return x + y


# --8<-- [end:depth]


@torch.no_grad()
def describe(model, data, truth, test):
    """Return what the lesson reports of one trained model, as {name: number}.

    data: (images, given labels); truth: their true labels.
    """
    result = {}
    result["train_loss"], result["train_accuracy"] = evaluate(model, *data)
    result["test_loss"], result["test_accuracy"] = evaluate(model, *test)
    result["confidence"] = 100 * model(test[0]).softmax(dim=1).amax(dim=1).mean().item()
    result["weight_norm"] = math.sqrt(sum((p**2).sum().item() for p in model.parameters() if p.ndim > 1))
    wrong = data[1] != truth
    if wrong.any():
        said = model(data[0][wrong]).argmax(dim=1)
        result["wrong_repeated"] = 100 * (said == data[1][wrong]).float().mean().item()
        result["wrong_corrected"] = 100 * (said == truth[wrong]).float().mean().item()
    torch.manual_seed(0)
    model.train()
    result["forgotten_eval"] = 100 * (model(test[0]).argmax(dim=1) == test[1]).float().mean().item()
    model.eval()
    return result


CURES = {
    "none": {},
    "decay 0.01": {"decay": 0.01},
    "decay 1": {"decay": 1.0},
    "dropout 0.5": {"dropout": 0.5},
    "dropout 0.9": {"dropout": 0.9},
    "smoothing 0.1": {"smoothing": 0.1},
    "all three": {"decay": 1.0, "dropout": 0.5, "smoothing": 0.1},
}


def nudged_cnn(dropout=0.0):
    """`cnn` with every first weight changed by about a thousandth: another machine, imitated."""
    return nudged(lambda: cnn(dropout))()


def record(seeds=range(8), few_seeds=range(5)):
    """Return the results that the lesson shows, JSON-ready: {experiment: {name: one number per seed}}.

    seeds: for the comparison of the cures; few_seeds: for the experiments with right labels.
    """
    experiments = {name: (seeds, cure, {}) for name, cure in CURES.items()}
    for name in ("none", "dropout 0.5"):
        experiments[f"{name}, nudged"] = (few_seeds[:3], CURES[name] | {"build": nudged_cnn}, {})
    for size in (50, 100, 200, 400, 800):
        experiments[f"right labels, {size}"] = (few_seeds, {}, {"size": size, "wrong": 0})
    for name in ("decay 1", "dropout 0.5", "smoothing 0.1"):
        experiments[f"right labels, {name}"] = (few_seeds, CURES[name], {"wrong": 0})
    for name in ("none", "decay 1", "dropout 0.5"):
        experiments[f"1200 steps, {name}"] = (few_seeds, CURES[name] | {"steps": 1200}, {})
    return {name: run_seeds(name, *experiment) for name, experiment in experiments.items()}


def run_seeds(name, seeds, cure, sizes):
    """Train once per seed; lists with one entry per run, and the histories (one list per column) of the first five.

    Histories of more than 240 steps have other columns: epoch (every 15), % of the wrong labels repeated, % of the
    test images right.
    """
    long = cure.get("steps", 240) > 240
    images, labels = load()
    pool, *others = split(labels, train=800, validation=200)
    validation, test = ((images[i], labels[i]) for i in others)
    runs, histories = {"seeds": list(seeds)}, []
    for seed in seeds:
        *data, truth = small_set(images, labels, pool, seed, **sizes)
        wrong = data[1] != truth
        best, seen = {"loss": math.inf}, []

        def watch(epoch, model, row, best=best, seen=seen, data=data, wrong=wrong):
            if row[2] < best["loss"]:
                best.update(loss=row[2], epoch=epoch, accuracy=evaluate(model, *test)[1])
            if long and epoch % 15 == 0:
                repeated = evaluate(model, data[0][wrong], data[1][wrong])[1]
                seen.append((epoch, repeated, evaluate(model, *test)[1]))

        model, history = fit(data, validation, seed, watch=watch, **cure)
        result = describe(model, data, truth, test)
        result |= {"stopped_epoch": best["epoch"], "stopped_accuracy": best["accuracy"]}
        for key, value in result.items():
            runs.setdefault(key, []).append(value)
        histories.append([list(column) for column in zip(*(seen if long else history), strict=True)])
        print(f"{name}, seed {seed}: {result['test_accuracy']:.2f} % of the test images right", flush=True)
    return runs | {"history": histories[:5]}

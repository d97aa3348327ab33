"""Code of the lesson data-augmentation: augmentations on batches, MixUp and CutMix, and what they do to small CNNs."""

import math

import torch
import torch.nn.functional as F

from snippets.first_cnn import cnn, confusion, load, nudged, split


# --8<-- [start:crop]
def crop_with_padding(x, padding, top, left):
    """Put `padding` zeros around x (H, W), cut H x W from (top, left)."""
    height, width = x.shape
    size = (height + 2 * padding, width + 2 * padding)
    padded = torch.zeros(size, dtype=x.dtype)
    padded[padding : padding + height, padding : padding + width] = x
    return padded[top : top + height, left : left + width]


def erase(x, top, left, height, width, value):
    """Return a copy of x (H, W) with a rectangle filled by `value`."""
    x = x.clone()
    x[top : top + height, left : left + width] = value
    return x


# --8<-- [end:crop]


# --8<-- [start:mixup]
def mixup(x, targets, lam):
    """Blend each image with the one before it in the batch, and the targets.

    x: (N, C, H, W); targets: (N, classes), rows of sum 1; lam: 0 to 1.
    """
    blended = lam * x + (1 - lam) * x.roll(1, dims=0)
    return blended, lam * targets + (1 - lam) * targets.roll(1, dims=0)


# --8<-- [end:mixup]


# --8<-- [start:cutmix]
def cut_box(lam, row, column, height, width):
    """Return (top, bottom, left, right) of the box around a centre, clipped.

    Its sides are sqrt(1 - lam) of the image's, so its area is 1 - lam of it.
    Half a side is rounded down to whole pixels, as in torchvision.
    """
    half = math.sqrt(1 - lam) / 2
    rows, columns = int(half * height), int(half * width)
    top, bottom = max(row - rows, 0), min(row + rows, height)
    left, right = max(column - columns, 0), min(column + columns, width)
    return top, bottom, left, right


def cutmix(x, targets, box):
    """Paste a box of the image before it into each; weight targets by area.

    x: (N, C, H, W); targets: (N, classes); box: as `cut_box` returns it.
    """
    top, bottom, left, right = box
    pasted = x.clone()
    other = x.roll(1, dims=0)
    pasted[:, :, top:bottom, left:right] = other[:, :, top:bottom, left:right]
    lam = 1 - (bottom - top) * (right - left) / (x.shape[2] * x.shape[3])
    return pasted, lam * targets + (1 - lam) * targets.roll(1, dims=0)


# --8<-- [end:cutmix]


# --8<-- [start:batch]
def shift(x, by=1):
    """Move each image of x (N, 1, H, W) by up to `by` pixels each way."""
    n, _, height, width = x.shape
    padded = F.pad(x, (by, by, by, by))
    top, left = torch.randint(2 * by + 1, (2, n, 1, 1)).to(x.device)
    rows = top + torch.arange(height, device=x.device)[:, None]  # (N, H, 1)
    columns = left + torch.arange(width, device=x.device)  # (N, 1, W)
    image = torch.arange(n, device=x.device)[:, None, None]  # (N, 1, 1)
    return padded[image, 0, rows, columns][:, None]  # (N, 1, H, W)


def sometimes(x, change, p=0.5):
    """Change each image of x (N, C, H, W) with probability p, by itself."""
    chosen = (torch.rand(len(x)) < p).to(x.device)  # (N,)
    return torch.where(chosen[:, None, None, None], change(x), x)


# --8<-- [end:batch]


def turn(x, degrees=10):
    """Turn each image of x (N, C, H, W) by -degrees to +degrees, one draw per image; bilinear, zeros come in.

    A positive angle is anticlockwise, as in torchvision.
    """
    angle = (2 * torch.rand(len(x), dtype=x.dtype).to(x.device) - 1) * math.radians(degrees)
    return turn_by(x, angle)


def turn_by(x, angle):
    """Turn x (N, C, H, W) of equal height and width by `angle` (N,), in radians."""
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    theta = torch.stack([torch.stack([cos, -sin, zero], dim=1), torch.stack([sin, cos, zero], dim=1)], dim=1)
    where = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, where, align_corners=False)


def random_mixup(x, targets):
    """MixUp with lambda uniform in 0 to 1: Beta(1, 1)."""
    return mixup(x, targets, torch.rand(()).item())


def random_cutmix(x, targets):
    """CutMix with lambda uniform in 0 to 1 and a centre anywhere."""
    height, width = x.shape[2:]
    row, column = torch.randint(height, ()).item(), torch.randint(width, ()).item()
    return cutmix(x, targets, cut_box(torch.rand(()).item(), row, column, height, width))


AUGMENTATIONS = {  # name -> function of (images, targets)
    "none": lambda x, t: (x, t),
    "shift 1": lambda x, t: (shift(x), t),
    "turn 10": lambda x, t: (turn(x, 10), t),
    "shift and turn": lambda x, t: (turn(shift(x), 10), t),
    "mixup": random_mixup,
    "cutmix": random_cutmix,
    "shift 2": lambda x, t: (shift(x, by=2), t),
    "mirror": lambda x, t: (sometimes(x, lambda v: v.flip(-1)), t),
    "top to bottom": lambda x, t: (sometimes(x, lambda v: v.flip(-2)), t),
    "upside down": lambda x, t: (sometimes(x, lambda v: v.flip(-2, -1)), t),
}


# --8<-- [start:train]
def few(labels, per_digit, seed):
    """Return the indices of `per_digit` random images of each digit."""
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for digit in range(10):
        of_digit = torch.nonzero(labels.cpu() == digit).flatten()
        order = torch.randperm(len(of_digit), generator=generator)
        chosen.append(of_digit[order[:per_digit]])
    return torch.cat(chosen)


def train(augment, images, labels, seed, steps=200, build=cnn):
    """Return a CNN, trained on `steps` batches of 50, each changed afresh."""
    torch.manual_seed(seed)
    model = build().to(images.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    targets = F.one_hot(labels, 10).float()  # (N, 10)
    per_epoch = len(images) // 50
    for step in range(steps):
        if step % per_epoch == 0:
            batches = torch.randperm(len(images)).split(50)
        batch = batches[step % per_epoch]
        x, t = augment(images[batch], targets[batch])
        loss = F.cross_entropy(model(x), t)  # t: distributions
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return model.eval()


# --8<-- [end:train]


# --8<-- [start:accuracy]
@torch.no_grad()
def accuracy(model, x, y):
    """Return which part of x (N, 1, H, W) is read as y (N,), in percent."""
    return 100 * (model(x).argmax(dim=1) == y).double().mean().item()


# --8<-- [end:accuracy]


# --8<-- [start:average]
@torch.no_grad()
def average_over_shifts(model, x):
    """Return probabilities (N, 10), averaged over nine shifts of x."""
    height, width = x.shape[2:]
    padded = F.pad(x, (1, 1, 1, 1))
    starts = [(top, left) for top in range(3) for left in range(3)]
    total = 0
    for top, left in starts:
        view = padded[:, :, top : top + height, left : left + width]
        total = total + model(view).softmax(dim=1)
    return total / len(starts)


# --8<-- [end:average]


def record(seeds=range(10), few_seeds=range(5)):
    """Return the results that the lesson's figures show, JSON-ready: {experiment: results of its runs}.

    Run s of each experiment trains on the same images: ten of each digit, drawn with seed s (or all 600).
    few_seeds: for the long experiments, with five times as many steps.
    """
    images, labels = load()
    experiments = {name: (name, 10, 200, cnn, seeds) for name in AUGMENTATIONS}
    for name in ("none", "shift 1", "upside down"):
        experiments[f"{name}, nudged"] = (name, 10, 200, nudged(cnn), seeds)
    for name in ("none", "shift 1", "shift and turn", "shift 2", "mirror", "upside down"):
        experiments[f"{name}, 1000 steps"] = (name, 10, 1000, cnn, few_seeds)
    for name in ("none", "shift 1"):
        experiments[f"{name}, 600 images"] = (name, None, 200, cnn, seeds)
        experiments[f"{name}, 600 images, 1000 steps"] = (name, None, 1000, cnn, few_seeds)
    return {name: run_seeds(name, images, labels, *setting) for name, setting in experiments.items()}


def run_seeds(name, images, labels, augmentation, per_digit, steps, build, seeds):
    """Train once per seed; return accuracies in percent, one per run, and the confusion matrix of all runs together."""
    (x, y), _, test = ((images[i], labels[i]) for i in split(labels))
    runs = {"seeds": list(seeds), "train_accuracy": [], "test_accuracy": [], "averaged_accuracy": []}
    counts = torch.zeros(10, 10, dtype=torch.int64)
    for seed in seeds:
        chosen = few(y, per_digit, seed) if per_digit else torch.arange(len(y))
        model = train(AUGMENTATIONS[augmentation], x[chosen], y[chosen], seed, steps, build)
        runs["train_accuracy"].append(accuracy(model, x[chosen], y[chosen]))
        runs["test_accuracy"].append(accuracy(model, *test))
        right = average_over_shifts(model, test[0]).argmax(dim=1) == test[1]
        runs["averaged_accuracy"].append(100 * right.sum().item() / len(right))
        counts += confusion(model, *test)
        print(f"{name}, seed {seed}: {runs['test_accuracy'][-1]:.2f} % of the test images right", flush=True)
    return runs | {"confusion": counts.tolist()}

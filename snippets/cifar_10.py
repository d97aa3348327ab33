"""Code of the lesson cifar-10: a set in CIFAR-10's format, and the recipe."""

import math
import pickle
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from skimage import data
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import CIFAR10
from torchvision.transforms import v2


# --8<-- [start:shapes]
def largest(u, v):
    """Return the larger of |u| and |v|: below 1 inside a square."""
    return np.maximum(abs(u), abs(v))


SHAPES = {  # which points are ink? u to the right, v down, both about -1 to 1
    "disc": lambda u, v: u**2 + v**2 < 0.7,
    "ring": lambda u, v: (u**2 + v**2 > 0.3) & (u**2 + v**2 < 0.85),
    "square": lambda u, v: largest(u, v) < 0.75,
    "frame": lambda u, v: (largest(u, v) > 0.45) & (largest(u, v) < 0.8),
    "triangle": lambda u, v: (v < 0.7) & (v > 2 * abs(u) - 0.9),
    "plus": lambda u, v: (
        (np.minimum(abs(u), abs(v)) < 0.28) & (largest(u, v) < 0.9)
    ),
    "bars": lambda u, v: (largest(u, v) < 0.85) & (np.cos(7.4 * v) > 0),
    "checks": lambda u, v: (
        (largest(u, v) < 0.85) & (np.sin(5.5 * u) * np.sin(5.5 * v) > 0)
    ),
    "moon": lambda u, v: (u**2 + v**2 < 0.8) & ((u - 0.4) ** 2 + v**2 > 0.5),
    "star": lambda u, v: (
        np.hypot(u, v) < 0.6 - 0.32 * np.cos(5 * np.arctan2(u, v))
    ),
}
# --8<-- [end:shapes]


# --8<-- [start:draw]
def photographs():
    """Return three colour photographs of scikit-image, each at a quarter."""
    return [
        photo()[::4, ::4]
        for photo in (data.astronaut, data.coffee, data.chelsea)
    ]


def draw(name, photos, rng):
    """Return an image (32, 32, 3), uint8: a shape on a piece of photo."""
    photo = photos[rng.integers(len(photos))]
    top, left = (rng.integers(side - 31) for side in photo.shape[:2])
    background = photo[top : top + 32, left : left + 32].astype(float)
    colour = rng.integers(256, size=3)  # another one while it is too near
    while abs(colour - background.mean(axis=(0, 1))).mean() < 80:
        colour = rng.integers(256, size=3)
    y, x = (np.mgrid[:64, :64] + 0.5) / 2  # four points for each pixel
    row, column = rng.uniform(12, 20, size=2)
    radius, angle = rng.uniform(8, 12), rng.uniform(-0.3, 0.3)
    point = np.exp(1j * angle) * ((x - column) + 1j * (y - row)) / radius
    mirror = rng.choice([-1, 1])
    ink = SHAPES[name](mirror * point.real, point.imag)
    ink = ink.reshape(32, 2, 32, 2).mean(axis=(1, 3))  # (32, 32), 0 to 1
    ink = ink[:, :, None]  # (32, 32, 1)
    return (ink * colour + (1 - ink) * background).astype(np.uint8)


# --8<-- [end:draw]


# --8<-- [start:write]
def write_batch(path, labels, rng):
    """Write a file of CIFAR-10's format: a drawn image for each label."""
    photos, names = photographs(), list(SHAPES)
    images = np.stack([draw(names[label], photos, rng) for label in labels])
    planes = images.transpose(0, 3, 1, 2)  # (n, 32, 32, 3) -> (n, 3, 32, 32)
    batch = {"data": planes.reshape(len(labels), 3072), "labels": labels}
    path.write_bytes(pickle.dumps(batch))


def write_small_cifar(root, train=1000, test=500, seed=0):
    """Write a generated set, `train` + `test` images, below folder `root`.

    Raises ValueError unless five files can hold every class equally often.
    """
    if train % 50 or test % 10:
        raise ValueError("train must be a multiple of 50, test of 10")
    folder = Path(root) / CIFAR10.base_folder
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name, _ in CIFAR10.train_list + CIFAR10.test_list]
    for name, number in zip(names, [train // 5] * 5 + [test], strict=True):
        labels = rng.permutation(np.arange(number) % 10).tolist()
        write_batch(folder / name, labels, rng)
    meta = pickle.dumps({"label_names": list(SHAPES)})
    (folder / CIFAR10.meta["filename"]).write_bytes(meta)


# --8<-- [end:write]


# --8<-- [start:read]
class SmallCIFAR10(CIFAR10):
    """torchvision's CIFAR10, but any content of the files is welcome."""

    train_list = [[name, None] for name, _ in CIFAR10.train_list]
    test_list = [[name, None] for name, _ in CIFAR10.test_list]
    meta = CIFAR10.meta | {"md5": None}  # no checksum to compare with


# --8<-- [end:read]


# --8<-- [start:transforms]
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10


def transforms(augment, mean=MEAN, std=STD):
    """Return a function from PIL image to normalised tensor (3, 32, 32)."""
    random = [v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()]
    fixed = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    return v2.Compose(random * augment + fixed + [v2.Normalize(mean, std)])


# --8<-- [end:transforms]


# --8<-- [start:loaders]
def loaders(
    dataset, root, held_out, batch_size, augment=True, workers=0, **scale
):
    """Return loaders for training and for the `held_out` images kept back.

    Both read the training files; only the first one augments.
    """
    pick = torch.Generator().manual_seed(0)
    order = torch.randperm(len(dataset(root)), generator=pick).tolist()

    def part(indices, random):
        transform = transforms(random, **scale)
        return Subset(dataset(root, transform=transform), indices)

    options = {"shuffle": True, "drop_last": True, "num_workers": workers}
    train = DataLoader(part(order[held_out:], augment), batch_size, **options)
    held = DataLoader(part(order[:held_out], False), 500, num_workers=workers)
    return train, held


# --8<-- [end:loaders]


# --8<-- [start:network]
def network(width=32, dropout=0.1, norm=True):
    """Logits (N, 10) from images (N, 3, 32, 32): three stages of two."""
    layers, channels = [], 3
    for stage in (1, 2, 4):  # (N, width, 32, 32), (N, 2 width, 16, 16), ...
        for _ in range(2):
            out = stage * width
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=not norm)]
            layers += [nn.BatchNorm2d(out)] * norm + [nn.ReLU()]
            channels = out
        layers += [nn.MaxPool2d(2) if stage < 4 else nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, 10)
    )


# --8<-- [end:network]


# --8<-- [start:optimizer]
def make_optimizer(model, lr, decay):
    """Return AdamW that decays weights, but no bias and no batch norm."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr)


# --8<-- [end:optimizer]


# --8<-- [start:schedule]
def warm_up_cosine(step, steps, warm_up):
    """Return the factor of the learning rate at this step, from 0."""
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / (steps - warm_up)  # 0 to 1
    return (1 + math.cos(math.pi * done)) / 2


# --8<-- [end:schedule]


# --8<-- [start:epoch]
def train_one_epoch(
    model, loader, optimizer, scheduler, smoothing=0.0, device="cpu"
):
    """Take one step per batch; return (mean loss, accuracy in %) on the way."""
    model.train()
    total, correct, seen = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)  # (N, 10)
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()  # once per step, not per epoch
        total += loss.item() * len(labels)
        correct += (logits.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    return total / seen, 100 * correct / seen


@torch.no_grad()
def evaluate(model, loader, device="cpu"):
    """Return logits (N, 10) and labels (N,) of all images, on the CPU."""
    model.eval()
    pairs = [
        (model(images.to(device)).cpu(), labels) for images, labels in loader
    ]
    logits, labels = (torch.cat(part) for part in zip(*pairs, strict=True))
    return logits, labels


def accuracy(logits, labels):
    """Return in how many percent of the rows the label has the top logit."""
    return 100 * (logits.argmax(dim=1) == labels).double().mean().item()


# --8<-- [end:epoch]


# --8<-- [start:fit]
def fit(
    root, seed, lr=0.01, augment=True, constant=False, build=network, **sizes
):
    """Train a narrow network on the generated set; keep 100 images back.

    Return the model, the loader of the images kept back, and for each epoch
    (mean loss, accuracy in percent) on the way.
    """
    torch.manual_seed(seed)
    train, held = loaders(SmallCIFAR10, root, 100, 25, augment)
    model = build(width=8, **sizes)
    optimizer = make_optimizer(model, lr, decay=0.05)
    epochs = 8
    steps = epochs * len(train)
    factor = partial(warm_up_cosine, steps=steps, warm_up=steps // 10)
    scheduler = LambdaLR(optimizer, (lambda step: 1.0) if constant else factor)
    run = partial(train_one_epoch, model, train, optimizer, scheduler)
    return model, held, [run() for _ in range(epochs)]


# --8<-- [end:fit]


def test_loader(root, **scale):
    """Return a loader of the generated test images, normalised with `scale`."""
    return DataLoader(SmallCIFAR10(root, train=False, transform=transforms(False, **scale)), 500)


def nudged(size=1e-3, **options):
    """Return a network whose weights are changed by a factor of about 1 ± size: it imitates another machine."""
    model, noise = network(**options), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 1 + size * torch.randn(parameter.shape, generator=noise)
    return model


VARIANTS = {
    "recipe": {},
    "no batch norm": {"norm": False},
    "no augmentation": {"augment": False},
    "no dropout": {"dropout": 0.0},
    "constant rate": {"constant": True},
    "recipe, nudged": {"build": nudged},
}


def record(seeds=range(4)):
    """Return what the lesson's figures show, JSON-ready: {variant: results of its runs on the generated set}."""
    with tempfile.TemporaryDirectory() as root:
        write_small_cifar(root)
        unscaled = test_loader(root, mean=(0.0,) * 3, std=(1.0,) * 3)
        plain, _ = loaders(SmallCIFAR10, root, 100, 25, augment=False)
        experiments = {}
        for name, options in VARIANTS.items():
            runs = {"seeds": list(seeds)}
            runs |= {key: [] for key in ("on_the_way", "training", "validation", "test", "unscaled", "predicted")}
            for seed in seeds:
                model, held, passes = fit(root, seed, **options)
                logits, labels = evaluate(model, test_loader(root))
                runs["on_the_way"].append([part for _, part in passes])
                runs["training"].append(accuracy(*evaluate(model, plain)))
                runs["validation"].append(accuracy(*evaluate(model, held)))
                runs["test"].append(accuracy(logits, labels))
                runs["unscaled"].append(accuracy(*evaluate(model, unscaled)))
                runs["predicted"].append(logits.argmax(dim=1).tolist())
                print(f"{name}, seed {seed}: {runs['test'][-1]:.1f} % of the test images right", flush=True)
            experiments[name] = runs
    return experiments

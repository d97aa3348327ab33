"""The code of the lesson transfer-learning: a small backbone, trained here, and what one can do with it."""

import copy

import torch
import torch.nn.functional as F
from skimage import data
from torch import nn

from snippets.first_cnn import evaluate, load, train_one_epoch


# --8<-- [start:scenes]
def photographs():
    """Return three photographs of scikit-image, grey, small, from 0 to 1."""
    photos = (data.astronaut(), data.coffee(), data.chelsea())
    return [torch.tensor(p[::4, ::4].mean(axis=2) / 255).float() for p in photos]


def place(low, high, generator):
    """Draw a whole number from `low` to `high`, both included."""
    return int(torch.randint(low, high + 1, (1,), generator=generator))


def scenes(digits, seed):
    """Return (N, 1, 20, 20): each digit, 14 wide, somewhere on a photograph."""
    generator = torch.Generator().manual_seed(seed)
    large = F.interpolate(digits, size=(14, 14), mode="bilinear")
    photos, made = photographs(), []
    for digit in large[:, 0]:
        photo = photos[place(0, 2, generator)]
        top, left = (place(0, side - 20, generator) for side in photo.shape)
        y, x = place(0, 6, generator), place(0, 6, generator)
        ink = F.pad(digit, (x, 6 - x, y, 6 - y))  # (20, 20)
        ground = 0.6 * photo[top : top + 20, left : left + 20]
        made.append(ground * (1 - ink) + ink)
    return torch.stack(made).unsqueeze(1)
# --8<-- [end:scenes]


# --8<-- [start:tasks]
def tasks():
    """Return (source, target): scenes and labels of 0 to 4, and of 5 to 9.

    Labels are counted from 0 in both. Each source digit is in three scenes.
    Scenes are normalised with the mean and the deviation of the source.
    """
    digits, labels = load()
    low = labels < 5
    source = scenes(digits[low].repeat(3, 1, 1, 1), seed=1)
    target = scenes(digits[~low], seed=2)
    mean, std = source.mean(), source.std()
    return (
        ((source - mean) / std, labels[low].repeat(3)),
        ((target - mean) / std, labels[~low] - 5),
    )


def few(labels, number, seed):
    """Return indices: `number` of each class to train on, 80 of each to test."""
    generator = torch.Generator().manual_seed(seed)
    train, test = [], []
    for c in range(5):
        own = (labels == c).nonzero().flatten()
        own = own[torch.randperm(len(own), generator=generator)]
        train.append(own[:number])
        test.append(own[-80:])
    return torch.cat(train), torch.cat(test)
# --8<-- [end:tasks]


# --8<-- [start:backbone]
def backbone(width=16):
    """Features (N, 4 * width) from images (N, 1, H, W), H and W from 8 on."""
    layers, before = [], 1
    for channels in (width, 2 * width, 4 * width):
        layers += [
            nn.Conv2d(before, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        before = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def pretrain(images, labels, epochs=8):
    """Return a backbone with a head, trained on the source task."""
    torch.manual_seed(0)
    model = nn.Sequential(backbone(), nn.Linear(64, 5))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        train_one_epoch(model, optimizer, images, labels)
        schedule.step()
    return model
# --8<-- [end:backbone]


# --8<-- [start:frozen]
class Frozen(nn.Module):
    """A backbone that does not learn, and never leaves evaluation mode."""

    def __init__(self, body):
        super().__init__()
        self.body = body.requires_grad_(False)
        self.train(False)

    def train(self, mode=True):
        return super().train(False)

    def forward(self, x):
        return self.body(x)
# --8<-- [end:frozen]


# --8<-- [start:adapt]
def groups(model, rates):
    """Return one group of parameters for each part of the model, with its rate."""
    return [
        {"params": list(part.parameters()), "lr": rate}
        for part, rate in zip(model, rates, strict=True)
        if rate > 0
    ]


def adapt(body, rates, images, labels, seed, steps=60):
    """Return `body` with a new head, after some steps on batches of up to 50.

    rates: learning rates of the body and of the head; 0 leaves a part alone.
    """
    torch.manual_seed(seed)
    model = nn.Sequential(body, nn.Linear(64, 5))
    optimizer = torch.optim.AdamW(groups(model, rates))
    model.train()
    for _ in range(steps):
        batch = torch.randperm(len(images))[:50]
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
# --8<-- [end:adapt]


# --8<-- [start:ways]
WAYS = {  # each makes (body, its learning rate, that of the head)
    "scratch": lambda trained: (backbone(), 0.005, 0.005),
    "frozen": lambda trained: (Frozen(copy.deepcopy(trained)), 0.0, 0.03),
    "fine-tuned": lambda trained: (copy.deepcopy(trained), 0.001, 0.01),
}


def compare(way, trained, target, number, seed, steps=60):
    """Return the test accuracy with `number` training images of each class."""
    images, labels = target
    train, test = few(labels, number, seed)
    torch.manual_seed(seed)
    body, *rates = WAYS[way](trained)
    model = adapt(body, rates, images[train], labels[train], seed, steps)
    return evaluate(model, images[test], labels[test])[1]
# --8<-- [end:ways]


def record(seeds=range(5), numbers=(2, 5, 10, 20, 50, 90)):
    """Return the test accuracies that the lesson's figure shows, JSON-ready: {"way, number": {"seeds", "test"}}."""
    source, target = tasks()
    trained = pretrain(*source)[0]
    results = {}
    for way in WAYS:
        for number in numbers:
            right = [compare(way, trained, target, number, seed) for seed in seeds]
            results[f"{way}, {number}"] = {"seeds": list(seeds), "test": right}
            print(way, number, right, flush=True)
    for way in ("scratch", "fine-tuned"):
        right = [compare(way, trained, target, 90, seed, steps=300) for seed in seeds]
        results[f"{way}, 90, long"] = {"seeds": list(seeds), "test": right}
        print(way, "long", right, flush=True)
    return results

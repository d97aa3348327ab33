"""Code of the lesson debugging-a-network: a script with six bugs, their mends, and the checks that find them."""

import math

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from snippets.first_cnn import nudged


# --8<-- [start:load]
def load():
    """Return images (1797, 1, 8, 8), float32 from 0 to 1, and labels (1797,)."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    torch.manual_seed(0)
    images = images[torch.randperm(len(images))]
    labels = labels[torch.randperm(len(labels))]
    return images, labels


# --8<-- [end:load]


# --8<-- [start:net]
class Net(nn.Module):
    """Ten numbers for each image, (N, 10), from images (N, 1, 8, 8)."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),  # (N, 128)
            nn.Dropout(0.5),
        )
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        x = self.features(x).detach()
        return torch.softmax(self.head(x), dim=0)


def start(build=Net):
    """Return the network that `build()` makes, with random weights."""
    net = build()
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    return net


# --8<-- [end:net]


# --8<-- [start:fit]
@torch.no_grad()
def predict(net, images):
    """Return the digit that `net` reads in each image, (N,)."""
    return net(images).argmax(dim=1)


def fit(data, start, predict, seed=0, epochs=10, lr=0.01):
    """Train what `start()` returns on the first 900 images of `data`.

    Return the loss of every step, and the accuracy in percent that `predict`
    reaches on all other images, the validation part.
    """
    images, labels = data
    torch.manual_seed(seed)
    net, losses = start(), []
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr)
    for _ in range(epochs):
        net.train()
        for batch in torch.randperm(900).split(50):
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    right = predict(net, images[900:]) == labels[900:]
    return losses, 100 * right.float().mean().item()


# --8<-- [end:fit]


# --8<-- [start:load_pairs]
def load_pairs():
    """Return images (1797, 1, 8, 8) and labels (1797,), in one random order."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    torch.manual_seed(0)
    order = torch.randperm(len(images))
    return images[order], labels[order]


# --8<-- [end:load_pairs]


# --8<-- [start:coupled]
@torch.no_grad()
def coupled(net, images):
    """Return the pairs (i, j), i != j, where a change of image j moves output i."""
    net.eval()
    before, pairs = net(images), []
    for j in range(len(images)):
        changed = images.clone()
        changed[j] = 1 - changed[j]  # the negative of image j
        moved = (net(changed) - before).flatten(1).abs().amax(dim=1) > 1e-5  # (N,)
        pairs += [(i, j) for i in moved.nonzero().flatten().tolist() if i != j]
    return pairs


# --8<-- [end:coupled]


# --8<-- [start:softmax]
class RowSoftmax(Net):
    """Mend 2: the softmax runs over the ten digits of one image."""

    def forward(self, x):
        x = self.features(x).detach()
        return torch.softmax(self.head(x), dim=1)


# --8<-- [end:softmax]


# --8<-- [start:overfit]
def overfit_one_batch(net, images, labels, steps=100):
    """Train `net` on one batch, without dropout, and return its last loss."""
    net.eval()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)  # no weight decay
    for _ in range(steps):
        loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


# --8<-- [end:overfit]


# --8<-- [start:logits]
class Logits(Net):
    """Mend 3: no softmax; cross_entropy has its own."""

    def forward(self, x):
        return self.head(self.features(x).detach())


# --8<-- [end:logits]


# --8<-- [start:without_gradient]
def without_gradient(net, images, labels):
    """Return the names of parameters whose gradient is missing or zero everywhere."""
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    parameters = net.named_parameters()
    return [name for name, p in parameters if p.grad is None or not p.grad.any()]


# --8<-- [end:without_gradient]


# --8<-- [start:unmoved]
def unmoved(fit, data, start, predict):
    """Return the names of parameters that one epoch of `fit` leaves as they were."""
    net = start()
    before = [p.detach().clone() for p in net.parameters()]
    fit(data, lambda: net, predict, epochs=1)
    pairs = zip(net.named_parameters(), before, strict=True)
    return [name for (name, p), old in pairs if torch.equal(p, old)]


# --8<-- [end:unmoved]


# --8<-- [start:whole]
class Whole(Net):
    """Mend 5: the gradient reaches the convolutions."""

    def forward(self, x):
        return self.head(self.features(x))


# --8<-- [end:whole]


# --8<-- [start:predict_eval]
@torch.no_grad()
def predict_eval(net, images):
    """Mend 6: return the digit that `net` reads in each image, dropout off, (N,)."""
    net.eval()
    return net(images).argmax(dim=1)


def answers_twice(predict, net, images):
    """Say whether `predict` sets eval mode, and gives the same answers twice."""
    net.train()
    modes = []
    hook = net.register_forward_pre_hook(lambda net, x: modes.append(net.training))
    same = torch.equal(predict(net, images), predict(net, images))
    hook.remove()
    return same and not any(modes)


# --8<-- [end:predict_eval]


# --8<-- [start:check]
def check_before_training(start, predict, images, labels, classes=10):
    """Return {check: whether it holds} for one batch of images and labels."""
    torch.manual_seed(0)
    net = start()
    net.eval()
    first = F.cross_entropy(net(images), labels).item()
    return {
        "rows": not coupled(net, images),
        "first loss": abs(first - math.log(classes)) < 0.3,
        "gradients": not without_gradient(net, images, labels),
        "twice": answers_twice(predict, net, images),
        "overfits": overfit_one_batch(net, images, labels) < 0.1,
    }


# --8<-- [end:check]


# --8<-- [start:log_softmax]
def log_softmax(z):
    """Return the logarithms of the softmax of the rows of z, (N, C), without overflow."""
    z = z - z.max(dim=1, keepdim=True).values
    return z - z.exp().sum(dim=1, keepdim=True).log()


# --8<-- [end:log_softmax]


# --8<-- [start:clip]
def clip(gradients, limit):
    """Return the gradients, shortened together so that their norm is at most `limit`."""
    norm = math.sqrt(sum((g**2).sum().item() for g in gradients))
    return [g * min(1, limit / (norm + 1e-6)) for g in gradients]


# --8<-- [end:clip]


# --8<-- [start:leak]
def score(seed, choose_on_all, keep=20):
    """Return the share of 50 validation rows called right; all features are noise.

    100 rows with 2000 random features; half of the labels are 0, half are 1.
    choose_on_all: choose the `keep` features on all rows, not on 50 for training.
    """
    noise = torch.Generator().manual_seed(seed)
    rows = torch.randn(100, 2000, generator=noise, dtype=torch.float64)
    labels = torch.arange(100) % 2
    seen = rows if choose_on_all else rows[:50]
    known = labels[: len(seen)]
    gap = seen[known == 1].mean(dim=0) - seen[known == 0].mean(dim=0)  # (2000,)
    best = gap.abs().topk(keep).indices
    ones, zeros = (rows[:50][labels[:50] == k][:, best].mean(dim=0) for k in (1, 0))
    middle = (ones + zeros) / 2  # a row is called 1 if nearer to the mean of the ones
    called = (rows[50:][:, best] - middle) @ (ones - zeros) > 0
    return (called == labels[50:]).double().mean().item()


# --8<-- [end:leak]


# --8<-- [start:rungs]
def rungs():
    """Return {mend: (load, start, predict)}, from six bugs to none."""
    return {
        "all six bugs": (load, start, predict),
        "1 labels": (load_pairs, start, predict),
        "2 rows": (load_pairs, lambda: start(RowSoftmax), predict),
        "3 logits": (load_pairs, lambda: start(Logits), predict),
        "4 first weights": (load_pairs, Logits, predict),
        "5 gradient": (load_pairs, Whole, predict),
        "6 eval": (load_pairs, Whole, predict_eval),
    }


# --8<-- [end:rungs]


def record(seeds=range(10)):
    """Return what the figures show, JSON-ready: {rung: accuracy and losses per epoch of each run}.

    The nudged runs change every first weight by a factor of about 1 ± 0.001, as another machine might.
    """
    results = {}
    for name, (load, start, predict) in rungs().items():
        data = load()
        for kind, build in (("", start), (", nudged", nudged(start))):
            runs = [fit(data, build, predict, seed) for seed in seeds]
            losses = [torch.tensor(losses).reshape(10, 18).mean(dim=1).tolist() for losses, _ in runs]
            results[name + kind] = {"accuracy": [accuracy for _, accuracy in runs], "losses": losses[:3]}
            print(name + kind, [round(accuracy, 1) for _, accuracy in runs], flush=True)
    return results

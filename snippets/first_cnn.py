"""Code of the lesson first-cnn: a small CNN and an MLP on scikit-learn's handwritten digits."""

import time

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


# --8<-- [start:load]
def load():
    """Return images (1797, 1, 8, 8), float32 from 0 to 1, and labels (1797,), int64.

    Source: the handwritten digits that scikit-learn ships.
    """
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32) / 16  # (N, H, W)
    images = images.unsqueeze(1)  # (N, 1, H, W)
    labels = torch.tensor(digits.target)  # (N,)
    return images, labels


# --8<-- [end:load]


# --8<-- [start:split]
def split(labels, train=600, validation=300, seed=0):
    """Return three index tensors (train, validation, test) that do not overlap.

    The test part is all that is left. Each digit has its share in each part.
    Raises ValueError (from scikit-learn) when the sizes leave nothing for the test.
    """
    first, test = train_test_split(
        range(len(labels)),
        train_size=train + validation,
        stratify=labels,
        random_state=seed,
    )
    fit_on, choose_on = train_test_split(
        first, train_size=train, stratify=labels[first], random_state=seed
    )
    return torch.tensor(fit_on), torch.tensor(choose_on), torch.tensor(test)


# --8<-- [end:split]


# --8<-- [start:cnn]
def cnn():
    """Logits (N, 10) from images (N, 1, 8, 8)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),  # (N, 16, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 4, 4)
        nn.Conv2d(16, 32, kernel_size=3, padding=1),  # (N, 32, 4, 4)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 2, 2)
        nn.Flatten(),  # (N, 128)
        nn.Linear(128, 10),  # (N, 10)
    )


# --8<-- [end:cnn]


# --8<-- [start:any_size]
def any_size(channels=1, bins=2):
    """Logits (N, 10) from images (N, channels, H, W), for any H and W from 4 on.

    Raises RuntimeError when H or W is below 4: nothing is left after two poolings.
    """
    return nn.Sequential(
        nn.Conv2d(channels, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, H // 4, W // 4)
        nn.AdaptiveAvgPool2d(bins),  # (N, 32, bins, bins)
        nn.Flatten(),
        nn.Linear(32 * bins * bins, 10),
    )


# --8<-- [end:any_size]


# --8<-- [start:mlp]
def mlp():
    """Logits (N, 10) from images (N, 1, 8, 8)."""
    return nn.Sequential(
        nn.Flatten(),  # (N, 64)
        nn.Linear(64, 128),  # (N, 128)
        nn.ReLU(),
        nn.Linear(128, 10),  # (N, 10)
    )


# --8<-- [end:mlp]


# --8<-- [start:train]
def train_one_epoch(model, optimizer, images, labels, batch_size=50):
    """Take one optimizer step per batch; every image is seen once, in random order."""
    model.train()
    for batch in torch.randperm(len(images)).split(batch_size):
        logits = model(images[batch])  # (N, K) for K classes
        loss = F.cross_entropy(logits, labels[batch])  # the mean over the batch
        optimizer.zero_grad()  # forget the gradients of the last step
        loss.backward()  # compute the gradient of the loss for every parameter
        optimizer.step()  # change every parameter a little, against its gradient


@torch.no_grad()
def evaluate(model, images, labels):
    """Return (mean loss, accuracy in percent) over all images; nothing is learned."""
    model.eval()
    logits = model(images)  # (N, K)
    correct = (logits.argmax(dim=1) == labels).sum().item()
    return F.cross_entropy(logits, labels).item(), 100 * correct / len(labels)


# --8<-- [end:train]


# --8<-- [start:fit]
def fit(build, train, validation, seed, lr=0.01, epochs=20, watch=False):
    """Train the model that `build()` makes on `train`, a pair (images, labels).

    Return the model and, if `watch`, for each epoch from 0 (untrained) the mean
    losses (on the training images, on the validation images); else an empty list.
    """
    torch.manual_seed(seed)  # fixes the first weights and the order of the images
    model = build().to(train[0].device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        if epoch > 0:
            train_one_epoch(model, optimizer, *train)
        if watch:
            losses = evaluate(model, *train)[0], evaluate(model, *validation)[0]
            history.append(losses)
    return model, history


# --8<-- [end:fit]


# --8<-- [start:confusion]
@torch.no_grad()
def confusion(model, images, labels):
    """Return counts (10, 10): row = the true digit, column = the digit predicted."""
    predicted = model(images).argmax(dim=1)  # (N,)
    return torch.bincount(10 * labels + predicted, minlength=100).reshape(10, 10)


# --8<-- [end:confusion]


# --8<-- [start:shuffle]
def shuffle_pixels(images, order):
    """Move the pixels of every image (N, 1, 8, 8) in the same way; order: (64,)."""
    return images.flatten(start_dim=2)[:, :, order].reshape(images.shape)


# --8<-- [end:shuffle]


def cnn_with_softmax():
    """The mistake that the lesson shows: probabilities, where cross_entropy wants logits."""
    return nn.Sequential(*cnn(), nn.Softmax(dim=1))


def one_mean():
    """The network for any size with one mean for each map: its head does not see where a feature lies."""
    return any_size(bins=1)


def nudged(build, size=1e-3):
    """Return a function like `build` whose model has every weight changed by a factor of about 1 ± size.

    This imitates another machine, where sums are rounded differently; 1e-3 is about the precision of TF32.
    """

    def build_nudged():
        model, noise = build(), torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter *= 1 + size * torch.randn(parameter.shape, generator=noise)
        return model

    return build_nudged


def record(seeds=range(20), few_seeds=range(10)):
    """Return the results that the lesson's figures show, JSON-ready: {experiment: results of its runs}.

    seeds: for the comparison of CNN and MLP; few_seeds: for the smaller experiments.
    """
    images, labels = load()
    indices = split(labels)
    in_file_order = torch.arange(len(labels)).split([len(i) for i in indices])
    shuffled = shuffle_pixels(images, torch.randperm(64, generator=torch.Generator().manual_seed(0)))
    experiments = {
        "cnn": (cnn, images, indices, seeds),
        "mlp": (mlp, images, indices, seeds),
        "cnn, shuffled": (cnn, shuffled, indices, seeds),
        "mlp, shuffled": (mlp, shuffled, indices, seeds),
        "cnn, nudged": (nudged(cnn), images, indices, few_seeds),
        "cnn, shuffled, nudged": (nudged(cnn), shuffled, indices, few_seeds),
        "cnn, softmax": (cnn_with_softmax, images, indices, few_seeds),
        "cnn, file order": (cnn, images, in_file_order, few_seeds),
        "mlp, file order": (mlp, images, in_file_order, few_seeds),
    }
    results = {name: run_seeds(name, labels, *experiment) for name, experiment in experiments.items()}
    return results | record_sizes(images, labels, indices, few_seeds)


def record_sizes(images, labels, indices, seeds):
    """Return {experiment: seeds and accuracies} of the networks for any size; what takes long has five seeds only."""
    large = F.interpolate(images, scale_factor=4)  # (1797, 1, 32, 32), each pixel as 4 by 4 equal ones
    experiments = {
        "one mean": (one_mean, images, indices, seeds),
        "one mean, nudged": (nudged(one_mean), images, indices, seeds),
        "enlarged test": (any_size, images, indices, seeds, large),
        "enlarged test, nudged": (nudged(any_size), images, indices, seeds, large),
        "enlarged": (any_size, large, indices, seeds[:5]),
        "one mean, 60 epochs": (one_mean, images, indices, seeds[:5], None, 60),
        "cnn, 60 epochs": (cnn, images, indices, seeds[:5], None, 60),
    }
    results = {name: run_seeds(name, labels, *experiment) for name, experiment in experiments.items()}
    keys = "seeds", "seconds", "train_accuracy", "test_accuracy"
    return {name: {key: runs[key] for key in keys} for name, runs in results.items()}


def run_seeds(name, labels, build, images, indices, seeds, test_images=None, epochs=20):
    """Train once per seed and return lists with one entry per run (losses per epoch of the first five runs only),
    the confusion matrix of all runs together, and the mistakes: [image, digit predicted, number of runs].

    test_images: where the test images are taken from, unless from `images`.
    """
    train, validation, test = ((images[i], labels[i]) for i in indices)
    if test_images is not None:
        test = test_images[indices[2]], labels[indices[2]]
    runs = {"seeds": list(seeds), "seconds": [], "train_accuracy": [], "test_accuracy": [], "never_predicted": []}
    histories, votes = [], torch.zeros(len(indices[2]), 10, dtype=torch.int64)  # (test images, digit predicted)
    for seed in seeds:
        start = time.perf_counter()
        model, history = fit(build, train, validation, seed, epochs=epochs, watch=True)
        runs["seconds"].append(time.perf_counter() - start)
        runs["train_accuracy"].append(evaluate(model, *train)[1])
        runs["test_accuracy"].append(evaluate(model, *test)[1])
        predicted = model(test[0]).argmax(dim=1)
        runs["never_predicted"].append(sorted(set(range(10)) - set(predicted.tolist())))
        histories.append(history)
        votes += F.one_hot(predicted, 10)
        print(f"{name}, seed {seed}: {runs['test_accuracy'][-1]:.2f} % of the test images right", flush=True)
    return runs | {"history": histories[:5]} | count_votes(votes, labels, indices[2])


def count_votes(votes, labels, test):
    """Return the confusion matrix and the mistakes in `votes` (test images, digit predicted)."""
    truth = F.one_hot(labels[test], 10)  # (test images, true digit)
    wrong = (votes * (1 - truth)).nonzero().tolist()
    mistakes = [[test[row].item(), digit, votes[row, digit].item()] for row, digit in wrong]
    return {"confusion": (truth.T @ votes).tolist(), "mistakes": mistakes}

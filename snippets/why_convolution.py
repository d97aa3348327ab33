"""Code of the lesson why-convolution: three ways to connect values, and digits on a strip for two small networks.

"Convolution" is cross-correlation, as everywhere in deep learning. Images are (N, C, H, W).
"""

import torch
from torch import nn

from snippets.first_cnn import evaluate, fit, load, nudged, shuffle_pixels, split


# --8<-- [start:patterns]
def dense(x, weights):
    """Return, for each row of `weights`, its weighted sum of all values in the list x.

    Raises ValueError if a row is not as long as x.
    """
    return [sum(w * v for w, v in zip(row, x, strict=True)) for row in weights]


def locally_connected(x, weights):
    """Return sums in which row i of `weights` (k values) sees x[i], ..., x[i + k - 1] only.

    Raises ValueError unless there is one row for each place where k values fit.
    """
    k = len(weights[0])
    places = len(x) - k + 1
    if len(weights) != places:
        raise ValueError(f"{places} places need {places} rows of weights, not {len(weights)}")
    return [
        sum(w * v for w, v in zip(row, x[i : i + k], strict=True))
        for i, row in enumerate(weights)
    ]


def convolution(x, kernel):
    """Return the sums of a locally connected layer whose rows are all the same."""
    places = len(x) - len(kernel) + 1
    return locally_connected(x, [kernel] * places)
# --8<-- [end:patterns]


# --8<-- [start:as_matrix]
def as_matrix(weights, n):
    """Return the dense weights, n columns, of a locally connected layer: zeros elsewhere."""
    return [[0] * i + row + [0] * (n - i - len(row)) for i, row in enumerate(weights)]
# --8<-- [end:as_matrix]


# --8<-- [start:on_strip]
def on_strip(images, columns, width=16):
    """Place images (N, 1, 8, 8) on blank strips (N, 1, 8, width); return the strips.

    columns: the place of each left edge, one number or a tensor (N,).
    Raises IndexError if an image would stand out.
    """
    strips = torch.zeros(*images.shape[:3], width, dtype=images.dtype)
    columns = torch.as_tensor(columns).expand(len(images))
    for strip, image, column in zip(strips, images, columns.tolist(), strict=True):
        if not 0 <= column <= width - image.shape[-1]:
            raise IndexError(f"column {column} does not fit on a strip of {width}")
        strip[..., column : column + image.shape[-1]] = image
    return strips
# --8<-- [end:on_strip]


# --8<-- [start:networks]
def strip_cnn(pool=2):
    """Logits (N, 10) from images (N, 1, H, W) of any size; pool=1 leaves out the pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),  # (N, 16, H, W)
        nn.ReLU(),
        nn.MaxPool2d(pool),  # (N, 16, H / pool, W / pool)
        nn.Conv2d(16, 32, kernel_size=3, padding=1),  # (N, 32, H / pool, W / pool)
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),  # (N, 32, 1, 1): the largest value of each map
        nn.Flatten(),  # (N, 32)
        nn.Linear(32, 10),  # (N, 10)
    )


def strip_mlp():
    """Logits (N, 10) from strips (N, 1, 8, 16)."""
    return nn.Sequential(
        nn.Flatten(),  # (N, 128)
        nn.Linear(128, 37),  # (N, 37)
        nn.ReLU(),
        nn.Linear(37, 10),  # (N, 10)
    )
# --8<-- [end:networks]


def strip_cnn_without_pooling():
    return strip_cnn(pool=1)


MIDDLE = 4  # the column of a digit in the middle of its strip
SIZES = (75, 150, 300, 600)  # numbers of training images
LOOKS = 6_000  # training images that a run looks at, one epoch after the other


def random_columns(number):
    """Return the same random columns (number,) from 0 to 8 each time."""
    return torch.randint(0, 9, (number,), generator=torch.Generator().manual_seed(0))


def record(seeds=range(5), change=lambda build: build):
    """Yield (experiment, test accuracies in percent: one list for each seed), as the lesson's figures show them.

    The experiment "first kernels" gives weights instead, see `first_kernels`.

    change: applied to each builder of a network; `nudged` imitates another machine.
    """
    images, labels = load()
    train, validation, test = split(labels, train=600, validation=100)
    strips, order = on_strip(images, MIDDLE), torch.randperm(128, generator=torch.Generator().manual_seed(0))
    shuffled, anywhere = shuffle_pixels(strips, order), on_strip(images, random_columns(len(images)))
    builders = {"cnn": strip_cnn, "mlp": strip_mlp, "cnn without pooling": strip_cnn_without_pooling}
    for name, build in builders.items():
        tests = [(on_strip(images[test], MIDDLE + shift), labels[test]) for shift in range(5)]
        yield (name, "shifts 0 to 4"), accuracies(change(build), strips, labels, train[:300], validation, tests, seeds)
    yield ("cnn", "first kernels"), first_kernels(change(strip_cnn), strips, labels, train[:300], validation)
    for name in ("cnn", "mlp"):
        build, tests = change(builders[name]), [(shuffled[test], labels[test])]
        yield (name, "shuffled"), accuracies(build, shuffled, labels, train[:300], validation, tests, seeds)
        tests = [(anywhere[test], labels[test])]
        for size in SIZES:
            yield (name, size), accuracies(build, anywhere, labels, train[:size], validation, tests, seeds)


def accuracies(build, images, labels, train, validation, tests, seeds):
    """Train once per seed on images[train]; return for each seed the accuracies in percent on the `tests`."""
    parts, epochs = [(images[i], labels[i]) for i in (train, validation)], LOOKS // len(train)
    models = [fit(build, *parts, seed, epochs=epochs)[0] for seed in seeds]
    return [[round(evaluate(model, *test)[1], 1) for test in tests] for model in models]


def first_kernels(build, images, labels, train, validation):
    """Train with seed 0 and return the kernels of the first layer, 16 of 3 rows, in whole thousandths."""
    parts = [(images[i], labels[i]) for i in (train, validation)]
    weights = fit(build, *parts, seed=0, epochs=LOOKS // len(train))[0][0].weight.detach()  # (16, 1, 3, 3)
    return (1000 * weights[:, 0]).round().int().tolist()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seeds, change in ((range(5), lambda build: build), (range(2), nudged)):
        for experiment, values in record(seeds, change):
            print(experiment, values, flush=True)

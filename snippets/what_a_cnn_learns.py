"""Code of the lesson what-a-cnn-learns: a small CNN on drawn shapes with real textures, and what it looks at."""

# --8<-- [start:imports]
import copy

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from skimage import data
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

# --8<-- [end:imports]


# --8<-- [start:mask]
SIZE, SHAPES = 32, ("disc", "triangle", "cross")


def shape_mask(shape, row, column, area):
    """Mask (32, 32) of a shape of about `area` pixels around a centre."""
    y, x = np.mgrid[:SIZE, :SIZE]
    y, x = y - row, x - column
    if shape == "disc":
        return x**2 + y**2 <= area / np.pi
    if shape == "triangle":
        half = (area / 2) ** 0.5  # half of the base, and half of the height
        return (abs(y) <= half) & (abs(x) <= (y + half) / 2)
    arm = (9 * area / 20) ** 0.5  # of a cross, three times as long as wide
    near_x, near_y = abs(x) <= arm / 3, abs(y) <= arm / 3
    return (near_x & (abs(y) <= arm)) | (near_y & (abs(x) <= arm))


# --8<-- [end:mask]


# --8<-- [start:draw]
TEXTURES = ("brick", "grass", "gravel")
CROPS = {name: getattr(data, name)()[::2, ::2] / 255 for name in TEXTURES}


def bar_mask(taken, rng):
    """Mask (32, 32) of a bar of 3 by 12 pixels that leaves `taken` free."""
    while True:
        height, width = (3, 12) if rng.random() < 0.5 else (12, 3)
        top, left = rng.integers(0, (SIZE - height + 1, SIZE - width + 1))
        bar = np.zeros((SIZE, SIZE), dtype=bool)
        bar[top : top + height, left : left + width] = True
        if not (bar & taken).any():
            return bar


def draw(shape, texture, rng, faint=False):
    """Image (32, 32) from 0 to 1, and the mask of its shape."""
    row, column = rng.uniform(8, SIZE - 9, 2)
    mask = shape_mask(shape, row, column, rng.uniform(80, 130))
    image = rng.uniform(0.15, 0.35) + 0.04 * rng.standard_normal((SIZE, SIZE))
    level, contrast = (0.4, 0.2) if faint else (0.65, 0.15)
    bar_texture = TEXTURES[rng.integers(3)]
    for place, name in ((bar_mask(mask, rng), bar_texture), (mask, texture)):
        top, left = rng.integers(0, 256 - SIZE, 2)
        inside = CROPS[name][top : top + SIZE, left : left + SIZE][place]
        inside = (inside - inside.mean()) / inside.std()
        image[place] = level + contrast * inside
    return image.clip(0, 1), mask


# --8<-- [end:draw]


# --8<-- [start:make]
def make(number, seed, pairs="random", faint=False):
    """Images (N, 1, 32, 32), shapes and textures (N,), masks (N, 32, 32).

    pairs: "random"; "tied", a texture for each shape; "conflict", never that.
    faint: the shape is hardly brighter than the background.
    """
    rng, rows = np.random.default_rng(seed), []
    for _ in range(number):
        shape, other = rng.integers(3), rng.integers(1, 3)
        options = {"random": rng.integers(3), "tied": shape}
        texture = options.get(pairs, (shape + other) % 3)
        image, mask = draw(SHAPES[shape], TEXTURES[texture], rng, faint)
        rows.append((image, shape, texture, mask))
    columns = zip(*rows, strict=True)
    images, *others = (torch.tensor(np.array(column)) for column in columns)
    return images.float().unsqueeze(1), *others


# --8<-- [end:make]


# --8<-- [start:cnn]
def block(channels_in, channels_out, k):
    """Convolution that keeps height and width, batch normalisation, ReLU."""
    conv = nn.Conv2d(channels_in, channels_out, k, padding=k // 2, bias=False)
    return [conv, nn.BatchNorm2d(channels_out), nn.ReLU()]


def cnn():
    """Logits (N, 3) from images (N, 1, 32, 32)."""
    return nn.Sequential(
        *block(1, 12, 5),  # (N, 12, 32, 32)
        nn.MaxPool2d(2),  # (N, 12, 16, 16)
        *block(12, 24, 3),  # (N, 24, 16, 16)
        nn.MaxPool2d(2),  # (N, 24, 8, 8)
        *block(24, 32, 3),  # (N, 32, 8, 8)
        nn.AdaptiveAvgPool2d(1),  # (N, 32, 1, 1)
        nn.Flatten(),  # (N, 32)
        nn.Linear(32, 3),  # (N, 3)
    )


# --8<-- [end:cnn]
RELUS = (2, 6, 10)  # the places of the three ReLUs in cnn()


# --8<-- [start:fit]
def fit(images, labels, seed, epochs=8, build=cnn):
    """Train the network that `build()` makes; return it in eval mode."""
    torch.manual_seed(seed)
    model = build().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    steps = epochs * -(-len(images) // 50)  # batches of 50
    schedule = OneCycleLR(optimizer, max_lr=0.02, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(50):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def share(model, images, answers):
    """Percentage of the images (N, 1, 32, 32) that get these answers (N,)."""
    right = model(images).argmax(dim=1) == answers
    return 100 * right.double().mean().item()


# --8<-- [end:fit]


# --8<-- [start:grad_cam]
def grad_cam(model, layer, images, classes, relu=True):
    """Heat maps (N, H, W) for the logits of `classes` (N,).

    layer: the module whose output (N, C, h, w) is weighted; eval mode only.
    Source: Grad-CAM, by Selvaraju and others.
    """
    kept = []
    handle = layer.register_forward_hook(lambda m, a, out: kept.append(out))
    try:
        logits = model(images)  # (N, number of classes)
    finally:
        handle.remove()  # also when the forward pass fails
    score = logits.gather(1, classes[:, None]).sum()  # one of each image
    (gradient,) = torch.autograd.grad(score, kept[0])  # (N, C, h, w)
    alpha = gradient.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
    maps = (alpha * kept[0]).sum(dim=1, keepdim=True).detach()  # (N, 1, h, w)
    maps = maps.relu() if relu else maps
    return F.interpolate(maps, size=images.shape[2:], mode="bilinear")[:, 0]


# --8<-- [end:grad_cam]


# --8<-- [start:saliency]
def saliency(model, images, classes):
    """|gradient| (N, H, W) of the logits of `classes` (N,), by pixel."""
    images = images.clone().requires_grad_()
    score = model(images).gather(1, classes[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, images)
    return gradient.abs().amax(dim=1)  # the largest over the channels


# --8<-- [end:saliency]


# --8<-- [start:guided]
def guided_backprop(model, images, classes):
    """Like `saliency`, but every ReLU lets only positive gradients back."""

    def keep_positive(module, grad_input, grad_output):
        return (grad_input[0].clamp(min=0),)

    relus = [layer for layer in model if isinstance(layer, nn.ReLU)]
    handles = [r.register_full_backward_hook(keep_positive) for r in relus]
    try:
        return saliency(model, images, classes)
    finally:
        for handle in handles:
            handle.remove()


# --8<-- [end:guided]


# --8<-- [start:occlusion]
@torch.no_grad()
def occlusion(model, images, classes, side=6, step=2):
    """How far the logit falls when a patch is covered: maps (N, H, W).

    Each pixel gets the mean over all patches that cover it.
    """
    n, _, height, width = images.shape
    fall, times = torch.zeros(n, height, width), torch.zeros(height, width)
    before = model(images).gather(1, classes[:, None])[:, 0]
    fill = images.flatten(1).median(dim=1).values  # about the background
    fill = fill[:, None, None, None]
    for top in range(0, height - side + 1, step):
        for left in range(0, width - side + 1, step):
            rows, columns = slice(top, top + side), slice(left, left + side)
            covered = images.clone()
            covered[:, :, rows, columns] = fill
            after = model(covered).gather(1, classes[:, None])[:, 0]
            fall[:, rows, columns] += (before - after)[:, None, None]
            times[rows, columns] += 1
    return fall / times.clamp(min=1)


# --8<-- [end:occlusion]


# --8<-- [start:edges]
def edges(images):
    """Length of the Sobel gradient (N, H, W): no network at all."""
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]  # (2, 1, 3, 3)
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, kernels).norm(dim=1)


# --8<-- [end:edges]


# --8<-- [start:agreement]
def hits(maps, masks):
    """Percentage of maps (N, H, W) with their largest value in the mask."""
    best = maps.flatten(1).argmax(dim=1)
    hit = masks.flatten(1)[torch.arange(len(maps)), best]
    return 100 * hit.double().mean().item()


def rank_correlation(first, second):
    """Mean over images of Spearman's rank correlation of two maps (N, H, W).

    A map with one value everywhere has no ranks, and counts as 0.
    """
    total = 0.0
    for a, b in zip(first.flatten(1), second.flatten(1), strict=True):
        if a.std() > 0 and b.std() > 0:
            total += spearmanr(a, b).statistic
    return float(total / len(first))


# --8<-- [end:agreement]


# --8<-- [start:reset]
def reset_from_top(model, parts, seed=0):
    """A copy with its top parts drawn anew: head, block 3, 2, then 1."""
    torch.manual_seed(seed)
    model = copy.deepcopy(model)
    for first, last in [(13, 14), (8, 10), (4, 6), (0, 2)][:parts]:
        for layer in model[first:last]:
            layer.reset_parameters()  # BatchNorm: its statistics, too
    return model


# --8<-- [end:reset]


# --8<-- [start:roughness]
def roughness(images):
    """Mean square step between neighbours, by twice the variance."""
    down, across = images.diff(dim=2).square(), images.diff(dim=3).square()
    steps = (down.mean(dim=(1, 2, 3)) + across.mean(dim=(1, 2, 3))) / 2
    return steps / (2 * images.var(dim=(1, 2, 3), correction=0))


# --8<-- [end:roughness]


# --8<-- [start:ascend]
def ascend(score, start, steps=100, rate=0.05, careful=False, seed=0):
    """Change an image (1, 1, H, W) by gradient ascent on `score(image)`.

    careful: move the image by up to 2 pixels in each step, and blur it.
    """
    rng = torch.Generator().manual_seed(seed)
    image = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=rate)
    blur = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    for _ in range(steps):
        shift = torch.randint(-2, 3, (2,), generator=rng).tolist()
        moved = image.roll(shift, dims=(2, 3)) if careful else image
        (-score(moved)).backward()
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            image.clamp_(0, 1)
            if careful:
                padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
                image.lerp_(F.conv2d(padded, blur[None, None]), 0.3)
    return image.detach()


# --8<-- [end:ascend]


# --8<-- [start:features]
@torch.no_grad()
def channel_means(model, images):
    """Mean of each channel after each ReLU: a list of tensors (N, C)."""
    kept = []
    relus = [layer for layer in model if isinstance(layer, nn.ReLU)]

    def keep_means(module, args, output):
        kept.append(output.mean(dim=(2, 3)))

    handles = [relu.register_forward_hook(keep_means) for relu in relus]
    model(images)
    for handle in handles:
        handle.remove()
    return kept


# --8<-- [end:features]


# --8<-- [start:probe]
def probe(train_x, train_y, test_x, test_y):
    """Accuracy, %, of a linear least-squares classifier on features (N, C)."""
    mean, deviation = train_x.mean(dim=0), train_x.std(dim=0) + 1e-6

    def design(x):
        x = ((x - mean) / deviation).double()
        return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)

    a, targets = design(train_x), F.one_hot(train_y).double()
    ridge = 1e-3 * len(a) * torch.eye(a.shape[1], dtype=a.dtype)
    weights = torch.linalg.solve(a.T @ a + ridge, a.T @ targets)
    right = (design(test_x) @ weights).argmax(dim=1) == test_y
    return 100 * right.double().mean().item()


# --8<-- [end:probe]


# --8<-- [start:marked]
def marked(images, chosen, top=1, left=1):
    """A copy with a white 3 by 3 square where `chosen` (N,) is True."""
    images = images.clone()
    images[chosen, :, top : top + 3, left : left + 3] = 1.0
    return images


# --8<-- [end:marked]


def nudged(size=1e-3):
    """Return a function like `cnn` whose network has every weight changed by a factor of about 1 ± size.

    This imitates another machine, where sums are rounded differently.
    """
    model, noise = cnn(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 1 + size * torch.randn(parameter.shape, generator=noise)
    return model


def maps_of(model, images, classes):
    """Return {method: heat maps (N, H, W)}; "untrained" is Grad-CAM of a network with random weights."""
    torch.manual_seed(100)
    random = cnn().eval()
    return {
        "Grad-CAM": grad_cam(model, model[10], images, classes),
        "saliency": saliency(model, images, classes),
        "guided backprop": guided_backprop(model, images, classes),
        "occlusion": occlusion(model, images, classes),
        "untrained": grad_cam(random, random[10], images, classes),
        "guided, untrained": guided_backprop(random, images, classes),
        "edges": edges(images),
    }


def look(model, seed, train, test):
    """Return what one trained network of the main experiment shows, as numbers."""
    images, shapes, _, masks = (part[:200] for part in test)
    some, classes = images[:40], shapes[:40]
    maps = maps_of(model, some, classes)
    methods = {name: grad_cam_of if name == "Grad-CAM" else globals()[name] for name in ("Grad-CAM", "saliency")}
    methods["guided backprop"] = guided_backprop
    after = {name: [] for name in methods}
    for parts in range(1, 5):
        other = reset_from_top(model, parts)
        for name, method in methods.items():
            after[name].append(rank_correlation(method(other, some, classes), maps[name]))
    start = 0.25 + 0.05 * torch.randn(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    found = [[ascend(lambda x, k=k: model(x)[0, k], start, careful=care) for k in range(3)] for care in (False, True)]
    torch.manual_seed(100 + seed)
    networks = {"trained": model, "untrained": cnn().eval()}
    drawn_anew = [reset_from_top(model, 4, draw) for draw in range(4)]
    return {
        "accuracy": share(model, *test[:2]),
        "hits": {name: hits(values, masks[:40]) for name, values in maps.items()},
        "hits, 200 images": {
            "Grad-CAM": hits(grad_cam(model, model[10], images, shapes), masks),
            "saliency": hits(saliency(model, images, shapes), masks),
            "guided backprop": hits(guided_backprop(model, images, shapes), masks),
            "guided, untrained": [hits(guided_backprop(random, images, shapes), masks) for random in drawn_anew],
            "edges": hits(edges(images), masks),
            "centre": 100 * masks[:, 16, 16].double().mean().item(),
            "area": 100 * masks.double().mean().item(),
        },
        "with occlusion": {name: rank_correlation(values, maps["occlusion"]) for name, values in maps.items()},
        "after reset": after,
        "ten new heads": [rank_correlation(grad_cam_of(reset_from_top(model, 1, draw), some, classes), maps["Grad-CAM"])
                          for draw in range(10)],
        "channels off": channels_off(model, images, shapes),
        "probe": {f"{name}, {what}": probes(net, train, test, at) for name, net in networks.items()
                  for what, at in (("shape", 1), ("texture", 2))},
        "roughness of filters": {name: roughness(net[0].weight).mean().item() for name, net in networks.items()},
        "largest logit": [model(test[0])[:, k].max().item() for k in range(3)],
        "logit found": [[model(x)[0, k].item() for k, x in enumerate(row)] for row in found],
        "roughness found": [[roughness(x).item() for x in row] for row in found],
        "found": [[x.mul(255).round().int()[0, 0].tolist() for x in row] for row in found] if seed == 0 else [],
    }


def grad_cam_of(model, images, classes):
    """Grad-CAM at the last ReLU."""
    return grad_cam(model, model[10], images, classes)


def probes(model, train, test, which):
    """Return the accuracy of a linear probe after each ReLU; which: 1 for shapes, 2 for textures."""
    layers = zip(channel_means(model, train[0]), channel_means(model, test[0]), strict=True)
    return [probe(x, train[which], z, test[which]) for x, z in layers]


def answers(model, conflict):
    """Return the percentages of conflict images that are answered by shape, and by texture."""
    return [share(model, conflict[0], conflict[1]), share(model, conflict[0], conflict[2])]


def channels_off(model, images, classes):
    """Return how much accuracy falls: the most that one channel costs, and the mean for 16 of the 32 at random."""
    rng = torch.Generator().manual_seed(0)
    alone = [[channel] for channel in range(32)]
    halves = [torch.randperm(32, generator=rng)[:16].tolist() for _ in range(32)]
    falls = {"alone": [], "half": []}
    with torch.no_grad():
        pooled, full = model[:13](images), share(model, images, classes)
        for name, groups in (("alone", alone), ("half", halves)):
            for group in groups:
                cut = pooled.clone()
                cut[:, group] = 0
                falls[name].append(full - share(model[13], cut, classes))
    return [max(falls["alone"]), sum(falls["half"]) / len(halves)]


PLACES = {"at its place": (1, 1), "one pixel away": (2, 2), "opposite corner": (28, 28)}


def with_mark(model, test):
    """Return what a network that was trained with a mark on every disc does with other marks."""
    images, shapes, _, masks = test
    discs = shapes == 0
    every = torch.ones_like(discs)
    corner = torch.zeros_like(masks)
    corner[:, :10, :10] = True
    maps = grad_cam_of(model, marked(images, every), torch.zeros_like(shapes))
    return {
        "as in training": share(model, marked(images, discs), shapes),
        "no mark": share(model, images, shapes),
        "discs found": {name: share(model, marked(images, every, *place)[discs], shapes[discs])
                        for name, place in PLACES.items()} | {"taken away": share(model, images[discs], shapes[discs])},
        "others called disc": [share(model, x[~discs], 0 * shapes[~discs]) for x in (images, marked(images, every))],
        "maximum at the mark": hits(maps[discs], corner[discs]),
        "maximum in the shape": hits(maps[discs], masks[discs]),
    }


@torch.no_grad()
def top_patches(model, images, channels=3, number=4):
    """Return for each ReLU and each of its first channels [image, row, column] of the largest activations."""
    result, x = [], images
    for place, layer in enumerate(model[:11]):
        x = layer(x)
        if place in RELUS:
            rows = []
            for channel in range(channels):
                best, where = x[:, channel].flatten(1).max(dim=1)
                images_by_value = best.argsort(descending=True)[:number].tolist()
                width = x.shape[3]
                rows.append([[i, where[i].item() // width, where[i].item() % width] for i in images_by_value])
            result.append(rows)
    return result


def pictures(model, with_marks, images, shapes, opening=2):
    """Return maps of one image as whole numbers up to 255, kernels in thousandths and the places of patches."""
    torch.manual_seed(100)
    random = cnn().eval()
    x, y = images[opening : opening + 1], shapes[opening : opening + 1]
    disc = images[shapes == 0][:1]
    maps = {
        "edges": edges(x),
        "trained": guided_backprop(model, x, y),
        "reset": guided_backprop(reset_from_top(model, 2), x, y),
        "marked": grad_cam_of(with_marks, marked(disc, torch.tensor([True])), torch.tensor([0])),
        "Grad-CAM": grad_cam_of(model, x, y),
        "saliency": saliency(model, x, y),
        "occlusion": occlusion(model, x, y).relu(),
    }
    with torch.no_grad():
        layers = [model[: place + 1](x)[0, :4] for place in RELUS]
    return {name: (255 * m / m.max()).round().int()[0].tolist() for name, m in maps.items()} | {
        "opening": opening,
        "feature maps": [[(15 * m / m.max().clamp(min=1e-9)).round().int().tolist() for m in maps] for maps in layers],
        "filters": [(1000 * net[0].weight[:, 0]).round().int().tolist() for net in (model, random)],
        "patches": top_patches(model, images),
    }


def record(seeds=range(4), nudged_seeds=range(2)):
    """Return the results that the lesson's figures and texts show, JSON-ready: {experiment: one entry per run}."""
    train, test = make(800, 0), make(400, 1)
    kinds = {"tied, clear": "tied", "tied, faint": "tied", "random, faint": "random"}
    sets = {name: make(600, 2, pairs, name.endswith("faint")) for name, pairs in kinds.items()}
    conflict = {look_: make(400, 3, "conflict", look_ == "faint") for look_ in ("clear", "faint")}
    results = {"main": [], "conflict": [], "mark": [], "nudged": []}
    for build, numbers in ((cnn, seeds), (nudged, nudged_seeds)):
        for seed in numbers:
            model = fit(*train[:2], seed, build=build)
            entry = {"seed": seed} | look(model, seed, train, test)
            picked = {name: answers(fit(*part[:2], seed, build=build), conflict[name.split()[1]])
                      for name, part in sets.items()}
            discs = train[1][:600] == 0
            network = fit(marked(train[0][:600], discs), train[1][:600], seed, 5, build)
            mark = with_mark(network, test)
            if build is cnn:
                results["main"].append(entry)
                results["conflict"].append(picked)
                results["mark"].append(mark)
                if seed == 0:
                    results["pictures"] = pictures(model, network, *test[:2])
            else:
                results["nudged"].append(entry | {"found": [], "conflict": picked, "mark": mark})
            print({k: v for k, v in entry.items() if k != "found"}, picked, mark, flush=True)
    return results

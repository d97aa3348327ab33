"""The functions of the lesson why-convolution: hand numbers, PyTorch on random cases, refusals; what its figures say."""

import random

import pytest
import torch
import torch.nn.functional as F

from snippets.figures import why_convolution as figures
from snippets.first_cnn import evaluate, fit, load, shuffle_pixels, split
from snippets.why_convolution import (
    LOOKS,
    MIDDLE,
    SIZES,
    as_matrix,
    convolution,
    dense,
    first_kernels,
    locally_connected,
    on_strip,
    random_columns,
    strip_cnn,
    strip_mlp,
)

X = [0, 3, 1, 0, 0, 0]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def random_rows(rng, rows, columns):
    return [[rng.uniform(-1, 1) for _ in range(columns)] for _ in range(rows)]


def test_the_worked_example():
    assert dense(X, figures.DENSE) == [-2, 3, 4, 15]
    assert locally_connected(X, figures.LOCAL) == [-2, 3, -2, 0]
    assert convolution(X, [2, -1, 1]) == [-2, 5, 2, 0]
    assert convolution([0, *X[:-1]], [2, -1, 1]) == [3, -2, 5, 2]


def test_the_matrices_of_the_figure_are_the_three_layers():
    everything, near, shared = figures.MATRICES
    assert everything == figures.DENSE
    assert near == [[2, -1, 1, 0, 0, 0], [0, 1, 0, 2, 0, 0], [0, 0, -2, 1, 1, 0], [0, 0, 0, 1, 2, 1]]
    assert shared == [[2, -1, 1, 0, 0, 0], [0, 2, -1, 1, 0, 0], [0, 0, 2, -1, 1, 0], [0, 0, 0, 2, -1, 1]]


@pytest.mark.parametrize("seed", range(100))
def test_random_cases_equal_pytorch(seed):
    rng = random.Random(seed)
    n = rng.randint(1, 14)
    k = rng.randint(1, n)
    [x], [kernel] = random_rows(rng, 1, n), random_rows(rng, 1, k)
    matrix, local = random_rows(rng, rng.randint(1, 9), n), random_rows(rng, n - k + 1, k)
    pairs = (
        (dense(x, matrix), F.linear(tensor(x), tensor(matrix))),
        (locally_connected(x, local), (tensor(x).unfold(0, k, 1) * tensor(local)).sum(dim=1)),
        (locally_connected(x, local), F.linear(tensor(x), tensor(as_matrix(local, n)))),
        (convolution(x, kernel), F.conv1d(tensor([[x]]), tensor([[kernel]]))[0, 0]),
    )
    for ours, theirs in pairs:
        torch.testing.assert_close(tensor(ours), theirs, rtol=0, atol=1e-12)


def test_inputs_are_left_unchanged():
    x, weights = X[:], [row[:] for row in figures.LOCAL]
    locally_connected(x, weights)
    as_matrix(weights, 6)
    assert (x, weights) == (X, figures.LOCAL)


def test_layers_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="4 places need 4 rows of weights, not 3"):
        locally_connected(X, figures.LOCAL[:3])
    with pytest.raises(ValueError):
        locally_connected(X, [[1, 2, 3], [1, 2, 3], [1, 2], [1, 2, 3]])
    with pytest.raises(ValueError):
        dense(X, [[1, 2, 3]])


def test_strips():
    images = torch.arange(1.0, 129.0).reshape(2, 1, 8, 8)
    strips = on_strip(images, 5)
    assert strips.shape == (2, 1, 8, 16) and strips.sum() == images.sum()
    assert torch.equal(strips[..., 5:13], images)
    strips = on_strip(images.double(), torch.tensor([0, 8]))
    assert strips.dtype == torch.float64
    assert torch.equal(strips[0, ..., :8], images[0].double()) and torch.equal(strips[1, ..., 8:], images[1].double())
    for column in (-1, 9):
        with pytest.raises(IndexError, match=f"column {column} does not fit on a strip of 16"):
            on_strip(images, column)


def test_the_networks_have_nearly_as_many_parameters():
    counts = [sum(p.numel() for p in build().parameters()) for build in (strip_cnn, strip_mlp)]
    assert counts == [(16 * 9 + 16) + (32 * 144 + 32) + 330, 37 * 129 + 10 * 38] == [5130, 5153]


def test_the_cnn_takes_any_size_and_the_mlp_one():
    for size in ((8, 16), (16, 16), (9, 31)):
        assert strip_cnn()(torch.zeros(2, 1, *size)).shape == strip_cnn(pool=1)(torch.zeros(2, 1, *size)).shape == (2, 10)
    with pytest.raises(RuntimeError):
        strip_mlp()(torch.zeros(2, 1, 16, 16))


def test_random_columns_are_the_same_each_time_and_all_occur():
    columns = random_columns(500)
    assert torch.equal(columns, random_columns(500))
    assert sorted(set(columns.tolist())) == list(range(9))


def test_the_edges_of_the_figure_move_with_the_digit():
    here, there = figures.edges(figures.strip_with(2)), figures.edges(figures.strip_with(6))
    assert here.any() and not (here == there).all() and (here == there[:, list(range(4, 16)) + list(range(4))]).all()


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_what_the_figures_show_is_what_a_run_gives(name):
    """One seed of the recorded ones; decimals may differ on another machine."""
    build = {"mlp": strip_mlp, "cnn": strip_cnn}[name]
    images, labels = load()
    train, validation, test = split(labels, train=600, validation=100)
    strips = on_strip(images, MIDDLE)
    parts = [(strips[i], labels[i]) for i in (train[:300], validation)]
    model = fit(build, *parts, seed=1, epochs=LOOKS // 300)[0]
    ours = [evaluate(model, on_strip(images[test], MIDDLE + s), labels[test])[1] for s in range(5)]
    assert ours == pytest.approx(figures.RECORDED[name]["shifts 0 to 4"][1], abs=4)


def test_the_second_list_of_the_opening_is_the_first_one_moved():
    here, there = figures.strip_with(4).flatten(), figures.strip_with(8).flatten()
    assert (there[4:] == here[:-4]).all() and not there[:4].any() and not here[-4:].any()
    assert (here > 0).sum() == 33 and ((here > 0) & (there > 0)).sum() == 2


def test_sharing_alone_has_one_weight_for_each_distance_and_is_equivariant():
    weights = random_rows(random.Random(0), 1, 9)[0]  # for the distances j - i from -3 to 5
    matrix = [[weights[j - i + 3] for j in range(6)] for i in range(4)]
    assert {w for row in matrix for w in row} == set(weights)
    before, after = dense(X, matrix), dense([0, *X[:-1]], matrix)
    assert after[1:] == pytest.approx(before[:-1], abs=1e-12)


def test_adamw_and_the_gradient_take_three_more_numbers_for_each_parameter():
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    kept = [v for p in layer.parameters() for v in (p, p.grad, *optimizer.state[p].values()) if v.shape == p.shape]
    assert sum(v.numel() for v in kept) == 4 * (6 + 2)


def test_the_recorded_kernels_are_those_of_a_run():
    """On another machine training ends a little elsewhere; `nudged` weights give a correlation above 0.99."""
    images, labels = load()
    train, validation, _ = split(labels, train=600, validation=100)
    fresh = tensor(first_kernels(strip_cnn, on_strip(images, MIDDLE), labels, train[:300], validation))
    recorded = tensor(figures.RECORDED["cnn"]["first kernels"])
    assert fresh.shape == recorded.shape == (16, 3, 3)
    assert (fresh * recorded).sum() / (fresh.norm() * recorded.norm()) > 0.95


def test_the_maps_of_the_first_kernels_are_convolutions_of_the_three():
    kernel = torch.tensor(figures.RECORDED["cnn"]["first kernels"][1])
    image = tensor(figures.strip_with(4))[None, None]
    outputs = F.conv2d(image, kernel[None, None].double(), padding=1)[0, 0, :, 3:13]
    assert (outputs.numpy() == figures.three_through(kernel.numpy())).all()
    assert figures.balance(kernel.numpy()) == pytest.approx(245 / 4065)


def test_recorded_runs_are_complete():
    for runs in figures.RECORDED.values():
        assert [len(run) for run in runs["shifts 0 to 4"]] == [5] * 5
    assert all(len(figures.RECORDED[name][size]) == 5 for name in ("cnn", "mlp") for size in ("shuffled", *SIZES))


def test_with_every_recorded_seed_the_shuffled_cnn_stays_behind_the_shuffled_mlp():
    assert max(figures.RECORDED["cnn"]["shuffled"]) < min(figures.RECORDED["mlp"]["shuffled"]) - 2


def test_a_permuted_first_layer_undoes_a_permutation_of_the_pixels():
    order = torch.randperm(128, generator=torch.Generator().manual_seed(1))
    images = torch.rand(5, 1, 8, 16, dtype=torch.float64)
    torch.manual_seed(0)
    network = strip_mlp().double()
    before = network(images)
    with torch.no_grad():
        network[1].weight.copy_(network[1].weight[:, order])
    torch.testing.assert_close(network(shuffle_pixels(images, order)), before, rtol=0, atol=1e-12)

"""The functions of the lesson convolution-from-scratch: hand numbers, PyTorch on random cases, refusals."""

import random

import pytest
import torch
import torch.nn.functional as F

from snippets.convolution_from_scratch import conv1d, conv2d, learn_kernel, output_size, subtract, window_sum

X = [[1, 3, 8, 9], [2, 3, 9, 6], [1, 3, 6, 8]]
KERNEL = [[-1, 1], [-2, 2]]


def random_grid(rng, rows, columns):
    return [[rng.uniform(-1, 1) for _ in range(columns)] for _ in range(rows)]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_worked_example():
    assert conv1d(X[0], KERNEL[0]) == [2, 5, 1]
    assert window_sum(X, KERNEL, 0, 1) == 17
    assert conv2d(X, KERNEL) == [[4, 17, -5], [5, 12, 1]]


def test_without_more_words_the_window_takes_single_steps_over_the_input_alone():
    assert output_size(7, 3) == 5


def test_stride_and_padding_by_hand():
    assert conv1d(X[0], KERNEL[0], stride=2, padding=1) == [1, 5, -9]
    assert conv1d(X[0], KERNEL[0], stride=3) == [2]
    assert conv2d(X, KERNEL, stride=2) == [[4, -5]]
    assert conv2d([[5]], [[1, 2, 3], [4, 6, 7], [8, 9, 10]], padding=1) == [[30]]


@pytest.mark.parametrize("seed", range(300))
def test_conv2d_equals_pytorch(seed):
    rng = random.Random(seed)
    stride, padding = rng.randint(1, 4), rng.randint(0, 3)
    k_h, k_w = rng.randint(1, 5), rng.randint(1, 5)
    x = random_grid(rng, *(rng.randint(max(1, k - 2 * padding), 11) for k in (k_h, k_w)))
    kernel = random_grid(rng, k_h, k_w)
    expected = F.conv2d(tensor([[x]]), tensor([[kernel]]), stride=stride, padding=padding)[0, 0]
    torch.testing.assert_close(tensor(conv2d(x, kernel, stride, padding)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(300))
def test_conv1d_equals_pytorch(seed):
    rng = random.Random(seed)
    stride, padding, k = rng.randint(1, 4), rng.randint(0, 3), rng.randint(1, 5)
    [x] = random_grid(rng, 1, rng.randint(max(1, k - 2 * padding), 12))
    [kernel] = random_grid(rng, 1, k)
    expected = F.conv1d(tensor([[x]]), tensor([[kernel]]), stride=stride, padding=padding)[0, 0]
    torch.testing.assert_close(tensor(conv1d(x, kernel, stride, padding)), expected, rtol=0, atol=1e-12)


def test_inputs_are_left_unchanged():
    x, kernel = [row[:] for row in X], [row[:] for row in KERNEL]
    conv2d(x, kernel, stride=2, padding=2)
    learn_kernel(x, conv2d(X, KERNEL), kernel, rate=0.001, steps=3)
    assert (x, kernel) == (X, KERNEL)


@pytest.mark.parametrize(
    ("x", "kernel", "words"),
    [
        ([1, 2], [1, 2, 3], "a kernel of 3 does not fit into 2 values"),
        ([1, 2], [], "need k >= 1"),
        ([], [1], "a kernel of 1 does not fit into 0 values"),
    ],
)
def test_conv1d_refuses(x, kernel, words):
    with pytest.raises(ValueError, match=words):
        conv1d(x, kernel)


@pytest.mark.parametrize(
    ("x", "kernel", "words"),
    [
        (X, [[1], [1], [1], [1]], "a kernel of 4 does not fit into 3 values"),
        (X, [[1] * 5], "a kernel of 5 does not fit into 4 values"),
        (X, [], "kernel needs rows"),
        (X, [[]], "need k >= 1"),
        (X, [[1, 2], [3]], "kernel needs rows, and all of the same length"),
        ([[1, 2], [3]], [[1]], "x needs rows, and all of the same length"),
        ([], [[1]], "x needs rows"),
        ([[]], [[1]], "a kernel of 1 does not fit into 0 values"),
    ],
)
def test_conv2d_refuses(x, kernel, words):
    with pytest.raises(ValueError, match=words):
        conv2d(x, kernel)


@pytest.mark.parametrize("options", [{"stride": 0}, {"stride": -1}, {"padding": -1}])
def test_a_walk_without_sense_is_refused(options):
    with pytest.raises(ValueError, match="stride >= 1, padding >= 0"):
        conv2d(X, KERNEL, **options)


def test_a_kernel_may_fit_only_with_padding():
    assert output_size(2, 4, padding=1) == 1
    with pytest.raises(ValueError, match="a kernel of 5 does not fit into 4 values"):
        output_size(2, 5, padding=1)


def test_subtract():
    assert subtract([[5, 7]], [[1, 2]], factor=2) == [[3, 3]]
    with pytest.raises(ValueError):
        subtract([[1, 2]], [[1]])


def test_the_first_step_follows_pytorchs_gradient():
    rng = random.Random(0)
    x, target, kernel = random_grid(rng, 6, 5), random_grid(rng, 4, 4), random_grid(rng, 3, 2)
    weight = tensor([[kernel]]).requires_grad_()
    (0.5 * (F.conv2d(tensor([[x]]), weight) - tensor(target)).square().sum()).backward()
    expected = weight.detach() - 0.1 * weight.grad
    ours = learn_kernel(x, target, kernel, rate=0.1, steps=1)
    torch.testing.assert_close(tensor(ours), expected[0, 0], rtol=0, atol=1e-12)


def test_the_hidden_kernel_is_found():
    found = learn_kernel(X, conv2d(X, KERNEL), [[0, 0], [0, 0]], rate=0.002, steps=4000)
    torch.testing.assert_close(tensor(found), tensor(KERNEL), rtol=0, atol=1e-6)


def test_flat_data_cannot_tell_kernels_apart():
    flat = [[5] * 4] * 3
    found = learn_kernel(flat, conv2d(flat, KERNEL), [[0.4, 0.8], [-0.2, 1.0]], rate=0.001, steps=200)
    torch.testing.assert_close(tensor(found), tensor([[-0.1, 0.3], [-0.7, 0.5]]), rtol=0, atol=1e-9)

"""The functions of the lesson backpropagation-through-convolution: hand numbers, autograd on random cases, gradcheck."""

import random
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from snippets.backpropagation_through_convolution import (
    OwnConv,
    avg_pool_backward,
    backward_by_windows,
    conv_backward,
    conv_forward,
    fourth_powers,
    input_gradient,
    max_pool_backward,
    measured_slope,
    meetings,
    network,
    relative_error,
    relu_backward,
)

X = [[1, 3, 8, 9], [2, 3, 9, 6], [1, 3, 6, 8]]
KERNEL = [[-1, 1], [-2, 2]]
G = [[3, 1, -2], [2, -1, 5]]
EXACT = {"rtol": 0, "atol": 1e-11}


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def tensor(grid):
    return torch.tensor(grid, dtype=torch.float64)[None, None]


def test_the_worked_example():
    assert input_gradient(G, KERNEL, 3, 4) == [[-3, 2, 3, -2], [-8, 7, 0, 1], [-4, 6, -12, 10]]
    dx, dw, dbias = conv_backward(tensor(G), tensor(X), tensor(KERNEL))
    assert dx[0, 0].tolist() == input_gradient(G, KERNEL, 3, 4)
    assert dw[0, 0].tolist() == [[36, 26], [20, 46]]
    assert dbias.tolist() == [8]


def test_without_more_words_the_window_takes_single_steps_over_the_input_alone():
    none = torch.zeros(1, dtype=torch.float64)
    assert conv_forward(tensor(X), tensor(KERNEL), none)[0, 0].tolist() == [[4, 17, -5], [5, 12, 1]]


def test_a_weight_meets_one_pixel_for_each_output():
    places = list(meetings((2, 1), (2, 3), stride=2, dilation=3))
    assert places == [(0, 0, slice(0, 3, 2), slice(0, 5, 2)), (1, 0, slice(3, 6, 2), slice(0, 5, 2))]


@pytest.mark.parametrize("seed", range(200))
def test_input_gradient_equals_autograd(seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    kernel = double(1, 1, rng.randint(1, 4), rng.randint(1, 4))
    x = double(1, 1, *(rng.randint(k, 8) for k in kernel.shape[2:])).requires_grad_()
    y = F.conv2d(x, kernel)
    g = torch.randn_like(y)
    y.backward(g)
    ours = input_gradient(g[0, 0].tolist(), kernel[0, 0].tolist(), *x.shape[2:])
    torch.testing.assert_close(tensor(ours), x.grad, **EXACT)


@pytest.mark.parametrize("seed", range(300))
def test_the_general_convolution_equals_autograd(seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    groups = rng.randint(1, 3)
    walk = {"stride": rng.randint(1, 3), "padding": rng.randint(0, 2), "dilation": rng.randint(1, 3), "groups": groups}
    w = double(groups * rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4)).requires_grad_()
    reach = [walk["dilation"] * (k - 1) + 1 for k in w.shape[2:]]
    sides = [rng.randint(max(1, r - 2 * walk["padding"]), r + 6) for r in reach]
    x = double(rng.randint(1, 3), groups * w.shape[1], *sides).requires_grad_()
    bias = double(len(w)).requires_grad_()
    y = F.conv2d(x, w, bias, **walk)
    torch.testing.assert_close(conv_forward(x, w, bias, **walk), y, **EXACT)
    g = torch.randn_like(y)
    y.backward(g)
    for ours, theirs in zip(conv_backward(g, x.detach(), w.detach(), **walk), (x, w, bias), strict=True):
        torch.testing.assert_close(ours, theirs.grad, **EXACT)


@pytest.mark.parametrize("seed", range(100))
def test_the_walk_over_windows_equals_autograd(seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    walk = {"stride": rng.randint(1, 3), "padding": rng.randint(0, 2)}
    w = double(rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4)).requires_grad_()
    sides = [rng.randint(max(1, k - 2 * walk["padding"]), k + 6) for k in w.shape[2:]]
    x = double(rng.randint(1, 3), w.shape[1], *sides).requires_grad_()
    bias = double(len(w)).requires_grad_()
    y = F.conv2d(x, w, bias, **walk)
    g = torch.randn_like(y)
    y.backward(g)
    for ours, theirs in zip(backward_by_windows(g, x.detach(), w.detach(), **walk), (x, w, bias), strict=True):
        torch.testing.assert_close(ours, theirs.grad, **EXACT)


def test_the_walk_over_windows_takes_single_steps_over_the_input_alone():
    dx, dw, dbias = backward_by_windows(tensor(G), tensor(X), tensor(KERNEL))
    assert dx[0, 0].tolist() == input_gradient(G, KERNEL, 3, 4)
    assert (dw[0, 0].tolist(), dbias.tolist()) == ([[36, 26], [20, 46]], [8])


@pytest.mark.parametrize("loss", [F.mse_loss, F.cross_entropy])
def test_gradients_are_summed_over_the_batch_also_if_the_loss_is_a_mean(loss):
    torch.manual_seed(0)
    x, w, bias = double(5, 2, 4, 4), double(3, 2, 4, 4).requires_grad_(), double(3).requires_grad_()
    y = F.conv2d(x, w, bias)
    y.retain_grad()
    wanted = torch.tensor([0, 1, 2, 1, 0]) if loss is F.cross_entropy else double(5, 3)
    loss(y.flatten(1), wanted).backward()
    _, dw, dbias = conv_backward(y.grad, x, w.detach())
    torch.testing.assert_close(dw, w.grad, **EXACT)
    torch.testing.assert_close(dbias, bias.grad, **EXACT)


def test_the_relative_error_is_measured_against_the_larger_of_two():
    assert relative_error(3, 4) == relative_error(-4, -3) == 0.25
    assert (relative_error(1, -2), relative_error(0, 5), relative_error(0, 0)) == (1.5, 1, 0)


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pooling_equals_autograd_with_ties_and_overlap(seed, kind):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    size, stride = rng.randint(1, 4), rng.randint(1, 4)
    shape = (2, 3, rng.randint(size, 9), rng.randint(size, 9))
    x = torch.randint(0, 4, shape).double().requires_grad_()  # few values, so many ties
    forward, backward = {"max": (F.max_pool2d, max_pool_backward), "avg": (F.avg_pool2d, avg_pool_backward)}[kind]
    y = forward(x, size, stride)
    g = torch.randn_like(y)
    y.backward(g)
    torch.testing.assert_close(backward(g, x.detach(), size, stride), x.grad, **EXACT)


def test_relu_equals_autograd_at_zero_too():
    x = torch.tensor([[-2.0, 0.0, 3.0]], requires_grad=True)
    F.relu(x).backward(torch.tensor([[5.0, 6.0, 7.0]]))
    assert relu_backward(torch.tensor([[5.0, 6.0, 7.0]]), x.detach()).tolist() == x.grad.tolist() == [[0, 0, 7]]


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (2, 1), (3, 2)])
def test_our_own_function_passes_gradcheck(stride, padding):
    torch.manual_seed(0)
    inputs = [double(2, 3, 6, 5).requires_grad_(), double(4, 3, 3, 2).requires_grad_(), double(4).requires_grad_()]
    assert torch.autograd.gradcheck(OwnConv.apply, (*inputs, stride, padding))


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (2, 2), (3, 2)])
def test_the_network_equals_autograd(size, stride):
    torch.manual_seed(size + stride)
    x, w, bias, target = double(3, 2, 8, 7), double(4, 2, 3, 2), double(4), double(3)
    places = F.max_pool2d(F.conv2d(x, w), size, stride)[0].numel()
    leaves = [tensor.requires_grad_() for tensor in (x, w, bias, double(places))]
    out = F.max_pool2d(F.relu(F.conv2d(*leaves[:3])), size, stride).flatten(1) @ leaves[3]
    expected = 0.5 * (out - target).square().sum()
    expected.backward()
    loss, gradients = network(*(leaf.detach() for leaf in leaves), target, size, stride)
    torch.testing.assert_close(loss, expected.detach())
    for ours, leaf in zip(gradients, leaves, strict=True):
        torch.testing.assert_close(ours, leaf.grad, rtol=1e-12, atol=1e-10)


def test_the_network_pools_windows_of_two_with_single_steps():
    vector = torch.tensor([2.0, -1.0, 14.0, 0.0], dtype=torch.float64)
    loss, (dx, dw, dbias, d_v) = network(tensor(X), tensor(KERNEL), vector[3:], vector[:2], vector[2:3])
    assert (loss.item(), dbias.tolist(), d_v.tolist()) == (4.5, [3], [51, 51])
    assert dx[0, 0].tolist() == [[0, -3, 3, 0], [0, -6, 6, 0], [0, 0, 0, 0]]
    assert dw[0, 0].tolist() == [[9, 24], [9, 27]]


def test_a_slope_is_measured_in_the_precision_that_is_asked_for():
    assert fourth_powers(X, KERNEL) == sum(y**4 for y in (4, 17, -5, 5, 12, 1)) / 4
    assert abs(measured_slope(X, KERNEL, 1e-5) / 19246 - 1) < 1e-9
    rough = measured_slope(X, KERNEL, 1e-2, np.float32)
    assert isinstance(rough, np.float32) and 1e-6 < abs(rough / 19246 - 1) < 1e-3
    assert measured_slope(X, KERNEL, 1e-8, np.float32) == 0


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (1, 1, 1, 3), (1, 1, 3, 3), (2, 1, 2, 3), (1, 2, 2, 3)])
def test_an_upstream_gradient_of_another_shape_than_the_output_is_refused(shape):
    message = f"the output has the shape (1, 1, 2, 3), but g has {shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        conv_backward(double(*shape), tensor(X), tensor(KERNEL))


def test_inputs_are_left_unchanged():
    torch.manual_seed(0)
    g, x, w = double(1, 2, 2, 2), double(1, 2, 4, 4), double(2, 2, 3, 3)
    before = [t.clone() for t in (g, x, w)]
    conv_backward(g, x, w)
    backward_by_windows(g, x, w)
    max_pool_backward(g, x, 2, 2)
    avg_pool_backward(g, x, 2, 2)
    relu_backward(x, x)
    assert all(torch.equal(*pair) for pair in zip(before, (g, x, w), strict=True))

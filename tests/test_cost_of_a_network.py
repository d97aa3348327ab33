"""The counter of the lesson cost-of-a-network: hand numbers, PyTorch's own counter, and cases the page does not show."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from snippets.cost_of_a_network import Cost, cost, costs, kept_for_backward, plain_network


def flops(model, x):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    return counter.get_total_flops()


def test_the_worked_example():
    [row] = costs(nn.Conv2d(3, 8, 3, padding=1), torch.zeros(1, 3, 8, 8))
    assert row == Cost("", "Conv2d", 192, (1, 8, 8, 8), 224, 13_824)
    assert (row.outputs, row.bytes) == (512, 4 * (192 + 224 + 512))


def test_a_dense_layer_uses_each_weight_once_for_each_row():
    [row] = costs(nn.Linear(128, 10), torch.zeros(5, 128))
    assert (row.parameters, row.macs, row.inputs, row.outputs) == (1290, 5 * 1280, 640, 50)


def test_cost_of_a_layer_without_weights():
    x = torch.zeros(2, 3, 4, 4)
    assert cost("relu", nn.ReLU(), x, x) == ("relu", "ReLU", 96, (2, 3, 4, 4), 0, 0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 2, "padding": 1}, {"groups": 4}, {"padding": "same"}])
def test_macs_are_half_of_pytorchs_flops(bias, options):
    conv, x = nn.Conv2d(4, 8, 3, bias=bias, **options), torch.zeros(3, 4, 9, 7)
    [row] = costs(conv, x)
    assert 2 * row.macs == flops(conv, x)
    assert row.parameters == sum(p.numel() for p in conv.parameters())


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "shufflenet_v2_x1_0", "densenet121", "convnext_tiny"])
def test_torchvisions_own_numbers(name):
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):
        model, x = models.get_model(name, weights=None, **options).eval(), torch.empty(1, 3, 224, 224)
    rows, meta = costs(model, x), next(iter(models.get_model_weights(name))).meta
    assert round(sum(row.macs for row in rows) / 1e9, 3) == meta["_ops"]
    assert sum(p.numel() for p in model.parameters()) == meta["num_params"]


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_pytorchs_counter_agrees_for_whole_networks(name):
    with torch.device("meta"):
        model, x = models.get_model(name, weights=None).eval(), torch.empty(1, 3, 64, 64)
    assert 2 * sum(row.macs for row in costs(model, x)) == flops(model, x)


def test_rows_follow_the_calls_and_carry_the_names():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sequential(nn.ReLU(), nn.Flatten()))
    assert [row.name for row in costs(model, torch.zeros(1, 1, 2, 2))] == ["0", "1.0", "1.1"]


def test_no_hook_stays_behind_even_after_an_error():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(1, 1, 1))
    with pytest.raises(RuntimeError, match="to have 1 channels, but got 2"):
        costs(model, torch.zeros(1, 1, 4, 4))
    assert all(not layer._forward_hooks for layer in model.modules())


def test_kept_for_backward_counts_a_shared_tensor_once_and_no_parameter():
    x = torch.zeros(2, 4)
    assert kept_for_backward(nn.Linear(4, 3), x) == {torch.float32: 2 * 4 * 4}
    both = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    assert kept_for_backward(both, x) == {torch.float32: 4 * (2 * 4 + 2 * 3)}


def test_max_pooling_keeps_positions_as_integers_of_8_bytes():
    kept = kept_for_backward(nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2)), torch.zeros(1, 1, 4, 4))
    assert kept == {torch.float32: 4 * (16 + 16), torch.int64: 8 * 4}


# No groups here: torch 2.14's counter takes the gradient of a grouped weight for that of a dense one.
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"kernel_size": 1}])
def test_a_training_step_needs_three_times_the_macs_less_the_gradient_of_the_image(options):
    second = nn.Conv2d(8, 8, **{"kernel_size": 3, "padding": 1, **options})
    model, x = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), second, nn.Flatten(), nn.LazyLinear(5)), torch.zeros(2, 3, 9, 9)
    macs = [row.macs for row in costs(model, x)]
    with FlopCounterMode(display=False) as counter:
        model(x).sum().backward()
    assert counter.get_total_flops() == 2 * (3 * sum(macs) - macs[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_16_bits_halve_what_is_kept_but_not_the_positions(dtype):
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2)).to(dtype)
    kept = kept_for_backward(model, torch.zeros(1, 1, 4, 4, dtype=dtype))
    assert kept == {dtype: 2 * (16 + 16), torch.int64: 8 * 4}


def test_plain_network_keeps_the_size():
    assert plain_network(width=5, depth=3)(torch.zeros(2, 3, 6, 7)).shape == (2, 5, 6, 7)
    assert len(plain_network()) == 8 and plain_network()[0].out_channels == 32

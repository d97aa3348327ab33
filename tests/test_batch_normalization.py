"""The code of the lesson batch-normalization, and that the page says what its recorded results say."""

import json
import statistics

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from scripts import record_results
from snippets import batch_normalization
from snippets.batch_normalization import (
    KINDS,
    RATES,
    SIZES,
    batch_norm,
    batch_norm_eval,
    deep,
    fit,
    fuse,
    group_norm,
    he,
    normalise,
    update,
)
from snippets.figures import batch_normalization as figures
from snippets.first_cnn import load, split

LESSON = record_results.ROOT / "docs" / "lessons" / "batch-normalization"
PAGE = (LESSON / "index.md").read_text(encoding="utf-8")
EXPERIMENTS = json.loads((LESSON / "results.json").read_text(encoding="utf-8"))["experiments"]


def close(a, b, atol=1e-10):
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-10, atol=atol)


def layer_with_random_parameters(channels):
    layer = nn.BatchNorm2d(channels).double()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    return layer


@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (1, 3, 1, 2), (4, 2, 5, 3), (7, 5, 1, 1)])
@pytest.mark.parametrize("momentum", [0.1, 0.5, 1.0])
def test_both_modes_and_the_statistics_are_pytorchs(shape, momentum):
    torch.manual_seed(0)
    layer = layer_with_random_parameters(shape[1])
    layer.momentum = momentum
    kept = torch.zeros(shape[1]).double(), torch.ones(shape[1]).double()
    for _ in range(3):
        x = 3 + 2 * torch.randn(shape).double()
        assert close(batch_norm(x, layer.weight, layer.bias), layer(x))
        kept = update(*kept, x, momentum)
        assert close(kept[0], layer.running_mean) and close(kept[1], layer.running_var)
    assert close(batch_norm_eval(x, *kept, layer.weight, layer.bias), layer.eval()(x))


def test_eps_is_inside_the_root():
    x = torch.tensor([-1.0, 1.0]).double().reshape(2, 1, 1, 1)
    y = batch_norm(x, torch.ones(1).double(), torch.zeros(1).double(), eps=3.0)
    assert close(y.flatten(), torch.tensor([-0.5, 0.5]).double())
    y = batch_norm_eval(x, torch.zeros(1), torch.ones(1), torch.ones(1), torch.zeros(1), eps=3.0)
    assert close(y.flatten(), torch.tensor([-0.5, 0.5]).double())


def test_a_single_value_per_channel_is_refused_as_by_pytorch():
    with pytest.raises(ValueError, match="one value per channel"):
        batch_norm(torch.zeros(1, 3, 1, 1), torch.ones(3), torch.zeros(3))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.BatchNorm2d(3)(torch.zeros(1, 3, 1, 1))


def test_the_slopes_are_those_of_the_formula():
    torch.manual_seed(0)
    x = torch.randn(5).double().requires_grad_()
    gamma, beta = torch.tensor([2.0]).double(), torch.tensor([1.0]).double()

    def forward(values):
        return batch_norm(values.reshape(5, 1, 1, 1), gamma, beta).flatten()

    slopes = torch.autograd.functional.jacobian(forward, x)
    root = torch.sqrt(x.var(correction=0) + 1e-5)
    hat = (x - x.mean()) / root
    assert close(slopes, gamma / root * (torch.eye(5).double() - 1 / 5 - hat[:, None] * hat[None, :] / 5))
    assert slopes.sum(dim=1).abs().max() < 1e-10


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"groups": 2}, {"padding_mode": "reflect", "padding": 1}])
@pytest.mark.parametrize("bias", [True, False])
def test_fused_convolution_does_what_the_pair_does(options, bias):
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(4, 6, 3, bias=bias, **options).double(), layer_with_random_parameters(6)
    x = torch.randn(3, 4, 7, 7).double()
    norm(conv(x))
    norm.eval()
    before = [p.detach().clone() for p in (*conv.parameters(), *norm.parameters())]
    assert close(fuse(conv, norm)(x), norm(conv(x)))
    assert close(fuse(conv, norm)(x), fuse_conv_bn_eval(conv.eval(), norm)(x))
    assert all(map(torch.equal, before, (*conv.parameters(), *norm.parameters())))


def test_fuse_refuses_training_mode():
    with pytest.raises(ValueError, match="eval mode"):
        fuse(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))


@pytest.mark.parametrize("shape", [(1, 4, 2, 2), (3, 8, 1, 5), (2, 12, 3, 3)])
def test_the_relatives_are_pytorchs(shape):
    torch.manual_seed(0)
    x, channels = 2 + torch.randn(shape).double(), shape[1]
    assert close(normalise(x, (1, 2, 3)), nn.LayerNorm(shape[1:]).double()(x))
    assert close(normalise(x, (2, 3)), nn.InstanceNorm2d(channels)(x))
    for groups in (1, 2, 4, channels):
        assert close(group_norm(x, groups), nn.GroupNorm(groups, channels).double()(x))


def test_instance_norm_refuses_a_map_of_one_pixel_whatever_the_batch():
    for batch in (1, 5):
        with pytest.raises(ValueError, match="more than 1 spatial element"):
            nn.InstanceNorm2d(3)(torch.zeros(batch, 3, 1, 1))


def test_batch_norm_1d_is_the_mean_over_the_images():
    torch.manual_seed(0)
    x, layer = torch.randn(5, 3).double(), nn.BatchNorm1d(3).double()
    assert close(layer(x), batch_norm(x[:, :, None, None], layer.weight, layer.bias).flatten(1))


def test_groups_must_divide_the_channels():
    with pytest.raises(RuntimeError):
        group_norm(torch.zeros(1, 4, 2, 2), 3)


@pytest.mark.parametrize("depth, pools, features", [(8, 1, 256), (4, 3, 16), (3, 0, 1024)])
def test_deep_has_the_layers_that_its_docstring_says(depth, pools, features):
    for norm in (None, nn.BatchNorm2d, batch_normalization.groups_of_4):
        model = deep(norm, depth, pools)
        assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
        convolutions = [layer for layer in model if isinstance(layer, nn.Conv2d)]
        assert len(convolutions) == depth and model[-1].in_features == features
        assert all((conv.bias is None) == (norm is not None) for conv in convolutions)
        assert sum(isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)) for layer in model) == (depth if norm else 0)


def test_he_draws_weights_with_his_variance():
    torch.manual_seed(0)
    weight = he(nn.Sequential(nn.Conv2d(64, 64, 3)))[0].weight
    assert weight.var().item() == pytest.approx(2 / (64 * 9), rel=0.05)


def test_fit_is_the_same_for_the_same_seed():
    images, labels = load()
    train = images[:100], labels[:100]
    (model, losses), (again, same) = (fit(KINDS["bn"], train, 0.03, seed=1, epochs=2) for _ in range(2))
    assert losses == same and len(losses) == 3 and losses[-1] < losses[0]
    assert all(map(torch.equal, model.parameters(), again.parameters()))


def worst(name):
    return min(EXPERIMENTS[name]["validation_accuracy"])


def best(name):
    return max(EXPERIMENTS[name]["validation_accuracy"])


def mean(name):
    return statistics.mean(EXPERIMENTS[name]["validation_accuracy"])


def test_recorded_results_are_complete():
    validation = len(split(load()[1])[1])
    for results in EXPERIMENTS.values():
        assert len(results["seeds"]) == len(results["validation_accuracy"]) == 5
        right = [accuracy * validation / 100 for accuracy in results["validation_accuracy"]]
        assert all(abs(number - round(number)) < 1e-2 for number in right)
        assert all(len(losses) == 9 for losses in results["loss"])
    for kind in KINDS:
        for lr in RATES:
            assert f"{kind}, lr {lr}" in EXPERIMENTS


def test_page_on_learning_rates_is_as_recorded():
    assert "learns with none of the five learning rates" in PAGE and len(RATES) == 5
    assert all(best(f"plain, lr {lr}") < 15 for lr in RATES)
    well = {kind: [lr for lr in RATES if worst(f"{kind}, lr {lr}") > 80] for kind in ("he", "bn")}
    assert well == {"he": [0.01, 0.03], "bn": [0.003, 0.01, 0.03, 0.1]}
    assert "With He's weights, two of them work well. With batch\nnormalisation four do, and the best" in PAGE
    assert "At 0.3 no network trains well." in PAGE and best("bn, lr 0.3") < 90 and best("he, lr 0.3") < 15
    assert all(worst(f"bn, lr {lr}") > best(f"he, lr {lr}") for lr in (0.003, 0.03, 0.1))
    assert max(mean(f"bn, lr {lr}") for lr in RATES) > max(mean(f"he, lr {lr}") for lr in RATES) + 3


def test_page_on_adamw_is_as_recorded():
    bands = [f"{worst(f'{kind}, AdamW'):.0f} to {best(f'{kind}, AdamW'):.0f} %" for kind in ("plain", "he", "bn")]
    plain, he_s, bn_s = bands
    assert f"read {plain} of the validation images; with He's weights {he_s}, with batch normalisation {bn_s}." in PAGE
    assert all(losses[-1] < 1.2 for losses in EXPERIMENTS["plain, AdamW"]["loss"])  # the page says < 1.8; ln 10 is 2.3


def test_first_epoch_is_hidden_by_the_statistics_of_the_start():
    first = [losses[1] for losses in EXPERIMENTS["bn, lr 0.03"]["loss"]]
    assert min(first) > 2.1 and "the loss hardly falls in the first epoch" in PAGE


def test_blocks_of_the_page_that_train_have_a_wide_margin():
    """What the page prints for 0.01 and 0.1 holds for each seed; nudged weights change little."""
    for kind, lr, learns in [("he", 0.01, True), ("bn", 0.01, True), ("bn", 0.1, True), ("plain", 0.1, False)]:
        final = [losses[-1] for losses in EXPERIMENTS[f"{kind}, lr {lr}"]["loss"]]
        assert all((loss < 0.45) if learns else (loss > 0.6) for loss in final), (kind, lr, final)
    for kind in KINDS:
        assert abs(mean(f"{kind}, lr 0.03, nudged") - mean(f"{kind}, lr 0.03")) < 5


def test_page_on_batch_sizes_is_as_recorded():
    assert SIZES == (50, 10, 2)
    assert all(worst(f"bn, batches of {size}") > 90 for size in (50, 10)) and best("bn, batches of 2") < 50
    assert worst("gn, batches of 2") > best("bn, batches of 2")
    for words in ("a third of", "three times"):
        assert best(f"bn, batches of 2, {words} the rate") < 60 and best(f"gn, batches of 50, {words} the rate") < 90
    assert "at 2 below 60 % and group normalisation at 50 below 90 % in every run" in PAGE
    assert all(mean(f"bn, batches of {size}") > mean(f"gn, batches of {size}") for size in (50, 10))


def test_page_on_depth_each_layer_leaves_about_a_third():
    plain, normed = figures.spreads(None), figures.spreads(nn.BatchNorm2d)
    assert "each layer leaves about a third of the differences" in PAGE and len(plain) == len(normed) == 20
    assert 0.3 < (plain[-1] / plain[0]) ** (1 / 19) < 0.4
    assert 0.6 < min(normed) and max(normed) < 0.9

"""The code of the lesson lenet does what the page says, in the cases that the page does not show."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from snippets.lenet import (
    LeNet5,
    Prototypes,
    SparseConv2d,
    Squash,
    Subsampling,
    accuracy,
    bitmaps,
    connections,
    lenet_today,
    start_small,
    train,
)
from snippets.receptive_field import gradient_profile, reached


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    "layer, count", [("c1", 156), ("s2", 12), ("c3", 1516), ("s4", 32), ("c5", 48120), ("f6", 10164), ("output", 0)]
)
def test_each_layer_has_the_parameters_of_the_paper(layer, count):
    assert parameters(getattr(LeNet5(), layer)) == count


def test_the_table_of_the_paper():
    table = connections()
    assert [len(row) for row in table] == [3] * 6 + [4] * 9 + [6]
    assert len({tuple(row) for row in table}) == 16, "no two maps read the same maps"
    assert [sum(i in row for row in table) for i in range(6)] == [10] * 6, "each map of S2 is read ten times"
    assert all(row == sorted(set(row)) for row in table)


def test_a_full_table_is_a_dense_convolution():
    sparse, dense = SparseConv2d([[0, 1]] * 3), nn.Conv2d(2, 3, 5)
    with torch.no_grad():
        dense.weight.copy_(torch.cat([conv.weight for conv in sparse.maps]))
        dense.bias.copy_(torch.cat([conv.bias for conv in sparse.maps]))
    x = torch.randn(2, 2, 8, 7)
    assert torch.allclose(sparse(x), dense(x), atol=1e-6)


def test_subsampling_has_a_pair_of_numbers_for_each_map():
    layer, x = Subsampling(3), torch.randn(2, 3, 6, 4)
    assert torch.allclose(layer(x), F.avg_pool2d(x, 2), atol=1e-6)
    with torch.no_grad():
        layer.weight[1], layer.bias[2] = 2.0, 5.0
    y = layer(x)
    assert torch.allclose(y[:, 1], 8 * F.avg_pool2d(x, 2)[:, 1], atol=1e-5)
    assert torch.allclose(y[:, 2], F.avg_pool2d(x, 2)[:, 2] + 5, atol=1e-5)


def test_squash_keeps_one_and_never_passes_its_end():
    x = torch.linspace(-9, 9, 101)
    assert torch.allclose(Squash()(torch.tensor([-1.0, 1.0])), torch.tensor([-1.0, 1.0]), atol=1e-4)
    assert (Squash()(x).abs() < 1.7159).all()


def test_the_target_pictures_differ_and_are_not_trained():
    pictures = bitmaps()
    assert pictures.shape == (10, 12, 7) and set(pictures.unique().tolist()) == {-1.0, 1.0}
    distances = Prototypes()(pictures.flatten(1))
    assert (distances.argmin(dim=1) == torch.arange(10)).all() and (distances.diagonal() == 0).all()
    assert parameters(Prototypes()) == 0 and "pictures" in Prototypes().state_dict()


def test_c5_sees_the_whole_image_and_nothing_more():
    model = start_small(LeNet5()).double().eval()
    for parameter in model.parameters():
        parameter.data.abs_()

    def c5(x):
        return model.c5(model.s4(model.c3(model.s2(model.c1(x)))))

    assert reached(gradient_profile(c5, (1, 1, 40, 40), (0, 0, 0, 0))) == (0, 31)


@pytest.mark.parametrize("model, side, sign", [(LeNet5, 32, -1), (lenet_today, 28, 1)])
def test_both_learn_a_few_images_by_heart(model, side, sign):
    torch.manual_seed(0)
    net = start_small(model()) if sign < 0 else model()
    images, labels = torch.randn(20, 1, side, side), torch.arange(20) % 10
    train(net, images, labels, sign, epochs=60)
    assert accuracy(net, images, labels, sign) >= 95
    assert net(images).shape == (20, 10)

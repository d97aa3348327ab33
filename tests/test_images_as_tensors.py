"""The code of the lesson images-as-tensors: hand numbers, PyTorch on random cases, refusals."""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torchvision.io import decode_image
from torchvision.transforms import v2

from snippets.figures.images_as_tensors import few_colours
from snippets.images_as_tensors import mean_and_std, normalise, offset, to_picture, to_planes

IMAGE = [[[250, 30, 10], [20, 200, 40], [70, 50, 240]], [[245, 215, 25], [0, 0, 0], [255, 255, 255]]]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def random_planes(rng, channels):
    height, width = rng.randint(1, 6), rng.randint(1, 6)
    return [[[rng.uniform(0, 1) for _ in range(width)] for _ in range(height)] for _ in range(channels)]


def test_the_worked_example():
    planes = to_planes(IMAGE)
    assert planes == [[[250, 20, 70], [245, 0, 255]], [[30, 200, 50], [215, 0, 255]], [[10, 40, 240], [25, 0, 255]]]
    assert offset(0, 1, 1, 0, (1, 3, 2, 3)) == 9
    means, stds = mean_and_std(planes)
    assert means == [140, 125, 95]
    assert stds[0] == pytest.approx((75250 / 6) ** 0.5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_to_planes_is_permute(channels):
    pixels = torch.randint(0, 256, (4, 5, channels), generator=torch.Generator().manual_seed(channels))
    assert to_planes(pixels.tolist()) == pixels.permute(2, 0, 1).tolist()


def test_offset_counts_every_place_of_a_batch_once_and_in_order():
    shape = (2, 3, 4, 5)
    places = [offset(*index, shape) for index in np.ndindex(*shape)]
    assert places == list(range(2 * 3 * 4 * 5))


@pytest.mark.parametrize("seed", range(100))
def test_offset_is_the_sum_of_index_times_stride(seed):
    rng = random.Random(seed)
    shape = [rng.randint(1, 7) for _ in range(4)]
    index = [rng.randrange(size) for size in shape]
    batch = torch.arange(torch.Size(shape).numel()).reshape(shape)
    assert offset(*index, shape) == batch[tuple(index)] == np.ravel_multi_index(index, shape)


@pytest.mark.parametrize("index", [(1, 0, 0, 0), (0, 3, 0, 0), (0, 0, 2, 0), (0, 0, 0, 3), (0, -1, 0, 0)])
def test_offset_refuses_an_index_outside_the_shape(index):
    with pytest.raises(IndexError, match="is not in 0"):
        offset(*index, (1, 3, 2, 3))


def test_offset_wants_four_axes():
    with pytest.raises(ValueError):
        offset(0, 0, 0, 0, (3, 2, 3))


@pytest.mark.parametrize("seed", range(100))
def test_statistics_and_normalisation_equal_pytorch(seed):
    rng = random.Random(seed)
    planes = random_planes(rng, channels=3)
    means, stds = mean_and_std(planes)
    torch.testing.assert_close(tensor(means), tensor(planes).mean(dim=(1, 2)), rtol=0, atol=1e-12)
    torch.testing.assert_close(tensor(stds), tensor(planes).std(dim=(1, 2), correction=0), rtol=0, atol=1e-12)
    stds = [std + 0.1 for std in stds]
    expected = v2.Normalize(means, stds)(tensor(planes))
    torch.testing.assert_close(tensor(normalise(planes, means, stds)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stds", [[1, 0, 1], [1, 1, -1]])
def test_a_deviation_must_be_positive(stds):
    with pytest.raises(ValueError, match="must be positive"):
        normalise(to_planes(IMAGE), [0, 0, 0], stds)


def test_there_must_be_one_mean_for_each_channel():
    with pytest.raises(ValueError):
        normalise(to_planes(IMAGE), [0, 0], [1, 1])


def test_all_256_levels_survive_the_way_to_float_and_back():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    for dtype in (torch.float32, torch.float64):
        shown = to_picture(v2.ToDtype(dtype, scale=True)(levels))
        assert shown.shape == (16, 16, 1) and shown.dtype == torch.uint8
        assert torch.equal(shown.permute(2, 0, 1), levels)


def test_to_picture_rounds_and_clamps():
    x = torch.tensor([-3.0, -0.001, 0.0019, 0.002, 0.5, 0.999, 1.0, 7.0]).reshape(1, 1, 8)
    assert to_picture(x).flatten().tolist() == [0, 0, 0, 1, 128, 255, 255, 255]


def test_to_picture_leaves_its_input_unchanged():
    x = torch.tensor([0.25, 2.0]).reshape(2, 1, 1)
    to_picture(x)
    assert x.flatten().tolist() == [0.25, 2.0]


def test_to_picture_refuses_whole_numbers():
    with pytest.raises(TypeError, match="torch.uint8"):
        to_picture(torch.zeros(3, 1, 1, dtype=torch.uint8))


def test_a_picture_with_few_colours_is_still_the_picture():
    pixels = data.coffee()[::8, ::8]
    few = few_colours(pixels, 32)
    assert len(np.unique(few.reshape(-1, 3), axis=0)) <= 32
    assert np.abs(few.astype(int) - pixels).mean() < 12


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_torchvisions_reader_is_deprecated_and_reads_what_to_image_gives(mode, tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(data.coffee()[::8, ::8]).convert(mode).save(path)
    with pytest.warns(DeprecationWarning, match="since torchvision 0.29"):
        decoded = decode_image(str(path))
    assert torch.equal(decoded, v2.ToImage()(Image.open(path)))

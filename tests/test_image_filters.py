"""The functions of the lesson image-filters: hand numbers, SciPy and PyTorch on random cases, refusals, the figures' words."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from skimage import data, exposure

from snippets.figures import image_filters as figures
from snippets.image_filters import (
    correlate,
    equalise,
    fit_kernel,
    gaussian,
    histogram,
    median_filter,
    salt_and_pepper,
)

BOX = np.full((3, 3), 1 / 9)
SOBEL = np.outer([1, 2, 1], [-1, 0, 1])


def grid():
    x = np.full((5, 8), 10)
    x[:, 5:] = 46
    x[2, 2] = 154
    return x


def test_the_worked_example():
    middle = {
        "box": correlate(grid(), BOX)[1],
        "sobel": correlate(grid(), SOBEL)[1],
        "laplacian": correlate(grid(), [[0, 1, 0], [1, -4, 1], [0, 1, 0]])[1],
        "median": median_filter(grid(), 3)[1],
    }
    np.testing.assert_allclose(middle["box"], [26, 26, 26, 22, 34, 46], rtol=0, atol=1e-12)
    assert middle["sobel"].tolist() == [288, 0, -288, 144, 144, 0]
    assert middle["laplacian"].tolist() == [144, -576, 144, 36, -36, 0]
    assert middle["median"].tolist() == [10, 10, 10, 10, 46, 46]


def test_a_kernel_that_is_not_symmetric_is_not_flipped():
    assert correlate([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0, 0], [0, 0, 10], [0, 0, 0]]).tolist() == [[61]]


@pytest.mark.parametrize("seed", range(200))
def test_correlate_equals_pytorch_and_scipy(seed):
    rng = np.random.default_rng(seed)
    rows, columns = (2 * rng.integers(0, 4, 2) + 1).tolist()
    image = rng.normal(size=(rng.integers(rows, 13), rng.integers(columns, 13)))
    kernel = rng.normal(size=(rows, columns))
    ours = correlate(image, kernel)
    theirs = F.conv2d(torch.tensor(image)[None, None], torch.tensor(kernel)[None, None])[0, 0].numpy()
    r, c = rows // 2, columns // 2
    whole = ndimage.correlate(image, kernel)[r : image.shape[0] - r, c : image.shape[1] - c]
    assert ours.shape == theirs.shape == whole.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours, whole, rtol=0, atol=1e-12)


def test_bytes_do_not_overflow():
    small = grid().astype(np.uint8)
    assert correlate(small, np.ones((3, 3)))[1].tolist() == [234, 234, 234, 198, 306, 414]
    assert correlate(small, SOBEL)[1, 2] == -288


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 4), (0, 1)])
def test_a_kernel_without_a_middle_is_refused(shape):
    with pytest.raises(ValueError, match="has no middle"):
        correlate(grid(), np.ones(shape))


@pytest.mark.parametrize("shape", [(7, 1), (1, 9), (7, 9)])
def test_a_kernel_that_does_not_fit_is_refused(shape):
    with pytest.raises(ValueError, match=r"does not fit into \(5, 8\)"):
        correlate(grid(), np.ones(shape))


def test_a_kernel_may_just_fit():
    assert correlate(np.ones((3, 5)), np.ones((3, 5))).tolist() == [[15]]


def test_inputs_are_left_unchanged():
    image, kernel = grid(), BOX.copy()
    correlate(image, kernel)
    median_filter(image, 3)
    equalise(image)
    salt_and_pepper(image, 0.5, seed=0)
    assert (image == grid()).all() and (kernel == BOX).all()


@pytest.mark.parametrize(("sigma", "radius"), [(0.5, 1), (1, 3), (2, 6), (3.7, 9)])
def test_gaussian_equals_scipy(sigma, radius):
    weights = gaussian(sigma, radius)
    pulse = np.eye(1, 4 * radius + 1, 2 * radius)[0]
    expected = ndimage.gaussian_filter1d(pulse, sigma, radius=radius)[radius : 3 * radius + 1]
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-15)
    assert weights.sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_median_filter_equals_scipy(k):
    image = np.random.default_rng(k).integers(0, 256, (12, 9))
    r = k // 2
    expected = ndimage.median_filter(image, size=k)[r : 12 - r, r : 9 - r]
    assert (median_filter(image, k) == expected).all()


def test_salt_and_pepper_hits_the_share_half_black_half_white():
    noisy = salt_and_pepper(np.full((300, 300), 100), 0.2, seed=3)
    assert set(np.unique(noisy)) == {0, 100, 255}
    assert np.mean(noisy == 0) == pytest.approx(0.1, abs=0.01)
    assert np.mean(noisy == 255) == pytest.approx(0.1, abs=0.01)
    assert (salt_and_pepper(grid(), 0, seed=3) == grid()).all()


def test_histogram_counts_every_pixel_once():
    counts = histogram(data.coins())
    assert len(counts) == 256 and counts.sum() == data.coins().size
    assert counts[100] == np.sum(data.coins() == 100)
    assert len(histogram(np.array([[0]]))) == len(histogram(np.array([[255]]))) == 256


def test_equalise_equals_scikit_image():
    """scikit-image interpolates between the middles of its bins, which are the values when there are 256 of width 1."""
    image = data.coins()[::3, ::3]
    cumulative, centres = exposure.cumulative_distribution(image, nbins=256)
    expected = np.round(255 * np.interp(image, centres, cumulative)).astype(int)
    assert (equalise(image) == expected).all()


def test_equalise_keeps_the_order_of_values():
    image = data.chelsea()[::5, ::5, 0]
    after = equalise(image).ravel()[np.argsort(image.ravel(), kind="stable")]
    assert (np.diff(after) >= 0).all() and after.max() == 255


def test_fit_kernel_finds_the_kernel_that_made_the_image():
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(20, 25)), rng.normal(size=(3, 3))
    wanted = np.pad(correlate(image, kernel), 1)
    np.testing.assert_allclose(fit_kernel(image, wanted, 3), kernel, rtol=0, atol=1e-10)
    inside = np.pad(kernel, 1)  # the same filter, as a kernel of five
    np.testing.assert_allclose(fit_kernel(image, wanted, 5), inside, rtol=0, atol=1e-10)


def test_what_the_alt_texts_say_in_words():
    """The words of the alt texts that hold no number of their own."""
    vertical = correlate(figures.photograph(), figures.SOBEL)
    horizontal = correlate(figures.photograph(), figures.SOBEL.T)
    post = (slice(120, 150), slice(94, 100))
    assert abs(vertical[post]).mean() > 5 * abs(horizontal[post]).mean()
    photo, weights = figures.coins(), gaussian(3, 9)
    low = correlate(np.pad(photo, 9, mode="reflect"), np.outer(weights, weights))
    tops, bottoms = ([np.percentile(p[rows], 20) for p in (photo, low, photo - low)] for rows in (slice(20), slice(-20, None)))
    assert tops[0] > 1.5 * bottoms[0]
    uneven, uneven_low, uneven_high = np.subtract(tops, bottoms)
    assert uneven_low > 0.75 * uneven and uneven_high < 0.2 * uneven


def test_a_wide_gaussian_has_no_ripple_where_the_box_has():
    """Both as spread as a box of 9; frequencies up to a half turn per pixel."""
    weights = {name: weights for weights, *_, name, _ in figures.WAVES}
    box, smooth = (figures.factor(weights[name], np.linspace(0, 0.5, 501)) for name in ("box of 9", "Gaussian"))
    assert box.min() < -0.2 and smooth.min() > -0.002
    spread = [(w * np.arange(-(len(w) // 2), len(w) // 2 + 1) ** 2).sum() for w in (weights["box of 9"], weights["Gaussian"])]
    assert spread[1] == pytest.approx(spread[0], rel=0.03)


def test_the_colours_of_the_directions():
    v, h = np.array([[5, 0, -5, 0, 5]]), np.array([[0, 5, 0, -5, 0]])
    colours = figures.directions(v, h, np.array([[True] * 4 + [False]]))[0]
    names = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours.tolist()]
    assert names == [figures.ACCENT, figures.ACCENT3, figures.ACCENT2, figures.VIOLET, "#000000"]
    shown = {text: colour for _, _, colour, text in figures.LEGEND}
    assert shown["brighter to the right"] == figures.ACCENT and shown["brighter to the left"] == figures.ACCENT2
    assert shown["brighter below"] == figures.ACCENT3 and shown["brighter above"] == figures.VIOLET

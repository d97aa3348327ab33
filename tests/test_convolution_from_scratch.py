"""The functions of the lesson convolution-from-scratch: hand numbers, PyTorch on random cases, refusals."""

import cmath
import random

import pytest
import torch
import torch.nn.functional as F

from snippets.convolution_from_scratch import (
    circular_convolution,
    conv1d,
    conv2d,
    conv2d_by_fft,
    conv2d_by_views,
    costs,
    fft,
    im2col,
    learn_kernel,
    output_size,
    subtract,
    toeplitz_matrix,
    window_sum,
    window_view,
)

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


def random_case(seed):
    """Return an image (H, W), a kernel that fits, and stride and padding."""
    rng = random.Random(seed)
    stride, padding = rng.randint(1, 4), rng.randint(0, 3)
    sizes = rng.randint(1, 5), rng.randint(1, 5)
    image = tensor(random_grid(rng, *(rng.randint(max(1, k - 2 * padding), 11) for k in sizes)))
    return image, tensor(random_grid(rng, *sizes)), {"stride": stride, "padding": padding}


def by_matrix(image, kernel, **walk):
    shape = [output_size(n, k, **walk) for n, k in zip(image.shape, kernel.shape, strict=True)]
    return (toeplitz_matrix(kernel.tolist(), *image.shape, **walk) @ image.flatten()).reshape(shape)


def by_im2col(image, kernel, **walk):
    shape = [output_size(n, k, **walk) for n, k in zip(image.shape, kernel.shape, strict=True)]
    return (kernel.reshape(1, -1) @ im2col(image[None, None], *kernel.shape, **walk)).reshape(shape)


@pytest.fixture(autouse=True)
def one_thread():
    """Small transforms gain nothing from more threads, and on a busy computer they lose a lot."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


WAYS = [by_matrix, by_im2col, conv2d_by_views, conv2d_by_fft]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@each_way
def test_each_way_gives_the_worked_example(way):
    expected = tensor([[4, 17, -5], [5, 12, 1]])
    torch.testing.assert_close(way(tensor(X), tensor(KERNEL)), expected, rtol=0, atol=1e-12)


@each_way
def test_each_way_equals_pytorch(way):
    for seed in range(300):
        image, kernel, walk = random_case(seed)
        expected = F.conv2d(image[None, None], kernel[None, None], **walk)[0, 0]
        torch.testing.assert_close(way(image, kernel, **walk), expected, rtol=0, atol=1e-12)


@each_way
@pytest.mark.parametrize("sizes", [(4, 1), (1, 5)])
def test_each_way_refuses_a_kernel_that_does_not_fit(way, sizes):
    with pytest.raises(ValueError, match="does not fit"):
        way(tensor(X), tensor(1).expand(sizes))


@each_way
def test_each_way_leaves_its_inputs_unchanged(way):
    image, kernel = tensor(X), tensor(KERNEL)
    way(image, kernel, padding=1)
    assert (image.tolist(), kernel.tolist()) == (X, KERNEL)


def test_the_matrix_of_the_worked_example():
    matrix = toeplitz_matrix(KERNEL, 3, 4)
    assert matrix.shape == (6, 12)
    assert matrix[0].tolist() == [-1, 1, 0, 0, -2, 2, 0, 0, 0, 0, 0, 0]
    assert matrix[4].tolist() == [0, 0, 0, 0, 0, -1, 1, 0, 0, -2, 2, 0]
    assert int((matrix == 0).sum()) == 48


def test_the_matrix_of_a_padded_input_has_no_columns_for_the_border():
    matrix = toeplitz_matrix([[1, 2, 3]], 1, 2, padding=1)
    assert matrix.tolist() == [[0, 0], [0, 0], [2, 3], [1, 2], [0, 0], [0, 0]]


def test_im2col_equals_unfold_for_batches_and_channels():
    for seed in range(100):
        rng = random.Random(seed)
        stride, padding, k_h, k_w = rng.randint(1, 3), rng.randint(0, 2), rng.randint(1, 4), rng.randint(1, 4)
        batch, channels = rng.randint(1, 3), rng.randint(1, 4)
        generator = torch.Generator().manual_seed(seed)
        x = torch.rand(batch, channels, rng.randint(4, 9), rng.randint(4, 9), generator=generator, dtype=torch.float64)
        expected = F.unfold(x, (k_h, k_w), stride=stride, padding=padding)
        assert torch.equal(im2col(x, k_h, k_w, stride, padding), expected)
        kernels = torch.rand(5, channels, k_h, k_w, generator=generator, dtype=torch.float64)
        y = F.conv2d(x, kernels, stride=stride, padding=padding)
        ours = (kernels.reshape(5, -1) @ expected).reshape(y.shape)
        torch.testing.assert_close(ours, y, rtol=0, atol=1e-12)


def test_a_view_shares_the_memory_also_of_a_part_of_an_image():
    whole = torch.arange(30.0).reshape(5, 6)
    part = whole[1:4, 2:].T
    windows = window_view(part, 2, 2)
    assert windows.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()
    assert torch.equal(windows, part.unfold(0, 2, 1).unfold(1, 2, 1))
    windows[0, 0, 1, 1] = -1
    assert whole[2, 3] == -1


def test_fft_evaluates_a_polynomial_on_the_circle():
    for n in (1, 2, 4, 8, 32):
        c = [random.Random(n).uniform(-1, 1) for _ in range(n)]
        points = [cmath.exp(-2j * cmath.pi * k / n) for k in range(n)]
        expected = [sum(a * z**power for power, a in enumerate(c)) for z in points]
        assert fft(c) == pytest.approx(expected, abs=1e-12)
        expected = torch.fft.fft(tensor(c)).tolist()
        assert fft(c) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [0, 3, 6, 12])
def test_fft_refuses_other_lengths(n):
    with pytest.raises(ValueError, match="power of two"):
        fft([1] * n)


def test_fft_needs_half_n_times_the_logarithm_of_n_products():
    class Counted(complex):
        products = 0

        def __rmul__(self, other):
            Counted.products += 1
            return Counted(complex(self) * other)

        def __add__(self, other):
            return Counted(complex(self) + complex(other))

        def __sub__(self, other):
            return Counted(complex(self) - complex(other))

    for n, products in ((2, 1), (4, 4), (8, 12), (256, 1024)):
        Counted.products = 0
        fft([Counted(1)] * n)
        assert Counted.products == products


def test_a_circular_convolution_wraps_around():
    assert circular_convolution([1, 3, 8, 9], [1, -1], 4) == pytest.approx([-8, 2, 5, 1])
    assert circular_convolution([1, 3, 8, 9], [1, -1], 8) == pytest.approx([1, 2, 5, 1, -9, 0, 0, 0], abs=1e-12)
    for seed in range(100):
        rng = random.Random(seed)
        n = 2 ** rng.randint(1, 5)
        p, q = ([rng.uniform(-1, 1) for _ in range(rng.randint(1, n))] for _ in range(2))
        expected = [0.0] * n
        for i, a in enumerate(p):
            for j, b in enumerate(q):
                expected[(i + j) % n] += a * b
        assert circular_convolution(p, q, n) == pytest.approx(expected, abs=1e-12)


def test_costs_of_the_worked_example():
    assert costs(3, 4, 2) == {
        "sliding": (24, 0),
        "matrix": (72, 72),
        "im2col": (24, 24),
        "views": (24, 6),
        "FFT": (448, 64),
    }


def test_costs_are_those_of_the_code():
    height, width, k = 6, 9, 3
    expected = costs(height, width, k)
    matrix = toeplitz_matrix([[1.0] * k] * k, height, width)
    columns = im2col(torch.ones(1, 1, height, width), k, k)
    assert expected["matrix"] == (matrix.numel(), matrix.numel())
    assert expected["im2col"] == (columns.numel(), columns.numel())
    assert expected["sliding"][0] == expected["views"][0] == int((matrix != 0).sum())
    assert expected["views"][1] == len(matrix)
    # 8 x 16 points, three transforms: 8 rows of 16 (32 products) and 16 columns of 8 (12 products)
    assert expected["FFT"] == (4 * (3 * (8 * 32 + 16 * 12) + 8 * 16), 2 * 2 * 8 * 16)

// A kernel on a photograph, one channel at a time. Pure: it knows no page. kernel-sandbox.js shows it;
// tests/test_kernel_sandbox.py compares it with PyTorch and with the code of the lesson image-filters.
//
// An image is { width, height, channels: [values, ...] }, each a row of width * height numbers. A state is
// { kernel: rows of weights, divisor, show }. As in the lesson, no border is made up: the result is smaller.

"use strict";

const filtering = (() => {
  const SIDES = [1, 3, 5, 7]; // of a kernel: odd, so that it has a middle
  const LARGEST = 1000; // of a weight and of the divisor
  // How a value becomes the brightness of a pixel, 0 to 255.
  const VIEWS = {
    "as it is": (value) => value,
    "size, without sign": (value) => Math.abs(value),
    "zero as middle grey": (value) => 128 + value / 2,
  };
  const range = (n) => Array.from({ length: n }, (_, i) => i);

  /** Weights of a Gaussian on a side of 2 * radius + 1, before they are divided by their sum. */
  function gaussian(sigma, radius) {
    const line = range(2 * radius + 1).map((i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
    return line.map((a) => line.map((b) => Math.round(1e4 * a * b) / 1e4));
  }

  /** The sum of the weights; 1 where it is zero, so that one can divide by it. */
  function total(kernel) {
    return Math.round(1e6 * kernel.flat().reduce((sum, weight) => sum + weight, 0)) / 1e6 || 1;
  }

  /** [width, height] of the result. Raises an Error for an image that is smaller than the kernel. */
  function outputSize({ width, height }, { kernel }) {
    const side = kernel.length;
    if (width < side || height < side) {
      throw new Error(`the kernel of ${side} × ${side} does not fit into ${height} × ${width} pixels`);
    }
    return [width - side + 1, height - side + 1];
  }

  /** What is added up for the pixel (row, column) of the result: [{ x, w }, ...], row by row of the kernel. */
  function terms({ width, channels }, { kernel }, channel, row, column) {
    return kernel.flatMap((weights, a) => weights.map((w, b) => ({ x: channels[channel][(row + a) * width + column + b], w })));
  }

  function value(image, state, channel, row, column) {
    return terms(image, state, channel, row, column).reduce((sum, { x, w }) => sum + x * w, 0) / state.divisor;
  }

  /** The filtered image, each channel by itself. */
  function correlate(image, state) {
    const [width, height] = outputSize(image, state);
    const channels = image.channels.map((pixels) => {
      const result = new Float64Array(width * height);
      state.kernel.forEach((weights, a) => weights.forEach((w, b) => add(result, pixels, w, [width, height, image.width], a, b)));
      return result.map((sum) => sum / state.divisor);
    });
    return { width, height, channels };
  }

  /** Add w times the image, moved by (a, b): one weight of the kernel for all pixels, which is fast. */
  function add(result, pixels, w, [width, height, imageWidth], a, b) {
    for (let i = 0; i < height; i += 1) {
      const from = (i + a) * imageWidth + b;
      for (let j = 0; j < width; j += 1) {
        result[i * width + j] += w * pixels[from + j];
      }
    }
  }

  /** Brightness from 0 to 255 of a value. */
  function brightness(value, show) {
    return Math.max(0, Math.min(255, Math.round(VIEWS[show](value))));
  }

  /** A kernel of another side: what was in the middle stays there. */
  function resized(kernel, side) {
    const shift = (side - kernel.length) / 2;
    return range(side).map((a) => range(side).map((b) => kernel[a - shift]?.[b - shift] ?? 0));
  }

  function toQuery({ kernel, divisor, show }) {
    const shows = Object.keys(VIEWS).indexOf(show);
    return new URLSearchParams({ k: kernel.map((row) => row.join(" ")).join("/"), divide: divisor, show: shows });
  }

  /** Raises an Error that says what is wrong with a query that toQuery() did not write. */
  function fromQuery(query) {
    const kernel = (query.get("k") ?? "").split("/").map((row) => row.trim().split(/\s+/).map(Number));
    const side = kernel.length;
    const isSquare = SIDES.includes(side) && kernel.every((row) => row.length === side);
    if (!isSquare || !kernel.flat().every((weight) => Math.abs(weight) <= LARGEST)) {
      throw new Error("its kernel is damaged");
    }
    const divisor = Number(query.get("divide") ?? 1);
    const show = Object.keys(VIEWS)[Number(query.get("show") ?? 0)];
    if (!(divisor > 0 && divisor <= LARGEST) || !show) {
      throw new Error("its numbers are damaged");
    }
    return { kernel, divisor, show };
  }

  /** A program that prints one pixel of the filtered photograph, with PyTorch. */
  function pytorch({ kernel, divisor }, row, column) {
    const rows = kernel.map((weights) => `    [${weights.map((w) => (Number.isInteger(w) ? `${w}.0` : w)).join(", ")}],`);
    return [
      "import torch",
      "import torch.nn.functional as F",
      "from skimage import data",
      "",
      "cat = data.chelsea().astype(int).sum(axis=2) // 3  # in grey: (H, W)",
      "x = torch.tensor(cat[::2, ::2], dtype=torch.float64)",
      "kernel = torch.tensor([",
      ...rows,
      "], dtype=torch.float64)",
      `result = F.conv2d(x[None, None], kernel[None, None])[0, 0] / ${divisor}`,
      "print(tuple(result.shape))",
      `print(round(result[${row}, ${column}].item(), 4))`,
      "",
    ].join("\n");
  }

  return { SIDES, LARGEST, VIEWS, gaussian, total, terms, value, correlate, brightness, resized, toQuery, fromQuery, pytorch };
})();

// The CNN of the lesson first-cnn, and how a drawing becomes its input. Pure: it knows no page. digit-lab.js shows it;
// tests/test_digit_lab.py compares it with PyTorch. digit-weights.js holds what it learned.
//
// A feature map is a list of side * side numbers, row by row.

"use strict";

const digitCnn = (() => {
  const SIDE = 8; // of the input
  const INK = 16; // the darkest value, as in the data set: how many pixels of a block of 4 by 4 are black
  const range = (n) => Array.from({ length: n }, (_, i) => i);
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  /** The weighted sum at one place: a window of 3 by 3 around it, over all maps, with zeros outside. */
  function convolveAt(maps, side, kernels, bias, row, column) {
    let total = bias;
    kernels.forEach((kernel, c) => {
      for (let a = 0; a < 3; a += 1) {
        for (let b = 0; b < 3; b += 1) {
          const [i, j] = [row + a - 1, column + b - 1];
          if (i >= 0 && i < side && j >= 0 && j < side) {
            total += maps[c][i * side + j] * kernel[3 * a + b];
          }
        }
      }
    });
    return total;
  }

  /** weight: [out][in][9 numbers]. */
  function convolve(maps, side, { weight, bias }) {
    return weight.map((kernels, out) =>
      range(side * side).map((i) => convolveAt(maps, side, kernels, bias[out], Math.floor(i / side), i % side)),
    );
  }

  const relu = (maps) => maps.map((map) => map.map((value) => Math.max(0, value)));

  /** The largest of each 2 by 2 values. */
  function pool(maps, side) {
    const half = side / 2;
    return maps.map((map) =>
      range(half * half).map((i) => {
        const corner = 2 * Math.floor(i / half) * side + 2 * (i % half);
        return Math.max(map[corner], map[corner + 1], map[corner + side], map[corner + side + 1]);
      }),
    );
  }

  const linear = (values, { weight, bias }) => weight.map((row, k) => bias[k] + sum(row.map((w, i) => w * values[i])));

  function softmax(logits) {
    const most = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - most));
    return powers.map((power) => power / sum(powers));
  }

  /** All that happens to an image of 64 values from 0 to 16: { conv1, pool1, conv2, pool2, logits, scores }. */
  function forward(image, weights) {
    const conv1 = relu(convolve([image.map((value) => value / INK)], SIDE, weights.conv1));
    const pool1 = pool(conv1, SIDE);
    const conv2 = relu(convolve(pool1, SIDE / 2, weights.conv2));
    const pool2 = pool(conv2, SIDE / 2);
    const logits = linear(pool2.flat(), weights.linear);
    return { conv1, pool1, conv2, pool2, logits, scores: softmax(logits) };
  }

  /** Undo what scripts/make_widget_data.py did: whole numbers, layer by layer, to nested lists of weights. */
  function unpack({ values, scale }) {
    let next = 0;
    const take = (...shape) => (shape.length === 0 ? values[next++] / scale : range(shape[0]).map(() => take(...shape.slice(1))));
    return {
      conv1: { weight: take(16, 1, 9), bias: take(16) },
      conv2: { weight: take(32, 16, 9), bias: take(32) },
      linear: { weight: take(10, 128), bias: take(10) },
    };
  }

  /**
   * A drawing as the data set has them: cut out, scaled until its longer side has 32 pixels, put in the middle; then the
   * black pixels of each block of 4 by 4 are counted (Alpaydin and Kaynak, 1998). ink: rows of 0 and 1.
   */
  function fit(ink) {
    const rows = range(ink.length).filter((i) => ink[i].some(Boolean));
    if (rows.length === 0) {
      return Array(SIDE * SIDE).fill(0);
    }
    const columns = range(ink[0].length).filter((j) => ink.some((row) => row[j]));
    const [top, left] = [rows[0], columns[0]];
    const [height, width] = [rows.at(-1) - top + 1, columns.at(-1) - left + 1];
    const longer = Math.max(height, width);
    const at = (i, length, start) => Math.floor(((i + 0.5) * longer) / 32) - Math.floor((longer - length) / 2) + start;
    return range(SIDE * SIDE).map((block) => {
      const black = range(16).filter((k) => {
        const i = at(4 * Math.floor(block / SIDE) + Math.floor(k / 4), height, top);
        const j = at(4 * (block % SIDE) + (k % 4), width, left);
        return ink[i]?.[j];
      });
      return black.length;
    });
  }

  return { SIDE, INK, forward, unpack, fit };
})();

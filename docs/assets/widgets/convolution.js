// The arithmetic of a convolution, one sum at a time. Pure: it knows no page. conv-stepper.js shows it;
// tests/test_conv_stepper.py compares it with PyTorch.
//
// A state says all: { mode, height, width, kernelHeight, kernelWidth, stride, padding, dilation, inChannels,
// outChannels, groups, input, weight }. mode: "2d", "1d" (one row) or "transposed". input: [channel][row][column].
// weight, as in PyTorch: [out][in / groups][row][column]; transposed: [in][out / groups][row][column].

"use strict";

const convolution = (() => {
  // The least and the most of each number, and what one reads beside it.
  const LIMITS = {
    height: [1, 8, "height"],
    width: [1, 8, "width"],
    kernelHeight: [1, 5, "kernel height"],
    kernelWidth: [1, 5, "kernel width"],
    stride: [1, 4, "stride"],
    padding: [0, 3, "padding"],
    dilation: [1, 3, "dilation"],
    inChannels: [1, 4, "in_channels"],
    outChannels: [1, 4, "out_channels"],
    groups: [1, 4, "groups"],
  };
  const MODES = ["2d", "1d", "transposed"];
  const LARGEST = 1000; // of a value: longer ones would not fit into their cells
  const range = (n) => Array.from({ length: Math.max(0, n) }, (_, i) => i);
  const isTransposed = (state) => state.mode === "transposed";
  const minus = (size) => String(size).replace("-", "−");

  /** How many values a kernel reaches over, holes included. */
  const reach = (kernel, dilation) => dilation * (kernel - 1) + 1;

  /** Padding above and below: one row has none. */
  const rowPadding = (state) => (state.mode === "1d" ? 0 : state.padding);
  const rowStride = (state) => (state.mode === "1d" ? 1 : state.stride);

  function outputSize(n, k, stride, padding, dilation, transposed) {
    const size = reach(k, dilation);
    return transposed ? (n - 1) * stride - 2 * padding + size : Math.floor((n + 2 * padding - size) / stride) + 1;
  }

  /** [channels, rows, columns] of the output. */
  function outputShape(state) {
    const { height, width, kernelHeight, kernelWidth, stride, padding, dilation } = state;
    const rows = outputSize(height, kernelHeight, rowStride(state), rowPadding(state), dilation, isTransposed(state));
    return [state.outChannels, rows, outputSize(width, kernelWidth, stride, padding, dilation, isTransposed(state))];
  }

  /** Shape of the weight, as in PyTorch. */
  function weightShape({ mode, inChannels, outChannels, groups, kernelHeight, kernelWidth }) {
    const [first, second] = mode === "transposed" ? [inChannels, outChannels] : [outChannels, inChannels];
    return [first, Math.ceil(second / groups), kernelHeight, kernelWidth];
  }

  /** Why there is no output, in words; null where there is one. */
  function problem(state) {
    for (const name of ["inChannels", "outChannels"]) {
      if (state[name] % state.groups !== 0) {
        const word = LIMITS[name][2];
        return `groups=${state.groups} does not divide ${word}=${state[name]}: each group gets equally many channels.`;
      }
    }
    const [, rows, columns] = outputShape(state);
    if (rows < 1) {
      return misfit(state, "rows", state.height, state.kernelHeight, rowPadding(state), rows);
    }
    return columns < 1 ? misfit(state, "columns", state.width, state.kernelWidth, state.padding, columns) : null;
  }

  function misfit(state, axis, n, k, padding, size) {
    if (isTransposed(state)) {
      return `The output would have ${minus(size)} ${axis}: padding=${padding} cuts away more than there is.`;
    }
    const holes = state.dilation > 1 && k > 1 ? `, ${state.dilation} · (${k} − 1) + 1,` : "";
    const padded = padding > 0 ? ` with its padding` : "";
    return `The kernel reaches over ${reach(k, state.dilation)} ${axis}${holes} and the input${padded} has only ${n + 2 * padding}.`;
  }

  /** The size of the output along one axis, "rows" or "columns", as a formula with the numbers of the state. */
  function formula(state, axis) {
    const [n, k] = axis === "rows" ? [state.height, state.kernelHeight] : [state.width, state.kernelWidth];
    const [s, p] = axis === "rows" ? [rowStride(state), rowPadding(state)] : [state.stride, state.padding];
    const size = minus(outputSize(n, k, s, p, state.dilation, isTransposed(state)));
    const kernel = `${state.dilation} · (${k} − 1)`;
    return isTransposed(state)
      ? `(${n} − 1) · ${s} − 2 · ${p} + ${kernel} + 1 = ${size}`
      : `⌊(${n} + 2 · ${p} − ${kernel} − 1) / ${s}⌋ + 1 = ${size}`;
  }

  /** For each axis: which row (column) of the input a tap meets; null where none does, for a transposed one. */
  function met(state, place, tap, stride, padding) {
    if (!isTransposed(state)) {
      return place * stride - padding + tap * state.dilation;
    }
    const from = place + padding - tap * state.dilation;
    return from % stride === 0 ? from / stride : null;
  }

  /** What is added up for one output: [{ at: place in the input, weight: place in the weight, x, w }, ...]. */
  function terms(state, [channel, row, column]) {
    const { inChannels, outChannels, groups, kernelHeight, kernelWidth, stride, padding } = state;
    const group = Math.floor(channel / (outChannels / groups));
    const found = [];
    for (const c of range(inChannels / groups)) {
      const from = group * (inChannels / groups) + c;
      for (const a of range(kernelHeight)) {
        for (const b of range(kernelWidth)) {
          const i = met(state, row, a, rowStride(state), rowPadding(state));
          const j = met(state, column, b, stride, padding);
          const weight = isTransposed(state) ? [from, channel % (outChannels / groups), a, b] : [channel, c, a, b];
          found.push(term(state, [from, i, j], weight));
        }
      }
    }
    return found.filter(({ inside }) => inside || !isTransposed(state));
  }

  function term(state, at, weight) {
    const x = state.input[at[0]][at[1]]?.[at[2]];
    return { at, weight, x: x ?? 0, w: weight.reduce((part, i) => part[i], state.weight), inside: x !== undefined };
  }

  const total = (parts) => parts.reduce((sum, { x, w }) => sum + x * w, 0);

  /** The output [channel][row][column]. Raises an Error with the words of problem() where there is none. */
  function convolve(state) {
    const wrong = problem(state);
    if (wrong) {
      throw new Error(wrong);
    }
    const [channels, rows, columns] = outputShape(state);
    return range(channels).map((c) =>
      range(rows).map((i) => range(columns).map((j) => total(terms(state, [c, i, j])))),
    );
  }

  /** Nested lists of a shape: the old values where there were some, else those of `fill(place)`. */
  function resized(old, shape, fill, place = []) {
    if (place.length === shape.length) {
      return old ?? fill(place);
    }
    return range(shape[place.length]).map((i) => resized(old?.[i], shape, fill, [...place, i]));
  }

  /** A state with other numbers: kept within their limits, with values for the cells that are new. */
  function changed(state, changes) {
    const next = { ...state, ...changes };
    for (const [name, [least, most]] of Object.entries(LIMITS)) {
      next[name] = Math.min(most, Math.max(least, Math.round(next[name]) || least));
    }
    if (next.mode === "1d") {
      Object.assign(next, { height: 1, kernelHeight: 1 });
    }
    const turned = isTransposed(next) !== isTransposed(state);
    const inputShape = [next.inChannels, next.height, next.width];
    next.input = resized(state.input, inputShape, ([c, i, j]) => (5 * c + 3 * i + 2 * j) % 7);
    next.weight = resized(turned ? undefined : state.weight, weightShape(next), ([o, c, a, b]) => ((o + c + a + 2 * b) % 3) - 1);
    return next;
  }

  const flat = (lists) => lists.flat(Infinity);

  /** A state as the query of a link, and back. */
  function toQuery(state) {
    const numbers = Object.keys(LIMITS).map((name) => state[name]).join(".");
    return new URLSearchParams({ mode: state.mode, n: numbers, x: flat(state.input).join(","), w: flat(state.weight).join(",") });
  }

  /** Raises an Error that says what is wrong with a query that toQuery() did not write. */
  function fromQuery(query) {
    const numbers = (query.get("n") ?? "").split(".").map(Number);
    const names = Object.keys(LIMITS);
    const fits = names.every((name, i) => numbers[i] >= LIMITS[name][0] && numbers[i] <= LIMITS[name][1]);
    if (!MODES.includes(query.get("mode")) || numbers.length !== names.length || !fits) {
      throw new Error("its sizes are damaged");
    }
    const sizes = Object.fromEntries(names.map((name, i) => [name, numbers[i]]));
    const state = changed({ mode: query.get("mode") }, sizes);
    for (const [name, key] of [["input", "x"], ["weight", "w"]]) {
      const values = (query.get(key) ?? "").split(",").map(Number);
      if (values.length !== flat(state[name]).length || !values.every((value) => Math.abs(value) <= LARGEST)) {
        throw new Error(`its ${name} is damaged`);
      }
      let next = 0;
      state[name] = resized(undefined, shapeOf(state[name]), () => values[next++]);
    }
    return state;
  }

  const shapeOf = (lists) => (Array.isArray(lists) ? [lists.length, ...shapeOf(lists[0])] : []);

  /** A nested list as Python writes floats. */
  function python(value) {
    if (Array.isArray(value)) {
      return `[${value.map(python).join(", ")}]`;
    }
    return Number.isInteger(value) ? `${value}.0` : String(value);
  }

  /** A program that prints the output, with PyTorch. */
  function pytorch(state) {
    const row = state.mode === "1d";
    const name = { "2d": "conv2d", "1d": "conv1d", transposed: "conv_transpose2d" }[state.mode];
    const x = row ? state.input.map(([line]) => line) : state.input;
    const weight = row ? state.weight.map((filter) => filter.map(([line]) => line)) : state.weight;
    const options = ["stride", "padding", "dilation", "groups"].map((each) => `${each}=${state[each]}`).join(", ");
    return [
      "import torch",
      "import torch.nn.functional as F",
      "",
      `x = torch.tensor([${python(x)}])  # ${row ? "(N, C, W)" : "(N, C, H, W)"}`,
      `weight = torch.tensor(${python(weight)})`,
      `print(F.${name}(x, weight, ${options}).tolist())`,
      "",
    ].join("\n");
  }

  return { LIMITS, MODES, LARGEST, outputShape, problem, formula, terms, total, convolve, changed, toQuery, fromQuery, pytorch };
})();

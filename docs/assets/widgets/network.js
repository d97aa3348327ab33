// Shapes, parameters, multiplications and receptive fields of a stack of layers. Pure: it knows no page.
// shape-calculator.js and receptive-field.js show it; tests/test_network_widgets.py compares it with PyTorch.
//
// A stack is { input: [C, H, W], layers: [{ kind, ...numbers }, ...] }, and one image at a time passes it. As text:
//   1x28x28: conv out=6 kernel=5 padding=2; relu; maxpool kernel=2; flatten; linear out=10
// A field that is left out has its default; a pooling steps by its kernel.

"use strict";

const network = (() => {
  const WINDOW = { kernel: [1, 31, 3], stride: [1, 16, 1], padding: [0, 15, 0] };
  const POOL = { ...WINDOW, kernel: [1, 31, 2], stride: [1, 31, null] };
  // Of each kind of layer: what may be chosen, as [least, most, default], and its name in torch.nn.
  const KINDS = {
    conv: { name: "Conv2d", fields: { out: [1, 4096, 8], ...WINDOW, dilation: [1, 16, 1], groups: [1, 4096, 1], bias: [0, 1, 1] } },
    maxpool: { name: "MaxPool2d", fields: POOL },
    avgpool: { name: "AvgPool2d", fields: POOL },
    adaptive: { name: "AdaptiveAvgPool2d", fields: { size: [1, 32, 1] } },
    batchnorm: { name: "BatchNorm2d", fields: {} },
    relu: { name: "ReLU", fields: {} },
    dropout: { name: "Dropout", fields: {} },
    flatten: { name: "Flatten", fields: {} },
    linear: { name: "Linear", fields: { out: [1, 4096, 10], bias: [0, 1, 1] } },
  };
  const INPUT = { channels: [1, 512], height: [1, 512], width: [1, 512] };
  const MOST_LAYERS = 60;
  const range = (n) => Array.from({ length: n }, (_, i) => i);
  const size = (shape) => shape.reduce((product, n) => product * n, 1);
  const needsImage = new Set(["conv", "maxpool", "avgpool", "adaptive", "batchnorm"]);

  // --- Text ----------------------------------------------------------------------------------------------------------

  /** A layer with all its numbers. Raises an Error that says which one is wrong. */
  function layer(kind, given = {}) {
    if (!KINDS[kind]) {
      throw new Error(`no layer is called ${kind}; there are ${Object.keys(KINDS).join(", ")}`);
    }
    const { fields } = KINDS[kind];
    const unknown = Object.keys(given).find((name) => !fields[name]);
    if (unknown !== undefined) {
      throw new Error(`${kind} has no ${unknown}`);
    }
    const made = { kind };
    for (const [name, [least, most, usual]] of Object.entries(fields)) {
      made[name] = given[name] ?? usual ?? made.kernel; // the stride of a pooling is its kernel
      if (!Number.isInteger(made[name]) || made[name] < least || made[name] > most) {
        throw new Error(`${name} of ${kind} is a whole number from ${least} to ${most}`);
      }
    }
    return made;
  }

  function parse(text) {
    const [first, ...rest] = text.split(":");
    const input = first.trim().split("x").map(Number);
    const limits = Object.values(INPUT);
    if (rest.length !== 1 || input.length !== 3 || !input.every((n, i) => Number.isInteger(n) && n >= limits[i][0] && n <= limits[i][1])) {
      throw new Error("the input is written as 3x32x32, and a colon follows");
    }
    const parts = rest[0].split(";").map((part) => part.trim()).filter(Boolean);
    if (parts.length > MOST_LAYERS) {
      throw new Error(`at most ${MOST_LAYERS} layers`);
    }
    return { input, layers: parts.map(parseLayer) };
  }

  function parseLayer(part) {
    const [kind, ...words] = part.split(/\s+/);
    const pairs = words.map((word) => word.split("="));
    return layer(kind, Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)])));
  }

  function toText({ input, layers }) {
    return `${input.join("x")}: ${layers.map(layerText).join("; ")}`;
  }

  function layerText({ kind, ...numbers }) {
    const usual = layer(kind, numbers.kernel === undefined ? {} : { kernel: numbers.kernel });
    const always = new Set(["out", "kernel"]);
    const told = Object.keys(numbers).filter((name) => always.has(name) || numbers[name] !== usual[name]);
    return [kind, ...told.map((name) => `${name}=${numbers[name]}`)].join(" ");
  }

  // --- Shapes --------------------------------------------------------------------------------------------------------

  const reach = ({ kernel, dilation = 1 }) => dilation * (kernel - 1) + 1;
  const outputSize = (n, window) => Math.floor((n + 2 * window.padding - reach(window)) / window.stride) + 1;

  /** Why `layer` cannot follow a map of this shape, in words; null where it can. */
  function problem(layer, shape) {
    const { kind, groups, out, kernel, padding } = layer;
    if (needsImage.has(kind) && shape.length === 1) {
      return `${KINDS[kind].name} needs an image of channels, rows and columns; behind Flatten there is a row of ${shape[0]} values.`;
    }
    if (kind === "conv") {
      const [word, count] = shape[0] % groups ? ["in_channels", shape[0]] : ["out_channels", out];
      if (count % groups) {
        return `groups=${groups} does not divide ${word}=${count}: each group gets equally many channels.`;
      }
    }
    if (kind.endsWith("pool") && padding > kernel / 2) {
      return `A padding of ${padding} is more than half of the window of ${kernel}: some windows would hold padding only.`;
    }
    return kernel === undefined ? null : misfit(layer, shape);
  }

  function misfit(layer, [, height, width]) {
    const axis = [["rows", height], ["columns", width]].find(([, n]) => outputSize(n, layer) < 1);
    if (!axis) {
      return null;
    }
    const padded = layer.padding > 0 ? " with its padding" : "";
    return `The window reaches over ${reach(layer)} ${axis[0]}, and the map${padded} has only ${axis[1] + 2 * layer.padding}.`;
  }

  function outputShape(layer, shape) {
    const [channels, height, width] = shape;
    switch (layer.kind) {
      case "conv":
        return [layer.out, outputSize(height, layer), outputSize(width, layer)];
      case "maxpool":
      case "avgpool":
        return [channels, outputSize(height, layer), outputSize(width, layer)];
      case "adaptive":
        return [channels, layer.size, layer.size];
      case "flatten":
        return [size(shape)];
      case "linear":
        return [...shape.slice(0, -1), layer.out];
      default:
        return shape;
    }
  }

  /** Weights and biases of a layer behind a map of this shape. */
  function parameters(layer, shape) {
    const { kind, out, kernel, groups, bias } = layer;
    switch (kind) {
      case "conv":
        return out * (shape[0] / groups) * kernel ** 2 + bias * out;
      case "linear":
        return out * shape.at(-1) + bias * out;
      case "batchnorm":
        return 2 * shape[0];
      default:
        return 0;
    }
  }

  /** Multiplications, each with its addition, for one image: those of convolutions and linear layers. */
  function macs(layer, shape, output) {
    const { kind, kernel, groups } = layer;
    const each = kind === "conv" ? (shape[0] / groups) * kernel ** 2 : kind === "linear" ? shape.at(-1) : 0;
    return size(output) * each;
  }

  /** A row for each layer: { layer, shape, parameters, macs, bytes } up to the first one with a `problem`. */
  function rows({ input, layers }) {
    const found = [];
    let shape = input;
    for (const each of layers) {
      const wrong = problem(each, shape);
      if (wrong) {
        return [...found, { layer: each, problem: wrong }];
      }
      const output = outputShape(each, shape);
      const cost = { parameters: parameters(each, shape), macs: macs(each, shape, output), bytes: 4 * size(output) };
      found.push({ layer: each, shape: output, ...cost });
      shape = output;
    }
    return found;
  }

  // --- Receptive fields ----------------------------------------------------------------------------------------------

  /** The places of one axis that a layer reads for the places `wanted` of its output. n: how many it has. */
  function back(layer, wanted, n, isColumn) {
    const { kind, kernel, stride, padding, dilation = 1 } = layer;
    const read = new Set();
    for (const place of wanted) {
      if (kernel !== undefined) {
        range(kernel).forEach((tap) => read.add(place * stride - padding + tap * dilation));
      } else if (kind === "adaptive") {
        const first = Math.floor((place * n) / layer.size);
        range(Math.ceil(((place + 1) * n) / layer.size) - first).forEach((i) => read.add(first + i));
      } else if (kind === "linear" && isColumn) {
        range(n).forEach((i) => read.add(i));
      } else {
        read.add(place);
      }
    }
    return [...read].filter((place) => place >= 0 && place < n).sort((a, b) => a - b);
  }

  /** One layer back: { rows, columns } of a map, { values } of a row of values. */
  function backOne(layer, places, shape) {
    const [, height, width] = shape;
    if (shape.length === 1) {
      return { values: layer.kind === "linear" ? range(shape[0]) : places.values };
    }
    if (layer.kind === "flatten") {
      const unique = (numbers) => [...new Set(numbers)].sort((a, b) => a - b);
      const { values } = places;
      return { rows: unique(values.map((v) => Math.floor(v / width) % height)), columns: unique(values.map((v) => v % width)) };
    }
    return { rows: back(layer, places.rows, height, false), columns: back(layer, places.columns, width, true) };
  }

  /**
   * The pixels on which one unit can depend: { rows, columns }, each in order; a pixel counts if both hold it.
   * depth: how many layers the data passed. unit: [row, column], or [number] behind Flatten.
   */
  function field({ input, layers }, depth, unit) {
    const shapes = [input, ...rows({ input, layers }).map(({ shape }) => shape)];
    let places = unit.length === 1 ? { values: unit } : { rows: [unit[0]], columns: [unit[1]] };
    for (let i = depth; i > 0; i -= 1) {
      places = backOne(layers[i - 1], places, shapes[i - 1]);
    }
    return places;
  }

  /** [size, jump, start] of the fields after each layer, as if the image had no end; null from where they differ. */
  function recurrence({ layers }) {
    let [reached, jump, start] = [1, 1, 0];
    let regular = true;
    return layers.map((each) => {
      regular &&= !["adaptive", "flatten", "linear"].includes(each.kind);
      if (regular && each.kernel !== undefined) {
        reached += (reach(each) - 1) * jump;
        start -= each.padding * jump;
        jump *= each.stride;
      }
      return regular ? [reached, jump, start] : null;
    });
  }

  // --- PyTorch -------------------------------------------------------------------------------------------------------

  function call(layer, shape) {
    const { kind, out, bias, kernel } = layer;
    const options = Object.keys(layer)
      .filter((name) => ["stride", "padding", "dilation", "groups"].includes(name) && layer[name] !== KINDS[kind].fields[name][2])
      .filter((name) => !(name === "stride" && kind !== "conv" && layer.stride === kernel)) // what a pooling does anyway
      .map((name) => `${name}=${layer[name]}`);
    const numbers = { conv: [shape[0], out, kernel], linear: [shape.at(-1), out], batchnorm: [shape[0]], adaptive: [layer.size] };
    const first = numbers[kind] ?? (kernel === undefined ? [] : [kernel]);
    return `nn.${KINDS[kind].name}(${[...first, ...options, ...(bias === 0 ? ["bias=False"] : [])].join(", ")})`;
  }

  /** A program that prints the shape of the output and the number of parameters, with PyTorch. */
  function pytorch({ input, layers }) {
    const shapes = [input, ...rows({ input, layers }).map(({ shape }) => shape)];
    const lines = layers.map((each, i) => {
      const output = shapes[i + 1] && `  # (N, ${shapes[i + 1].join(", ")})`;
      return `    ${call(each, shapes[i] ?? input)},${output ?? ""}`;
    });
    return [
      "import torch",
      "from torch import nn",
      "",
      "model = nn.Sequential(",
      ...lines,
      ").eval()",
      `print(tuple(model(torch.zeros(1, ${input.join(", ")})).shape))`,
      "print(sum(p.numel() for p in model.parameters()))",
      "",
    ].join("\n");
  }

  /** The rows as a table in Markdown. */
  function markdown(stack) {
    const regular = recurrence(stack);
    const lines = rows(stack).map(({ layer: { kind }, shape, parameters: count, macs: products, problem: wrong }, i) => {
      const cells = wrong ? [wrong, "", "", ""] : [shape.join(" × "), count, products, regular[i] ? regular[i][0] : "all"];
      return `| ${i + 1} | ${KINDS[kind].name} | ${cells.join(" | ")} |`;
    });
    return ["| # | layer | output | parameters | MACs | receptive field |", "|--:|---|---|--:|--:|--:|", ...lines, ""].join("\n");
  }

  return { KINDS, INPUT, MOST_LAYERS, layer, parse, toText, rows, field, recurrence, pytorch, markdown };
})();

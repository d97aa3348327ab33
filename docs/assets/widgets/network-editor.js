// What <shape-calculator> and <receptive-field> share: a stack of layers that can be edited. network.js computes.

"use strict";

const FAMOUS = {
  "first CNN of the course": "1x8x8: conv out=16 kernel=3 padding=1; relu; maxpool kernel=2; conv out=32 kernel=3 padding=1; relu; maxpool kernel=2; flatten; linear out=10",
  "LeNet-5, as coded today": "1x28x28: conv out=6 kernel=5 padding=2; relu; maxpool kernel=2; conv out=16 kernel=5; relu; maxpool kernel=2; flatten; linear out=120; relu; linear out=84; relu; linear out=10",
  AlexNet:
    "3x224x224: conv out=64 kernel=11 stride=4 padding=2; relu; maxpool kernel=3 stride=2; conv out=192 kernel=5 padding=2; relu; maxpool kernel=3 stride=2; conv out=384 kernel=3 padding=1; relu; conv out=256 kernel=3 padding=1; relu; conv out=256 kernel=3 padding=1; relu; maxpool kernel=3 stride=2; adaptive size=6; flatten; dropout; linear out=4096; relu; dropout; linear out=4096; relu; linear out=1000",
  "VGG-11": `3x224x224: ${[[64], [128], [256, 256], [512, 512], [512, 512]]
    .map((block) => [...block.map((out) => `conv out=${out} kernel=3 padding=1; relu`), "maxpool kernel=2"].join("; "))
    .join("; ")}; adaptive size=7; flatten; linear out=4096; relu; dropout; linear out=4096; relu; dropout; linear out=1000`,
  "three dilated layers": "1x31x31: conv out=1 kernel=3; conv out=1 kernel=3 dilation=2; conv out=1 kernel=3 dilation=4",
};

class NetworkEditor extends Widget {
  connectedCallback() {
    this.start = this.getAttribute("state");
    this.stack = this.linked((query) => network.parse(query.get("stack") ?? "")) ?? network.parse(this.start);
    this.layers = element("ol", { className: "network__layers" });
    this.replaceChildren(this.settings(), ...this.above(), this.layers, this.adder(), ...this.below(), this.said);
    this.show();
  }

  /** What an element shows before and behind its layers, and how it brings that up to date. */
  above() {
    return [];
  }

  below() {
    return [];
  }

  update() {}

  settings() {
    const famous = select("example", ["choose", ...Object.keys(FAMOUS)], (name) => FAMOUS[name] && this.load(FAMOUS[name]));
    this.inputs = Object.entries(network.INPUT).map(([name, limits], i) =>
      numberField(`input: ${name}`, name, limits, (value) => this.resize(i, value, limits)),
    );
    return element("div", { className: "widget__settings" }, famous.label, ...this.inputs);
  }

  adder() {
    this.kind = select("layer", Object.values(network.KINDS).map(({ name }) => name), () => {});
    const add = button("Add this layer", "Add this layer at the end", () => this.add());
    const reset = button("Reset", "Reset to the first layers", () => this.load(this.start));
    const link = this.linkButton("Copy a link to this network", () => new URLSearchParams({ stack: network.toText(this.stack) }));
    return element("div", { className: "widget__row" }, this.kind.label, add, link, reset);
  }

  // --- What a reader does ----------------------------------------------------------------------------------------------

  load(text) {
    this.stack = network.parse(text);
    this.show();
  }

  resize(axis, value, [least, most]) {
    this.stack.input[axis] = Math.min(most, Math.max(least, Math.round(value) || 0));
    this.show();
  }

  add() {
    if (this.stack.layers.length >= network.MOST_LAYERS) {
      this.said.textContent = `At most ${network.MOST_LAYERS} layers.`;
      return;
    }
    const kind = Object.keys(network.KINDS).find((each) => network.KINDS[each].name === this.kind.field.value);
    this.stack.layers.push(network.layer(kind));
    this.show();
    this.said.textContent = `Layer ${this.stack.layers.length} is ${this.kind.field.value}.`;
  }

  change(i, name, value) {
    const layer = this.stack.layers[i];
    const [least, most] = network.KINDS[layer.kind].fields[name];
    layer[name] = Math.min(most, Math.max(least, Math.round(value) || 0));
    this.show();
  }

  move(i, step) {
    const { layers } = this.stack;
    const to = i + step;
    if (to >= 0 && to < layers.length) {
      layers.splice(to, 0, ...layers.splice(i, 1));
      this.show();
      this.layers.children[to].querySelector(step < 0 ? ".network__up" : ".network__down").focus();
      this.said.textContent = `Now layer ${to + 1} of ${layers.length}.`;
    }
  }

  remove(i) {
    this.stack.layers.splice(i, 1);
    this.show();
    const next = this.layers.children[Math.min(i, this.stack.layers.length - 1)];
    (next?.querySelector(".network__remove") ?? this.kind.field).focus();
    this.said.textContent = `Layer ${i + 1} is gone.`;
  }

  // --- What it shows ---------------------------------------------------------------------------------------------------

  show() {
    this.rows = network.rows(this.stack);
    this.inputs.forEach((label, i) => (label.querySelector("input").value = this.stack.input[i]));
    const layers = this.stack.layers.map(({ kind }, i) => this.isDrawn(i, kind) ?? this.layer(i));
    this.layers.replaceChildren(...layers);
    layers.forEach((item, i) => this.fill(item, i));
    this.update();
  }

  /** The element of a layer that is shown already: who types in it keeps the focus. */
  isDrawn(i, kind) {
    const item = this.layers.children[i];
    return item?.dataset.kind === kind && item.dataset.place === String(i) ? item : null;
  }

  layer(i) {
    const { kind } = this.stack.layers[i];
    const { name, fields } = network.KINDS[kind];
    const numbers = Object.entries(fields).map(([word, limits]) => {
      const work = (value) => this.change(i, word, value);
      return word === "bias" ? flagField(word, word, work) : numberField(word, word, limits, work);
    });
    const tool = (sign, label, style, work) => {
      const made = button(sign, `${label} layer ${i + 1}, ${name}`, work);
      made.className = `network__${style}`;
      return made;
    };
    const tools = element(
      "span",
      { className: "network__tools" },
      tool("↑", "Move up", "up", () => this.move(i, -1)),
      tool("↓", "Move down", "down", () => this.move(i, 1)),
      tool("×", "Remove", "remove", () => this.remove(i)),
    );
    const head = element("div", { className: "network__head" }, element("code", {}, name), ...numbers, tools);
    const item = element("li", { className: "network__layer" }, head, element("p", { className: "network__facts" }));
    item.dataset.kind = kind;
    item.dataset.place = i;
    return item;
  }

  fill(item, i) {
    const layer = this.stack.layers[i];
    item.querySelectorAll("input").forEach((input) => {
      input.value = layer[input.name];
      input.checked = layer[input.name] === 1;
      input.ariaLabel = `${input.name} of layer ${i + 1}`;
    });
    const facts = item.querySelector(".network__facts");
    const row = this.rows[i];
    facts.classList.toggle("widget__wrong", Boolean(row?.problem));
    facts.role = row?.problem ? "alert" : null;
    facts.textContent = !row ? "–" : row.problem ? `${row.problem} PyTorch raises an error.` : this.facts(row, i);
  }

  facts({ shape }) {
    return shape.join(" × ");
  }

  get isWhole() {
    return this.rows.every(({ problem }) => !problem);
  }
}

// <conv-stepper>: a convolution, step by step. Every number can be edited; the arithmetic is in convolution.js.

"use strict";

{
  const PRESETS = {
    "edges, left to right": "mode=2d&n=5.5.3.3.1.0.1.1.1.1&x=1,1,1,5,5,1,1,1,5,5,1,1,1,5,5,1,1,1,5,5,1,1,1,5,5&w=-1,0,1,-2,0,2,-1,0,1",
    blur: "mode=2d&n=5.5.2.2.1.0.1.1.1.1&x=0,0,0,0,0,0,8,8,0,0,0,8,8,0,0,0,0,0,4,0,0,0,0,0,4&w=0.25,0.25,0.25,0.25",
    "stride 2, padding 1": "mode=2d&n=5.5.3.3.2.1.1.1.1.1&x=1,2,3,0,1,0,1,2,3,0,1,0,1,2,3,2,1,0,1,2,3,2,1,0,1&w=1,0,1,0,1,0,1,0,1",
    "dilation 2": "mode=2d&n=7.7.3.3.1.0.2.1.1.1&x=1,0,0,2,0,0,3,0,0,0,0,0,0,0,0,0,0,0,0,0,0,4,0,0,5,0,0,6,0,0,0,0,0,0,0,0,0,0,0,0,0,0,7,0,0,8,0,0,9&w=1,1,1,1,1,1,1,1,1",
    "a kernel for three channels": "mode=2d&n=3.3.2.2.1.0.1.3.1.1&x=1,2,3,4,5,6,7,8,9,9,8,7,6,5,4,3,2,1,1,0,1,0,1,0,1,0,1&w=1,0,0,0,0,1,0,0,0,0,1,1",
    "two groups": "mode=2d&n=3.3.2.2.1.0.1.2.2.2&x=1,2,3,4,5,6,7,8,9,1,1,1,2,2,2,3,3,3&w=1,1,1,1,1,-1,1,-1",
    "along a row": "mode=1d&n=1.8.1.3.1.0.1.1.1.1&x=0,0,1,3,3,1,0,0&w=1,0,-1",
    "transposed, stride 2": "mode=transposed&n=2.2.3.3.2.0.1.1.1.1&x=1,2,3,4&w=1,1,1,1,2,1,1,1,1",
  };
  const MODE_NAMES = { "2d": "2-D", "1d": "1-D", transposed: "transposed" };
  const PAUSE = 900; // milliseconds from step to step while it plays

  class ConvStepper extends Widget {
    connectedCallback() {
      this.start = this.getAttribute("state") ?? Object.values(PRESETS)[0];
      this.state = this.linked(convolution.fromQuery) ?? convolution.fromQuery(new URLSearchParams(this.start));
      this.step = 0;
      this.replaceChildren(this.settings(), this.words(), this.board(), this.controls(), this.more());
      this.show();
    }

    disconnectedCallback() {
      clearInterval(this.timer);
    }

    // --- Parts -----------------------------------------------------------------------------------------------------

    settings() {
      const preset = select("example", ["choose", ...Object.keys(PRESETS)], (name) => PRESETS[name] && this.load(PRESETS[name]));
      this.mode = select("kind", Object.values(MODE_NAMES), (name) => {
        this.change({ mode: convolution.MODES.find((mode) => MODE_NAMES[mode] === name) });
      });
      this.fields = Object.entries(convolution.LIMITS).map(([name, [min, max, word]]) =>
        numberField(word, name, [min, max], (value) => this.change({ [name]: value })),
      );
      return element("div", { className: "widget__settings" }, preset.label, this.mode.label, ...this.fields);
    }

    words() {
      this.wrong = element("p", { className: "widget__wrong", role: "alert" });
      this.size = element("p", { className: "stepper__size" });
      return element("div", {}, this.size, this.wrong);
    }

    board() {
      this.grids = element("div", { className: "stepper__grids" });
      return this.grids;
    }

    controls() {
      this.slider = element("input", { type: "range", min: 0, ariaLabel: "output value" });
      this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
      this.play = button("Play", "Play", () => (this.timer ? this.stop() : this.run()));
      this.steps = element(
        "div",
        { className: "widget__row stepper__steps" },
        button("◀", "One step back", () => this.go(this.step - 1)),
        this.play,
        button("▶", "One step on", () => this.go(this.step + 1)),
        this.slider,
      );
      this.sum = element("p", { className: "widget__sum", role: "status" });
      return element("div", {}, this.steps, this.sum);
    }

    more() {
      const { code, details } = program("The same in PyTorch");
      Object.assign(this, { code, program: details });
      const link = this.linkButton("Copy a link to these numbers", () => convolution.toQuery(this.state));
      const reset = button("Reset", "Reset", () => this.load(this.start));
      return element("div", {}, this.program, element("div", { className: "widget__row" }, link, reset), this.said);
    }

    // --- What a reader does ----------------------------------------------------------------------------------------

    load(query) {
      this.state = convolution.fromQuery(new URLSearchParams(query));
      this.go(0);
      this.show();
    }

    change(changes) {
      this.state = convolution.changed(this.state, changes);
      this.show();
    }

    edit(name, place, value, field) {
      const holder = place.slice(0, -1).reduce((part, i) => part[i], this.state[name]);
      this.said.textContent = value === null ? `${field.value} is no number from −${convolution.LARGEST} to ${convolution.LARGEST}.` : "";
      holder[place.at(-1)] = value ?? holder[place.at(-1)];
      field.value = shown(holder[place.at(-1)]);
      this.compute();
    }

    run() {
      if (this.step >= this.cells.length - 1) {
        this.go(0);
      }
      this.sum.ariaLive = "off"; // who listens hears the sum where it stops, not all of them
      this.play.textContent = this.play.ariaLabel = this.play.title = "Pause";
      this.timer = setInterval(() => (this.step < this.cells.length - 1 ? this.go(this.step + 1, true) : this.stop()), PAUSE);
    }

    stop() {
      clearInterval(this.timer);
      this.timer = undefined;
      this.sum.ariaLive = null;
      this.play.textContent = this.play.ariaLabel = this.play.title = "Play";
    }

    go(step, playing = false) {
      if (this.timer && !playing) {
        this.stop();
      }
      this.step = Math.max(0, Math.min(step, (this.cells?.length ?? 1) - 1));
      this.mark();
    }

    // --- What it shows ---------------------------------------------------------------------------------------------

    show() {
      const { state } = this;
      this.mode.field.value = MODE_NAMES[state.mode];
      for (const label of this.fields) {
        const field = label.querySelector("input");
        field.value = state[field.name];
        label.hidden = state.mode === "1d" && /[hH]eight/.test(field.name);
      }
      const rows = state.mode === "1d" ? "" : `rows: ${convolution.formula(state, "rows")}; columns: `;
      this.size.textContent = `Size of the output: ${rows}${convolution.formula(state, "columns")}`;
      const wrong = convolution.problem(state);
      this.wrong.textContent = wrong ? `${wrong} PyTorch raises an error.` : "";
      this.grids.replaceChildren(...this.inputs(), ...this.weights(), ...(wrong ? [] : this.outputs()));
      this.cells = [...this.grids.querySelectorAll("button")];
      this.steps.hidden = this.sum.hidden = this.program.hidden = Boolean(wrong);
      this.slider.max = Math.max(0, this.cells.length - 1);
      this.compute();
    }

    inputs() {
      const pad = this.state.mode === "transposed" ? 0 : this.state.padding;
      const above = this.state.mode === "1d" ? 0 : pad;
      return this.state.input.map((channel, c) => {
        const rows = channel.map((row, i) => [...Array(pad), ...row.map((_, j) => this.field("input", [c, i, j])), ...Array(pad)]);
        const border = Array.from({ length: above }, () => Array(channel[0].length + 2 * pad));
        return grid(`input, channel ${c}`, [...border, ...rows, ...border]);
      });
    }

    weights() {
      return this.state.weight.flatMap((filter, o) =>
        filter.map((slice, c) => grid(`weight[${o}, ${c}]`, slice.map((row, a) => row.map((_, b) => this.field("weight", [o, c, a, b]))))),
      );
    }

    outputs() {
      return convolution.convolve(this.state).map((channel, c) =>
        grid(`output, channel ${c}`, channel.map((row, i) => row.map((_, j) => this.output([c, i, j])))),
      );
    }

    field(name, place) {
      const value = place.reduce((part, i) => part[i], this.state[name]);
      const label = `${name}[${place.join(", ")}]`;
      const field = realField(label, value, convolution.LARGEST, (number) => this.edit(name, place, number, field));
      field.dataset.place = `${name} ${place.join(" ")}`;
      return field;
    }

    output(place) {
      const button = element("button", { type: "button" });
      button.dataset.place = place.join(" ");
      button.addEventListener("click", () => this.go(this.cells.indexOf(button)));
      return button;
    }

    /** New values, in cells that are there. */
    compute() {
      this.code.textContent = convolution.pytorch(this.state);
      for (const cell of this.cells) {
        const place = cell.dataset.place.split(" ").map(Number);
        cell.textContent = shown(convolution.total(convolution.terms(this.state, place)));
        cell.ariaLabel = `output[${place.join(", ")}] = ${cell.textContent}`;
      }
      this.go(this.step, Boolean(this.timer));
    }

    /** Mark the output of this step and all that it is made of, and write down the sum. */
    mark() {
      this.grids.querySelectorAll(".now").forEach((cell) => cell.classList.remove("now"));
      this.cells.forEach((cell, i) => cell.parentElement.classList.toggle("later", i > this.step));
      const cell = this.cells[this.step];
      if (!cell) {
        return;
      }
      this.slider.value = this.step;
      const parts = convolution.terms(this.state, cell.dataset.place.split(" ").map(Number));
      const places = parts.flatMap(({ at, weight }) => [`input ${at.join(" ")}`, `weight ${weight.join(" ")}`]);
      const taps = places.map((place) => this.grids.querySelector(`[data-place="${place}"]`)).filter(Boolean);
      [cell, ...taps].forEach((each) => each.parentElement.classList.add("now"));
      const sum = parts.map(({ x, w, inside }) => (inside ? `${signed(x)} · ${signed(w)}` : `0 · ${signed(w)}`)).join(" + ");
      this.sum.textContent = `output[${cell.dataset.place.replaceAll(" ", ", ")}] = ${sum || "0"} = ${cell.textContent}`;
      this.slider.setAttribute("aria-valuetext", cell.ariaLabel);
    }
  }

  customElements.define("conv-stepper", ConvStepper);
}

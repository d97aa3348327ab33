// <digit-lab>: draw a digit and see what the CNN of this course makes of it. digit-cnn.js computes; digit-weights.js holds
// the weights and some digits of the data set that the CNN was not trained on.

"use strict";

{
  const PAD = 96; // pixels of the drawing, each way
  const BRUSH = 5; // radius, in these pixels
  const STAGES = [
    ["conv1", "first convolution and ReLU", 16, 8],
    ["pool1", "first pooling", 16, 4],
    ["conv2", "second convolution and ReLU", 32, 4],
    ["pool2", "second pooling", 32, 2],
  ];
  const KERNEL_SIDE = 3;

  class DigitLab extends Widget {
    connectedCallback() {
      this.weights = digitCnn.unpack(DIGITS.weights);
      this.replaceChildren(this.inputs(), this.answer(), this.inside(), this.said);
      this.useExample(0);
      this.stages.forEach(({ key }) => this.chooseStrongest(key));
    }

    // --- Parts -----------------------------------------------------------------------------------------------------

    inputs() {
      const names = DIGITS.examples.map(({ label }, i) => `${label}, number ${i + 1}`);
      this.example = select("a digit it was not trained on", ["choose", ...names], (name) => names.includes(name) && this.useExample(names.indexOf(name)));
      this.pad = element("canvas", { width: PAD, height: PAD, className: "digit__pad", ariaLabel: "Draw a digit here. By keyboard: use the table of pixels." });
      this.pad.setAttribute("role", "img");
      this.pad.addEventListener("pointerdown", (event) => this.begin(event));
      this.pad.addEventListener("pointermove", (event) => this.point && this.draw(event));
      this.pad.addEventListener("pointerup", () => (this.point = null));
      this.pad.addEventListener("pointercancel", () => (this.point = null));
      this.cells = Array.from({ length: digitCnn.SIDE ** 2 }, (_, i) => this.cell(i));
      const rows = Array.from({ length: digitCnn.SIDE }, (_, i) => this.cells.slice(digitCnn.SIDE * i, digitCnn.SIDE * (i + 1)));
      const pixels = grid("what the CNN gets", rows);
      pixels.classList.add("digit__pixels");
      const clear = button("Clear", "Clear the drawing", () => this.clear());
      const pad = element("figure", { className: "digit__figure" }, element("figcaption", {}, "draw here"), this.pad);
      return element(
        "div",
        {},
        element("div", { className: "digit__inputs" }, pad, pixels),
        element("div", { className: "widget__row" }, clear, this.example.label),
      );
    }

    cell(i) {
      const made = button("", "", () => this.paint(i));
      made.dataset.place = i;
      return made;
    }

    answer() {
      this.verdict = element("p", { className: "digit__verdict", role: "status" });
      this.bars = Array.from({ length: 10 }, (_, digit) => {
        const [bar, number] = [element("span", { className: "digit__bar" }), element("td", {})];
        const row = element("tr", {}, element("th", { scope: "row" }, digit), element("td", {}, bar), number, element("td", {}));
        return { row, bar, cells: row.cells };
      });
      const head = element("tr", {}, ...["digit", "score, drawn", "logit", "score"].map((word) => element("th", { scope: "col" }, word)));
      const table = element("table", { className: "digit__scores" }, element("thead", {}, head), element("tbody", {}, ...this.bars.map(({ row }) => row)));
      const known = `Of the ${DIGITS.of} test images of the lesson it reads ${DIGITS.right} correctly.`;
      return element("div", {}, this.verdict, table, element("p", { className: "digit__known" }, known));
    }

    inside() {
      this.stages = STAGES.map(([key, title, count, side]) => {
        const canvas = element("canvas", { className: "digit__maps", ariaLabel: `${count} feature maps of ${side} × ${side}` });
        canvas.setAttribute("role", "img");
        canvas.addEventListener("click", (event) => this.choose(key, count, event));
        const slider = element("input", { type: "range", min: 0, max: count - 1, value: 0, ariaLabel: `map behind the ${title}` });
        const told = element("p", { className: "digit__told" });
        const kernels = element("canvas", { className: "digit__kernels" });
        kernels.setAttribute("role", "img");
        slider.addEventListener("input", () => this.tellStage(key));
        const caption = element("figcaption", {}, `${title}: ${count} maps of ${side} × ${side}`);
        const figure = element("figure", { className: "digit__figure" }, caption, canvas, slider, told, ...(key.startsWith("conv") ? [kernels] : []));
        return { key, count, side, canvas, slider, told, kernels, figure };
      });
      return element("div", { className: "digit__stages" }, ...this.stages.map(({ figure }) => figure));
    }

    // --- What a reader does ----------------------------------------------------------------------------------------

    useExample(i) {
      const { image, label } = DIGITS.examples[i];
      this.wipe();
      this.truth = label;
      this.take(image);
    }

    clear() {
      this.wipe();
      this.take(Array(digitCnn.SIDE ** 2).fill(0));
    }

    wipe() {
      this.truth = null;
      this.ink = Array.from({ length: PAD }, () => Array(PAD).fill(0));
      this.pad.getContext("2d").clearRect(0, 0, PAD, PAD);
    }

    /** From white over grey to black, and again. */
    paint(i) {
      this.truth = null;
      const image = [...this.image];
      image[i] = image[i] >= digitCnn.INK ? 0 : Math.min(digitCnn.INK, image[i] + digitCnn.INK / 2);
      this.take(image);
    }

    begin(event) {
      if (this.truth !== null || this.ink.flat().every((value) => value === 0)) {
        this.wipe(); // the first stroke begins a new digit
      }
      this.pad.setPointerCapture(event.pointerId);
      this.point = this.placeOf(event);
      this.draw(event);
    }

    placeOf(event) {
      const box = this.pad.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * PAD, ((event.clientY - box.top) / box.height) * PAD];
    }

    /** A line from the last place to this one, with a round brush. */
    draw(event) {
      const [from, to] = [this.point, this.placeOf(event)];
      const steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])) + 1;
      for (let step = 0; step <= steps; step += 1) {
        this.dot(from[0] + ((to[0] - from[0]) * step) / steps, from[1] + ((to[1] - from[1]) * step) / steps);
      }
      this.point = to;
      this.take(digitCnn.fit(this.ink));
    }

    dot(x, y) {
      const context = this.pad.getContext("2d");
      context.fillStyle = getComputedStyle(this).color;
      context.beginPath();
      context.arc(x, y, BRUSH, 0, 2 * Math.PI);
      context.fill();
      for (let i = Math.max(0, Math.ceil(y - BRUSH)); i <= Math.min(PAD - 1, y + BRUSH); i += 1) {
        for (let j = Math.max(0, Math.ceil(x - BRUSH)); j <= Math.min(PAD - 1, x + BRUSH); j += 1) {
          this.ink[i][j] ||= Number(Math.hypot(i - y, j - x) <= BRUSH);
        }
      }
    }

    chooseStrongest(key) {
      const largest = this.result[key].map((map) => Math.max(...map));
      this.stages.find((each) => each.key === key).slider.value = largest.indexOf(Math.max(...largest));
      this.tellStage(key);
    }

    choose(key, count, event) {
      const stage = this.stages.find((each) => each.key === key);
      const box = stage.canvas.getBoundingClientRect();
      const column = Math.floor(((event.clientX - box.left) / box.width) * 8);
      stage.slider.value = Math.min(count - 1, 8 * Math.floor(((event.clientY - box.top) / box.height) * (count / 8)) + column);
      this.tellStage(key);
    }

    // --- What it shows ---------------------------------------------------------------------------------------------

    take(image) {
      this.image = image;
      this.result = digitCnn.forward(image, this.weights);
      this.cells.forEach((cell, i) => {
        const share = image[i] / digitCnn.INK;
        cell.style.background = `color-mix(in srgb, var(--ink) ${100 * share}%, var(--paper))`;
        cell.ariaLabel = cell.title = `row ${Math.floor(i / digitCnn.SIDE)}, column ${i % digitCnn.SIDE}: ${image[i]} of ${digitCnn.INK}`;
      });
      this.tell();
      this.stages.forEach(({ key }) => this.tellStage(key));
    }

    tell() {
      const { logits, scores } = this.result;
      const best = scores.indexOf(Math.max(...scores));
      const percent = (score) => `${(100 * score).toFixed(1)} %`;
      const truth = this.truth === null ? "" : this.truth === best ? ` It is a ${best}.` : ` It is a ${this.truth}: the CNN is wrong.`;
      this.verdict.textContent = this.image.some(Boolean) ? `The CNN says ${best}, with a score of ${percent(scores[best])}.${truth}` : "An empty picture: the CNN says something all the same.";
      this.bars.forEach(({ row, bar, cells }, digit) => {
        row.classList.toggle("now", digit === best);
        bar.style.width = `${100 * scores[digit]}%`;
        cells[2].textContent = logits[digit].toFixed(2).replace("-", "−");
        cells[3].textContent = percent(scores[digit]);
      });
    }

    /** The maps of one stage, the chosen one framed, with the kernels behind it. */
    tellStage(key) {
      const { count, side, canvas, slider, told, kernels } = this.stages.find((each) => each.key === key);
      const maps = this.result[key];
      const chosen = Number(slider.value);
      const most = Math.max(1e-9, ...maps.flat());
      this.mosaic(canvas, maps, side, 8, (value) => (255 * value) / most, chosen);
      const largest = Math.max(...maps[chosen]);
      const place = maps[chosen].indexOf(largest);
      const where = largest > 0 ? `largest value ${largest.toFixed(2)}, at row ${Math.floor(place / side)} and column ${place % side}` : "all zeros";
      told.textContent = `Map ${chosen} of ${count}: ${where}.`;
      slider.setAttribute("aria-valuetext", told.textContent);
      if (key.startsWith("conv")) {
        this.showKernels(kernels, this.weights[key], chosen, told);
      }
    }

    showKernels(canvas, { weight, bias }, chosen, told) {
      const filter = weight[chosen];
      const most = Math.max(...filter.flat().map(Math.abs));
      this.mosaic(canvas, filter, KERNEL_SIDE, 8, (value) => 128 + (127 * value) / most);
      canvas.ariaLabel = `${filter.length} ${filter.length === 1 ? "kernel" : "kernels"} of 3 × 3, dark is negative`;
      const numbers = filter.length === 1 ? ` Its kernel: ${[0, 3, 6].map((i) => filter[0].slice(i, i + 3).map((w) => w.toFixed(2).replace("-", "−")).join(" ")).join(" / ")}.` : "";
      told.textContent += `${numbers} Bias ${bias[chosen].toFixed(2).replace("-", "−")}.`;
    }

    /** Small maps side by side, one pixel of the canvas for each value and one between the maps. */
    mosaic(canvas, maps, side, across, brightness, chosen = -1) {
      const step = side + 1;
      Object.assign(canvas, { width: Math.min(across, maps.length) * step + 1, height: Math.ceil(maps.length / across) * step + 1 });
      const context = canvas.getContext("2d");
      const corner = (m) => [(m % across) * step, Math.floor(m / across) * step];
      maps.forEach((map, m) => {
        const [x, y] = corner(m);
        map.forEach((value, i) => {
          const grey = Math.round(brightness(value));
          context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
          context.fillRect(x + 1 + (i % side), y + 1 + Math.floor(i / side), 1, 1);
        });
      });
      if (chosen >= 0) {
        context.strokeStyle = "#e8590c";
        context.strokeRect(corner(chosen)[0] + 0.5, corner(chosen)[1] + 0.5, side + 1, side + 1);
      }
    }
  }

  customElements.define("digit-lab", DigitLab);
}

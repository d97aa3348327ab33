// <receptive-field>: on which pixels of the input one unit of a network can depend.

"use strict";

{
  const SVG = "http://www.w3.org/2000/svg";
  const SIDE = 240; // of the drawing, in its own units

  /** [[first, last], ...] of neighbours in an ordered list of whole numbers. */
  function runs(places) {
    const found = [];
    for (const place of places) {
      if (found.length > 0 && found.at(-1)[1] === place - 1) {
        found.at(-1)[1] = place;
      } else {
        found.push([place, place]);
      }
    }
    return found;
  }

  function svg(name, attributes) {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  }

  /** Sets of rows and columns in words: "rows 2 to 9". */
  function words(name, places) {
    const [first, last] = [places[0], places.at(-1)];
    const holes = last - first + 1 - places.length;
    const between = holes > 0 ? `, without ${holes} between them` : "";
    return places.length === 1 ? `${name} ${first}` : `${name}s ${first} to ${last}${between}`;
  }

  customElements.define(
    "receptive-field",
    class extends NetworkEditor {
      above() {
        this.depth = null;
        this.unit = [];
        this.sliders = ["layer", "row", "column", "value"].map((name, i) => this.slider(name, i));
        this.words = element("p", { className: "field__words", role: "status" });
        this.picture = svg("svg", { class: "field__picture", role: "img" });
        this.map = svg("svg", { class: "field__picture field__map", role: "img" });
        this.map.addEventListener("click", (event) => this.choose(event));
        this.captions = [element("figcaption"), element("figcaption")];
        const figures = [this.map, this.picture].map((each, i) => element("figure", { className: "field__figure" }, this.captions[i], each));
        return [
          element("div", { className: "widget__settings" }, ...this.sliders.map(({ label }) => label)),
          element("div", { className: "field__figures" }, ...figures),
          this.words,
        ];
      }

      slider(name, i) {
        const input = element("input", { type: "range", min: 0, name, ariaLabel: name });
        const label = element("label", {}, name, input);
        input.addEventListener("input", () => {
          if (i === 0) {
            this.depth = Number(input.value);
            this.unit = [];
          } else {
            this.unit[name === "column" ? 1 : 0] = Number(input.value);
          }
          this.update();
        });
        return { name, input, label };
      }

      load(text) {
        this.depth = null;
        this.unit = [];
        super.load(text);
      }

      facts({ shape }, i) {
        const regular = network.recurrence(this.stack)[i];
        const about = regular ? `field ${regular[0]}, jump ${regular[1]}` : "fields of several sizes";
        return `${shape.join(" × ")} · ${about}`;
      }

      /** The unit under the pointer in the picture of the feature map. */
      choose(event) {
        const box = this.map.getBoundingClientRect();
        const [, height, width] = this.shapes[this.depth];
        const place = (from, length, n) => Math.min(n - 1, Math.max(0, Math.floor(((from / length) * n))));
        this.unit = [place(event.clientY - box.top, box.height, height), place(event.clientX - box.left, box.width, width)];
        this.update();
      }

      update() {
        const whole = this.rows.filter(({ problem }) => !problem);
        this.shapes = [this.stack.input, ...whole.map(({ shape }) => shape)];
        this.depth = Math.min(this.depth ?? whole.length, whole.length);
        const [, ...sizes] = this.shapes[this.depth].length === 1 ? [0, ...this.shapes[this.depth]] : this.shapes[this.depth];
        this.unit = sizes.map((n, i) => Math.min(n - 1, this.unit[i] ?? Math.floor(n / 2)));
        this.setSliders(sizes, whole.length);
        const { rows, columns } = network.field(this.stack, this.depth, this.unit);
        this.tell(rows, columns);
        this.draw(rows, columns);
      }

      setSliders(sizes, layers) {
        const isVector = sizes.length === 1;
        const values = { layer: this.depth, row: this.unit[0], column: this.unit[1], value: this.unit[0] };
        const most = { layer: layers, row: sizes[0] - 1, column: sizes[1] - 1, value: sizes[0] - 1 };
        for (const { name, input, label } of this.sliders) {
          label.hidden = name !== "layer" && (name === "value") !== isVector;
          input.max = most[name] ?? 0;
          input.value = values[name] ?? 0;
        }
        const name = this.depth === 0 ? "the input" : `layer ${this.depth}, ${network.KINDS[this.stack.layers[this.depth - 1].kind].name}`;
        this.sliders[0].input.setAttribute("aria-valuetext", name);
        this.unitName = `Unit ${isVector ? this.unit[0] : `(${this.unit.join(", ")})`} of ${name}`;
      }

      tell(rows, columns) {
        const [, height, width] = this.stack.input;
        if (rows.length === 0 || columns.length === 0) {
          this.words.textContent = `${this.unitName} depends on no pixel: it sees padding only.`;
          return;
        }
        const share = (100 * rows.length * columns.length) / (height * width);
        const percent = share < 1 ? "less than 1" : Math.round(share);
        this.words.textContent = `${this.unitName} can depend on ${words("row", rows)} and ${words("column", columns)}: ${rows.length} × ${columns.length} of ${height} × ${width} pixels, ${percent} %.`;
      }

      draw(rows, columns) {
        const [, height, width] = this.stack.input;
        const marks = runs(rows).flatMap((row) => runs(columns).map((column) => ({ row, column })));
        this.grid(this.picture, height, width, marks, this.words.textContent);
        this.captions[1].textContent = `input, ${height} × ${width}`;
        const [, ...sizes] = this.shapes[this.depth];
        const isMap = sizes.length === 2;
        this.map.parentElement.hidden = !isMap;
        if (isMap) {
          const [row, column] = this.unit;
          this.grid(this.map, ...sizes, [{ row: [row, row], column: [column, column] }], this.unitName);
          this.captions[0].textContent = `output of layer ${this.depth}, ${sizes.join(" × ")}`;
        }
      }

      /** A map with its cells, as long as there are few, and what is marked in it. */
      grid(picture, height, width, marks, label) {
        const cell = SIDE / Math.max(height, width);
        const [h, w] = [height * cell, width * cell];
        picture.setAttribute("viewBox", `-1 -1 ${w + 2} ${h + 2}`);
        picture.setAttribute("aria-label", label);
        const rectangle = (style, x, y, across, down) => svg("rect", { class: style, x, y, width: across, height: down });
        const found = marks.map(({ row, column }) => {
          const across = Math.max(3, (column[1] - column[0] + 1) * cell); // one pixel of many must be seen
          return rectangle("field__mark", column[0] * cell, row[0] * cell, across, Math.max(3, (row[1] - row[0] + 1) * cell));
        });
        const lines = Math.max(height, width) > 64 ? "" : [
          ...Array.from({ length: height + 1 }, (_, i) => `M0 ${i * cell}h${w}`),
          ...Array.from({ length: width + 1 }, (_, i) => `M${i * cell} 0v${h}`),
        ].join("");
        picture.replaceChildren(rectangle("field__map-edge", 0, 0, w, h), ...found, svg("path", { class: "field__lines", d: lines }));
      }
    },
  );
}

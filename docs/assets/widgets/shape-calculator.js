// <shape-calculator>: a stack of layers with the shape, the parameters, the multiplications and the field of each.

"use strict";

customElements.define(
  "shape-calculator",
  class extends NetworkEditor {
    below() {
      this.total = element("p", { className: "network__total", role: "status" });
      this.python = program("The same in PyTorch");
      this.table = program("As a table in Markdown", "markdown");
      return [this.total, this.python.details, this.table.details];
    }

    facts({ shape, parameters, macs, bytes }, i) {
      const field = this.regular[i] ? `field ${this.regular[i][0]}` : "field: all of the image";
      const counts = [
        parameters > 0 && `${thousands(parameters)} ${parameters === 1 ? "parameter" : "parameters"}`,
        macs > 0 && `${thousands(macs)} MACs`,
        memory(bytes),
        field,
      ];
      return `${shape.join(" × ")} · ${counts.filter(Boolean).join(" · ")}`;
    }

    show() {
      this.regular = network.recurrence(this.stack);
      super.show();
    }

    update() {
      const sum = (name) => this.rows.reduce((all, row) => all + (row[name] ?? 0), 0);
      const parameters = sum("parameters");
      this.total.textContent = this.isWhole
        ? `Together: ${thousands(parameters)} parameters (${memory(4 * parameters)}), ${thousands(sum("macs"))} MACs, ${memory(sum("bytes"))} of feature maps for one image, in float32.`
        : "This network cannot run.";
      this.python.details.hidden = !this.isWhole;
      this.python.code.textContent = network.pytorch(this.stack);
      this.table.code.textContent = network.markdown(this.stack);
    }
  },
);

/** Bytes as one reads them, in powers of 1000. */
function memory(bytes) {
  const [unit, divisor] = bytes < 1e3 ? ["B", 1] : bytes < 1e6 ? ["KB", 1e3] : ["MB", 1e6];
  return `${(bytes / divisor).toLocaleString("en-US", { maximumFractionDigits: 1 })} ${unit}`;
}

// A Run button below the blocks of pure Python. The code runs in this browser: run-worker.js holds the interpreter, which is
// fetched on the first click. The row of buttons is written by scripts/site/blocks.py, so that nothing moves.

"use strict";

{
  const SECONDS = 20; // that a run may take
  let worker = null;
  let running = null; // the block that runs

  class Block {
    constructor(block) {
      const output = block.nextElementSibling?.matches(".language-text") ? block.nextElementSibling : null;
      const code = block.querySelector("code");
      this.pre = code.parentElement;
      this.original = code.textContent;
      this.expected = output?.querySelector("code").textContent.trimEnd() ?? "";
      this.row = (output ?? block).nextElementSibling;
    }

    get source() {
      return this.field?.value ?? this.original;
    }

    build() {
      const tool = (text, label, work) => {
        const made = element("button", { type: "button", title: label, ariaLabel: label }, text);
        made.addEventListener("click", work);
        return made;
      };
      this.runs = tool("Run", "Run this block and what it needs from the blocks above", () => this.run());
      this.stops = tool("Stop", "Stop the run", () => this.end("Stopped."));
      this.edits = tool("Edit", "Edit this block", () => this.edit());
      this.resets = tool("Reset", "Back to the code of the page", () => this.reset());
      this.bar = element("progress", { hidden: true, max: 1, value: 0, ariaLabel: "Loading Python" });
      this.said = element("span", { role: "status" });
      this.shown = element("code", { tabIndex: 0 });
      this.box = element("pre", { className: "run__output", hidden: true, ariaLabel: "What your run prints", role: "group" }, this.shown);
      this.stops.hidden = this.resets.hidden = true;
      this.row.append(this.runs, this.stops, this.edits, this.resets, this.bar, this.said);
      this.row.after(this.box);
    }

    edit() {
      this.field = element("textarea", { value: this.original, spellcheck: false, ariaLabel: "Code. Control and Enter run it.", rows: this.original.split("\n").length });
      this.field.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && this.run());
      this.pre.hidden = true;
      this.pre.after(this.field);
      this.edits.hidden = true;
      this.resets.hidden = false;
      this.field.focus();
    }

    reset() {
      this.field?.remove();
      this.field = undefined;
      this.pre.hidden = this.edits.hidden = false;
      this.resets.hidden = this.box.hidden = true;
      this.said.textContent = "";
      this.edits.focus();
    }

    run() {
      running?.end("Stopped: another block was started.");
      running = this;
      this.text = "";
      this.shown.textContent = "";
      this.box.hidden = true;
      this.runs.hidden = true;
      this.stops.hidden = false;
      this.stops.focus();
      this.said.textContent = worker ? "Running …" : "Loading Python …";
      worker ??= start();
      worker.postMessage(blocks.slice(0, blocks.indexOf(this) + 1).map(({ source }) => source));
    }

    /** Stop what runs: only a worker that is gone stops for certain. */
    end(words) {
      worker?.terminate();
      worker = null;
      this.finish(words);
    }

    finish(words) {
      clearTimeout(this.timer);
      const focused = document.activeElement === this.stops;
      running = null;
      this.bar.hidden = this.stops.hidden = true;
      this.runs.hidden = false;
      this.said.textContent = words;
      if (focused) {
        this.runs.focus();
      }
    }

    hear({ loaded, all, started, printed, failed, done }) {
      if (loaded !== undefined) {
        this.bar.hidden = false;
        this.bar.max = all;
        this.bar.value = loaded;
        this.said.textContent = `Loading Python: ${(loaded / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB`;
      } else if (started) {
        this.bar.hidden = true;
        this.said.textContent = "Running …";
        this.timer = setTimeout(() => this.end(`Stopped after ${SECONDS} seconds.`), 1000 * SECONDS);
      } else if (printed !== undefined) {
        this.text += printed;
        this.shown.textContent = this.text;
        this.box.hidden = false;
      } else if (failed) {
        this.end(failed);
      } else if (done) {
        this.finish(this.verdict(done));
      }
    }

    verdict(ending) {
      if (ending === "error") {
        return "Python stopped with an error.";
      }
      const isSame = this.text.trimEnd() === this.expected;
      if (this.text === "" && isSame) {
        return "Done: it prints nothing.";
      }
      return isSame ? "Done: as in the page." : this.source === this.original ? "Done: not what the page shows." : "Done.";
    }
  }

  function start() {
    const made = new Worker(new URL("assets/run-worker.js", __md_scope), { type: "module" });
    made.addEventListener("message", ({ data }) => running?.hear(data));
    made.addEventListener("error", () => running?.end("Python could not be loaded. Is there a network?"));
    return made;
  }

  const blocks = [...document.querySelectorAll(".language-python.run")].map((block) => new Block(block));
  if (IN_FOLDER) {
    blocks.forEach(({ row }) => (row.hidden = true)); // a page in a folder may start no worker
  } else {
    blocks.forEach((block) => block.build());
  }
}

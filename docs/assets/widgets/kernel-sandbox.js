// <kernel-sandbox>: a kernel on a photograph, before and after. filtering.js computes; photograph.js holds the picture.
// A picture of the reader's own never leaves the browser.

"use strict";

{
  const gaussian = filtering.gaussian(1, 2);
  const PRESETS = {
    "leave as it is": [[[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1, 0],
    "box blur": [[[1, 1, 1], [1, 1, 1], [1, 1, 1]], 9, 0],
    "Gaussian blur": [gaussian, filtering.total(gaussian), 0],
    sharpen: [[[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1, 0],
    "Sobel, left to right": [[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], 1, 1],
    "Sobel, top to bottom": [[[-1, -2, -1], [0, 0, 0], [1, 2, 1]], 1, 1],
    Laplace: [[[0, 1, 0], [1, -4, 1], [0, 1, 0]], 1, 1],
    emboss: [[[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], 1, 0],
  };
  const MOST_PIXELS = 320; // of the longer side of a picture of the reader's own

  class KernelSandbox extends Widget {
    connectedCallback() {
      const start = new URLSearchParams(this.getAttribute("state"));
      this.start = filtering.fromQuery(start);
      this.state = this.linked(filtering.fromQuery) ?? filtering.fromQuery(start);
      this.image = null;
      this.place = [30, 100]; // row and column of the pixel that is looked at, in the result
      this.replaceChildren(this.settings(), this.board(), this.look(), this.more());
      this.display();
      this.usePhotograph();
    }

    disconnectedCallback() {
      this.closeCamera();
    }

    // --- Parts -----------------------------------------------------------------------------------------------------

    settings() {
      const preset = select("example", ["choose", ...Object.keys(PRESETS)], (name) => PRESETS[name] && this.choose(PRESETS[name]));
      this.side = select("kernel", filtering.SIDES, (value) => this.change({ kernel: filtering.resized(this.state.kernel, Number(value)) }));
      this.show = select("show", Object.keys(filtering.VIEWS), (show) => this.change({ show }));
      this.divisor = realField("divide the sum by", 1, filtering.LARGEST, (value) => this.divide(value));
      const label = element("label", {}, "divide by", this.divisor);
      return element("div", { className: "widget__settings" }, preset.label, this.side.label, this.show.label, label);
    }

    board() {
      this.kernel = element("div");
      this.before = this.picture("before", "the photograph before");
      this.after = this.picture("after", "the photograph after; the arrow keys choose a pixel");
      this.after.canvas.tabIndex = 0;
      this.after.canvas.setAttribute("role", "application"); // the arrow keys are for us
      this.after.canvas.addEventListener("keydown", (event) => this.arrow(event));
      for (const { canvas } of [this.before, this.after]) {
        canvas.addEventListener("click", (event) => this.point(event, canvas));
      }
      return element("div", { className: "sandbox__board" }, this.kernel, this.before.figure, this.after.figure);
    }

    picture(name, label) {
      const canvas = element("canvas", { width: 226, height: 150, ariaLabel: label }); // as large as the photograph will be
      canvas.setAttribute("role", "img");
      return { canvas, figure: element("figure", { className: "sandbox__picture" }, element("figcaption", {}, name), canvas) };
    }

    look() {
      this.sum = element("p", { className: "widget__sum", role: "status" });
      this.wrong = element("p", { className: "widget__wrong", role: "alert" });
      return element("div", {}, this.sum, this.wrong);
    }

    more() {
      const { code, details } = program("The same in PyTorch");
      Object.assign(this, { code, program: details });
      this.file = element("input", { type: "file", accept: "image/*", name: "picture" });
      this.file.addEventListener("change", () => this.file.files[0] && this.open(this.file.files[0]));
      this.camera = button("Use the camera", "Use the camera", () => (this.stream ? this.takePicture() : this.openCamera()));
      this.video = element("video", { muted: true, playsInline: true, hidden: true, className: "sandbox__video" });
      const cat = button("The cat again", "The cat again", () => this.usePhotograph());
      const link = this.linkButton("Copy a link to this kernel", () => filtering.toQuery(this.state));
      const reset = button("Reset", "Reset the kernel", () => this.change(structuredClone(this.start)));
      return element(
        "div",
        {},
        this.program,
        element("div", { className: "widget__row" }, element("label", {}, "a picture of yours: it stays in this browser", this.file), this.camera, cat, link, reset),
        this.video,
        this.said,
      );
    }

    // --- What a reader does ----------------------------------------------------------------------------------------

    choose([kernel, divisor, view]) {
      this.change({ kernel: structuredClone(kernel), divisor, show: Object.keys(filtering.VIEWS)[view] });
    }

    change(changes) {
      Object.assign(this.state, changes);
      this.display();
    }

    divide(value) {
      this.said.textContent = value > 0 ? "" : `${this.divisor.value} is no number from 0 to ${filtering.LARGEST} to divide by.`;
      this.change({ divisor: value > 0 ? value : this.state.divisor });
    }

    edit(a, b, value, field) {
      this.said.textContent = value === null ? `${field.value} is no number from −${filtering.LARGEST} to ${filtering.LARGEST}.` : "";
      this.state.kernel[a][b] = value ?? this.state.kernel[a][b];
      field.value = shown(this.state.kernel[a][b]);
      this.compute();
    }

    arrow(event) {
      const move = STEPS[event.key];
      if (move) {
        event.preventDefault();
        const step = event.shiftKey ? 10 : 1;
        this.goTo(this.place[0] + step * move[0], this.place[1] + step * move[1]);
      }
    }

    point(event, canvas) {
      const box = canvas.getBoundingClientRect();
      const offset = canvas === this.before.canvas ? this.state.kernel.length >> 1 : 0; // the middle of the window
      const at = (position, length, n) => Math.floor((position / length) * n) - offset;
      this.goTo(at(event.clientY - box.top, box.height, canvas.height), at(event.clientX - box.left, box.width, canvas.width));
    }

    goTo(row, column) {
      this.place = [row, column];
      this.compute();
    }

    // --- Pictures --------------------------------------------------------------------------------------------------

    async usePhotograph() {
      const image = new Image();
      image.src = PHOTOGRAPH;
      await image.decode();
      this.take(image, image.width, image.height, 1);
      this.program.hidden = false;
    }

    async open(file) {
      try {
        const bitmap = await createImageBitmap(file);
        this.takeOwn(bitmap, bitmap.width, bitmap.height);
      } catch {
        this.said.textContent = `${file.name} is no picture that this browser can read.`;
      }
    }

    async openCamera() {
      try {
        this.stream = await navigator.mediaDevices.getUserMedia({ video: true });
      } catch {
        this.said.textContent = "There is no camera, or it may not be used.";
        return;
      }
      this.video.srcObject = this.stream;
      this.video.hidden = false;
      await this.video.play();
      this.camera.textContent = this.camera.ariaLabel = this.camera.title = "Take the picture";
    }

    takePicture() {
      this.takeOwn(this.video, this.video.videoWidth, this.video.videoHeight);
      this.closeCamera();
    }

    closeCamera() {
      this.stream?.getTracks().forEach((track) => track.stop());
      this.stream = undefined;
      this.video.hidden = true;
      this.camera.textContent = this.camera.ariaLabel = this.camera.title = "Use the camera";
    }

    takeOwn(source, width, height) {
      const scale = Math.min(1, MOST_PIXELS / Math.max(width, height));
      this.take(source, Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)), 3);
      this.program.hidden = true; // PyTorch does not have this picture
      this.said.textContent = "Your picture stays in this browser.";
    }

    /** Read the pixels of a picture. channels: 1 for a grey one, else 3. */
    take(source, width, height, channels) {
      const canvas = element("canvas", { width, height });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(source, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      const values = (c) => Float64Array.from({ length: width * height }, (_, i) => data[4 * i + c]);
      this.image = { width, height, channels: Array.from({ length: channels }, (_, c) => values(c)) };
      this.paint(this.before.canvas, this.image, "as it is");
      this.display();
    }

    // --- What it shows ---------------------------------------------------------------------------------------------

    display() {
      const { kernel, divisor, show } = this.state;
      this.side.field.value = kernel.length;
      this.show.field.value = show;
      this.divisor.value = shown(divisor);
      const cells = kernel.map((weights, a) =>
        weights.map((weight, b) => realField(`weight[${a}, ${b}]`, weight, filtering.LARGEST, (value, field) => this.edit(a, b, value, field))),
      );
      this.kernel.replaceChildren(grid("kernel", cells));
      this.compute();
    }

    compute() {
      if (!this.image) {
        return; // the photograph is still on its way
      }
      try {
        this.result = filtering.correlate(this.image, this.state);
        this.wrong.textContent = "";
      } catch (problem) {
        this.wrong.textContent = `There is no result: ${problem.message}.`;
        return;
      }
      this.mark();
    }

    paint(canvas, { width, height, channels }, show) {
      Object.assign(canvas, { width, height });
      const context = canvas.getContext("2d");
      const picture = context.createImageData(width, height);
      for (let i = 0; i < width * height; i += 1) {
        const [red, green = red, blue = red] = channels.map((values) => filtering.brightness(values[i], show));
        picture.data.set([red, green, blue, 255], 4 * i);
      }
      context.putImageData(picture, 0, 0);
    }

    /** Mark the pixel that is looked at, and what it is made of. */
    mark() {
      const { width, height } = this.result;
      const [row, column] = [Math.max(0, Math.min(this.place[0], height - 1)), Math.max(0, Math.min(this.place[1], width - 1))];
      this.place = [row, column];
      const side = this.state.kernel.length;
      this.paint(this.before.canvas, this.image, "as it is");
      this.paint(this.after.canvas, this.result, this.state.show);
      this.frame(this.before.canvas, column, row, side);
      this.frame(this.after.canvas, column, row, 1);
      const parts = filtering.terms(this.image, this.state, 0, row, column);
      const sum = parts.map(({ x, w }) => `${x} · ${signed(w)}`).join(" + ");
      const value = shown(filtering.value(this.image, this.state, 0, row, column));
      const which = this.image.channels.length > 1 ? ", red" : "";
      this.sum.textContent = `Pixel (${row}, ${column})${which}: (${sum}) / ${shown(this.state.divisor)} = ${value}`;
      this.code.textContent = filtering.pytorch(this.state, row, column);
    }

    frame(canvas, x, y, side) {
      const context = canvas.getContext("2d");
      for (const [colour, wider] of [["#fff", 1.5], ["#c2410c", 0.5]]) {
        context.strokeStyle = colour;
        context.lineWidth = 1;
        context.strokeRect(x - wider, y - wider, side + 2 * wider, side + 2 * wider);
      }
    }
  }

  customElements.define("kernel-sandbox", KernelSandbox);
}

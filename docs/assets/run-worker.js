// The Python interpreter behind the Run buttons, see run.js. It hears the sources of some blocks, runs them one after the
// other in a fresh namespace, and tells what the last one prints.

const PYTHON = `
import io, linecache, sys, traceback

LIMIT = 20_000  # letters that are shown


class Printer(io.TextIOBase):
    def __init__(self, tell):
        self.tell, self.waiting, self.left = tell, "", LIMIT

    def write(self, text):
        if self.left > 0:
            self.waiting += text[: self.left]
            self.left -= len(text)
            if self.left <= 0:
                self.waiting += "\\n... and more, which is not shown"
            if len(self.waiting) > 2000 or self.left <= 0:
                self.flush()
        return len(text)

    def flush(self):
        if self.waiting:
            self.tell(self.waiting)
        self.waiting = ""


def run(sources, tell):
    namespace = {"__name__": "__main__"}
    for number, source in enumerate(sources, start=1):
        is_last = number == len(sources)
        printer = Printer(tell if is_last else lambda text: None)
        name = "<this block>" if is_last else f"<block {number} with a Run button>"
        linecache.cache[name] = len(source), None, source.splitlines(True), name
        sys.stdout = sys.stderr = printer
        try:
            exec(compile(source, name, "exec"), namespace)
        except BaseException as problem:
            printer.flush()
            printer = Printer(tell)
            rest = problem.__traceback__.tb_next  # without the line above
            print("".join(traceback.format_exception(type(problem), problem, rest)), end="", file=printer)
            return "error"
        finally:
            printer.flush()
    return "end"
`;

/** Count what is fetched, so that a reader sees how far it is. */
async function countFetches() {
  const { bytes: all } = await (await fetch(new URL("vendor/pyodide/bytes.json", import.meta.url))).json();
  const plain = self.fetch.bind(self);
  let loaded = 0;
  self.fetch = async (...request) => {
    const response = await plain(...request).catch(() => Response.error());
    if (!response.ok) {
      postMessage({ failed: "Python could not be loaded. Is there a network?" }); // Pyodide would wait for ever
    }
    const counter = new TransformStream({
      transform(part, controller) {
        loaded += part.byteLength;
        postMessage({ loaded: Math.min(loaded, all), all });
        controller.enqueue(part);
      },
    });
    const { headers, status, statusText } = response;
    return response.body ? new Response(response.body.pipeThrough(counter), { headers, status, statusText }) : response;
  };
}

async function load() {
  await countFetches();
  const { loadPyodide } = await import("./vendor/pyodide/pyodide.mjs");
  const python = await loadPyodide();
  python.runPython(PYTHON);
  return python.globals.get("run");
}

const ready = load();

self.addEventListener("message", async ({ data: sources }) => {
  let run;
  try {
    run = await ready;
  } catch (problem) {
    postMessage({ failed: `Python could not be loaded: ${problem.message}` });
    return;
  }
  postMessage({ started: true });
  const done = run(sources, (printed) => postMessage({ printed }));
  postMessage({ done });
});

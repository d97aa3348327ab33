"""Run the notebooks of docs/labs/ from top to bottom and store their outputs, or check the outputs that they store.

Example: python -m scripts.run_labs texture-classification
"""

import argparse
import hashlib
import os
import re
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from scripts.make_notebooks import METADATA
from snippets.figures import style
from tests.runner.outputs import differences, within

ROOT = Path(__file__).resolve().parent.parent
LABS = ROOT / "docs" / "labs"
PLOT = "image/svg+xml"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
# Runs in the kernel before the first cell. ZeroMQ, which carries the cells, does not pass through Python's sockets.
OFFLINE = """
import socket
import sys


def refuse(event, args):
    if event == "socket.getaddrinfo" or event == "socket.connect" and args[0].family != socket.AF_UNIX:
        raise PermissionError("a lab runs without a network")


sys.addaudithook(refuse)
"""


class LabError(Exception):
    """A notebook cannot be read, or does not run to its end. The message says where and why."""


@contextmanager
def home_of_its_own():
    """Let Jupyter, IPython and matplotlib keep their files in a temporary folder, not in the user's home.

    Yields the folder in which the notebook runs. One thread, so that sums are made in the same order each time.
    """
    with tempfile.TemporaryDirectory() as folder:
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
        places = {name: f"{folder}/{name}" for name in names}
        startup = Path(places["IPYTHONDIR"], "profile_default", "startup")
        startup.mkdir(parents=True)
        (startup / "offline.py").write_text(OFFLINE, encoding="utf-8")
        work = Path(folder, "work")
        work.mkdir()
        with mock.patch.dict(os.environ, {**places, "JUPYTER_PATH": "", "OMP_NUM_THREADS": "1"}):
            yield work


def shown(path):
    """Return the path as messages name it: relative to the repository where it lies inside."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def read(path):
    """Return the notebook at `path`. Raises LabError when it is missing or no notebook."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception as problem:  # nbformat raises what json, its schema and the file system raise
        raise LabError(f"{shown(path)}: cannot be read as a notebook: {problem}") from problem


def code_cells(notebook):
    """Return the code cells that hold code; a cell's number is its place among them, as in `In [3]`."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


class Progress:
    """Says which cell runs, and knows its number when it fails."""

    def __init__(self, path, notebook):
        self.path, self.number, self.started = shown(path), 0, time.perf_counter()
        self.numbers = {cell.id: number for number, cell in enumerate(code_cells(notebook), start=1)}

    def __call__(self, cell, cell_index):
        self.number = self.numbers[cell.id]
        seconds = time.perf_counter() - self.started
        print(f"{self.where} of {len(self.numbers)}, {seconds:.0f} s", file=sys.stderr, flush=True)

    @property
    def where(self):
        return f"{self.path}: cell {self.number}"

    @contextmanager
    def explain(self, limit):
        """Turn the ways in which a cell can fail into a LabError that names file and cell."""
        try:
            yield
        except CellExecutionError as problem:
            traceback = ANSI.sub("", problem.traceback).strip()
            raise LabError(f"{self.where}: {problem.ename}: {problem.evalue}\n{traceback}") from None
        except CellTimeoutError:
            raise LabError(f"{self.where}: took longer than {limit} seconds") from None
        except DeadKernelError:
            raise LabError(f"{self.where}: the cell ended the kernel") from None


def execute(path, limit):
    """Return the notebook at `path` with the outputs of a run from top to bottom in a fresh kernel.

    limit: seconds that one cell may take.
    Raises LabError with file, number of the cell and traceback when a cell fails, takes too long or ends the kernel.
    """
    notebook = read(path)
    progress = Progress(path, notebook)
    with home_of_its_own() as work, progress.explain(limit):
        NotebookClient(
            notebook,
            timeout=limit,
            kernel_name="python3",
            resources={"metadata": {"path": str(work)}},
            extra_arguments=["--log-level=ERROR"],
            record_timing=False,
            coalesce_streams=True,
            on_cell_execute=progress,
        ).execute()
    return notebook


def fingerprint(code):
    """Return a short hash of a cell's code, stored with its outputs: it tells whether they belong to this code."""
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def normalise(notebook):
    """Make an executed notebook small and the same on every run, in place: no timings, no settings of an editor."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.tags} if cell.metadata.get("tags") else {})
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, cell.outputs if cell.source.strip() else []
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count, cell.metadata["ran"] = number, fingerprint(cell.source)
        for output in cell.outputs:
            output.metadata = nbformat.from_dict({})
            normalise_output(output, number, cell.id)


def normalise_output(output, number, name):
    """Make one output the same on every run, in place; a plot gets the style of the lessons' figures."""
    if output.output_type == "stream":
        del output["metadata"]
    if output.output_type == "execute_result":
        output.execution_count = number
    if PLOT in output.get("data", {}):
        output.data[PLOT] = style.to_svg(DrawnPlot(output.data[PLOT]), name)


class DrawnPlot:
    """A plot that is SVG already, where `style.to_svg` expects a matplotlib figure."""

    def __init__(self, svg):
        self.svg = svg

    def savefig(self, file, **options):
        file.write(self.svg)


def write(notebook, path):
    """Write the notebook in one step: whoever reads the file sees the old one or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def printed(cell):
    """Return all that a cell prints, as one text."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def displayed(cell):
    """Return what a cell displays, one line each: its kinds, and its text, which for a plot says what it shows."""
    data = [output.data for output in cell.outputs if output.output_type in ("display_data", "execute_result")]
    return [f"{' + '.join(sorted(kinds))}: {kinds.get('text/plain', '')}" for kinds in data]


def stale(notebook):
    """Return one line for each code cell that was changed since its outputs were stored."""
    return [
        f"cell {number}: its code was changed after its outputs were stored"
        for number, cell in enumerate(code_cells(notebook), start=1)
        if cell.metadata.get("ran") != fingerprint(cell.source)
    ]


def changed(stored, seen):
    """Return what differs between the outputs of a stored notebook and of a run of the same code.

    Decimals agree at the digits shown, or within what the cell itself prints: "may differ by up to 1.5".
    """
    found = []
    for number, (old, new) in enumerate(zip(code_cells(stored), code_cells(seen), strict=True), start=1):
        lines = differences(printed(old), printed(new), within(printed(old)))
        if lines:
            found.append("\n  ".join([f"cell {number}: it prints something else", *lines]))
        if displayed(old) != displayed(new):
            lines = [f"page shows: {line}" for line in displayed(old)]
            lines += [f"block gave: {line}" for line in displayed(new)]
            found.append("\n  ".join([f"cell {number}: it displays something else", *lines]))
    return found


def check(path, limit):
    """Raise LabError when the stored outputs of the notebook at `path` are not what its code gives."""
    stored = read(path)
    found = stale(stored) or changed(stored, execute(path, limit))
    if found:
        lines = "\n".join(f"{shown(path)}: {line}" for line in found)
        raise LabError(f"{lines}\nTo store the outputs of a new run: python -m scripts.run_labs {path.stem}")


def run(path, limit):
    """Execute the notebook at `path` and store its outputs in it. A notebook that fails is left as it was."""
    notebook = execute(path, limit)
    normalise(notebook)
    write(notebook, path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lab", nargs="*", help="names of labs; all of them when left out")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a run gives other outputs")
    parser.add_argument("--limit", type=int, default=300, metavar="SECONDS", help="time that one cell may take")
    options = parser.parse_args(arguments)
    names = sorted(path.stem for path in LABS.glob("*.ipynb"))
    unknown = set(options.lab) - set(names)
    if unknown:
        parser.error(f"no such lab: {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    failed = False
    for name in options.lab or names:
        try:
            (check if options.check else run)(LABS / f"{name}.ipynb", options.limit)
        except LabError as problem:
            print(problem)
            failed = True
        else:
            print(f"{name}: {'outputs as stored' if options.check else 'outputs stored'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The page runner: `pytest --codeblocks [page]` runs and checks every page of the course.

pytest-codeblocks collects the Markdown files and extracts their blocks; this plugin puts a page with one process,
one namespace and checked claims in the place of its loose blocks.

    pytest --codeblocks docs                                      every page
    pytest --codeblocks docs/lessons/first-cnn/index.md::block-4  one block, after what it needs
    pytest --codeblocks --update-outputs docs/lessons/first-cnn   write what the blocks print
    pytest --codeblocks --downloads docs/lessons/training-loop    with a network: run what needs a download, too
"""

import gc
import importlib
import os
import re
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.runner import (
    arithmetic,
    displayed,
    front_matter,
    grids,
    house_style,
    lesson,
    shard,
    sources,
    totals,
    unbound,
    update,
    wordings,
)
from tests.runner.fences import Problem
from tests.runner.page import Block, Claim, Ending, Page, output_fault, read_page
from tests.runner.process import Limits, PageProcess
from tests.runner.report import Report

# Imported once, before the fork, when a page of this run imports them: each costs up to seconds in every page.
HEAVY = ("numpy", "torch", "torchvision", "matplotlib.pyplot", "sklearn.datasets", "skimage.data")
# What is checked of a page without running it: name -> function that gives its problems.
CHECKS = {
    "front-matter": front_matter.problems,
    "format": lambda page, root: page.problems,
    "arithmetic": arithmetic.problems,
    "grids": grids.problems,
    "totals": totals.problems,
    "unbound": unbound.problems,
    "sources": sources.problems,
    "house-style": house_style.problems,
    "lesson": lesson.problems,
    "displayed": displayed.problems,
}


def pytest_addoption(parser):
    group = parser.getgroup("pages", "pages of the course (with --codeblocks)")
    group.addoption("--update-outputs", action="store_true", help="write what the blocks print into the pages")
    group.addoption(
        "--device",
        choices=["cpu", "cuda", "twin"],
        default="cpu",
        help="where PyTorch computes; cuda: on a GPU, and compared with the CPU (a missing GPU is an error); "
        "twin: twice on the CPU, to rehearse that",
    )
    group.addoption("--shard", help="run a part of the files only, such as 2/4; see tests/runner/shard.py")
    group.addoption("--gpu-results", type=Path, help="write what was compared on the GPU into this JSON file")
    group.addoption("--downloads", action="store_true", help="with a network: run the blocks that need a download, too")
    group.addoption("--report", type=Path, help="write what was verified into this JSON file, for the site")
    group.addoption("--page-seconds", type=float, help="time limit of one page (default 60; 600 on a GPU)")
    group.addoption("--page-memory", type=float, default=4.0, help="memory limit of one page in GiB (default 4)")
    group.addoption("--page-seed", type=int, default=0, help="seed at the start of each page (default 0)")


def pytest_configure(config):
    option = config.option
    if option.shard:
        try:
            shard.parse(option.shard)
        except ValueError as problem:
            raise pytest.UsageError(str(problem)) from None
    # A process that has computed with OpenMP threads cannot be forked; each page starts threads of its own.
    os.environ["OMP_NUM_THREADS"] = "1"
    if not option.codeblocks:
        if option.update_outputs:
            raise pytest.UsageError("--update-outputs needs --codeblocks")
        return
    if option.page_seconds is None:
        option.page_seconds = 60.0 if option.device == "cpu" else 600.0
    if option.update_outputs and option.device != "cpu":
        raise pytest.UsageError("outputs are written on a CPU only: leave out --device cuda")
    if min(option.page_seconds, option.page_memory) <= 0 or not 0 <= option.page_seed < 2**32:
        raise pytest.UsageError("--page-seconds and --page-memory must be positive, --page-seed from 0 to 2**32 - 1")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the pages too, as after Ctrl-C
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.setdefault("MPLCONFIGDIR", str(config.rootpath / ".cache" / "matplotlib"))
    if option.device != "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not cuda_works():
        raise pytest.UsageError("--device cuda: torch finds no CUDA device here")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Report(config), "pages-report")


def threads() -> int:
    """With `-n 2`, two pages compute at the same time: each gets its share of the cores."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return max(1, (os.cpu_count() or 1) // workers)


def cuda_works() -> bool:
    """Asks in a process of its own: a parent that has started CUDA can no longer be forked."""
    child = os.fork()
    if child == 0:
        try:
            import torch

            os._exit(0 if torch.cuda.is_available() and torch.ones(2, device="cuda").sum().item() == 2 else 1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """`-n 2` gives whole pages to a worker, since the blocks of a page need each other."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    collected = yield
    if not parent.config.option.codeblocks:
        return collected
    return [
        PageFile.from_parent(parent, path=node.path) if type(node).__name__ == "MarkdownFile" else node
        for node in collected
    ]


def pytest_collection_modifyitems(config, items):
    """Leaves out what is for other machines; tells each page which of its steps are wanted, so that only those run."""
    if config.option.shard:
        leave_to_others(config, items)
    for item in items:
        if isinstance(item, StepItem):
            item.parent.wanted.add(item.name)
    if "hypothesis" not in sys.modules and config.pluginmanager.has_plugin("hypothesispytest"):
        config.pluginmanager.unregister(name="hypothesispytest")  # its summary would import hypothesis, for 0.2 s


def leave_to_others(config, items) -> None:
    part, parts = shard.parse(config.option.shard)
    files = {item.nodeid: item.nodeid.partition("::")[0] for item in items}
    places = shard.assign(set(files.values()), shard.recorded(config.rootpath), parts)
    others = [item for item in items if places[files[item.nodeid]] != part]
    items[:] = [item for item in items if places[files[item.nodeid]] == part]
    config.hook.pytest_deselected(items=others)


def pytest_sessionfinish(session):
    for page in PageFile.running:
        page.process.finish("the run was ended")


class PageFile(pytest.File):
    """One page; its steps run in one process, in order."""

    running: list["PageFile"] = []

    def collect(self):
        self.content: Page = read_page(self.path, self.config.rootpath)
        if self.config.option.downloads:
            wake_downloads(self.content)
        if self.config.option.device != "cpu" and self.content.steps:
            self.content.steps.append(Ending("gpu", self.content.steps[-1].line))
        self.wanted: set[str] = set()
        self.process: PageProcess | None = None
        self.printed: list[tuple[Block, str]] = []
        for name, check in CHECKS.items():
            yield CheckItem.from_parent(self, name=name, check=check)
        for step in self.content.steps:
            yield StepItem.from_parent(self, name=step.name, step=step)

    @property
    def relative(self) -> str:
        return os.path.relpath(self.path, self.config.invocation_params.dir)

    def result(self, name: str) -> dict:
        if self.process is None:
            self.start()
        return self.process.result(name)

    def start(self) -> None:
        """Forks the page with its steps up to the last one that is wanted."""
        steps = self.content.steps
        last = max(i for i, step in enumerate(steps) if step.name in self.wanted)
        option = self.config.option
        import_what_pages_import(steps)
        limits = Limits(
            option.page_seconds, option.page_memory, option.page_seed, option.device, threads(), option.downloads
        )
        self.process = PageProcess(self.content, steps[: last + 1], limits, self.config.rootpath)
        self.running.append(self)

    def teardown(self):
        if self.process:
            self.process.finish("the page was left early")
            self.running.remove(self)
        if self.printed:
            lines = update.rewrite(self.path, self.content.text, self.printed)
            reporter = self.config.pluginmanager.get_plugin("terminalreporter")
            if reporter:
                reporter.write("".join(f"\n{self.relative}:{line}: output written" for line in lines))


def wake_downloads(page: Page) -> None:
    """With --downloads, a block that says it needs a download runs like any other."""
    for step in page.steps:
        if isinstance(step, Block) and "needs a download" in (step.skip or ""):
            step.skip = None


def import_what_pages_import(steps: list) -> None:
    for step in steps:
        if getattr(step, "kind", "") == "layers":
            importlib.import_module("torch")
        source = "".join(chunk.code for chunk in step.chunks) if isinstance(step, Block) and not step.skip else ""
        for name in HEAVY:
            if re.search(rf"^\s*(?:import|from) {name.partition('.')[0]}\b", source, re.MULTILINE):
                importlib.import_module(name)
        if "torch.optim" in source:
            importlib.import_module("torch._dynamo")  # the first optimizer imports it, for about a second
    if "numpy" in sys.modules:
        importlib.import_module("numpy.random")  # torch leaves it out; seeding would import it in every page, for 15 ms
    gc.freeze()  # what is imported stays: no garbage collection has to look through it, at the end for 0.6 s


class PageItem(pytest.Item):
    def at(self, line: int | str, message: str) -> str:
        return f"{self.parent.relative}:{line}: {message}"

    def count_as(self, kind: str) -> None:
        """For the report: what this item is, and how many items its page has."""
        self.user_properties += [("kind", kind), ("of", len(CHECKS) + len(self.parent.content.steps))]

    def fail(self, message: str) -> None:
        pytest.fail(message, pytrace=False)


class CheckItem(PageItem):
    """A check of the page as a whole that runs no code of it."""

    def __init__(self, check, **kwargs):
        super().__init__(**kwargs)
        self.check = check
        self.count_as("checks")

    def runtest(self):
        found: list[Problem] = self.check(self.parent.content, self.config.rootpath)
        if found:
            found = sorted(found, key=lambda problem: problem.line)
            self.fail("\n".join(self.at(problem.line, problem.message) for problem in found))

    def reportinfo(self):
        return self.path, 0, f"{self.parent.relative}: {self.name}"


class StepItem(PageItem):
    """One block or one claim of a page."""

    def __init__(self, step: Block | Claim, **kwargs):
        super().__init__(**kwargs)
        self.step = step
        self.count_as("blocks" if isinstance(step, Block) else "claims")

    def runtest(self):
        result = self.parent.result(self.step.name)
        status = result["status"]
        if "gpu" in result:
            self.user_properties.append(("gpu", result["gpu"] | {"seconds": result["seconds"]}))
        if status == "skipped":
            pytest.skip(result["message"])
        elif status == "failed":
            self.fail(self.explain(result))
        elif status == "ran":
            self.compare(result)
        elif status == "ended":
            self.not_run(result)

    def explain(self, result: dict) -> str:
        """The child's `line: what is wrong` with the page's name; more than one line for a step of many claims."""
        message, gap, traceback = result["message"].replace(str(self.config.rootpath) + os.sep, "").partition("\n\n")
        stderr = result.get("stderr", "").strip()
        more = f"\n\nIt also printed to stderr:\n{stderr}" if stderr else ""
        placed = re.sub(r"^(\d+): ", lambda found: self.at(found[1], ""), message, flags=re.MULTILINE)
        return placed + gap + traceback + more

    def not_run(self, result: dict) -> None:
        """The page ended before this step: here, or in an earlier step that says why."""
        steps = {step.name: step for step in self.parent.content.steps}
        failed = next((n for n, r in self.parent.process.results.items() if r.get("stops")), result["in"])
        if failed == self.name or failed not in steps:
            self.fail(self.at(self.step.line, f"this page failed here: {result['message']}"))
        why = f"{failed} (line {steps[failed].line}) failed before it"
        if failed in self.parent.wanted:
            pytest.skip(f"not run: {why}")
        stopped = self.parent.process.results.get(failed, {"message": f"{steps[failed].line}: {result['message']}"})
        self.fail(f"{self.at(self.step.line, f'not run: {why}')}\n{self.explain(stopped)}")

    def compare(self, result: dict) -> None:
        """What the block printed against what the page shows."""
        units = 0.5 if self.config.option.device == "cpu" else 1.5  # sums are rounded in another order there
        printed = wordings.translated(result["output"], self.config.rootpath)
        fault = output_fault(self.step, printed, units)
        if fault is None:
            return
        if self.config.option.update_outputs and fault.mend:
            self.parent.printed.append((self.step, result["output"]))
            return
        mend = (
            f"\n  to write what it prints: make update PAGE={shlex.quote(self.parent.relative)}" if fault.mend else ""
        )
        self.fail(self.at(fault.line, fault.message) + mend)

    def reportinfo(self):
        return self.path, self.step.line - 1, f"{self.parent.relative}:{self.step.line}"

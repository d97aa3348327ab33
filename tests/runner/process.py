"""Runs one page in a process of its own, forked after the heavy imports, and reports step by step.

The child runs the steps and sends one JSON line for each; the parent reads them, and ends a child that takes too long,
too much memory, or leaves without a word. Nothing that a page does reaches another page.
"""

import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.runner import child
from tests.runner.page import Page

GRACE = 3.0  # seconds for a page to end by itself after its own time limit


@dataclass
class Limits:
    """What one page may use."""

    seconds: float = 60.0
    gibibytes: float = 4.0
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    network: bool = False

    @property
    def bytes(self) -> int:
        return int(self.gibibytes * 2**30)


class PageProcess:
    """The running page: `result(name)` waits for one step and tells how it went."""

    def __init__(self, page: Page, steps: list, limits: Limits, root: Path, main=child.main):
        self.page, self.limits, self.main = page, limits, main
        self.results: dict[str, dict] = {}
        self.started = ""  # name of the step that runs now
        self.ended: str | None = None  # why nothing more will come
        self.folder = own_folder(root / ".cache" / "p")  # short: the path of a socket has 107 characters at most
        self.deadline = time.monotonic() + limits.seconds + GRACE
        self.buffer = b""
        self.pid, self.pipe = self.fork(steps)
        self.base = self.memory()  # torch and its friends, shared with the parent, are not the page's own

    def fork(self, steps: list) -> tuple[int, int]:
        reading, writing = os.pipe()
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            stream.flush()  # or the child would print it a second time
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self.main(steps, self.limits, self.folder, writing)  # never returns
        os.close(writing)
        return pid, reading

    def result(self, name: str) -> dict:
        """The result of a step: `{"status": ...}` and what belongs to it. Without one, how the page ended."""
        while name not in self.results and self.ended is None:
            self.read()
        if name in self.results:
            return self.results[name]
        reason = self.results.get("page", {}).get("message", self.ended)
        return {"status": "ended", "in": self.started, "message": reason}

    def read(self) -> None:
        """Waits a moment for news, and watches the clock and the memory."""
        ready, _, _ = select.select([self.pipe], [], [], 0.1)
        if ready:
            news = os.read(self.pipe, 65536)
            if not news:
                return self.finish(None)
            *lines, self.buffer = (self.buffer + news).split(b"\n")
            for line in lines:
                self.note(json.loads(line))
        elif time.monotonic() > self.deadline + child.seconds_in_line(self.pid):
            self.finish(f"it did not end within {self.limits.seconds:g} s")
        elif self.memory() - self.base > self.limits.bytes:
            self.finish(f"it used more than {self.limits.gibibytes:g} GiB of memory")

    def note(self, message: dict) -> None:
        if message["status"] == "started":
            self.started = message["name"]
        else:
            self.results[message["name"]] = message

    def memory(self) -> int:
        """Bytes that the page and the processes it started hold."""
        try:
            process = psutil.Process(self.pid)
            family = [process, *process.children(recursive=True)]
            return sum(member.memory_info().rss for member in family)
        except psutil.Error:
            return 0

    def finish(self, reason: str | None) -> None:
        """Ends the page with all that it started, and removes its folder."""
        if self.pid:
            if reason:
                kill(self.pid)
            _, status = os.waitpid(self.pid, 0)
            kill(self.pid)
            self.ended = reason or words(os.waitstatus_to_exitcode(status))
            self.pid = 0
            os.close(self.pipe)
            kill_all_in(self.folder)
            shutil.rmtree(self.folder, ignore_errors=True)


def own_folder(pages: Path) -> Path:
    """A new folder for one page, named after this process; those that a killed run left are removed."""
    pages.mkdir(parents=True, exist_ok=True)
    for left in pages.iterdir():
        owner = left.name.partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=pages)).resolve()


def kill_all_in(folder: Path) -> None:
    """Ends what a page started and left running: whatever works in the folder of the page."""
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                process.kill()
        except (psutil.Error, OSError):
            continue


def kill(pid: int) -> None:
    """Ends the process and its whole group."""
    for end in (os.killpg, os.kill):
        try:
            end(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def words(code: int) -> str:
    """How a process ended that did not say good-bye."""
    if code >= 0:
        return f"its process ended without a word (exit code {code}): a page must not end Python"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
    return f"its process was ended by {name}" + (
        " (out of memory, or killed from outside)" if name == "SIGKILL" else ""
    )

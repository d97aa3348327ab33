"""Proves from the reader's side that nothing is left out: the Python that the site shows is the Python that runs."""

import signal
from contextlib import contextmanager
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import markdown
from mkdocs.utils.yaml import yaml_load

from tests.runner.fences import PYTHON, Problem, after_front_matter
from tests.runner.page import Block, Page

# For a tree without a site (a test): what a fence needs to be shown.
PLAIN = [
    {"pymdownx.highlight": {"pygments_lang_class": True}},
    "pymdownx.superfences",
    "md_in_html",
    "admonition",
    "pymdownx.tabbed",
]
SECONDS = 10.0  # for one page; a lesson takes a fifth of one
MOST = 10  # blocks that are named, of those that do not run


class TooLong(BaseException):
    """The page takes too long; not an Exception, so that no extension of the site catches it."""


def problems(page: Page, root: Path) -> list[Problem]:
    """Python that is shown and does not run, and Python that runs and is not shown."""
    body = "\n".join(page.scan.lines[after_front_matter(page.scan.lines) - 1 :])
    try:
        with at_most(SECONDS):
            shown = [tidy(code) for code in python_shown(renderer(root).reset().convert(body))]
    except TooLong:
        return [unbuilt(page, f"the site's Markdown takes more than {SECONDS:g} s for this page: make it simpler")]
    except Exception as error:  # the site's own extensions say what is wrong, not always where
        return [unbuilt(page, f"the site cannot be built: {str(error).splitlines()[-1] if str(error) else error!r}")]
    blocks = [step for step in page.steps if isinstance(step, Block)]
    run = [tidy("".join(chunk.code for chunk in block.chunks)) for block in blocks]
    ran, seen = set(run), set(shown)
    found = [
        Problem(block.line, "this block runs, but the site does not show it as Python: is its indentation right?")
        for block, code in zip(blocks, run, strict=True)
        if code not in seen
    ]
    missing = [code for code in shown if code and code not in ran][:MOST]
    found += [
        Problem(line_of(page, code), f"the site shows Python that never runs: {code.splitlines()[0]}")
        for code in missing
    ]
    if not found and len(shown) != len(run):
        found.append(Problem(1, f"the site shows {len(shown)} Python blocks, but {len(run)} run"))
    return found


def unbuilt(page: Page, words: str) -> Problem:
    """A page that cannot be shown; at its first diagram, which is what most often goes wrong."""
    renderer.cache_clear()  # it stopped in the middle of a page
    return Problem(next((fence.line for fence in page.scan.fences if fence.language == "layers"), 1), words)


@contextmanager
def at_most(seconds: float):
    """Raises TooLong inside when the time is over, and again each second if somebody catches it."""

    def stop(number, frame):
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tidy(code: str) -> str:
    return "\n".join(line.rstrip() for line in code.splitlines() if line.strip())


def line_of(page: Page, code: str) -> int:
    first = code.splitlines()[0].strip()
    return next((n for n, line in enumerate(page.scan.lines, start=1) if first in line), 1)


@cache
def renderer(root: Path) -> markdown.Markdown:
    """The site's own Markdown, without the extensions that draw (they do not touch Python)."""
    config = root / "mkdocs.yml"
    entries = yaml_load(config.read_text(encoding="utf-8"))["markdown_extensions"] if config.exists() else PLAIN
    settings = {}
    for entry in entries:
        name, options = next(iter(entry.items())) if isinstance(entry, dict) else (entry, {})
        if not name.startswith("scripts."):
            settings[name] = options or {}
    settings.setdefault("pymdownx.snippets", {}).update(base_path=[str(root)], check_paths=False)
    return markdown.Markdown(extensions=list(settings), extension_configs=settings)


def python_shown(html: str) -> list[str]:
    reader = ShownPython()
    reader.feed(html)
    return reader.blocks


class ShownPython(HTMLParser):
    """Collects the text of every `<code>` that is marked, itself or by its box, as Python."""

    def __init__(self):
        super().__init__()
        self.blocks: list[str] = []
        self.box: list[str] = []  # open tags since a box of Python began
        self.reading = False

    def handle_starttag(self, tag, attributes):
        classes = (dict(attributes).get("class") or "").lower().split()
        if tag in ("br", "img", "input", "hr", "wbr"):
            return
        if self.box or PYTHON & {name.removeprefix("language-") for name in classes}:
            self.box.append(tag)
            if tag == "code" and not self.reading:
                self.reading = True
                self.blocks.append("")

    def handle_endtag(self, tag):
        if self.box and tag in self.box:
            while self.box and self.box.pop() != tag:
                pass
            self.reading = self.reading and "code" in self.box

    def handle_data(self, data):
        if self.reading:
            self.blocks[-1] += data

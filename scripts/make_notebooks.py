"""Make a notebook of each lesson, with its exercises: the same text and code, snippets expanded, outputs in place.

The notebooks are built, not written: docs/lessons/<name>/notebook.ipynb is git-ignored, and the same on every run.
With --run the notebooks of the named lessons are also executed, in a fresh kernel, and their outputs compared.

Example: python -m scripts.make_notebooks --run vgg
"""

import argparse
import base64
import json
import os
import posixpath
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from scripts.site.pages import front_matter
from tests.runner.fences import WIDGETS, Fence, Problem, after_front_matter, scan
from tests.runner.snippets import INCLUDE, chunks

ROOT = Path(__file__).resolve().parents[1]
LESSONS = ROOT / "docs" / "lessons"
FILE = "notebook.ipynb"
SITE = os.environ.get("SITE_URL", "https://example.org/convnets-checked/")
INSTALL = """\
# Installs what this notebook needs; what is there already, stays.
%pip install --quiet torch torchvision scikit-learn scikit-image matplotlib"""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE = re.compile(r"(^[ \t>]*```.*?^[ \t>]*```[ \t]*$|`+[^`\n]+`+)", re.DOTALL | re.MULTILINE)  # fences and spans
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|attachment:|data:)([^)\s#]*)(#[^)\s]*)?(?=\))")
PICTURE = re.compile(r"!\[(.*?)\]\(([^)\s]+\.svg)\)")
RAISES = re.compile(r"pytest\.mark\.xfail\(raises=([\w.]+)\)")
SKIPPED = re.compile(r"pytest\.mark\.skip\(")
FOLDED = "Hint|Solution|Answers that look right"  # what an exercise keeps folded, code and all


@dataclass
class Maker:
    """Walks through a page and collects the cells of its notebook."""

    page: Path
    deeper: int = 0  # levels by which headings move down
    cells: list[dict] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def read(self, skip_to: str | None = None, until: str | None = None) -> list[dict]:
        """The cells from the heading `skip_to` on, or from the start, to the heading `until` or the end."""
        self.scan = scan(self.page.read_text(encoding="utf-8"))
        fences = {fence.line: fence for fence in self.scan.fences}
        number, last = self.bounds(skip_to, until)
        while number <= last:
            fence = fences.get(number)
            if fence is None:
                self.words.append(self.scan.lines[number - 1])
                number += 1
            else:
                number = self.fence(fence, fences) + 1
        self.flush()
        return self.cells

    def text(self) -> str:
        """The page as one text, its code with it; pictures are links."""
        self.scan = scan(self.page.read_text(encoding="utf-8"))
        fences = {fence.line: fence for fence in self.scan.fences}
        number, last = self.bounds(None, None)
        while number <= last:
            fence = fences.get(number)
            self.words += self.as_text(fence) if fence else [self.scan.lines[number - 1]]
            number = (fence.end if fence else number) + 1
        return "\n".join(self.words)

    def bounds(self, skip_to: str | None, until: str | None) -> tuple[int, int]:
        places = {text: line for line, level, text in self.scan.headings if level == 2}
        return places.get(skip_to, after_front_matter(self.scan.lines)), places.get(until, len(self.scan.lines) + 1) - 1

    def fence(self, fence: Fence, fences: dict[int, Fence]) -> int:
        """Add a fence as a cell or as text; the number of the last line that was read."""
        if fence.language != "python" or self.is_folded():
            self.words += self.as_text(fence)
            return fence.end
        marks = "\n".join(self.words[-4:])
        self.flush()
        following = fences.get(self.next_line(fence.end))
        output = following if following and following.language == "text" else None
        code = "".join(chunk.code for chunk in chunks(self.page, fence, self.code(fence), ROOT)).rstrip("\n")
        self.cells.append(code_cell(code, output, marks))
        return output.end if output else fence.end

    def code(self, fence: Fence) -> str:
        return "".join(line.removeprefix(fence.prefix) + "\n" for line in fence.body)

    def next_line(self, number: int) -> int:
        """The first line behind `number` that is not empty."""
        lines = self.scan.lines
        return next((n for n in range(number + 1, len(lines) + 1) if lines[n - 1].strip(" \t>")), 0)

    def is_folded(self) -> bool:
        """Whether the last details that was opened is still open, and is one that an exercise keeps folded."""
        text = "\n".join(self.words)
        opened, closed = text.rfind("<details"), text.rfind("</details>")
        return opened > closed and re.search(rf"<summary>({FOLDED})", text[opened:]) is not None

    def as_text(self, fence: Fence) -> list[str]:
        """A fence that is read, not run. A diagram of layers becomes a table, a widget its numbers."""
        if fence.language in WIDGETS:
            numbers = "; ".join(line for line in fence.body if not line.startswith(("id:", "alt:", "check:")))
            return [f"*On the site, one can play with this ({fence.language}{': ' if numbers else ''}{numbers}).*"]
        if fence.language == "layers":
            rows = [line for line in fence.body if "|" in line]
            return ["| layer | output |", "|---|---|", *(f"| {row} |" for row in rows)]
        lines = [self.expanded(line) for line in fence.body] if fence.language == "python" else fence.body
        return [f"{fence.prefix}```{fence.language}", *lines, f"{fence.prefix}```"]

    def expanded(self, line: str) -> str:
        if not INCLUDE.match(line):
            return line
        return "".join(c.code for c in chunks(self.page, Fence(0, 0, "", "```", "python"), line + "\n", ROOT)).rstrip(
            "\n"
        )

    def flush(self) -> None:
        """Make a Markdown cell of the collected text."""
        source, pictures = self.with_pictures("\n".join(self.words))
        source = self.with_links(readable(source, self.deeper))
        if source:
            cell = {"cell_type": "markdown", "metadata": {}, "source": source}
            self.cells.append(cell | ({"attachments": pictures} if pictures else {}))
        self.words = []

    def with_pictures(self, text: str) -> tuple[str, dict]:
        """The text with its figures as attachments: they are there without a network, too."""
        pictures = {}
        for _, name in PICTURE.findall(text):
            data = base64.b64encode((self.page.parent / name).read_bytes()).decode("ascii")
            pictures[name] = {"image/svg+xml": data}
        return PICTURE.sub(r"![\1](attachment:\2)", text), pictures

    def with_links(self, text: str) -> str:
        """Links to other pages lead to the site."""
        folder = self.page.parent.relative_to(ROOT / "docs").as_posix()

        def absolute(link: re.Match) -> str:
            target = posixpath.normpath(posixpath.join(folder, link[1] or self.page.name))
            path = re.sub(r"(^|/)index\.md$", r"\1", target)
            return SITE + re.sub(r"\.(md|ipynb)$", "/", path) + (link[2] or "")

        return in_prose(text, lambda words: LINK.sub(absolute, words))


def in_prose(text: str, change) -> str:
    """The text with `change` made between its pieces of code."""
    pieces = CODE.split(text)  # prose, code, prose, ...
    return "".join(change(piece) if number % 2 == 0 else piece for number, piece in enumerate(pieces))


def readable(text: str, deeper: int) -> str:
    """Markdown as a notebook shows it: no comments, no attributes, details that hold cells as a line of their own."""
    text = COMMENT.sub("", text).replace(' markdown="1"', "")
    if text.count("<details") != text.count("</details>"):
        text = re.sub(r"</?details>\n?", "", text)
        text = re.sub(r"<summary>(.*?)</summary>", r"*\1.*", text)
    text = in_prose(text, lambda words: re.sub(r"^(?=#+ )", "#" * deeper, words, flags=re.MULTILINE))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def code_cell(code: str, output: Fence | None, marks: str) -> dict:
    """A cell with the output that the page shows. A block that raises on purpose does not stop the notebook."""
    raises, tags = RAISES.search(marks), []
    if raises:
        tags.append("raises-exception")
    if SKIPPED.search(marks):
        tags.append("skip-execution")
    text = "\n".join(output.body) if output else ""
    outputs = [] if not output else [error(text) if raises else stream(text)]
    metadata = ({"tags": tags} if tags else {}) | ({"title": output.title} if output and output.title else {})
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": outputs, "source": code}


def stream(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text + "\n"}


def error(text: str) -> dict:
    name, _, value = text.strip().partition(": ")
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": text.split("\n")}


def first_cells(page: Path) -> list[dict]:
    """Title, aim and origin of the lesson, and the cell that installs what it needs."""
    front = front_matter(page)
    address = f"{SITE}lessons/{page.parent.name}/"
    goals = "\n".join(f"- {goal}" for goal in front["objectives"])
    text = f"# {front['title']}\n\n{front['why']}\n\nAfter this lesson you can\n\n{goals}\n\n"
    text += f"This is the notebook of a [lesson of ConvNets, Checked]({address}). Text: CC BY 4.0. Code: MIT."
    install = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": INSTALL}
    return [{"cell_type": "markdown", "metadata": {}, "source": text}, install]


def exercise_cells(page: Path) -> list[dict]:
    """The cells of the exercises. A reader's own answer goes into the first cell of each; the second one tests it."""
    cells, tested = Maker(page, deeper=1).read(), False
    for before, cell in zip(cells, cells[1:], strict=False):
        tested = tested or before["source"].endswith("runs without an error:")
        if cell["cell_type"] == "code" and tested:  # until the reader has answered, what follows may fail, too
            cell["metadata"]["tags"] = ["raises-exception"]
    return cells


def notebook(lesson: Path) -> dict:
    """The notebook of a lesson, as JSON-ready data.

    lesson: its folder. Raises Problem when a snippet that it shows does not exist.
    """
    page = lesson / "index.md"
    cells = first_cells(page) + Maker(page).read(until="Sources")
    cells += exercise_cells(lesson / "exercises.md") + Maker(page).read(skip_to="Sources")
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def keep(path: Path, text: str) -> None:
    """Write a file when its text changed: a server that watches would build for nothing."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write(lesson: Path) -> Path:
    """Write the notebook of a lesson."""
    path = lesson / FILE
    keep(path, json.dumps(notebook(lesson), ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    return path


def run(path: Path, limit: int) -> list[str]:
    """Execute a notebook; what went wrong, one line each. Outputs agree as on the page, within what a title allows."""
    from scripts.run_labs import LabError, code_cells, execute, read
    from tests.runner.outputs import differences, within

    try:
        seen = execute(path, limit)
    except LabError as problem:
        return [str(problem)]
    found = []
    for old, new in zip(code_cells(read(path)), code_cells(seen), strict=True):
        answered = "raises-exception" not in old.metadata.get("tags", [])
        if old.outputs and old.outputs[0].output_type == "stream" and answered:
            printed = "".join(output.text for output in new.outputs if output.get("name") == "stdout")
            found += differences(old.outputs[0].text, printed, within(old.metadata.get("title", "")))
    return found


def changed_since(revision: str) -> list[str]:
    """The lessons whose folder, or a snippet that they show, differs from a revision of git."""
    command = ["git", "diff", "--name-only", revision, "--", "docs/lessons", "snippets"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = []
    for page in sorted(LESSONS.glob("*/index.md")):
        folder = page.parent.relative_to(ROOT).as_posix()
        text = page.read_text(encoding="utf-8")
        if any(file.startswith(f"{folder}/") or f'"{file}:' in text for file in files):
            found.append(page.parent.name)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lesson", nargs="*", help="names of lessons; all of them when left out")
    parser.add_argument("--run", action="store_true", help="execute them, too, and compare the outputs")
    parser.add_argument("--since", metavar="REVISION", help="only the lessons that differ from this revision of git")
    parser.add_argument("--limit", type=int, default=300, metavar="SECONDS", help="time that one cell may take")
    options = parser.parse_args()
    names = sorted(path.parent.name for path in LESSONS.glob("*/index.md"))
    if unknown := sorted(set(options.lesson) - set(names)):
        parser.error(f"no such lesson: {', '.join(unknown)}; there are: {', '.join(names)}")
    failed = False
    for name in options.lesson or (changed_since(options.since) if options.since else names):
        try:
            path = write(LESSONS / name)
        except Problem as problem:
            sys.exit(f"docs/lessons/{name}: line {problem.line}: {problem.message}")
        if options.run:
            problems = run(path, options.limit)
            print("\n  ".join([f"{name}: {'failed' if problems else 'ran, with the outputs of the page'}", *problems]))
            failed = failed or bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

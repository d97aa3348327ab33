"""Expands the snippets that a block includes, with the site's own preprocessor."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import markdown
from pymdownx.snippets import SnippetMissingError

from tests.runner.fences import Fence, Problem

INCLUDE = re.compile(r"^(?P<indent>[ \t]*)-{1,}8<-{1,}[ \t]+(?P<quote>[\"'])(?P<target>[^\"']+)(?P=quote)[ \t]*$")


@dataclass
class Chunk:
    """Lines of code that stand together in one file, from `line` on."""

    path: Path
    line: int
    code: str


@cache
def preprocessor(root: Path):
    """The site's snippet preprocessor: paths start at the project, and a missing snippet is an error."""
    settings = {"pymdownx.snippets": {"base_path": [str(root)], "check_paths": True, "restrict_base_path": True}}
    return markdown.Markdown(extensions=["pymdownx.snippets"], extension_configs=settings).preprocessors["snippet"]


def chunks(page: Path, fence: Fence, code: str, root: Path) -> list[Chunk]:
    """The code of a block as chunks that keep their own file and line; includes are expanded."""
    found = [Chunk(page, fence.line + 1, "")]
    for number, line in enumerate(code.splitlines(keepends=True), start=fence.line + 1):
        if include := INCLUDE.match(line.rstrip("\n")):
            if include["indent"]:
                raise Problem(number, "an include must start at the beginning of its line")
            found += [included(number, include["target"], root), Chunk(page, number + 1, "")]
        else:
            found[-1].code += line
    return [chunk for chunk in found if chunk.code.strip()]


def included(number: int, target: str, root: Path) -> Chunk:
    """One include, as the site shows it, with the place in its file where the lines come from."""
    name, _, section = target.partition(":")
    path = root / name
    if re.match(r"[\d:,-]", section):
        raise Problem(number, f'the include "{target}" names lines, which move: name a section')
    try:
        shown = preprocessor(root).run([f'--8<-- "{target}"'])
        return Chunk(path, first_line(path, section), "\n".join(shown) + "\n")
    except (SnippetMissingError, OSError, ValueError, RecursionError) as error:
        raise Problem(number, f"{error}: the include names a file of the project, and a section of it") from None


def first_line(path: Path, section: str) -> int:
    """Where a named section starts in its file (1 for a whole file)."""
    marker = re.compile(rf"-8<-+ \[ *start *: *{re.escape(section)} *\]")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if section and marker.search(line):
            return number + 1
    return 1

"""Checks the front matter of a page: its own shape, and how it fits to the other lessons and to the nav."""

import os
import re
from functools import cache
from pathlib import Path

import jsonschema
import yaml

from scripts.site import pages
from tests.runner.fences import Problem
from tests.runner.page import Page

# The site's server must see a change of the nav; a run of the checks reads it once.
nav_pages, nav_lessons = cache(pages.nav_pages), cache(pages.nav_lessons)
LONGEST = 20_000  # characters; YAML is slow to read, and a real front matter has a tenth of that
SCHEMA = yaml.safe_load(Path(__file__).with_name("front_matter.schema.yaml").read_text(encoding="utf-8"))


def problems(page: Page, root: Path) -> list[Problem]:
    """Everything that is wrong in the front matter of one page, each with its line."""
    docs = root / "docs"
    if not page.path.is_relative_to(docs):
        return []
    meta, lines, found = read(page.text)
    if found:
        return found
    lesson = lesson_name(page.path, docs)
    found = schema_problems(meta, lines, "lesson" if lesson else "page")
    if lesson and not found:
        found = lesson_problems(lesson, meta, lines, root)
    return found


def lesson_name(path: Path, docs: Path) -> str | None:
    parts = path.relative_to(docs).parts
    return parts[1] if len(parts) == 3 and parts[0] == "lessons" and parts[2] == "index.md" else None


def read(text: str) -> tuple[dict, dict[tuple, int], list[Problem]]:
    """The front matter, the line of each of its entries by path, and what keeps it from being read."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        return {}, {}, [Problem(1, "the page must start with its front matter: a line ---, the fields, a line ---")]
    end = next((i for i, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if end is None:
        return {}, {}, [Problem(1, "the front matter is never closed: a line --- is missing")]
    if second := second_block(lines, end + 1):
        return {}, {}, [Problem(second, "a second front matter: only the first would count, so join the two")]
    source = "\n" + "\n".join(lines[1:end])  # the empty line stands for ---, so that YAML counts lines as the file does
    if len(source) > LONGEST:
        return {}, {}, [Problem(1, f"a front matter of {len(source):,} characters: at most {LONGEST:,} are read")]
    try:
        node = yaml.compose(source, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            return {}, {}, [Problem(2, "the front matter must hold fields, such as title: ...")]
        places: dict[tuple, int] = {}
        found = locate(node, (), places, set())
        return ({}, places, found) if found else (yaml.safe_load(source), places, [])
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        words = f"the front matter is not YAML: {getattr(error, 'problem', None) or error}"
        return {}, {}, [Problem(mark.line + 1 if mark else 1, words)]


def second_block(lines: list[str], start: int) -> int | None:
    """The line of another front matter right behind the first one."""
    first = next((i for i in range(start, len(lines)) if lines[i].strip()), None)
    if first is None or lines[first].rstrip() != "---" or first + 1 == len(lines):
        return None
    return first + 1 if re.match(r"[\w-]+:(\s|$)", lines[first + 1]) else None


def locate(node: yaml.Node, path: tuple, places: dict[tuple, int], seen: set[yaml.Node]) -> list[Problem]:
    """Notes the line of every entry under `node`; a key that stands twice is a problem, since YAML keeps only one."""
    places.setdefault(path, node.start_mark.line + 1)
    if node in seen:  # a few aliases of aliases would stand for millions of entries
        name = ".".join(map(str, path))
        return [Problem(node.start_mark.line + 1, f"{name} repeats this entry by an alias (*): write it out")]
    seen.add(node)
    found = []
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            found += locate(item, (*path, index), places, seen)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                found.append(Problem(key.start_mark.line + 1, "a field must have a plain name"))
                continue
            place, line = (*path, key.value), key.start_mark.line + 1
            if place in places:
                found.append(Problem(line, f'"{key.value}" stands twice, first in line {places[place]}'))
            places[place] = line
            found += locate(value, place, places, seen)
    return found


def schema_problems(meta: dict, lines: dict[tuple, int], kind: str) -> list[Problem]:
    validator = jsonschema.Draft202012Validator(SCHEMA[kind])
    found = []
    for error in validator.iter_errors(meta):
        path = tuple(error.absolute_path)
        name = ".".join(map(str, path)) or "front matter"
        found.append(Problem(line_of(error, path, lines), f"{name}: {words(error, kind)}"))
    return found


def line_of(error: jsonschema.ValidationError, path: tuple, lines: dict[tuple, int]) -> int:
    if error.validator == "additionalProperties":
        unknown = set(error.instance) - set(error.schema["properties"])
        return min(lines.get((*path, key), 1) for key in unknown)
    return lines.get(path, 1)


def words(error: jsonschema.ValidationError, kind: str) -> str:
    """The validator's message, with what may stand there."""
    if error.validator == "additionalProperties":
        unknown = ", ".join(sorted(map(str, set(error.instance) - set(error.schema["properties"]))))
        return f"unknown field {unknown}; known are {', '.join(error.schema['properties'])}"
    if error.validator == "required":
        return f"{error.message} of a {kind}"
    return error.message


def lesson_problems(lesson: str, meta: dict, lines: dict[tuple, int], root: Path) -> list[Problem]:
    """How a lesson fits to the others: prerequisites exist, come before it, and do not go in a circle."""
    order = nav_lessons(root / "mkdocs.yml")
    found = part_problems(lesson, meta["part"], lines[("part",)], root)
    for index, name in enumerate(meta["prerequisites"]):
        line = lines[("prerequisites", index)]
        if not (root / "docs" / "lessons" / name / "index.md").exists():
            found.append(
                Problem(line, f'prerequisite "{name}" does not exist: there is no docs/lessons/{name}/index.md')
            )
        elif circle := path_back(name, lesson, root):
            found.append(Problem(line, f"prerequisites go in a circle: {' -> '.join([lesson, *circle])}"))
        elif lesson in order and name in order and order.index(name) > order.index(lesson):
            found.append(Problem(line, f'prerequisite "{name}" comes after this lesson in the nav of mkdocs.yml'))
    known = glossary(root / "docs" / "reference" / "glossary.md")
    for index, concept in enumerate(meta["concepts"]):
        if concept.lower() not in known:
            message = f'concept "{concept}" is not defined in docs/reference/glossary.md: add "### {concept}" there'
            found.append(Problem(lines[("concepts", index)], message))
    return found


def part_problems(lesson: str, part: str, line: int, root: Path) -> list[Problem]:
    """The nav has the lesson, in the section that its front matter names."""
    config, page = root / "mkdocs.yml", f"lessons/{lesson}/index.md"
    if page not in nav_pages(config):
        return [Problem(1, f"the lesson is missing in the nav of mkdocs.yml: add {page}")]
    section = nav_pages(config)[page]
    if section == part.capitalize():
        return []
    words = f'under "{section}"' if section else "in no section"
    return [Problem(line, f"part: {part}, but in the nav of mkdocs.yml the lesson is {words}: move one of them")]


def path_back(start: str, goal: str, root: Path) -> list[str] | None:
    """The prerequisites that lead from `start` back to `goal`, if they do."""
    paths = [[start]]
    seen = {start}
    while paths:
        path = paths.pop()
        if path[-1] == goal:
            return path
        named = prerequisites(root / "docs" / "lessons" / path[-1] / "index.md")
        paths += [[*path, name] for name in named if name not in seen]
        seen.update(named)
    return None


@cache
def prerequisites(path: Path) -> list[str]:
    if not os.path.exists(path):  # unlike path.exists(), no error when the name is too long for a file
        return []
    meta, _, found = read(path.read_text(encoding="utf-8", errors="replace"))
    named = meta.get("prerequisites") if not found else None
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


@cache
def glossary(path: Path) -> set[str]:
    """The terms that the glossary defines, in small letters."""
    if not path.exists():
        return set()
    return {
        line[4:].strip().lower()
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("### ")
    }

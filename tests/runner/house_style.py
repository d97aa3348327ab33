"""Finds what the house style rules out: false terms, broken characters, and calls that libraries have given up.

The rules, and how to write one, are in `house_style.yaml`.
"""

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from pathlib import Path

import yaml

from tests.runner.calls import calls
from tests.runner.fences import Problem
from tests.runner.page import Page
from tests.runner.sentences import sentences

FILE = Path(__file__).with_name("house_style.yaml")
with FILE.open(encoding="utf-8") as file:
    STYLE = yaml.safe_load(file)


@dataclass
class Rule:
    """One entry of the file: patterns, with what to write instead, and what makes them right."""

    where: str
    find: list[tuple[re.Pattern, str]]
    quick: re.Pattern  # all patterns in one, since looking for them one by one takes long
    unless: re.Pattern
    why: str

    def broken(self, text: str):
        """The places where a text breaks the rule: the match, what to write instead, and the words about it."""
        if self.quick.search(text) and not self.unless.search(text):
            for pattern, instead in self.find:
                for match in pattern.finditer(text):
                    words = re.sub(r"/\d+$", "", match[0]) if match[0].isprintable() else ascii(match[0]).strip("'")
                    yield match, instead, f'"{words}": write {instead}. Why: {self.why}'


def read_rule(entry: dict) -> Rule:
    case = re.IGNORECASE if entry["where"] == "prose" else 0
    spell = (lambda glob: r"\A" + translate(glob)) if entry["where"] == "code" else str
    find = {spell(pattern): instead for pattern, instead in entry["find"].items()}
    unless = re.compile(entry.get("unless", r"(?!)"), case)
    one_by_one = [(re.compile(pattern, case), instead) for pattern, instead in find.items()]
    return Rule(entry["where"], one_by_one, re.compile("|".join(find), case), unless, entry["why"].strip())


@cache
def all_rules() -> list[Rule]:
    """The rules of the file. Raises ValueError, which names the entry, when one cannot be read."""
    found = []
    for entry in STYLE["rules"]:
        try:
            found.append(read_rule(entry))
        except (KeyError, TypeError, AttributeError, re.error) as error:
            raise ValueError(f"{FILE.name}, entry {entry}: {type(error).__name__}: {error}") from None
    return found


def problems(page: Page, root: Path) -> list[Problem]:
    given = given_lines(page)
    found = {}
    prose, code = sentences(page, STYLE["denied"]), calls(page, STYLE["names"])
    for where, passages in (("prose", prose), ("both", lines(page)), ("code", code)):
        rules = [rule for rule in all_rules() if rule.where == where]
        for start, text, place in passages:
            for match, instead, message in (fault for rule in rules for fault in rule.broken(text.replace("\n", " "))):
                line, last = (start + text.count("\n", 0, end) for end in match.span())
                if given.isdisjoint(range(line, last + 1)):
                    found.setdefault((line, place, instead), Problem(line, place.replace(f"{root}/", "") + message))
    return list(found.values())


def given_lines(page: Page) -> set[int]:
    """The lines that say why they break a rule, and those of the fences below such a line."""
    given = {comment.line for comment in page.scan.comments if re.match(r"given:\s*\S", comment.words)}
    return given.union(*(range(f.line, f.end + 1) for f in page.scan.fences if f.line - 1 in given))


def lines(page: Page):
    """Every line of the page, and of the snippets that it shows."""
    yield from ((number, line, "") for number, line in enumerate(page.scan.lines, start=1))
    for block in (step for step in page.steps if hasattr(step, "chunks")):
        for chunk in block.chunks:
            if chunk.path != page.path:
                for number, line in enumerate(chunk.code.split("\n"), start=chunk.line):
                    yield block.line, line, f"{chunk.path}:{number}: "

"""Finds numbers in prose and tables that nothing accounts for.

A number of two digits or more, or one with a unit (`5 %`, `3 million`), must come from somewhere: an output, a diagram
or code of the page, arithmetic on the page, a binding `<!-- = expr -->` or `<!-- table: ... -->`, the expression of a
binding in the same paragraph, a cited source there, or, for what nobody computes, `<!-- given: why -->` behind it.
"""

import itertools
import re
from pathlib import Path

from tests.runner import arithmetic, tables
from tests.runner.fences import Problem
from tests.runner.page import Page
from tests.runner.quiz import OPTION

NUMBER = re.compile(
    rf"(?<![\w.])(?P<number>{arithmetic.NUMBER})(?!\w|\.\d)"
    r"(?:[\s\u00a0\u202f]*(?P<unit>%|(?:percent|thousand|million|billion)\b))?"
)
# Not claims: the number of a list item, the effort of an exercise, alt texts (their code writes them), links, tags.
UNSEEN = re.compile(
    r"^\s*\d+\. |\*(?:Easy|Medium|Hard) · \d+ minutes"
    r"|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|<[^>]+>|https?://\S+|arXiv:\S+"
)
CITED = re.compile(r"\]\(#sources\)|\]\([^)]*#sources\)")


def problems(page: Page, root: Path) -> list[Problem]:
    known = numbers_shown(page)
    read = numbers_read(page)
    given = {comment.line for comment in page.scan.comments if comment.words.startswith("given:")}
    bound = {
        (step.line, last_number(step.before)) for step in page.steps if getattr(step, "kind", "") in ("number", "cell")
    }
    found = []
    first, last = sources_section(page)
    for lines in arithmetic.paragraphs(page):
        if first <= lines[0][0] <= last:
            continue
        text = "\n".join(words for _, words in lines)
        if CITED.search(text):
            continue
        computed = arithmetic.numbers(text).union(*(read.get(n, set()) for n in range(lines[0][0], lines[-1][0] + 2)))
        for line, words in lines:
            for number, written in needing(words):
                if number not in known | computed and line not in given and (line, number) not in bound:
                    found.append(Problem(line, message(written)))
    return found


def numbers_read(page: Page) -> dict[int, set[float]]:
    """By line, the numbers that its bound expressions work with, in the expression or in the cells of its row."""
    read: dict[int, set[float]] = {}
    for step in page.steps:
        expression = getattr(step, "expression", "")
        cells = [
            cell
            for name, cell in (getattr(step, "row", None) or {}).items()
            if re.search(rf"""c\[["']{re.escape(name)}""", expression)
        ]
        for text in (expression, *cells):
            read.setdefault(step.line, set()).update(value(number) for number in re.findall(arithmetic.NUMBER, text))
    return read


def sources_section(page: Page) -> tuple[int, int]:
    """The lines under `## Sources`: years and numbers of papers, which only the literature can confirm."""
    heads = [(line, text) for line, level, text in page.scan.headings if level == 2] + [(len(page.scan.lines) + 1, "")]
    return next(((a, b - 1) for (a, text), (b, _) in itertools.pairwise(heads) if text == "Sources"), (0, 0))


def needing(words: str):
    """The numbers of a line that need a reason, with how they are written."""
    if OPTION.match(words) or tables.RULE.match(words):
        return
    for match in NUMBER.finditer(UNSEEN.sub(" ", words.replace("{,}", ","))):
        if len(re.sub(r"\D", "", match["number"])) >= 2 or match["unit"]:
            yield value(match["number"]), match[0].strip()


def message(written: str) -> str:
    return f'nothing accounts for "{written}": write <!-- = expr --> behind it, cite a source, or <!-- given: why -->'


def value(number: str) -> float:
    return float(number.replace(",", ""))


def last_number(text: str) -> float | None:
    found = NUMBER.findall(text.replace("{,}", ","))
    return value(found[-1][0]) if found else None


def numbers_shown(page: Page) -> set[float]:
    """The numbers in what the page runs and what it prints: its Python, its outputs and its diagrams."""
    shown = [
        "\n".join(fence.body) for fence in page.scan.fences if fence.language in ("python", "text", "layers", "console")
    ]
    shown += [chunk.code for step in page.steps for chunk in getattr(step, "chunks", [])]
    return {value(number) for text in shown for number in re.findall(arithmetic.NUMBER, text.replace("_", ""))}

"""Checks citations: what `[LeCun et al., 1998](#sources)` names must be a source in the front matter of the page."""

import re
from pathlib import Path

from tests.runner import front_matter
from tests.runner.fences import CODE_SPAN, Problem
from tests.runner.page import Page

CITATION = re.compile(r"\[([^\]]+)\]\([^)\s]*#sources\)")


def problems(page: Page, root: Path) -> list[Problem]:
    meta, _, _ = front_matter.read(page.text) if page.text.startswith("---") else ({}, {}, [])
    sources = [source for source in meta.get("sources") or [] if isinstance(source, dict)]
    found = []
    for line, text in page.scan.prose.items():
        for words in CITATION.findall(CODE_SPAN.sub(" ", text)):
            if not any(names(words, source) for source in sources):
                found.append(
                    Problem(line, f'"{words}" is none of the sources in the front matter: author and year must agree')
                )
    return found


def names(words: str, source: dict) -> bool:
    """Whether the cited words give the year (if any) and, first, an author or the title of this source."""
    year = re.search(r"\b\d{4}\b", words)
    name = re.match(r"[^\s,]+", words.strip())
    who = f"{source.get('authors', '')} {source.get('title', '')}".lower()
    return name is not None and name[0].lower() in who and (year is None or int(year[0]) == source.get("year"))

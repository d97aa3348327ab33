"""Checks citations and the list under `## Sources` against the sources in the front matter.

What `[LeCun et al., 1998](#sources)` names must be one of them. Each of them stands in the list, with its
link and its title or authors, and the list holds no other.
"""

import re
from pathlib import Path

from tests.runner import front_matter
from tests.runner.fences import CODE_SPAN, Problem
from tests.runner.page import Page

CITATION = re.compile(r"\[([^\[\]]+)\]\([^()\[\]\s]*#sources\)")
ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s")


def problems(page: Page, root: Path) -> list[Problem]:
    if not page.text.startswith("---"):
        meta, lines = {}, {}
    else:
        meta, lines, _ = front_matter.read(page.text)
    named = meta.get("sources")
    sources = [source for source in named if isinstance(source, dict)] if isinstance(named, list) else []
    found = citation_problems(page, sources)
    if sources and page.path.is_relative_to(root / "docs"):
        found += list_problems(page, sources, lines)
    return found


def citation_problems(page: Page, sources: list[dict]) -> list[Problem]:
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


def list_problems(page: Page, sources: list[dict], lines: dict[tuple, int]) -> list[Problem]:
    """Where the list under `## Sources` and the front matter differ. Without that section, another check says so."""
    items, found = listed(page), []
    if items is None:
        return []
    for index, source in enumerate(sources):
        url = str(source.get("url"))
        line = lines.get(("sources", index), 1)
        item = next(((place, text) for place, text in items if holds(text, url)), None)
        if item is None:
            found.append(Problem(line, f"{url} is missing in the list under ## Sources: add the source there"))
        elif not describes(item[1], source):
            words = f'the source at {url} is called neither "{source.get("title")}" nor by "{source.get("authors")}"'
            found.append(Problem(item[0], f"{words}, as in line {line}: make both the same"))
    known = [str(source.get("url")) for source in sources]
    for line, text in items:
        if not any(holds(text, url) for url in known):
            found.append(Problem(line, "this source has no link of one in the front matter: add it there, or here"))
    return found


def listed(page: Page) -> list[tuple[int, str]] | None:
    """The items of the list under `## Sources`, each with its line; None when there is no such section."""
    heads = {line: text for line, level, text in page.scan.headings if level <= 2}
    if "Sources" not in heads.values():
        return None
    items: list[tuple[int, list[str]]] = []
    inside = False
    for line, text in page.scan.prose.items():
        inside = heads.get(line, "Sources" if inside else "") == "Sources"
        if inside and ITEM.match(text):
            items.append((line, [text]))
        elif inside and items:
            items[-1][1].append(text)
    return [(line, " ".join(texts)) for line, texts in items]


def holds(text: str, url: str) -> bool:
    """Whether the text has this very link, not one that goes on behind it."""
    return re.search(re.escape(url) + r"(?=[)>\s]|$)", text) is not None


def describes(text: str, source: dict) -> bool:
    """Whether the text gives the title, or every author."""
    authors = [name for name in re.split(r",|;|&|\band\b", str(source.get("authors"))) if name.strip()]
    text = bare(text)
    return bare(str(source.get("title"))) in text or bool(authors) and all(bare(name) in text for name in authors)


def bare(text: str) -> str:
    """Words in small letters, without Markdown's marks."""
    return " ".join(re.sub(r"[*_`\[\]]", "", text).lower().split())

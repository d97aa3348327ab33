"""Markdown extension: the first use of a word of the glossary on a page links to its entry and says what it means.

The words are the headings of docs/reference/glossary.md. A tooltip holds the first sentence of the entry. Headings,
code, links and the quiz stay as they are, and so do pages of the reference, which are about words anyway.
"""

import posixpath
import re
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.extensions.toc import slugify
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from scripts.site.pages import page_path

GLOSSARY = "reference/glossary.md"
ENTRY = re.compile(r"^### (?P<word>.+)\n\n(?P<text>(?:.+\n)+)", re.MULTILINE)
SYMBOLS = {r"\sigma": "σ", r"\lambda": "λ", r"\times": "×", r"\cdot": "·"}
NOT_INSIDE = {"a", "abbr", "button", "code", "pre", "summary", "th", "h1", "h2", "h3", "h4", "h5", "h6"}


def plain(text: str) -> str:
    """The first sentence of an entry without Markdown: links as their text, code and formulas without their marks."""
    text = re.sub(r" \(\[[^\]]+\]\([^)]+\)\)", "", " ".join(text.split()))
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    for name, symbol in SYMBOLS.items():
        text = text.replace(name, symbol)
    return re.split(r"(?<=\.)\s+(?=[A-Z])", re.sub(r"[$`*{}]", "", text))[0]


@cache
def read(path: Path, changed: float) -> dict[str, tuple[str, str]]:
    """Word as it is compared -> (slug, first sentence). `changed`, its modification time, makes the cache follow it."""
    found = {}
    for entry in ENTRY.finditer(path.read_text(encoding="utf-8")):
        found[compared(entry["word"])] = (slugify(entry["word"], "-"), plain(entry["text"]))
    return found


def compared(word: str) -> str:
    """Small letters, hyphens as spaces."""
    return word.lower().replace("-", " ")


@cache
def pattern(words: frozenset[str]) -> re.Pattern[str]:
    """Any of the words, the longest first; also in the plural, and with a hyphen or a new line for a space."""
    ordered = sorted(words, key=len, reverse=True)
    either = "|".join(re.escape(word).replace(r"\ ", r"[ \n-]") for word in ordered)
    return re.compile(rf"(?<![\w-])(?P<word>{either})(?:e?s)?(?![\w-])", re.IGNORECASE)


class WordTreeprocessor(Treeprocessor):
    """Link the first use of each word."""

    def run(self, root: Element) -> None:
        page = page_path(self.md)
        docs = next((folder for folder in page.parents if (folder / GLOSSARY).is_file()), None) if page else None
        if docs is None or page.relative_to(docs).parts[0] != "lessons":
            return
        glossary = docs / GLOSSARY
        self.left = dict(read(glossary, glossary.stat().st_mtime))
        self.pattern = pattern(frozenset(self.left))
        self.glossary = posixpath.relpath(GLOSSARY, page.relative_to(docs).parent.as_posix())
        self.is_quiz = False
        self.walk(root)

    def walk(self, parent: Element) -> None:
        """Link in reading order; the quiz, from its heading on, is left out."""
        self.is_quiz |= parent.tag == "h2" and parent.text == "Quiz"
        if parent.tag in NOT_INSIDE or self.is_quiz:
            return
        children = list(parent)
        parent.text = self.link(parent, 0, parent.text)
        for child in children:
            self.walk(child)
            child.tail = self.link(parent, list(parent).index(child) + 1, child.tail)

    def link(self, parent: Element, position: int, text: str | None) -> str | None:
        """Put links into a piece of text, whose parts follow `position` in `parent`; return what stands before them."""
        if not text or isinstance(text, AtomicString) or self.is_quiz:
            return text
        before, end, last = text, 0, None
        for match in self.pattern.finditer(text):
            slug, meaning = self.left.pop(compared(re.sub(r"\s", " ", match["word"])), (None, None))
            if slug is None:
                continue
            between = text[end : match.start()]
            if last is None:
                before = between
            else:
                last.tail = between
            last = Element("a", {"class": "word", "href": f"{self.glossary}#{slug}", "title": meaning})
            last.text, end = match[0], match.end()
            parent.insert(position, last)
            position += 1
        if last is not None:
            last.tail = text[end:]
        return before


class WordExtension(Extension):
    """After inline parsing (20) and before MkDocs rewrites the links to files (0)."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(WordTreeprocessor(md), "words", 12)


def makeExtension(**options: object) -> WordExtension:
    """Entry point of Python-Markdown."""
    return WordExtension(**options)

"""Markdown extension: blocks of code that a phone can show fast. A lesson has fifty, with thousands of elements.

Names, operators and spaces have the colour of the text anyway, so that they need no element. And each block says how
many lines it has and how long its longest one is: docs/assets/course.css keeps that much room, and draws the block when
it comes near the screen; docs/assets/base.js gives the focus to one that is too wide.
"""

import re
import unicodedata
from html import unescape

from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor

BLOCK = re.compile(r"<pre><span></span><code>(.*?)(?=</code></pre>)", re.DOTALL)
PLAIN = re.compile(r'<span class="(?:n|o|w)">([^<]*)</span>')
# A block of Python that the reader can run, and the output that hangs below it.
RUN = re.compile(
    r'<div class="language-python run highlight">(?:(?!</pre>).)*</pre></div>'
    r'(?:\s*<div class="language-text highlight">(?:(?!</pre>).)*</pre></div>)?',
    re.DOTALL,
)
ROW = '<div class="run__row"></div>'  # filled by docs/assets/run.js: it is here so that nothing moves
TAG = re.compile(r"<[^>]+>")


def columns(line: str) -> int:
    """How wide a line is, in letters; some letters, such as Chinese ones, are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def lighter(block: re.Match[str]) -> str:
    """A block with the size of its text and without the elements that change nothing."""
    code = PLAIN.sub(r"\1", block[1])
    lines = unescape(TAG.sub("", code)).split("\n")
    return f'<pre><code style="--lines:{code.count(chr(10))};--columns:{max(map(columns, lines))}">{code}'


class BlockPostprocessor(Postprocessor):
    """Change each block of a page."""

    def run(self, text: str) -> str:
        return RUN.sub(lambda run: run[0] + ROW, BLOCK.sub(lighter, text))


class BlockExtension(Extension):
    """After raw HTML, which the blocks are by then, has come back (30)."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.postprocessors.register(BlockPostprocessor(md), "blocks", 10)


def makeExtension(**options: object) -> BlockExtension:
    """Entry point of Python-Markdown."""
    return BlockExtension(**options)

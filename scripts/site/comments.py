"""Markdown extension: the comments of a page, which bind its claims, stay in its source and out of the site.

A page has dozens of them. Markdown keeps raw HTML aside in a stash; what is a comment there, and nothing else, is
emptied. A comment that a page *shows*, in code, is no raw HTML and stays.
"""

import re
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE

COMMENTS = re.compile(r"(\s*<!--(?! material/).*?-->\s*)+", re.DOTALL)  # `material/tags`: an order to the theme


class CommentTreeprocessor(Treeprocessor):
    """Empty the stashed comments, and take away paragraphs that held nothing else."""

    def run(self, root: Element) -> None:
        blocks = self.md.htmlStash.rawHtmlBlocks
        for number, block in enumerate(blocks):
            if isinstance(block, str) and COMMENTS.fullmatch(block):
                blocks[number] = ""
        for parent in list(root.iter()):
            for child in list(parent):
                if child.tag == "p" and not len(child) and self.is_empty(child.text or ""):
                    parent.remove(child)

    def is_empty(self, text: str) -> bool:
        """Whether a text is nothing but places of emptied comments."""
        return not HTML_PLACEHOLDER_RE.sub(lambda place: self.md.htmlStash.rawHtmlBlocks[int(place[1])], text).strip()


class CommentExtension(Extension):
    """After inline parsing (20), which stashes the comments inside a line."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(CommentTreeprocessor(md), "comments", 2)


def makeExtension(**options: object) -> CommentExtension:
    """Entry point of Python-Markdown."""
    return CommentExtension(**options)

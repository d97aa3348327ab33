"""Markdown extension: the quiz of a lesson, from its heading to the next one, becomes an element of its own.

docs/assets/quiz.js puts forms into it. Without the element the browser would style the whole page again for each.
"""

from itertools import pairwise
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor


class QuizTreeprocessor(Treeprocessor):
    """Wrap the heading `Quiz` and what follows it."""

    def run(self, root: Element) -> None:
        children = list(root)
        starts = [i for i, child in enumerate(children) if child.tag == "h2"]
        for start, end in pairwise([*starts, len(children)]):
            if children[start].get("id") == "quiz":
                section = Element("section", {"class": "quizzes"})
                section.extend(children[start:end])
                for child in section:
                    root.remove(child)
                root.insert(start, section)


class QuizExtension(Extension):
    """After the table of contents (5), which gives headings their ids."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(QuizTreeprocessor(md), "quiz", 3)


def makeExtension(**options: object) -> QuizExtension:
    """Entry point of Python-Markdown."""
    return QuizExtension(**options)

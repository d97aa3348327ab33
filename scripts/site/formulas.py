"""Markdown extension: formulas become MathML while the site is built, so that no reader runs a math library.

`pymdownx.arithmatex` with `generic: true` finds `$...$` and `$$...$$`; this renders what it found with Temml. A formula
that Temml does not understand stops the build.
"""

import html
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element

import dukpy
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from scripts.site.pages import error

TEMML = Path(__file__).resolve().parents[2] / "node_modules/temml/dist/temml.min.js"
# An inline formula may break after an operator, as TeX does; a display formula scrolls.
RENDER = """temml.renderToString(
    dukpy['tex'], {displayMode: dukpy['display'], wrap: dukpy['display'] ? 'none' : 'tex', throwOnError: true})"""


@cache
def interpreter() -> dukpy.JSInterpreter:
    """The JavaScript interpreter with Temml loaded. Raises FileNotFoundError before `python -m scripts.get_assets`."""
    javascript = dukpy.JSInterpreter()
    javascript.evaljs(TEMML.read_text(encoding="utf-8"))
    return javascript


@cache
def to_mathml(tex: str, display: bool) -> str:
    """MathML of one LaTeX formula. Raises dukpy.JSRuntimeError with Temml's message when the formula is wrong."""
    return interpreter().evaljs(RENDER, tex=tex, display=display)


class FormulaTreeprocessor(Treeprocessor):
    """Put MathML in the place of what arithmatex marked."""

    def run(self, root: Element) -> None:
        for element in root.iter():
            if element.get("class") == "arithmatex" and element.text:
                self.render(element)

    def render(self, element: Element) -> None:
        r"""`element` holds \(...\) or \[...\]."""
        display = element.text.startswith("\\[")
        tex = html.unescape(element.text[2:-2].strip())  # arithmatex escapes & and <
        try:
            mathml = to_mathml(tex, display)
        except FileNotFoundError as problem:
            raise error(self.md, tex, "no math renderer. Get it with: python -m scripts.get_assets") from problem
        except dukpy.JSRuntimeError as problem:
            reason = str(problem).splitlines()[0].removeprefix("ParseError:").strip()
            raise error(self.md, tex, f"wrong formula: {tex}\n  {reason}") from problem
        element.set("class", "formula formula--display" if display else "formula")
        element.text = AtomicString(self.md.htmlStash.store(mathml))


class FormulaExtension(Extension):
    """Render formulas after inline parsing (20) and before the table of contents copies the headings (5)."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(FormulaTreeprocessor(md), "formulas", 15)


def makeExtension(**options: object) -> FormulaExtension:
    """Entry point of Python-Markdown."""
    return FormulaExtension(**options)

"""Markdown extension: a local SVG, `![what it shows](name.svg)`, is written into the page itself.

Inside the page its lines and letters take the page's own colour (`currentColor`), in light and in dark. A missing file
or an empty description stops the build.
"""

from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from scripts.site.pages import error, page_path

SMALLEST = 0.6  # below this share of its own size the letters of a figure are too small: it scrolls instead


def local_name(name: str) -> str:
    """`{http://www.w3.org/2000/svg}path` -> `path`."""
    return name.rpartition("}")[2]


def make_inline(element: ElementTree.Element) -> None:
    """Drop namespaces, which HTML does not have, and styles, which the page's style sheet replaces, in place."""
    element.tag = local_name(element.tag)
    element.attrib = {local_name(name): value for name, value in element.attrib.items()}
    for child in list(element):
        if local_name(child.tag) == "style":
            element.remove(child)
        else:
            make_inline(child)


@cache
def inline_svg(path: Path, changed: float, description: str) -> str:
    """HTML of the figure at `path`. `changed`, its modification time, makes the cache follow the file.

    Raises ElementTree.ParseError when the file is not XML, KeyError when the svg element has no width in pixels.
    """
    root = ElementTree.parse(path).getroot()
    make_inline(root)
    smallest = SMALLEST * float(root.attrib["width"])
    root.attrib |= {"role": "img", "aria-label": description, "style": f"min-width:{smallest:.0f}px"}
    svg = ElementTree.tostring(root, encoding="unicode")
    return f'<figure class="figure" data-search-exclude="true">{svg}</figure>'


class FigureTreeprocessor(Treeprocessor):
    """Replace each paragraph that holds nothing but a local SVG image by the SVG itself."""

    def run(self, root: ElementTree.Element) -> None:
        for parent in root.iter():
            for image in parent.findall("img"):
                source = image.get("src", "")
                if source.endswith(".svg") and "://" not in source:
                    self.inline(parent, image, source)

    def inline(self, parent: ElementTree.Element, image: ElementTree.Element, source: str) -> None:
        """Put the figure in the place of `image`, the only content of `parent`."""
        description = image.get("alt", "").strip()
        path = (page_path(self.md) or Path("page.md")).parent / source
        if not description:
            raise error(self.md, f"]({source})", f"{source} has no alt text: say what the picture shows")
        if not path.is_file():
            raise error(self.md, f"]({source})", f"no such figure: {source}. Draw it with: make figures")
        if len(parent) != 1 or (parent.text or "").strip() or (image.tail or "").strip():
            raise error(self.md, f"]({source})", f"{source} must stand in a paragraph of its own")
        try:
            html = inline_svg(path, path.stat().st_mtime, description)
        except (ElementTree.ParseError, KeyError, ValueError) as problem:
            raise error(self.md, f"]({source})", f"{source} cannot be shown: {problem!r}") from problem
        parent.remove(image)
        parent.text = AtomicString(self.md.htmlStash.store(html))


class FigureExtension(Extension):
    """Inline figures after inline parsing (20) and before MkDocs rewrites the links to files (0)."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(FigureTreeprocessor(md), "figures", 15)


def makeExtension(**options: object) -> FigureExtension:
    """Entry point of Python-Markdown."""
    return FigureExtension(**options)

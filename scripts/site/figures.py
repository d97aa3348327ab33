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

SMALLEST = 8.9  # height of a letter in CSS pixels: on a screen too narrow for that a figure scrolls


def local_name(name: str) -> str:
    """`{http://www.w3.org/2000/svg}path` -> `path`."""
    return name.rpartition("}")[2]


def make_inline(element: ElementTree.Element) -> None:
    """Drop namespaces, which HTML does not have, and styles, which the page's style sheet replaces, in place."""
    element.tag = local_name(element.tag)
    element.attrib = {local_name(name): value for name, value in element.attrib.items()}
    if element.attrib.get("image-rendering") == "pixelated":  # of CSS, and not an attribute of SVG in HTML
        del element.attrib["image-rendering"]
        element.attrib["class"] = "pixels"
    for child in list(element):
        if local_name(child.tag) == "style":
            element.remove(child)
        else:
            make_inline(child)


def style(root: ElementTree.Element) -> str:
    """CSS of a figure: the width that its smallest letters need, and its shape, known before it is drawn."""
    sizes = filter(None, (element.get("font-size") for element in root.iter()))
    letters = min((float(size.removesuffix("px")) for size in sizes), default=12)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    return f"min-width:{SMALLEST * width / letters:.0f}px;aspect-ratio:{width:g}/{height:g}"


@cache
def inline_svg(path: Path, changed: float, description: str) -> str:
    """HTML of the figure at `path`. `changed`, its modification time, makes the cache follow the file.

    Raises ElementTree.ParseError when the file is not XML, KeyError when the svg element has no viewBox.
    """
    root = ElementTree.parse(path).getroot()
    make_inline(root)
    root.attrib |= {"role": "img", "aria-label": description, "style": style(root)}
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

"""Make what machines and readers of feeds take from the site: plain Markdown of each page, llms.txt and feed.xml.

For docs/lessons/vgg/index.md that is docs/lessons/vgg/index.txt: snippets expanded, comments removed, links absolute.
All of it is built from the pages, the nav and docs/reference/changes.md, and git-ignored.

Example: python -m scripts.make_texts
"""

import argparse
import re
import sys
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from scripts.make_notebooks import ROOT, SITE, Maker, keep, readable
from scripts.site.pages import front_matter, nav_pages
from tests.runner.fences import Problem

DOCS = ROOT / "docs"
CHANGE = re.compile(r"^### (\d{4}-\d\d-\d\d): (.+)$")
ABOUT = (
    "A course on convolutional neural networks with PyTorch. Every code block runs, and every output, shape, number, "
    "figure and quiz answer is recomputed on every change."
)


def plain(page: Path) -> str:
    """A page as Markdown that stands alone."""
    maker, front = Maker(page), front_matter(page)
    text = maker.with_links(readable(maker.text(), deeper=0))
    return f"# {front['title']}\n\n{front['description']}\n\n{text}\n"


def address(name: str) -> str:
    return SITE + name.removesuffix(".md") + ".txt"


def llms(names: dict[str, str]) -> str:
    """The list of pages that https://llmstxt.org describes: by section of the nav, each with its description."""
    lines, section = ["# ConvNets, Checked", "", f"> {ABOUT}"], None
    for name, title in names.items():
        front = front_matter(DOCS / name)
        if title != section:
            section = title
            lines += ["", f"## {section or 'Course'}", ""]
        lines.append(f"- [{front['title']}]({address(name)}): {front['description']}")
    return "\n".join(lines) + "\n"


def changes(page: Path) -> list[tuple[str, str, str]]:
    """(date, title, text) of each entry, the newest first. Raises SystemExit with the line of one out of order."""
    found: list[tuple[str, str, str]] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), start=1):
        if head := CHANGE.match(line):
            if found and head[1] > found[-1][0]:
                sys.exit(f"{page.relative_to(ROOT)}:{number}: the newest change comes first")
            found.append((head[1], head[2], ""))
        elif line.startswith("### "):
            sys.exit(f"{page.relative_to(ROOT)}:{number}: write a change as ### 2026-11-27: what changed")
        elif found and not line.startswith("#"):
            found[-1] = (*found[-1][:2], f"{found[-1][2]} {line}".strip())
    return found


def feed(entries: list[tuple[str, str, str]]) -> str:
    """The changes as an Atom feed (RFC 4287)."""
    root = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom"})
    SubElement(root, "title").text = "ConvNets, Checked: changes"
    SubElement(root, "id").text = SITE
    SubElement(root, "updated").text = f"{entries[0][0]}T00:00:00Z"
    SubElement(SubElement(root, "author"), "name").text = "ConvNets, Checked"
    SubElement(root, "link", {"rel": "self", "href": f"{SITE}feed.xml"})
    for date, title, marked in entries:
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", marked)  # a feed shows no Markdown
        slug = re.sub(r"[^a-z0-9]+", "-", f"{date} {title}".lower()).strip("-")
        entry = SubElement(root, "entry")
        for name, words in {"title": title, "updated": f"{date}T00:00:00Z", "summary": text}.items():
            SubElement(entry, name).text = words
        SubElement(entry, "id").text = f"{SITE}reference/changes/#{slug}"
        SubElement(entry, "link", {"href": f"{SITE}reference/changes/#{slug}"})
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    names = {name: title for name, title in nav_pages(ROOT / "mkdocs.yml").items() if name.endswith(".md")}
    for name in names:
        try:
            keep((DOCS / name).with_suffix(".txt"), plain(DOCS / name))
        except Problem as problem:
            sys.exit(f"docs/{name}:{problem.line}: {problem.message}")
    keep(DOCS / "llms.txt", llms(names))
    keep(DOCS / "feed.xml", feed(changes(DOCS / "reference" / "changes.md")))


if __name__ == "__main__":
    main()

"""What is shared by the Markdown extensions of this folder, and by the scripts that read the pages as they do."""

from pathlib import Path

import yaml
from markdown import Markdown
from pymdownx.superfences import SuperFencesException


class PageError(SuperFencesException):
    """A page cannot be built. It reads `path:line: what is wrong`.

    It derives from the one exception that pymdownx.superfences passes on instead of showing the fence as plain text.
    """


def front_matter(path: Path) -> dict:
    """The fields at the top of a page."""
    return yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])


def page_path(md: Markdown) -> Path | None:
    """Path of the Markdown file that `md` converts, or None outside of a site builder."""
    if "relpath" in md.treeprocessors:  # MkDocs
        return Path(md.treeprocessors["relpath"].file.abs_src_path)
    if "rendering_context" in md.preprocessors:  # Zensical
        context = md.preprocessors["rendering_context"]
        return Path(context.config["root_dir"], context.config["docs_dir"], context.page.path)
    return None


def error(md: Markdown, text: str, message: str) -> PageError:
    """A PageError that points at the first line of the current page that holds `text`."""
    path = page_path(md)
    if path is None:
        return PageError(message)
    before, found, _ = path.read_text(encoding="utf-8").partition(text)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    line = f"{before.count(chr(10)) + 1}:" if found else ""
    return PageError(f"{shown}:{line} {message}")


class AnyTag(yaml.SafeLoader):
    """Reads mkdocs.yml without resolving the Python names in it."""


AnyTag.add_multi_constructor("", lambda loader, suffix, node: None)


def nav_pages(config: Path) -> dict[str, str]:
    """The pages in the order of the nav, each with the title of the innermost section that it is in."""
    if not config.exists():
        return {}
    return dict(leaves((yaml.load(config.read_text(encoding="utf-8"), Loader=AnyTag) or {}).get("nav")))


def nav_lessons(config: Path) -> list[str]:
    """The names of the lessons in the order of the nav."""
    return [p.split("/")[1] for p in nav_pages(config) if p.startswith("lessons/") and p.endswith("/index.md")]


def leaves(node, section: str = ""):
    """`(page, section)` for every page in a part of the nav."""
    if isinstance(node, str):
        yield node, section
    elif isinstance(node, list):
        for item in node:
            yield from leaves(item, section)
    elif isinstance(node, dict):
        for title, item in node.items():
            yield from leaves(item, section if isinstance(item, str) else str(title))

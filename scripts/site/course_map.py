"""The ```course-map fence: which lesson builds on which, from their front matter, as an SVG whose boxes are links.

    alt: The lessons from top to bottom; a line leads from each lesson to those that build on it.

An arrow that follows from two others is left out: A to C, where A to B and B to C are drawn.
"""

import posixpath
import re
from html import escape
from pathlib import Path

from markdown import Markdown

from scripts.site.pages import error, front_matter, nav_lessons, page_path

WIDTH, HEIGHT = 168, 46  # of a box
STEP_X, STEP_Y = 184, 84  # from box to box
ALT = re.compile(r"alt: *(\S.*)")


def read(root: Path) -> dict[str, dict]:
    """The front matter of each lesson, by name, in the order of the nav."""
    pages = {name: root / "docs" / "lessons" / name / "index.md" for name in nav_lessons(root / "mkdocs.yml")}
    return {name: front_matter(page) for name, page in pages.items()}


def behind(name: str, lessons: dict[str, dict]) -> set[str]:
    """All lessons that come before one, directly or not."""
    direct = lessons[name]["prerequisites"] or []
    return set(direct).union(*(behind(each, lessons) for each in direct))


def needed(name: str, lessons: dict[str, dict]) -> list[str]:
    """The prerequisites of a lesson that no other one of them includes."""
    direct = lessons[name]["prerequisites"] or []
    return [each for each in direct if not any(each in behind(other, lessons) for other in direct)]


def place(lessons: dict[str, dict]) -> dict[str, tuple[float, float]]:
    """Upper left corner of each box: one row below the lowest lesson that it needs, near the ones above."""
    rows: dict[str, int] = {}
    for name in lessons:
        rows[name] = max((rows[each] + 1 for each in needed(name, lessons)), default=0)
    widest = max(list(rows.values()).count(row) for row in rows.values())
    corners: dict[str, tuple[float, float]] = {}
    for row in range(max(rows.values()) + 1):
        inside = [name for name in lessons if rows[name] == row]
        above = {name: [corners[each][0] for each in needed(name, lessons)] for name in inside}
        inside.sort(key=lambda name: sum(above[name]) / max(len(above[name]), 1))
        left = (widest - len(inside)) * STEP_X / 2
        corners |= {name: (left + STEP_X * i + 1, STEP_Y * row + 1) for i, name in enumerate(inside)}
    return corners


def short(lesson: dict) -> str:
    return lesson["title"].partition(":")[0]


def two_lines(words: str, letters: int = 21) -> list[str]:
    """A title in one line, or in two of about the same length."""
    if len(words) <= letters:
        return [words]
    spaces = [i for i, letter in enumerate(words) if letter == " "]
    middle = min(spaces, key=lambda i: abs(i - len(words) / 2))
    return [words[:middle], words[middle + 1 :]]


def box(name: str, lesson: dict, lessons: dict[str, dict], corner: tuple[float, float], href: str) -> str:
    """A box with the title of a lesson, which is a link; who listens hears what the lesson builds on."""
    x, y = corner
    before = ", ".join(short(lessons[each]) for each in lesson["prerequisites"] or [])
    label = f"{short(lesson)}; {f'builds on {before}' if before else 'the first lesson'}"
    lines = two_lines(short(lesson))
    first = y + HEIGHT / 2 + 5 - 8 * (len(lines) - 1)
    spans = [
        f'<tspan x="{x + WIDTH / 2:g}" y="{first + 16 * i:g}">{escape(line)} </tspan>' for i, line in enumerate(lines)
    ]
    return (
        f'<a href="{href}" aria-label="{escape(label)}">'
        f'<rect class="map__box map__box--{lesson["part"]}" x="{x:g}" y="{y:g}"'
        f' width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text text-anchor="middle">{"".join(spans)}</text></a>'
    )


def line(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A curve from the lower side of one box to the upper side of another."""
    x, y = start[0] + WIDTH / 2, start[1] + HEIGHT
    to_x, to_y = end[0] + WIDTH / 2, end[1]
    return f'<path class="map__line" d="M{x:g} {y:g}C{x:g} {y + 34:g} {to_x:g} {to_y - 34:g} {to_x:g} {to_y:g}"/>'


def draw(alt: str, lessons: dict[str, dict], folder: str, file: str = "") -> str:
    """The map. folder: where the page lies below the site, such as "reference/course-map"; file: end of its links."""
    corners = place(lessons)
    width = max(x for x, _ in corners.values()) + WIDTH + 1
    height = max(y for _, y in corners.values()) + HEIGHT + 1
    lines = [line(corners[each], corners[name]) for name in lessons for each in needed(name, lessons)]
    links = {name: posixpath.relpath(f"lessons/{name}", folder) + "/" + file for name in lessons}
    boxes = [box(name, lesson, lessons, corners[name], links[name]) for name, lesson in lessons.items()]
    return (
        f'<nav class="course-map" aria-label="{escape(alt)}" data-search-exclude="true"><figure class="figure">'
        f'<svg viewBox="0 0 {width:g} {height:g}" style="min-width:{width:g}px;aspect-ratio:{width:g}/{height:g}">'
        f"{''.join(lines + boxes)}</svg></figure></nav>"
    )


def course_map(source: str, language: str, css_class: str, options: dict, md: Markdown, **kwargs: object) -> str:
    """Formatter for pymdownx.superfences. Raises PageError when the fence is not written as described above."""
    alt = ALT.fullmatch(source.strip())
    if alt is None:
        raise error(md, source, "wrong `course-map` fence: it holds one line, `alt: what the map shows`")
    root = Path(__file__).resolve().parents[2]
    page = (page_path(md) or root / "docs" / "page.md").relative_to(root / "docs")
    # MkDocs leaves the links of a fence alone; Zensical moves them down by one, as it does those of the Markdown.
    mkdocs = md.treeprocessors["relpath"].config if "relpath" in md.treeprocessors else None
    if mkdocs and not mkdocs.use_directory_urls:  # the zipped course
        return draw(alt[1], read(root), page.parent.as_posix(), "index.html")
    return draw(alt[1], read(root), (page.with_suffix("") if mkdocs else page.parent).as_posix())

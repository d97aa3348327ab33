"""The map of the course shows each lesson once, below all that it builds on, and no line that others imply."""

import re

import pytest

from scripts.site.course_map import HEIGHT, WIDTH, behind, draw, needed, place, read, two_lines
from scripts.site.pages import PageError
from tests.conftest import ROOT

LESSONS = read(ROOT)
CHAIN = {
    name: {"title": name.upper(), "part": "training", "prerequisites": before}
    for name, before in {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["a"]}.items()
}


def test_what_others_imply_is_left_out():
    assert behind("c", CHAIN) == {"a", "b"}
    assert [needed(name, CHAIN) for name in CHAIN] == [[], ["a"], ["b"], ["a"]]


@pytest.mark.parametrize("lessons", [CHAIN, LESSONS], ids=["chain", "course"])
def test_a_lesson_stands_below_what_it_needs_and_boxes_do_not_meet(lessons):
    corners = place(lessons)
    assert list(corners) and set(corners) == set(lessons)
    for name, (x, y) in corners.items():
        assert all(corners[each][1] + HEIGHT < y for each in behind(name, lessons)), name
        others = [corner for other, corner in corners.items() if other != name]
        assert not any(abs(x - other_x) < WIDTH and abs(y - other_y) < HEIGHT for other_x, other_y in others), name


def test_each_box_leads_to_its_lesson_and_says_what_it_builds_on(site):
    html = (site / "reference/course-map/index.html").read_text(encoding="utf-8")
    boxes = dict(re.findall(r'<a href="../../lessons/([\w-]+)/" aria-label="([^"]+)">', html))
    assert list(boxes) == list(LESSONS)
    for name, lesson in LESSONS.items():
        assert boxes[name].count(",") >= len(lesson["prerequisites"] or []) - 1
        assert (site / "lessons" / name / "index.html").is_file()
    assert html.count('class="map__line"') == sum(len(needed(name, LESSONS)) for name in LESSONS)


def test_words_that_xml_would_read_are_escaped():
    lessons = {"a": {"title": "A & B <c>", "part": "training", "prerequisites": None}}
    assert "A &amp; B &lt;c&gt;" in draw("x", lessons, "reference/course-map")


@pytest.mark.parametrize(
    "words, lines", [("Short", ["Short"]), ("Two words that are long", ["Two words", "that are long"])]
)
def test_long_titles_take_two_lines(words, lines):
    assert two_lines(words) == lines


def test_a_wrong_fence_is_explained():
    from markdown import Markdown

    from scripts.site.course_map import course_map

    with pytest.raises(PageError, match="it holds one line, `alt: what the map shows`"):
        course_map("lessons", "course-map", "", {}, Markdown())

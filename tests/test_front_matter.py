"""Front matter: every mistake gives its line and what may stand there."""

import pytest

from tests.runner import front_matter, sources
from tests.runner.page import read_page

LESSON = """---
title: A lesson
description: One sentence that says what the lesson is about.
part: foundations
level: beginner
minutes: 10
why: Because a reader should know why this matters.
objectives: [compute something by hand]
concepts: [kernel]
prerequisites: []
sources:
  - {title: T, authors: A, year: 1998, url: "https://example.org/"}
tags: [convolution]
---

Text.
"""
NAV = """\
nav:
  - Lessons:
      - Foundations:
          - lessons/first/index.md
          - Named: lessons/second/index.md
      - Training:
          - lessons/later/index.md
theme:
  x: !!python/name:material.y
"""


@pytest.fixture
def root(tmp_path):
    """A course of two lessons and a glossary."""
    for name in ("first", "second"):
        (tmp_path / "docs/lessons" / name).mkdir(parents=True)
        (tmp_path / "docs/lessons" / name / "index.md").write_text(LESSON)
    (tmp_path / "docs/reference").mkdir()
    (tmp_path / "docs/reference/glossary.md").write_text("### Kernel\n\nWords.\n")
    (tmp_path / "mkdocs.yml").write_text(NAV)
    return tmp_path


def found(root, text: str, path: str = "docs/lessons/second/index.md") -> list[str]:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    problems = front_matter.problems(read_page(file, root), root)
    return [f"{problem.line}: {problem.message}" for problem in problems]


def test_a_good_lesson_has_no_problem(root):
    assert found(root, LESSON) == []
    assert found(root, LESSON.replace("prerequisites: []", "prerequisites: [first]")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("minutes: 10", "minutes: ten", "6: minutes: 'ten' is not of type 'integer'"),
        ("level: beginner", "level: easy", "5: level: 'easy' is not one of ['beginner', 'intermediate', 'advanced']"),
        ("level: beginner", "levle: beginner", "5: front matter: unknown field levle; known are title, description,"),
        ("title: A lesson\n", "", "'title' is a required property of a lesson"),
        ("minutes: 10", "minutes: 10\nminutes: 11", '7: "minutes" stands twice, first in line 6'),
        ("title: A lesson", "title: [A", "the front matter is not YAML"),
        ("year: 1998", "year: soon", "12: sources.0.year: 'soon' is not of type 'integer'"),
        ("tags: [convolution]", "tags: [wavelets]", "13: tags.0: 'wavelets' is not one of"),
        ("prerequisites: []", "prerequisites: [nowhere]", '10: prerequisite "nowhere" does not exist'),
        (
            "concepts: [kernel]",
            "concepts:\n  - kernel\n  - wavelet",
            '11: concept "wavelet" is not defined in docs/reference/glossary.md',
        ),
        ("---\n\nText", "---\n---\ntitle: B\n---\n\nText", "15: a second front matter"),
        ("---\n\nText", "\n\nText", "1: the front matter is never closed"),
        ("---\ntitle", "\ntitle", "1: the page must start with its front matter"),
    ],
)
def test_each_mistake_has_its_line(root, old, new, expected):
    problems = found(root, LESSON.replace(old, new, 1))
    assert any(expected in problem for problem in problems), problems


def test_a_citation_must_be_a_source_of_the_page(root):
    text = LESSON.replace("authors: A,", "authors: Y. LeCun and L. Bottou,")
    cited = "As [LeCun et al., 1998](#sources) say, and [Bottou](#sources), and [T](index.md#sources)."
    file = root / "docs/lessons/second/index.md"
    for words, line in ((cited, None), (cited.replace("1998", "1996"), 16), (cited.replace("Bottou", "Hinton"), 16)):
        file.write_text(text.replace("Text.", words))
        assert [problem.line for problem in sources.problems(read_page(file, root), root)] == ([line] if line else [])


def test_a_circle_of_prerequisites(root):
    (root / "docs/lessons/first/index.md").write_text(LESSON.replace("prerequisites: []", "prerequisites: [second]"))
    problems = found(root, LESSON.replace("prerequisites: []", "prerequisites: [first]"))
    assert problems == ["10: prerequisites go in a circle: second -> first -> second"]


def test_a_prerequisite_that_comes_later_in_the_nav(root):
    problems = found(
        root, LESSON.replace("prerequisites: []", "prerequisites: [second]"), "docs/lessons/first/index.md"
    )
    assert problems == ['10: prerequisite "second" comes after this lesson in the nav of mkdocs.yml']


def test_a_lesson_that_is_missing_in_the_nav(root):
    assert found(root, LESSON, "docs/lessons/third/index.md")[0].startswith("1: the lesson is missing in the nav")


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (
            "part: training",
            "second",
            '4: part: training, but in the nav of mkdocs.yml the lesson is under "Foundations"',
        ),
        (
            "part: foundations",
            "later",
            '4: part: foundations, but in the nav of mkdocs.yml the lesson is under "Training"',
        ),
    ],
)
def test_the_part_is_the_section_of_the_nav(root, text, path, expected):
    problems = found(root, LESSON.replace("part: foundations", text), f"docs/lessons/{path}/index.md")
    assert [problem[: len(expected)] for problem in problems] == [expected]


def test_the_part_of_a_lesson_that_no_section_has(root):
    (root / "mkdocs.yml").write_text("nav: [lessons/second/index.md]\n")
    assert "the lesson is in no section" in found(root, LESSON)[0]


def test_many_prerequisites_are_followed_once(root):
    """Each of 40 lessons needs both of the lessons before it: more ways back than anyone can walk."""
    for number in range(40):
        path = root / f"docs/lessons/l{number}/index.md"
        path.parent.mkdir()
        needed = [f"l{number - 1}", f"l{number - 2}"] if number > 1 else []
        path.write_text(LESSON.replace("prerequisites: []", f"prerequisites: [{', '.join(needed)}]"))
    assert found(root, LESSON.replace("prerequisites: []", "prerequisites: [l39]")) == []


@pytest.mark.parametrize("name", ["a" * 300, "../../x", "\\0"])
def test_a_prerequisite_that_cannot_be_a_name(root, name):
    assert found(root, LESSON.replace("prerequisites: []", f'prerequisites: ["{name}"]'))[0].startswith("10: prereq")
    (root / "docs/lessons/first/index.md").write_text(LESSON.replace("prerequisites: []", f'prerequisites: ["{name}"]'))
    assert found(root, LESSON.replace("prerequisites: []", "prerequisites: [first]")) == []


def test_another_page_needs_title_and_description_only(root):
    text = "---\ntitle: A page\ndescription: One sentence that says what it is.\n---\n"
    assert found(root, text, "docs/page.md") == []
    assert found(root, text.replace("title", "titel"), "docs/page.md")
    assert found(root, "No front matter, and no page of the site.\n", "README.md") == []

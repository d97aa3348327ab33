"""Whole lessons: each part taken away, or one comment too many, is reported at its line."""

import shutil

import pytest

from tests.conftest import ROOT
from tests.runner import lesson
from tests.runner.page import read_page

NAME = "convolution-from-scratch"
# what is changed in the lesson's page: old, new, and what must be said
CHANGES = {
    "no-errata": ("## Errata\n", "", 'a lesson has a section "## Errata"'),
    "order": ("## Errata\n", "## Errata\n\n## More\n", "a lesson ends with the sections"),
    "comments": ("## Errata\n", "## Errata\n" + "<!-- note: more -->\n" * 60, "at most one for 80 words"),
    "few-computed": ("<!-- ", "<!-- note: ", "at least half of the 8 questions must be computed"),
}


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "docs" / "lessons" / NAME
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    for page in ("index.md", "exercises.md"):
        shutil.copy(ROOT / "docs" / "lessons" / NAME / page, folder)
    return tmp_path


def found(course, page: str = "index.md") -> list[str]:
    path = course / "docs" / "lessons" / NAME / page
    return [f"{p.line}: {p.message}" for p in lesson.problems(read_page(path, ROOT), course)]


def test_the_lesson_is_whole(course):
    assert found(course) == found(course, "exercises.md") == []


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_missing_is_said(course, name):
    old, new, words = CHANGES[name]
    page = course / "docs" / "lessons" / NAME / "index.md"
    page.write_text(page.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert any(words in message for message in found(course)), found(course)


def test_a_lesson_without_exercises(course):
    (course / "docs" / "lessons" / NAME / "exercises.md").unlink()
    assert any("exercises.md is missing" in message for message in found(course))


def test_too_few_exercises(course):
    page = course / "docs" / "lessons" / NAME / "exercises.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text[: text.index("## 3.")], encoding="utf-8")
    assert found(course, "exercises.md") == ["1: a lesson has three exercises or more, this one 2"]

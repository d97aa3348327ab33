"""A new lesson passes every check at once, or nothing of it is left."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import new_lesson
from scripts.new_lesson import Refused, create, with_nav_entry

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["docs", "overrides", "scripts", "snippets", "tests/runner"]
FILES = ["mkdocs.yml", "package-lock.json", "pyproject.toml", "tests/__init__.py"]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of this project in which lessons may be made."""
    copy = tmp_path_factory.mktemp("course")
    for name in PARTS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    return copy


def run(course, *arguments):
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=course, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def content(course):
    return {path: path.read_bytes() for path in course.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_a_new_lesson_passes_every_check_at_once(course):
    made = create(course, "sliding-sums", "beyond")
    assert all(path.is_file() for path in made)
    pages = run(course, "pytest", "--codeblocks", "docs/lessons/sliding-sums", "tests/test_sliding_sums.py")
    assert " passed" in pages and "failed" not in pages
    run(course, "scripts.draw_figures", "--check", "sliding-sums")
    run(course, "ruff", "check", *(str(path) for path in made if path.suffix == ".py"))
    run(course, "mkdocs", "build", "--strict")
    assert "Sliding sums" in (course / "site/lessons/sliding-sums/index.html").read_text()


@pytest.mark.parametrize(
    "name",
    ["", "Max-Pooling", "max_pooling", "-pooling", "max--pooling", "3d-convolution", "../outside", "a b", "lambda"],
)
def test_a_bad_name_is_refused(course, name):
    before = content(course)
    with pytest.raises(Refused, match="is no name for a lesson"):
        create(course, name, "foundations")
    assert content(course) == before


@pytest.mark.parametrize("name", ["first-cnn", "style"])
def test_a_name_in_use_is_refused(course, name):
    before = content(course)
    with pytest.raises(Refused, match="exists already"):
        create(course, name, "foundations")
    assert content(course) == before


@pytest.mark.parametrize("error", [subprocess.CalledProcessError(1, "draw"), KeyboardInterrupt()], ids=repr)
def test_when_anything_fails_nothing_is_left(course, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    before = content(course)
    monkeypatch.setattr(new_lesson.subprocess, "run", fail)
    with pytest.raises(type(error)):
        create(course, "half-made", "foundations")
    assert content(course) == before


def test_the_template_holds_nothing_that_is_not_replaced():
    for template in ("index.md", "exercises.md", "snippet.py", "figures.py", "test.py"):
        text = new_lesson.filled(template, "max-pooling", "training")
        assert not [word for word in ("new-lesson", "new_lesson", "New lesson", "part: foundations") if word in text]


NAV = """\
nav:
  - Home: index.md
  - Lessons:  # in the order of reading
      - Foundations:
          - lessons/first/index.md
          - Exercises: lessons/first/exercises.md
          # the last lesson of its part

      # more to come
      - Architectures:
          - lessons/second/index.md
  - Reference:
      - reference/glossary.md
theme:
  name: material
"""


def added(part):
    """Return the lines that come in, with the line before them."""
    before, after = NAV.splitlines(), with_nav_entry(NAV, "new", part).splitlines()
    start = next(i for i, line in enumerate(after) if line != before[i])
    new = len(after) - len(before)
    assert after[:start] + after[start + new :] == before
    return after[start - 1 : start + new]


ENTRIES = ["          - lessons/new/index.md", "          - Exercises: lessons/new/exercises.md"]


def test_the_lesson_comes_last_in_its_part():
    assert added("foundations") == ["          - Exercises: lessons/first/exercises.md", *ENTRIES]
    assert added("architectures") == ["          - lessons/second/index.md", *ENTRIES]


def test_a_missing_part_is_added_in_its_place():
    assert added("training") == ["          - Exercises: lessons/first/exercises.md", "      - Training:", *ENTRIES]
    assert added("beyond") == ["          - lessons/second/index.md", "      - Beyond:", *ENTRIES]


def test_the_first_part_goes_to_the_top():
    nav = "nav:\n  - Lessons:\n      - Training:\n          - lessons/a/index.md\n"
    assert with_nav_entry(nav, "new", "foundations").splitlines()[2:5] == ["      - Foundations:", *ENTRIES]


def test_a_nav_without_lessons_is_refused():
    with pytest.raises(Refused, match="Lessons"):
        with_nav_entry("nav:\n  - Home: index.md\n", "new", "training")

"""The mutation script: it plants one lie at a time, sees it caught, and leaves everything as it was."""

import os
import re
import signal
import subprocess
import sys
import types
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from scripts import mutate
from scripts.mutants import Maker, Mutant
from tests.runner.page import read_page

PAGE = Path("docs/lessons/convolution-from-scratch/index.md")
EXERCISES = PAGE.with_name("exercises.md")
KINDS = "alt text,bound expression,comment,constant,figure,math,operator,output,prose,quiz,string,variable".split(",")
# name -> text of a page, what is changed in it, and into what
EXAMPLES = {
    "a digit in the prose": ("It has 576 weights.", "576", r"It has \d+ weights\."),
    "a digit in math": ("$3 \\cdot 3 = 9$", "9", r"\$3 \\cdot 3 = \d\$"),
    "a cell": ("| n |\n|---|\n| 12 |", "12", r"\| \d\d \|"),
    "a constant": ("```python\nx = 12\n```", "12", r"x = \d\d"),
    "a number in a comment": ("```python\nx = y  # 12\n```", "12", r"x = y  # \d\d"),
    "an operator": ("```python\nx = y * z\n```", "*", r"x = y \+ z"),
    "a variable": ("```python\nx = y\n```", "y", r"x = x"),
    "a word operator": ("```python\nx = y and z\n```", "and", r"x = y or z"),
    "an output": ("```python\nprint(1)\n```\n\n```text\n12 %\n```", "12", r"\d\d %"),
    "a binding": ("12<!-- = 3 * 4 -->", "3 * 4", r"12<!-- = 2 \* \(3 \* 4\) \+ 1 -->"),
    "a check": ("All are. <!-- check: x > 1 -->", "x > 1", r"All are\. <!-- check: not \(x > 1\) -->"),
    "a diagram": ("```layers\nalt: A.\ninput | 1 x 28 x 28\n```", "28", r"input \| 1 x (\d\d x 28|28 x \d\d)"),
}
KEPT = {
    "an import": "```python\nimport a1 as b\n```",
    "the head of a function": "```python\ndef f(x, y):\n    pass\n```",
    "a link": "[a page](page-12.md)",
    "a heading": "## 12 things",
    "a sign": "```python\nx = [-y, *z]\n```",
}


def made(folder: Path, text: str) -> list:
    (folder / "page.md").write_text(text + "\n", encoding="utf-8")
    return Maker(read_page(folder / "page.md", folder), folder, seed=1).mutants()


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_changed(tmp_path, name):
    text, was, pattern = EXAMPLES[name]
    found = [mutant for mutant in made(tmp_path, text) if mutant.was == was]
    assert found and all(re.fullmatch(pattern, mutant.text) and mutant.text not in text for mutant in found), found


@pytest.mark.parametrize("name", KEPT)
def test_what_is_not_changed(tmp_path, name):
    assert [m for m in made(tmp_path, KEPT[name]) if m.kind != "variable" or m.was != "z" and m.was != "y"] == []


def test_the_right_answer_is_moved_to_each_other_option(tmp_path):
    options = "".join(f"- **{letter}.** `{n}`\n" for n, letter in enumerate("ABC"))
    answers = "".join(f"- **{letter}. {'Right' if letter == 'B' else 'Wrong'}.** Since.\n" for letter in "ABC")
    found = [m for m in made(tmp_path, f"## Quiz\n\n### 1. Q\n\n{options}\n{answers}") if m.was == "B right"]
    assert [m.text for m in found] == [
        "- **A. Right.** Since.\n- **B. Wrong.** Since.",
        "- **B. Wrong.** Since.\n- **C. Right.** Since.",
    ]


@pytest.fixture(scope="module")
def course() -> mutate.Course:
    return mutate.Course(PAGE, seed=1, seconds=60)


@pytest.fixture(scope="module")
def mutants(course) -> dict[str, list]:
    by_kind = defaultdict(list)
    for mutant in course.mutants:
        by_kind[mutant.kind].append(mutant)
    return by_kind


def test_every_kind_is_planted(mutants):
    assert set(KINDS) <= set(mutants)


def test_the_page_itself_is_green(course):
    assert course.unrun()[0] == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutant_is_planted_and_taken_back(mutants, course, kind):
    mutant = mutants[kind][0]
    file = course.root / mutant.file
    original = file.read_text(encoding="utf-8")
    changed = course.planted(mutant, lambda: file.read_text(encoding="utf-8"))
    assert changed != original and file.read_text(encoding="utf-8") == original
    assert changed.split("\n")[: mutant.line - 1] == original.split("\n")[: mutant.line - 1]


def test_a_sample_is_caught_or_explained():
    """A few mutants of every commit; the weekly run takes all of them."""
    command = [sys.executable, "-m", "scripts.mutate", str(PAGE), str(EXERCISES), "--sample", "15", "--seed", "3"]
    done = subprocess.run([*command, "--at-least", "0.8"], cwd=mutate.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert re.search(r"caught: \d+\.\d % of 30; survivors not explained: 0", done.stdout), done.stdout


def test_each_explanation_names_a_place_that_exists():
    groups = yaml.safe_load(mutate.EXPLAINED.read_text(encoding="utf-8"))
    for group in groups:
        assert len(group["why"]) > 10
        lines = [line.strip() for line in (mutate.ROOT / group["file"]).read_text(encoding="utf-8").split("\n")]
        for place in group["places"]:
            assert place["line"] in lines, f"{group['file']} has no line {place['line']!r}"
            assert str(place["was"]) in place["line"]


@pytest.mark.parametrize(
    "kind, line, was, now",
    [("quiz", 40, "A right", "C right"), ("output", 10**6, "2.5", "2.6")],
    ids=["another option is right", "the page was edited meanwhile"],
)
def test_a_survivor_that_nothing_explains_has_no_reason(kind, line, was, now):
    mutant = Mutant(kind, str(PAGE), line, was, now, "")
    assert mutate.why(mutant, "- **C. Right.**", []) == ""


@pytest.mark.parametrize("kind, said", [("table", "red"), ("prose", "red"), ("math", "red"), ("constant", "")])
def test_words_and_tables_are_held_against_the_tests_of_the_lesson(monkeypatch, kind, said):
    course = object.__new__(mutate.Course)
    monkeypatch.setattr(mutate.Course, "test_fault", lambda self: "red")
    assert course.slow(Mutant(kind, str(PAGE), 1, "78", "72", "")) == said


def test_a_process_that_is_killed_is_red():
    assert mutate.in_a_fork(lambda: os.kill(os.getpid(), signal.SIGKILL), seconds=30) == "killed by signal 9"
    assert mutate.in_a_fork(lambda: "", seconds=30) == ""


def test_each_mutant_runs_in_a_copy_of_the_pages_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copy.png").write_bytes(b"true")

    def spoil():
        mutate.first_fault(types.SimpleNamespace(), [], seconds=30)
        Path("copy.png").write_bytes(b"false")

    assert mutate.in_a_fork(spoil, seconds=30) == "None"
    assert (tmp_path / "copy.png").read_bytes() == b"true"


def test_the_counts_are_written_between_the_marks(tmp_path, monkeypatch, mutants):
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n\n{mutate.MARK}\nold\n{mutate.MARK}\n\nBehind.\n")
    monkeypatch.setattr(mutate, "REPORT", page)
    options = type("Options", (), {"sample": 2, "seed": 1, "pages": [PAGE]})
    mutate.write([(mutants["quiz"][0], "red"), (mutants["output"][0], "")], options)
    text = page.read_text()
    assert text.startswith("Before.\n\n" + mutate.MARK) and text.endswith(mutate.MARK + "\n\nBehind.\n")
    assert re.search(r"quiz +1 +1 +100\.0%", text) and re.search(r"all +1 +2 +50\.0%", text)
    assert "Nobody has explained this yet." in text and "<summary>1 survived</summary>" in text

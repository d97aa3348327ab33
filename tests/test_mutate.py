"""The mutation script: it plants one lie at a time, sees it caught, and leaves everything as it was."""

import random
from collections import defaultdict
from pathlib import Path

import pytest

from scripts import mutate
from tests.runner.page import read_page

PAGE = Path("docs/lessons/convolution-from-scratch/index.md")
CAUGHT = ["alt text", "bound expression", "figure", "output", "quiz"]


@pytest.fixture(scope="module")
def mutants() -> dict[str, list[mutate.Mutant]]:
    by_kind = defaultdict(list)
    for mutant in mutate.mutants_of(read_page(mutate.ROOT / PAGE, mutate.ROOT), random.Random(1)):
        by_kind[mutant.kind].append(mutant)
    return by_kind


@pytest.fixture(scope="module")
def tree() -> Path:
    return mutate.copy_of_the_course(read_page(mutate.ROOT / PAGE, mutate.ROOT))


def test_every_kind_is_planted(mutants):
    assert {*CAUGHT, "comment", "constant", "math", "operator", "prose", "variable"} <= set(mutants)


def test_a_mutant_changes_one_line(mutants):
    for mutant in random.Random(0).sample([m for group in mutants.values() for m in group], 100):
        original = (mutate.ROOT / mutant.file).read_text(encoding="utf-8").split("\n")[mutant.line - 1]
        assert mutant.text != original and "\n" not in mutant.text


def test_the_page_itself_is_green(tree):
    assert next(mutate.faults(read_page(tree / PAGE, tree), tree, 60), "") == ""


@pytest.mark.parametrize("kind", CAUGHT)
def test_a_lie_is_caught_and_taken_back(mutants, tree, kind):
    mutant = mutants[kind][0]
    assert mutate.red(mutant, PAGE, tree, 60)
    assert (tree / mutant.file).read_bytes() == (mutate.ROOT / mutant.file).read_bytes()


def test_the_counts_are_written_between_the_marks(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n\n{mutate.MARK}\nold\n{mutate.MARK}\n\nBehind.\n")
    monkeypatch.setattr(mutate, "REPORT", page)
    options = type("Options", (), {"sample": 2, "seed": 1, "pages": [PAGE]})
    mutate.write([{"kind": "quiz", "red": "yes"}, {"kind": "quiz", "red": ""}], options)
    text = page.read_text()
    assert text.startswith("Before.\n\n" + mutate.MARK) and text.endswith(mutate.MARK + "\n\nBehind.\n")
    assert "quiz                   1        2     50%" in text and "old" not in text

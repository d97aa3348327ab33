"""Totals of tables: added up where a row says that it is one, and left alone elsewhere."""

import pytest

from tests.runner import totals
from tests.runner.page import read_page

HEAD = "| layer | weights | share |\n|---|---|---|\n| one | 1,200 | 12.5 % |\n| two | 8,400 | 87.5 % |\n"
RIGHT = {
    "total": HEAD + "| total | 9,600 | 100 % |",
    "bold": HEAD + "| **Total** | **9,600** | |",
    "rounded": HEAD.replace("12.5", "12").replace("87.5", "87") + "| sum | 9,600 | 100 % |",
    "no-total": HEAD + "| three | 1 | 2 % |",
    "words": HEAD + "| total | many | 100 % |",
    "another-column": HEAD.replace("1,200", "3x3") + "| total | 9,600 | 100 % |",
    "bound": "<!-- table: weights == 0 -->\n\n" + HEAD + "| total | 9,601 | 100 % |",
    "one-row": "| a | b |\n|---|---|\n| total | 5 |",
}
WRONG = {
    "digit": (HEAD + "| total | 9,601 | 100 % |", 'the total of "weights" is 9,600, not 9,601'),
    "share": (HEAD + "| total | 9,600 | 98 % |", 'the total of "share" is 100, not 98 %'),
    "row": (HEAD.replace("8,400", "8,300") + "| in total | 9,600 | |", 'the total of "weights" is 9,500, not 9,600'),
}


def found(folder, text: str) -> list[tuple[int, str]]:
    (folder / "page.md").write_text(text + "\n", encoding="utf-8")
    page = read_page(folder / "page.md", folder)
    return [(problem.line, problem.message) for problem in totals.problems(page, folder)]


@pytest.mark.parametrize("name", RIGHT)
def test_right(tmp_path, name):
    assert found(tmp_path, RIGHT[name]) == []


@pytest.mark.parametrize("name", WRONG)
def test_wrong(tmp_path, name):
    text, words = WRONG[name]
    assert found(tmp_path, text) == [(5, words)]

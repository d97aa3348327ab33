"""The notebooks hold what the pages show: the same code, outputs and exercises, in a form that Jupyter understands."""

import json
import re

import nbformat
import pytest

from scripts import make_notebooks
from scripts.make_notebooks import INSTALL, LESSONS, ROOT, SITE, code_cell, in_prose, notebook, readable, run
from tests.runner.fences import scan
from tests.runner.page import read_page

NAMES = sorted(path.parent.name for path in LESSONS.glob("*/index.md"))
each_lesson = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def notebooks():
    return {name: nbformat.from_dict(notebook(LESSONS / name)) for name in NAMES}


def sources(book, kind):
    return [cell.source for cell in book.cells if cell.cell_type == kind]


def code_of(page, *roles):
    """The code of the blocks of a page that have one of these roles, as the runner runs it."""
    blocks = [step for step in read_page(page, ROOT).steps if getattr(step, "chunks", None) and hasattr(step, "role")]
    return ["".join(c.code for c in block.chunks).rstrip("\n") for block in blocks if block.role in roles]


@each_lesson
def test_the_code_is_the_code_of_the_page_and_of_its_exercises(notebooks, name):
    expected = [INSTALL, *code_of(LESSONS / name / "index.md", "")]
    expected += code_of(LESSONS / name / "exercises.md", "", "starter", "tests")
    assert sources(notebooks[name], "code") == expected


@each_lesson
def test_jupyter_understands_it(notebooks, name):
    nbformat.validate(notebooks[name])
    words = "\n".join(sources(notebooks[name], "markdown"))
    for mark in ("<!--", "--8<--", 'markdown="1"', ".svg)](", "](../", "](index.md", "```{"):
        assert mark not in words
    assert words.count("<details") == words.count("</details>")
    pictures = re.findall(r"attachment:([^)]+)", words)
    assert pictures, "a lesson begins with a picture"
    attached = {key for cell in notebooks[name].cells for key in cell.get("attachments", {})}
    assert attached == set(pictures)


@each_lesson
def test_a_reader_can_test_the_own_answer(notebooks, name):
    """Behind each starter stands a cell that tests it; it fails until the reader has answered, and stops nothing."""
    cells = [cell for cell in notebooks[name].cells if cell.cell_type == "code"]
    starters, tests = (code_of(LESSONS / name / "exercises.md", role) for role in ("starter", "tests"))
    for starter, test in zip(starters, tests, strict=True):
        first = next(i for i, cell in enumerate(cells) if cell.source == starter)
        assert cells[first + 1].source == test and "raises-exception" in cells[first + 1].metadata.tags
    assert len(starters) >= 3


@each_lesson
def test_the_outputs_are_those_of_the_page(notebooks, name):
    page = read_page(LESSONS / name / "index.md", ROOT)
    shown = [step.output.text for step in page.steps if getattr(step, "output", None)]
    seen = [cell.outputs[0] for cell in notebooks[name].cells if cell.get("outputs")][: len(shown)]
    texts = ["\n".join(out.traceback) if out.output_type == "error" else out.text.removesuffix("\n") for out in seen]
    assert texts == shown


def test_every_link_leads_somewhere(notebooks, site):
    for name, book in notebooks.items():
        for text in sources(book, "markdown"):
            for target in re.findall(rf"\]\(({re.escape(SITE)}[^)]*)\)", text):
                path, _, anchor = target.removeprefix(SITE).partition("#")
                page = site / path / "index.html" if path.endswith("/") else site / path
                assert page.is_file(), f"{name}: {target}"
                assert not anchor or f'id="{anchor}"' in page.read_text(encoding="utf-8"), f"{name}: {target}"


def test_it_is_the_same_on_every_run(tmp_path, monkeypatch):
    path = LESSONS / "lenet" / make_notebooks.FILE
    make_notebooks.write(LESSONS / "lenet")
    before, written = path.read_bytes(), path.stat().st_mtime_ns
    make_notebooks.write(LESSONS / "lenet")
    assert path.stat().st_mtime_ns == written, "what did not change is not written"
    path.unlink()
    make_notebooks.write(LESSONS / "lenet")
    assert path.read_bytes() == before


def test_code_in_prose_is_left_alone():
    text = "# A\n`f[0](x)` and [b](c.md)\n\n```python\n# comment\ng[1](y)\n```\n"
    assert in_prose(text, str.upper) == "# A\n`f[0](x)` AND [B](C.MD)\n\n```python\n# comment\ng[1](y)\n```\n"
    assert readable(text, deeper=1).startswith("## A\n") and "\n# comment" in readable(text, deeper=1)


def book_of(*cells):
    cells = [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells)]
    return {"cells": cells, "metadata": make_notebooks.METADATA, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize(
    "text, title, fault",
    [
        ("0.50", "", None),
        ("0.51", "", "page shows: 0.51"),
        ("0.53", "Output. On another machine each decimal number may differ by up to 0.04", None),
    ],
)
def test_run_compares_the_outputs(tmp_path, text, title, fault):
    output = scan(f'```text title="{title}"\n{text}\n```\n').fences[0]
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps(book_of(code_cell("print('0.50')", output, ""))))
    found = run(path, limit=60)
    assert found == [] if fault is None else fault in found[0]


def test_run_goes_on_only_where_an_error_is_expected(tmp_path):
    output = scan("```text\nZeroDivisionError: division by zero\n```\n").fences[0]
    path = tmp_path / "book.ipynb"
    expected = code_cell("1 / 0", output, "<!--pytest.mark.xfail(raises=ZeroDivisionError)-->")
    path.write_text(json.dumps(book_of(expected, code_cell("print(1)", None, ""))))
    assert run(path, limit=60) == []
    path.write_text(json.dumps(book_of(code_cell("1 / 0", None, ""))))
    assert "ZeroDivisionError" in run(path, limit=60)[0]


def test_a_lesson_that_does_not_exist_is_named(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make_notebooks", "no-such-lesson"])
    with pytest.raises(SystemExit):
        make_notebooks.main()
    assert "no such lesson: no-such-lesson; there are: " in capsys.readouterr().err

"""The notebooks of docs/labs/: they give the outputs that they store, keep the rules, and run_labs.py says what is wrong."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from scripts import run_labs

LABS = sorted(run_labs.LABS.glob("*.ipynb"))
KILOBYTE = 1000

every_lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)


def outputs(notebook):
    return [output for cell in run_labs.code_cells(notebook) for output in cell.outputs]


def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


# The notebooks of the course


def test_there_is_a_lab():
    assert LABS


@every_lab
def test_a_run_gives_the_stored_outputs(path):
    run_labs.check(path, limit=300)


@every_lab
def test_cells_that_print_or_plot_have_outputs(path):
    for cell in run_labs.code_cells(run_labs.read(path)):
        kinds = [output.output_type for output in cell.outputs]
        assert ("stream" in kinds) == bool(re.search(r"^ *print\(", cell.source, re.MULTILINE)), cell.source
        assert ("display_data" in kinds) == bool(re.search(r"^show\(", cell.source, re.MULTILINE)), cell.source


@every_lab
def test_plots_are_small_svgs_with_a_description(path):
    for output in outputs(run_labs.read(path)):
        assert output.output_type in ("stream", "display_data")
        if output.output_type == "display_data":
            assert set(output.data) == {"image/svg+xml", "text/plain"}
            assert re.fullmatch(r"[^\n<>]{60,300}\.", output.data["text/plain"])  # the site shows it as alt text
            assert "currentColor" in output.data["image/svg+xml"]
            assert len(output.data["image/svg+xml"]) < 100 * KILOBYTE
            assert (
                max(map(len, re.findall(r"base64,([^\"]+)", output.data["image/svg+xml"])), default=0) < 40 * KILOBYTE
            )
    assert path.stat().st_size < 300 * KILOBYTE


@every_lab
def test_nothing_of_the_machine_is_stored(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|Users|work|usr|opt)/|[A-Z]:\\\\\\\\|ipykernel_|\\u001b", text)
    assert not [output for output in outputs(run_labs.read(path)) if output.get("name") == "stderr"]
    assert "execution" not in {key for cell in json.loads(text)["cells"] for key in cell["metadata"]}


@every_lab
def test_text_renders_on_the_site_and_on_github(path):
    notebook = run_labs.read(path)
    headings = re.findall(r"^#+ .*", "\n".join(prose(notebook)), re.MULTILINE)
    assert headings[0].startswith("# ") and not [line for line in headings[1:] if line.startswith("# ")]
    assert not [line for line in headings if "`" in line]  # mkdocs-jupyter breaks the anchor of such a heading
    assert not [cell for cell in prose(notebook) if "$" in cell or "!!!" in cell]
    assert not [line for cell in run_labs.code_cells(notebook) for line in cell.source.split("\n") if len(line) > 88]


@every_lab
def test_numbers_in_the_text_stand_in_the_code_or_in_an_output(path):
    notebook = run_labs.read(path)
    computed = "\n".join(
        [*(cell.source for cell in run_labs.code_cells(notebook)), *(o.get("text", "") for o in outputs(notebook))]
    )
    computed = set(re.findall(r"\d+", computed.replace(",", "")))
    text = "\n".join(prose(notebook)).partition("## Sources")[0]
    long = [number.replace(",", "") for number in re.findall(r"\d[\d,]*\d{2}", text)]
    assert long and not [number for number in long if number not in computed]


# The script, on small notebooks


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Return a function that writes a notebook of code cells, given as (code, what it printed), and returns its path."""
    monkeypatch.setattr(run_labs, "LABS", tmp_path)

    def make(*cells):
        notebook = nbformat.v4.new_notebook()
        for number, (code, text) in enumerate(cells, start=1):
            stored = [nbformat.v4.new_output("stream", name="stdout", text=text)] if text else []
            notebook.cells.append(nbformat.v4.new_code_cell(code, id=f"cell-{number}", outputs=stored))
        run_labs.normalise(notebook)
        run_labs.write(notebook, tmp_path / "small.ipynb")
        return tmp_path / "small.ipynb"

    return make


PLOT = """from IPython.display import display
svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt" viewBox="0 0 9 9"><path d="M 0 0"/></svg>'
display({"image/svg+xml": svg, "text/plain": "a dot"}, raw=True)"""


def test_run_stores_the_same_file_each_time_and_check_accepts_it(lab, tmp_path, capsys):
    path = lab(("print(1 / 3)\n2 + 2", ""), (PLOT, ""))
    assert run_labs.main(["small"]) == 0
    first = path.read_bytes()
    assert run_labs.main([]) == 0
    assert path.read_bytes() == first and first.endswith(b"}\n")
    assert [file.name for file in tmp_path.iterdir()] == ["small.ipynb"]
    assert [output.output_type for output in outputs(run_labs.read(path))] == [
        "stream",
        "execute_result",
        "display_data",
    ]
    assert run_labs.main(["--check"]) == 0
    assert "small: outputs as stored" in capsys.readouterr().out


def test_a_broken_cell_is_named_with_its_traceback_and_the_file_is_left_alone(lab, tmp_path, capsys):
    path = lab(("def half(n):\n    return 1 / n", ""), ("print('so far')\nhalf(0)", "before\n"))
    before = path.read_bytes()
    assert run_labs.main([]) == 1
    said = capsys.readouterr().out
    assert f"{path}: cell 2: ZeroDivisionError: division by zero" in said
    assert "----> 2 half(0)" in said and "----> 2     return 1 / n" in said and "\x1b" not in said
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["small.ipynb"]


def test_a_changed_number_is_named_with_the_command_that_mends_it(lab, capsys):
    path = lab(("x = 2", ""), ("print('accuracy', x + 1.14)", "accuracy 3.15\n"))
    assert run_labs.main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: cell 2: it prints something else",
        "  page shows: accuracy 3.15",
        "  block gave: accuracy 3.1399999999999997",
        "To store the outputs of a new run: python -m scripts.run_labs small",
    ]


def test_changed_code_is_named_without_a_run(lab, capsys):
    path = lab(("print(2)", "2\n"))
    notebook = run_labs.read(path)
    notebook.cells[0].source = "print(2)  # the same output"
    run_labs.write(notebook, path)
    assert run_labs.main(["--check"]) == 1
    said = capsys.readouterr()
    assert f"{path}: cell 1: its code was changed after its outputs were stored" in said.out
    assert "python -m scripts.run_labs small" in said.out and "cell 1 of 1" not in said.err


@pytest.mark.parametrize(
    ("stored", "seen", "equal"),
    [
        ("test 65.2 %\nmay differ by up to 3.0\n", "test 67.9 %\nmay differ by up to 3.0\n", True),
        ("test 65.2 %\nmay differ by up to 3.0\n", "test 68.9 %\nmay differ by up to 3.0\n", False),
        ("test 65.2 %\n", "test 65.3 %\n", False),
        ("465 patches, may differ by up to 3.0\n", "466 patches, may differ by up to 3.0\n", False),
        ("one\ntwo\n", "one\n", False),
    ],
)
def test_decimals_may_differ_as_far_as_the_cell_says(lab, stored, seen, equal):
    notebooks = [run_labs.read(lab(("print(x)", text))) for text in (stored, seen)]
    assert (run_labs.changed(*notebooks) == []) == equal


@pytest.mark.parametrize("plots", [[], ["a dot", "a dot"], ["a line"]])
def test_number_and_description_of_plots_are_compared(lab, plots):
    notebooks = [run_labs.read(lab((PLOT, ""))) for _ in range(2)]
    for notebook, descriptions in zip(notebooks, (["a dot"], plots), strict=True):
        data = [{"image/svg+xml": "<svg/>", "text/plain": text} for text in descriptions]
        notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data=each) for each in data]
    [message] = run_labs.changed(*notebooks)
    assert message.startswith("cell 1: it displays something else\n  page shows: image/svg+xml + text/plain: a dot")


def test_a_cell_that_hangs_is_stopped(lab, capsys):
    path = lab(("import time", ""), ("time.sleep(60)", ""))
    assert run_labs.main(["--limit", "1"]) == 1
    assert f"{path}: cell 2: took longer than 1 seconds" in capsys.readouterr().out


def test_a_cell_that_ends_the_kernel_is_named(lab, capsys):
    path = lab(("import os\nos._exit(3)", ""))
    assert run_labs.main([]) == 1
    assert f"{path}: cell 1: the cell ended the kernel" in capsys.readouterr().out


def test_a_lab_has_no_network_and_writes_nothing_into_the_home(lab, tmp_path, monkeypatch, capsys):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    lab(("import urllib.request\nurllib.request.urlopen('http://example.org')", ""))
    assert run_labs.main([]) == 1
    assert "a lab runs without a network" in capsys.readouterr().out
    assert list(home.iterdir()) == []


def test_an_unknown_name_and_a_file_that_is_no_notebook(lab, capsys):
    path = lab(("1", ""))
    with pytest.raises(SystemExit):
        run_labs.main(["nothing"])
    assert "no such lab: nothing; there are: small" in capsys.readouterr().err
    Path(path).write_text("{", encoding="utf-8")
    assert run_labs.main(["--check"]) == 1
    assert f"{path}: cannot be read as a notebook" in capsys.readouterr().out

"""The benchmark: every way runs the same code, and a way that fails is never a fast one."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_codeblocks import extract_from_file

from scripts import benchmark
from tests.runner.page import Block, read_page

WAYS = ["bare exec", "our page runner", "pytest-codeblocks", "pytest-markdown-docs", "sybil", "mktestdocs"]
PAGE = """\
---
title: A page
description: Of a test.
---

```{ .python title="snippets/shown.py" }
--8<-- "snippets/shown.py:part"
```

It costs a minute on the network.
<!--pytest.mark.skip(reason="It costs a minute on the network.")-->
```python
download()
```

<!--pytest.mark.xfail(raises=ValueError)-->
```python
def parse(text):

    return int(text)
print(parse("one"))
```
<!--pytest-codeblocks:expected-output-->
```text
ValueError: invalid literal for int() with base 10: 'one'
```

<!--pytest.mark.xfail(raises=SyntaxError)-->
```python
1 +
```
"""
SHOWN = "import math\n# --8<-- [start:part]\nn = 3\n# --8<-- [end:part]\n"
CODES = [
    "n = 3\n",
    'try:\n    def parse(text):\n\n        return int(text)\n    print(parse("one"))\nexcept ValueError:\n    pass\n',
]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.benchmark", *options]
    return subprocess.run(command, cwd=benchmark.ROOT, capture_output=True, text=True, timeout=300)


def significant(code: str) -> list[str]:
    """The lines without their indentation, and without the try statements of blocks that must raise."""
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(("try:", "except ", "pass"))]


def joined(copy: Path) -> str:
    """All that stands inside the fences of a copy; pytest-codeblocks puts continued blocks together."""
    return "".join(block.code for block in extract_from_file(copy))


def test_a_copy_is_what_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "ROOT", tmp_path)
    (tmp_path / "snippets").mkdir()
    (tmp_path / "snippets" / "shown.py").write_text(SHOWN)
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert benchmark.codes(page) == CODES
    assert benchmark.write_copies([page], tmp_path) == 2
    for folder, fences in (("blocks", 2), ("joined", 1)):
        copy = tmp_path / folder / "page.md"
        assert joined(copy) == "".join(CODES)
        assert copy.read_text().count("```python\n") == fences


def test_the_copies_of_the_course_hold_its_code(tmp_path):
    pages = benchmark.pages_in(benchmark.ROOT / "docs")
    benchmark.write_copies(pages, tmp_path)
    for page in pages:
        steps = read_page(page, benchmark.ROOT).steps
        blocks = [step for step in steps if isinstance(step, Block) and not step.skip and step.role in ("", "solution")]
        code = "".join(chunk.code for block in blocks for chunk in [*block.chunks, *block.tests])
        copies = [
            tmp_path / folder / "_".join(page.relative_to(benchmark.ROOT).parts) for folder in ("blocks", "joined")
        ]
        assert [copy.exists() for copy in copies] == 2 * [bool(blocks)]
        for copy in copies if blocks else []:
            assert significant(joined(copy)) == significant(code)


def test_every_way_has_a_row():
    done = run("--generated", "3", "--repeat", "1")
    if done.returncode and "with a network, run:" in done.stderr:
        pytest.skip("the tools to compare with are not installed, and there is no network")
    assert done.returncode == 0, done.stderr
    head, _, *rows = done.stdout.splitlines()
    assert head.startswith("3 pages with 45 blocks")
    assert [row[:24].strip() for row in rows] == WAYS
    assert all(float(number) > 0 for row in rows for number in row[24:].split())
    assert "turn 1 of 1: sybil" in done.stderr


def test_growth_has_a_row_for_each_count():
    done = run("--linear", "1", "2", "--repeat", "1")
    assert done.returncode == 0, done.stderr
    assert [row.split()[0] for row in done.stdout.splitlines()[1:]] == ["pages", "1", "2"]


def test_a_way_that_fails_ends_the_comparison(tmp_path):
    failing = benchmark.Way("a red page", [sys.executable, "-c", "print('why'); raise SystemExit(1)"], tmp_path)
    with pytest.raises(SystemExit, match="a red page failed; the end of what it printed:\nwhy"):
        benchmark.measure(failing)


@pytest.mark.parametrize(
    "options", [["--generated", "0"], ["--repeat", "-1"], ["--page", "/"], ["--page", "no-such.md"]]
)
def test_options_that_make_no_sense(options):
    assert run(*options).returncode == 2

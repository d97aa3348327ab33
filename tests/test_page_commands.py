"""What a contributor types: one block, updated outputs, a device, huge and broken files."""

import functools
import http.server
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.site import verified
from tests.runner.fences import normal_form, scan
from tests.runner.page import read_page
from tests.test_page_runner import OUTPUT, block, outcomes, project, run

PAGE = block("a = 1") + block("raise_later = True") + block("print(a + 1)") + block("print('never')")


def test_a_block_alone_runs_what_it_needs(tmp_path):
    project(tmp_path, {"page": block("a = 1") + block("b = a + 1") + block("assert b == 2") + block("1 / 0")})
    ran = run(tmp_path, "page.md::block-3")
    assert ran.returncode == 0 and "1 passed" in ran.stdout, ran.stdout


def test_a_block_alone_tells_what_failed_before_it(tmp_path):
    project(tmp_path, {"page": block("a = 1 / 0") + block("b = 2")})
    ran = run(tmp_path, "page.md::block-2")
    assert "page.md:4: not run: block-1 (line 1) failed before it" in ran.stdout
    assert "page.md:2: ZeroDivisionError" in ran.stdout


def test_after_a_failure_the_rest_is_not_run_and_says_so(tmp_path):
    project(tmp_path, {"page": block("a = 1 / 0") + block("b = 2")})
    assert "not run: block-1 (line 1) failed before it" in run(tmp_path, "page.md").stdout


@pytest.fixture
def served(tmp_path_factory):
    """The address of a small server on this machine, which stands for a host of data sets."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "labels.txt").write_text("cat dog", encoding="utf-8")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/labels.txt"
        server.shutdown()


@pytest.mark.parametrize("labels, failed", [("cat dog", ""), ("cat", "page.md:7: AssertionError")])
def test_a_block_that_needs_a_download_runs_where_there_is_a_network(tmp_path, served, labels, failed):
    skipped = '<!--pytest.mark.skip(reason="it needs a download")-->\n'
    fetch = f"import urllib.request\nassert urllib.request.urlopen('{served}').read() == b'{labels}', 'labels'"
    project(tmp_path, {"page": "Not run here: it needs a download.\n\n\n" + skipped + block(fetch) + block("a = 1")})
    here = run(tmp_path, "page.md")
    assert here.returncode == 0 and "1 skipped" in here.stdout, here.stdout
    online = run(tmp_path, "--downloads", "page.md")
    assert (online.returncode == 1) == bool(failed) and failed in online.stdout, online.stdout
    assert "SKIPPED" not in online.stdout or failed


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_update_writes_changes_adds_and_removes(tmp_path, newline):
    text = (
        block("print('new')")
        + block("print('old')")
        + OUTPUT
        + "\n```text\nout of date\n```\n"
        + block("x = 1")
        + OUTPUT
        + "\n```text\ngone\n```\n\nEnd — with ünicode.\n\n"
        + block("print(0.4375)")
        + OUTPUT
        + "\n```text\n0.44\n```\n"
    )
    project(tmp_path, {"page": text.replace("\n", newline).encode()})
    ran = run(tmp_path, "--update-outputs", "page.md")
    assert ran.returncode == 0, ran.stdout
    expected = (
        block("print('new')")
        + "\n```text\nnew\n```\n"
        + block("print('old')")
        + OUTPUT
        + "\n```text\nold\n```\n"
        + block("x = 1")
        + "\nEnd — with ünicode.\n\n"
        + block("print(0.4375)")
        + OUTPUT
        + "\n```text\n0.44\n```\n"
    )
    assert (tmp_path / "page.md").read_bytes().decode() == expected.replace("\n", newline)
    assert run(tmp_path, "page.md").returncode == 0


def test_update_keeps_indentation_and_escapes_fences(tmp_path):
    item = "1. Item\n\n    ```python\n    print('```')\n    ```\n"
    project(tmp_path, {"page": item})
    run(tmp_path, "--update-outputs", "page.md")
    assert (tmp_path / "page.md").read_text() == item + "\n    ````text\n    ```\n    ````\n"
    assert run(tmp_path, "page.md").returncode == 0


def test_update_makes_the_fence_longer_when_the_output_needs_it(tmp_path):
    code = "print('```')"
    project(tmp_path, {"page": block(code) + OUTPUT + "\n```text\nold\n```\n\nMore words.\n"})
    assert "page.md:1: output written" in run(tmp_path, "--update-outputs", "page.md").stdout
    assert (tmp_path / "page.md").read_text() == block(code) + OUTPUT + "\n````text\n```\n````\n\nMore words.\n"
    assert run(tmp_path, "page.md").returncode == 0


def test_update_keeps_the_ending_of_every_line(tmp_path):
    text = "One.\n\nTwo.\r\n\n" + block("print(2)") + OUTPUT + "\n```text\n1\n```\n"
    project(tmp_path, {"page": text.encode()})
    run(tmp_path, "--update-outputs", "page.md")
    assert (tmp_path / "page.md").read_bytes() == text.replace("\n1\n", "\n2\n").encode()


def test_update_leaves_a_link_a_link(tmp_path):
    project(tmp_path, {"real": block("print(2)")})
    (tmp_path / "page.md").symlink_to("real.md")
    run(tmp_path, "--update-outputs", "page.md")
    assert (tmp_path / "page.md").is_symlink() and "```text\n2\n" in (tmp_path / "real.md").read_text()


@pytest.mark.parametrize("option", ["--page-seconds=0", "--page-memory=-1", "--page-seed=-1"])
def test_a_limit_without_sense_is_an_error(tmp_path, option):
    ran = run(project(tmp_path, {"page": block("x = 1")}), option)
    assert ran.returncode == 4 and "must be positive" in ran.stderr


def test_a_killed_run_leaves_no_page_behind(tmp_path):
    project(tmp_path, {"page": block("import time\ntime.sleep(600)  # 4321")})
    command = [sys.executable, "-m", "pytest", "--codeblocks", "-q", "page.md"]
    ran = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True)
    pages = tmp_path / ".cache" / "p"
    wait_until(lambda: pages.exists() and any(pages.iterdir()) and psutil.Process(ran.pid).children())
    child = psutil.Process(ran.pid).children()[0]
    ran.kill()
    ran.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    project(tmp_path, {"page": block("x = 1")})
    assert run(tmp_path, "page.md").returncode == 0
    assert not list(pages.iterdir()), "the next run removes the folder that was left"


def wait_until(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_update_leaves_a_page_alone_that_was_changed_meanwhile(tmp_path):
    edits = block(f"print('x')\nimport os, builtins\nfd = os.open({str(tmp_path / 'page.md')!r}, os.O_RDONLY)")
    project(tmp_path, {"page": edits})
    from tests.runner.update import rewrite

    page = read_page(tmp_path / "page.md", tmp_path)
    (tmp_path / "page.md").write_text(edits + "More words.\n")
    with pytest.raises(RuntimeError, match="was changed while it ran"):
        rewrite(tmp_path / "page.md", page.text, [(page.steps[0], "x\n")])
    assert (tmp_path / "page.md").read_text() == edits + "More words.\n"


def test_update_is_refused_on_a_gpu(tmp_path):
    ran = run(project(tmp_path, {"page": block("x = 1")}), "--update-outputs", "--device", "cuda")
    assert ran.returncode == 4 and "outputs are written on a CPU only" in ran.stderr


def test_a_missing_gpu_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    ran = run(project(tmp_path, {"page": block("x = 1")}), "--device", "cuda")
    assert ran.returncode == 4 and "--device cuda: torch finds no CUDA device here" in ran.stderr


def test_the_page_sees_no_gpu_on_the_cpu(tmp_path):
    page = block("import os\nassert os.environ['CUDA_VISIBLE_DEVICES'] == ''")
    assert run(project(tmp_path, {"page": page})).returncode == 0


def test_the_seed_can_be_changed(tmp_path):
    page = block("import random\nprint(random.random())") + OUTPUT + "\n```text\n0.8444218515250481\n```\n"
    project(tmp_path, {"page": page})
    assert run(tmp_path).returncode == 0
    assert run(tmp_path, "--page-seed", "1").returncode == 1


def test_snippets_are_run_as_they_are_shown_and_fail_at_their_own_line(tmp_path):
    code = "import math\n\n\n# --8<-- [start:area]\ndef area(r):\n    return math.pi * r * r\n# --8<-- [end:area]\n"
    (tmp_path / "circle.py").write_text(code)
    shown = '```{ .python title="circle.py" }\n--8<-- "circle.py:area"\n```\n'
    project(tmp_path, {"page": shown + block("area(1)"), "good": block("import math") + shown + block("area(1)")})
    results = outcomes(tmp_path)
    assert {outcome for outcome, _ in results["good"].values()} == {"passed"}
    words = "".join(words for _, words in results["page"].values())
    assert "NameError: name 'math' is not defined" in words and 'circle.py", line 6, in area' in words


def test_ten_thousand_lines(tmp_path):
    text = "A paragraph of words.\n\n" * 4000 + block("x = 1\n" * 2000)
    assert run(project(tmp_path, {"page": text})).returncode == 0


def test_a_binary_file_fails_with_its_line(tmp_path):
    results = outcomes(project(tmp_path, {"page": b"# Page\n\n\xff\xfe\x00binary"}))
    assert "page.md:3: not UTF-8 text" in results["page"]["format"][1]


LINES = st.sampled_from(
    [
        "```python",
        "```",
        "~~~",
        "x = 1",
        "<!-- = 1 -->",
        "<!--",
        "-->",
        "## Quiz",
        "### 1",
        "- **A.** `1`",
        "- **A. Right.** a",
        "> ```py",
        "    ```",
        "<!-- exercise: tests -->",
        "<!-- answer: 1 -->",
        "<!-- check: x",
        OUTPUT,
        '--8<-- "x.py:y"',
        "---",
        "\u202e text",
        "",
        "`<!--`",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES | st.text(max_size=30), max_size=30))
def test_any_text_is_read_without_an_error_of_our_own(lines):
    text = "\n".join(lines)
    page = scan(text)
    assert len(normal_form(page).split("\n")) >= len(page.lines)
    path = Path("/nonexistent.md")
    for problem in page.problems:
        assert 1 <= problem.line <= len(page.lines), path


@settings(max_examples=200, deadline=None)
@given(data=st.lists(LINES, max_size=30).map(lambda lines: "\n".join(lines).encode()) | st.binary(max_size=300))
def test_any_file_is_read_as_a_page(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "page.md"
    path.write_bytes(data)
    page = read_page(path, path.parent)
    assert all(problem.line >= 1 and problem.message for problem in page.problems)


def test_the_report_tells_what_ran_and_the_site_repeats_it(tmp_path):
    page = block("x = 2") + "Twice that is 4<!-- = 2 * x -->.\n"
    project(tmp_path, {"page": page, "bad": block("1 / 0"), "part": block("a = 1") + block("b = 2")})
    run(tmp_path, "--report", ".cache/verified.json", "-n", "2", "page.md", "bad.md", "part.md::block-1")
    report = json.loads((tmp_path / ".cache/verified.json").read_text())["pages"]
    assert {"blocks": 1, "claims": 1, "failed": 0}.items() <= report["page.md"].items()
    assert report["bad.md"]["failed"] == 1
    assert "part.md" not in report, "one block of a page does not verify the page"
    words = verified.sentence(tmp_path / "page.md", tmp_path)
    assert re.match(
        r"Verified on \d+ \w+ \d{4}: 1 block ran, 1 claim checked, with Python 3\S* and torch \S+ on a CPU\.", words
    )
    assert "1 checks failed" in verified.sentence(tmp_path / "bad.md", tmp_path)
    assert "Not verified yet" in verified.sentence(tmp_path / "part.md", tmp_path)
    (tmp_path / "page.md").write_text(page.replace("x = 2", "x = 3"))
    assert verified.sentence(tmp_path / "page.md", tmp_path).startswith("Changed since it was last verified, on")


def test_a_changed_snippet_changes_the_hash_of_its_page(tmp_path):
    (tmp_path / "code.py").write_text("x = 1\n")
    (tmp_path / "page.md").write_text('```python\n--8<-- "code.py"\n```\n')
    before = verified.content_hash(tmp_path / "page.md", tmp_path)
    (tmp_path / "code.py").write_text("x = 2\n")
    assert verified.content_hash(tmp_path / "page.md", tmp_path) != before


def test_failures_become_notes_at_their_line_in_a_pull_request(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    ran = run(project(tmp_path, {"page": "It has 5<!-- = 2 + 2 --> legs.\n"}))
    assert '::error file=page.md,line=1::"5" but 2 + 2 is 4' in ran.stdout

"""The Run buttons: what they run needs nothing but Python, gives the output of the page, and can be stopped."""

import builtins
import io
import sys
from contextlib import redirect_stdout

import pytest

from tests.conftest import ROOT
from tests.runner.page import Block, read_page

PAGES = ["convolution-from-scratch", "convolution-layer", "pooling", "receptive-field"]
RUN = "Run this block"
each_page = pytest.mark.parametrize("name", PAGES)


def runnable(name):
    """The blocks with a Run button, as (code, output)."""
    page = read_page(ROOT / "docs/lessons" / name / "index.md", ROOT)
    blocks = [step for step in page.steps if isinstance(step, Block) and ".run " in page.scan.lines[step.line - 1]]
    return [("".join(c.code for c in b.chunks), "\n".join(b.output.fence.body) if b.output else "") for b in blocks]


@pytest.fixture
def page(browser, address):
    context = browser.new_context(base_url=address, service_workers="block")
    page = context.new_page()
    page.goto("lessons/convolution-from-scratch/")
    yield page
    context.close()


def run(page, code=None, place=0):
    """Press the button of a block, its code replaced by `code`; the row of its buttons."""
    row = page.locator(".run__row").nth(place)
    if code is not None:
        if not page.locator(".run textarea").count():
            row.get_by_role("button", name="Edit this block").press("Enter")
        page.get_by_label("Code. Control and Enter run it.").fill(code)
    row.get_by_role("button", name=RUN).press("Enter")
    return row


def wait(row, words):
    row.get_by_role("status").filter(has_text=words).wait_for(timeout=30_000)


def test_the_pages_with_run_buttons_are_these():
    marked = {
        path.parent.name for path in ROOT.glob("docs/lessons/*/index.md") if "{ .python .run " in path.read_text()
    }
    assert marked == set(PAGES)


@each_page
def test_the_blocks_need_nothing_but_python(name, monkeypatch):
    plain = builtins.__import__

    def only_python(module, *arguments):
        assert module.partition(".")[0] in sys.stdlib_module_names, f"{module} is not part of Python"
        return plain(module, *arguments)

    monkeypatch.setattr(builtins, "__import__", only_python)
    namespace, blocks = {"__name__": "__main__"}, runnable(name)
    assert len(blocks) >= 10
    for code, expected in blocks:
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(code, name, "exec"), namespace)
        assert printed.getvalue().rstrip() == expected.rstrip()


@each_page
def test_they_print_in_the_browser_what_the_page_shows(name, page):
    page.goto(f"lessons/{name}/")
    blocks = runnable(name)
    assert page.locator(".run__row").count() == len(blocks)
    for place, (_, expected) in enumerate(blocks):
        if expected:
            wait(run(page, place=place), "Done: as in the page.")
            shown = page.locator(".run__row").nth(place).locator("+ .run__output").inner_text()
            assert shown.rstrip() == expected.rstrip()


def test_python_is_fetched_on_the_first_click_with_progress(page):
    fetched = []
    page.on("request", lambda request: fetched.append(request.url))
    page.reload(wait_until="networkidle")
    assert not [url for url in fetched if "pyodide" in url or "run-worker" in url]
    row = run(page)
    row.get_by_role("status").filter(has_text=" of 12.3 MB").wait_for()
    wait(row, "Done: as in the page.")
    assert [url for url in fetched if url.endswith("pyodide.asm.wasm")]
    assert page.evaluate("document.activeElement.textContent") == "Run"


def test_code_is_edited_run_and_reset_by_keyboard(page):
    row = run(page, 'print("hello", 6 * 7)')
    wait(row, "Done.")
    output = page.locator(".run__output").first
    assert output.inner_text().strip() == "hello 42"
    page.get_by_label("Code. Control and Enter run it.").fill("print(1)\nprint(conv3d)")
    page.keyboard.press("Control+Enter")
    wait(row, "Python stopped with an error.")
    lines = output.inner_text().strip().splitlines()
    assert lines[0] == "1" and lines[1] == "Traceback (most recent call last):"
    assert '  File "<this block>", line 2, in <module>' in lines
    assert "    print(conv3d)" in lines and lines[-1].startswith("NameError: name 'conv3d' is not defined")
    row.get_by_role("button", name="Back to the code of the page").press("Enter")
    assert not output.is_visible() and page.locator(".run textarea").count() == 0
    wait(run(page), "Done: as in the page.")


def test_a_block_needs_the_blocks_above_as_they_were_edited(page):
    wait(run(page, "def conv1d(x, kernel):\n    return 'mine'"), "Done.")
    row = run(page, place=3)
    wait(row, "Done: not what the page shows.")
    assert page.locator(".run__output").nth(3).inner_text().strip() == "mine + mine"
    wait(run(page, "x = ("), "Python stopped with an error.")
    assert "SyntaxError" in page.locator(".run__output").first.inner_text()
    wait(run(page, place=3), "Python stopped with an error.")
    assert 'File "<block 1 with a Run button>"' in page.locator(".run__output").nth(3).inner_text()


def test_what_never_ends_is_stopped(page):
    row = run(page, 'while True:\n    print("again and again")')
    wait(row, "Running")
    page.locator(".run__output", has_text="and more, which is not shown").wait_for(timeout=30_000)
    row.get_by_role("button", name="Stop the run").press("Enter")
    wait(row, "Stopped.")
    wait(run(page, "print(1)"), "Done.")


def test_what_takes_too_long_is_stopped(page):
    page.clock.install()
    row = run(page, "while True: pass")
    wait(row, "Running")
    page.clock.fast_forward(21_000)
    wait(row, "Stopped after 20 seconds.")


def test_without_python_it_says_so(page):
    page.route("**/pyodide.asm.wasm", lambda route: route.abort())
    wait(run(page), "Python could not be loaded")


def test_without_javascript_there_is_no_dead_button(browser, address):
    page = browser.new_page(base_url=address, java_script_enabled=False)
    page.goto("lessons/pooling/")
    assert page.locator(".run__row").first.inner_text() == ""
    assert page.locator(".run__row").first.bounding_box()["height"] == 0
    page.close()

"""What several test files share: the built site, a server and a browser, and norms for tests of equal outputs."""

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts import get_assets

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("docs", "overrides", "snippets", "scripts", "mkdocs.yml", "package-lock.json")
BUILDERS = ("mkdocs", "zensical")
SITE_URL = "https://example.org/convnets-checked/"  # below a folder, as a project's site on GitHub Pages is


def copy_project(target: Path) -> Path:
    """A copy of what the builders read, so that a test may change it and no build touches the working tree."""
    target.mkdir()
    for name in SOURCES:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target / name)
    (target / "node_modules").symlink_to(ROOT / "node_modules")
    return target


def build(builder: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of `project` into its folder site/ with `mkdocs` or `zensical`, strictly."""
    environment = {**os.environ, "SITE_URL": SITE_URL, "NO_MKDOCS_2_WARNING": "1"}
    for name in ("SITE_DIR", "REPO_URL", "EDIT_URI"):
        environment.pop(name, None)
    command = [sys.executable, "-m", builder, "build", "--strict"]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)


def with_random_norms(model):
    """Return `model` with random statistics, weights and biases in its BatchNorm2d: fresh ones would hide a swap."""
    from torch import nn  # only the tests of networks wait for torch

    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.running_var, layer.weight):
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (layer.running_mean, layer.bias):
                nn.init.normal_(values, std=0.1)
    return model


@pytest.fixture(scope="session")
def assets() -> None:
    """Temml, the math font, the notebooks and the texts are there."""
    for script in ("get_assets", "make_notebooks", "make_texts"):
        subprocess.run([sys.executable, "-m", f"scripts.{script}"], cwd=ROOT, check=True)
    assert get_assets.up_to_date()


def built_site(builder: str, folder: Path) -> Path:
    """Build a fresh copy and return its site/; the whole output of the builder is the message when it fails."""
    project = copy_project(folder)
    result = build(builder, project)
    assert result.returncode == 0, f"{builder} build --strict failed:\n{result.stdout}{result.stderr}"
    return project / "site"


@pytest.fixture(scope="session")
def site(assets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site that is published."""
    return built_site("mkdocs", tmp_path_factory.mktemp("mkdocs") / "project")


@pytest.fixture(scope="session")
def zensical_site(assets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tree, built by Material's successor."""
    return built_site("zensical", tmp_path_factory.mktemp("zensical") / "project")


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The address of the served site, with a slash at its end."""
    from scripts.audit import FOLDER, Handler

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{FOLDER}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests. A missing one is an error, not a reason to skip."""
    from playwright.sync_api import sync_playwright  # only the tests in a browser wait for it

    from scripts.audit import FLAGS
    from scripts.find_browser import find_browser

    path = find_browser()
    assert path, "no Chromium: install it (Debian: `apt install chromium`) or run `playwright install chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def golden(name: str) -> list[dict]:
    """The cases of tests/golden/<name>.json, see scripts/make_golden.py."""
    return json.loads((ROOT / "tests" / "golden" / f"{name}.json").read_text(encoding="utf-8"))


def output_of(program: str) -> str:
    """What a program that a widget shows prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(program, {})
    return printed.getvalue()


def equal(one: list, other: list) -> bool:
    """Whether two nested lists of numbers are equal: whole numbers exactly, others to five decimals."""
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    return one == other if one == int(one) else abs(one - other) <= 1e-5


@pytest.fixture
def open_widget(browser, address) -> Iterator[Callable]:
    """Opens the page of a widget, below reference/; an error in the console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400}, base_url=address)
    problems = []

    def open_page(name: str, query: str = ""):
        page = context.new_page()
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"reference/{name}/{query}")
        page.locator(f"{name}:defined > div").first.wait_for()
        return page

    yield open_page
    context.close()
    assert not problems, problems


TRY = """([code, cases]) => {
    try {
        return new Function("cases", code)(cases);
    } catch {
        return null;  // found, too
    }
}"""


@pytest.fixture
def run_mutants(browser, address) -> Iterator[Callable]:
    """Runs a pure module with hand-made mistakes over golden cases; gives the mistakes that change nothing."""
    context = browser.new_context(base_url=address, bypass_csp=True)
    page = context.new_page()
    page.goto("404.html")

    def survivors(path: Path, mutants: list[tuple[str, str]], run: str, cases: list[dict], differences: Callable):
        source, alive = path.read_text(encoding="utf-8"), []
        for old, new in [("", ""), *mutants]:
            assert old in source, old
            code = f"{source.replace(old, new, 1)}; return ({run})(cases)"
            found = page.evaluate(TRY, [code, cases])
            assert old or found and not differences(cases, found), "the module itself must be right"
            if old and found and not differences(cases, found):
                alive.append(f"{old} -> {new}")
        return alive

    yield survivors
    context.close()

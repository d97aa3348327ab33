"""The course without a network: as a zip that is read from a folder, and in a browser that kept it."""

import re
import zipfile
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from scripts import make_zip
from scripts.audit import Tags
from tests.conftest import ROOT
from tests.runner.fences import WIDGETS

UNKNOWN = "reference/no-such-page/"


@pytest.fixture(scope="session")
def folder(assets, tmp_path_factory) -> Path:
    """The unpacked zip."""
    target = tmp_path_factory.mktemp("zip")
    make_zip.build_offline(target / "built")
    make_zip.pack(target / "built", target / "course.zip")
    with zipfile.ZipFile(target / "course.zip") as archive:
        archive.extractall(target)
    return target / make_zip.FOLDER


def test_the_zip_holds_every_page_and_no_second_copy_of_itself(folder):
    pages = {path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md")}
    assert len(pages) > 50
    assert not [page for page in pages if not (folder / page).with_suffix(".html").is_file()]
    assert not list(folder.rglob("*.zip"))


def test_every_link_leads_to_a_file_in_the_folder(folder):
    dead = []
    for page in folder.rglob("*.html"):
        for link in Tags(page.read_text(encoding="utf-8")).links:
            target = urlsplit(urljoin(page.as_uri(), link))
            if target.scheme == "file" and not Path(unquote(target.path)).is_file():
                dead.append(f"{page.relative_to(folder)}: {link}")
    assert not dead, dead[:10]


def test_nothing_is_fetched_from_elsewhere(folder):
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'<(?:script|img|iframe)[^>]* src="(?:https?:)?//', text), page
        assert not re.search(r'<link rel="stylesheet" href="(?:https?:)?//', text), page


def test_the_same_pages_give_the_same_zip(folder, tmp_path):
    made = folder.parent
    make_zip.pack(made / "built", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (made / "course.zip").read_bytes()


def test_from_the_folder_one_reads_searches_and_answers(folder, browser):
    context = browser.new_context(offline=True)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.goto((folder / "index.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("receptive field")
    page.locator(".md-search-result__item > a").first.click(timeout=10_000)
    page.wait_for_url("**/lessons/receptive-field/index.html?h=*")
    form = page.locator("form.quiz:has([type=radio])").first
    form.get_by_role("radio").first.check()
    form.get_by_role("button").click()
    assert re.match("Right|Wrong|Not", form.get_by_role("status").inner_text())
    page.get_by_role("link", name="Your progress").click()
    page.wait_for_url("**/index.html#the-path")
    context.close()
    assert not problems, problems


def test_widgets_work_in_the_folder_and_what_cannot_is_not_shown(folder, browser):
    context = browser.new_context(offline=True)
    page = context.new_page()
    for name in sorted(WIDGETS):
        page.goto((folder / "reference" / f"{name}.html").as_uri())
        page.locator(f"{name}:defined > div").first.wait_for()
    page.goto((folder / "reference/kernel-sandbox.html").as_uri())
    page.locator(".widget__sum", has_text="Pixel (30, 100)").wait_for()
    page.goto((folder / "lessons/pooling/index.html").as_uri())
    assert page.locator(".run__row").count() > 5 and not page.locator(".run__row").first.is_visible()
    context.close()
    assert not list(folder.rglob("*pyodide*")), "a page in a folder may start no worker"


def test_what_was_opened_once_opens_without_a_network(browser, address):
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("lessons/vgg/")
    page.wait_for_function("caches.match(location.href).then(Boolean)")
    context.set_offline(True)
    page.goto("lessons/vgg/")
    assert page.locator("form.quiz").count() > 0, "its scripts are kept, too"
    response = page.goto(UNKNOWN)
    assert response.status == 503
    page.get_by_role("link", name="home page")
    context.close()


def test_a_button_keeps_the_whole_course(browser, address):
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("")
    button = page.get_by_role("button", name="Keep the whole course")
    button.focus()
    page.keyboard.press("Enter")
    status = page.locator("#offline").get_by_role("status")
    status.filter(has_text="Kept: ").wait_for(timeout=90_000)
    context.set_offline(True)
    page.goto("lessons/image-filters/")
    assert page.evaluate("document.fonts.load('16px STIX2').then(faces => faces.length)") == 1
    page.keyboard.press("/")
    page.keyboard.type("momentum")
    page.locator(".md-search-result__item > a").first.click(timeout=10_000)
    page.wait_for_url("**/lessons/training-loop/**")
    page.goto("reference/digit-lab/")
    page.locator("digit-lab:defined > div").first.wait_for()
    context.close()


def test_an_interrupted_keeping_says_so(browser, address):
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("")
    page.wait_for_function("navigator.serviceWorker.ready.then(Boolean)")
    context.set_offline(True)
    page.get_by_role("button", name="Keep the whole course").click()
    page.locator("#offline").get_by_role("status").filter(has_text="Stopped: ").wait_for(timeout=30_000)
    assert page.get_by_role("button", name="Keep the whole course").is_enabled()
    context.close()

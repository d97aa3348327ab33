"""The built site in Chromium: no error, no request to elsewhere, no overflow; search, keyboard and budgets.

Every page at phone and desktop width, in light and in dark. The site is served by this test on 127.0.0.1, below a
folder as on GitHub Pages, compressed as a web server would.
"""

import gzip
import re
from collections.abc import Iterator
from itertools import cycle, product
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from scripts.audit import DRAWN
from tests.conftest import ROOT

WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
PAGES = [
    "",
    *(path.parent.relative_to(ROOT / "docs").as_posix() + "/" for path in sorted(ROOT.glob("docs/lessons/*/index.md"))),
    *(path.relative_to(ROOT / "docs").as_posix()[:-3] + "/" for path in sorted(ROOT.glob("docs/*/*/exercises.md"))),
    *(path.relative_to(ROOT / "docs").as_posix()[:-6] + "/" for path in sorted(ROOT.glob("docs/labs/*.ipynb"))),
    *(path.relative_to(ROOT / "docs").as_posix()[:-3] + "/" for path in sorted(ROOT.glob("docs/reference/*.md"))),
    "contributing/",
    "404.html",
]
LESSONS = [page for page in PAGES if page.startswith("lessons/") and "exercises" not in page]
BUDGET_BYTES, BUDGET_REQUESTS, BUDGET_SCRIPT_BYTES = 200_000, 15, 60_000


class Watch:
    """Collects what goes wrong in the pages of a browser context, and what they load."""

    def __init__(self, context: BrowserContext, address: str):
        self.problems: list[str] = []
        self.loaded: dict[str, bytes] = {}
        self.address = address
        context.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda problem: self.problems.append(str(problem.error)))
        context.on("request", self.request)

    def request(self, request) -> None:
        if request.url.startswith("data:"):
            return
        if not request.url.startswith(self.address):
            self.problems.append(f"request to elsewhere: {request.url}")
        self.loaded[request.url] = b""


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of a fresh desktop profile; the test fails when anything went wrong in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light", base_url=address)
    watch = Watch(context, address)
    page = context.new_page()
    yield page
    context.close()
    assert not watch.problems, watch.problems


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_sound(browser, address, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, base_url=address)
    watch = Watch(context, address)
    page = context.new_page()
    for path in PAGES:
        page.goto(path, wait_until="load")
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, f"{path} is {too_wide} pixels wider than {width}"
        assert not watch.problems, f"{path}: {watch.problems}"
        shown = page.evaluate("document.body.dataset.mdColorScheme")
        assert shown == {"light": "default", "dark": "slate"}[scheme], f"{path}: {shown}"
        assert page.locator("h1").count() == 1, path
    context.close()


def test_at_400_percent_no_page_scrolls_sideways(browser, address):
    """A window of 1280 x 1024 pixels at 400 % has 320 x 256 (WCAG 2.2, 1.4.10)."""
    page = browser.new_page(viewport={"width": 320, "height": 256}, base_url=address)
    wide = {}
    for path in PAGES:
        page.goto(path, wait_until="load")
        wide[path] = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.close()
    assert not {path: more for path, more in wide.items() if more > 0}


def test_on_paper_everything_is_shown_and_nothing_asks_to_be_pressed(page):
    page.goto("lessons/pooling/exercises/")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # what a browser does before it prints
    folded = page.locator("details > *:not(summary)")
    assert folded.count() > 5
    assert all(folded.evaluate_all("all => all.map(each => each.getBoundingClientRect().height > 0)"))
    for pressed in (".md-code__nav", ".md-header", ".md-sidebar", ".after"):
        assert not page.locator(pressed).first.is_visible(), pressed
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_nothing_moves_for_who_wants_no_motion(browser, address):
    page = browser.new_page(base_url=address, reduced_motion="reduce")
    page.goto("lessons/pooling/")
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].map(each => getComputedStyle(each))"
        ".filter(style => /[1-9]/.test(style.transitionDuration + style.animationDuration)).length"
    )
    page.close()
    assert moving == 0


def test_forced_colours_keep_the_parts_of_a_page_apart(browser, address):
    page = browser.new_page(base_url=address, forced_colors="active", color_scheme="dark")
    page.goto("lessons/convolution-layer/")
    page.locator("form.quiz button").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    for part in ("form.quiz button", "form.quiz input[type=text]", ".md-typeset .highlight code"):
        width = page.locator(part).first.evaluate("each => getComputedStyle(each).borderTopWidth")
        edge = page.locator(part).first.evaluate(
            "each => getComputedStyle(each.closest('div.highlight') ?? each).borderTopWidth"
        )
        assert max(float(width[:-2]), float(edge[:-2])) >= 1, f"{part} has no edge: its background is gone"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.close()


def test_axe_finds_nothing(browser, address):
    """The accessibility checker axe-core on each page, all answers open; widths and schemes take turns."""
    axe = (ROOT / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    found = []
    for path, (width, scheme) in zip(PAGES, cycle(product(WIDTHS, SCHEMES)), strict=False):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, base_url=address)
        page.goto(path, wait_until="load")
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        page.evaluate(DRAWN)
        page.evaluate(axe)
        for rule in page.evaluate("axe.run({resultTypes: ['violations']}).then(result => result.violations)"):
            found += [f"{path} {width} {scheme}: {rule['help']}: {node['html']}" for node in rule["nodes"]]
        page.close()
    assert not found, "\n".join(found)


def test_a_wrong_address_gets_help(browser, address):
    context = browser.new_context(base_url=address)
    page = context.new_page()
    response = page.goto("lessons/no-such-lesson/deeper/")
    assert response.status == 404
    page.get_by_role("link", name="Start at the home page").click()
    assert page.url == address
    context.close()


@pytest.mark.parametrize("query", ["manual_seed", "MaxPool2d", "H_out"])
def test_search_by_keyboard(page, query):
    page.goto("")
    page.keyboard.press("/")
    page.keyboard.type(query)
    results = page.locator(".md-search-result__item")
    results.first.wait_for(timeout=5000)
    assert any(query in text for text in results.locator("mark").all_inner_texts() + results.all_inner_texts())
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?h=*")  # the page found, with the query marked in it


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("receptive field", "lessons/receptive-field/"),
        ("softmax", "lessons/"),  # the glossary and the formula sheet have an entry of this title
        ("momentum", "lessons/training-loop/"),
        ("depthwise", "lessons/efficientnet/"),
        ("Given groups=1", "reference/common-errors/"),
        ("kernel size can't be greater than actual input size", "reference/common-errors/"),
    ],
)
def test_search_ranks_lessons_before_reference(page, address, query, first):
    page.goto(f"?q={quote_plus(query)}")
    result = page.locator(".md-search-result__item > a").first
    result.wait_for(timeout=5000)
    assert result.get_attribute("href").removeprefix(address).startswith(first)


def test_a_word_says_what_it_means(page):
    page.goto("lessons/convolution-layer/")
    word = page.locator("a.word", has_text="stride").first
    word.focus()
    tooltip = page.get_by_role("tooltip")
    assert tooltip.inner_text() == "How many pixels the kernel moves from one place to the next."
    page.keyboard.press("Escape")
    assert not tooltip.is_visible()
    word.hover()
    assert tooltip.is_visible()
    tooltip.hover()  # who enlarges the screen must be able to move over it
    assert tooltip.is_visible()
    box, screen = tooltip.bounding_box(), page.viewport_size
    assert 0 <= box["x"] <= screen["width"] - box["width"]
    assert 0 <= box["y"] <= screen["height"] - box["height"]
    page.keyboard.press("Enter")
    page.wait_for_url("**/reference/glossary/#stride")


def test_colours_can_be_chosen_and_stay(page):
    page.goto("")
    for expected in ("default", "slate"):  # from the system's scheme to light, then to dark
        page.locator(".palette button:not([hidden])").press("Enter")
        assert page.evaluate("document.body.dataset.mdColorScheme") == expected
    page.goto("reference/glossary/")
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"


def test_skip_link(page):
    page.goto(LESSONS[0])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList.contains('md-skip')")
    page.keyboard.press("Enter")
    assert "#" in page.url


def test_answers_open_by_keyboard(page):
    page.goto(LESSONS[0])
    details = page.locator("details").first
    assert not details.evaluate("element => element.open")
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    assert details.evaluate("element => element.open")


@pytest.mark.parametrize("width", WIDTHS)
def test_blocks_of_code_are_as_high_as_the_room_that_is_kept_for_them(browser, address, width):
    """Or the page would jump under a reader who scrolls."""
    page = browser.new_page(viewport={"width": width, "height": 800}, base_url=address)
    page.goto("lessons/vgg/")
    blocks = page.locator(".language-python > pre > code")
    kept = blocks.evaluate_all("all => all.map(code => code.offsetHeight)")
    assert len(kept) > 20
    blocks.evaluate_all("all => all.forEach(code => (code.style.contentVisibility = 'visible'))")
    drawn = blocks.evaluate_all("all => all.map(code => code.offsetHeight)")
    page.close()
    assert max(abs(one - other) for one, other in zip(kept, drawn, strict=True)) <= 1


@pytest.mark.parametrize("width", WIDTHS)
def test_exactly_the_blocks_that_scroll_take_the_focus(browser, address, width):
    page = browser.new_page(viewport={"width": width, "height": 800}, base_url=address)
    page.goto("lessons/pooling/")
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    page.evaluate(DRAWN)
    blocks = page.locator("pre > code")
    scrolls = blocks.evaluate_all("all => all.map(code => code.scrollWidth > code.clientWidth)")
    focus = blocks.evaluate_all("all => all.map(code => code.tabIndex === 0)")
    page.close()
    assert True in scrolls or width == max(WIDTHS)
    assert scrolls == focus


def test_code_can_be_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(LESSONS[0])
    block = page.locator(".language-python").first
    block.locator("button[data-md-type=copy]").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.length > 0)")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("code").inner_text().strip()


def test_a_table_is_sorted_by_keyboard(page):
    page.goto("reference/architectures/")
    table = page.locator(".sortable table")
    heads = table.locator("th").all_inner_texts()
    column = next(i for i, head in enumerate(heads) if head.startswith("Top-1"))
    button = table.locator("th button").nth(column)
    rows = sorted(table.locator("tbody tr").all_inner_texts())

    def cells():
        return [row.locator("td").nth(column).inner_text() for row in table.locator("tbody tr").all()]

    numbers = sorted(float(cell) for cell in cells() if cell != "–")
    for direction, expected in (("ascending", numbers), ("descending", numbers[::-1])):
        button.focus()
        page.keyboard.press("Enter")
        assert table.locator("th").nth(column).get_attribute("aria-sort") == direction
        assert [float(cell) for cell in cells()[: len(numbers)]] == expected, "a row without a number comes last"
    table.locator("th button").first.focus()
    page.keyboard.press("Space")
    names = [row.locator("td").first.inner_text() for row in table.locator("tbody tr").all()]
    assert names == sorted(names, key=str.lower)
    assert table.locator("[aria-sort]").count() == 1
    assert sorted(table.locator("tbody tr").all_inner_texts()) == rows, "no row is lost"


@pytest.mark.parametrize("path", LESSONS)
def test_lesson_says_what_it_gives(page, path):
    page.goto(path)
    header = page.locator("header.lesson")
    assert "minutes" in header.inner_text() and "After this lesson you can" in header.inner_text()
    assert header.locator("li").count() >= 2
    assert page.locator(".md-footer__link--prev").count() == 1


def test_formulas_use_the_font_of_the_site(page):
    page.goto(LESSONS[0])
    page.wait_for_function("document.fonts.status === 'loaded'")
    assert page.evaluate("[...document.fonts].some(font => font.family === 'STIX2' && font.status === 'loaded')")


def test_pages_work_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False, base_url=address)
    page = context.new_page()
    page.goto(LESSONS[0])
    assert page.locator("math").first.is_visible() and page.locator("figure svg").first.is_visible()
    context.close()


@pytest.mark.parametrize("path", LESSONS)
def test_first_view_of_a_lesson_is_light(browser, address, path):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=address)
    page = context.new_page()
    sizes: dict[str, int] = {}
    page.on("response", lambda response: sizes.setdefault(response.url, weight(response)))
    page.goto(path, wait_until="networkidle")
    context.close()
    files = {url.removeprefix(address): size for url, size in sizes.items() if not url.startswith("data:")}
    assert len(files) <= BUDGET_REQUESTS, files
    assert sum(files.values()) <= BUDGET_BYTES, files
    assert sum(size for url, size in files.items() if url.endswith(".js")) <= BUDGET_SCRIPT_BYTES, files


def weight(response) -> int:
    """Bytes of a response as a web server sends it: compressed, unless it is a compressed format."""
    body = response.body()
    return len(body) if response.url.endswith((".woff", ".woff2", ".png")) else len(gzip.compress(body))


def form_of(page: Page, kind: str):
    """The first form of a quiz that has fields of a kind: radio, checkbox or text."""
    return page.locator(f"form.quiz:has([type={kind}])").first


def test_a_quiz_by_keyboard(page):
    page.goto("lessons/convolution-layer/")
    form = form_of(page, "radio")
    said = form.get_by_role("status")
    form.get_by_role("button").press("Enter")
    assert said.inner_text() == "Choose an answer first."
    form.get_by_role("radio").first.focus()
    verdicts = []
    for _ in range(form.get_by_role("radio").count()):
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        verdicts.append(said.inner_text())
        page.keyboard.press("ArrowDown")
        assert said.inner_text() == "", "another choice takes the old verdict away"
    assert sorted(words.split(".")[0] for words in verdicts).count("Right") == 1
    assert all(len(words) > 20 for words in verdicts), f"each choice gets its reason: {verdicts}"


def test_a_typed_answer_is_read_as_a_person_would(page):
    page.goto("lessons/vgg/")
    form = form_of(page, "text")
    for typed, verdict in {
        "(1, 512, 3, 3)": "Right.",
        "1,512,3,3": "Right.",
        "torch.Size([1, 512, 3, 3])": "Right.",
        "(1, 512, 6, 6)": "Wrong. (1, 512, 6, 6). That would be four poolings.",
        "(1, 512, 33)": "Wrong. Try again, or open the answer.",
        "": "Type an answer first.",
    }.items():
        form.get_by_role("textbox").fill(typed)
        page.keyboard.press("Enter")
        assert form.get_by_role("status").inner_text().startswith(verdict), typed


def test_all_that_hold_must_be_chosen(page):
    page.goto("lessons/convolution-layer/")
    form = form_of(page, "checkbox")
    for letter, verdict in (
        ("A", "Not yet: 0 too many, 1 missing."),
        ("B", "Not yet: 1 too many, 1 missing."),
        ("C", "Not"),
    ):
        form.locator(f"[value={letter}]").check()
        form.get_by_role("button").click()
        assert form.get_by_role("status").inner_text().startswith(verdict)
    form.locator("[value=B]").uncheck()
    form.get_by_role("button").click()
    assert form.get_by_role("status").inner_text().startswith("Right.")


# Gives each answer that the folded list explains, and compares what the form says with what the list says.
ANSWER_ALL = """() => [...document.querySelectorAll("form.quiz")].flatMap((form) => {
  const items = [...form.nextElementSibling.querySelectorAll(":scope > ul > li")];
  const field = (letter) => form.querySelector(`[value="${letter}"]`);
  const right = (item) => /Right/.test(item.querySelector("strong").textContent);
  const said = () => {
    form.requestSubmit();
    return form.querySelector("[role=status]").textContent;
  };
  if (form.querySelector("[type=checkbox]")) {
    items.forEach((item) => (field(item.textContent.trim()[0]).checked = right(item)));
    return said().startsWith("Right.") ? [] : [form.id];
  }
  return items.filter((item) => {
    const text = form.querySelector("[type=text]");
    if (text) {
      text.value = item.querySelector("code").textContent;
    } else {
      field(item.textContent.trim()[0]).checked = true;
    }
    const reason = item.textContent.replace(/^.*?(Right|Wrong)\\./, "").trim();
    const words = said();
    return !words.startsWith(right(item) ? "Right." : "Wrong.") || !words.includes(reason);
  }).map((item) => `${form.id}: ${item.textContent}`);
})"""


def test_each_question_knows_its_answers(page):
    """The forms are made from the Markdown: what the folded answer calls right is right in the form, and only that."""
    for path in LESSONS:
        page.goto(path)
        forms = page.locator("form.quiz").count()
        assert forms == page.locator(".quizzes > h3").count() >= 5, path
        assert page.evaluate(ANSWER_ALL) == [], path


def test_progress_is_kept_exported_imported_and_reset(page, tmp_path):
    page.goto("lessons/vgg/")
    form = form_of(page, "text")
    form.get_by_role("textbox").fill("(1, 512, 3, 3)")
    page.keyboard.press("Enter")
    page.reload()
    assert form.get_by_role("textbox").input_value() == "(1, 512, 3, 3)"
    page.get_by_role("link", name="Your progress").click()
    panel, score = page.locator("#progress"), page.locator("li:has(> strong > a[href='lessons/vgg/']) .path__score")
    assert score.inner_text().strip() == "1 of 5 right" and "1 question answered right; 0 of" in panel.inner_text()
    with page.expect_download() as download:
        panel.get_by_role("button", name="Export").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    page.once("dialog", lambda dialog: dialog.accept())
    panel.get_by_role("button", name="Reset").click()
    assert score.count() == 0 and "forgotten" in panel.get_by_role("status").inner_text()
    damaged = tmp_path / "damaged.json"
    for text, words in (("{", "it is not JSON"), ("{}", "not exported from this course")):
        damaged.write_text(text)
        panel.locator("input").set_input_files(damaged)
        page.wait_for_function("words => document.querySelector('#progress').innerText.includes(words)", arg=words)
        assert score.count() == 0
    panel.locator("input").set_input_files(saved)
    score.wait_for()
    assert score.inner_text().strip() == "1 of 5 right"


def test_a_browser_that_holds_something_else_shows_the_page_all_the_same(page):
    page.goto("")
    page.evaluate("localStorage.setItem(`${new URL('.', location).pathname}.quiz`, '{broken')")
    for path in ("", "lessons/vgg/"):
        page.goto(path)
    assert page.locator("form.quiz").count() == 5


def test_hints_open_step_by_step(page):
    page.goto("lessons/vgg/exercises/")
    first = page.locator("h2 ~ details").first
    steps = [first, *(first.locator(f"xpath=following-sibling::details[{n}]") for n in (1, 2, 3))]
    assert [step.locator("summary").text_content() for step in steps][:3] == ["Hint 1", "Hint 2", "Solution"]
    for shown, step in enumerate(steps, 1):
        assert [each.is_visible() for each in steps] == [True] * shown + [False] * (4 - shown)
        step.locator("summary").press("Enter")
        steps[min(shown, 3)].wait_for()


def test_without_javascript_each_answer_is_folded_below_its_question(browser, address):
    context = browser.new_context(java_script_enabled=False, base_url=address)
    page = context.new_page()
    page.goto("lessons/vgg/exercises/")
    assert all(details.is_visible() for details in page.locator("details").all())
    page.goto("lessons/vgg/")
    assert page.locator("form.quiz").count() == 0
    assert page.locator("#quiz ~ details").count() >= 5 and page.locator("#quiz ~ ul", has_text="A. ").count() >= 4
    context.close()


def test_what_was_right_once_stays_right(page):
    page.goto("lessons/image-filters/")
    form = page.locator("form.quiz:has([type=text])", has_text="Check").nth(1)
    for typed, verdict in (("218,218", "Right."), ("(224, 224)", "Wrong.")):
        form.get_by_role("textbox").fill(typed)
        page.keyboard.press("Enter")
        assert form.get_by_role("status").inner_text().startswith(verdict), typed
    assert (
        "1 of " in page.locator(".quiz__score").inner_text()
        and "in 2 tries" in page.locator(".quiz__score").inner_text()
    )
    page.reload()
    assert form.get_by_role("textbox").input_value() == "218,218" and form.get_attribute("data-right") == "true"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_pressed_button_can_be_read(browser, address, scheme):
    """The theme fills a button that has the focus; axe sees pages at rest only."""
    page = browser.new_page(color_scheme=scheme, base_url=address)
    page.goto("lessons/vgg/")
    button = page.locator("form.quiz button").first
    button.focus()
    page.wait_for_timeout(400)  # the theme fades from one colour to the other
    colours = button.evaluate("button => [getComputedStyle(button).color, getComputedStyle(button).backgroundColor]")
    values = [[int(part) for part in re.findall(r"\d+", colour)[:3]] for colour in colours]
    assert abs(sum(values[0]) - sum(values[1])) > 300, colours
    page.close()

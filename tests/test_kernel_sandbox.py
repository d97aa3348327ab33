"""<kernel-sandbox>: its pixels are those of PyTorch and of the lesson image-filters; own pictures stay in the browser."""

import numpy as np
import pytest
from PIL import Image

from scripts.make_widget_data import cat
from snippets.image_filters import correlate
from tests.conftest import ROOT, equal, golden, output_of

MODULE = ROOT / "docs/assets/widgets/filtering.js"
RUN = """(cases) => cases.map(({ channels, kernel, divisor }) => {
    const image = { width: channels[0][0].length, height: channels[0].length, channels: channels.map((rows) => rows.flat()) };
    try {
        const { width, channels: found } = filtering.correlate(image, { kernel, divisor });
        const rows = (flat) => Array.from({ length: flat.length / width }, (_, i) => [...flat.slice(width * i, width * (i + 1))]);
        const one = filtering.value(image, { kernel, divisor }, 0, 0, width - 1);
        return { result: found.map(rows), one };
    } catch (problem) {
        return { error: problem.message };
    }
})"""
MUTANTS = [
    ("width - side + 1", "width - side"),
    ("height - side + 1", "height - side"),
    ("width < side || height < side", "width < side"),
    ("(row + a) * width + column + b", "(row + b) * width + column + a"),
    ("(row + a) * width + column + b", "row * width + column + b"),
    ("sum + x * w, 0) / state.divisor", "sum + x * w, 0)"),
    ("sum + x * w", "sum + x"),
    ("result.map((sum) => sum / state.divisor)", "result"),
    ("(i + a) * imageWidth + b", "(i + b) * imageWidth + a"),
    ("(i + a) * imageWidth + b", "(i + a) * width + b"),
    ("+= w * pixels[from + j]", "= w * pixels[from + j]"),
]


@pytest.fixture(scope="module")
def cases():
    return golden("filters")


@pytest.fixture
def page(open_widget):
    page = open_widget("kernel-sandbox")
    page.locator(".widget__sum", has_text="Pixel").wait_for()
    return page


def differences(cases, found):
    wrong = []
    for number, (case, mine) in enumerate(zip(cases, found, strict=True)):
        right = case.get("result") and [*case["result"], [[case["result"][0][0][-1]]]]
        seen = mine.get("result") and [*mine["result"], [[mine["one"]]]]
        if not equal(right or [], seen or []):
            wrong.append(number)
    return wrong


def test_it_computes_what_pytorch_computes(page, cases):
    assert sum("error" in case for case in cases) > 5
    assert differences(cases, page.evaluate(RUN, cases)) == []


def test_every_hand_made_mistake_is_found(run_mutants, cases):
    assert run_mutants(MODULE, MUTANTS, RUN, cases, differences) == []


def pixels(page, number):
    """The red values of a canvas, and the frame that is drawn around the chosen pixel cut away."""
    values = (
        page.locator("kernel-sandbox canvas")
        .nth(number)
        .evaluate(
            "canvas => ({ width: canvas.width, data: [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data] })"
        )
    )
    return np.array(values["data"][::4]).reshape(-1, values["width"])


def test_every_example_shows_the_cat_as_the_lesson_filters_it(page):
    example = page.get_by_label("example")
    page.get_by_label("the photograph after").press("Home")
    for name in example.locator("option").all_inner_texts()[1:]:
        example.select_option(name)
        state = page.evaluate("document.querySelector('kernel-sandbox').state")
        right = correlate(cat(), np.array(state["kernel"])) / state["divisor"]
        views = {"as it is": right, "size, without sign": np.abs(right), "zero as middle grey": 128 + right / 2}
        shown = np.floor(np.clip(views[state["show"]], 0, 255) + 0.5)
        seen = pixels(page, 1)
        assert seen.shape == shown.shape
        assert (np.abs(seen - shown) <= 1e-9).mean() > 0.999, name  # the frame around one pixel is drawn over them
        assert np.array_equal(seen[50:], shown[50:]), name
    assert np.array_equal(pixels(page, 0)[50:], cat()[50:])


def test_the_program_prints_the_sum_that_is_shown(page):
    page.get_by_label("the photograph after").press("ArrowRight")
    size, value = output_of(page.locator("kernel-sandbox code").text_content()).splitlines()
    assert size == "(148, 224)"
    assert page.locator(".widget__sum").inner_text().replace("−", "-").endswith(f"= {float(value):g}")


def test_a_pixel_is_chosen_by_keyboard_and_by_pointer(page):
    after, words = page.get_by_label("the photograph after"), page.locator(".widget__sum")
    assert words.inner_text().startswith("Pixel (30, 100): (")
    after.press("ArrowDown")
    after.press("Shift+ArrowRight")
    assert words.inner_text().startswith("Pixel (31, 110): (")
    after.click(position={"x": 1, "y": 1})
    assert words.inner_text().startswith("Pixel (0, 0): (")
    after.press("ArrowUp")
    assert words.inner_text().startswith("Pixel (0, 0): (")


def test_weights_are_edited_and_a_wrong_one_is_refused(page):
    weight = page.get_by_label("weight[0, 0]")
    weight.fill("many")
    weight.press("Enter")
    assert "many is no number" in page.locator(".widget__said").inner_text()
    weight.fill("-2,5")
    weight.press("Enter")
    assert weight.input_value() == "−2.5"
    page.get_by_label("kernel", exact=True).select_option("5")
    assert page.get_by_label("weight[1, 1]").input_value() == "−2.5"
    divisor = page.get_by_label("divide the sum by")
    divisor.fill("0")
    divisor.press("Enter")
    assert "to divide by" in page.locator(".widget__said").inner_text() and divisor.input_value() == "1"


def test_a_picture_of_ones_own_is_filtered_in_colour_and_sent_nowhere(page, tmp_path):
    Image.fromarray(np.full((40, 900, 3), (200, 100, 50), np.uint8)).save(tmp_path / "mine.png")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.get_by_label("a picture of yours").set_input_files(tmp_path / "mine.png")
    page.locator(".widget__said", has_text="Your picture stays").wait_for()
    image = page.evaluate(
        "(({ width, height, channels }) => [width, height, channels.map(c => c[0])])(document.querySelector('kernel-sandbox').image)"
    )
    assert image == [320, 14, [200, 100, 50]]
    assert not page.get_by_text("The same in PyTorch").is_visible()
    (tmp_path / "text.png").write_text("no picture")
    page.get_by_label("a picture of yours").set_input_files(tmp_path / "text.png")
    page.locator(".widget__said", has_text="text.png is no picture that this browser can read.").wait_for()
    page.get_by_role("button", name="The cat again").click()
    page.wait_for_function("document.querySelector('kernel-sandbox').image.width === 226")
    assert not [url for url in sent if not url.startswith("data:")]


def test_a_picture_that_is_too_small_is_explained(page, tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "tiny.png")
    page.get_by_label("a picture of yours").set_input_files(tmp_path / "tiny.png")
    page.get_by_role("alert").filter(has_text="the kernel of 3 × 3 does not fit into 2 × 2 pixels").wait_for()
    page.get_by_label("kernel", exact=True).select_option("1")
    assert page.get_by_role("alert").inner_text() == ""


def test_without_a_camera_it_says_so(page):
    page.get_by_role("button", name="Use the camera").press("Enter")
    page.locator(".widget__said", has_text="There is no camera").wait_for()


def test_a_link_restores_the_kernel(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("example").select_option("Gaussian blur")
    before = page.evaluate("document.querySelector('kernel-sandbox').state")
    page.get_by_role("button", name="Copy a link").press("Enter")
    page.locator(".widget__said", has_text="Copied.").wait_for()
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    page.reload()
    page.locator("kernel-sandbox:defined > div").first.wait_for()
    assert page.evaluate("document.querySelector('kernel-sandbox').state") == before

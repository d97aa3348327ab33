"""The widget that steps through a convolution: its numbers are PyTorch's, and it can be used by keyboard."""

import re

import pytest
from markdown import Markdown
from pymdownx.superfences import SuperFencesException

from scripts import make_golden
from scripts.site.widgets import conv_stepper, convolution
from tests.conftest import ROOT, equal, golden, output_of

CODE = ROOT / "docs/assets/widgets"
RUN = """(cases) => cases.map(({ state }) => {
    try {
        return { output: convolution.convolve(state) };
    } catch (problem) {
        return { error: problem.message };
    }
})"""
MUTANTS = [
    ("dilation * (kernel - 1) + 1", "dilation * kernel"),
    ("(n - 1) * stride - 2 * padding + size", "n * stride - 2 * padding + size"),
    ("(n + 2 * padding - size) / stride) + 1", "(n + padding - size) / stride) + 1"),
    ("(n + 2 * padding - size) / stride) + 1", "(n + 2 * padding - size) / stride)"),
    ("Math.floor((n + 2", "Math.ceil((n + 2"),
    ("place * stride - padding + tap * state.dilation", "place * stride + tap * state.dilation"),
    ("place * stride - padding + tap * state.dilation", "place - padding + tap * state.dilation"),
    ("place * stride - padding + tap * state.dilation", "place * stride - padding + tap"),
    ("place + padding - tap * state.dilation", "place - padding - tap * state.dilation"),
    ("place + padding - tap * state.dilation", "place + padding - tap"),
    ("from % stride === 0 ? from / stride : null", "Math.floor(from / stride)"),
    ("Math.floor(channel / (outChannels / groups))", "0"),
    ("group * (inChannels / groups) + c", "c"),
    ("[from, channel % (outChannels / groups), a, b]", "[from, channel, a, b]"),
    ("[channel, c, a, b]", "[channel, c, b, a]"),
    ("sum + x * w", "sum + x + w"),
    ("state[name] % state.groups !== 0", "false"),
    ("if (rows < 1)", "if (rows < 0)"),
    ("columns < 1 ?", "columns < 0 ?"),
    ('mode === "1d" ? 0 : state.padding', "state.padding"),
    ('mode === "1d" ? 1 : state.stride', "state.stride - 1"),
]


@pytest.fixture(scope="module")
def cases():
    return golden("convolution")


@pytest.fixture
def page(open_widget):
    return open_widget("conv-stepper")


def differences(cases, found):
    """Indices of the cases that differ; errors must be the same cases."""
    pairs = enumerate(zip(cases, found, strict=True))
    return [i for i, (case, mine) in pairs if not equal(case.get("output") or [], mine.get("output") or [])]


def test_the_golden_values_are_those_of_pytorch():
    assert make_golden.main(["--check", "convolution"]) == 0


def test_the_widget_computes_what_pytorch_computes(page, cases):
    assert sum("error" in case for case in cases) >= 5 and sum("output" in case for case in cases) > 30
    assert differences(cases, page.evaluate(RUN, cases)) == []


def test_every_hand_made_mistake_in_its_arithmetic_is_found(run_mutants, cases):
    assert run_mutants(CODE / "convolution.js", MUTANTS, RUN, cases, differences) == []


def test_the_program_that_it_shows_prints_what_it_shows(page):
    example = page.get_by_label("example")
    names = example.locator("option").all_inner_texts()[1:]
    assert len(names) >= 6
    for name in names:
        example.select_option(name)
        shown = [text.replace("−", "-") for text in page.locator("conv-stepper td > button").all_inner_texts()]
        printed = output_of(page.locator("conv-stepper code").text_content())
        values = [float(value) for value in re.findall(r"-?[\d.]+(?:e-?\d+)?", printed)]
        assert values == pytest.approx([float(text) for text in shown], abs=1e-4), name


def test_one_steps_by_keyboard_and_hears_the_sum(page):
    total = page.locator(".widget__sum")
    assert total.inner_text().startswith("output[0, 0, 0] = 1 · (−1) + 1 · 0 + 1 · 1 + 1 · (−2)")
    page.get_by_role("button", name="One step on").press("Enter")
    assert total.inner_text().startswith("output[0, 0, 1] = ")
    assert page.locator("conv-stepper td.now").count() == 9 + 9 + 1
    page.get_by_role("slider").press("End")
    assert total.inner_text().startswith("output[0, 2, 2] = ")
    page.locator("conv-stepper td > button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert total.inner_text().startswith("output[0, 1, 1] = ")


def test_play_stops_at_the_last_output(page):
    page.locator("conv-stepper td > button").nth(7).click()
    page.get_by_role("button", name="Play").press("Enter")
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Play").wait_for(timeout=10_000)
    assert page.locator(".widget__sum").inner_text().startswith("output[0, 2, 2] = ")


def test_numbers_are_edited_and_a_wrong_one_is_refused(page):
    cell = page.get_by_label("weight[0, 0, 0, 0]")
    cell.fill("2.5")
    cell.press("Enter")
    assert page.locator(".widget__sum").inner_text().startswith("output[0, 0, 0] = 1 · 2.5 + ")
    cell.fill("many")
    cell.press("Enter")
    assert page.locator(".widget__said").inner_text() == "many is no number from −1000 to 1000."
    assert cell.input_value() == "2.5"


def test_a_kernel_that_does_not_fit_is_explained(page):
    dilation = page.get_by_label("dilation", exact=True)
    dilation.fill("3")
    dilation.press("Enter")
    wrong = page.get_by_role("alert")
    assert wrong.inner_text().startswith("The kernel reaches over 7 rows, 3 · (3 − 1) + 1, and the input has only 5.")
    assert not page.get_by_role("button", name="Play").is_visible()
    padding = page.get_by_label("padding", exact=True)
    padding.fill("1")
    padding.press("Enter")
    assert wrong.inner_text() == ""
    assert "⌊(5 + 2 · 1 − 3 · (3 − 1) − 1) / 1⌋ + 1 = 1" in page.locator(".stepper__size").inner_text()


def test_a_link_restores_the_numbers(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("kind").select_option("transposed")
    cell = page.get_by_label("input[0, 1, 2]")
    cell.fill("7")
    cell.press("Enter")
    before = page.locator("conv-stepper td > button").all_inner_texts()
    page.get_by_role("button", name="Copy a link").press("Enter")
    page.locator(".widget__said", has_text="Copied.").wait_for()
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    page.reload()
    page.locator("conv-stepper:defined > div").first.wait_for()
    assert page.locator("conv-stepper td > button").all_inner_texts() == before
    assert page.get_by_label("kind").input_value() == "transposed"


@pytest.mark.parametrize(("name", "value"), [("n", "9.9.9"), ("x", "1,2"), ("w", "a"), ("mode", "3d")])
def test_a_damaged_link_says_so_and_shows_the_first_numbers(page, name, value):
    query = page.evaluate("convolution.toQuery(document.querySelector('conv-stepper').state).toString()")
    damaged = re.sub(rf"(^|&){name}=[^&]*", rf"\g<1>{name}={value}", query)
    page.goto(f"{page.url}?widget=stepper&{damaged}")
    page.locator("conv-stepper:defined > div").first.wait_for()
    assert "The link cannot be read" in page.locator(".widget__said").inner_text()
    assert page.locator("conv-stepper td > button").count() == 9


FENCE = {"id": "a", "input": "1 2 / 3 4", "kernel": "1 0 / 0 1"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "mode=2d&n=2.2.2.2.1.0.1.1.1.1&x=1,2,3,4&w=1,0,0,1"),
        (
            {"input": "1 2 / 3 4 | 5 6 / 7 8", "kernel": "1 | 2 || 3 | 4"},
            "mode=2d&n=2.2.1.1.1.0.1.2.2.1&x=1,2,3,4,5,6,7,8&w=1,2,3,4",
        ),
        ({"mode": "transposed", "stride": "2"}, "mode=transposed&n=2.2.2.2.2.0.1.1.1.1&x=1,2,3,4&w=1,0,0,1"),
    ],
)
def test_a_fence_becomes_a_state(changes, expected):
    assert convolution({**FENCE, **changes}) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("input: 1 2 / 3", "the rows of a grid have several lengths"),
        ("input: one", "could not convert string to float"),
        ("input: 1 | 2", "the kernel is for 1 channels, the input has 2"),
        ("mode: 3d", "mode is one of 2d, 1d, transposed"),
        ("size: 3", "each line is `name: value`"),
        ("id:", "each line is `name: value`"),
    ],
)
def test_a_wrong_fence_stops_the_build(line, message):
    lines = {**FENCE, "alt": "Words."}
    name, _, value = line.partition(":")
    text = "\n".join(f"{key}: {each}" for key, each in {**lines, name: value.strip()}.items())
    fences = [{"name": "conv-stepper", "class": "x", "format": conv_stepper}]
    md = Markdown(
        extensions=["pymdownx.superfences"], extension_configs={"pymdownx.superfences": {"custom_fences": fences}}
    )
    with pytest.raises(SuperFencesException, match=re.escape(message)):
        md.convert(f"```conv-stepper\n{text}\n```")

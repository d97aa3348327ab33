"""<shape-calculator> and <receptive-field>: shapes, costs and fields are PyTorch's, and both can be used by keyboard."""

import re

import pytest
import torch
from torchvision import models

from snippets import first_cnn, lenet
from snippets.receptive_field import Layer, receptive_field
from tests.conftest import ROOT, golden, output_of

MODULE = ROOT / "docs/assets/widgets/network.js"
RUN = """(cases) => cases.map(({ stack, fields }) => ({
    rows: network.rows(stack).filter((row) => !row.problem).map((row) => [row.shape, row.parameters, row.macs]),
    problem: network.rows(stack).find((row) => row.problem)?.problem ?? null,
    fields: fields.map(({ depth, unit }) => network.field(stack, depth, unit)),
}))"""
MUTANTS = [
    ("dilation * (kernel - 1) + 1", "dilation * kernel"),
    ("n + 2 * window.padding - reach", "n + window.padding - reach"),
    ("/ window.stride) + 1", "/ window.stride)"),
    ("shape[0] % groups ?", "false ?"),
    ("if (count % groups)", "if (false)"),
    ("padding > kernel / 2", "padding > kernel"),
    ("needsImage.has(kind) && shape.length === 1", "false"),
    ("outputSize(n, layer) < 1", "outputSize(n, layer) < 0"),
    ("[layer.out, outputSize(height, layer)", "[channels, outputSize(height, layer)"),
    ("[channels, layer.size, layer.size]", "[channels, layer.size, width]"),
    ("[...shape.slice(0, -1), layer.out]", "[layer.out]"),
    ("out * (shape[0] / groups) * kernel ** 2 + bias * out", "out * shape[0] * kernel ** 2 + bias * out"),
    ("(shape[0] / groups) * kernel ** 2 + bias * out", "(shape[0] / groups) * kernel ** 2 + out"),
    ("out * shape.at(-1) + bias * out", "out * shape.at(-1) + out"),
    ("return 2 * shape[0];", "return 4 * shape[0];"),
    ("size(output) * each", "size(shape) * each"),
    ('(shape[0] / groups) * kernel ** 2 : kind === "linear"', 'shape[0] * kernel ** 2 : kind === "linear"'),
    ("place * stride - padding + tap * dilation", "place * stride + tap * dilation"),
    ("place * stride - padding + tap * dilation", "place - padding + tap * dilation"),
    ("place * stride - padding + tap * dilation", "place * stride - padding + tap"),
    ("Math.ceil(((place + 1) * n) / layer.size)", "Math.floor(((place + 1) * n) / layer.size)"),
    ("Math.floor((place * n) / layer.size)", "place"),
    ('kind === "linear" && isColumn', 'kind === "linear"'),
    ("place >= 0 && place < n", "place < n"),
    ("place >= 0 && place < n", "place >= 0"),
    ("Math.floor(v / width) % height", "Math.floor(v / width)"),
    ("v % width)", "v)"),
    ('layer.kind === "linear" ? range(shape[0])', "false ? range(shape[0])"),
]


@pytest.fixture(scope="module")
def cases():
    return golden("networks")


@pytest.fixture
def calculator(open_widget):
    return open_widget("shape-calculator")


@pytest.fixture
def field(open_widget):
    return open_widget("receptive-field")


def differs(case, mine):
    seen = [{key: place[key] for key in ("rows", "columns")} for place in case["fields"]]
    places = [{key: place.get(key) for key in ("rows", "columns")} for place in mine["fields"]]
    seen = [place if all(place.values()) else "padding only" for place in seen]  # then nothing is lit
    places = [place if all(place.values()) else "padding only" for place in places]
    return case["rows"] != mine["rows"] or bool(case["error"]) != bool(mine["problem"]) or seen != places


def differences(cases, found):
    return [number for number, (case, mine) in enumerate(zip(cases, found, strict=True)) if differs(case, mine)]


def test_shapes_costs_errors_and_fields_are_those_of_pytorch(calculator, cases):
    assert sum(bool(case["error"]) for case in cases) > 20 and sum(len(case["fields"]) for case in cases) > 100
    assert differences(cases, calculator.evaluate(RUN, cases)) == []


def test_every_hand_made_mistake_is_found(run_mutants, cases):
    assert run_mutants(MODULE, MUTANTS, RUN, cases, differences) == []


def test_fields_grow_as_the_lesson_computes_them(calculator, cases):
    checked = 0
    for case in cases:
        layers = case["stack"]["layers"]
        windows = [each for each in layers if "kernel" in each]
        if case["error"] or any(each["kind"] in ("adaptive", "flatten", "linear") for each in layers) or not windows:
            continue
        chain = [Layer(w["kernel"], w["stride"], w["padding"], w.get("dilation", 1)) for w in windows]
        mine = calculator.evaluate("(stack) => network.recurrence(stack)", case["stack"])
        assert mine[-1] == list(receptive_field(chain))
        checked += 1
    assert checked > 15


def test_a_stack_survives_being_written_as_text(calculator, cases):
    stacks = [case["stack"] for case in cases]
    again = calculator.evaluate("(stacks) => stacks.map((stack) => network.parse(network.toText(stack)))", stacks)
    assert again == stacks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3x32: relu", "the input is written as 3x32x32"),
        ("3x32x32: pool", "no layer is called pool"),
        ("3x32x32: conv depth=2", "conv has no depth"),
        ("3x32x32: conv kernel=0", "kernel of conv is a whole number from 1 to 31"),
        ("3x32x32: conv kernel=1.5", "kernel of conv is a whole number from 1 to 31"),
        ("3x32x32: " + "relu; " * 61, "at most 60 layers"),
        ("3x0x32: relu", "the input is written as 3x32x32"),
    ],
)
def test_a_wrong_text_is_explained(calculator, text, message):
    found = calculator.evaluate(
        "(text) => { try { network.parse(text); return ''; } catch (problem) { return problem.message; } }", text
    )
    assert message in found


def test_the_shown_programs_print_the_shown_numbers(calculator, cases):
    running = [case for case in cases if not case["error"]][:25]
    programs = calculator.evaluate("(cases) => cases.map(({ stack }) => network.pytorch(stack))", running)
    for case, program in zip(running, programs, strict=True):
        shape, parameters = output_of(program).splitlines()
        assert eval(shape) == (1, *case["rows"][-1][0]) and int(parameters) == sum(row[1] for row in case["rows"])


def test_famous_networks_are_the_real_ones(calculator):
    famous = {
        "first CNN": first_cnn.cnn,
        "AlexNet": models.alexnet,
        "VGG-11": models.vgg11,
        "LeNet-5": lenet.lenet_today,
    }
    for name, build in famous.items():
        option = calculator.get_by_label("example").locator("option", has_text=name)
        calculator.get_by_label("example").select_option(option.inner_text())
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in build().parameters())
            shape, parameters = output_of(
                calculator.locator("code").filter(has_text="import torch").text_content()
            ).splitlines()
        assert (
            int(parameters) == count and f"{count:,} parameters" in calculator.locator(".network__total").inner_text()
        )


def test_a_network_is_built_by_keyboard(calculator):
    layers = calculator.locator(".network__layer")
    before = layers.count()
    calculator.get_by_label("layer", exact=True).select_option("ReLU")
    calculator.get_by_role("button", name="Add this layer").press("Enter")
    assert layers.count() == before + 1
    calculator.get_by_role("button", name=f"Move up layer {before + 1}, ReLU").press("Enter")
    assert "ReLU" in layers.nth(before - 1).inner_text()
    assert calculator.evaluate("document.activeElement.ariaLabel") == f"Move up layer {before}, ReLU"
    calculator.get_by_role("button", name=f"Remove layer {before}, ReLU").press("Enter")
    assert layers.count() == before
    kernel = calculator.get_by_label("kernel of layer 1")
    kernel.fill("31")
    kernel.press("Tab")
    assert calculator.evaluate("document.activeElement.ariaLabel") == "stride of layer 1"
    assert layers.first.locator(".network__facts").inner_text().startswith("6 × 2 × 2 · ")


def test_what_does_not_fit_is_said_at_its_layer(calculator):
    calculator.get_by_label("input: height").fill("4")
    calculator.get_by_label("input: height").press("Tab")
    wrong = calculator.get_by_role("alert")
    assert wrong.inner_text() == ("The window reaches over 5 rows, and the map has only 2. PyTorch raises an error.")
    assert calculator.locator(".network__total").inner_text() == "This network cannot run."
    assert calculator.locator(".network__facts").last.inner_text() == "–"
    calculator.get_by_role("button", name="Reset").click()
    assert calculator.get_by_role("alert").count() == 0


def test_the_table_holds_the_numbers(calculator):
    rows = calculator.locator("code").filter(has_text="receptive field").text_content().splitlines()
    assert rows[2] == "| 1 | Conv2d | 6 × 28 × 28 | 156 | 117600 | 5 |"
    assert rows[-1] == "| 12 | Linear | 10 | 850 | 840 | all |"


@pytest.mark.parametrize("name", ["shape-calculator", "receptive-field"])
def test_a_link_restores_the_network(open_widget, name):
    page = open_widget(name)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("dilation of layer 1").fill("2")
    page.get_by_label("dilation of layer 1").press("Tab")
    before = page.locator(".network__layers").inner_text()
    page.get_by_role("button", name="Copy a link").press("Enter")
    page.locator(".widget__said", has_text="Copied.").wait_for()
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    page.reload()
    page.locator(f"{name}:defined > div").first.wait_for()
    assert page.locator(".network__layers").inner_text() == before
    assert page.get_by_label("dilation of layer 1").input_value() == "2"


def test_a_unit_is_chosen_by_keyboard_and_by_pointer(field):
    words = field.locator(".field__words")
    assert words.inner_text().startswith(
        "Unit (1, 1) of layer 3, Conv2d can depend on rows 2 to 9 and columns 2 to 9: 8 × 8"
    )
    field.get_by_role("slider", name="row").press("Home")
    assert "rows 0 to 7 and columns 2 to 9" in words.inner_text()
    field.locator(".field__map").click(position={"x": 5, "y": 5})
    assert words.inner_text().startswith("Unit (0, 0) of layer 3")
    field.get_by_role("slider", name="layer").press("ArrowLeft")
    assert words.inner_text().startswith("Unit (2, 2) of layer 2, MaxPool2d can depend on rows 4 to 7")


def test_the_drawing_fills_the_pixels_that_it_names(field):
    field.get_by_label("example").select_option("three dilated layers")
    marks = field.locator(".field__picture").last.locator(".field__mark")
    words = field.locator(".field__words").inner_text()
    rows, columns = (int(n) for n in re.search(r": (\d+) × (\d+) of", words).groups())
    cell = 240 / 31
    sizes = marks.evaluate_all("all => all.map(each => [each.width.baseVal.value, each.height.baseVal.value])")
    assert sum(w * h for w, h in sizes) == pytest.approx(rows * columns * cell * cell)
    field.get_by_label("example").select_option("AlexNet")
    assert "of layer 22, Linear can depend on rows 0 to 223" in field.locator(".field__words").inner_text()

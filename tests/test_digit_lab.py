"""<digit-lab>: the CNN in the page is the one of the lesson first-cnn, and a digit can be drawn in three ways."""

import json

import pytest

from scripts.make_widget_data import read_digits, read_weights
from snippets import first_cnn
from tests.conftest import ROOT, equal, golden

MODULE = ROOT / "docs/assets/widgets/digit-cnn.js"
WEIGHTS = json.dumps(read_digits()["weights"])
RUN = f"""(cases) => {{
    const weights = digitCnn.unpack({WEIGHTS});
    return cases.map(({{ image, ink }}) => ({{ fitted: ink && digitCnn.fit(ink), ...digitCnn.forward(image, weights) }}));
}}"""
MUTANTS = [
    ("[row + a - 1, column + b - 1]", "[row + a, column + b]"),
    ("[row + a - 1, column + b - 1]", "[row + b - 1, column + a - 1]"),
    ("i >= 0 && i < side && j >= 0 && j < side", "i >= 0 && i < side && j >= 0 && j < side - 1"),
    ("let total = bias;", "let total = 0;"),
    ("kernel[3 * a + b]", "kernel[8 - 3 * a - b]"),
    ("maps[c][i * side + j]", "maps[0][i * side + j]"),
    ("Math.max(0, value)", "value"),
    ("map[corner + side + 1]", "map[corner + 1]"),
    ("2 * Math.floor(i / half) * side", "Math.floor(i / half) * side"),
    ("Math.max(map[corner], map[corner + 1]", "(map[corner], map[corner + 1]"),
    ("bias[k] + sum(", "sum("),
    ("value / INK", "value"),
    ("pool(conv1, SIDE)", "pool(relu(conv1), SIDE).reverse()"),
    ("values[next++] / scale", "values[next++]"),
    ("(i + 0.5) * longer", "i * longer"),
    ("(longer - length) / 2) + start", "(longer - length) / 2)"),
    ("- Math.floor((longer - length) / 2)", "- 0"),
    ("Math.max(height, width);\n    const at", "height;\n    const at"),
    ("(k % 4), width, left", "(k % 4), height, left"),
    ("4 * (block % SIDE) + (k % 4)", "4 * (block % SIDE) + Math.floor(k / 4)"),
]


@pytest.fixture(scope="module")
def cases():
    return golden("digits")


@pytest.fixture
def page(open_widget):
    return open_widget("digit-lab")


def differences(cases, found):
    wrong = []
    for number, (case, mine) in enumerate(zip(cases, found, strict=True)):
        right = [case.get("logits", []), *case.get("maps", {}).values(), case["image"] if "ink" in case else []]
        seen = [
            mine["logits"] if "logits" in case else [],
            *(mine[name] for name in case.get("maps", {})),
            mine.get("fitted") or [],
        ]
        if not equal(right, seen):
            wrong.append(number)
    return wrong


def test_logits_maps_and_drawings_are_those_of_pytorch(page, cases):
    assert differences(cases, page.evaluate(RUN, cases)) == []


def test_every_hand_made_mistake_is_found(run_mutants, cases):
    assert run_mutants(MODULE, MUTANTS, RUN, cases, differences) == []


def test_it_reads_the_digits_that_it_should_and_says_where_it_is_wrong(page):
    example = page.get_by_label("a digit it was not trained on")
    names = example.locator("option").all_inner_texts()[1:]
    for place, name in enumerate(names):
        example.select_option(name)
        words = page.locator(".digit__verdict").inner_text()
        assert words.endswith(f"It is a {name[0]}." if place < 10 else f"It is a {name[0]}: the CNN is wrong.")
    assert len(names) == 14
    model, images, labels = read_weights(), *first_cnn.load()
    test = first_cnn.split(labels)[2]
    right = (model(images[test].double()).argmax(dim=1) == labels[test]).sum().item()
    assert page.locator(".digit__known").inner_text() == f"Of the {len(test)} test images of the lesson it reads {right} correctly."
    scores = page.locator(".digit__scores td:last-child").all_inner_texts()
    assert sum(float(score.removesuffix(" %")) for score in scores) == pytest.approx(100, abs=0.5)


def test_a_digit_is_drawn_by_keyboard(page):
    page.get_by_role("button", name="Clear the drawing").press("Enter")
    assert "An empty picture" in page.locator(".digit__verdict").inner_text()
    page.get_by_label("row 0, column 0").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    for _ in range(8):
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowDown")
    assert page.get_by_label("row 7, column 4: 16 of 16").count() == 1
    assert "The CNN says 1" in page.locator(".digit__verdict").inner_text()


def test_a_digit_is_drawn_by_pointer(page):
    box = page.locator(".digit__pad").bounding_box()

    def at(x, y):
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*at(0.5, 0.2))
    page.mouse.down()
    for x, y in [(0.35, 0.3), (0.3, 0.5), (0.35, 0.75), (0.5, 0.85), (0.65, 0.75), (0.7, 0.5), (0.65, 0.3), (0.5, 0.2)]:
        page.mouse.move(*at(x, y), steps=5)
    page.mouse.up()
    assert "The CNN says 0" in page.locator(".digit__verdict").inner_text()
    page.mouse.move(*at(0.9, 0.9))
    before = page.locator(".digit__verdict").inner_text()
    page.mouse.move(*at(0.1, 0.9))
    assert page.locator(".digit__verdict").inner_text() == before, "nothing is drawn after the button is up"


def test_maps_and_their_kernels_are_described(page):
    slider = page.get_by_label("map behind the first convolution and ReLU")
    slider.press("Home")
    told = page.locator(".digit__told").first
    weights = read_digits()["weights"]
    assert told.inner_text().startswith("Map 0 of 16: ")
    first = f"{weights['values'][0] / weights['scale']:.2f}".replace("-", "−")
    assert f"Its kernel: {first} " in told.inner_text()
    page.locator(".digit__maps").nth(2).click(position={"x": 100, "y": 10})
    assert page.locator(".digit__told").nth(2).inner_text().startswith("Map ")

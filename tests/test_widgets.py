"""What holds for every widget: light, loaded where it is used, accessible, still, and readable without JavaScript."""

import gzip
import json
import re
from itertools import product

import pytest
from markdown import Markdown
from pymdownx.superfences import SuperFencesException

from scripts import make_golden, make_widget_data
from scripts.site import widgets as site_widgets
from scripts.site.widgets import NUMBERS
from tests.conftest import ROOT
from tests.runner.claims import fault
from tests.runner.fences import WIDGETS, scan
from tests.runner.page import Claim, read_page
from tests.runner.widgets import fields

CODE = ROOT / "docs/assets/widgets"
AXE = ROOT / "node_modules/axe-core/axe.min.js"
each_widget = pytest.mark.parametrize("name", sorted(WIDGETS))
LESSONS = {
    "conv-stepper": "convolution-layer",
    "digit-lab": "first-cnn",
    "kernel-sandbox": "image-filters",
    "receptive-field": "receptive-field",
    "shape-calculator": "cost-of-a-network",
}
SHIFT = """new Promise((done) => {
    let total = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (total += value))).observe({
        type: "layout-shift",
        buffered: true,
    });
    setTimeout(() => done(total), 500);
})"""


def test_the_golden_values_are_those_of_pytorch():
    assert make_golden.main(["--check"]) == 0


def test_the_photograph_and_the_weights_are_those_of_the_lessons():
    assert make_widget_data.main(["--check"]) == 0


@pytest.mark.parametrize("file", ["photograph.js", "digit-weights.js"])
def test_a_changed_file_of_a_widget_is_found(file, monkeypatch, tmp_path, capsys):
    other = {"photograph.js": make_widget_data.cat() + 1, "digit-weights.js": make_widget_data.cat()}[file]
    weights = (CODE / "digit-weights.js").read_text(encoding="utf-8")
    if file == "digit-weights.js":
        weights = re.sub(r'(?<=values":\[)-?\d+', "12345", weights)
    (tmp_path / "digit-weights.js").write_text(weights, encoding="utf-8")
    monkeypatch.setattr(make_widget_data, "cat", lambda: other)
    monkeypatch.setattr(make_widget_data, "DIGITS", tmp_path / "digit-weights.js")
    monkeypatch.setattr(make_widget_data, "ROOT", tmp_path)
    monkeypatch.setattr(make_widget_data, "PHOTOGRAPH", tmp_path / "photograph.js")
    (tmp_path / "photograph.js").write_bytes((CODE / "photograph.js").read_bytes())
    assert make_widget_data.main(["--check"]) == 1
    assert capsys.readouterr().out.startswith(f"{file}: not ")


@pytest.mark.parametrize("name", ["PHOTOGRAPH", "DIGITS"])
@pytest.mark.parametrize("text", [None, "", 'const DIGITS = {\n  weights: {"values":[9-1]},\n};', "base64,AAAA"])
def test_a_damaged_file_of_a_widget_is_named(name, text, monkeypatch, tmp_path, capsys):
    path = tmp_path / "damaged.js"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(make_widget_data, "ROOT", tmp_path)
    monkeypatch.setattr(make_widget_data, name, path)
    other = "DIGITS" if name == "PHOTOGRAPH" else "PHOTOGRAPH"
    kept = tmp_path / getattr(make_widget_data, other).name
    kept.write_bytes(getattr(make_widget_data, other).read_bytes())
    monkeypatch.setattr(make_widget_data, other, kept)
    assert make_widget_data.main(["--check"]) == 1
    assert "damaged.js: " in capsys.readouterr().out


@each_widget
def test_it_stands_in_a_lesson_with_a_question(name):
    page = ROOT / "docs/lessons" / LESSONS[name] / "index.md"
    text = page.read_text(encoding="utf-8")
    fence = next(fence for fence in scan(text).fences if fence.language == name)
    after = "\n".join(text.split("\n")[fence.end :]).strip()
    assert after.startswith("**Find out:**") and "<summary>Answer</summary>" in after[:600]
    assert not set(fields(fence.body)) & set(NUMBERS) or "check" in fields(fence.body)


@each_widget
def test_it_is_light_and_only_where_it_is_used(name, browser, address):
    page = browser.new_page(base_url=address)
    loaded = set()
    page.on("request", lambda request: loaded.add(request.url.rpartition("/widgets/")[2]))
    page.goto(f"reference/{name}/", wait_until="networkidle")
    files = {file for file in loaded if file.endswith(".js") and (CODE / file).is_file()}
    assert f"{name}.js" in files
    assert sum(len(gzip.compress((CODE / file).read_bytes())) for file in files) < 50_000
    loaded.clear()
    page.goto("lessons/vgg/", wait_until="networkidle")
    page.close()
    assert loaded and not {file for file in loaded if (CODE / file).is_file() and file}


@each_widget
def test_without_javascript_its_words_are_there(name, browser, address):
    page = browser.new_page(base_url=address, java_script_enabled=False)
    page.goto(f"reference/{name}/")
    fence = next(
        f for f in scan((ROOT / f"docs/reference/{name}.md").read_text(encoding="utf-8")).fences if f.language == name
    )
    words = page.locator(name).inner_text()
    tables = page.locator(f"{name} table").count()
    page.close()
    said = fields(fence.body)
    numbers = re.findall(r"-?\d+", " ".join(said[key] for key in NUMBERS if key in said))
    assert said["alt"] in words
    assert re.findall(r"-?\d+", words.removeprefix(said["alt"])) == numbers
    assert tables == len({"input", "kernel"} & set(said))


@each_widget
@pytest.mark.parametrize(("width", "scheme"), list(product((360, 1280), ("light", "dark"))))
def test_axe_finds_nothing_and_nothing_moves(name, width, scheme, browser, address):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, base_url=address)
    page.goto(f"reference/{name}/")
    page.locator(f"{name}:defined > div").first.wait_for()
    shift = page.evaluate(SHIFT)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then(result => result.violations)")
    page.close()
    assert not [f"{rule['help']}: {node['html']}" for rule in found for node in rule["nodes"]]
    assert shift < 0.02 and wider <= 0


@each_widget
def test_it_survives_going_on_and_back(name, open_widget):
    page = open_widget(name)
    page.goto("lessons/vgg/")
    page.go_back()
    page.locator(f"{name}:defined > div").first.wait_for()
    page.go_forward()
    page.go_back()
    page.locator(f"{name}:defined > div").first.wait_for()


@each_widget
def test_it_is_ready_within_a_second_on_a_slow_line(name, browser, address):
    """From the moment at which the page is there: a line of 1.6 Mbit/s that answers after 150 ms, as Lighthouse has it."""
    context = browser.new_context(base_url=address, service_workers="block")
    page = context.new_page()
    line = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000}
    context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)
    page.goto(f"reference/{name}/", wait_until="domcontentloaded")
    page.locator(f"{name}:defined > div").first.wait_for()
    seconds = page.evaluate(
        "(performance.now() - performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd)"
    )
    context.close()
    assert seconds < 1000


@each_widget
def test_forced_colours_keep_its_edges(name, browser, address):
    page = browser.new_page(base_url=address, forced_colors="active", color_scheme="dark")
    page.goto(f"reference/{name}/")
    page.locator(f"{name}:defined > div").first.wait_for()
    parts = page.locator(f"{name} :is(button:not(.md-code__button), input[type=number], input[type=text], select)")
    edges = parts.evaluate_all("all => all.map(each => getComputedStyle(each.closest('td') ?? each).borderTopWidth)")
    page.close()
    assert len(edges) > 3 and all(float(edge[:-2]) >= 1 for edge in set(edges) if edge)


@pytest.mark.parametrize("name", ["conv-stepper", "kernel-sandbox", "shape-calculator", "receptive-field"])
def test_a_damaged_link_says_so(name, open_widget):
    page = open_widget(name)
    identity = page.locator(name).get_attribute("id")
    page.goto(f"{page.url}?widget={identity}&stack=many&k=1/2&n=9")
    page.locator(f"{name}:defined > div").first.wait_for()
    assert "The link cannot be read" in page.locator(".widget__said").inner_text()


def test_json_of_golden_files_is_one_case_a_line():
    for name in make_golden.NAMES:
        lines = (make_golden.FOLDER / f"{name}.json").read_text(encoding="utf-8").splitlines()
        assert lines[0] == "[" and lines[-1] == "]"
        assert all(json.loads(line.rstrip(",")) for line in lines[1:-1])


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("shape-calculator", "network: 3x8x8 conv", "a network is written as"),
        ("receptive-field", "network: 3x8x8: pool kernel=2", "a network is written as"),
        ("kernel-sandbox", "kernel: 1 2 / 3 4", "a kernel has as many rows as columns"),
        ("kernel-sandbox", "kernel: 1 2 3", "a kernel has as many rows as columns"),
        ("kernel-sandbox", "stride: 2", "each line is `name: value`"),
        ("digit-lab", "kernel: 1", "each line is `name: value`"),
    ],
)
def test_a_wrong_fence_stops_the_build(name, line, message):
    format = getattr(site_widgets, name.replace("-", "_"))
    fences = [{"name": name, "class": name, "format": format}]
    md = Markdown(
        extensions=["pymdownx.superfences"], extension_configs={"pymdownx.superfences": {"custom_fences": fences}}
    )
    with pytest.raises(SuperFencesException, match=re.escape(message)):
        md.convert(f"```{name}\nid: a\nalt: Words.\n{line}\n```")


@pytest.mark.parametrize(
    ("rows", "expression", "holds"),
    [
        (["input: 1 2 / 3 4", "kernel: 1"], "widget.input == x and widget.kernel == [[1]]", True),
        (["input: 1 2 / 3 5", "kernel: 1"], "widget.input == x", False),
        (["input: 1 2 | 3 4", "kernel: 1 | 2 || 3 | 4"], "widget.kernel == [[[[1]], [[2]]], [[[3]], [[4]]]]", True),
        (["network: 3x8x8: conv out=8; relu"], "widget.layers == [{'kind': 'conv', 'out': 8}, {'kind': 'relu'}]", True),
        (["network: 3x8x8: conv out=8", "stride: 2"], "widget.input == [3, 8, 8] and widget.stride == '2'", True),
    ],
)
def test_the_numbers_of_a_widget_are_compared_with_the_page(rows, expression, holds):
    claim = Claim("", 1, "widget", expression, rows=rows)
    assert (fault(claim, {"x": [[1, 2], [3, 4]]}) is None) == holds


def test_a_widget_in_a_lesson_without_a_check_is_a_problem(tmp_path):
    page = tmp_path / "lessons" / "page" / "index.md"
    page.parent.mkdir(parents=True)
    fence = "```kernel-sandbox\nid: a\nkernel: 1\nalt: Words.\n{}```\n"
    page.write_text("# A\n\n" + fence.format(""), encoding="utf-8")
    assert [(p.line, p.message[:7]) for p in read_page(page, tmp_path).problems] == [(3, "nothing")]
    page.write_text("# A\n\n" + fence.format("check: widget.kernel == [[1]]\n"), encoding="utf-8")
    assert not read_page(page, tmp_path).problems

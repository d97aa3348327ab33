"""The built site: complete, self-contained, without a dead link; and a mistake in a page stops the build."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fontTools.ttLib import TTFont
from mkdocs.utils.yaml import yaml_load

from scripts import get_assets
from scripts.audit import dead_links
from tests.conftest import BUILDERS, ROOT, SITE_URL, build, copy_project

LESSONS = [path.parent.name for path in sorted(ROOT.glob("docs/lessons/*/index.md"))]
RESOURCES = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "manifest", "preconnect", "dns-prefetch"}

# A browser shows a small Greek letter of a formula as its mathematical italic: alpha is U+1D6FC.
ITALIC_GREEK = {chr(0x3B1 + i): chr(0x1D6FC + i) for i in range(25)} | {"ϵ": "𝜖", "ϑ": "𝜗", "ϕ": "𝜙"}


class Html(HTMLParser):
    """One page: its tags with their attributes, the text of its formulas, and its prose: no code, no figures."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.math = ""
        self.prose = ""
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        name = "svg title" if tag == "title" and "svg" in self.open else tag
        self.tags.append((name, {name: value or "" for name, value in attributes}))
        if tag in ("math", "svg", "script", "style", "pre", "code"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        if "math" in self.open:
            self.math += data
        elif not self.open:
            self.prose += data

    def all(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@cache
def pages(site: Path) -> dict[str, Html]:
    """Every page of a site by its path, `lessons/first-cnn/index.html`."""
    return {path.relative_to(site).as_posix(): Html(path) for path in sorted(site.rglob("*.html"))}


@pytest.fixture(params=BUILDERS)
def any_site(request: pytest.FixtureRequest) -> Path:
    """The site by each of the two builders."""
    return request.getfixturevalue("site" if request.param == "mkdocs" else "zensical_site")


def test_every_source_page_is_built(any_site):
    for source in ROOT.glob("docs/**/*.md"):
        page = source.relative_to(ROOT / "docs").with_suffix("")
        folder = page.parent if page.name == "index" else page
        assert (any_site / folder / "index.html").is_file(), f"{source} has no page"
    assert (any_site / "404.html").is_file()


def test_policy_allows_files_of_this_site_only(any_site):
    for name, page in pages(any_site).items():
        policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
        assert len(policies) == 1, f"{name}: {len(policies)} policies"
        rules = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";"))
        assert rules["default-src"] == rules["script-src"] == "'self'", name
        assert all("http" not in sources and "*" not in sources for sources in rules.values()), name


def test_policy_forbids_style_elements(site):
    """In the site that is published. Zensical's search dialog brings a style element of its own."""
    for name, page in pages(site).items():
        policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
        assert "style-src 'self';" in policy, name


def test_nothing_that_the_policy_would_block(any_site):
    for name, page in pages(any_site).items():
        inline = [tag for tag in page.all("script") if "src" not in tag and tag.get("type") != "application/json"]
        assert not inline, f"{name}: an inline script: {inline}"
        assert not page.all("style"), f"{name}: a style element"
        handlers = {key for _, attributes in page.tags for key in attributes if key.startswith("on")}
        assert not handlers, f"{name}: {handlers}"


def loaded_by(page: Html) -> list[str]:
    """Addresses that a browser fetches by itself when it shows the page."""
    found = [attributes[RESOURCES[tag]] for tag, attributes in page.tags if RESOURCES.get(tag) in attributes]
    found += [link["href"] for link in page.all("link") if LOADED_LINKS & set(link.get("rel", "").split())]
    return [address for address in found if not address.startswith("data:")]


def test_pages_load_nothing_from_elsewhere(any_site):
    for name, page in pages(any_site).items():
        foreign = [address for address in loaded_by(page) if urlsplit(address).netloc]
        assert not foreign, f"{name} loads {foreign}"


def test_styles_load_nothing_from_elsewhere(any_site):
    for path in any_site.rglob("*.css"):
        addresses = re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", path.read_text(encoding="utf-8"))
        foreign = [address for address in addresses if re.match(r"(https?:)?//", address)]
        assert not foreign, f"{path.name} loads {foreign}"


def test_every_page_says_what_it_is(site):
    for name, page in pages(site).items():
        assert page.all("html")[0]["lang"] == "en", name
        assert len(page.all("h1")) == 1, f"{name} has {len(page.all('h1'))} h1"
        assert len(page.all("title")) == 1, name
        descriptions = [meta["content"] for meta in page.all("meta") if meta.get("name") == "description"]
        assert len(descriptions) == 1 and len(descriptions[0]) > 20, f"{name}: {descriptions}"
        canonical = [link["href"] for link in page.all("link") if link.get("rel") == "canonical"]
        expected = [] if name == "404.html" else [SITE_URL + name.removesuffix("index.html")]
        assert canonical == expected, name


def test_titles_differ(site):
    titles = {
        name: re.search("<title>(.*?)</title>", (site / name).read_text(encoding="utf-8"))[1] for name in pages(site)
    }
    repeated = {title for title, count in Counter(titles.values()).items() if count > 1}
    assert not repeated and titles["index.html"] == "ConvNets, Checked", titles


def test_descriptions_differ(site):
    """A search engine shows them. A notebook has no front matter: its first paragraph stands in."""
    described = {
        name: meta["content"]
        for name, page in pages(site).items()
        for meta in page.all("meta")
        if meta.get("name") == "description"
    }
    repeated = {text for text, count in Counter(described.values()).items() if count > 1}
    assert not repeated, repeated


def test_identifiers_are_unique(site):
    for name, page in pages(site).items():
        counts = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
        repeated = {identity for identity, count in counts.items() if count > 1}
        assert not repeated, f"{name}: {repeated}"


def test_no_block_stands_in_a_paragraph(any_site):
    """HTML ends a paragraph before a block, so its own end would be one too many. Cause: no empty line before a fence."""
    for name in pages(any_site):
        html = (any_site / name).read_text(encoding="utf-8")
        inside = re.search(r"<p\b[^>]*>(?:(?!</p>|<p\b).)*?<(?:div|pre|figure|table|ul|ol|details)\b[^>]*>", html, re.DOTALL)
        assert not inside, f"{name}: {inside[0][:200]}"


def test_comments_stay_in_the_source(any_site):
    for name in pages(any_site):
        html = (any_site / name).read_text(encoding="utf-8")
        assert name.startswith("labs/") or "<!-- " not in html.partition("<article")[2].partition("</article>")[0], name
    contributing = (any_site / "contributing/index.html").read_text(encoding="utf-8")
    assert "&lt;!--" in contributing, "what a page shows in code is no comment of its own"


def test_no_dead_link(any_site):
    found = dead_links(any_site, SITE_URL)
    dead = [f"{page}: {problem}" for page, problems in found.items() for problem in problems]
    assert not dead, "\n".join(dead)


@pytest.mark.parametrize("query", ["manual_seed", "MaxPool2d", "H_out"])
def test_search_index_holds(site, query):
    """As the browser does: split text and query at the separator; one entry must hold all parts of the query."""
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    separator = re.compile(index["config"]["separator"])

    def terms(text: str) -> set[str]:
        return {term.lower() for term in separator.split(re.sub("<[^>]+>", " ", text)) if term}

    assert any(terms(query) <= terms(entry["title"] + " " + entry["text"]) for entry in index["docs"])


def test_every_code_block_names_its_language(any_site):
    for name, page in pages(any_site).items():
        for block in page.all("div"):
            classes = block.get("class", "").split()
            if "highlight" in classes:
                assert any(word.startswith("language-") for word in classes), f"{name}: {classes}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_header_and_formulas(any_site, lesson):
    page = pages(any_site)[f"lessons/{lesson}/index.html"]
    classes = {attributes.get("class") for _, attributes in page.tags}
    assert {"lesson", "lesson__facts", "lesson__why", "lesson__goals"} <= classes
    assert page.all("math"), "no MathML"


def test_no_formula_is_left_raw(any_site):
    for name, page in pages(any_site).items():
        left = re.findall(r"\\\(|\\\[|\$\$|(?<!\w)\$[^$\n]+\$", page.prose)
        assert not left, f"{name}: {left}"
        assert "amp;" not in page.math and "lt;" not in page.math, f"{name}: an escaped & or < reached a formula"


def test_the_math_font_has_every_character_in_use(site):
    font = TTFont(site / "assets/vendor" / get_assets.FONT_FILE)
    assert "MATH" in font, "without this table the browser cannot lay formulas out"
    used = {letter for page in pages(site).values() for letter in page.math if not letter.isspace()}
    used = {ITALIC_GREEK.get(letter, letter) for letter in used}
    missing = {letter for letter in used if ord(letter) not in font.getBestCmap()}
    assert not missing, f"add {[hex(ord(letter)) for letter in missing]} to scripts/get_assets.py"


def test_lab_pages_are_light_and_offer_the_notebook(site):
    for notebook in ROOT.glob("docs/labs/*.ipynb"):
        folder = site / "labs" / notebook.stem
        page = pages(site)[f"labs/{notebook.stem}/index.html"]
        html = (folder / "index.html").read_text(encoding="utf-8")
        without_plots = re.sub(r'src="data:[^"]*"', "", html)
        assert len(without_plots) < 300_000, f"{len(without_plots):,} bytes beside its plots"
        downloads = [link["href"] for link in page.all("a") if "download" in link]
        assert downloads == [notebook.name] and (folder / notebook.name).read_bytes() == notebook.read_bytes()
        descriptions = [image.get("alt", "") for image in page.all("img")]
        assert all(len(text) > 30 for text in descriptions), descriptions
        assert len(set(descriptions)) == len(descriptions), "each plot has its own description"


BROKEN = {
    "formula": ("A wrong one: $\\frac{1}{$ here.", r"docs/index\.md:7: wrong formula: \\frac\{1\}\{"),
    "figure": ("![What it shows](no-such-figure.svg)", r"docs/index\.md:7: no such figure: no-such-figure\.svg"),
    "alt text": ("![](no-alt.svg)", r"docs/index\.md:7: no-alt\.svg has no alt text"),
    "diagram": ("```layers\nalt: Two layers.\nConv2d(1, 2, 3)\n```", r"docs/index\.md:8: wrong `layers` fence"),
    "link": ("[Nowhere](lessons/nowhere.md)", r"lessons/nowhere\.md"),
    "anchor": ("[Nowhere](reference/glossary.md#nowhere)", r"glossary\.md#nowhere"),
    "snippet": (
        '```{ .python title="x.py" }\n--8<-- "snippets/no_such_file.py:part"\n```',
        r"snippets/no_such_file\.py",
    ),
}


def small_project(folder: Path, markdown: str) -> Path:
    """The project with two pages only, so that a build takes a second; `markdown` ends its home page."""
    project = copy_project(folder)
    settings = (project / "mkdocs.yml").read_text(encoding="utf-8")
    nav = "\nnav: [index.md, reference/glossary.md]\n\n"
    settings, replaced = re.subn(r"\nnav:\n.*?\n(?=theme:)", nav, settings, flags=re.DOTALL)
    assert replaced == 1
    (project / "mkdocs.yml").write_text(settings, encoding="utf-8")
    for name in ("lessons", "labs", "reference", "contributing.md"):
        path = project / "docs" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (project / "docs/reference").mkdir()
    (project / "docs/reference/glossary.md").write_text("---\ntitle: Glossary\n---\n\n### kernel\n", encoding="utf-8")
    (project / "docs/index.md").write_text(f"---\ntitle: Home\n---\n\nA page.\n\n{markdown}\n", encoding="utf-8")
    return project


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_page_without_mistake_builds(assets, tmp_path, builder):
    result = build(
        builder, small_project(tmp_path / "project", "A formula: $a^2$. [A link](reference/glossary.md#kernel).")
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_stops_the_build(assets, tmp_path, mistake):
    markdown, message = BROKEN[mistake]
    result = build("mkdocs", small_project(tmp_path / "project", markdown))
    assert result.returncode != 0
    assert re.search(message, result.stdout + result.stderr), result.stdout + result.stderr


@pytest.mark.parametrize("mistake", ["formula", "figure", "diagram", "link"])
def test_a_mistake_stops_zensical_too(assets, tmp_path, mistake):
    result = build("zensical", small_project(tmp_path / "project", BROKEN[mistake][0]))
    assert result.returncode != 0, result.stdout + result.stderr


def test_lock_file_names_no_host():
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages and all("integrity" in package and "resolved" not in package for package in packages.values())


def test_get_assets_does_nothing_when_up_to_date(assets):
    result = subprocess.run([sys.executable, "-m", "scripts.get_assets"], cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def relative_luminance(colour: str) -> float:
    """WCAG 2: how bright `#rgb` or `#rrggbb` is, 0 to 1."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["default", "slate"])
def test_text_has_enough_contrast(scheme):
    style = (ROOT / "docs/assets/course.css").read_text(encoding="utf-8")
    rule = re.search(rf'\[data-md-color-scheme="{scheme}"\] \{{(.*?)\}}', style, re.DOTALL)[1]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", rule))
    for ground in ("paper", "tint", "petrol-tint"):
        for text in set(colours) - {"paper", "tint", "petrol-tint", "line"}:
            bright, dark = sorted((relative_luminance(colours[c]) for c in (ground, text)), reverse=True)
            contrast = (bright + 0.05) / (dark + 0.05)
            assert contrast >= 4.5, f"{text} on {ground}: {contrast:.2f}"


def test_every_navigation_entry_exists():
    def files(entry) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        values = entry if isinstance(entry, list) else entry.values()
        return [file for value in values for file in files(value)]

    nav = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    missing = [file for file in files(nav) if not (ROOT / "docs" / file).is_file()]
    assert not missing, f"mkdocs.yml names {missing}"

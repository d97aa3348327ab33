"""The plain texts, llms.txt and the feed say what the pages say, and lead to what is there."""

import re
from xml.etree import ElementTree

import pytest

from scripts import make_texts
from scripts.make_notebooks import ROOT, SITE, in_prose
from scripts.make_texts import DOCS, changes, feed, llms, plain
from scripts.site.pages import nav_pages
from tests.runner.fences import scan

NAMES = {name: title for name, title in nav_pages(ROOT / "mkdocs.yml").items() if name.endswith(".md")}
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_as_text_stands_alone(name):
    text = plain(DOCS / name)
    assert text.startswith("# ") and "\n---\n" not in text[:200]
    pieces = []
    in_prose(text, lambda words: pieces.append(words) or words)
    prose = "".join(pieces)
    assert "<!--" not in prose
    assert not re.search(r"\]\((?!https?:|#)[^)\s]+\.(md|svg|ipynb)", prose)
    assert not any("8<--" in line for fence in scan(text).fences if fence.language == "python" for line in fence.body)


def test_every_page_is_listed_and_every_address_is_there(site):
    text = llms(NAMES)
    addresses = re.findall(rf"\]\({re.escape(SITE)}([^)]+)\)", text)
    assert len(addresses) == len(NAMES)
    for address in addresses:
        assert (site / address).read_text(encoding="utf-8").startswith("# "), address
    assert (site / "llms.txt").read_text(encoding="utf-8") == text


def test_the_feed_leads_to_the_changes(site):
    root = ElementTree.fromstring((site / "feed.xml").read_text(encoding="utf-8").partition("\n")[2])
    entries = root.findall(f"{ATOM}entry")
    assert len(entries) == len(changes(DOCS / "reference" / "changes.md")) >= 4
    page = (site / "reference/changes/index.html").read_text(encoding="utf-8")
    for entry in entries:
        assert f'id="{entry.find(f"{ATOM}id").text.partition("#")[2]}"' in page
        assert "](" not in entry.find(f"{ATOM}summary").text
    dates = [entry.find(f"{ATOM}updated").text for entry in entries]
    assert dates == sorted(dates, reverse=True) and root.find(f"{ATOM}updated").text == dates[0]
    assert 'href="../../feed.xml"' in page


@pytest.mark.parametrize(
    "text, words",
    [
        ("### 2026-01-01: Old\n\n### 2026-01-02: New\n", r"changes.md:3: the newest change comes first"),
        ("### yesterday\n", r"changes.md:1: write a change as"),
    ],
)
def test_a_change_that_is_written_wrongly_is_named(tmp_path, monkeypatch, text, words):
    monkeypatch.setattr(make_texts, "ROOT", tmp_path)
    page = tmp_path / "changes.md"
    page.write_text(text)
    with pytest.raises(SystemExit, match=words):
        changes(page)


def test_a_feed_escapes_what_xml_would_read():
    root = ElementTree.fromstring(feed([("2026-01-02", "A < B & C", "See [the page](x.md).")]).partition("\n")[2])
    assert root.find(f"{ATOM}entry/{ATOM}title").text == "A < B & C"
    assert root.find(f"{ATOM}entry/{ATOM}summary").text == "See the page."

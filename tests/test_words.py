"""scripts/site/words.py: the first use of a word of the glossary links to it and says what it means."""

import re
from pathlib import Path

import pytest
from markdown import Markdown

from scripts.site import words

GLOSSARY = """# Glossary

### kernel

The small $k \\times k$ grid ([Filters](../x.md)) of [weights](../y.md). A second sentence.

### batch normalisation

Rescales each channel.

### MAC

Multiply-accumulate.
"""


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Turn the Markdown of a lesson into HTML."""
    page = tmp_path / "docs/lessons/one/index.md"
    (tmp_path / "docs/reference").mkdir(parents=True)
    (tmp_path / "docs/reference/glossary.md").write_text(GLOSSARY, encoding="utf-8")

    def run(text: str, path: Path = page) -> str:
        monkeypatch.setattr(words, "page_path", lambda md: path)
        return Markdown(extensions=["scripts.site.words", "tables"]).convert(text)

    return run


def linked(html: str) -> list[str]:
    return re.findall(r'<a class="word"[^>]*>([^<]*)</a>', html)


def test_the_first_use_links_to_the_entry_and_holds_its_first_sentence(convert):
    html = convert("A kernel, then another kernel.")
    link = (
        '<a class="word" href="../../reference/glossary.md#kernel" title="The small k × k grid of weights.">kernel</a>'
    )
    assert html == f"<p>A {link}, then another kernel.</p>"


def test_order_of_the_text_is_kept(convert):
    html = convert("Before *a kernel in the middle* a MAC, **kernels**, MACs\nand batch\nnormalisation. After.")
    assert linked(html) == ["kernel", "MAC", "batch\nnormalisation"]
    said = re.sub("<[^>]+>", "", html)
    assert said == "Before a kernel in the middle a MAC, kernels, MACs\nand batch\nnormalisation. After."


@pytest.mark.parametrize("form", ["kernels", "Kernel", "batch-normalisation", "MACs"])
def test_other_forms_of_a_word_count(convert, form):
    assert linked(convert(f"Say {form} here.")) == [form]


@pytest.mark.parametrize(
    "text",
    [
        "## kernel",
        "`kernel`",
        "[the kernel](a.md)",
        "    kernel",
        "the kernel_size",
        "a-kernel",
        "kernelled",
        "| kernel |\n|---|\n| 1 |",
    ],
)
def test_what_stays_as_it_is(convert, text):
    assert not linked(convert(text))


def test_the_quiz_stays_as_it_is(convert):
    assert linked(convert("A MAC.\n\n## Quiz\n\nWhich kernel?\n\n- a kernel")) == ["MAC"]


def test_only_lessons_link_words(convert, tmp_path):
    assert not linked(convert("A kernel.", tmp_path / "docs/reference/formulas.md"))


def test_every_meaning_is_plain_text():
    glossary = Path("docs/reference/glossary.md")
    found = words.read(glossary, 0.0)
    assert len(found) > 150
    for slug, meaning in found.values():
        assert re.fullmatch(r"[^\\$`*\[\]{}]{10,250}\.", meaning), f"{slug}: {meaning}"

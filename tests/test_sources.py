"""The list under `## Sources` and the sources of the front matter say the same."""

import pytest

from tests.runner import sources
from tests.runner.page import read_page

LESSON = """---
title: A lesson
sources:
  - title: A guide to arithmetic
    authors: Ada Lovelace, Charles Babbage
    year: 1843
    url: https://example.org/guide
  - title: "Conv2d, in the PyTorch documentation"
    authors: PyTorch contributors
    year: 2026
    url: https://example.org/Conv2d_(layer).html
---

As [Lovelace, 1843](#sources) says.

## Sources

- Ada Lovelace and Charles Babbage, [notes](https://example.org/guide): how to
  compute.
- [*Conv2d*, in the `PyTorch` documentation](https://example.org/Conv2d_(layer).html).

## Errata

- Not a source.
"""


def found(root, text: str, path: str = "docs/lessons/one/index.md") -> list[str]:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return [f"{problem.line}: {problem.message}" for problem in sources.problems(read_page(file, root), root)]


def test_a_good_list_has_no_problem(tmp_path):
    assert found(tmp_path, LESSON) == []
    assert found(tmp_path, LESSON.replace("https://example.org/guide)", "https://example.org/guide 'Notes')")) == []
    assert found(tmp_path, LESSON.replace("[notes](https://example.org/guide)", "<https://example.org/guide>")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[notes](https://example.org/guide): how", "how", "4: https://example.org/guide is missing in the list"),
        ("org/guide):", "org/guides):", "4: https://example.org/guide is missing in the list"),
        ("org/guide):", "org/guides):", "18: this source has no link of one in the front matter"),
        (
            "Ada Lovelace and Charles",
            "Ada and Charles",
            '18: the source at https://example.org/guide is called neither "A g',
        ),
        (
            "in the `PyTorch` doc",
            "in the doc",
            "20: the source at https://example.org/Conv2d_(layer).html is called neither",
        ),
        (
            "## Errata",
            "- Me, *T*, https://example.org/t\n\n## Errata",
            "22: this source has no link of one in the",
        ),
        ("[Lovelace, 1843]", "[Lovelace, 1834]", '14: "Lovelace, 1834" is none of the sources in the front matter'),
    ],
)
def test_each_difference_has_its_line(tmp_path, old, new, expected):
    assert old in LESSON
    problems = found(tmp_path, LESSON.replace(old, new, 1))
    assert any(problem.startswith(expected) for problem in problems), problems


def test_another_page_lists_its_sources_as_well_if_it_has_a_list(tmp_path):
    text = LESSON.replace("[notes](https://example.org/guide): how", "how")
    assert found(tmp_path, text, "docs/page.md") == found(tmp_path, text) != []
    assert found(tmp_path, LESSON.partition("## Sources")[0]) == [], "that the section is missing, another check says"

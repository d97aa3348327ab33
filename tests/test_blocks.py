"""scripts/site/blocks.py and quiz.py: light blocks of code with their number of lines, and the quiz in one element."""

import re

import pytest
from markdown import Markdown

CODE = """```python
x = a + b

print(x)
```
"""
PAGE = """## Before

Text.

## Quiz

### 1. One

- A. 1

## After

Text.
"""


def convert(text: str, *extensions: str) -> str:
    options = {"pymdownx.highlight": {"pygments_lang_class": True}}
    return Markdown(extensions=[*extensions, "pymdownx.highlight"], extension_configs=options).convert(text)


@pytest.mark.parametrize(
    ("line", "columns"), [("x = a + b", 9), ("print(a < b, 'x')", 17), ("# 卷积卷积", 10), ("s = '⌊x⌋'", 9)]
)
def test_a_block_says_how_large_it_is(line, columns):
    html = convert(CODE.replace("x = a + b", line), "pymdownx.superfences", "scripts.site.blocks")
    assert f'<code style="--lines:3;--columns:{columns}">' in html


def test_a_block_keeps_its_text_and_loses_elements_without_a_colour():
    before = convert(CODE, "pymdownx.superfences")
    after = convert(CODE, "pymdownx.superfences", "scripts.site.blocks")
    assert 'class="n"' in before and 'class="o"' in before
    assert 'class="n"' not in after and 'class="o"' not in after
    assert 'class="nb"' in after, "print has a colour of its own"
    assert re.sub("<[^>]+>", "", before) == re.sub("<[^>]+>", "", after)


def test_only_a_block_is_changed():
    text = 'Inline `x = 1` and <span class="n">this</span>.'
    assert convert(text, "scripts.site.blocks") == convert(text)


def test_the_quiz_is_one_element():
    html = convert(PAGE, "toc", "scripts.site.quiz")
    inside = re.search(r'<section class="quizzes">(.*?)</section>', html, re.DOTALL)[1]
    assert re.findall(r'id="([^"]+)"', inside) == ["quiz", "1-one"]
    assert re.findall(r'id="([^"]+)"', html) == ["before", "quiz", "1-one", "after"]


def test_a_page_without_quiz_stays_as_it_is():
    text = PAGE.replace("Quiz", "Other")
    assert convert(text, "toc", "scripts.site.quiz") == convert(text, "toc")

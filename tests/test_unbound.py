"""Numbers that nothing accounts for: what is accounted for, and by what; what is not; what is no claim at all."""

from pathlib import Path

import pytest

from tests.runner import unbound
from tests.runner.page import read_page

CODE = "```python\nweights = 3 * 3 * 64\nprint(weights, 0.98612)\nrow = [1, 3, 8, 9]\n```\n\n```text\n576 0.98612\n```\n\n"
TYPED = "- **Right.** `1234`. Since.\n- **Wrong.** `4321`. Since."
QUIZ = "## Quiz\n\n### 1. How many?\n\n"
ANSWERS = "- **A.** `1234`\n- **B.** `4321`\n\n- **A. Right.** Since.\n- **B. Wrong.** Since."
FINE = {
    "an output": "It has 576 weights.",
    "the code": "Its 64 kernels.",
    "a rounded output": "That is 98.6 % of all.",
    "a rounded sum": "We save 45 %: 22/49 = 0.44898.",
    "a sum": "That is 27 · 64 = 1,728 in all, about 1.7K.",
    "a bare sum whose value is shown": "It has 9 · 64 weights.",
    "a binding": "It has 1,234<!-- = 1234 --> of them.",
    "two bindings in one": "It has 77 rows and 55 columns.<!-- = 7 * 11, 5 * 11 -->",
    "a check in the paragraph": "At most 250 of them. <!-- check: weights // 2 > 250 -->",
    "a reason": "The sensor has 4,096<!-- given: its size --> cells.",
    "a reason above a paragraph": "<!-- given: sizes of sensors -->\nThe sensors have 4,096 and\n2,222 cells.",
    "a reason above a table": "<!-- given: sizes of sensors -->\n\n| cells |\n|---|\n| 4,096 |",
    "a citation": "It had 60,000 trainable parameters ([LeCun et al., 1998](#sources)).",
    "a year": "In 2012 networks became deep; since 1998 they were there (Krizhevsky et al., 2012).",
    "a date": "On 2026-11-27 and 1998-01-02.",
    "a section": "See Section 12.3 and Figure 14.",
    "a version": "This needs torch 2.14 and Python 3.11.",
    "a name": "ResNet-50 and CIFAR-10, and the top-15 error.",
    "an alt text": "![It has 123 dots](figure.svg)",
    "a link": "[here](https://example.org/123/45)",
    "a list": "12. twelfth\n",
    "small numbers": "A 3 by 4 window.",
    "a total": "| what | n |\n|---|---|\n| a | 64 |\n| b | 576 |\n| total | 640 |",
    "a column of years": "| net | year |\n|---|---|\n| LeNet | 1998 |",
    "a computed option": f"{QUIZ}<!-- answer: 1234 -->\n\n{ANSWERS}",
    "a typed answer": f"{QUIZ}<!-- answer: 1234 -->\n\n{TYPED}",
    "a reason that quotes a typed answer": f"{QUIZ}<!-- answer: 1234 -->\n\n{TYPED} Not 1234.",
    "a thin space": "It has 1\u202f728<!-- = 27 * 64 --> of them.",
}
ALARM = {
    "nothing": ("It has 577 weights.", "577"),
    "a right option that is not computed": (f"{QUIZ}\n{ANSWERS}", "1234"),
    "a reason of a typed answer": (f"{QUIZ}<!-- answer: 1234 -->\n\n{TYPED} It is 77.", "77"),
    "a unit": ("It is 5 % faster.", "5 %"),
    "a short unit": ("It has 25M weights.", "25 M"),
    "a word as unit": ("It has 25 million weights.", "25 million"),
    "a rounding to one digit": ("That is 1.0 of all, or 0.9.", "0.9"),
    "a wrong rounding": ("That is 98.7 % of all.", "98.7 %"),
    "a year that is none": ("It has 2012 channels.", "2012"),
    "a year of no century": ("In 3968 networks became deep.", "3968"),
    "a table": ("| n |\n|---|\n| 577 |", "577"),
    "a bare sum": ("It has 9 · 65 weights.", "65"),
    "a reason elsewhere": ("The sensor<!-- given: its size --> is big.\nIt has 4,096 cells.", "4,096"),
    "a binding of another number": ("It has 77 rows and 55 columns.<!-- = 5 * 11 -->", "77"),
    "a comment of the code": ("```python\nx = 1  # not 4242 of these\n```\nIt has 4242 cells.", "4242"),
}
STRICT_FINE = {
    "a digit of the section": "It takes 3 of them.",
    "a row": "The row 1, 3, 8, 9 and its part 3, 8.",
    "a square": "A 3 by 3 window.",
    "a row of a sum": "A window of 2 by 5 has 2 · 5 = 10 cells.",
    "another way to write it": "A window of $3 \\times 3$ or 3x3.",
}
STRICT_ALARM = {
    "a digit": ("It takes 5 of them.", "5"),
    "the sentence before a citation": ("It takes 5 of them. So they say ([LeCun, 1998](#sources)).", "5"),
    "a digit of another section": ("## Next\n\nIt takes 3 of them.", "3"),
    "a row in another order": ("The row 1, 8, 3, 9.", "1, 8, 3, 9"),
    "a description": ("```layers\nalt: A picture of 2 by 8 dots.\ninput | 1 x 8 x 8\n```", "2 by 8"),
    "a message": ('```python\nassert row, "4242 of them"\n```', "4242"),
    "no square": ("A 3 by 8 by 1 window.", "3 by 8 by 1"),
    "a comment": ("```python\nx = 1  # not 4242 of these\n```", "4242"),
}


def alarms(folder: Path, text: str) -> list[str]:
    folder.mkdir(parents=True)
    (folder / "page.md").write_text(CODE + text + "\n", encoding="utf-8")
    root = folder.parent if folder.name != "x" else folder.parents[2]
    return [problem.message for problem in unbound.problems(read_page(folder / "page.md", root), root)]


@pytest.mark.parametrize("name", FINE)
def test_accounted_for(tmp_path, name):
    assert alarms(tmp_path / "pages", FINE[name]) == []


@pytest.mark.parametrize("name", ALARM)
def test_not_accounted_for(tmp_path, name):
    text, number = ALARM[name]
    found = alarms(tmp_path / "pages", text)
    assert len(found) == 1 and f'"{number}"' in found[0], found


@pytest.mark.parametrize("name", STRICT_FINE)
def test_accounted_for_in_a_lesson(tmp_path, name):
    assert alarms(tmp_path / "docs" / "lessons" / "x", STRICT_FINE[name]) == []


@pytest.mark.parametrize("name", STRICT_ALARM)
def test_not_accounted_for_in_a_lesson(tmp_path, name):
    text, number = STRICT_ALARM[name]
    assert alarms(tmp_path / "pages", text) == []
    found = alarms(tmp_path / "docs" / "lessons" / "x", text)
    assert any(f'"{number}"' in message for message in found), found

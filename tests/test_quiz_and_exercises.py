"""Quizzes and exercises: the right option holds, each wrong one fails; solutions pass, wrong answers are rejected."""

import re

import pytest

from tests.test_page_runner import outcomes, project

QUIZ = """
```python
y = (1, 8, 28, 28)
```

## Quiz

### 1. Predict the shape

What is the shape?
<!-- answer: y -->

- **A.** `(1, 8, 32, 32)`
- **B.** `(1, 8, 28, 28)`

<details markdown="1">
<summary>Answer</summary>

- **A. Wrong.** That needs padding.
- **B. Right.** Since $32 - 5 + 1 = 28$.

</details>

### 2. Choose

- **A.** It grows.
- **B.** It shrinks.

<details markdown="1">
<summary>Answer</summary>

- **A. Wrong.** It has
  28 rows. <!-- check: y[2] > 32 -->
- **B. Right.** Yes. <!-- check: y[2] < 32 -->

</details>
"""

TYPED = """
```python
y = (1, 8, 28, 28)
```

## Quiz

### 1. Predict the shape

What is the shape?
<!-- answer: y -->

<details markdown="1">
<summary>Answer</summary>

- **Right.** `(1, 8, 28, 28)`. Since $32 - 5 + 1 = 28$.
- **Wrong.** `(1, 8, 32, 32)`. That needs padding.

</details>

### 2. Choose

Choose all that hold.

- **A.** It grows.
- **B.** It shrinks.
- **C.** It has eight channels.

<details markdown="1">
<summary>Answer</summary>

- **A. Wrong.** No. <!-- check: y[2] > 32 -->
- **B. Right.** Yes. <!-- check: y[2] < 32 -->
- **C. Right.** Yes. <!-- check: y[1] == 8 -->

</details>
"""

MARKED = """
```python
import math
```

## 1. Sum

*Easy · 5 minutes.* Add the numbers.

<!-- exercise: starter -->
```python
def total(numbers):
    ...
```

Your function passes when this runs without an error:
<!-- exercise: tests -->
```python
assert total([1, 2]) == 3, "1 + 2"
assert total([]) == 0, "nothing"
```

<details markdown="1">
<summary>Hint 1</summary>
A loop.
</details>
<details markdown="1">
<summary>Hint 2</summary>
Or `sum`.
</details>
<details markdown="1">
<summary>Solution</summary>

<!-- exercise: solution -->
```python
def total(numbers):
    return sum(numbers)
```

</details>
<details markdown="1">
<summary>Answers that look right and are not</summary>

Counts.
<!-- exercise: wrong -->
```python
def total(numbers):
    return len(numbers)
```

Forgets one.
<!-- exercise: wrong -->
```python
def total(numbers):
    return sum(numbers[1:])
```

</details>
"""

EXERCISE = re.sub(r"<!-- exercise: \w+ -->\n", "", MARKED)  # the place of a block tells as much

# name -> (page, text to replace, replacement, what the failure must say)
CHANGES = {
    "moved-answer": (
        QUIZ,
        "y = (1, 8, 28, 28)",
        "y = (1, 8, 32, 32)",
        r"option A is called wrong, but `\(1, 8, 32, 32\)` is the computed",
    ),
    "marked-wrong": (
        QUIZ,
        "**A. Wrong.** That",
        "**A. Right.** That",
        r"10: exactly one option must be Right, here: A, B|exactly one option must be Right, here: A, B",
    ),
    "no-right": (QUIZ, "**B. Right.** Since", "**B. Wrong.** Since", r"exactly one option must be Right, here: none"),
    "wrong-holds": (
        QUIZ,
        "y[2] > 32",
        "y[2] > 2",
        r"the page calls this answer wrong, but its check holds: y\[2\] > 2",
    ),
    "right-fails": (QUIZ, "y[2] < 32", "y[2] < 2", r"the page says that this holds, but it is False"),
    "unexplained": (QUIZ, "- **A. Wrong.** That needs padding.\n", "", r"options are A, B but the answer explains B"),
    "one-option": (QUIZ, "- **A.** It grows.\n- **B.** It shrinks.", "- **A.** It grows.", r"at least two options"),
    "typed-is-not-computed": (TYPED, "`(1, 8, 28, 28)`.", "`(1, 8, 27, 27)`.", r"answer 1 is called right, but"),
    "typed-wrong-is-computed": (TYPED, "`(1, 8, 32, 32)`.", "`(1, 8, 28, 28)`.", r"answer 2 is called wrong, but"),
    "typed-without-code": (
        TYPED,
        "`(1, 8, 32, 32)`. That",
        "That",
        r"answer 2 of a typed question must begin with its code",
    ),
    "typed-with-options": (
        TYPED,
        "<!-- answer: y -->",
        "<!-- answer: y -->\n\n- **A.** `7`",
        r"a typed question has no options",
    ),
    "typed-right-comes-later": (
        TYPED,
        "- **Right.** `(1, 8, 28, 28)`.",
        "- **Wrong.** `(2, 8, 28, 28)`.",
        r"one answer that is Right, the first one",
    ),
    "several-are-not-asked-for": (
        TYPED,
        "Choose all that hold.",
        "Choose.",
        r"exactly one option must be Right, here: B, C",
    ),
    "several-and-one": (TYPED, "C. Right", "C. Wrong", r'"choose all that" needs two options or more that are Right'),
    "several-right-fails": (TYPED, "y[1] == 8", "y[1] == 9", r"the page says that this holds, but it is False"),
    "solution-fails": (
        EXERCISE,
        "return sum(numbers)\n",
        "return sum(numbers) + 1\n",
        r"the solution does not pass its own tests: AssertionError: 1 \+ 2",
    ),
    "wrong-passes": (
        EXERCISE,
        "return len(numbers)",
        "return math.fsum(numbers)",
        r"this wrong answer passes the tests",
    ),
    "wrong-breaks": (
        EXERCISE,
        "return len(numbers)",
        "return len(nmbers)",
        r"this wrong answer fails, but not by an assertion: NameError",
    ),
    "starter-passes": (EXERCISE, "    ...\n", "    return sum(numbers)\n", r"this starter passes the tests"),
    "weak-tests": (
        EXERCISE,
        'assert total([1, 2]) == 3, "1 + 2"\n',
        "",
        r"this starter|this wrong answer passes the tests",
    ),
    "no-hints": (EXERCISE, "<summary>Hint 2</summary>", "<summary>More</summary>", r"at least two hints"),
    "no-effort": (EXERCISE, "*Easy · 5 minutes.* ", "", r"an exercise says what it costs"),
    "one-wrong-answer": (
        EXERCISE,
        "Forgets one.\n```python\ndef total(numbers):\n    return sum(numbers[1:])\n```\n",
        "Forgets one.\n",
        r"at least two wrong answers",
    ),
    "wrong-error": (
        EXERCISE,
        "    return len(numbers)\n```\n",
        "    return len(numbers)\n```\n\n```text\nAssertionError: 1 + 3\n```\n",
        r"(?s)page shows: AssertionError: 1 \+ 3.*block gave: AssertionError: 1 \+ 2",
    ),
    "silent-assert": (EXERCISE, ', "nothing"', "", r"each assert of the tests has a message"),
    "unknown-role": (MARKED, "<!-- exercise: tests -->", "<!-- exercise: test -->", r'unknown exercise part "test"'),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    pages = {"good-quiz": QUIZ, "good-typed-quiz": TYPED, "good-exercise": EXERCISE, "good-marked-exercise": MARKED}
    for name, (text, old, new, _) in CHANGES.items():
        assert old in text
        pages[name] = text.replace(old, new, 1)
    return outcomes(project(tmp_path_factory.mktemp("quiz"), pages))


@pytest.mark.parametrize("name", ["good-quiz", "good-typed-quiz", "good-exercise", "good-marked-exercise"])
def test_good_page_passes(results, name):
    assert {outcome for outcome, _ in results[name].values()} == {"passed"}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_turns_the_page_red(results, name):
    failures = [words for outcome, words in results[name].values() if outcome == "failure"]
    assert any(re.search(CHANGES[name][3], words) for words in failures), failures

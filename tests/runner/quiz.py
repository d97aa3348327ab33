"""Reads the quiz of a page: its questions, their options, and which of them the page calls right.

Three kinds: one option is right; several are, where the question says "choose all that"; or there is no option, the
reader types, and each answer begins with the code that it is about.
"""

import ast
import itertools
import re
from dataclasses import dataclass, field

from tests.runner.fences import Problem, Scan

OPTION = re.compile(r"^- \*\*([A-Z])\.\*\*\s+(.*)$")
ANSWER = re.compile(r"^- \*\*(?:([A-Z])\. )?(Right|Wrong)\.\*\*(.*)$")
TYPED = re.compile(r"^- \*\*(?:Right|Wrong)\.\*\*\s+(`+[^`]+`+)")  # what a typed answer says, before its reason
SPAN = re.compile(r"`+([^`]+)`+")
GROUPED = re.compile(r"-?\s*\d{1,3}(?:[,\u00a0\u2009\u202f ]\d{3})*(?:\.\d+)?")


@dataclass
class Question:
    """One question, from its heading at `line` to the line before the next one."""

    line: int
    end: int
    options: dict[str, str] = field(default_factory=dict)  # letter -> text
    answers: dict[str, str] = field(default_factory=dict)  # letter -> Right or Wrong
    wrong_lines: set[int] = field(default_factory=set)  # lines of the answers that are called wrong
    several: bool = False  # the question says "choose all that"

    @property
    def typed(self) -> bool:
        """Whether the reader types: then a "letter" is the number of an answer, and its option is what it explains."""
        return any(letter.isdigit() for letter in self.answers)

    def disagreements(self, value: object) -> list[str]:
        """In words, where the options and the computed value do not fit to what the page calls right."""
        found = []
        for letter, verdict in self.answers.items():
            equal = same(value, self.options.get(letter, ""))
            if equal != (verdict == "Right"):
                fact = f"{self.options.get(letter)} {'is' if equal else 'is not'} the computed {value!r}"
                found.append(f"{'answer' if self.typed else 'option'} {letter} is called {verdict.lower()}, but {fact}")
        return found


def same(value: object, option: str) -> bool:
    """Whether an option, by its first code span, names this value: as a Python literal, else as text."""
    span = SPAN.search(option)
    words = plain((span[1] if span else option).strip())
    try:
        literal = ast.literal_eval(words)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        literal = words
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (literal, value))
    return (type(literal) is type(value) or numbers) and literal == value or words == plain(str(value))


def plain(words: str) -> str:
    """A number as Python writes it, `-1792` for `−1,792` or `−1 792`; any other words as they are."""
    number = words.replace("−", "-")
    return re.sub(r"[,\s]", "", number) if GROUPED.fullmatch(number) else number


def questions(scan: Scan, problems: list[Problem]) -> list[Question]:
    """The questions under `## Quiz`; what is not well formed is added to `problems`."""
    found = []
    for line, end in sections(scan):
        question = Question(line, end)
        read_lines(scan, question)
        problems += [Problem(line, message) for message in faults(question)]
        found.append(question)
    return found


def sections(scan: Scan) -> list[tuple[int, int]]:
    """First and last line of each `###` section inside `## Quiz`."""
    bounds = [*scan.headings, (len(scan.lines) + 1, 0, "")]
    found, inside = [], False
    for (line, level, text), (following, _, _) in itertools.pairwise(bounds):
        if level <= 2:
            inside = text == "Quiz"
        elif inside and level == 3:
            found.append((line, following - 1))
    return found


def read_lines(scan: Scan, question: Question) -> None:
    verdict = ""
    for number in range(question.line + 1, question.end + 1):
        text = scan.prose.get(number, "")
        if option := OPTION.match(text):
            question.options[option[1]] = option[2]
        elif answer := ANSWER.match(text):
            verdict = answer[2]
            letter = answer[1] or str(len(question.answers) + 1)
            question.answers[letter] = verdict
            if not answer[1]:
                question.options[letter] = answer[3]
        elif not question.answers and re.search(r"\bchoose all that\b", text, re.IGNORECASE):
            question.several = True
        elif text.startswith("</details>"):
            verdict = ""
        if verdict == "Wrong":
            question.wrong_lines.add(number)


def faults(question: Question) -> list[str]:
    """What keeps this from being a question with a right answer and a reason for each option."""
    right = [letter for letter, verdict in question.answers.items() if verdict == "Right"]
    if question.typed:
        return typed_faults(question, right)
    if len(question.options) < 2:
        return ['a quiz question needs at least two options, each written "- **A.** ..."']
    if list(question.answers) != list(question.options):
        named = ", ".join(question.answers) or "none"
        options = ", ".join(question.options)
        return [f'options are {options} but the answer explains {named}: write "- **A. Wrong.** ..." for each']
    if question.several:
        return [] if len(right) > 1 else ['"choose all that" needs two options or more that are Right']
    return [] if len(right) == 1 else [f"exactly one option must be Right, here: {', '.join(right) or 'none'}"]


def typed_faults(question: Question, right: list[str]) -> list[str]:
    """The same for a question whose answer is typed."""
    if not all(letter.isdigit() for letter in question.options):
        return ["a typed question has no options: give each answer its letter, or remove the list of options"]
    bare = [letter for letter, text in question.options.items() if SPAN.match(text.strip()) is None]
    if bare:
        return [f"answer {bare[0]} of a typed question must begin with its code: - **Wrong.** `(1, 8)` and why"]
    return [] if right == ["1"] else ["a typed question has one answer that is Right, the first one"]

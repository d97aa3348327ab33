"""Checks that a lesson is whole: its sections, its quiz, its exercises, both pages in the nav, and few comments."""

import re
from pathlib import Path

from tests.runner import exercises, front_matter, quiz
from tests.runner.fences import Problem, scan
from tests.runner.page import Block, Page

WORDS = 80  # of prose for each comment that its reader does not see
SECTIONS = ("Key takeaways", "Quiz", "Exercises", "Sources", "Errata")


def problems(page: Page, root: Path) -> list[Problem]:
    docs = root / "docs"
    name = front_matter.lesson_name(page.path, docs) if page.path.is_relative_to(docs) else None
    if name:
        return sections(page) + questions(page) + partner(page, name, root) + comments(page)
    if page.path.name == "exercises.md" and page.path.parent.parent == docs / "lessons":
        return enough_exercises(page)
    return []


def sections(page: Page) -> list[Problem]:
    """A lesson ends with the five sections, in this order."""
    heads = [(line, text) for line, level, text in page.scan.headings if level == 2]
    last = heads[-1][0] if heads else 1
    missing = [name for name in SECTIONS if name not in [text for _, text in heads]]
    found = [Problem(last, f'a lesson has a section "## {name}"') for name in missing]
    if not missing and tuple(text for _, text in heads[-len(SECTIONS) :]) != SECTIONS:
        found.append(Problem(last, f"a lesson ends with the sections {', '.join(SECTIONS)}, in this order"))
    return found


def questions(page: Page) -> list[Problem]:
    """Five questions or more, at least half of them computed, and each one whose answer is typed."""
    asked = quiz.questions(page.scan, [])
    line = next((line for line, _, text in page.scan.headings if text == "Quiz"), 1)
    if len(asked) < 5:
        return [Problem(line, f"a quiz has five questions or more, this one {len(asked)}")]
    claims = [step.line for step in page.steps if getattr(step, "kind", "") in ("answer", "check", "number")]
    computed = sum(any(q.line < claim <= q.end for claim in claims) for q in asked)
    if 2 * computed < len(asked):
        message = f"at least half of the {len(asked)} questions must be computed (answer: or check:), {computed} are"
        return [Problem(line, message)]
    answers = [step.line for step in page.steps if getattr(step, "kind", "") == "answer"]
    believed = [q for q in asked if q.typed and not any(q.line < answer <= q.end for answer in answers)]
    return [Problem(q.line, "what a reader types must be computed: write <!-- answer: ... -->") for q in believed]


def partner(page: Page, name: str, root: Path) -> list[Problem]:
    if not page.path.with_name("exercises.md").exists():
        return [Problem(1, f"the lesson has no exercises: docs/lessons/{name}/exercises.md is missing")]
    if f"lessons/{name}/exercises.md" not in front_matter.nav_pages(root / "mkdocs.yml"):
        return [Problem(1, f"its exercises are missing in the nav of mkdocs.yml: add lessons/{name}/exercises.md")]
    return []


def comments(page: Page) -> list[Problem]:
    """The source of a lesson is to be read, so most of its claims must be checked as they are written."""
    others = page.path.with_name("exercises.md")
    pages = [page.scan] + ([scan(others.read_text(encoding="utf-8"))] if others.exists() else [])
    words = sum(len(re.findall(r"[^\W\d_]+", text)) for each in pages for text in each.prose.values())
    count = sum(len(each.comments) for each in pages)
    if count * WORDS <= words:
        return []
    message = f"{count} comments for {words:,} words, at most one for {WORDS} words: write sums out, or show outputs"
    return [Problem(page.scan.comments[-1].line if page.scan.comments else 1, message)]


def enough_exercises(page: Page) -> list[Problem]:
    roles = {step.line for step in page.steps if isinstance(step, Block) and step.role == "tests"}
    count = sum(any(start < line <= end for line in roles) for start, end in exercises.sections(page.scan))
    return [] if count >= 3 else [Problem(1, f"a lesson has three exercises or more, this one {count}")]

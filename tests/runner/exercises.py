"""Reads the exercises of a page: which block is starter, tests, solution or wrong answer.

A section with a `<summary>Solution</summary>` is an exercise. Its first block is the starter, its second the tests;
what is inside the details `Solution` is the solution; inside `Answers that look right and are not`, wrong answers. A
comment `<!-- exercise: role -->` above a block says otherwise.
"""

import ast
import itertools
import re
from bisect import bisect

from tests.runner.fences import Problem, Scan

ROLES = ("starter", "tests", "solution", "wrong")
SUMMARY = re.compile(r"<summary>([^<]*)</summary>")
BY_SUMMARY = (("solution", re.compile("^Solution")), ("wrong", re.compile("look right|wrong", re.IGNORECASE)))
EFFORT = re.compile(r"\*(Easy|Medium|Hard) · \d+ minutes\.?\*")


def assign(scan: Scan, blocks: list, problems: list[Problem]) -> None:
    """Gives the blocks of exercises their roles and the tests that decide about them."""
    lines = [block.line for block in blocks]
    for line, end in sections(scan):
        by_place(scan, line, end, blocks[bisect(lines, line) : bisect(lines, end)])
    for comment in scan.comments:
        if comment.words.startswith("exercise:"):
            role = comment.words.removeprefix("exercise:").strip()
            below = bisect(lines, comment.line)
            if role not in ROLES or below == len(blocks):
                problems.append(Problem(comment.line, f'unknown exercise part "{role}": known are {", ".join(ROLES)}'))
            else:
                blocks[below].role = role
    for line, end in sections(scan):
        inside = [block for block in blocks[bisect(lines, line) : bisect(lines, end)] if block.role]
        if inside:
            problems += [Problem(line, message) for message in faults(scan, line, end, inside)]
            tests = next((b.chunks for b in inside if b.role == "tests"), [])
            for block in inside:
                block.tests = tests


def by_place(scan: Scan, line: int, end: int, inside: list) -> None:
    """The roles that follow from where the blocks stand."""
    summaries = dict(details(scan, line, end))
    if not any(summary.startswith("Solution") for summary in summaries.values()):
        return
    outside = [block for block in inside if block.line not in summaries and not block.skip]
    for block, role in zip(outside, ("starter", "tests"), strict=False):
        block.role = role
    for block in inside:
        summary = summaries.get(block.line, "")
        block.role = next((role for role, words in BY_SUMMARY if words.search(summary)), block.role)


def details(scan: Scan, line: int, end: int):
    """The lines of a section that are inside `<details>`, each with its summary."""
    summary = None
    for number in range(line, end + 1):
        text = scan.prose.get(number, "")
        if found := SUMMARY.search(text):
            summary = found[1].strip()
        elif "</details>" in text:
            summary = None
        if summary is not None:
            yield number, summary


def sections(scan: Scan) -> list[tuple[int, int]]:
    """First and last line of each `##` section."""
    starts = [line for line, level, _ in scan.headings if level <= 2] + [len(scan.lines) + 1]
    return [(start, end - 1) for start, end in itertools.pairwise(starts)]


def faults(scan: Scan, line: int, end: int, inside: list) -> list[str]:
    """What an exercise lacks."""
    prose = "\n".join(scan.prose.get(number, "") for number in range(line, end + 1))
    count = {role: sum(block.role == role for block in inside) for role in ROLES}
    found = [
        f"an exercise has exactly one {role}, this one has {count[role]}" for role in ROLES[:3] if count[role] != 1
    ]
    code = "".join(chunk.code for block in inside if block.role == "tests" for chunk in block.chunks)
    if silent(code):
        found.append("each assert of the tests has a message, for the reader who fails it")
    if count["wrong"] < 2:
        found.append(f"an exercise shows at least two wrong answers that its tests reject, this one {count['wrong']}")
    if prose.count("<summary>Hint") < 2:
        found.append("an exercise gives at least two hints, in steps: <details> with <summary>Hint 1</summary>")
    if not EFFORT.search(prose):
        found.append("an exercise says what it costs: *Easy · 10 minutes.* (Easy, Medium or Hard)")
    return found


def silent(code: str) -> bool:
    """Whether an assert says nothing when it fails."""
    try:
        return any(isinstance(node, ast.Assert) and node.msg is None for node in ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # running the block reports it

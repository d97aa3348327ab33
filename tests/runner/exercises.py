"""Reads the exercises of a page: which block is starter, tests, solution or wrong answer."""

import itertools
import re

from tests.runner.fences import Problem, Scan

ROLES = ("starter", "tests", "solution", "wrong")
EFFORT = re.compile(r"\*(Easy|Medium|Hard) · \d+ minutes\.?\*")


def assign(scan: Scan, blocks: list, problems: list[Problem]) -> None:
    """Gives each block behind an `<!-- exercise: role -->` its role and the tests that decide about it."""
    for comment in scan.comments:
        if comment.words.startswith("exercise:"):
            role = comment.words.removeprefix("exercise:").strip()
            block = next((b for b in blocks if b.line > comment.line), None)
            if role not in ROLES or block is None:
                problems.append(Problem(comment.line, f'unknown exercise part "{role}": known are {", ".join(ROLES)}'))
            else:
                block.role = role
    for line, end in sections(scan):
        inside = [b for b in blocks if line < b.line <= end and b.role]
        if inside:
            problems += [Problem(line, message) for message in faults(scan, line, end, inside)]
            tests = next((b.chunks for b in inside if b.role == "tests"), [])
            for block in inside:
                block.tests = tests


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
    if count["wrong"] < 2:
        found.append(f"an exercise shows at least two wrong answers that its tests reject, this one {count['wrong']}")
    if prose.count("<summary>Hint") < 2:
        found.append("an exercise gives at least two hints, in steps: <details> with <summary>Hint 1</summary>")
    if not EFFORT.search(prose):
        found.append("an exercise says what it costs: *Easy · 10 minutes.* (Easy, Medium or Hard)")
    return found

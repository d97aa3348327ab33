"""Finds the fences, comments and headings of a page, as the site's Markdown does, each with its line.

A page is first brought into the one form that pytest-codeblocks understands (plain fences, nothing else), line by
line, so that every line number stays what it is in the file. pytest-codeblocks then extracts the blocks.
"""

import difflib
import re
from dataclasses import dataclass, field

PYTHON = {"python", "py", "python3", "py3", "python-3", "py-3"}
WIDGETS = {"conv-stepper", "shape-calculator", "receptive-field", "kernel-sandbox", "digit-lab"}
DRAWN = {"layers", "course-map"} | WIDGETS  # shown as a picture or a widget, see scripts/site/
LANGUAGES = set("python text console markdown yaml json toml html css javascript diff".split()) | DRAWN
INSTEAD = {
    **dict.fromkeys(("sh", "bash", "shell", "zsh"), "console, for what a reader types"),
    **dict.fromkeys(("pycon", "py-repl", "ipython"), "python, and a text fence for its output"),
    "md": "markdown",
    "js": "javascript",
    "yml": "yaml",
    "txt": "text",
    "output": "text",
}
LONGEST = 5_000  # characters in a line; longer ones are refused unread, so that no pattern takes long on a line
# A `++` or `*+` never gives back what it took: with plain `+` and `*`, a line of many spaces would take minutes.
OPENING = re.compile(
    r"^(?P<prefix>[ \t>]*+)"
    r"(?P<bullet>(?:[-*+]|\d++[.)])[ \t]++)?"
    r"(?P<fence>`{3,}+|~{3,}+)[ \t]*+(?P<info>.*)$"
)
# What a reader cannot see, or what shows text in another order than it has: control characters, direction marks,
# spaces of no width, and the ends of lines and paragraphs that only some programs know.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u2028-\u202e\u2060-\u2069\ufeff]")
COMMENT = re.compile(r"<!--(.*?)-->")
HEADING = re.compile(r"^(#{1,6})\s+(.*)$")
CODE_SPAN = re.compile(r"(?<!`)(`++).*?(?<!`)\1(?!`)")


class Problem(Exception):
    """Something is wrong at a line of a page, in words for the person who mends it."""

    def __init__(self, line: int, message: str, mend: bool = False):
        super().__init__(message)
        self.line, self.message, self.mend = line, message, mend  # mend: `make update` can do it


@dataclass
class Fence:
    """One fence: the lines `line` (opening) to `end` (closing), numbered from 1, and what is between them."""

    line: int
    end: int
    prefix: str
    mark: str
    info: str
    body: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        return self.info.strip().strip("{}").split()

    @property
    def language(self) -> str:
        word = self.words[0].lstrip(".").lower() if self.words else ""
        return "python" if word in PYTHON else word

    @property
    def title(self) -> str:
        found = re.search(r"""title=(?:"([^"]*)"|'([^']*)')""", self.info)
        return (found[1] or found[2] or "") if found else ""


@dataclass
class Comment:
    """One HTML comment in the prose: its words, its line, and the text that stands before it on that line."""

    line: int
    words: str
    before: str


@dataclass
class Scan:
    """What stands where on a page."""

    lines: list[str]
    fences: list[Fence] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    headings: list[tuple[int, int, str]] = field(default_factory=list)  # (line, level, text)
    prose: dict[int, str] = field(default_factory=dict)  # line -> text outside fences, comments and front matter
    problems: list[Problem] = field(default_factory=list)


def scan(text: str) -> Scan:
    """Reads a page once from top to bottom."""
    lines = text.replace("\r\n", "\n").split("\n")
    page = Scan(lines)
    for number, line in enumerate(lines, start=1):
        if found := CONTROL.search(line):
            page.problems.append(Problem(number, f"an invisible character, {found[0]!r}: remove it"))
        if len(line) > LONGEST:
            page.problems.append(Problem(number, f"a line of {len(line):,} characters: at most {LONGEST:,} are read"))
            lines[number - 1] = ""
    number = after_front_matter(lines)
    while number <= len(lines):
        line = lines[number - 1]
        opening = OPENING.match(line)
        if opening and not (opening["fence"][0] == "`" and "`" in opening["info"]):
            number = read_fence(page, number, opening)
        elif "<!--" in CODE_SPAN.sub("", line):
            number = read_comments(page, number)
        else:
            read_prose(page, number, line)
        number += 1
    return page


def after_front_matter(lines: list[str]) -> int:
    """The number of the first line of the body."""
    if lines and lines[0].rstrip() == "---":
        for number, line in enumerate(lines[1:], start=2):
            if line.rstrip() in ("---", "..."):
                return number + 1
    return 1


def read_prose(page: Scan, number: int, line: str) -> None:
    page.prose[number] = line
    if heading := HEADING.match(line):
        page.headings.append((number, len(heading[1]), heading[2].rstrip().rstrip("#").rstrip()))


def read_fence(page: Scan, number: int, opening: re.Match) -> int:
    """Adds the fence that opens at line `number`; the number of its last line."""
    fence = Fence(number, number, opening["prefix"], opening["fence"], opening["info"])
    page.fences.append(fence)
    if opening["bullet"]:
        page.problems.append(
            Problem(number, "a fence cannot open on the line of its bullet: put it on a line of its own, indented")
        )
    check_language(page, fence)
    closing = re.compile(r"[ \t>]*" + re.escape(fence.mark) + r"[ \t]*$")
    for end in range(number + 1, len(page.lines) + 1):
        line = page.lines[end - 1]
        if closing.match(line) and len(indent(line)) <= len(fence.prefix):
            fence.end = end
            return end
        fence.body.append(dedent(line, fence.prefix))
    page.problems.append(Problem(number, f"this fence is never closed: a line with just {fence.mark} must end it"))
    fence.end = len(page.lines)
    return fence.end


def indent(line: str) -> str:
    return re.match(r"[ \t>]*", line)[0]


def dedent(line: str, prefix: str) -> str:
    """`line` without the fence's own indentation or quote marks (a shorter line loses what it has of them)."""
    if line.startswith(prefix):
        return line[len(prefix) :]
    own = indent(line)
    return line[min(len(own), len(prefix)) :]


def check_language(page: Scan, fence: Fence) -> None:
    name = fence.language
    if name in LANGUAGES:
        return
    known = ", ".join(sorted(LANGUAGES))
    if not name:
        message = f"this fence names no language: write one of {known} after its {fence.mark}"
    elif name in INSTEAD:
        message = f'"{name}" is not run here: write {INSTEAD[name]}'
    else:
        near = difflib.get_close_matches(name, LANGUAGES, 1)
        message = f'unknown language "{name}"' + (f": did you mean {near[0]}?" if near else f": known are {known}")
    page.problems.append(Problem(fence.line, message))


def read_comments(page: Scan, number: int) -> int:
    """Adds the comments of line `number` (the last may go on over more lines); the number of the last line read."""
    line = page.lines[number - 1]
    hidden = CODE_SPAN.sub(lambda span: "`" * len(span[0]), line)
    position, prose = 0, ""
    for found in COMMENT.finditer(hidden, 0, hidden.rfind("-->") + 3):  # up to there, each comment has an end
        prose += line[position : found.start()]
        page.comments.append(Comment(number, line[slice(*found.span(1))].strip(), prose))
        position = found.end()
    unclosed = hidden.find("<!--", position)
    read_prose(page, number, (prose + line[position : unclosed if unclosed >= 0 else None]).rstrip())
    return end_of_comment(page, number) if unclosed >= 0 else number


def end_of_comment(page: Scan, number: int) -> int:
    for end in range(number + 1, len(page.lines) + 1):
        line = page.lines[end - 1]
        if OPENING.match(line):
            page.problems.append(Problem(end, f"a fence inside the comment of line {number} is neither shown nor run"))
        if "-->" in line:
            page.problems.append(Problem(number, "a comment must end with --> on its own line"))
            return end
    page.problems.append(Problem(number, "this comment is never closed: --> is missing"))
    return len(page.lines)


def normal_form(page: Scan) -> str:
    """The page as pytest-codeblocks reads it: its fences and directives only, every line at its old place."""
    lines = [""] * len(page.lines)
    for comment in page.comments:
        if is_directive(comment):
            lines[comment.line - 1] = f"<!--{comment.words}-->"
    for fence in page.fences:
        longest = max((len(run) for line in fence.body for run in re.findall(r"^\s*(`+)", line)), default=0)
        mark = "`" * max(3, longest + 1)
        lines[fence.line - 1] = mark + ("python" if fence.language == "python" else "text")
        lines[fence.line : fence.line + len(fence.body)] = fence.body
        if fence.end > fence.line + len(fence.body):
            lines[fence.end - 1] = mark
        else:
            lines.append(mark)
    return "\n".join(lines) + "\n"


def is_directive(comment: Comment) -> bool:
    return comment.words.startswith(("pytest-codeblocks:", "pytest.mark."))

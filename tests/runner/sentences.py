"""Reads what a page states, sentence by sentence: no questions, no wrong answers, nothing quoted to be denied."""

import re
from itertools import takewhile

from tests.runner import arithmetic, fences, unbound
from tests.runner.page import Page
from tests.runner.quiz import OPTION, questions

QUOTED = re.compile(
    r'"[^"]{1,300}"|“[^”]{1,300}”|‘[^’]{1,300}’|«[^»]{1,300}»'
    r"|(?<![*\w])\*(?![*\s])[^*]{1,300}\*(?![*\w])|(?<![_\w])_(?![_\s])[^_]{1,300}_(?![_\w])"
)
SPELLINGS = [  # none of them changes the number of lines
    (re.compile(r"\\times\b|\\cdot\b|·"), "×"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\*\*|__|[`$]|^[ \t>]+|[ \t]+$|\\(?=[ ,;])|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)", re.MULTILINE), ""),
    (re.compile(r"[ \u00a0\u2009\u202f]+"), " "),
]
SENTENCE_END = re.compile(r"[.!?][*_\")”’]*(?=\s|$)")


def sentences(page: Page, denied: str):
    """The line where each sentence begins, and its words; `denied` is found where a quotation is called false."""
    silent = silent_lines(page)
    for run in [*arithmetic.paragraphs(page), *([line] for line in lines_of_words(page))]:
        silent_run, line, start = run[0][0] in silent, run[0][0], 0
        text = plain("\n".join(words for _, words in run), denied)
        for end in [*(match.end() for match in SENTENCE_END.finditer(text)), len(text)]:
            if not silent_run and not text[start:end].rstrip(' *_")”’').endswith("?"):
                yield line, text[start:end], ""
            line, start = line + text.count("\n", start, end), end


def lines_of_words(page: Page):
    """The lines with words outside the prose: front matter up to its sources, comments of code, outputs."""
    front = page.scan.lines[: fences.after_front_matter(page.scan.lines) - 1]
    yield from enumerate(takewhile(lambda line: not line.startswith("sources:"), front), start=1)
    yield from arithmetic.code_comments(page)
    for fence in page.scan.fences:
        if fence.language in ("text", "layers"):
            yield from enumerate(fence.body, start=fence.line + 1)


def plain(text: str, denied: str) -> str:
    """The words of a paragraph without marks, and without what it quotes to deny it."""
    if re.search(denied, text, re.IGNORECASE):
        text = QUOTED.sub(lambda quoted: re.sub(r"[^\n]", " ", quoted[0]), text)
    for pattern, instead in SPELLINGS:
        text = pattern.sub(instead, text)
    return text


def silent_lines(page: Page) -> set[int]:
    """The lines of the section Sources, and of what a quiz calls wrong."""
    first, last = unbound.sources_section(page)
    silent = set(range(first, last + 1))
    for question in questions(page.scan, []):
        silent |= question.wrong_lines
        for line in range(question.line, question.end + 1):
            option = OPTION.match(page.scan.prose.get(line, ""))
            if option and question.answers.get(option[1]) == "Wrong":
                silent.add(line)
    return silent

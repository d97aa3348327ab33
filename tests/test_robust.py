"""Hostile pages: each gives problems with their lines or passes, in a time that grows with its size and no faster."""

import random
import re
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runner import displayed, front_matter
from tests.runner.fences import LONGEST, Problem, scan
from tests.runner.page import Page, read_page
from tests.runner.plugin import CHECKS
from tests.runner.quiz import same
from tests.test_page_runner import block, outcomes, project, run

ROOT = Path(__file__).parent.parent
PAGE = "docs/lessons/first-cnn/index.md"
UNRENDERED = [name for name in CHECKS if name != "displayed"]  # that one is the site's Markdown, with a time limit


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A copy of what pages are checked against, in which a test may write a page."""
    root = tmp_path_factory.mktemp("course")
    for name in ("docs", "snippets"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "assets", "*.ipynb"))
    shutil.copy(ROOT / "mkdocs.yml", root)
    return root


def written(root: Path, text: str | bytes) -> Path:
    path = root / PAGE
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", errors="surrogatepass"))
    return path


def checked(page: Page, root: Path, names=CHECKS) -> list[Problem]:
    """All that the static checks say about a page; each has a line of the page and words of a bearable length."""
    found = [problem for name in names for problem in CHECKS[name](page, root)]
    last = page.path.read_bytes().count(b"\n") + 1
    for problem in found:
        assert 1 <= problem.line <= last, (problem.line, last, problem.message)
        assert problem.message.strip() and len(problem.message) < 2 * LONGEST
    return found


def problems(root: Path, text: str | bytes) -> list[str]:
    path = written(root, text)
    return [f"{problem.line}: {problem.message}" for problem in checked(read_page(path, root), root)]


# Time. Each piece is repeated to lines as long as they may be, and these to a page; or, with its own \n, to short lines.

PIECES = [
    "<!--", "-->", "<!-- = 1 -->", "1<!-- = 1 --> ", "<!-- given: x -->", "` ", "`` ` ", "` <!-- ", "`", "(", "((1+", "1 = ", "1+",
    "*", "*a ", "**a ", "|", "| a ", "$", "$1", "$ a ", "1", "1,", "111,", "1.", "1 ", "1x", "x ", "1 x ", "=", "-", "--8<--", "#",
    "# ", " ", "\t", "\u00a0", ">", "> ", "[", "[a](", "![a", "![a](", "[a](x#sources", "](", "](a", "<", "<a ", "<summary>", "&#",
    "<?", "<!", "<![CDATA[", "\\frac{", "\\frac{1}{2}", "\\text{", "\\begin{", "\\begin{pmatrix}1&", "^ ", "^{", "\\", "word ",
    "a-'", "a", "⌊", "https://", "arXiv:", "_", "_a ", "{: ", "{", '"a', "“a", "a. ", "1 * 1 = ", "[1, 1] ", "tensor([",
    "<!-- = 1 -->\n", "1<!-- = 1 -->\n", "<!-- given: x -->\n", "<!-- table: a == 1 -->\n", "<!-- exercise: tests -->\n",
    "<!--pytest-codeblocks:expected-output-->\n", "<!-- check: x\n", "## Quiz\n", "### 1\n", "## Sources\n- [a](b)\n", "> a\n",
    "- a\n", "- 1\n", "- **A.** `1`\n", "- **A. Wrong.** 1\n", "| 1 | 12 |\n", "1 = 1\n", "1 * 1\n=\n", "word word 12 word\n", "\n",
    "\0\n", "a\r", "a\r\n", "12.5 million\n\n", "$12\n", "```text\n[1 1] * [1] = [1 1]\n```\n", "```\n\n", "```pythn\n```\n",
    "```python\nx = 1\n```\n", "```python\nx = 1  # 12\n```\n", "```python\ndef f(): 1\n```\n", "```python\n", "~~~python\n```\n",
    "```python\nprint(1)\n```\n<!--pytest-codeblocks:expected-output-->\n```text\n1\n```\n", "```layers\nalt: A\na | 1\n```\n",
    '<!--pytest.mark.skip(reason="x y")-->\n```python\nx = 1\n```\n', "<!-- exercise: tests -->\n```python\nx = 1\n```\n",
    "### 1\n\n<!-- answer: 1 -->\n- **A.** `1`\n- **B.** `2`\n\n- **A. Right.** a\n- **B. Wrong.** <!-- check: 1 == 2 -->\n",
    "<details>\n<summary>Solution</summary>\n", "See [A, 1998](#sources).\n\n", "!!! note\n", '<code class="language-python">x\n',
]  # fmt: skip


def page_of(piece: str, size: int) -> str:
    """About `size` characters."""
    if "\n" not in piece:
        piece = piece * ((LONGEST - 10) // len(piece)) + "\n"
    return "## Quiz\n\n" + piece * (size // len(piece) + 1)


def seconds(root: Path, text: str) -> float:
    path = written(root, text)
    start = time.process_time()
    checked(read_page(path, root), root, UNRENDERED)
    return time.process_time() - start


@pytest.mark.parametrize("piece", PIECES, ids=[repr(piece)[1:21] for piece in PIECES])
def test_time_grows_with_the_size_and_no_faster(course, piece):
    for _ in range(2):  # once more, should the machine have been busy
        short, long = (seconds(course, page_of(piece, size)) for size in (10_000, 40_000))
        if long < 0.3 or long < 8 * short:  # linear: 4 times, quadratic: 16 times
            return
    pytest.fail(f"four times the size takes {long / short:.0f} times as long: {short:.2f} s, {long:.2f} s")


@pytest.mark.parametrize("piece", ["[", "`", "> ", "<a ", "##"])
def test_a_long_line_is_refused_at_once(course, piece):
    text = piece * 250_000
    assert seconds(course, f"One.\n{text}\n") < 1
    expected = f"2: a line of {len(text):,} characters: at most 5,000 are read"
    assert expected in problems(course, f"One.\n{text}\n")


def test_a_page_that_the_site_cannot_build_in_time_is_refused(course, monkeypatch):
    monkeypatch.setattr(displayed, "SECONDS", 0.5)
    start = time.monotonic()
    found = problems(course, ("[" * 4000 + "\n") * 20)
    assert any("1: the site's Markdown takes more than 0.5 s" in problem for problem in found)
    assert time.monotonic() - start < 10
    assert not any("Markdown" in problem for problem in problems(course, "Fine.\n")), "the next page starts anew"


def test_a_table_of_many_rows(course):
    rows = "".join(f"| {number} | {number**2:,} |\n" for number in range(20_000))
    path = written(course, "<!-- table: b == int(c['a']) ** 2 -->\n\n| a | b |\n|---|---|\n" + rows)
    start = time.process_time()
    page = read_page(path, course)
    assert len(page.steps) == 20_000 and time.process_time() - start < 5


def test_a_row_of_many_cells(course):
    wide = "\n".join(
        ["<!-- table: a == 1 -->", "", "| a " * 20_000 + "|", "|---" * 20_000 + "|", "| 1 " * 20_000 + "|"]
    )
    assert "3: a line of 80,001 characters: at most 5,000 are read" in problems(course, wide)


# Depth.

DEEP = {
    "quotes": "> " * 500 + "a\n",
    "quoted fence": "> " * 500 + "```python\n" + "> " * 500 + "x = 1\n" + "> " * 500 + "```\n",
    "lists": "".join("    " * depth + "- a\n" for depth in range(500)),
    "details": '<details markdown="1">\n\n' * 500 + "a\n\n" + "</details>\n\n" * 500,
    "divs": "<div>" * 500 + "\n",
    "fences": "".join("`" * depth + "markdown\n" for depth in range(500, 2, -1)),
    "expression": "1<!-- = " + "[" * 500 + "1" + "]" * 500 + " -->\n",
    "signs": "1<!-- = " + "-" * 4000 + "1 -->\n",
    "sum": "1<!-- = " + "1+" * 2000 + "1 -->\n",
    "not": "1<!-- check: " + "not " * 1000 + "1 -->\n",
    "digits": "1<!-- = " + "9" * 4900 + " -->\n",
    "null": "1<!-- = '\0' -->\n",
    "skip": "<!--pytest.mark.skip(reason=" + "[" * 500 + ")-->\n" + block("x = 1"),
    "code": block("x = " + "(" * 500 + "1" + ")" * 500),
    "code of signs": block("x = " + "-" * 4000 + "1"),
    "exercise": "## One\n\n<!-- exercise: tests -->\n" + block("assert " + "-" * 4000 + "1"),
    "code of ifs": block("".join(" " * depth + "if 1:\n" for depth in range(150)) + " " * 150 + "1"),
    "comment": block("x = 1  # " + "[" * 500),
    "comment of signs": block("x = 1  # " + "-" * 4000 + "1"),
    "long sums": "1+" * 2000 + "1 = 3\n",
    "brackets": "(" * 2000 + "1" + ")" * 2000 + " = 3\n",
    "fractions": "$" + "\\frac{1}{" * 300 + "1" + "}" * 300 + " = 1$\n",
    "powers": "9^9^9^9^9 = 1 and 2 ** 99999 = 3 and $10^{400} = 1$ and 0 / 0 = 1 and 9e999 = 1\n",
    "yaml": "---\ntitle: " + "[" * 4000 + "]" * 4000 + "\n---\n",
    "yaml maps": "---\n" + "".join(" " * depth + "a:\n" for depth in range(150)) + "---\n",
    "quiz": "## Quiz\n\n### 1\n\n<!-- answer: 1 -->\n\n- **A.** `" + "[" * 500 + "`\n",
}


@pytest.mark.parametrize("name", DEEP)
def test_depth(course, name, monkeypatch):
    monkeypatch.setattr(displayed, "SECONDS", 1.0)
    problems(course, DEEP[name])


# What a byte can be.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.\r\n\r\nIt has 1,729<!-- = 1 --> 987 legs.\r\n", "3: nothing accounts for"),
        ("One.\n\nTwo\rthree.\n", "3: an invisible character, '\\r': remove it"),
        ("One.\n\nTwo\0three.\n", "3: an invisible character, '\\x00': remove it"),
        ("\ufeffOne.\n", "1: an invisible character, '\\ufeff': remove it"),
        ("One.\n\nNo \u202edrow\u202c.\n", "3: an invisible character, '\\u202e': remove it"),
        ("One.\n1,7\u200b92 weights\n", "2: an invisible character, '\\u200b': remove it"),
        ("One.\nTwo\u2028three\n", "2: an invisible character, '\\u2028': remove it"),
        ("One.\nTwo\x85three\n", "2: an invisible character, '\\x85': remove it"),
        (b"One.\n\n\xff\xfe\x00\n", "3: not UTF-8 text"),
        (b"One.\n\xed\xa0\x80 a surrogate\n", "2: not UTF-8 text"),
        (b"One.\n\xc3", "2: not UTF-8 text"),
    ],
)
def test_a_byte_that_is_no_text_has_its_line(course, text, expected):
    assert any(problem.startswith(expected) for problem in problems(course, text)), problems(course, text)


@pytest.mark.parametrize("words", ["مرحبا − 3", "\u200fعدد\u200f ٣", "e\u0301 👩\u200d🔬 naïve", "3\u202f×\u00a04"])
def test_other_scripts_are_text(words):
    assert not scan(words + "\n").problems


# Signs and spaces that are not those of the keyboard.


@pytest.mark.parametrize(
    ("value", "option", "equal"),
    [
        (-3, "`−3`", True),
        (3, "`−3`", False),
        (-3, "− 3", True),
        (1792, "1,792", True),
        (1792, "`1 792`", True),
        (1792, "1\u202f792", True),
        (1729, "1,792", False),
        (-1792.5, "−1\u00a0792.5", True),
        ((1, 792), "`(1, 792)`", True),
        ((1, -2), "`(1, −2)`", True),
        ([1, 792], "`[1,792]`", True),
        ("−1", "−1", True),
        (1, "`{[]: 1}`", False),
        (1, "`" + "[" * 5000 + "`", False),
        (1, "", False),
    ],
)
def test_an_option_of_a_quiz_may_use_typographic_signs(value, option, equal):
    assert same(value, option) is equal


SIGNS = """\
It is −3<!-- = 1 - 4 -->, or −1{space}792.5<!-- = -1792.5 -->, or 1{space}792<!-- = 64 * 28 -->.

<!-- table: b == -int(c["a"]) -->

| a | b |
|---|---|
| 3 | −3 |
| 1792 | −1{space}792 |
"""


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009", ","])
def test_typographic_numbers_hold_and_fail_as_others_do(tmp_path, space):
    good = SIGNS.replace("{space}", space)
    project(tmp_path, {"good": good, "text": good.replace("−3<", "3<"), "cell": good.replace("| −3", "| 3")})
    results = outcomes(tmp_path)
    claims = {name: [o for item, (o, _) in results[name].items() if item.startswith("claim")] for name in results}
    assert claims["good"] == ["passed"] * 5
    assert claims["text"] == ["failure"] + ["passed"] * 4 and claims["cell"].count("failure") == 1


# Includes.


@pytest.mark.parametrize(
    "target",
    [
        "nowhere.py",
        "snippets",
        "snippets/first_cnn.py:nowhere",
        "/etc/hosts",
        "../x.py",
        "; snippets/first_cnn.py",
        "a" * 300,
        "..:a",
    ]
    + ["https://example.org/a.py", " ", ":", "binary.py", "snippets/first_cnn.py:2:3"],
)
def test_an_include_that_is_none_has_its_line(course, target):
    (course / "binary.py").write_bytes(b"x = '\xff'\n")
    found = problems(course, "```python\nx = 1\n--8<-- " + f'"{target}"\n```\n')
    assert any(problem.startswith("3: ") or problem.startswith("1: this block runs, but") for problem in found), found


@pytest.mark.parametrize(
    "line", ['--8<-- "a--8<-- "b"', "--8<-- \"a'", "--8<-- 'a\"'", '--8<-- ""', '--8<-- "itself.py"', "--8<--", "-8<-"]
)
def test_a_line_that_is_no_include_is_code(course, line):
    (course / "itself.py").write_text('--8<-- "itself.py"\n')
    problems(course, f"```python\nx = 1\n{line}\n```\n")


# Front matter.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]", "2: b.0 repeats this entry by an alias (*): write it out"),
        ("a: &a [*a]", "2: a.0 repeats this entry by an alias"),
        ("a: " + "x" * 30_000, "1: a front matter of 30,004 characters: at most 20,000 are read"),
        ("a: " + "[" * 5_000, "the front matter is not YAML"),
        ("a: !!python/object:os.system x", "2: the front matter is not YAML"),
        ("a: 2001-99-99", "1: the front matter is not YAML"),
        ("? [a]\n: b", "2: a field must have a plain name"),
        ("a: \x00", "the front matter is not YAML"),
        ("- a", "2: the front matter must hold fields"),
        ("", "2: the front matter must hold fields"),
    ],
)
def test_hostile_front_matter(text, expected):
    _, _, found = front_matter.read(f"---\n{text}\n---\n")
    assert any(expected in f"{problem.line}: {problem.message}" for problem in found), [str(p) for p in found]


# Chance.

PARTS = st.sampled_from(
    """
    ```python|```|````|~~~|> ```py|    ```|- ```python|```text|```layers|alt: A net.|image \u007c 1 x 8 x 8|x = 1  # 12|print(x)
    <!-- = 1 -->|12<!-- = 3 * 4 -->|<!--|-->|<!-->|<!-- check: x|<!-- check: 1 == 1 -->|<!-- answer: 1 -->|<!-- table: a == 1 -->
    <!-- given: why -->|<!-- note: a -->|<!-- exercise: tests -->|<!-- exercise: x -->|<!--pytest-codeblocks:expected-output-->
    <!--pytest.mark.skip(reason="a b")-->|<!--pytest.mark.xfail(raises=ValueError)-->|## Quiz|### 1. One|## Sources|# A #|##
    - **A.** `1`|- **B.** −2|- **A. Right.** a|- **B. Wrong.** b|<details markdown="1">|<summary>Hint 1</summary>|</details>
    <summary>Solution</summary>|$3 \\times 4 = 13$|$\\frac{1}{2} = 0.5$|$$|3 x 3 = 10|So 12 million = 3|is 5 % of 1,792|≈ 7
    [A, 1998](#sources)|- A, *T*, https://example.org/|--8<-- "a.py:b"|--8<-- "/etc/hosts"|--8<-- "..:a"|---|title: A|a: [*b
    sources: [{title: T, authors: A, year: 1998, url: "https://example.org/"}]|!!! note|=== "a"|[1 2] * [1] = [1 2]|1 2 | 3 4|\\begin{
    &copy;|<code class="language-python">|</code>|<div markdown="1">|\u202e|\u00a0|\ufeff|\r|\0|٣ = 4|1−1 = 1|_*[`
    """.replace(" | ", "\0")
    .replace("\n", "|")
    .split("|")
).map(lambda part: part.strip(" ").replace("\0", " | "))
GRAMMAR = st.lists(st.lists(PARTS | st.text(max_size=8), min_size=1, max_size=3).map(" ".join) | PARTS, max_size=40)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LESSONS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs/lessons").glob("*/*.md"))]


@QUICK
@given(GRAMMAR, st.booleans())
def test_any_mixture_of_markdown_is_checked(course, lines, fronted):
    problems(course, "\n".join(["---"] * fronted + lines))


@QUICK
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_checked(course, data):
    problems(course, data)


@QUICK
@given(st.sampled_from(LESSONS), st.integers(0, 2**32))
def test_any_damage_to_a_lesson_is_checked(course, text, seed):
    problems(course, damaged(text, random.Random(seed)))


def damaged(text: str, chance: random.Random) -> str:
    """A part of the page, with its front matter or without, in which lines and characters were changed."""
    lines = text.split("\n")
    start = chance.randrange(len(lines))
    lines = lines[: 12 * chance.randrange(4)] + lines[start : start + 60]
    for _ in range(chance.randint(1, 6)):
        one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        line = lines[one]
        place = chance.randint(0, len(line))
        lines[one] = chance.choice(
            [
                lines[other],
                line + "\n" + line,
                line[:place],
                line[:place] + line[place + 1 :],
                line[:place] + chance.choice("`<>[](){}|*$#-=\"'\\,.:0½−\u00a0\u202e\0") + line[place:],
                line[:place] + lines[other] + line[place:],
            ]
        )
        if chance.random() < 0.3:
            del lines[other]
            lines.append("")
    return "\n".join(lines)


# The whole command.


def test_hostile_pages_in_one_run(tmp_path):
    pages = {name.replace(" ", "-"): text for name, text in DEEP.items() if "yaml" not in name}
    pages["after"] = block("x = 1") + "It is 2<!-- = 2 * x -->.\n"
    project(tmp_path, pages)
    ran = run(tmp_path, "--page-seconds", "20", "-n", "2")
    assert ran.returncode == 1 and "INTERNALERROR" not in ran.stdout
    assert not re.search(r'File "[^"]*tests/runner/', ran.stdout), "a traceback of our own"
    assert not re.search(r"^(FAILED|ERROR) after", ran.stdout, re.MULTILINE)
    failed = re.findall(r"^FAILED (\S+)\.md::(\S+)", ran.stdout, re.MULTILINE)
    assert failed and all(re.search(rf"^{re.escape(name)}\.md:\d+: ", ran.stdout, re.MULTILINE) for name, _ in failed)

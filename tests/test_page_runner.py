"""The page runner, thrown at good, false and hostile pages. Each page is in the tables below with what must come of it."""

import os
import re
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent
OUTPUT = "<!--pytest-codeblocks:expected-output-->"
SETTINGS = f"""
[pytest]
addopts = -p tests.runner.plugin -p no:cacheprovider
pythonpath = {ROOT}
"""


def page(text: str) -> str:
    """Fences in the tables are written with ''' so that this file stays readable."""
    return textwrap.dedent(text).strip("\n").replace("'''", "```").replace("OUTPUT", OUTPUT) + "\n"


def block(code: str) -> str:
    return "```python\n" + textwrap.dedent(code).strip("\n") + "\n```\n"


GOOD = {
    "one-namespace": block("a = 1") + block("b = a + 1") + block("assert b == 2"),
    "output": page("""
        '''python
        print(1 / 3)
        '''
        OUTPUT
        '''text
        0.333
        '''
        """),
    "output-without-mark": page("""
        '''python
        print(1 / 3)
        '''

        '''text
        0.333
        '''

        Words, then something that is no output.

        '''text
        anything
        '''
        """),
    "output-after-blank-line": page("""
        '''python
        print("a\\n\\nb")
        '''

        OUTPUT

        '''text
        a

        b
        '''
        """),
    "every-spelling": page("""
        '''py
        a = 1
        '''
        ~~~python
        b = a + 1
        ~~~
        ````Python
        c = b + 1
        ````
        '''{ .python title="x" hl_lines="1" }
        d = c + 1
        '''
        ''' python3
        assert d == 4
        '''
        """),
    "indented": page("""
        1. An item

            '''python
            def f(x):
                return x + 1
            '''

            More words of the item.

        !!! note

            '''python
            print(f(1))
            '''
            OUTPUT
            '''text
            2
            '''
        """),
    "quoted": "> ```python\n> quoted = 1\n> ```\n\n" + block("assert quoted == 1"),
    "in-details": '<details markdown="1">\n<summary>More</summary>\n\n'
    + block("x = 1")
    + "\n</details>\n\n"
    + block("x"),
    "expected-error": page("""
        <!--pytest.mark.xfail(raises=ValueError)-->
        '''python
        print("so far")
        int("x")
        '''
        OUTPUT
        '''text
        so far
        ValueError: invalid literal for int() with base 10: 'x'
        '''
        """),
    "skip": page("""
        This block does not run here because it needs a download of 170<!-- given: from its web page --> MB.

        <!--pytest.mark.skip(reason="it needs a download of 170 MB")-->
        '''python
        raise SystemExit
        '''
        """),
    "main-guard": page("""
        '''python
        if __name__ == "__main__":
            print("main")
        '''
        OUTPUT
        '''text
        main
        '''
        """),
    "thread-prints": page("""
        '''python
        import threading, time
        def late():
            time.sleep(0.2)
            print("late")
        threading.Thread(target=late).start()
        '''
        OUTPUT
        '''text
        late
        '''
        """),
    "subprocess-prints": page("""
        '''python
        import os
        code = os.system("echo from a shell")
        '''
        OUTPUT
        '''text
        from a shell
        '''
        """),
    "state-before": block(
        "import os, decimal\nos.chdir('/')\nos.environ['LEAK'] = '1'\nimport builtins\nbuiltins.leak = 1"
    ),
    "state-behind": block(
        "import os\nassert 'LEAK' not in os.environ\nassert os.listdir() == []\nopen('mine', 'w').write('x')"
    )
    + block("try:\n    leak\nexcept NameError:\n    pass\nelse:\n    raise AssertionError"),
    "temporary-files": block(
        "import tempfile\nwith tempfile.NamedTemporaryFile() as file:\n    file.write(b'x')\nassert tempfile.mkdtemp()"
    ),
    "pools": block(
        "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as pool:\n    assert list(pool.map(abs, [-1, 2])) == [1, 2]\n"
        "with ProcessPoolExecutor(2) as pool:\n    assert list(pool.map(abs, [-1, 2])) == [1, 2]"
    ),
    "own-classes-are-pickled": block(
        "import pickle\nfrom dataclasses import dataclass\n\n@dataclass\nclass A:\n    x: int\n\nassert pickle.loads(pickle.dumps(A(1))) == A(1)"
    ),
    "fences-inside": page("""
        ````markdown
        '''python
        this is not run
        '''
        ````
        '''python
        text = '''
        ''' + "x" + '''
        '''
        assert text
        '''
        """).replace('```\n``` + "x" + ```\n```', "'''\n``x\n'''"),
    "claims": page("""
        '''python
        weights = 3 * 3 * 3 * 64
        '''
        A layer has 1,728<!-- = weights --> weights, 1.7 thousand<!-- = weights -->, or **55 %**<!-- = 27 / 49 -->.
        It is even <!-- check: weights % 2 == 0 --> and the sum is $-3$<!-- = 1 - 4 -->.
        """),
    "table": page("""
        '''python
        weights = {"conv": 27 * 64, "fc": 1000.5}
        '''
        <!-- table: Weights == weights[c["Layer"]] -->
        <!-- table: Kind == type(weights[c["Layer"]]).__name__ -->

        | Layer | Weights | Kind |
        |---|---:|---|
        | `conv` | 1,728 | int |
        | **fc** | 1,000.5 | float |
        """),
    "accounted": "---\nsources: [{title: T, authors: Yann LeCun, year: 1998}]\n---\n"
    + page("""
        '''python
        print(27 * 64)
        '''
        OUTPUT
        '''text
        1728
        '''
        The 1,728 weights follow from 27 × 64 = 1,728. In 1998<!-- given: the year --> it was known that
        98.5<!-- = 197 / 2 --> is 7 more.

        LeNet had 60,000 parameters ([LeCun et al., 1998](#sources)).

        ## Sources

        - LeCun, 1998.
        """),
    "numbers-of-an-expression": "An image of 224 x 224 has 50,176<!-- = 224 * 224 --> pixels.\n\n"
    "<!-- table: Pixels == int(c['Size']) ** 2 -->\n\n| Size | Pixels |\n|---|---|\n| 224 | 50,176 |\n",
    "layers": "```layers\nalt: A net.\nimage | 3 x 8 x 8\nMaxPool2d(2) | 3 x 4 x 4\nReLU | 3 x 4 x 4\nclassifier | 10\nSoftmax(1) | 10\n```\n",
    "comment-in-code-span": "Write `<!-- = x -->` to bind a number.\n\n" + block("x = 1"),
    "band": page("""
        '''python
        print("accuracy 97.9 % on 360 digits")
        '''
        OUTPUT
        '''text title="Output. On another machine each decimal number may differ by up to 0.8"
        accuracy 98.6 % on 360 digits
        '''
        """),
    "a-claim-leaves-the-dice-alone": page("""
        '''python
        import random
        import torch
        random.seed(0)
        torch.manual_seed(0)
        '''

        They are small.<!-- check: random.random() + torch.rand(3).sum() < 4 -->

        '''python
        print(round(random.random(), 4), round(torch.rand(1).item(), 4))
        '''

        '''text
        0.8444 0.4963
        '''
        """),
    "empty": "",
    "only-prose": "Nothing to run here.\n",
    "right-to-left": "## مرحبا\n\nنص عربي 3<!-- = 1 + 2 --> − \u202f\n\n" + block("x = '−'"),
}


FALSE = {
    "wrong-output": (
        block("print(2 + 2)") + OUTPUT + "\n```text\n5\n```\n",
        r"wrong-output.md:5: .*something else[\s\S]*page shows: 5[\s\S]*block gave: 4[\s\S]*make update PAGE=",
    ),
    "missing-output": (block("print(1)"), r"missing-output.md:1: the block prints, but the page shows no output"),
    "wrong-output-without-mark": (
        block("print(2 + 2)") + "\n```text\n5\n```\n",
        r"wrong-output-without-mark.md:5: .*something else",
    ),
    "extra-output": (block("x = 1") + OUTPUT + "\n```text\n5\n```\n", r"extra-output.md:5: .*something else"),
    "wrong-digit": (
        block("print(0.1239)") + OUTPUT + "\n```text\n0.123\n```\n",
        r"page shows: 0.123[\s\S]*block gave: 0.1239",
    ),
    "outside-band": (
        block('print("97.0")') + OUTPUT + '\n```text title="may differ by up to 0.8"\n98.6\n```\n',
        r"page shows: 98.6",
    ),
    "band-and-integers": (
        block('print("350 digits, 1.5 %")') + OUTPUT + '\n```text title="may differ by up to 20.0"\n360 digits, 1.5 %\n```\n',
        r"350 digits",
    ),
    "band-without-decimals": (
        block('print("98 %")') + '\n```text title="may differ by up to 2"\n98 %\n```\n',
        r"band-without-decimals.md:5: .*integers must be equal",
    ),
    "error-at-its-line": (
        "# T\n\n" + block("def f():\n    return undefined\n\nf()"),
        r"error-at-its-line.md:5: NameError: name 'undefined' is not defined",
    ),
    "syntax-error": (
        "\n\n" + block("x = 1\ny = = 2"),
        r"syntax-error.md:5: SyntaxError: invalid syntax[\s\S]*syntax-error.md., line 5",
    ),
    "no-error": (
        "<!--pytest.mark.xfail(raises=ValueError)-->\n" + block("x = 1"),
        r"no-error.md:2: the page says that this raises ValueError",
    ),
    "changed-error": (
        "<!--pytest.mark.xfail(raises=ValueError)-->\n"
        + block("int('x')")
        + OUTPUT
        + "\n```text\nValueError: other\n```\n",
        r"changed-error.md:6: [\s\S]*page shows: ValueError: other[\s\S]*block gave: ValueError: invalid literal",
    ),
    "other-error": (
        "<!--pytest.mark.xfail(raises=ValueError)-->\n" + block("{}['x']"),
        r"other-error.md:3: KeyError: 'x'",
    ),
    "false-number": ("It has 1,729<!-- = 27 * 64 --> weights.\n", r'false-number.md:1: "1,729" but 27 \* 64 is 1,728'),
    "false-million": (
        "About 3.2 million<!-- = 32*32*3*1024 -->.\n",
        r'"3.2 million" but 32\*32\*3\*1024 is 3,145,728 \(3.1 million\)',
    ),
    "false-percent": ("Only 56 %<!-- = 27/49 --> of it.\n", r'"56 %" but 27/49 is 0.55102 \(55.1 %\)'),
    "false-sentence": (
        "It is odd.<!-- check: 4 % 2 == 1 -->\n",
        r"false-sentence.md:1: the page says that this holds, but it is False",
    ),
    "false-cell": (
        "<!-- table: b == int(c['a']) ** 2 -->\n\n| a | b |\n|---|---|\n| 3 | 9 |\n| 4 | 17 |\n",
        r'false-cell.md:6: "17" but int\(c\[.a.\]\) \*\* 2 is 16',
    ),
    "false-layers": (
        "```layers\nalt: Two layers.\nimage | 1 x 8 x 8\nConv2d(1, 4, 3) | 4 x 6 x 6\nFlatten | 145\n```\n",
        r"false-layers.md:1: Flatten hands on 144, not 145",
    ),
    "misspelled-layer": (
        "```layers\nalt: A layer.\nimage | 1 x 8 x 8\nConv2D(1, 4, 3) | 4 x 6 x 6\n```\n",
        r"misspelled-layer.md:1: torch.nn has no Conv2D: did you mean Conv2d",
    ),
    "broken-layers": (
        "```layers\nalt: A layer.\nimage | 1 x 8 x 8\nConv2d(3, 4, 3) | 4 x 6 x 6\n```\n",
        r"broken-layers.md:1: the diagram cannot be computed: RuntimeError: Given groups=1",
    ),
    "broken-claim": ("Some 4<!-- = nowhere -->.\n", r"broken-claim.md:1: nowhere cannot be computed: NameError"),
    "no-number": ("Some words<!-- = 3 -->.\n", r"no number stands just before"),
    "unbound-number": (
        "The layer has 1,792 weights\nand 2.5 million values.\n",
        r"unbound-number.md:1: nothing accounts for .1,792.[\s\S]*:2: nothing accounts for .2.5 million",
    ),
    "unbound-small": ("A kernel of 13 by 7 pixels.\n", r"unbound-small.md:1: nothing accounts for .13."),
    "unbound-cell": ("| a | b |\n|---|---|\n| 3 | 937 |\n", r"unbound-cell.md:3: nothing accounts for .937."),
    "false-arithmetic": (
        "So 3 × 3 × 3 ×\n64 = 1,729 weights.\n",
        r"false-arithmetic.md:2: 3\*3\*3\*\s*64 is 1,728, not 1729",
    ),
    "false-comment": (block("n = 27 * 64  # 1729"), r'false-comment.md:2: the comment says "1729", but it is 1728'),
    "wrong-import": (block("import snippets.x"), r"wrong-import.md:2: ModuleNotFoundError: No module named 'snippets'"),
}


MALFORMED = {
    "unclosed-fence": ("```python\nx = 1\n", r"unclosed-fence.md:1: this fence is never closed"),
    "unknown-language": ("```pyton\nx = 1\n```\n", r'unknown language "pyton": did you mean python\?'),
    "no-language": ("```\nx = 1\n```\n", r"no-language.md:1: this fence names no language"),
    "shell": ("```bash\nrm x\n```\n", r'"bash" is not run here: write console'),
    "bullet-fence": ("- ```python\n  x = 1\n  ```\n", r"a fence cannot open on the line of its bullet"),
    "fence-in-comment": (
        "<!--\n```python\nx = 1\n```\n-->\n",
        r"fence-in-comment.md:2: a fence inside the comment of line 1",
    ),
    "unclosed-comment": ("a <!-- = 3\n", r"unclosed-comment.md:1: this comment is never closed"),
    "unknown-comment": ("4<!-- chek: x -->\n", r'unknown-comment.md:1: unknown comment "<!-- chek: x -->"'),
    "unknown-directive": (
        block("x = 1") + "<!--pytest-codeblocks:expcted-output-->\n```text\n1\n```\n",
        r"unknown-directive.md:4: [Uu]nknown",
    ),
    "output-without-block": (OUTPUT + "\n```text\n1\n```\n", r"output-without-block.md:1: .*no previous code block"),
    "output-without-fence": (
        block("x = 1") + OUTPUT + "\n\nwords\n",
        r"output-without-fence.md:4: a text fence must follow",
    ),
    "unknown-mark": ("<!--pytest.mark.slow-->\n" + block("x = 1"), r'unknown mark "pytest.mark.slow"'),
    "hidden-skip": (
        '<!--pytest.mark.skip(reason="secret")-->\n' + block("x = 1"),
        r"hidden-skip.md:2: the reader must see why",
    ),
    "bad-expression": ("4<!-- = 2 + -->\n", r"bad-expression.md:1: '2 \+' is not a Python expression"),
    "byte-order-mark": ("\ufeffWords.\n", r"byte-order-mark.md:1: an invisible character"),
    "null-character": ("Words\x00.\n", r"null-character.md:1: an invisible character"),
    "lone-return": ("Words\rmore.\n", r"lone-return.md:1: an invisible character"),
    "no-table": ("<!-- table: b == 1 -->\n\nwords\n", r"no-table.md:1: no table with rows follows"),
    "no-column": (
        "<!-- table: c == 1 -->\n\n| a | b |\n|---|---|\n| 3 | 9 |\n",
        r'no-column.md:1: the table has no column "c": its columns are a, b',
    ),
    "missing-snippet": ('```python\n--8<-- "nowhere.py:part"\n```\n', r"missing-snippet.md:2: .*nowhere.py"),
    "not-shown": (
        "Text\n\n    ```python\n    x = 1\n    ```\n",
        r"not-shown.md:3: this block runs, but the site does not show it",
    ),
    "shown-not-run": (
        '<pre><code class="language-python">x = 1\n</code></pre>\n',
        r"shown-not-run.md:1: the site shows Python that never runs: x = 1",
    ),
}


HOSTILE = {
    "hangs": (block("while True:\n    pass"), r"hangs.md:[23]: the page's time ran out here"),
    "hangs-in-c": (block("import time\ntime.sleep(1000)"), r"hangs-in-c.md:3: the page's time ran out here"),
    "hangs-stubbornly": (
        block("import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException: pass"),
        r"did not end within 8 s",
    ),
    "exits": (block("exit()"), r"exits.md:2: a page must not call exit\(\)"),
    "exits-hard": (block("import os\nos._exit(0)"), r"exits-hard.md:1: .*ended without a word \(exit code 0\)"),
    "crashes": (block("import ctypes\nctypes.string_at(0)"), r"crashes.md:1: .*SIGSEGV"),
    "eats-memory": (block("x = bytearray(2 ** 34)"), r"eats-memory.md:2: MemoryError"),
    "eats-memory-slowly": (
        block("x = []\nwhile True:\n    x.append(bytes(2 ** 27))"),  # asked for, never touched: no page faults to wait for
        r"eats-memory-slowly.md:4: MemoryError",
    ),
    "recurses": (block("def f(): f()\nf()"), r"recurses.md:2: RecursionError"),
    "floods": (block("while True:\n    print('x' * 10**6)"), r"floods.md:\d: "),
    "asks-for-input": (block("input()"), r"asks-for-input.md:2: EOFError"),
    "asks-the-network": (
        block("import urllib.request\nurllib.request.urlopen('http://example.org')"),
        r"a page runs without a network",
    ),
    "writes-outside": (block(f"open({str(ROOT / 'README.md')!r}, 'a')"), r"may only write in its own working folder"),
    "deletes-outside": (
        block(f"import os\nos.remove({str(ROOT / 'README.md')!r})"),
        r"may only write in its own working folder",
    ),
    "thread-fails": (
        block("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()"),
        r"a thread failed: ZeroDivisionError",
    ),
    "thread-stays": (
        block("import threading\nthreading.Thread(target=threading.Event().wait).start()"),
        r"thread-stays.md:1: Thread-\d+ .*still runs after this block",
    ),
    "closes-everything": (block("import os\nos.closerange(0, 100)"), r"closes-everything.md:1: this page failed here"),
    "multi-line-error": (block("raise Exception('a\\n999: b')"), r"multi-line-error.md:2: Exception: a \.\.\."),
    "prints-control-characters": (
        block("print('\\x1b[31mred')"),
        r"prints-control-characters.md:1: the block prints .*, which a page cannot show",
    ),
    "leaves-a-process": (
        block("import subprocess\nsubprocess.Popen(['sleep', '987'], start_new_session=True)\n1 / 0"),
        r"ZeroDivisionError",
    ),
    "kills-itself": (block("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"), r"kills-itself.md:1: .*SIGKILL"),
}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "COLUMNS": "300", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {k: v for k, v in environment.items() if not k.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "--codeblocks", "-q", "-rA", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def project(folder: Path, pages: dict[str, str | bytes]) -> Path:
    (folder / "pytest.ini").write_text(SETTINGS, encoding="utf-8")
    for name, text in pages.items():
        (folder / f"{name}.md").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return folder


def outcomes(folder: Path, *arguments: str) -> dict[str, dict[str, tuple[str, str]]]:
    """For each page: for each of its items, `(outcome, message)`."""
    ran = run(folder, "--junitxml=report.xml", *arguments)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for case in ET.parse(folder / "report.xml").iter("testcase"):
        page_name = case.get("classname").split(".")[0].removesuffix("_md")
        state = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        outcome = ("passed", "") if state is None else (state.tag, f"{state.get('message')}\n{state.text}")
        found.setdefault(page_name, {})[case.get("name")] = outcome
    return found


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> dict[str, dict[str, tuple[str, str]]]:
    """All pages of the tables in one run: no page may change the fate of another."""
    tables = {name: text for table in (FALSE, MALFORMED, HOSTILE) for name, (text, _) in table.items()}
    folder = project(tmp_path_factory.mktemp("pages"), {**GOOD, **tables})
    return outcomes(folder, "--page-seconds", "8", "--page-memory", "1", "-n", "2")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how long a process waited for a core")
def test_waiting_for_a_core_does_not_count(tmp_path):
    """Or a page would fail because other tests run beside it."""
    folder = project(tmp_path, {"busy": block("import time\n\nwhile time.process_time() < 3:\n    pass")})
    busy = [sys.executable, "-c", "while True: pass"]  # each in a session of its own: Linux shares cores among those
    others = [subprocess.Popen(busy, start_new_session=True) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        found = outcomes(folder, "--page-seconds", "4")
    finally:
        for other in others:
            other.kill()
    assert all(outcome == "passed" for outcome, _ in found["busy"].values()), found


@pytest.mark.parametrize("name", GOOD)
def test_good_page_passes(results, name):
    bad = {item: words for item, (outcome, words) in results[name].items() if outcome in ("failure", "error")}
    assert not bad


@pytest.mark.parametrize("name", [*FALSE, *MALFORMED, *HOSTILE])
def test_bad_page_fails_with_its_line(results, name):
    expected = {**FALSE, **MALFORMED, **HOSTILE}[name][1]
    failures = [words for outcome, words in results[name].values() if outcome == "failure"]
    assert any(re.search(expected, words) for words in failures), failures
    assert not any("Error collecting" in words or "INTERNALERROR" in words for words in failures)


def test_no_process_of_a_page_is_left(results):
    assert results["leaves-a-process"]
    left = [process.pid for process in psutil.process_iter() if process.cmdline()[-1:] == ["987"]]
    assert not left

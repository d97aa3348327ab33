"""Compare the time to verify pages with the time that their code takes by itself, and with what other tools take.

Examples:
    python -m scripts.benchmark                                          the pages of the course
    python -m scripts.benchmark --generated 100                          100 pages of 15 small blocks
    python -m scripts.benchmark --page docs/lessons/first-cnn/index.md   one changed lesson
    python -m scripts.benchmark --linear --repeat 1                      125, 250, 500 and 1000 generated pages

All ways run the same code in one run of this script, with one thread for arithmetic. Bare `exec` in one process is the
limit. Our page runner runs the real pages. The other tools know no includes, no expected errors and no exercises, so
they and bare `exec` get plain copies: the blocks of a page that run, with includes expanded, a block that must raise
inside try/except, and each exercise as its solution and its tests (the wrong answers, which our runner runs too, are
left out). The other tools are pinned here, apart from requirements.txt: pytest-markdown-docs needs an older
markdown-it-py than the notebooks do. The first run installs them into .venv/peers.

Seconds depend on the machine, and on what else it does; the ratios are what to look at. A way that fails ends the
comparison, since a red page stops early and would look fast.
"""

import argparse
import importlib.metadata
import os
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import NamedTuple

from tests.runner.page import Block, read_page

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "benchmark"
PEERS = ROOT / ".venv" / "peers"
PINS = """\
markdown-it-py==3.0.0 --hash=sha256:355216845c60bd96232cd8d8c40e8f9765cc86f46880e43a8fd22dc1a1a8cab1
mktestdocs==0.2.5 --hash=sha256:2b20d2387b2025597f3129773edef16d09b08b1b6d31da6cc51af5b693c10430
pytest-markdown-docs==0.9.2 --hash=sha256:9c05a5bee48214cb36583d4a5131d3a23b327a8d82c92ae860106053fd7d1f9e
sybil==10.1.0 --hash=sha256:b3015f7e0ca3fe197ae67117c440710b62ea500078d4414ebd0ab804d12c9897
"""
BUDGET = 1.0  # seconds that one changed lesson may cost on top of its own code
LINEAR = [125, 250, 500, 1000]
RUN_TO_THE_END = ("", "solution")  # roles of blocks; an exercise has the others too, which must fail

FIRST = "---\ntitle: Page {page}\ndescription: A generated page.\n---\n\n```python\nimport torch\n```\n"
BLOCK = """
```python
x = torch.arange(6.0).reshape(2, 3) + {number}
print(x.sum().item())
```
<!--pytest-codeblocks:expected-output-->
```text
{total:.1f}
```
"""
BARE = """\
import contextlib, io
for page in {pages!r}:
    space = {{"__name__": "__main__"}}
    for code in page:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, space)
"""
SYBIL = """\
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
pytest_collect_file = Sybil([PythonCodeBlockParser()], pattern="*.md").pytest()
"""
MKTESTDOCS = """\
from pathlib import Path
import pytest
from mktestdocs import check_md_file
@pytest.mark.parametrize("page", sorted(Path("blocks").glob("*.md")), ids=str)
def test_page(page):
    check_md_file(page, memory=True)
"""


class Way(NamedTuple):
    """One way to run the pages."""

    name: str
    command: list[str]
    folder: Path


class Cost(NamedTuple):
    """Seconds on the clock, and seconds of processor time of all processes together."""

    wall: float
    cpu: float


def generate(count: int, folder: Path) -> Path:
    """Fills a new folder with pages of 15 blocks; the first block imports torch."""
    folder.mkdir()
    blocks = "".join(BLOCK.format(number=n, total=15 + 6 * n) for n in range(14))
    for page in range(count):
        (folder / f"page{page:04}.md").write_text(FIRST.format(page=page) + blocks, encoding="utf-8")
    return folder


def pages_in(where: Path) -> list[Path]:
    """The page, or the pages of a folder."""
    return sorted(where.rglob("*.md")) if where.is_dir() else [where]


def codes(page: Path) -> list[str]:
    """The code of a page that runs, block by block, in a form that needs no page runner."""
    found = []
    for block in read_page(page, ROOT).steps:
        if isinstance(block, Block) and not block.skip and block.role in RUN_TO_THE_END:
            code = "".join(chunk.code for chunk in block.chunks + block.tests)
            if block.raises not in ("SyntaxError", "IndentationError"):  # such a block never starts
                found.append(expecting(block.raises, code) if block.raises else code)
    return found


def expecting(error: str, code: str) -> str:
    """The code in a try statement that lets its error pass."""
    return f"try:\n{textwrap.indent(code, '    ')}except {error}:\n    pass\n"


def write_copies(pages: list[Path], folder: Path) -> int:
    """Writes the pages for all other tools (blocks/ keeps blocks apart, joined/ does not); returns how many blocks run.

    pytest-codeblocks needs a comment to continue a block, and the others ignore it. The `continuation` of
    pytest-markdown-docs runs all blocks before a block again, so that it is given one block.
    """
    all_codes = {"_".join(page.relative_to(ROOT).parts).lstrip("."): codes(page) for page in pages}
    between = "```\n\n<!--pytest-codeblocks:cont-->\n```python\n"
    for name, middle in (("blocks", between), ("joined", "")):
        (folder / name).mkdir()
        for page, blocks in all_codes.items():
            if blocks:
                (folder / name / page).write_text(f"```python\n{middle.join(blocks)}```\n", encoding="utf-8")
    for name, text in {"sybil_pages.py": SYBIL, "test_mktestdocs.py": MKTESTDOCS, "pytest.ini": "[pytest]\n"}.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "bare.py").write_text(BARE.format(pages=list(all_codes.values())), encoding="utf-8")
    return sum(map(len, all_codes.values()))


def bare(folder: Path) -> Way:
    return Way("bare exec", [sys.executable, "bare.py"], folder)


def runner(where: Path) -> Way:
    """A folder or a page. Nothing is said here about how long a page may take, so a busy machine gets ten minutes."""
    return Way(
        "our page runner", [*pytest("pyproject.toml"), "--codeblocks", "--page-seconds", "600", str(where)], ROOT
    )


def pytest(settings: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", settings]


def peers(folder: Path) -> list[Way]:
    """The other tools, each as its manual says; the same Python runs them, with .venv/peers in front."""
    with_peers = ["env", f"PYTHONPATH={PEERS}", *pytest("pytest.ini")]
    return [
        Way("pytest-codeblocks", [*pytest("pytest.ini"), "--codeblocks", "blocks"], folder),
        Way("pytest-markdown-docs", [*with_peers, "--markdown-docs", "joined"], folder),
        Way("sybil", [*with_peers, "-p", "sybil_pages", "blocks"], folder),
        Way("mktestdocs", [*with_peers, "test_mktestdocs.py"], folder),
    ]


def get_peers() -> None:
    """Installs the other tools, unless they are there in these versions."""
    wanted = set(re.findall(r"^\S+==\S+", PINS, re.MULTILINE))
    there = {f"{found.name}=={found.version}" for found in importlib.metadata.distributions(path=[str(PEERS)])}
    if wanted <= there:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "peers.txt").write_text(PINS)
    command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, "--quiet", "--upgrade"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--target", ".venv/peers", "--requirement", ".cache/benchmark/peers.txt"]
    say(f"installing {', '.join(sorted(wanted))} into .venv/peers")
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit(f"benchmark: the tools to compare with are missing; with a network, run: {shlex.join(command)}")


def measure(way: Way) -> Cost:
    """Runs one way, with one thread for its arithmetic. A failure ends the comparison."""
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "",  # a warm environment has compiled its modules, if only in the first turn
        "CUDA_VISIBLE_DEVICES": "",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(ROOT / ".cache" / "matplotlib"),
        "OMP_NUM_THREADS": "1",
        "PYTEST_ADDOPTS": "",
        "PYTEST_XDIST_WORKER_COUNT": str(os.cpu_count()),  # our runner gives a page the cores divided by this
    }
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    done = subprocess.run(way.command, cwd=way.folder, env=environment, stdin=subprocess.DEVNULL, **streams)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"benchmark: {way.name} failed; the end of what it printed:\n{done.stdout[-3000:]}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def medians(ways: list[Way], repeat: int) -> list[Cost]:
    """Each way `repeat` times, in turns, so that a slow minute of the machine slows all of them."""
    taken: list[list[Cost]] = [[] for _ in ways]
    for turn in range(repeat):
        for number, way in enumerate(ways):
            say(f"turn {turn + 1} of {repeat}: {way.name}")
            taken[number].append(measure(way))
    return [Cost(*map(statistics.median, zip(*costs, strict=True))) for costs in taken]


def say(message: str) -> None:
    print(f"benchmark: {message}", file=sys.stderr, flush=True)


def compare(ways: list[Way], repeat: int) -> list[Cost]:
    """Measures the ways and prints one line for each; the first is what the ratios stand on."""
    costs = medians(ways, repeat)
    print(f"{'':<24}{'seconds':>10}{'ratio':>8}{'CPU s':>10}{'ratio':>8}")
    for way, cost in zip(ways, costs, strict=True):
        ratios = cost.wall / costs[0].wall, cost.cpu / costs[0].cpu
        print(f"{way.name:<24}{cost.wall:>10.2f}{ratios[0]:>8.2f}{cost.cpu:>10.2f}{ratios[1]:>8.2f}")
    return costs


def compare_all(where: Path, folder: Path, repeat: int) -> None:
    get_peers()
    blocks = write_copies(pages_in(where), folder)
    print(f"{len(pages_in(where))} pages with {blocks} blocks that run, median of {repeat}", flush=True)
    compare([bare(folder), runner(where), *peers(folder)], repeat)


def compare_page(where: Path, folder: Path, repeat: int) -> None:
    """What one changed lesson costs on top of its own code, which imports torch itself."""
    write_copies(pages_in(where), folder)
    torch = Way("import torch alone", [sys.executable, "-c", "import torch"], ROOT)
    own, ours, _ = compare([bare(folder), runner(where), torch], repeat)
    more = f"{ours.wall - own.wall:.2f} s ({ours.cpu - own.cpu:.2f} CPU s)"
    print(f"The page runner takes {more} more than the code; the budget is {BUDGET:g} s.")


def grow(counts: list[int], folder: Path, repeat: int) -> None:
    """Seconds for more and more pages; when they grow linearly, each added page costs the same."""
    print(f"{'':>8}{'on the clock':>28}{'processor':>28}")
    print(f"{'pages':>8}" + 2 * f"{'seconds':>12}{'an added page':>16}", flush=True)
    before, last = 0, Cost(0, 0)
    for count in counts:
        say(f"{count} pages")
        taken = medians([runner(generate(count, folder / str(count)))], repeat)[0]
        added = [f"{1000 * (now - then) / (count - before):.1f} ms" for now, then in zip(taken, last, strict=True)]
        shown = added if before else ["", ""]
        print(f"{count:>8}{taken.wall:>12.2f}{shown[0]:>16}{taken.cpu:>12.2f}{shown[1]:>16}", flush=True)
        before, last = count, taken


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--generated", type=positive, metavar="N", help="N generated pages instead of the course's own")
    what.add_argument("--page", type=existing, help="what this one changed page costs (or the pages of a folder)")
    more = f"only our page runner, with more and more generated pages (default {' '.join(map(str, LINEAR))})"
    what.add_argument("--linear", type=positive, nargs="*", metavar="N", help=more)
    parser.add_argument("--repeat", type=positive, default=3, help="runs of each way; the median counts (default 3)")
    return parser.parse_args()


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def existing(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_relative_to(ROOT) or not all(page.is_file() for page in pages_in(path) or [path / "index.md"]):
        raise argparse.ArgumentTypeError(f"{text} is no page of this project, and no folder with pages")
    return path


def main() -> int:
    options = parse()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name)
        if options.linear is not None:
            grow(sorted(set(options.linear or LINEAR)), folder, options.repeat)
        elif options.page:
            compare_page(options.page, folder, options.repeat)
        else:
            where = generate(options.generated, folder / "pages") if options.generated else ROOT / "docs"
            compare_all(where, folder, options.repeat)
    return 0


if __name__ == "__main__":
    sys.exit(main())

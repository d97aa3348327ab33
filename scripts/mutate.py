"""Measure how strong the checks are: change one thing at a time in a page, and count how often a check turns red.

Example:
    python -m scripts.mutate docs/lessons/convolution-from-scratch/index.md --sample 100 --seed 1

scripts/mutants.py makes the changes. Each is planted in a copy of the course in .cache/mutants/ and checked there
as `make test` checks it: first what needs no run, then the page from the changed step on, then the figures and the
tests of the lesson. The results are kept beside the copy, so an interrupted run goes on where it stopped.

A mutant that no check notices has survived. tests/survivors.yaml says why that is; one that it does not explain ends
the run with exit code 1. `--write` puts counts and survivors into docs/reference/how-it-is-checked.md, where nobody
writes them by hand.
"""

import argparse
import functools
import hashlib
import importlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import yaml

from scripts.mutants import Maker, Mutant
from tests.runner import arithmetic, child, unbound
from tests.runner.outputs import within
from tests.runner.page import Block, Page, output_fault, read_page
from tests.runner.plugin import CHECKS
from tests.runner.process import Limits, PageProcess

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "mutants"
REPORT = ROOT / "docs" / "reference" / "how-it-is-checked.md"
EXPLAINED = ROOT / "tests" / "survivors.yaml"
MARK = "<!-- note: written by scripts/mutate.py -->"
COPIED = ("docs", "snippets", "scripts", "tests", "mkdocs.yml", "pyproject.toml", "README.md")
IN_WORDS = ("prose", "math", "code span", "quiz", "comment", "string")
COINCIDENCE = (
    "The changed number is, perhaps rounded, another true number of the page. Unless it is bound, a number in words is "
    "compared with what the page shows, not with what the words mean."
)
GIVEN = "Nobody can compute the number: the page says why, beside it."
UNEXPLAINED = "Nobody has explained this yet."
BAND = "The changed decimal is within the band that the page tells its reader for results of training."
HEAVY = ("torch", "torch._dynamo", "torchvision", "matplotlib.pyplot", "sklearn.datasets", "skimage.data")


class Course:
    """A copy of the course in which the mutants of one page are planted, and their results."""

    def __init__(self, path: Path, seed: int, seconds: float):
        self.path, self.seconds = path, seconds
        self.lesson = path.parent.name
        self.test = f"tests/test_{self.lesson.replace('-', '_')}.py"
        folder = CACHE / f"{self.lesson}-{path.stem}"
        folder.mkdir(parents=True, exist_ok=True)
        self.copy = tempfile.TemporaryDirectory(dir=folder, prefix="tree-")  # gone when this process ends
        self.root = Path(self.copy.name)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.root / name)
        self.page = read_page(self.root / path, self.root)
        self.mutants = Maker(self.page, self.root, seed).mutants()
        state = hashlib.sha256("".join(m.key for m in self.mutants).encode() + self.checks()).hexdigest()[:12]
        self.file = folder / f"seed-{seed}-{state}.json"
        self.results: dict[str, str] = json.loads(self.file.read_text()) if self.file.exists() else {}

    def checks(self) -> bytes:
        """The content of the checks: results of other checks do not count."""
        files = [*(ROOT / "tests" / "runner").glob("*.*"), ROOT / self.test]
        return "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)).encode()

    def keep(self, mutant: Mutant | str, red: str) -> None:
        """Notes the first message of the checks about a mutant; "" when it survived."""
        self.results[mutant if isinstance(mutant, str) else mutant.key] = red
        temporary = self.file.with_suffix(".new")
        temporary.write_text(json.dumps(self.results, indent=1, ensure_ascii=False))
        temporary.replace(self.file)

    def planted(self, mutant: Mutant, look):
        """What `look()` gives while the mutant is in the copy."""
        file = self.root / mutant.file
        original = file.read_bytes()
        lines = original.decode("utf-8").split("\n")
        lines[mutant.line - 1 : mutant.end] = mutant.text.split("\n")
        try:
            file.write_bytes("\n".join(lines).encode("utf-8"))
            return look()
        finally:
            file.write_bytes(original)

    def read(self) -> Page:
        return read_page(self.root / self.path, self.root)

    def unrun(self) -> tuple[str, Page]:
        """What the checks say that need no run, and the page as it reads now."""
        page = self.read()
        found = itertools.chain.from_iterable(check(page, self.root) for check in CHECKS.values())
        return next((f"{problem.line}: {problem.message}" for problem in found), ""), page

    def slow(self, mutant: Mutant) -> str:
        """What the figures say and, for a snippet, words or a table (many are compared with recordings), the tests."""
        if mutant.file.endswith(".py") or mutant.kind == "alt text":
            red = in_a_fork(functools.partial(figure_fault, self.root, self.lesson), self.seconds)
            if red or mutant.file.startswith("snippets/figures"):
                return red
        tested = mutant.file.startswith("snippets/") or mutant.kind in (*IN_WORDS, "table")
        return self.test_fault() if tested else ""

    def test_fault(self) -> str:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", self.test]
        try:
            done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=2 * self.seconds)
        except subprocess.TimeoutExpired:
            return f"{self.test} did not end"
        return f"{self.test}: " + done.stdout.strip().splitlines()[-1] if done.returncode else ""


def figure_fault(root: Path, lesson: str) -> str:
    """What `draw_figures --check` says in the copy; imports everything from there."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("snippets", "scripts", "tests")]:
        del sys.modules[name]
    os.chdir(root)
    sys.path.insert(0, str(root))
    return next(iter(importlib.import_module("scripts.draw_figures").problems(lesson)), "")


class Forks:
    """Processes that each find the words about one mutant; no more at a time than there are cores."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.running: dict[str, tuple[int, int, float]] = {}  # key -> (process, pipe, time limit)

    def start(self, key: str, work) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writing, str(work()).encode()[:4000])
            except BaseException as error:
                os.write(writing, f"{type(error).__name__}: {error}".encode()[:4000])
            finally:
                os._exit(0)
        os.close(writing)
        self.running[key] = pid, reading, time.monotonic() + self.seconds

    def ended(self, most: int = 0):
        """The key and the words of those that end, until at most `most` are left."""
        while len(self.running) > most:
            for key, (pid, pipe, until) in list(self.running.items()):
                late = time.monotonic() > until
                if late:
                    os.kill(pid, signal.SIGKILL)
                gone, status = os.waitpid(pid, 0 if late else os.WNOHANG)
                if gone:
                    with open(pipe, "rb") as words:
                        red = words.read().decode(errors="replace")
                    del self.running[key]
                    killed = f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
                    yield key, f"it did not end within {self.seconds:g} s" if late else red or killed
            time.sleep(0.005)


def in_a_fork(work, seconds: float) -> str:
    """The words that `work()` gives in a process of its own; an error or a long wait is words, too."""
    forks = Forks(seconds)
    forks.start("", work)
    return next(forks.ended())[1]


def first_fault(page: child.Run, steps: list, seconds: float) -> str:
    """Runs steps of a mutant and gives the first thing that is wrong."""
    own = Path(tempfile.mkdtemp())  # in the page's folder, which goes when the page ends
    page.printed = child.Printed(own)
    os.chdir(shutil.copytree(Path.cwd(), own / "work"))  # what this mutant writes, no other reads
    signal.setitimer(signal.ITIMER_REAL, seconds)
    for step in steps:
        try:
            result = page.step(step)
        except child.Stop as stop:
            return str(stop)
        if result["status"] == "failed":
            return result["message"]
        if result["status"] == "ran" and (fault := output_fault(step, result["output"])):
            return f"{fault.line}: {fault.message}"
    return ""


def explore(planted: dict, seconds: float, steps: list, limits: Limits, folder: Path, pipe: int) -> None:
    """Runs the true page; before each step it forks once for every mutant that begins to differ there."""
    code = 0
    try:
        os.setsid()
        channel = child.Channel(pipe)
        page = child.Run(child.wall(folder, limits))
        forks, most = Forks(2 * seconds), os.cpu_count() or 1
        for index, step in enumerate([*steps, None]):  # a mutant may have one step more
            for number, (key, changed) in enumerate(planted.get(index, [])):
                forks.start(f"{key} {index} {number}", functools.partial(first_fault, page, changed, seconds))
                tell(channel, forks.ended(most - 1))
            if step:
                page.step(step)
        tell(channel, forks.ended())
    except BaseException as error:
        code = 70
        channel.send("page", "error", message=f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def tell(channel: child.Channel, ended) -> None:
    for name, red in ended:
        channel.send(name, "done", red=red)


def changes(true: Page, mutant: Page) -> list[tuple[int, list]]:
    """From which step on the mutant must run, and what: all that follows changed code, else the changed steps alone."""
    pairs = itertools.zip_longest(true.steps, mutant.steps)
    different = [index for index, (a, b) in enumerate(pairs) if a != b]
    if [s.chunks for s in true.steps if isinstance(s, Block)] != [
        s.chunks for s in mutant.steps if isinstance(s, Block)
    ] or len(true.steps) != len(mutant.steps):
        return [(different[0], mutant.steps[different[0] :])]
    return [(index, [mutant.steps[index]]) for index in different]


def measure(course: Course, chosen: list[Mutant], tell) -> None:
    """Finds out about every chosen mutant that has no result yet."""
    if found := course.unrun()[0]:
        raise SystemExit(f"{course.path}: the page itself is red, so its mutants tell nothing: {found}")
    planted, waiting = defaultdict(list), []
    for mutant in tell("reading", [m for m in chosen if m.key not in course.results]):
        if mutant.kind in ("figure", "alt text"):
            course.keep(mutant, course.planted(mutant, functools.partial(course.slow, mutant)))
            continue
        red, page = course.planted(mutant, course.unrun)
        if red:
            course.keep(mutant, red)
            continue
        waiting.append(mutant)
        for index, steps in changes(course.page, page):
            planted[index].append((mutant.key, steps))
    run(course, planted, waiting, tell)


def run(course: Course, planted: dict, waiting: list[Mutant], tell) -> None:
    """The mutants that only a run can tell from the truth."""
    if not waiting:
        return
    main = functools.partial(explore, planted, course.seconds)
    limits = Limits(seconds=10**6, gibibytes=12)
    process = PageProcess(course.page, course.page.steps, limits, ROOT, main)
    names = [f"{key} {index} {number}" for index, group in planted.items() for number, (key, _) in enumerate(group)]
    left = Counter(name.split()[0] for name in names)
    red: dict[str, str] = {}
    by_key = {mutant.key: mutant for mutant in waiting}
    try:
        for name in tell("running", sorted(names, key=lambda name: int(name.split()[1]))):
            result, key = process.result(name), name.split()[0]
            if result["status"] != "done":
                raise SystemExit(f"{course.path}: {result.get('message')}")
            process.results.pop(name)
            left[key] -= 1
            red[key] = red.get(key) or result["red"]
            if red[key] or not left[key]:
                mutant = by_key[key]
                course.keep(key, red[key] or course.planted(mutant, functools.partial(course.slow, mutant)))
        for mutant in waiting:
            if mutant.key not in left:  # nothing of the page that runs has changed
                course.keep(mutant, course.planted(mutant, functools.partial(course.slow, mutant)))
    finally:
        process.finish("all mutants are known")


def progress(path: Path, results: dict):
    """A function that shows on stderr how far it is through a list."""

    def tell(what: str, things: list):
        for number, thing in enumerate(things, start=1):
            yield thing
            bar = "#" * (30 * number // len(things))
            survived = sum(not red for red in results.values())
            print(f"\r{path} {what} [{bar:30}] {number}/{len(things)}, {survived} survived", end=" ", file=sys.stderr)
        if things:
            print(file=sys.stderr)

    return tell


def explanations(file: Path = EXPLAINED) -> list[tuple[dict, str]]:
    """The places whose mutants may survive, each with the reason."""
    if not file.exists():
        return []
    groups = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    return [({"file": group["file"], **place}, group["why"]) for group in groups for place in group["places"]]


def why(mutant: Mutant, before: str, known: list[tuple[dict, str]]) -> str:
    """The reason why this mutant survives, "" when nobody has given one."""
    for place, reason in known:
        if place["file"] == mutant.file and place["line"] == before.strip() and str(place["was"]) == mutant.was:
            return reason
    if mutant.kind == "output" and in_band(mutant):
        return BAND
    if mutant.kind in IN_WORDS and "<!-- given:" in before:
        return GIVEN
    return COINCIDENCE if mutant.kind in IN_WORDS and is_shown(mutant) else ""


def is_shown(mutant: Mutant) -> bool:
    """Whether the changed number is another true number of the page, or a rounded one."""
    if mutant.now.endswith(" right"):  # another option of a quiz was marked, no number was changed
        return False
    number, places = unbound.value(mutant.now), arithmetic.decimals(mutant.now)
    half = 0.5 * 10.0**-places if places else 0.0
    return any(abs(known - number) <= half for known in evidence_of(mutant.file))


def in_band(mutant: Mutant) -> bool:
    """Whether an output was changed by no more than the page tells its reader that it may differ."""
    fences = read_page(ROOT / mutant.file, ROOT).scan.fences
    bands = [within(fence.title) for fence in fences if fence.line < mutant.line <= fence.end]
    if not bands:  # the page was edited while the run went on
        return False
    return "." in mutant.was and abs(unbound.value(mutant.was) - unbound.value(mutant.now)) <= bands[0]


@functools.cache
def evidence_of(file: str) -> set[float]:
    """The true numbers of a page; for a snippet, of the lesson that shows it."""
    if file.endswith(".py"):
        file = f"docs/lessons/{Path(file).stem.replace('_', '-')}/index.md"
    page = read_page(ROOT / file, ROOT)
    sides = [side for text in page.scan.prose.values() for side in arithmetic.sides(text)]
    return unbound.evidence_of(page).everywhere | {unbound.value(n) for side in sides for n in side.literal}


def table(rows: list[tuple[Mutant, str]]) -> str:
    """How many mutants of each kind turned a check red."""
    total, caught = Counter(m.kind for m, _ in rows), Counter(m.kind for m, red in rows if red)
    lines = [f"{kind:<17}{caught[kind]:>7}{total[kind]:>9}{caught[kind] / total[kind]:>8.1%}" for kind in sorted(total)]
    share = sum(caught.values()) / max(1, len(rows))
    return "\n".join(
        [
            f"{'what was changed':<17}{'caught':>7}{'mutants':>9}",
            *lines,
            f"{'all':<17}{sum(caught.values()):>7}{len(rows):>9}{share:>8.1%}",
        ]
    )


def survivors(rows: list[tuple[Mutant, str]]) -> dict[str, list[str]]:
    """The survivors by the reason that is given for them, each with its place and its change."""
    known, found = explanations(), defaultdict(list)
    for mutant, red in rows:
        if not red:
            before = (ROOT / mutant.file).read_text(encoding="utf-8").split("\n")[mutant.line - 1].strip()
            words = f"{mutant.file}:{mutant.line}: {mutant.kind} {mutant.was} -> {mutant.now} in: {before}"
            found[why(mutant, before, known)].append(words)
    return found


def write(rows: list[tuple[Mutant, str]], options: argparse.Namespace) -> None:
    """Puts counts and survivors into the page, between its two marks."""
    how = f"up to {options.sample} mutants of each page" if options.sample else "all mutants of each page"
    pages = "\n".join(str(page) for page in options.pages)
    text = f"```text\n{datetime.now(UTC):%Y-%m-%d}, {how}, seed {options.seed}\n{pages}\n\n{table(rows)}\n```"
    for reason, places in sorted(survivors(rows).items(), key=lambda pair: -len(pair[1])):
        # The survivors stand in a diff, since nothing in them is to be checked.
        text += f"\n\n<!-- given: reasons, from tests/survivors.yaml -->\n{reason or UNEXPLAINED}\n"
        text += f'\n<details markdown="1">\n<summary>{len(places)} survived</summary>\n\n```diff\n'
        text += "\n".join(f"  {place}" for place in places) + "\n```\n\n</details>"
    page = REPORT.read_text(encoding="utf-8")
    REPORT.write_text(re.sub(f"(?<={MARK}\n).*(?=\n{MARK})", lambda _: text, page, flags=re.DOTALL), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--sample", type=int, default=0, help="mutants of each page (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of one mutant (default 60)")
    parser.add_argument("--at-least", type=float, default=0.95, help="exit 1 below this share (default 0.95)")
    parser.add_argument("--write", action="store_true", help=f"put the counts into {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    options.pages = [path.resolve().relative_to(ROOT) for path in options.pages]
    os.environ["OMP_NUM_THREADS"] = "1"
    for heavy in HEAVY:
        importlib.import_module(heavy)
    rows = []
    for path in options.pages:
        course = Course(path, options.seed, options.seconds)
        every = course.mutants
        random.Random(options.seed).shuffle(every)  # a larger sample holds the smaller one
        chosen = every[: options.sample or None]
        measure(course, chosen, progress(path, course.results))
        rows += [(mutant, course.results[mutant.key]) for mutant in chosen]
    if options.write:
        write(rows, options)
    found = survivors(rows)
    for reason, places in found.items():
        print(f"\n{reason or 'NOT EXPLAINED: strengthen the page, or give the reason in tests/survivors.yaml'}")
        print("\n".join(f"  {place}" for place in places))
    share = sum(bool(red) for _, red in rows) / max(1, len(rows))
    unexplained = len(found.get("", []))
    print(f"\n{table(rows)}\n\ncaught: {100 * share:.1f} % of {len(rows)}; survivors not explained: {unexplained}")
    return int(share < options.at_least or "" in found)


if __name__ == "__main__":
    sys.exit(main())

"""Measure how strong the checks are: change one thing at a time in a page, and count how often a check turns red.

Example:
    python -m scripts.mutate docs/lessons/convolution-from-scratch/index.md --sample 100 --seed 1

Each mutant is one small false change: a digit in the prose, in an output, in a comment, in math or in a table; a quiz
answer moved; a constant, an operator or a variable in code; a bound expression; a number that a figure is drawn from.
The page is copied into .cache/mutants/ and checked there, as `pytest --codeblocks` checks it. Results are kept in
.cache/mutants/*.json, so that an interrupted run goes on where it stopped. `--write` puts the counts into
docs/reference/how-it-is-checked.md, where nobody writes them by hand.
"""

import argparse
import ast
import builtins
import hashlib
import importlib
import itertools
import json
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.runner import unbound
from tests.runner.fences import CODE_SPAN, COMMENT
from tests.runner.page import Block, Page, output_fault, read_page
from tests.runner.plugin import CHECKS
from tests.runner.process import Limits, PageProcess
from tests.runner.quiz import ANSWER, OPTION

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "mutants"
REPORT = ROOT / "docs" / "reference" / "how-it-is-checked.md"
MARK = "<!-- note: written by scripts/mutate.py -->"
DIGITS = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
SWAPS = {"+": "-", "-": "+", "*": "+", "/": "*", "//": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!="}
OPERATOR = re.compile(r"(?<=\s)(\+|-|\*|//|/|<=|>=|<|>|==)(?=\s)")
WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w|\s*[(=])")


@dataclass
class Mutant:
    """One change: in `file`, line `line` (from 1) becomes `text`."""

    kind: str
    file: str
    line: int
    text: str

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.file}:{self.line}:{self.text}".encode()).hexdigest()[:16]


def mutants_of(page: Page, random_: random.Random) -> list[Mutant]:
    """Every mutant of a page, of the snippets that it shows and of the code that draws its figures."""
    name = str(page.path.relative_to(ROOT))
    found = [Mutant(kind, name, line, text) for kind, line, text in page_mutants(page, random_)]
    for step in page.steps:
        for chunk in step.chunks if isinstance(step, Block) and not step.skip else []:
            file = str(chunk.path.relative_to(ROOT))
            found += [Mutant(k, file, line, text) for k, line, text in code_mutants(chunk.code, chunk.line, random_)]
    drawing = ROOT / "snippets" / "figures" / f"{page.path.parent.name.replace('-', '_')}.py"
    if page.path.name == "index.md" and drawing.exists():
        code = drawing.read_text(encoding="utf-8")
        file = str(drawing.relative_to(ROOT))
        found += [Mutant("figure", file, n, text) for k, n, text in code_mutants(code, 1, random_) if k == "constant"]
    return list({mutant.key: mutant for mutant in found}.values())


def page_mutants(page: Page, random_: random.Random):
    """Changes in the words, outputs, comments and answers of a page, as `(kind, line, text)`."""
    first, last = unbound.sources_section(page)
    for line in page.scan.prose:
        text = page.scan.lines[line - 1]
        if first <= line <= last or text.startswith(("#", "<")) or OPTION.match(text):
            continue
        yield from ((kind, line, new) for kind, new in prose_mutants(text, random_))
        if answer := ANSWER.match(text):
            new = {"Right": "Wrong", "Wrong": "Right"}[answer[2]]
            yield "quiz", line, text.replace(f"{answer[1]}. {answer[2]}.", f"{answer[1]}. {new}.", 1)
    for comment in page.scan.comments:
        words = comment.words
        if words.startswith(("=", "check:", "answer:")):
            text = page.scan.lines[comment.line - 1]
            head, _, expression = words.partition("=" if words[0] == "=" else ":")
            new = f"{head}: not ({expression.strip()})" if head == "check" else f"{words} + 1"
            new = words.replace(expression, f" ({expression.strip()}, 1)") if head == "answer" else new
            yield "bound expression", comment.line, text.replace(words, new, 1)
    for step in page.steps:
        if isinstance(step, Block) and step.output:
            for offset, text in enumerate(step.output.fence.body, start=step.output.fence.line + 1):
                raw = page.scan.lines[offset - 1]
                yield from (
                    ("output", offset, raw[: len(raw) - len(text)] + new) for new in digit_changes(text, random_)
                )


def prose_mutants(text: str, random_: random.Random):
    """One changed digit for each number that a reader sees on the line, with its kind."""
    hidden = COMMENT.sub(lambda m: " " * len(m[0]), text)
    hidden = re.sub(r"!?\]\([^)]*\)|^\s*\d+\. |https?://\S+", lambda m: " " * len(m[0]), hidden)
    math = {i for m in re.finditer(r"\$[^$]+\$|^[^$]*\\[a-z]+.*$", hidden) for i in range(*m.span())}
    code = {i for m in CODE_SPAN.finditer(hidden) for i in range(*m.span())}
    for match in DIGITS.finditer(hidden):
        kind = "math" if match.start() in math else "code span" if match.start() in code else "prose"
        kind = "table" if text.lstrip().startswith("|") else "alt text" if text.startswith("![") else kind
        yield kind, text[: match.start()] + changed(match[0], random_) + text[match.end() :]


def digit_changes(text: str, random_: random.Random):
    for match in DIGITS.finditer(text):
        yield text[: match.start()] + changed(match[0], random_) + text[match.end() :]


def changed(number: str, random_: random.Random) -> str:
    """The number with one of its digits replaced by another one."""
    place = random_.choice([i for i, char in enumerate(number) if char.isdigit()])
    digit = random_.choice([d for d in "123456789" if d != number[place]])
    return number[:place] + digit + number[place + 1 :]


def code_mutants(code: str, first_line: int, random_: random.Random):
    """Changed constants, operators and variables, each in its line; and changed numbers in comments."""
    names = sorted(
        {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)} - set(dir(builtins))
    )
    for line, text in enumerate(code.splitlines(), start=first_line):
        body, mark, comment = text.partition("  # ")
        if text.lstrip().startswith(("#", '"""', "--8<--", "import ", "from ")):
            continue
        yield from (("constant", line, new + mark + comment) for new in digit_changes(body, random_))
        yield from (("comment", line, body + mark + new) for new in digit_changes(comment, random_))
        for match in OPERATOR.finditer(body):
            yield "operator", line, body[: match.start()] + SWAPS[match[0]] + body[match.end() :] + mark + comment
        for match in WORD.finditer(re.sub(r"(\"[^\"]*\"|'[^']*')", lambda m: "#" * len(m[0]), body)):
            others = [name for name in names if name != match[0]]
            if match[0] in names and others:
                new = random_.choice(others)
                yield "variable", line, body[: match.start()] + new + body[match.end() :] + mark + comment


def copy_of_the_course(page: Page) -> Path:
    """A copy of what the checks of one page read, in which the mutants are planted."""
    root = CACHE / "tree"
    shutil.rmtree(root, ignore_errors=True)
    for part in ("snippets", "docs/reference", "scripts/site"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(page.path.parent, root / page.path.parent.relative_to(ROOT), dirs_exist_ok=True)
    for lesson in (ROOT / "docs" / "lessons").glob("*/index.md"):
        target = root / lesson.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(lesson, target)
    for file in ("mkdocs.yml", "scripts/__init__.py", "scripts/draw_figures.py"):
        shutil.copy(ROOT / file, root / file)
    return root


def red(mutant: Mutant, path: Path, root: Path, seconds: float) -> str:
    """Plants a mutant and gives the first message of a check that it turns red; "" when it survives."""
    file = root / mutant.file
    original = file.read_bytes()
    lines = original.decode("utf-8").split("\n")
    lines[mutant.line - 1] = mutant.text
    try:
        file.write_text("\n".join(lines), encoding="utf-8")
        if mutant.kind in ("figure", "alt text"):
            return figure_fault(path, root)
        return next(faults(read_page(root / path, root), root, seconds), "")
    finally:
        file.write_bytes(original)


def figure_fault(path: Path, root: Path) -> str:
    command = [sys.executable, "-m", "scripts.draw_figures", "--check", path.parent.name]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[-1][:300] if done.returncode else ""


def faults(page: Page, root: Path, seconds: float):
    """What the page runner finds, one message after the other."""
    for check in CHECKS.values():
        yield from (f"{problem.line}: {problem.message}" for problem in check(page, root))
    process = PageProcess(page, page.steps, Limits(seconds=seconds), ROOT)
    try:
        for step in page.steps:
            result = process.result(step.name)
            if result["status"] in ("failed", "ended"):
                yield result["message"]
            elif result["status"] == "ran" and (fault := output_fault(step, result["output"])):
                yield f"{fault.line}: {fault.message}"
    finally:
        process.finish("a mutant was caught")


def measure(path: Path, sample: int, seed: int, seconds: float) -> list[dict]:
    """Runs the mutants of one page that are not in its results file yet; all results."""
    page = read_page(ROOT / path, ROOT)
    every = mutants_of(page, random.Random(seed))
    chosen = every if sample == 0 else random.Random(seed).sample(every, min(sample, len(every)))
    state = hashlib.sha256("".join(f"{m.key}" for m in every).encode() + page.text.encode()).hexdigest()[:12]
    file = CACHE / f"{path.parent.name}-{path.stem}-{seed}-{state}.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    root = copy_of_the_course(page)
    if found := next(faults(read_page(root / path, root), root, seconds), ""):
        raise SystemExit(f"{path}: the page itself is red, so its mutants tell nothing: {found}")
    for number, mutant in enumerate(chosen, start=1):
        if mutant.key not in results:
            before = (ROOT / mutant.file).read_text(encoding="utf-8").split("\n")[mutant.line - 1]
            results[mutant.key] = {**asdict(mutant), "before": before, "red": red(mutant, path, root, seconds)}
            file.write_text(json.dumps(results, indent=1, ensure_ascii=False))
        progress(path, number, len(chosen), results)
    return [results[mutant.key] for mutant in chosen]


def progress(path: Path, number: int, total: int, results: dict) -> None:
    survived = sum(not result["red"] for result in results.values())
    bar = "#" * (30 * number // total)
    print(f"\r{path} [{bar:30}] {number}/{total}, {survived} survived", end="", file=sys.stderr, flush=True)


def table(results: list[dict]) -> str:
    """How many mutants of each kind turned a check red."""
    total, caught = Counter(r["kind"] for r in results), Counter(r["kind"] for r in results if r["red"])
    rows = [(kind, caught[kind], total[kind]) for kind in sorted(total)]
    rows.append(("all", sum(caught.values()), sum(total.values())))
    lines = [f"{kind:<17}{red:>7}{number:>9}{red / number:>8.0%}" for kind, red, number in rows]
    return "\n".join([f"{'what was changed':<17}{'caught':>7}{'mutants':>9}", *lines])


def write(results: list[dict], options: argparse.Namespace) -> None:
    """Puts the counts into the page, between its two marks."""
    how = f"{options.sample} mutants of each page" if options.sample else "all mutants of each page"
    pages = ", ".join(str(page) for page in options.pages)
    counts = f"```text\n{datetime.now(UTC):%Y-%m-%d}, {how}, seed {options.seed}: {pages}\n\n{table(results)}\n```"
    text = REPORT.read_text(encoding="utf-8")
    new = re.sub(f"(?<={MARK}\n).*(?=\n{MARK})", lambda _: counts, text, flags=re.DOTALL)
    REPORT.write_text(new, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--sample", type=int, default=0, help="mutants of each page (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=120.0, help="time limit of one mutant (default 120)")
    parser.add_argument(
        "--at-least", type=float, default=0.0, help="exit 1 below this share of caught mutants, such as 0.95"
    )
    parser.add_argument("--write", action="store_true", help=f"put the counts into {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    for heavy in ("torch", "torch._dynamo", "matplotlib.pyplot", "sklearn.datasets", "skimage.data"):
        importlib.import_module(heavy)
    CACHE.mkdir(parents=True, exist_ok=True)
    pages = [path.resolve().relative_to(ROOT) for path in options.pages]
    results = list(itertools.chain(*(measure(p, options.sample, options.seed, options.seconds) for p in pages)))
    if options.write:
        write(results, options)
    print(f"\n{table(results)}\n")
    for result in results:
        if not result["red"]:
            print(f"survived: {result['file']}:{result['line']} ({result['kind']})")
            print(f"  - {result['before']}\n  + {result['text']}")
    share = sum(bool(result["red"]) for result in results) / max(1, len(results))
    print(f"caught: {share:.1%} of {len(results)}")
    return int(share < options.at_least)


if __name__ == "__main__":
    sys.exit(main())

"""Compare the time to verify pages with the time that their code takes by itself.

Example: python -m scripts.benchmark --generated 100 --repeat 3

Three ways run the same blocks: bare `exec` in one process (the limit), this course's page runner, and pytest-codeblocks
as it comes, which compares outputs but nothing else. The pages are those of the course, or `--generated N` pages of 15
small blocks. Seconds depend on the machine; the ratios are what to look at.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.runner.page import Block, read_page

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "benchmark"
SMALL = """```python
x = torch.arange(6.0).reshape(2, 3) + {number}
print(x.sum().item())
```
<!--pytest-codeblocks:expected-output-->
```text
{total:.1f}
```
"""


def generate(count: int) -> list[Path]:
    """Writes pages of 15 blocks; the first one imports torch."""
    pages = FOLDER / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    for page in range(count):
        blocks = [SMALL.format(number=n, total=15 + 6 * n) for n in range(14)]
        (pages / f"page{page:04}.md").write_text("\n".join(["```python\nimport torch\n```\n", *blocks]))
    return sorted(pages.glob("*.md"))


def bare(pages: list[Path]) -> list[str]:
    """The command that only executes the code of the pages, each in a namespace of its own."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = ["import contextlib, io, os", "os.environ['MPLBACKEND'] = 'Agg'"]
    for page in pages:
        blocks = [step for step in read_page(page, ROOT).steps if isinstance(step, Block)]
        codes = ["".join(chunk.code for chunk in block.chunks) for block in blocks if not block.skip and not block.role]
        lines.append(f"space = {{'__name__': '__main__'}}\nfor code in {codes!r}:")
        lines.append("    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):")
        lines.append("        exec(code, space)")
    script = FOLDER / "bare.py"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [sys.executable, str(script)]


def seconds(command: list[str]) -> float:
    """Wall time of a command with one thread for its arithmetic."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    began = time.perf_counter()
    subprocess.run(command, cwd=FOLDER, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generated", type=int, metavar="N", help="N generated pages instead of the course's own")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way; the median counts (default 3)")
    options = parser.parse_args()
    pages = generate(options.generated) if options.generated else sorted((ROOT / "docs").rglob("*.md"))
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--codeblocks"]
    ways = {"bare exec": bare(pages), "page runner": [*pytest, "-c", str(ROOT / "pyproject.toml"), *map(str, pages)]}
    if options.generated:  # pages of the course are not written for it
        ways["pytest-codeblocks"] = [*pytest, "-c", os.devnull, *map(str, pages)]
    limit = None
    print(f"{len(pages)} pages, median of {options.repeat}")
    for name, command in ways.items():
        taken = statistics.median(seconds(command) for _ in range(options.repeat))
        limit = limit or taken
        print(f"{name:<20}{taken:>8.1f} s{taken / limit:>8.2f} x", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

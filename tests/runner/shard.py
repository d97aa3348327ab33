"""Divides a run among machines: `--shard 2/4` runs the second of four parts, which take about equally long.

A page or a test file is never divided. Where each of them goes depends on their names and on the seconds in
tests/durations.json alone, so that all machines agree. `python -m scripts.record_durations` writes that file.
"""

import json
import re
from pathlib import Path

DURATIONS = Path("tests") / "durations.json"


def parse(text: str) -> tuple[int, int]:
    """`2/4` -> (2, 4). Raises ValueError for anything else."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"--shard is written as 2/4, the second of four parts, not {text}")
    return int(match[1]), int(match[2])


def recorded(root: Path) -> dict[str, float]:
    """Seconds by file; empty when nothing was recorded."""
    path = root / DURATIONS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def assign(files: set[str], seconds: dict[str, float], parts: int) -> dict[str, int]:
    """The part, from 1 on, of each file: the longest first, each to the part with the least so far."""
    known = sorted(seconds[file] for file in files if file in seconds)
    usual = known[len(known) // 2] if known else 1.0  # of a file that was never timed
    loads = [0.0] * parts
    found = {}
    for file in sorted(files, key=lambda name: (-seconds.get(name, usual), name)):
        part = min(range(parts), key=lambda each: (loads[each], each))
        loads[part] += seconds.get(file, usual)
        found[file] = part + 1
    return found

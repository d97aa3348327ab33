"""Write how long each page and each test file took in the last `make test`, for `--shard`: tests/durations.json.

Example: python -m scripts.record_durations
"""

import argparse
import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from scripts.get_assets import ROOT
from tests.runner.shard import DURATIONS

JUNIT = ROOT / ".cache" / "junit.xml"


def seconds_by_file(junit: Path, root: Path = ROOT) -> dict[str, float]:
    """File, below the project -> seconds. A case of JUnit names its file with dots, without or with its ending."""
    found: Counter[str] = Counter()
    for case in ElementTree.parse(junit).iter("testcase"):
        name = case.get("classname", "")
        stem = name.removesuffix(".md").replace(".", "/")
        path = next((p for p in (f"{stem}.md", f"{stem}.py") if (root / p).is_file()), None)
        if path is None:
            path = f"{stem.rpartition('/')[0]}.py"  # a class of tests
        found[path] += float(case.get("time", 0))
    return {path: round(found[path], 2) for path in sorted(found)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit", type=Path, default=JUNIT, help="what pytest wrote (default: .cache/junit.xml)")
    options = parser.parse_args(arguments)
    if not options.junit.is_file():
        parser.error(f"{options.junit} is missing: run make test first")
    text = json.dumps(seconds_by_file(options.junit), indent=1) + "\n"
    (ROOT / DURATIONS).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

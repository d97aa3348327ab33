"""Train what a lesson trains, over many seeds, and record the results that its figures show.

Example: python -m scripts.record_results first-cnn

Writes docs/lessons/<lesson>/results.json. Afterwards redraw: python -m scripts.draw_figures <lesson>
"""

import argparse
import datetime
import importlib
import json
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent


def conditions(lesson, threads):
    """Return when and with what the results are made; no name of a machine."""
    versions = {name: version(name) for name in ("torch", "scikit-learn", "numpy")}
    return {
        "lesson": lesson,
        "date": datetime.date.today().isoformat(),
        "device": f"CPU, {threads} thread{'s' if threads > 1 else ''}",
        "versions": {"python": platform.python_version()} | versions,
    }


def to_json(results):
    """Return JSON text with four decimals at most and every innermost list on one line."""
    text = json.dumps(json.loads(json.dumps(results), parse_float=lambda number: round(float(number), 4)), indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda numbers: " ".join(numbers[0].split()), text) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lesson", help="name of a lesson whose snippet has a function record()")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads for torch (default: 1)")
    options = parser.parse_args(arguments)
    folder = ROOT / "docs" / "lessons" / options.lesson
    if not folder.is_dir():
        parser.error(f"no such lesson: {options.lesson}")
    snippet = importlib.import_module(f"snippets.{options.lesson.replace('-', '_')}")
    if not hasattr(snippet, "record"):
        parser.error(f"{options.lesson}: its snippet has no function record()")
    torch.set_num_threads(options.threads)
    results = conditions(options.lesson, options.threads) | {"experiments": snippet.record()}
    (folder / "results.json").write_text(to_json(results), encoding="utf-8")
    print(f"wrote docs/lessons/{options.lesson}/results.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())

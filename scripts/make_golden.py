"""Write what PyTorch computes for random inputs of the widgets: tests/golden/<name>.json, one case a line.

Each module of scripts/golden/ makes one file; its docstring says what a case is.

Example: python -m scripts.make_golden --check
"""

import argparse
import json
import sys
from importlib import import_module

from scripts.get_assets import ROOT

FOLDER = ROOT / "tests" / "golden"
NAMES = ("convolution", "digits", "filters", "networks")


def text(name: str) -> str:
    """The contents of tests/golden/<name>.json."""
    cases = import_module(f"scripts.golden.{name}").cases()
    return "[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help=f"of {', '.join(NAMES)}; all when left out")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is another one")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.name) - set(NAMES)):
        parser.error(f"no such file: {', '.join(unknown)}")
    wrong = False
    for name in options.name or NAMES:
        path, made = FOLDER / f"{name}.json", text(name)
        if not options.check:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(made, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != made:
            print(
                f"{path.relative_to(ROOT)}: not what PyTorch gives. Mend it with: python -m scripts.make_golden {name}"
            )
            wrong = True
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())

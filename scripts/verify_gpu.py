"""Run every page on a GPU, compare each operation of PyTorch with the CPU, and write what was found into a file.

For a machine with a GPU to which the tree was only copied: it needs no index and no Makefile, only PyTorch and the
packages in WHEELS; what is missing of those is installed from a folder of wheels, into .cache/. Without --device it
uses the GPU, and a missing one is an error; `--device twin` rehearses on the CPU.

Example: python -m scripts.verify_gpu --wheels wheels --workers 8 --results docs/reference/gpu-results.json
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What the pages and their runner import beside torch and torchvision: package -> module.
WHEELS = {
    "numpy": "numpy",
    "scikit-learn": "sklearn",
    "scikit-image": "skimage",
    "matplotlib": "matplotlib",
    "pytest": "pytest",
    "pytest-codeblocks": "pytest_codeblocks",
    "pytest-xdist": "xdist",
    "pyyaml": "yaml",
    "jsonschema": "jsonschema",
    "psutil": "psutil",
    "markdown": "markdown",
    "pymdown-extensions": "pymdownx",
    "mkdocs": "mkdocs",
}


def missing(path: str | None = None) -> list[str]:
    """The packages in WHEELS that Python does not find, here or in the folder `path`."""
    if path:
        sys.path.insert(0, path)
    return [package for package, module in WHEELS.items() if importlib.util.find_spec(module) is None]


def install(wheels: Path | None) -> Path:
    """Install what is missing from a folder of wheels into .cache/; the folder to put on the path."""
    target = ROOT / ".cache" / "gpu-packages"
    absent = missing(str(target))
    if absent and wheels is None:
        sys.exit(f"missing: {', '.join(absent)}. Name a folder that holds their wheels: --wheels FOLDER")
    if absent:
        command = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", str(wheels), "--quiet"]
        if subprocess.run([*command, "--target", str(target), *absent]).returncode:
            sys.exit(f"the wheels in {wheels} do not do: see above")
    return target


def table(results: Path) -> str:
    """A results file as a table in Markdown, one page a row. Raises SystemExit when it is missing."""
    if not results.is_file():
        sys.exit(f"{results} is missing: no page ran to its end")
    rows = ["| page | operations | largest difference | seconds | peak MiB | failed |", "|---|--:|---|--:|--:|--:|"]
    for name, page in json.loads(results.read_text(encoding="utf-8"))["pages"].items():
        gaps = ", ".join(f"{gap:.0e} ({kind})" for kind, gap in page["differences"].items())
        seconds = sum(step["seconds"] for step in page["steps"].values())
        peak = max((step["peak_mebibytes"] for step in page["steps"].values()), default=0.0)
        rows.append(f"| {name} | {page['operations']:,} | {gaps} | {seconds:.1f} | {peak:.0f} | {page['failed']} |")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="*", default=["docs"], help="pages or folders (default: docs)")
    parser.add_argument("--device", choices=["cuda", "twin"], default="cuda")
    parser.add_argument("--wheels", type=Path, help="folder with the wheels of what is missing here")
    parser.add_argument(
        "--workers", type=int, default=min(8, os.cpu_count() or 1), help="pages at a time; 0: no workers"
    )
    parser.add_argument("--shard", help="only a part of the pages, such as 2/4")
    parser.add_argument("--results", type=Path, default=ROOT / ".cache" / "gpu-results.json", help="file to write")
    parser.add_argument("--summary", type=Path, help="run nothing; print a results file as a table in Markdown")
    options = parser.parse_args(arguments)
    if options.summary:
        print(table(options.summary))
        return 0
    packages = install(options.wheels)
    command = [sys.executable, "-m", "pytest", "--codeblocks", "--device", options.device, *options.page]
    command += ["--gpu-results", str(options.results.resolve()), "-q"]
    command += ["-n", str(options.workers)] if options.workers else []
    command += ["--shard", options.shard] if options.shard else []
    path = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    # A product on the GPU is the same in every run only with a workspace of its own.
    environment = {**os.environ, "PYTHONPATH": path, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())

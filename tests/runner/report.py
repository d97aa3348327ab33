"""Writes what a run verified: a JSON file that the site reads, and notes at the lines of a pull request."""

import json
import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts.site.verified import content_hash

PLACE = re.compile(r"^(?P<path>[\w./-]+):(?P<line>\d+): (?P<message>.*)$", re.MULTILINE)


class Report:
    """Counts, on the controller of a run, what each page ran and checked."""

    def __init__(self, config: pytest.Config):
        self.path, self.root, self.device = config.option.report, config.rootpath, config.option.device
        self.gpu_path = config.option.gpu_results
        self.pages: dict[str, dict[str, int]] = {}
        self.gpu: dict[str, dict[str, dict]] = {}  # page -> block -> what was compared there
        self.notes: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        kind = properties.get("kind")
        if kind is None or report.when != "call":
            return
        page_name, _, step = report.nodeid.partition("::")
        if "gpu" in properties:
            self.gpu.setdefault(page_name, {})[step] = properties["gpu"]
        empty = {"blocks": 0, "claims": 0, "failed": 0, "items": 0, "of": properties["of"]}
        page = self.pages.setdefault(page_name, empty)
        page["items"] += 1
        if report.failed:
            page["failed"] += 1
            self.notes += [annotation(**found.groupdict()) for found in PLACE.finditer(str(report.longrepr))]
        elif report.passed and kind in ("blocks", "claims"):
            page[kind] += 1

    def pytest_sessionfinish(self) -> None:
        if os.environ.get("GITHUB_ACTIONS"):
            print("\n" + "\n".join(dict.fromkeys(self.notes)))
        if not (self.path or self.gpu_path):
            return
        whole = {name: counts for name, counts in self.pages.items() if counts["items"] == counts["of"]}
        pages = {name: {**self.facts(), **counts, "hash": self.hash(name)} for name, counts in whole.items()}
        if self.path:
            add_pages(self.path, pages)
        if self.gpu_path:
            add_pages(
                self.gpu_path,
                {name: {**pages[name], **of_page(blocks)} for name, blocks in self.gpu.items() if name in pages},
            )

    def facts(self) -> dict[str, str]:
        now = datetime.now(UTC)
        versions = f"Python {platform.python_version()} and torch {version('torch')}"
        device = {"cpu": lambda: "a CPU", "twin": lambda: "a CPU, twice", "cuda": cuda_name}[self.device]()
        return {"date": f"{now.day} {now:%B %Y}", "versions": versions, "device": device}

    def hash(self, name: str) -> str:
        return content_hash(self.root / name, self.root)


def add_pages(path: Path, pages: dict[str, dict]) -> None:
    """Write what is known of these pages into a file; what it says of other pages stays."""
    known = json.loads(path.read_text(encoding="utf-8"))["pages"] if path.is_file() else {}
    text = json.dumps({"pages": {**known, **pages}}, indent=1, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def of_page(blocks: dict[str, dict]) -> dict:
    """What was compared on a page as a whole, and in each block that computed with torch."""
    largest: dict[str, float] = {}
    for block in blocks.values():
        for kind, gap in block["differences"].items():
            largest[kind] = max(gap, largest.get(kind, 0.0))
    shown = {
        name: {
            "seconds": round(block["seconds"], 3),
            "operations": block["operations"],
            "differences": {kind: float(f"{gap:.1e}") for kind, gap in block["differences"].items()},
            "peak_mebibytes": block["peak_mebibytes"],
            **({"missing": block["missing"]} if block["missing"] else {}),
        }
        for name, block in blocks.items()
        if block["operations"] or block["missing"]
    }
    return {
        "operations": sum(block["operations"] for block in blocks.values()),
        "differences": {kind: float(f"{gap:.1e}") for kind, gap in largest.items()},
        "steps": shown,
    }


def annotation(path: str, line: str, message: str) -> str:
    """One line that GitHub shows at its place in the pull request."""
    escaped = message.replace("%", "%25").replace("\r", "").replace("\n", "%0A")
    return f"::error file={path},line={line}::{escaped}"


def cuda_name() -> str:
    import torch

    return torch.cuda.get_device_name()

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

    def __init__(self, path: Path | None, config: pytest.Config):
        self.path, self.root, self.device = path, config.rootpath, config.option.device
        self.pages: dict[str, dict[str, int]] = {}
        self.notes: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        kind = properties.get("kind")
        if kind is None or report.when != "call":
            return
        empty = {"blocks": 0, "claims": 0, "failed": 0, "items": 0, "of": properties["of"]}
        page = self.pages.setdefault(report.nodeid.partition("::")[0], empty)
        page["items"] += 1
        if report.failed:
            page["failed"] += 1
            self.notes += [annotation(**found.groupdict()) for found in PLACE.finditer(str(report.longrepr))]
        elif report.passed and kind in ("blocks", "claims"):
            page[kind] += 1

    def pytest_sessionfinish(self) -> None:
        if os.environ.get("GITHUB_ACTIONS"):
            print("\n" + "\n".join(dict.fromkeys(self.notes)))
        if self.path:
            whole = {name: counts for name, counts in self.pages.items() if counts["items"] == counts["of"]}
            pages = {name: {**self.facts(), **counts, "hash": self.hash(name)} for name, counts in whole.items()}
            known = json.loads(self.path.read_text(encoding="utf-8"))["pages"] if self.path.is_file() else {}
            text = json.dumps({"pages": {**known, **pages}}, indent=1, sort_keys=True)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_name(self.path.name + ".new")
            temporary.write_text(text + "\n", encoding="utf-8")
            temporary.replace(self.path)

    def facts(self) -> dict[str, str]:
        now = datetime.now(UTC)
        versions = f"Python {platform.python_version()} and torch {version('torch')}"
        device = "a CPU" if self.device == "cpu" else cuda_name()
        return {"date": f"{now.day} {now:%B %Y}", "versions": versions, "device": device}

    def hash(self, name: str) -> str:
        return content_hash(self.root / name, self.root)


def annotation(path: str, line: str, message: str) -> str:
    """One line that GitHub shows at its place in the pull request."""
    escaped = message.replace("%", "%25").replace("\r", "").replace("\n", "%0A")
    return f"::error file={path},line={line}::{escaped}"


def cuda_name() -> str:
    import torch

    return torch.cuda.get_device_name()

"""Print the path of the Chromium or Chrome that the browser tests drive; exit 1 when there is none.

Example: python -m scripts.find_browser
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MAC_APPS = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
]


def candidates() -> Iterator[str]:
    """Yield the paths where a browser may be: the system's, then the one that Playwright downloaded."""
    yield from filter(None, map(shutil.which, NAMES))
    yield from MAC_APPS
    from playwright.sync_api import sync_playwright  # late: it takes half a second, and most machines have a browser

    with sync_playwright() as playwright:
        yield playwright.chromium.executable_path


def runs(path: str) -> bool:
    """Tell whether it starts: Ubuntu's chromium-browser may be a stub, and a download may lack system libraries."""
    return Path(path).is_file() and subprocess.run([path, "--version"], capture_output=True).returncode == 0


def find_browser() -> str | None:
    """Return the path of a browser that starts, or None."""
    return next(filter(runs, candidates()), None)


def main() -> None:
    path = find_browser()
    if path is None:
        sys.exit("no Chromium or Chrome found. `python3 scripts/setup.py full` gets one, or says how.")
    print(path)


if __name__ == "__main__":
    main()

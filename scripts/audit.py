"""Audit the built site: Lighthouse, axe, the Nu HTML checker, Firefox and every link, one line per page.

Builds the site into .cache/audit/site, serves it compressed on this machine, and measures it in Chromium as a phone
would. Exits 1 when a page is below the budget. The HTML checker needs Java. What it installs stays in .cache/audit/.

Example: python -m scripts.audit --runs 5 lessons/vgg/ reference/glossary/
"""

import argparse
import contextlib
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from scripts.find_browser import find_browser
from scripts.get_assets import ROOT, npm
from scripts.make_notebooks import SITE

CACHE = ROOT / ".cache" / "audit"
PACKAGES = ROOT / "scripts" / "audit-packages"
FOLDER = "/convnets-checked/"
BUDGET = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
SHIFT = 0.02  # the most that the layout may shift
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DRAWN = """new Promise((done) => {
    document.querySelectorAll("pre > code, .figure svg").forEach(({ style }) => (style.contentVisibility = "visible"));
    setTimeout(done, 100);
})"""  # what is below the screen is not drawn before it comes near
COMPRESSED = (".woff2", ".woff", ".png", ".gz")


class Handler(SimpleHTTPRequestHandler):
    """Serves the site below FOLDER, compressed, as a web server does."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        return super().translate_path("/" + urlsplit(path).path.removeprefix(FOLDER))

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        found = path.is_file()
        body = (path if found else Path(self.directory, "404.html")).read_bytes()
        packed = not path.name.endswith(COMPRESSED)
        body = gzip.compress(body) if packed else body
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", self.guess_type(str(path)) if found else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=31536000")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        with contextlib.suppress(ConnectionError):  # a browser that has gone on waits no longer
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class Tags(HTMLParser):
    """What a page links to, and the names that a link may end in."""

    def __init__(self, html: str):
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [
            found[key] for key in ("href", "src") if found.get(key) and "preconnect" not in (found.get("rel") or "")
        ]
        self.names |= {found[key] for key in ("id", "name") if found.get(key)}


def install() -> Path:
    """Install Lighthouse and the HTML checker, locked by hashes; the folder of the packages."""
    target, lock = CACHE / "packages", PACKAGES / "package-lock.json"
    stamp = target / "installed-lock.json"
    if not stamp.is_file() or stamp.read_bytes() != lock.read_bytes():
        target.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGES / name, target)
        npm("ci", "--prefix", str(target), "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        shutil.copy(lock, stamp)
    return target / "node_modules"


def build() -> Path:
    """The site as it is published."""
    site = CACHE / "site"
    environment = {**os.environ, "SITE_DIR": str(site), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"], cwd=ROOT, env=environment, text=True, capture_output=True
    )
    if done.returncode:
        sys.exit(f"the site cannot be built:\n{done.stdout}{done.stderr}")
    return site


def addresses(site: Path) -> dict[str, Path]:
    """Every page: where it lies below the site, and its file."""
    files = sorted(site.rglob("*.html"))
    return {path.relative_to(site).as_posix().removesuffix("index.html"): path for path in files}


def dead_links(site: Path, base: str = SITE) -> dict[str, list[str]]:
    """Per page, the links to pages, files and headings of this site that are not there.

    site: its folder. base: the address at which it is published, with a slash at its end.
    """
    tags = {address: Tags(path.read_text(encoding="utf-8")) for address, path in addresses(site).items()}
    found: dict[str, list[str]] = {address: [] for address in tags}
    for address, page in tags.items():
        for link in page.links:
            target = urlsplit(urljoin(base + address, link))
            if (target.scheme, target.netloc) != urlsplit(base)[:2]:
                continue
            path = unquote(target.path).removeprefix(urlsplit(base).path)
            file = site / path / "index.html" if (site / path).is_dir() else site / path
            other = tags.get(path.removesuffix("index.html"))
            if not file.is_file():
                found[address].append(f"dead link: {link}")
            elif target.fragment and other and unquote(target.fragment) not in other.names:
                found[address].append(f"no such heading: {link}")
    return found


def html_errors(site: Path, pages: dict[str, Path], packages: Path) -> dict[str, list[str]]:
    """Per page, what the Nu HTML checker calls an error."""
    if shutil.which("java") is None:
        sys.exit("Java is missing: the HTML checker needs it (Debian: `apt install default-jre-headless`)")
    command = [
        "java",
        "-Xss4m",
        "-jar",
        str(packages / "vnu-jar/build/dist/vnu.jar"),
        "--format",
        "json",
        "--errors-only",
    ]
    done = subprocess.run([*command, *map(str, pages.values())], capture_output=True, text=True)
    found: dict[str, list[str]] = {address: [] for address in pages}
    places = {path.resolve().as_uri(): address for address, path in pages.items()}
    for each in json.loads(done.stderr)["messages"]:
        place = places[Path(urlsplit(each["url"]).path).resolve().as_uri()]
        found[place].append(f"HTML, line {each.get('lastLine', '?')}: {each['message']}")
    return found


def axe_violations(base: str, pages: dict[str, Path]) -> dict[str, list[str]]:
    """Per page, what axe-core finds: on a phone and on a desktop, in light and in dark, all answers open."""
    from playwright.sync_api import sync_playwright

    axe = (ROOT / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {address: [] for address in pages}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        for width, scheme in ((360, "dark"), (360, "light"), (1280, "light"), (1280, "dark")):
            tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            for address in pages:
                tab.goto(base + address, wait_until="load")
                tab.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
                tab.evaluate(DRAWN)
                tab.evaluate(axe)
                rules = tab.evaluate("axe.run({resultTypes: ['violations']}).then(result => result.violations)")
                found[address] += [
                    f"axe, {width} {scheme}: {rule['help']}: {rule['nodes'][0]['html']}" for rule in rules
                ]
                print(f"axe, {width} {scheme}: {address or '/'}", end="\033[K\r", file=sys.stderr)
            tab.close()
        browser.close()
    return found


def firefox_faults(base: str, pages: dict[str, Path], packages: Path) -> dict[str, list[str]]:
    """Per page, what goes wrong in Firefox, where one is installed (Debian: `apt install firefox-esr`)."""
    program = shutil.which("firefox") or shutil.which("firefox-esr")
    if program is None:
        print("Firefox is missing: the pages are audited in Chromium only")
        return {address: [] for address in pages}
    command = ["node", str(PACKAGES / "firefox.mjs"), str(packages), program, base, *pages]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("the pages could not be opened in Firefox: see above")
    return {address: [f"Firefox: {fault}" for fault in faults] for address, faults in json.loads(done.stdout).items()}


def lighthouse(url: str, packages: Path, runs: int) -> tuple[dict[str, float], float, list[str]]:
    """Median scores of a page as a phone sees it, its median layout shift, and the audits that cost points."""
    command = ["node", str(packages / "lighthouse/cli/index.js"), url, "--quiet", "--output=json"]
    command += [f"--chrome-flags={' '.join(['--headless', *FLAGS])}", f"--only-categories={','.join(BUDGET)}"]
    environment = {**os.environ, "CHROME_PATH": find_browser() or ""}
    reports = []
    for _ in range(runs):
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.exit(f"Lighthouse failed on {url}:\n{done.stderr}")
        reports.append(json.loads(done.stdout))
    scores = {
        name: statistics.median(100 * (report["categories"][name]["score"] or 0) for report in reports)
        for name in BUDGET
    }
    shift = statistics.median(report["audits"]["cumulative-layout-shift"]["numericValue"] for report in reports)
    return scores, shift, costly(reports[0], scores)


def costly(report: dict, scores: dict[str, float]) -> list[str]:
    """The audits of the categories below their budget that are not fully green."""
    found = []
    for name, least in BUDGET.items():
        names = (
            [each["id"] for each in report["categories"][name]["auditRefs"] if each["weight"]]
            if scores[name] < least
            else []
        )
        audits = [report["audits"][each] for each in names]
        found += [f"{name}: {each['title']}" for each in audits if each["score"] is not None and each["score"] < 0.9]
    return found


def unreachable(pages: dict[str, Path]) -> list[str]:
    """The addresses elsewhere that do not answer. Some servers refuse programs (403, 429): those are let pass."""
    links = {link for path in pages.values() for link in Tags(path.read_text(encoding="utf-8")).links}
    found = []
    for link in sorted(
        link.partition("#")[0] for link in links if link.startswith("https://") and "example.org" not in link
    ):
        request = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0 (link check)"})
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as problem:
            found += [f"{link}: {problem.code}"] if problem.code not in (403, 405, 418, 429) else []
        except OSError as problem:
            found.append(f"{link}: {problem}")
    return found


def report(base: str, pages: dict[str, Path], problems: dict[str, list[str]], packages: Path, runs: int) -> bool:
    """Print a line per page, and what is wrong with it; whether a page is below the budget."""
    failed = False
    print(f"{'page':<58}{'perf':>5}{'a11y':>5}{'best':>5}{'seo':>5}{'shift':>7}  problems", flush=True)
    for address in pages:
        faults, row = list(problems[address]), ""
        if runs:
            scores, shift, costs = lighthouse(base + address, packages, runs)
            row = "".join(f"{scores[name]:5.0f}" for name in BUDGET) + f"{shift:7.3f}"
            faults += costs or [f"{name} {scores[name]:.0f}" for name, least in BUDGET.items() if scores[name] < least]
            faults += [f"layout shift {shift:.3f}"] if shift >= SHIFT else []
        print(f"{address or '/':<58}{row:27}  {len(faults) or 'none'}", flush=True)
        print("".join(f"    {fault}\n" for fault in faults), end="")
        failed = failed or bool(faults)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "page", nargs="*", help='addresses below the site, such as lessons/vgg/ or ""; all when left out'
    )
    parser.add_argument(
        "--runs", type=int, default=1, help="runs of Lighthouse per page, of which the median counts; 0: none"
    )
    parser.add_argument("--external", action="store_true", help="ask the links to elsewhere, too; needs a network")
    options = parser.parse_args()
    packages, site = install(), build()
    everything = addresses(site)
    if unknown := [page for page in options.page if page not in everything]:
        parser.error(f"no such page: {', '.join(unknown)}")
    pages = {page: everything[page] for page in options.page or everything}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}{FOLDER}"
    links, errors, axe = dead_links(site), html_errors(site, pages, packages), axe_violations(base, pages)
    other = firefox_faults(base, {page: path for page, path in pages.items() if page != "404.html"}, packages)
    problems = {page: links[page] + errors[page] + axe[page] + other.get(page, []) for page in pages}
    visited = {page: path for page, path in pages.items() if page != "404.html"}  # a page of its own status
    failed = report(base, visited, problems, packages, options.runs)
    for line in unreachable(everything) if options.external else []:
        print(line)
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

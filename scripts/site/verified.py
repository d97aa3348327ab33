"""Markdown extension: the last line of a page says how this very content was verified.

`pytest --codeblocks --report .cache/verified.json` writes what ran; the builder reads it. A page that has changed
since, or was never run, says so instead. A page that computes with PyTorch has a second sentence, on the latest run on
a GPU, which scripts/verify_gpu.py has written into docs/reference/gpu-results.json.
"""

import hashlib
import json
import re
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from scripts.site.pages import page_path

ROOT = Path(__file__).resolve().parents[2]
REPORT = Path(".cache") / "verified.json"
GPU_REPORT = Path("docs") / "reference" / "gpu-results.json"
INCLUDE = re.compile(r"""^-+8<-+\s+["']([^"':]+)""", re.MULTILINE)


def content_hash(path: Path, root: Path = ROOT) -> str:
    """Hash of a page and of the files that it includes: what ran is what is shown only while this stays the same."""
    text = path.read_text(encoding="utf-8")
    files = [root / name for name in sorted(set(INCLUDE.findall(text)))]
    parts = [text, *(file.read_text(encoding="utf-8") for file in files if file.is_file())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def sentence(path: Path, root: Path = ROOT) -> str:
    """How the page at `path` was verified, in words; "" for a page on which nothing runs."""
    report = root / REPORT
    pages = json.loads(report.read_text(encoding="utf-8"))["pages"] if report.is_file() else {}
    found = pages.get(path.relative_to(root).as_posix())
    if found is None:
        runs = re.search(r"^\s*(```|~~~)\W*py", path.read_text(encoding="utf-8"), re.MULTILINE)
        return "Not verified yet in this copy of the course: run make test." if runs else ""
    if found["hash"] != content_hash(path, root):
        return f"Changed since it was last verified, on {found['date']}: run make test."
    if found["failed"]:
        return f"Verified on {found['date']}, and {found['failed']} checks failed."
    if not found["blocks"] + found["claims"]:
        return ""
    work = f"{count(found['blocks'], 'block')} ran, {count(found['claims'], 'claim')} checked"
    return f"Verified on {found['date']}: {work}, with {found['versions']} on {found['device']}."


def gpu_sentence(path: Path, root: Path = ROOT) -> str:
    """What a GPU made of the page at `path`, in words; "" for a page without PyTorch."""
    if not re.search(r"^\s*(import|from) torch", path.read_text(encoding="utf-8"), re.MULTILINE):
        return ""
    report = root / GPU_REPORT
    pages = json.loads(report.read_text(encoding="utf-8"))["pages"] if report.is_file() else {}
    found = pages.get(path.relative_to(root).as_posix())
    if found is None or found["hash"] != content_hash(path, root):
        return "Not yet run on a GPU in this version."
    where = f"On {found['device']}, on {found['date']} with {found['versions']}"
    if found["failed"]:
        return f"{where}, {found['failed']} checks failed."
    gaps = ", ".join(f"{gap:.0e} ({kind})" for kind, gap in found["differences"].items())
    return f"{where}: {count(found['operations'], 'operation')}; largest difference from a CPU: {gaps or 'none'}."


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class VerifiedTreeprocessor(Treeprocessor):
    """Append the sentence to the page."""

    def run(self, root: Element) -> None:
        path = page_path(self.md)
        if path and path.is_relative_to(ROOT):
            words = " ".join(filter(None, (sentence(path), gpu_sentence(path))))
            if words:
                SubElement(root, "p", {"class": "verified"}).text = words


class VerifiedExtension(Extension):
    """After inline parsing (20). Not a postprocessor: the table of contents runs those on each heading."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(VerifiedTreeprocessor(md), "verified", 1)


def makeExtension(**options: object) -> VerifiedExtension:
    """Entry point of Python-Markdown."""
    return VerifiedExtension(**options)

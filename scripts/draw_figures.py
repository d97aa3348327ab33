"""Draw the figures: snippets/figures/<lesson>.py -> docs/lessons/<lesson>/*.svg, or docs/reference/<page>*.svg.

A figure whose alt text holds numbers writes it itself, from what it draws: `figure.set_label(f"...")`. The pages of the
lesson then carry exactly this text.

Example: python -m scripts.draw_figures convolution-from-scratch
"""

import argparse
import base64
import importlib
import io
import re
import sys
from pathlib import Path

import matplotlib
from PIL import Image

from snippets.figures import style

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "docs" / "lessons"
REFERENCE = ROOT / "docs" / "reference"
MODULES = ROOT / "snippets" / "figures"


def lesson_names():
    """Return the names of all lessons that have a folder or a figure module."""
    folders = {path.name for path in LESSONS.iterdir() if path.is_dir()}
    modules = {path.stem.replace("_", "-") for path in MODULES.glob("[a-z]*.py")} - {"style"}
    return sorted(folders | modules)


def pages(lesson):
    """Return the pages that show the figures of a lesson, or, where there is none, of a page of the reference."""
    folder = LESSONS / lesson
    return sorted(folder.glob("*.md")) if folder.is_dir() else [REFERENCE / f"{lesson}.md"]


def drawn_before(lesson):
    """Return the paths of all its figures as they stand, drawn by its code or not."""
    if not (LESSONS / lesson).is_dir():
        return set(REFERENCE.glob(f"{lesson}*.svg"))
    return set((LESSONS / lesson).glob("*.svg"))


def draw(lesson):
    """Return {path of the figure: (SVG text, alt text or "")} for one lesson; a name must be a plain `*.svg`."""
    module = lesson.replace("-", "_")
    if not (MODULES / f"{module}.py").exists():
        return {}
    drawn = {}
    folder = LESSONS / lesson if (LESSONS / lesson).is_dir() else REFERENCE
    for name, draw_figure in importlib.import_module(f"snippets.figures.{module}").FIGURES.items():
        if not re.fullmatch(r"[a-z0-9-]+\.svg", name):
            raise ValueError(f"snippets/figures/{module}.py: {name!r} is not a plain figure name such as 'edges.svg'")
        with matplotlib.rc_context(style.RC):
            figure = draw_figure()
            drawn[folder / name] = style.to_svg(figure, name), figure.get_label()
    return drawn


def alt_texts(lesson):
    """Yield (page, line number, alt text, figure name) for each figure that a page of the lesson shows."""
    for page in pages(lesson):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            for alt, name in re.findall(r"!\[(.*?)\]\(([a-z0-9-]+\.svg)\)", line):
                yield page, number, alt, name


def alt_problems(lesson, drawn, command):
    """Return one line for each alt text that is not what the code of its figure says."""
    labels = {path.name: label for path, (_, label) in drawn.items()}
    shown = list(alt_texts(lesson))
    unseen = set(labels) - {name for *_, name in shown}
    found = [f"{_short(path)}: no page of the lesson shows it" for path in sorted(drawn) if path.name in unseen]
    for page, number, alt, name in shown:
        place = f"{_short(page)}:{number}"
        if labels.get(name) and alt != labels[name]:
            found.append(f"{place}: the alt text of {name} is not what its code says; {command}")
        elif name in labels and not labels[name] and re.search(r"\d", alt):
            found.append(f"{place}: the alt text of {name} holds numbers: let its code write it (figure.set_label)")
    return found


def write_alt_texts(lesson, drawn):
    """Put the alt texts that come from code into the pages of the lesson."""
    labels = {path.name: label for path, (_, label) in drawn.items() if label}
    for page, _, alt, name in alt_texts(lesson):
        if labels.get(name, alt) != alt:
            text = page.read_text(encoding="utf-8")
            page.write_text(text.replace(f"![{alt}]({name})", f"![{labels[name]}]({name})"), encoding="utf-8")
            print(f"{_short(page)}  alt text of {name}")


def same_picture(old, new):
    """Tell whether two SVG texts are equal, their embedded photographs compared by pixels.

    Pillow compresses the same pixels to other bytes on other processors.
    """
    photo = re.compile(r"data:image/(?:png|webp);base64,([^\"]+)")
    pixels = [
        [Image.open(io.BytesIO(base64.b64decode(code))).convert("RGBA").tobytes() for code in photo.findall(text)]
        for text in (old, new)
    ]
    return old == new or (photo.sub("", old) == photo.sub("", new) and pixels[0] == pixels[1])


def problems(lesson):
    """Return one line for each figure that is missing, false or without code, and for each false alt text."""
    command = "run: make figures"
    drawn = draw(lesson)
    found = []
    for path, (svg, _) in drawn.items():
        if not path.exists():
            found.append(f"{_short(path)}: missing; {command}")
        elif not same_picture(path.read_text(encoding="utf-8"), svg):
            found.append(f"{_short(path)}: differs from what its code draws; {command}")
    for path in sorted(drawn_before(lesson) - set(drawn)):
        found.append(f"{_short(path)}: no function draws it; delete it, or add it to FIGURES")
    return found + alt_problems(lesson, drawn, command)


def _short(path):
    folder = "reference" if path.parent == REFERENCE else f"lessons/{path.parent.name}"
    return f"docs/{folder}/{path.name}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lesson", nargs="*", help="names of lessons; all of them when left out")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if a figure is not what its code draws"
    )
    options = parser.parse_args(arguments)
    unknown = set(options.lesson) - set(lesson_names())
    if unknown:
        parser.error(f"no such lesson: {', '.join(sorted(unknown))}")
    lessons = options.lesson or lesson_names()
    if options.check:
        found = [line for lesson in lessons for line in problems(lesson)]
        print("\n".join(found) or f"figures of {len(lessons)} lessons: as drawn by their code")
        return 1 if found else 0
    for lesson in lessons:
        drawn = draw(lesson)
        write_alt_texts(lesson, drawn)
        for path, (svg, _) in drawn.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.exists() and same_picture(path.read_text(encoding="utf-8"), svg)):
                path.write_text(svg, encoding="utf-8")
            print(f"{_short(path)}  {len(svg) / 1000:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Draw the figures of the lessons: snippets/figures/<lesson>.py -> docs/lessons/<lesson>/*.svg.

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
MODULES = ROOT / "snippets" / "figures"


def lesson_names():
    """Return the names of all lessons that have a folder or a figure module."""
    folders = {path.name for path in LESSONS.iterdir() if path.is_dir()}
    modules = {path.stem.replace("_", "-") for path in MODULES.glob("[a-z]*.py")} - {"style"}
    return sorted(folders | modules)


def draw(lesson):
    """Return {path of the figure: SVG text} for one lesson; a figure's name must be a plain `*.svg`."""
    module = lesson.replace("-", "_")
    if not (MODULES / f"{module}.py").exists():
        return {}
    drawn = {}
    for name, draw_figure in importlib.import_module(f"snippets.figures.{module}").FIGURES.items():
        if not re.fullmatch(r"[a-z0-9-]+\.svg", name):
            raise ValueError(f"snippets/figures/{module}.py: {name!r} is not a plain figure name such as 'edges.svg'")
        with matplotlib.rc_context(style.RC):
            drawn[LESSONS / lesson / name] = style.to_svg(draw_figure(), name)
    return drawn


def same_picture(old, new):
    """Tell whether two SVG texts are equal, their embedded photographs compared by pixels.

    Pillow compresses the same pixels to other bytes on other processors.
    """
    photo = re.compile(r"data:image/png;base64,([^\"]+)")
    pixels = [
        [Image.open(io.BytesIO(base64.b64decode(code))).convert("RGBA").tobytes() for code in photo.findall(text)]
        for text in (old, new)
    ]
    return old == new or (photo.sub("", old) == photo.sub("", new) and pixels[0] == pixels[1])


def problems(lesson):
    """Return one line for each figure of the lesson that is missing, differs from its code, or has no code."""
    command = f"run: python -m scripts.draw_figures {lesson} (or: make figures)"
    drawn = draw(lesson)
    found = []
    for path, svg in drawn.items():
        if not path.exists():
            found.append(f"{_short(path)}: missing; {command}")
        elif not same_picture(path.read_text(encoding="utf-8"), svg):
            found.append(f"{_short(path)}: differs from what its code draws; {command}")
    for path in sorted(set((LESSONS / lesson).glob("*.svg")) - set(drawn)):
        found.append(f"{_short(path)}: no function draws it; delete it, or add it to FIGURES")
    return found


def _short(path):
    return f"docs/lessons/{path.parent.name}/{path.name}"


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
        for path, svg in draw(lesson).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.exists() and same_picture(path.read_text(encoding="utf-8"), svg)):
                path.write_text(svg, encoding="utf-8")
            print(f"{_short(path)}  {len(svg) / 1000:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

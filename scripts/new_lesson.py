"""Start a lesson: page, exercises, snippet, figure, test and nav entry, which pass all checks as they are.

Example: python -m scripts.new_lesson dilated-convolution --part foundations
"""

import argparse
import keyword
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).resolve().parent / "lesson_template"
PARTS = ["foundations", "training", "architectures", "transfer", "beyond"]
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Refused(Exception):
    """The lesson cannot be made, in words for the person who asked for it."""


def targets(root: Path, name: str) -> dict[Path, str]:
    """Return where each file of the lesson goes, with the name of its template."""
    module = name.replace("-", "_")
    return {
        root / "docs" / "lessons" / name / "index.md": "index.md",
        root / "docs" / "lessons" / name / "exercises.md": "exercises.md",
        root / "snippets" / f"{module}.py": "snippet.py",
        root / "snippets" / "figures" / f"{module}.py": "figures.py",
        root / "tests" / f"test_{module}.py": "test.py",
    }


def refuse_bad_names(root: Path, name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise Refused(f"{name!r} is no name for a lesson: write words in small letters joined by -, like max-pooling")
    folder = root / "docs" / "lessons" / name
    taken = [path for path in (folder, *targets(root, name)) if path.exists()]
    if taken:
        raise Refused(f"{taken[0].relative_to(root)} exists already: choose another name")


def filled(template: str, name: str, part: str) -> str:
    """Return a template's text with its own name, new-lesson, replaced."""
    text = (TEMPLATE / template).read_text(encoding="utf-8")
    text = text.replace("new-lesson", name).replace("new_lesson", name.replace("-", "_"))
    return text.replace("New lesson", title(name)).replace("part: foundations", f"part: {part}")


def title(name: str) -> str:
    return name.replace("-", " ").capitalize()


def indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def block_end(lines: list[str], start: int) -> int:
    """Return the index behind the last line that belongs to the YAML entry that starts at `start`."""
    end = start + 1
    for index in range(start + 1, len(lines)):
        text = lines[index].strip()
        if text and not text.startswith("#"):
            if indent(lines[index]) <= indent(lines[start]):
                break
            end = index + 1
    return end


def find_entry(lines: list[str], start: int, end: int, key: str) -> int | None:
    """Return the index of the line `- key:` among lines[start:end]."""
    return next((i for i in range(start, end) if re.fullmatch(rf"\s*- {re.escape(key)}:\s*(#.*)?", lines[i])), None)


def with_nav_entry(config: str, name: str, part: str) -> str:
    """Return the text of mkdocs.yml with the lesson at the end of its part, which is added when it is missing."""
    lines = config.splitlines()
    lessons = find_entry(lines, 0, len(lines), "Lessons")
    if lessons is None:
        raise Refused('mkdocs.yml has no "- Lessons:" in its nav')
    inside = (lessons + 1, block_end(lines, lessons))
    depth = indent(lines[lessons]) + 4
    position = find_entry(lines, *inside, part.capitalize())
    new = []
    if position is not None:
        depth, position = indent(lines[position]), block_end(lines, position)
    else:
        earlier = [find_entry(lines, *inside, other.capitalize()) for other in PARTS[: PARTS.index(part)]]
        position = max((block_end(lines, i) for i in earlier if i is not None), default=inside[0])
        new = [" " * depth + f"- {part.capitalize()}:"]
    new += [
        " " * (depth + 4) + f"- lessons/{name}/index.md",
        " " * (depth + 4) + f"- Exercises: lessons/{name}/exercises.md",
    ]
    return "\n".join(lines[:position] + new + lines[position:]) + "\n"


def create(root: Path, name: str, part: str) -> list[Path]:
    """Make all files of a lesson and return their paths. Raises Refused; makes nothing when anything fails."""
    refuse_bad_names(root, name)
    config = root / "mkdocs.yml"
    before = config.read_text(encoding="utf-8")
    texts = {path: filled(template, name, part) for path, template in targets(root, name).items()}
    texts[config] = with_nav_entry(before, name, part)
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        draw = [sys.executable, "-m", "scripts.draw_figures", name]
        subprocess.run(draw, cwd=root, check=True, stdout=subprocess.DEVNULL)
    except BaseException:
        config.write_text(before, encoding="utf-8")
        remove(root, name)
        raise
    return [*texts, root / "docs" / "lessons" / name / f"{name}-window.svg"]


def remove(root: Path, name: str) -> None:
    """Remove every file of a lesson, as far as it was made."""
    for path in targets(root, name):
        path.unlink(missing_ok=True)
    shutil.rmtree(root / "docs" / "lessons" / name, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="the lesson's name, such as dilated-convolution")
    parser.add_argument("--part", choices=PARTS, default=PARTS[0])
    options = parser.parse_args()
    try:
        made = create(ROOT, options.name, options.part)
    except Refused as refused:
        sys.exit(f"new_lesson: {refused}")
    except subprocess.CalledProcessError:
        sys.exit("new_lesson: drawing the figure failed (see above), so nothing was made")
    for path in made:
        print(path.relative_to(ROOT))
    print(f"It passes as it is: make test PAGE=docs/lessons/{options.name}")


if __name__ == "__main__":
    main()

"""Every figure is what its code draws, small, and readable in light and dark."""

import base64
import io
import re
import sys
import types

import numpy as np
import pytest
from PIL import Image

from scripts import draw_figures
from snippets.figures import style

FIGURES = sorted([*draw_figures.LESSONS.glob("*/*.svg"), *draw_figures.REFERENCE.glob("*.svg")])
each_figure = pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.name)


def contrast(color, background):
    """WCAG contrast ratio of two '#rrggbb' colours, from 1 to 21."""
    light, dark = sorted((luminance(background), luminance(color)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def without_standalone_style(svg):
    return re.sub(r"<style>.*?</style>", "", svg)


def test_committed_figures_equal_a_redraw(capsys):
    assert draw_figures.main(["--check"]) == 0, capsys.readouterr().out


def test_names_are_unique_in_the_course():
    names = [path.name for path in FIGURES]
    assert len(names) == len(set(names))


@each_figure
def test_small(path):
    assert path.stat().st_size < 80_000


@each_figure
def test_ink_follows_the_scheme_and_accents_read_on_both(path):
    svg = without_standalone_style(path.read_text(encoding="utf-8"))
    assert "currentColor" in svg
    for color in set(re.findall(r"#[0-9a-fA-F]{6}\b", svg)):
        for background in ("#ffffff", "#1e2129"):
            assert contrast(color, background) >= 3, f"{color} is hard to see on {background}"


@each_figure
def test_can_be_inlined(path):
    svg = path.read_text(encoding="utf-8")
    assert svg.startswith("<svg ")
    assert svg.count("<style>") == 1
    for forbidden in ("<metadata", "style=", "<script", "xlink:", "<a "):
        assert forbidden not in svg
    assert set(re.findall(r"(?:https?|file):[^\"]*", svg)) == {"http://www.w3.org/2000/svg"}


def test_ids_do_not_meet_when_two_figures_share_a_page():
    ids = [name for path in FIGURES for name in set(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))]
    assert len(ids) == len(set(ids))


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A lesson `tiny` with one drawn figure, in a folder of its own."""

    def dot():
        figure, axes = style.canvas(1, 1)
        axes.plot([0.5], [0.5], "o")
        return figure

    (tmp_path / "lessons" / "tiny").mkdir(parents=True)
    (tmp_path / "lessons" / "tiny" / "index.md").write_text("![A dot](dot.svg)\n")
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "tiny.py").touch()
    monkeypatch.setattr(draw_figures, "LESSONS", tmp_path / "lessons")
    monkeypatch.setattr(draw_figures, "MODULES", tmp_path / "modules")
    module = types.ModuleType("snippets.figures.tiny")
    module.FIGURES = {"dot.svg": dot}
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert draw_figures.main(["tiny"]) == 0
    return tmp_path / "lessons" / "tiny"


def check(capsys):
    capsys.readouterr()
    code = draw_figures.main(["tiny", "--check"])
    return code, capsys.readouterr().out


def test_check_accepts_what_was_drawn_and_writes_nothing(lesson, capsys):
    before = (lesson / "dot.svg").read_bytes()
    assert check(capsys)[0] == 0
    assert draw_figures.main(["tiny"]) == 0
    assert (lesson / "dot.svg").read_bytes() == before
    assert sorted(path.name for path in lesson.iterdir()) == ["dot.svg", "index.md"]


def test_check_notices_a_changed_figure(lesson, capsys):
    figure = lesson / "dot.svg"
    changed = figure.read_text().replace(style.ACCENT, style.ACCENT2)
    assert changed != figure.read_text()
    figure.write_text(changed)
    code, out = check(capsys)
    assert code == 1
    assert "docs/lessons/tiny/dot.svg: differs" in out
    assert "run: make figures" in out
    assert figure.read_text() == changed


def test_check_notices_a_missing_figure(lesson, capsys):
    (lesson / "dot.svg").unlink()
    code, out = check(capsys)
    assert code == 1
    assert "dot.svg: missing" in out
    assert not (lesson / "dot.svg").exists()


def test_check_notices_a_figure_that_no_page_shows(lesson, capsys):
    (lesson / "index.md").write_text("![A dot](dott.svg)\n")
    code, out = check(capsys)
    assert code == 1
    assert "docs/lessons/tiny/dot.svg: no page of the lesson shows it" in out


def test_check_notices_a_figure_that_no_code_draws(lesson, capsys):
    (lesson / "old.svg").write_text("<svg/>")
    code, out = check(capsys)
    assert code == 1
    assert "old.svg: no function draws it" in out


def test_numbers_in_an_alt_text_come_from_the_code_that_draws(lesson, capsys):
    page = lesson / "index.md"
    page.write_text("Words.\n\n![A dot at 5](dot.svg)\n")
    code, out = check(capsys)
    assert code == 1 and "docs/lessons/tiny/index.md:3: the alt text of dot.svg holds numbers" in out

    def dot():
        figure, _ = style.canvas(1, 1)
        figure.set_label(f"A dot [at] {2 + 2}")
        return figure

    sys.modules["snippets.figures.tiny"].FIGURES["dot.svg"] = dot
    code, out = check(capsys)
    assert code == 1 and "docs/lessons/tiny/index.md:3: the alt text of dot.svg is not what its code says" in out
    assert draw_figures.main(["tiny"]) == 0
    assert page.read_text() == "Words.\n\n![A dot [at] 4](dot.svg)\n"
    assert check(capsys)[0] == 0


def test_a_figure_cannot_leave_its_lesson(lesson):
    sys.modules["snippets.figures.tiny"].FIGURES["../outside.svg"] = None
    with pytest.raises(ValueError, match="not a plain figure name"):
        draw_figures.main(["tiny"])


def test_an_unknown_lesson_is_an_error(lesson, capsys):
    with pytest.raises(SystemExit):
        draw_figures.main(["no-such-lesson"])
    assert "no such lesson: no-such-lesson" in capsys.readouterr().err


def test_a_photograph_is_compared_by_its_pixels():
    image = Image.linear_gradient("L")

    def svg(image, form="png", **options):
        buffer = io.BytesIO()
        image.save(buffer, format=form, **options)
        return f'<image href="data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode()}"/>'

    assert svg(image) != svg(image, compress_level=1)
    assert draw_figures.same_picture(svg(image), svg(image, compress_level=1))
    assert draw_figures.same_picture(svg(image), svg(image, "webp", lossless=True))
    assert not draw_figures.same_picture(svg(image), svg(image, "webp", quality=10))
    assert not draw_figures.same_picture(svg(image), svg(image.rotate(180)))


def test_a_photograph_keeps_its_pixels():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    figure, axes = style.canvas(1, 1)
    style.picture(axes, pixels, 0, 0, 1)
    code = re.search(r"base64,([^\"]+)", style.to_svg(figure, "photo.svg"))[1]
    image = Image.open(io.BytesIO(base64.b64decode(code)))
    assert (np.asarray(image.convert("L")) == pixels).all()


def test_grey_keeps_black_and_white_and_refuses_levels_that_wrap_around():
    assert style.grey(np.array([-5, 0, 255, 300]), levels=4).tolist() == [0, 0, 255, 255]
    with pytest.raises(ValueError, match="10 levels do not divide 256"):
        style.grey(np.array([255]), levels=10)


def test_ids_do_not_depend_on_the_last_digits_of_coordinates():
    def drawn(shift):
        figure, axes = style.canvas(1, 1)
        axes.set_position((0.1 + shift, 0.1, 0.8, 0.8))
        axes.plot([0, 1], [0, 1])
        return style.to_svg(figure, "line.svg")

    assert drawn(0) == drawn(1e-12)
    assert 'id="line-1"' in drawn(0)

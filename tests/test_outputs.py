"""Comparison of printed and shown outputs: a table of what agrees, a table of what does not, and random text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runner import wordings
from tests.runner.outputs import differences, idle_band, within

AGREE = [
    ("4", "4\n"),
    ("0.44", "0.4375"),
    ("0.438", "0.4375"),
    ("tensor([1.0, -2.0])", "tensor([ 1.0000, -2.0000])"),
    ("-0.00", "0.0000"),
    ("1.2e-05", "1.234e-05"),
    ("1,728 weights", "1,728 weights"),
    ("a\n\nb", "a\n\nb\n\n"),
    ("trailing   ", "trailing"),
    ("loss 2.303, 10 classes", "loss 2.3026, 10 classes"),
]
DIFFER = [
    ("4", "5"),
    ("0.44", "0.43"),
    ("0.4375", "0.43"),
    ("1.2e-05", "1.2e-04"),
    ("conv1d", "conv2d"),
    ("10 classes", "11 classes"),
    ("1,728", "1728"),
    ("a\nb", "b\na"),
    ("1.0", "1"),
    ("", "x"),
    ("x", ""),
    ("[64, 112, 112]", "[64, 112, 122]"),
    ("28x28", "28x29"),
    ("nan", "0.5"),
]


@pytest.mark.parametrize(("shown", "seen"), AGREE)
def test_agree(shown, seen):
    assert differences(shown, seen) == []


@pytest.mark.parametrize(("shown", "seen"), DIFFER)
def test_differ(shown, seen):
    assert differences(shown, seen)


def test_band_is_for_decimals_only():
    assert differences("98.6 % of 360", "97.9 % of 360", within=0.8) == []
    assert differences("98.6 % of 360", "97.7 % of 360", within=0.8)
    assert differences("98.6 % of 360", "98.6 % of 361", within=50.0)


def test_band_is_read_from_the_visible_title():
    assert within("Output. On another machine each decimal number may differ by up to 0.8") == 0.8
    assert within("Output") == 0.0


@pytest.mark.parametrize("text, idle", [("98 % of 360", True), ("98.6 % of 360", False), ("1e-3", False), ("", False)])
def test_a_band_needs_a_decimal(text, idle):
    assert idle_band("On another machine each decimal number may differ by up to 3", text) == idle
    assert not idle_band("Output", text)


def test_only_the_lines_that_differ_are_named():
    assert differences("a 0.50\nb\nc", "a 0.501\nB\nc") == ["page shows: b", "block gave: B"]


@given(st.text(), st.text())
def test_any_text_is_compared_without_an_error(shown, seen):
    assert isinstance(differences(shown, seen), list)
    assert differences(shown, shown) == []


@given(st.floats(-1e6, 1e6), st.integers(1, 6))
def test_a_number_agrees_with_itself_at_any_digits_and_not_one_unit_away(value, digits):
    assert differences(f"{value:.{digits}f}", f"{value:.9f}") == []
    assert differences(f"{value + 1.6 * 10**-digits:.{digits}f}", f"{value:.9f}")


def test_a_setting_has_no_band():
    assert differences("lr=0.1: 2.30", "lr=0.1: 2.25", 0.1) == []
    assert differences("lr=0.1: 2.30", "lr=0.2: 2.30", 0.1)
    assert differences("loss=2.30", "loss=2.25", 0.1) == []


def test_another_version_of_torch_is_translated_and_the_locked_one_is_not(monkeypatch):
    root = Path(__file__).resolve().parents[1]
    said, ours = next(iter(wordings.WORDINGS.items()))
    assert wordings.locked(root) and wordings.translated(said, root / "elsewhere") == ours
    monkeypatch.setattr(wordings, "version", lambda name: wordings.locked(root) + "+cu130")
    assert wordings.translated(said, root) == said
    monkeypatch.setattr(wordings, "version", lambda name: "2.11.0")
    assert wordings.translated(f"before, {said} after", root) == f"before, {ours} after"


@pytest.mark.parametrize(("seen", "fits"), [("0.124", True), ("0.126", True), ("0.127", False), ("0.12", False)])
def test_on_a_gpu_the_last_digit_may_be_another_one(seen, fits):
    assert (differences("0.125", seen, units=1.5) == []) == fits
    assert differences("4 of 5", "5 of 5", units=1.5), "but no integer"

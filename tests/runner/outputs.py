"""Compares what a block printed with the output that its page shows."""

import difflib
import re

# A number stands alone: the 2 of `conv2d` or the 1 of `x1` is text, and must agree to the letter.
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+(?:_\d+|,\d{3})*)(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\w)")
# How a page says, to the reader, that a trained number is not the same on every machine.
WITHIN = re.compile(r"may differ by up to (\d+(?:\.\d+)?)")


def within(words: str) -> float:
    """How far decimals may lie apart, read from what the page tells its reader (0.0 when it tells nothing)."""
    found = WITHIN.search(words or "")
    return float(found[1]) if found else 0.0


def idle_band(words: str, text: str) -> bool:
    """Whether the title `words` allows a difference that no number of the output `text` can have: all are integers."""
    numbers = NUMBER.findall(text)
    return within(words) > 0 and bool(numbers) and not any(map(is_decimal, numbers))


def tidy(text: str) -> list[str]:
    """The lines of `text` without trailing spaces and without empty lines at either end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def differences(expected: str, seen: str, within: float = 0.0, units: float = 0.5) -> list[str]:
    """What differs between an output that is shown and one that was seen; an empty list when they agree.

    Text and integers must be equal. A decimal agrees when the number seen, rounded to the digits shown, is the
    number shown; with `within`, when both are at most that far apart. units: of the last digit shown, that they may lie
    apart; a half is rounding.
    """
    shown, printed = tidy(expected), tidy(seen)
    if len(shown) == len(printed) and all(agree(a, b, within, units) for a, b in zip(shown, printed, strict=True)):
        return []
    # Lines that agree are made equal first, so that the diff names only those that do not.
    aligned = [next((a for a in shown if agree(a, b, within, units)), b) for b in printed]
    rows = difflib.ndiff(shown, aligned)
    named = {"- ": "page shows: ", "+ ": "block gave: "}
    return [named[row[:2]] + row[2:] for row in rows if row[:2] in named] or ["the lines come in another order"]


def agree(shown: str, seen: str, within: float = 0.0, units: float = 0.5) -> bool:
    """Whether one line that is shown agrees with one that was printed."""
    if shown == seen:
        return True
    if squeeze(NUMBER.sub("#", shown)) != squeeze(NUMBER.sub("#", seen)):
        return False
    places = [match.start() for match in NUMBER.finditer(shown)]
    settings = [shown[place - 1 : place] == "=" for place in places]  # `lr=0.1: 2.30`: no band for what was set
    bands = [0.0 if setting and not all(settings) else within for setting in settings]
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(seen), bands, strict=True)
    return all(same_number(a, b, band, units) for a, b, band in pairs)


def squeeze(line: str) -> str:
    """Spaces inside a line count as one, behind a bracket as none: PyTorch pads a column by the sign of its numbers."""
    return re.sub(r"(?<=\S)\s+", " ", re.sub(r"(?<=[\[(])\s+", "", line))


def same_number(shown: str, seen: str, within: float = 0.0, units: float = 0.5) -> bool:
    """Whether `seen`, at the digits of `shown`, is `shown` (`within` = 0), or lies within that distance."""
    if shown == seen:
        return True
    if not is_decimal(shown) or not is_decimal(seen):
        return False
    distance = abs(float(clean(shown)) - float(clean(seen)))
    return distance <= max(within, units * last_digit(shown)) * (1 + 1e-9)


def is_decimal(number: str) -> bool:
    return "." in number or "e" in number.lower()


def clean(number: str) -> str:
    return number.replace(",", "").replace("_", "")


def last_digit(shown: str) -> float:
    """What the last digit shown counts: 0.01 for `3.14`, 1.0 for `2.`, 0.01e-4 for `1.25e-04`."""
    mantissa, _, exponent = clean(shown).lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - digits)

"""Decides about claims: a number in prose or in a table against its expression, a sentence, a quiz answer."""

import ast
import dataclasses
import math
import re

from tests.runner import layers, widgets
from tests.runner.arithmetic import UNITS
from tests.runner.page import PLAIN_NUMBER, Claim, how_many

UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
EACH = re.compile(rf"{PLAIN_NUMBER.pattern}(?:\s*(?:{UNIT})(?!\w))?")
BOUND = re.compile(
    r"(?P<sign>[-−]?)(?P<number>\d[\d,\u2009\u202f\u00a0_]*(?:\.\d+)?)"
    rf"[*_`$\s\u00a0\u202f]*(?P<unit>{UNIT})?[*_`$\s)]*$"
)


def fault(claim: Claim, namespace: dict) -> str | None:
    """What is false about a claim, in words; None when it holds. Errors of the expression are the caller's."""
    if claim.kind == "layers":
        return layers.fault(claim.rows)
    scope = namespace if claim.row is None else {**namespace, "c": claim.row}
    if claim.kind == "widget":
        scope = {**namespace, "widget": widgets.parse(claim.rows)}
    value = eval(compile(claim.expression, "<claim>", "eval"), scope)
    if claim.kind == "number":
        return numbers_fault(claim, value)
    if claim.kind == "cell":
        return cell_fault(claim, value)
    if claim.kind == "answer":
        return "; ".join(claim.question.disagreements(value)) or None
    if bool(value) == claim.holds:
        return None
    if claim.holds:
        return f"the page says that this holds, but it is {value!r}: {claim.expression}"
    return f"the page calls this answer wrong, but its check holds: {claim.expression}"


def numbers_fault(claim: Claim, value: object) -> str | None:
    """`3, 4` binds the last two numbers in front of the comment, anything else the last one."""
    if how_many(claim.expression) == 1:
        return number_fault(claim, value)
    places = [match.end() for match in EACH.finditer(claim.before)][-len(value) :]
    if len(places) < len(value):
        return f"{len(value)} numbers must stand before <!-- = {claim.expression} -->"
    parts = ast.parse(claim.expression, mode="eval").body.elts
    faults = [
        number_fault(dataclasses.replace(claim, before=claim.before[:end], expression=ast.unparse(part)), single)
        for end, single, part in zip(places, value, parts, strict=True)
    ]
    return "; ".join(fault for fault in faults if fault) or None


def number_fault(claim: Claim, value: object) -> str | None:
    """Compares the number that stands before the comment with the value, at the precision written."""
    bound = BOUND.search(claim.before)
    if bound is None:
        return f"no number stands just before <!-- = {claim.expression} -->"
    if isinstance(value, bool) or not hasattr(value, "__float__") and not hasattr(value, "item"):
        return f"{claim.expression} is {value!r}, which is not a number"
    unit = UNITS.get(bound["unit"], 1.0)
    digits = re.sub(r"[^\d.]", "", bound["number"])
    shown = float(digits) * (-1 if bound["sign"] else 1)
    seen = float(value) / unit
    decimals = len(digits.partition(".")[2])
    if math.isfinite(seen) and agree(shown, seen, decimals, exact=bound["unit"] is None):
        return None
    return f'"{bound[0].strip()}" but {claim.expression} is {spell(float(value), unit, decimals, bound["unit"])}'


def cell_fault(claim: Claim, value: object) -> str | None:
    """Compares a cell of a table: a number at the precision written, anything else as text."""
    if BOUND.search(claim.before) and not isinstance(value, bool | str | tuple | list):
        return number_fault(claim, value)
    return None if claim.before == str(value) else f'the cell says "{claim.before}", but {claim.expression} is {value}'


def agree(shown: float, seen: float, decimals: int, exact: bool) -> bool:
    """A whole number without a unit must be met exactly; anything else to the last digit written."""
    if exact and decimals == 0:
        return shown == seen
    return abs(shown - seen) <= 0.5 * 10.0**-decimals * (1 + 1e-9)


def spell(value: float, unit: float, decimals: int, name: str | None) -> str:
    """The value as the page should write it."""
    plain = f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
    if name is None:
        return plain if decimals == 0 else f"{value:,.{decimals}f} ({plain})"
    return f"{plain} ({value / unit:,.{max(decimals, 1)}f} {name})"

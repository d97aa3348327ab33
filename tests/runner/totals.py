"""Adds up the columns of tables whose last row is a total: `| total | | 61,706 |`."""

import re
from pathlib import Path

from tests.runner import arithmetic, tables
from tests.runner.fences import Problem
from tests.runner.page import Page

TOTAL = re.compile(r"(?:in )?(?:total|sum|altogether|all together|together)\b", re.IGNORECASE)
NUMBER = re.compile(rf"[~≈]?\s*({arithmetic.NUMBER})\s*(%|[A-Za-z]+)?$")


def problems(page: Page, root: Path) -> list[Problem]:
    bound = {(step.line, step.before) for step in page.steps if getattr(step, "kind", "") == "cell"}
    return [
        Problem(line, f'the total of "{name}" is {total:,.10g}, not {shown}')
        for line, name, shown, total, holds in sums(page)
        if not holds and (line, shown) not in bound
    ]


def sums(page: Page):
    """Each column with a total below it: `(line, name, total as it is shown, sum of the cells, whether both agree)`."""
    for line, text in page.scan.prose.items():
        if tables.RULE.match(text) and "|" in page.scan.prose.get(line - 1, ""):
            names, rows = tables.rows_below(page.scan, line - 2)
            if len(rows) >= 3 and TOTAL.match(rows[-1][1][0]) and all(len(row) == len(names) for _, row in rows):
                for column, name in enumerate(names):
                    cells = [NUMBER.match(row[column]) for _, row in rows]
                    if all(cells):
                        yield rows[-1][0], name, rows[-1][1][column], *added(cells)


def added(cells: list[re.Match]) -> tuple[float, bool]:
    """The sum of all cells but the last one, and whether that one agrees, as exactly as they are written."""
    *parts, total = (float(cell[1].replace(",", "")) for cell in cells)
    half = sum(0.5 * 10.0 ** -len(cell[1].partition(".")[2]) for cell in cells if "." in cell[1] or cell[2])
    return sum(parts), abs(sum(parts) - total) <= half + 1e-9

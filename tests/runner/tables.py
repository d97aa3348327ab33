"""Reads tables whose columns are bound: `<!-- table: Parameters == count(c["Layer"]) -->` above the table.

The expression is evaluated once for each row; `c` holds the cells of the row by the names of their columns.
"""

import re

from tests.runner.fences import Problem, Scan

# A `*+` never gives back what it took, so that a line of many spaces is read in one go.
RULE = re.compile(r"^\s*+\|?+\s*+:?-++:?\s*+(?:\|\s*+:?-++:?\s*+)*+\|?\s*+$")
MOST_COMMENTS = 50  # lines between a table and the first comment that binds a column of it


def cells(line: str) -> list[str]:
    """The cells of one row, without Markdown's marks."""
    text = line.strip().removeprefix("|").removesuffix("|")
    return [re.sub(r"[*`]", "", cell).strip() for cell in re.split(r"(?<!\\)\|", text)]


def rows_below(scan: Scan, line: int) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names and rows `(line, cells)` of the table that follows `line` at once."""
    number = line + 1
    while scan.prose.get(number) is not None and not scan.prose[number].strip():
        number += 1
        if number > line + MOST_COMMENTS:
            return [], []
    if "|" not in scan.prose.get(number, "") or not RULE.match(scan.prose.get(number + 1, "")):
        return [], []
    names, rows = cells(scan.prose[number]), []
    number += 2
    while "|" in scan.prose.get(number, ""):
        rows.append((number, cells(scan.prose[number])))
        number += 1
    return names, rows


def bound_cells(scan: Scan, line: int, words: str) -> list[tuple[int, str, str, dict[str, str]]]:
    """The cells that a comment binds: `(line, expression, cell, row)`. Raises Problem when it binds nothing."""
    name, _, expression = (part.strip() for part in words.removeprefix("table:").partition("=="))
    if not name or not expression:
        raise Problem(line, "write <!-- table: Column == expression --> above the table")
    names, rows = rows_below(scan, line)
    if not rows:
        raise Problem(line, "no table with rows follows this comment")
    if name not in names:
        raise Problem(line, f'the table has no column "{name}": its columns are {", ".join(names)}')
    column = names.index(name)
    short = [number for number, row in rows if len(row) != len(names)]
    if short:
        raise Problem(short[0], f"this row does not have {len(names)} cells")
    return [(number, expression, row[column], dict(zip(names, row, strict=True))) for number, row in rows]

"""Writes out what the code of a page names and calls, with full names, so that a rule can look for it."""

import ast

from tests.runner.page import Page


def calls(page: Page, names: dict[str, str]):
    """The line and the text of each name, call and argument; `names` are those known without an import.

    Blocks that must fail may call anything. What stands in a snippet has the line of its block, and names its place.
    """
    names = dict(names)
    for block in (step for step in page.steps if hasattr(step, "chunks")):
        for chunk in block.chunks:
            try:
                written = list(calls_in(chunk.code, names))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # running the block reports it
            for number, text in [] if block.raises else written:
                line = chunk.line + number - 1
                here = chunk.path == page.path
                yield (line, text, "") if here else (block.line, text, f"{chunk.path}:{line}: ")


def calls_in(source: str, names: dict[str, str]):
    """`torch.range`, `torch.range/2`, `torch.range(0)`, with lines; what is imported is added to `names`."""
    nodes = list(ast.walk(ast.parse(source)))
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, name) for name in imported(node, names))
    for node in nodes:
        if isinstance(node, ast.Attribute):
            yield node.lineno, full_name(node, names)
        elif isinstance(node, ast.Name) and node.id in names:
            yield node.lineno, names[node.id]
        elif isinstance(node, ast.Call):
            name, arguments = full_name(node.func, names), [*node.args, *node.keywords]
            yield node.lineno, f"{name}/{len(arguments)}"
            yield from ((argument.lineno, f"{name}({ast.unparse(argument)})") for argument in arguments)


def imported(node: ast.Import | ast.ImportFrom, names: dict[str, str]) -> list[str]:
    """The full names of the modules and objects that a line imports."""
    module = getattr(node, "module", None)
    full = [f"{module}.{alias.name}" if module else alias.name for alias in node.names]
    for alias, name in zip(node.names, full, strict=True):
        if module or alias.asname:
            names[alias.asname or alias.name] = name
    return [*full, module or ""]


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{full_name(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else "?"

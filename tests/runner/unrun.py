"""Finds code that a page shows and never runs: a function that nothing calls, a network without a `forward`.

While the page runs, each function of it notes that it was entered. A function that is shown on purpose and not called
needs a reason above its block: `<!-- given: why -->`.
"""

import ast
import sys
from collections.abc import Callable

from tests.runner.snippets import Chunk

REACHED = "__reached__"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Reached:
    """All functions and classes of a page, and which of the functions were entered."""

    def __init__(self):
        self.functions: dict[tuple[str, int], str] = {}  # (file, line) -> name
        self.classes: dict[str, tuple[str, int]] = {}  # name -> (file, line)
        self.entered: set[tuple[str, int]] = set()

    def prepare(self, tree: ast.Module, chunk: Chunk, namespace: dict) -> ast.Module:
        """The code of a chunk with a note at the start of every function."""
        namespace[REACHED] = self.entered.add
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        owner = {part: node.name + "." for node in classes for part in node.body}
        for node in ast.walk(tree):
            place = (str(chunk.path), getattr(node, "lineno", 0))
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = place
            elif isinstance(node, FUNCTIONS) and not is_empty(node):
                self.functions[place] = owner.get(node, "") + node.name
                node.body.insert(1 if ast.get_docstring(node, clean=False) is not None else 0, note(place, node))
        return tree

    def faults(self, namespace: dict) -> list[tuple[str, int, str]]:
        """What never ran: `(file, line, words)`."""
        mend = "call it, or say why not: <!-- given: why --> above its block"
        found = [
            (*place, f"{name} is shown, but nothing on the page calls it: {mend}")
            for place, name in self.functions.items()
            if place not in self.entered
        ]
        for name, place in self.classes.items():
            if lacks_forward(namespace.get(name), namespace):
                found.append((*place, f"{name} is a network without a forward: it cannot be called"))
        return found


def note(place: tuple[str, int], function: ast.AST) -> ast.Expr:
    """The statement `__reached__((file, line))`."""
    argument = ast.Tuple([ast.Constant(part) for part in place], ast.Load())
    call = ast.Expr(ast.Call(ast.Name(REACHED, ast.Load()), [argument], []))
    return ast.fix_missing_locations(ast.copy_location(call, function))


def is_empty(function: ast.FunctionDef) -> bool:
    """Whether there is nothing to run: `...`, `pass`, a docstring, or an abstract method that raises."""
    last = function.body[-1]
    return isinstance(last, ast.Pass | ast.Raise) or isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)


def lacks_forward(value: object, namespace: dict) -> bool:
    """Whether this is a class of networks that cannot be called, and no other class of the page builds on it."""
    if "torch" not in sys.modules or not isinstance(value, type):
        return False
    module = sys.modules["torch"].nn.Module
    if not issubclass(value, module) or value.forward is not module.forward:
        return False
    others: list[Callable] = [other for other in namespace.values() if isinstance(other, type) and other is not value]
    return not any(issubclass(other, value) for other in others)

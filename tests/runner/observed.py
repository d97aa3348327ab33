"""Checks what code comments state (stated.py) by looking while the page runs.

    n = 3 * 3 * 3 * 64  # 1728
    x = pool(x)  # (N, 16, 8, 8) -> (N, 16, 4, 4)
    nn.Conv2d(1, 16, 3, padding=1),  # 16x8x8
    print(n)
    #> 1728

A look is put behind the statement, or around the call inside a longer statement, on whose line the comment stands; a
comment alone on its line speaks of the line below it. A line that runs more than once must be as stated once.
"""

import ast
import io
import sys
import tokenize
from bisect import bisect_left

from tests.runner.snippets import Chunk
from tests.runner.stated import Stated, read

SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)
LOOK = "__look__"


class Watch:
    """All comments of a page that state something, and the looks that check them."""

    def __init__(self):
        self.notes: dict[tuple[str, int], Stated] = {}
        self.modules: dict[int, tuple[object, list[Stated]]] = {}
        self.hook = None
        self.told = ""  # what was printed since the last block by lines whose comments say what they print

    def prepare(self, chunk: Chunk, namespace: dict) -> ast.Module:
        """The code of a chunk with a look wherever a comment states something."""
        tree = ast.parse("\n" * (chunk.line - 1) + chunk.code, str(chunk.path))
        if targets := find_targets(tree, chunk):
            for notes in targets.values():
                self.notes.update({(note.path, note.line): note for note in notes})
            self.watch_modules()
            namespace[LOOK] = self.look
            tree = ast.fix_missing_locations(Looks(targets).visit(tree))
        return tree

    def look(self, path: str, lines: tuple, value: object, names: tuple, scope: dict, printed: bool = False) -> object:
        """Stands where a line of the page was: `value` is what it makes, or the arguments that it prints."""
        text = None
        if printed:
            print(*value)
            value, text = (value[0] if len(value) == 1 else value), " ".join(map(str, value))
            self.told += text + "\n"
        start = [scope[name] for name in names if name in scope]
        for note in (self.notes[path, line] for line in lines):
            if note.after and (modules := modules_in(value)):  # it speaks of what the module returns
                note.seen += note.loose
                for module in [] if note.loose else modules:
                    self.modules.setdefault(id(module), (module, []))[1].append(note)
            else:
                note.look(value, start, text)
        return value

    def all_told(self, output: str) -> bool:
        """Whether a block has printed nothing but what its comments state."""
        told, self.told = self.told, ""
        return bool(told) and output == told

    def watch_modules(self) -> None:
        """From now on, looks at what every module returns."""
        if not self.hook and "torch" in sys.modules:
            register = sys.modules["torch"].nn.modules.module.register_module_forward_hook
            self.hook = register(self.returned)

    def returned(self, module, inputs, output) -> None:
        for note in self.modules.get(id(module), (None, []))[1]:
            note.look(output, list(inputs))

    def faults(self) -> list[tuple[str, int, str]]:
        """Every comment that is false, and every one that nothing ever reached: `(path, line, words)`."""
        never = 'the comment says "{}", but this line never runs on the page'
        return [
            (path, line, note.fault if note.seen else never.format(note.words))
            for (path, line), note in self.notes.items()
            if not note.seen or not note.fitted and note.fault
        ]


def modules_in(value: object) -> list:
    """The networks among a value, or among the parts of a tuple or list."""
    if isinstance(value, tuple | list):
        return [module for part in value for module in modules_in(part)]
    return [value] if hasattr(value, "register_forward_hook") else []


def stated(chunk: Chunk) -> dict[int, Stated]:
    """The comments of a chunk that state something about a line that can be looked at, by their line."""
    try:
        tree = ast.increment_lineno(ast.parse(chunk.code), chunk.line - 1)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}  # running the block reports it
    return {note.line: note for notes in find_targets(tree, chunk).values() for note in notes}


def find_targets(tree: ast.Module, chunk: Chunk) -> dict[ast.AST, list[Stated]]:
    """The statement, call or function that each stating comment is about."""
    places, targets = Places(tree), {}
    for line, words, behind in comments(chunk):
        if words.startswith(">") and not behind:
            add_output(targets, places.above(line), str(chunk.path), line, words[1:].strip())
        elif (note := read(str(chunk.path), line, words)) and (behind or note.after):
            note.either |= not behind
            if node := places.about(line if behind else line + 1, note):
                targets.setdefault(node, []).append(note)
    return targets


def add_output(targets: dict, node: ast.AST | None, path: str, line: int, words: str) -> None:
    """A line `#> words`: what the statement above prints, or one more line of it."""
    earlier = next((note for note in targets.get(node, []) if note.output), None)
    if earlier:
        earlier.words += "\n" + words
    elif node is not None:
        targets.setdefault(node, []).append(Stated(path, line, words, output=True))


class Places:
    """Where the statements, calls and functions of a tree begin and end."""

    def __init__(self, tree: ast.Module):
        simple = [node for node in ast.walk(tree) if isinstance(node, SIMPLE) and node.value is not None]
        calls = [part for node in simple for part in ast.walk(node) if isinstance(part, ast.Call)]
        calls.sort(key=lambda call: (call.lineno, call.col_offset, -call.end_col_offset), reverse=True)
        self.ends = {node.end_lineno: node for node in reversed(simple)}
        self.starts = {node.lineno: node for node in reversed(simple)}
        self.calls_by_end = {call.end_lineno: call for call in calls}  # the largest one, which comes last
        self.calls_by_start = {call.lineno: call for call in calls}
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        self.heads = {line: node for node in functions for line in range(node.lineno, node.body[0].lineno)}
        self.printing = sorted(
            (node for node in simple if isinstance(node, ast.Expr | ast.Assign)), key=lambda n: n.end_lineno
        )

    def about(self, line: int, note: Stated) -> ast.AST | None:
        """The simple statement that ends on a line, or the head of a function, or the largest call in a longer one."""
        if line in self.ends or note.either and line in self.starts:
            return self.ends.get(line) or self.starts[line]
        if note.after and line in self.heads:  # `def forward(self, x):  # (N, 1, 28, 28)` speaks of x
            return self.heads[line]
        if note.after or note.layer or note.counts or note.words.isdigit():
            return self.calls_by_end.get(line) or self.calls_by_start.get(line)
        return None

    def above(self, line: int) -> ast.AST | None:
        """The last statement that ends before a `#>` line."""
        index = bisect_left(self.printing, line, key=lambda node: node.end_lineno)
        return self.printing[index - 1] if index else None


def comments(chunk: Chunk) -> list[tuple[int, str, bool]]:
    """The comments, each with its line in the file and whether it stands behind code."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(chunk.code).readline):
            if token.type == tokenize.COMMENT:
                behind = bool(token.line[: token.start[1]].strip())
                found.append((chunk.line - 1 + token.start[0], token.string[1:].strip(), behind))
    except (tokenize.TokenError, SyntaxError):
        return []  # running the block reports it
    return found


class Looks(ast.NodeTransformer):
    """Puts the looks into the tree."""

    def __init__(self, targets: dict[ast.AST, list[Stated]]):
        self.targets = targets

    def visit(self, node: ast.AST):
        notes = self.targets.get(node)
        names = tuple(n.id for n in ast.walk(node) if isinstance(n, ast.Name)) if notes else ()
        self.generic_visit(node)
        if not notes:
            return node
        if isinstance(node, ast.Call):
            return ast.copy_location(call(notes, node, names), node)
        if isinstance(node, ast.FunctionDef):
            arguments = [ast.Name(a.arg, ast.Load()) for a in node.args.args if a.arg not in ("self", "cls")]
            look = ast.Expr(call(notes, ast.Tuple(arguments, ast.Load()), ()))
            node.body.insert(1 if ast.get_docstring(node, clean=False) is not None else 0, look)
            return node
        looks = [node]
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            keep, start = self.started_from(notes, names)
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            made = ast.parse(ast.unparse(target), mode="eval").body
            looks = [keep, node, ast.Expr(call(notes, made, names, start))]
        elif is_print(node.value):
            node.value = call(notes, ast.Tuple(node.value.args, ast.Load()), names, printed=True)
        else:
            node.value = call(notes, node.value, names)
        return [ast.copy_location(look, node) for look in looks]

    def started_from(self, notes: list[Stated], names: tuple) -> tuple[ast.stmt, ast.expr]:
        """Keeps what an assignment starts from in front of it, since it may overwrite it."""
        name = f"{LOOK}{notes[0].line}"
        return ast.Assign([ast.Name(name, ast.Store())], scope(names)), ast.Name(name, ast.Load())


def scope(names: tuple) -> ast.expr:
    """The values of these names where the expression stands."""
    return ast.parse(f"{{k: v for k, v in {{**globals(), **locals()}}.items() if k in {names!r}}}", mode="eval").body


def is_print(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") == "print" and not value.keywords


def call(notes: list[Stated], value: ast.expr, names: tuple, start: ast.expr | None = None, printed=False) -> ast.Call:
    place = [ast.Constant(notes[0].path), ast.Constant(tuple(note.line for note in notes))]
    rest = [ast.Constant(names), start or scope(names), ast.Constant(printed)]
    return ast.Call(ast.Name(LOOK, ast.Load()), [*place, value, *rest], [])

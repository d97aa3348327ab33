"""Checks the values and shapes that code comments state, by looking while the page runs.

    n = 3 * 3 * 3 * 64  # 1728
    print(y.shape)  # torch.Size([1, 64, 112, 112])
    x = pool(x)  # (N, 16, 8, 8) -> (N, 16, 4, 4)
    nn.Conv2d(1, 16, 3, padding=1),  # 16x8x8

A letter stands for any size, the same one on both sides of an arrow. `16x8x8` leaves out the batch.
"""

import ast
import io
import re
import sys
import tokenize
from dataclasses import dataclass, field

from tests.runner.outputs import differences
from tests.runner.snippets import Chunk

SIZE = r"(?:\d+|[A-Z][A-Za-z]*)"
SHAPE = rf"torch\.Size\(\[[\d, ]*\]\)|\({SIZE}(?:,\s*{SIZE})+,?\)|\(\d+,\)|\d+(?:[x×]\d+)+"
SHAPES = re.compile(rf"(?:(?P<before>{SHAPE})\s*(?:->|→)\s*)?(?P<after>{SHAPE})(?=$|[:;,. ])(?!\s*[=≈])")
SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)
LOOK, LOOK_BEFORE = "__look__", "__look_before__"


@dataclass
class Stated:
    """What one comment states about its line, and what was seen there."""

    path: str
    line: int
    words: str
    before: list[str] | None = None  # sizes on the left of the arrow
    after: list[str] | None = None
    seen: int = 0
    faults: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)  # what the letters stand for, since the last look

    @property
    def loose(self) -> bool:
        """`3x3 kernel` behind something without a shape is not about its shape."""
        return self.before is None and self.after is not None and len(self.after) == 3 and self.after[0] == "*"

    def look_before(self, names: list[str], scope: dict) -> None:
        """Looks at the first tensor that the line starts from."""
        self.sizes = {}
        shape = next(
            (shape_of(scope[name]) for name in names if name in scope and shape_of(scope[name]) is not None), None
        )
        if self.before and shape is not None and not fits(self.before, shape, self.sizes):
            self.fault(f"starts from {tuple(shape)}")

    def look(self, value: object, printed: str | None = None) -> None:
        """Looks at the value that the line makes or prints."""
        self.seen += 1
        shape = shape_of(value)
        if self.after is None:
            text = printed if printed is not None else repr(value.tolist() if hasattr(value, "tolist") else value)
            if differences(self.words, text):
                self.fault(f"is {text}")
        elif shape is None:
            if not self.loose:
                self.fault(f"is {type(value).__name__}, which has no shape")
        elif not fits(self.after, shape, self.sizes):
            self.fault(f"is {tuple(shape)}")
        self.sizes = {}

    def fault(self, words: str) -> None:
        if not self.faults:  # a line in a loop would say the same a thousand times
            self.faults.append(f'the comment says "{self.words}", but it {words}')


def shape_of(value: object) -> tuple | None:
    """The shape of a tensor or array, or the value itself where it is one (`y.shape`)."""
    if isinstance(value, tuple) and all(isinstance(size, int) for size in value):
        return tuple(value)
    shape = getattr(value, "shape", None)
    return tuple(shape) if isinstance(shape, tuple) else None


def fits(stated: list[str], shape: tuple, sizes: dict[str, int]) -> bool:
    """Whether the sizes agree; a letter keeps the size that it met first. The batch may be left out of `16x8x8`."""
    if stated[0] == "*":
        stated = stated[1:]
        shape = shape[-len(stated) :]
    if len(stated) != len(shape):
        return False
    return all(int(s) == n if s.isdigit() else sizes.setdefault(s, n) == n for s, n in zip(stated, shape, strict=True))


def sizes(text: str) -> list[str]:
    """`(N, 16, 4)` as `["N", "16", "4"]`; `16x4x4` as `["*", "16", "4", "4"]`."""
    found = re.findall(SIZE, text.removeprefix("torch.Size"))
    return found if text.startswith(("(", "torch")) else ["*", *found]


def read(path: str, line: int, words: str) -> Stated | None:
    """What a comment states, or None when it is only words."""
    words = words.removeprefix(">").strip()
    if shapes := SHAPES.match(words):
        stated = Stated(path, line, shapes[0].strip(), after=sizes(shapes["after"]))
        stated.before = sizes(shapes["before"]) if shapes["before"] else None
        return stated
    try:
        ast.literal_eval(words)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return Stated(path, line, words)


class Watch:
    """All comments of a page that state something, and the looks that check them."""

    def __init__(self):
        self.stated: dict[tuple[str, int], Stated] = {}
        self.inner: set[tuple[str, int]] = set()  # lines inside a longer statement, where a module is made
        self.modules: dict[int, tuple[object, Stated]] = {}
        self.hook = None

    def prepare(self, chunk: Chunk, namespace: dict) -> ast.Module:
        """The code of a chunk with a look behind every statement whose comment states something."""
        tree = ast.parse("\n" * (chunk.line - 1) + chunk.code, str(chunk.path))
        ends, _ = lines_of(tree)
        if notes := stated(chunk):
            self.stated.update({(note.path, line): note for line, note in notes.items()})
            self.inner |= {(note.path, line) for line, note in notes.items() if line not in ends}
            self.watch_modules()
            namespace[LOOK], namespace[LOOK_BEFORE] = self.look, self.look_before
            tree = ast.fix_missing_locations(Looks(notes).visit(tree))
        return tree

    def look(self, path: str, line: int, value: object, printed: bool = False) -> object:
        """Stands behind a line of the page: `value` is what the line makes, or the arguments that it prints."""
        note, text = self.stated[(path, line)], None
        if printed:
            print(*value)
            value, text = (value[0] if len(value) == 1 else value), " ".join(map(str, value))
        if note.after and hasattr(value, "register_forward_hook"):
            note.seen += note.loose
            if not note.loose:
                self.modules[id(value)] = (value, note)  # it speaks of what the module returns
        else:
            note.look(value, text)
        return value

    def look_before(self, path: str, line: int, names: list[str], scope: dict) -> None:
        self.stated[(path, line)].look_before(names, scope)

    def watch_modules(self) -> None:
        """Notes for every module on which line of the page it is made, and looks at what it returns."""
        if self.hook or "torch" not in sys.modules:
            return
        module = sys.modules["torch"].nn.Module
        create = module.__init__

        def noting(this, *arguments, **options):
            if note := self.place():
                self.modules[id(this)] = (this, note)
            create(this, *arguments, **options)

        module.__init__ = noting
        self.hook = sys.modules["torch"].nn.modules.module.register_module_forward_hook(self.returned)

    def place(self) -> Stated | None:
        """The innermost line of the page from which we are called, if its comment states something."""
        frame = sys._getframe(2)
        paths = {path for path, _ in self.inner}
        while frame:
            if frame.f_code.co_filename in paths:
                key = (frame.f_code.co_filename, frame.f_lineno)
                return self.stated[key] if key in self.inner else None
            frame = frame.f_back
        return None

    def returned(self, module, inputs, output) -> None:
        _, note = self.modules.get(id(module), (None, None))
        if note:
            if note.before and inputs:
                note.look_before(["x"], {"x": inputs[0]})
            note.look(output)

    def faults(self) -> list[tuple[str, int, str]]:
        """Every comment that is false, and every one that nothing ever reached: `(path, line, words)`."""
        found = []
        for (path, line), note in self.stated.items():
            found += [(path, line, message) for message in note.faults]
            if not note.seen:
                found.append((path, line, f'the comment says "{note.words}", but this line never runs on the page'))
        return found


def stated(chunk: Chunk) -> dict[int, Stated]:
    """The comments of a chunk that state something about a line that can be looked at."""
    try:
        ends, inside = lines_of(ast.parse("\n" * (chunk.line - 1) + chunk.code))
    except SyntaxError:
        return {}  # running the block reports it
    notes = {line: read(str(chunk.path), line, words) for line, words in comments(chunk)}
    return {line: note for line, note in notes.items() if note and (line in ends or line in inside and note.after)}


def lines_of(tree: ast.Module) -> tuple[set[int], set[int]]:
    """The lines on which a simple statement ends, and those inside one on which a call starts."""
    simple = [node for node in ast.walk(tree) if isinstance(node, SIMPLE)]
    calls = {part.lineno for node in simple for part in ast.walk(node) if isinstance(part, ast.Call)}
    ends = {node.end_lineno for node in simple}
    return ends, calls - ends


def comments(chunk: Chunk) -> list[tuple[int, str]]:
    """Comments that stand behind code, by their line in the file."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(chunk.code).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                found.append((chunk.line - 1 + token.start[0], token.string[1:].strip()))
    except (tokenize.TokenError, SyntaxError):
        return []  # running the block reports it
    return found


class Looks(ast.NodeTransformer):
    """Puts the looks into the tree."""

    def __init__(self, notes: dict[int, Stated]):
        self.notes = notes

    def visit(self, node: ast.AST):
        self.generic_visit(node)
        note = self.notes.get(node.end_lineno) if isinstance(node, SIMPLE) else None
        if note is None or node.value is None:
            return node
        looks = [node]
        if isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            looks.append(ast.Expr(call(LOOK, note, ast.parse(ast.unparse(target), mode="eval").body)))
        elif is_print(node.value):
            node.value = call(LOOK, note, ast.Tuple(node.value.args, ast.Load()), ast.Constant(True))
        else:
            node.value = call(LOOK, note, node.value)
        if note.before:
            names = [n.id for n in ast.walk(looks[0].value) if isinstance(n, ast.Name) and n.id != LOOK]
            scope = ast.parse("{**globals(), **locals()}", mode="eval").body
            looks.insert(0, ast.Expr(call(LOOK_BEFORE, note, ast.Constant(tuple(names)), scope)))
        return [ast.copy_location(look, node) for look in looks]


def is_print(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") == "print" and not value.keywords


def call(name: str, note: Stated, *values: ast.expr) -> ast.Call:
    place = [ast.Constant(note.path), ast.Constant(note.line)]
    return ast.Call(ast.Name(name, ast.Load()), [*place, *values], [])

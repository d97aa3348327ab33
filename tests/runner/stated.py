"""Reads what a code comment states: a value, a dtype, or a shape, perhaps with the shape before it.

    # 1728        # => 0.55        # True        # torch.float32        # tensor([1, 2])
    # torch.Size([1, 64, 112, 112])        # (N, 16, 8, 8) -> (N, 16, 4, 4)        # shape: [64, 10]        # 16x8x8

A letter stands for any size, the same one on both sides of an arrow. `16x8x8` leaves out the batch.
"""

import ast
import re
from dataclasses import dataclass, field

from tests.runner.outputs import differences

SIZE = r"(?:-1|\d+|[A-Z][A-Za-z]*)"
SHAPE = (
    rf"torch\.Size\(\[[\d, ]*\]\)|\({SIZE}(?:,\s*{SIZE})+,?\)|\(\d+,\)|\[{SIZE}(?:,\s*{SIZE})+\]"
    rf"|(?:[A-Z]\s?[x×]\s?)?\d+(?:\s?[x×]\s?{SIZE})+|[A-Z]\s?[x×]\s?\d+"
)
# A size of a kernel or of a picture's part is not the shape of what the line makes.
OTHER = r"(?!\s*[=≈]|\s+(?:kernel|conv|filter|window|pool|max|patch|block|grid|stride|weight|neighbou?rhood|receptive))"
SHAPES = re.compile(rf"(?:(?P<before>{SHAPE})\s*(?:->|→|=>)\s*)?(?P<after>{SHAPE})(?=$|[:;,. ]){OTHER}")
PREFIX = re.compile(
    r"(?:[>=→-]+>?|≈|~|(?:out|outputs?|prints?|gives?|returns?|results?|shapes?|size|dtype|value|now|is|both|equals|approx\.?|about)\b)"
    r"\s*:?\s+|[>→≈~]\s*"
)
NAMED = re.compile(rf"(?:[A-Za-z_][\w.]*(?:\[[^\]]*\])?\s*[:=]|[A-Za-z][\w ,-]*:)\s*(?={SHAPE})")
# More than one thing that a line prints: torch.Size([1, 2]) True
SEVERAL = re.compile(r"\(?torch\.Size\(.*\),? (?:torch\.Size\(.*\)+|True|False)|\([\d, ]+\),? torch\.\w+")
DTYPE = re.compile(r"(?:torch\.|np\.)?(?:bool|half|double|long|(?:float|bfloat|int|uint|complex)\d*)$")
VALUE = r"[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
THOUSANDS = re.compile(r"[-−]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$")
VALUES = re.compile(rf"{VALUE}(?:\s+{VALUE})*|{DTYPE.pattern}|(?:tensor|array)\(.*\)")
WITH_WORDS = re.compile(rf"({VALUE})(?:\.$|\s*[;,:]\s+[A-Za-z])")  # 0.0417, close to 1/24
COUNT = re.compile(rf"({VALUE}) (?:params?|parameters)\b|({VALUE.replace('+)', '{3,})')}) [A-Za-z]")  # 1,728 weights
# A shape somewhere in the words, unless they say that it is the shape of something else.
BRACKETS = re.compile(rf"torch\.Size\(\[[\d, ]*\]\)|\({SIZE}(?:,\s*{SIZE}){{2,}}\)")
ELSE = re.compile(r"weight|kernel|filter|bias|mask|like|from|instead|not |never|wrong|would|needs|expects|->|→", re.I)
# What a comment behind a layer says of it.
LAYER = {
    "in_channels": re.compile(r"\b(\d+) input (?:image )?channels?\b"),
    "out_channels": re.compile(r"\b(\d+) output channels?\b"),
    "in_features": re.compile(r"\b(\d+) input features?\b"),
    "out_features": re.compile(r"\b(\d+) output features?\b"),
    "kernel_size": re.compile(r"\b(\d+)\s?[x×]\s?\d+ (?:square )?(?:kernel|conv|filter|window)"),
    "stride": re.compile(r"\bstride (?:of )?(\d+)\b"),
    "padding": re.compile(r"\bpadding (?:of )?(\d+)\b"),
}


@dataclass
class Stated:
    """What one comment states: sizes before and after, or words that a value must be."""

    path: str
    line: int
    words: str
    comment: str = ""  # all of it
    before: list[str] | None = None  # sizes on the left of the arrow
    after: list[str] | None = None
    either: bool = False  # it stands above its line, and may mean what the line starts from or what it makes
    layer: dict[str, int] = field(default_factory=dict)  # attributes of the layer that the line makes
    several: bool = False  # what a line prints; behind anything else it claims nothing
    counts: bool = False  # `1,728 weights`: what is counted may be something else than the value
    output: bool = False  # lines `#> ...`: all that the line prints, however often it runs
    printed: str = ""
    fitted: bool = False
    seen: int = 0
    fault: str = ""  # the first thing that did not fit

    @property
    def loose(self) -> bool:
        """`3x3` behind something without a shape is not about its shape."""
        return self.before is None and self.after is not None and len(self.after) == 3 and self.after[0] == "*"

    def look(self, value: object, start: list, printed: str | None = None) -> None:
        """Looks at what the line makes or prints, and at the tensors that it starts from."""
        self.seen += 1
        if self.output:
            self.printed += (printed if printed is not None else spell(value)) + "\n"
            self.fitted = not differences(self.words, self.printed)
            self.fault = f'the comment says "{self.words}", but it is {self.printed.rstrip()}'
            return
        if self.layer:
            self.look_at_layer(value)
        if self.fitted:
            return
        values = [value, *(value if isinstance(value, tuple | list) else [])]
        ends = [shape for shape in map(shape_of, values) if shape is not None]
        starts = [shape for shape in map(shape_of, start) if shape is not None]
        if self.after and (ends or self.either and starts):
            self.fitted = self.fit(starts, ends)
        if not self.fitted and self.before is None:
            counted = numbers_of(value, self.comment) if is_network(value) else []
            self.fitted = says(self.words, value, printed) or self.words.replace(",", "") in counted
        countable = isinstance(value, int | float) or is_network(value) and next(value.parameters(), None) is not None
        about_more = printed is None and (self.several or self.counts and not countable)
        if not self.fitted and not self.fault and not self.layer and not (self.loose and not ends) and not about_more:
            self.fault = f'the comment says "{self.words}", but it {self.found(value, starts, ends, printed)}'

    def look_at_layer(self, layer: object) -> None:
        """A layer must be as its comment says; of anything else the comment says nothing."""
        for name, number in self.layer.items():
            real = getattr(layer, name, number) if is_network(layer) else number
            if number not in (real, *(real if isinstance(real, tuple) else ())):
                self.fault = f'the comment says "{self.words}", but its {name} is {real}'
        self.fitted = not self.fault

    def fit(self, starts: list[tuple], ends: list[tuple]) -> bool:
        """Whether one of the shapes is as stated, from one that is as stated before the arrow."""
        for start in starts if self.before and starts else [None]:
            sizes: dict[str, int] = {}
            if start is None or fits(self.before, batchless(self.before, start), sizes):
                for end in ends + (starts if self.either else []):
                    if fits(self.after, batchless(self.after, end) if start else end, dict(sizes)):
                        return True
        return False

    def found(self, value: object, starts: list, ends: list, printed: str | None) -> str:
        if self.before and starts and not any(fits(self.before, batchless(self.before, start), {}) for start in starts):
            return f"starts from {starts[0]}"
        if is_network(value):
            return f"has {sum(parameter.numel() for parameter in value.parameters())} parameters"
        if self.after and ends:
            return f"is {ends[0]}"
        if self.after:
            return f"is {type(value).__name__}, which has no shape"
        return f"is {printed if printed is not None else spell(value)}"


def is_network(value: object) -> bool:
    return hasattr(value, "register_forward_hook")


def numbers_of(network, comment: str) -> list[str]:
    """What a number behind a network may be: how many parameters it has; or, as the comment says, weights or sizes."""
    sizes = [parameter.numel() for parameter in network.parameters()]
    plain = [value for value in vars(network).values() if isinstance(value, int)]
    more = [] if "param" in comment else sizes if re.search("weight|bias", comment) else plain
    return [str(number) for number in (sum(sizes), *more)]


def says(words: str, value: object, printed: str | None) -> bool:
    """Whether words are the value as it prints, or its dtype."""
    seen = [printed, *printed.split()] if printed is not None else [spell(value), str(value)]
    dtype = str(getattr(value, "dtype", value))
    if DTYPE.match(words):
        seen += [dtype, dtype.removeprefix("torch."), "np." + dtype]
        seen += [word for text in seen for word in text.split()]
    plain = words.replace(",", "").replace("−", "-") if THOUSANDS.match(words) else words
    return any(not differences(text, one) for text in {words, plain} for one in seen) or f"{plain}.0" == str(value)


def spell(value: object) -> str:
    """The value as text; a tensor without data, or anything else that cannot be shown, by its type."""
    try:
        return repr(value.tolist() if hasattr(value, "tolist") else value)
    except Exception:
        return type(value).__name__


def shape_of(value: object) -> tuple | None:
    """The shape of a tensor or array, or the value itself where it is one (`y.shape`)."""
    if isinstance(value, tuple) and value and all(type(size) is int for size in value):
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
    named = [(s, n) for s, n in zip(stated, shape, strict=True) if s != "-1"]
    return all(int(s) == n if s.isdigit() else sizes.setdefault(s, n) == n for s, n in named)


def batchless(stated: list[str], shape: tuple) -> tuple:
    """The shape without its batch, if an arrow leaves it out: `(1, 32, 32) -> (6, 28, 28)`."""
    return shape[1:] if len(stated) == 3 and len(shape) == 4 and stated[0] != "*" else shape


def sizes(text: str) -> list[str]:
    """`(N, 16, 4)` as `["N", "16", "4"]`; `16x4x4` as `["*", "16", "4", "4"]`."""
    found = re.findall(SIZE.replace("[A-Za-z]*", "[a-wyzA-Z]*"), text.removeprefix("torch.Size"))
    return found if text.startswith(("(", "torch", "[")) else ["*", *found]


def read(path: str, line: int, comment: str) -> Stated | None:
    """What a comment states, or None when it is only words."""
    if stated := interpret(path, line, comment.strip()):
        stated.comment = comment
    return stated


def interpret(path: str, line: int, words: str) -> Stated | None:
    while found := PREFIX.match(words):
        words = words[found.end() :]
    words = words[found.end() :] if (found := NAMED.match(words)) else words
    if SEVERAL.fullmatch(words):
        return Stated(path, line, words, several=True)
    if shapes := SHAPES.match(words):
        stated = Stated(path, line, shapes[0].strip(), after=sizes(shapes["after"]))
        stated.before = sizes(shapes["before"]) if shapes["before"] else None
        return stated
    if layer := {name: int(number) for name, sizes in LAYER.items() for number in sizes.findall(words)}:
        return Stated(path, line, words, layer=layer)
    if (inside := BRACKETS.findall(words)) and len(inside) == 1 and not ELSE.search(words):
        return Stated(path, line, inside[0], after=sizes(inside[0]), either=True)
    if found := COUNT.match(words):
        return Stated(path, line, found[1] or found[2], counts=True)
    if computed := result(words):
        return Stated(path, line, computed, counts=True)
    words = found[1] if (found := WITH_WORDS.match(words)) else words
    return Stated(path, line, words) if VALUES.fullmatch(words) or is_literal(words) else None


def result(words: str) -> str | None:
    """What written arithmetic comes to, `1792` in `3*64*9 + 64 = 1792 weights`: the line makes this number, too."""
    found = re.fullmatch(rf"[\d\s,.()*/+×·-]+=\s*({VALUE})(?:\s+[A-Za-z].*)?", words)
    return found[1] if found else None


def is_literal(words: str) -> bool:
    try:
        ast.literal_eval(words)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True

"""Writes printed outputs back into a page."""

import os
import re
from pathlib import Path

from tests.runner.page import Block


def rewrite(path: Path, text: str, printed: list[tuple[Block, str]]) -> list[int]:
    """Puts what each block printed into the page at `path`, whose text was `text`; the lines that changed.

    Raises:
        RuntimeError: the page was changed by somebody else while it ran; nothing is written then.
    """
    data = path.read_bytes()
    if data.decode("utf-8") != text:
        raise RuntimeError(f"{path} was changed while it ran: nothing is written, run it again")
    newline = "\r\n" if b"\r\n" in data else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    for block, output in sorted(printed, key=lambda pair: -pair[0].line):
        replace(lines, block, output)
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(newline.join(lines).encode("utf-8"))
    os.replace(temporary, path)
    return [block.line for block, _ in printed]


def replace(lines: list[str], block: Block, output: str) -> None:
    """Changes the output fence of one block, adds it, or takes it away when the block prints nothing."""
    prefix = block.fence.prefix
    body = [(prefix + line).rstrip() for line in output.rstrip("\n").split("\n")] if output.strip() else []
    if block.output is None:
        mark = "`" * max(3, longest_run(output) + 1)
        directive = f"{prefix}<!--pytest-codeblocks:expected-output-->"
        lines[block.fence.end : block.fence.end] = [directive, f"{prefix}{mark}text", *body, prefix + mark]
        return
    shown = block.output.fence
    if body:
        lines[shown.line : shown.end - 1] = body
        return
    start = max(n for n in range(block.fence.end, shown.line) if "expected-output" in lines[n])
    del lines[start : shown.end]


def longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)

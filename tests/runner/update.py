"""Writes printed outputs back into a page."""

import os
import re
from pathlib import Path

from tests.runner.page import Block


def rewrite(path: Path, text: str, printed: list[tuple[Block, str]]) -> list[int]:
    """Puts what each block printed into the page at `path`, whose text was `text`; the lines of the blocks.

    Raises:
        RuntimeError: the page was changed by somebody else while it ran; nothing is written then.
    """
    target = path.resolve()  # a link stays a link
    if target.read_bytes().decode("utf-8") != text:
        raise RuntimeError(f"{path} was changed while it ran: nothing is written, run it again")
    lines = text.split("\n")  # each line keeps its own \r
    for block, output in sorted(printed, key=lambda pair: -pair[0].line):
        replace(lines, block, output)
    temporary = target.with_name(target.name + ".new")
    temporary.write_bytes("\n".join(lines).encode("utf-8"))
    os.replace(temporary, target)
    return [block.line for block, _ in printed]


def replace(lines: list[str], block: Block, output: str) -> None:
    """Changes the output fence of one block, adds it, or takes it away when the block prints nothing."""
    prefix, end = block.fence.prefix, "\r" if lines[block.fence.line - 1].endswith("\r") else ""
    body = [(prefix + line).rstrip() for line in output.rstrip("\n").split("\n")] if output.strip() else []
    mark = "`" * max(3, longest_run(output) + 1)
    if block.output is None:
        new = [prefix.rstrip(), f"{prefix}{mark}text", *body, prefix + mark]
        lines[block.fence.end : block.fence.end] = [line + end for line in new]
        return
    shown = block.output.fence
    if body:
        mark = max(shown.mark, mark, key=len)
        opening = lines[shown.line - 1].rstrip("\r").replace(shown.mark, mark, 1)
        lines[shown.line - 1 : shown.end] = [line + end for line in (opening, *body, prefix + mark)]
        return
    del lines[block.fence.end : shown.end]  # with what stands between: empty lines, or the mark


def longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)

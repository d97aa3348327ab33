"""What other versions of PyTorch say in other words. The pages show the words of the locked version.

With the locked version nothing is translated, so that its outputs are compared to the letter.
"""

import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

# Words of torch 2.11 -> words of the locked version. Only what a page shows, and only what means the same.
WORDINGS = {
    "AsStridedBackward0, is at": "AsStrided, is at",
    "ReluBackward0, is at": "Relu, is at",
    "expected scalar type Long but found Float": "expected target dtype to be Long or Byte, but got Float",
}


@cache
def locked(root: Path) -> str:
    """The version of torch in requirements.txt; "" when there is none."""
    path = root / "requirements.txt"
    found = re.search(r"^torch==([\d.]+)", path.read_text(encoding="utf-8"), re.MULTILINE) if path.is_file() else None
    return found[1] if found else ""


def translated(output: str, root: Path) -> str:
    """What a block printed, in the words of the locked version."""
    said = [other for other in WORDINGS if other in output]
    if said and version("torch").partition("+")[0] != locked(root):
        for other in said:
            output = output.replace(other, WORDINGS[other])
    return output

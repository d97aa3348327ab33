"""The house style: the file says what it means, its examples are found or not, and the libraries agree with it."""

import re
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runner import house_style
from tests.runner.fences import Problem
from tests.runner.page import read_page

FIELDS = {"name": str, "where": str, "find": dict, "unless": str, "why": str, "wrong": list, "right": list}
ENTRIES = house_style.STYLE["rules"]
NAMES = [entry.get("name") for entry in ENTRIES]
# Deprecated on the page of PyTorch's documentation about torch.autograd only.
UNANNOUNCED = ["y = torch.autograd.Variable(x)", "from torch.autograd import Variable"]
SETUP = """
import matplotlib, numpy as np, torch, torchvision
matplotlib.use("Agg")
from matplotlib import pyplot as plt
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torchvision import models
from torchvision.transforms import v2
models.WeightsEnum.get_state_dict = lambda self, **options: models.resnet18().state_dict()  # no download
torch.hub.load = lambda repo, model, **options: models.get_model_builder(model)(**options)
x, epoch, image = torch.eye(2), 1, Image.new("RGB", (8, 8))
optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1)
optimizer.step()
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
"""


@pytest.fixture
def found(tmp_path):
    """The problems of a page, as `line: message`."""

    def check(text: str) -> list[str]:
        (tmp_path / "page.md").write_bytes(text.encode("utf-8", "surrogatepass"))
        problems = house_style.problems(read_page(tmp_path / "page.md", tmp_path), tmp_path)
        return [f"{problem.line}: {problem.message}" for problem in problems]

    return check


def page_with(entry: dict, example: str) -> str:
    return f"```python\n{example}\n```\n" if entry["where"] == "code" else f"{example}\n"


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_the_file_is_well_formed(entry):
    place = f'{house_style.FILE.name}, entry "{entry.get("name")}"'
    for field, kind in FIELDS.items():
        if field != "unless" or field in entry:
            assert isinstance(entry.get(field), kind) and entry[field], f"{place}: {field} must be a {kind.__name__}"
    assert set(entry) <= set(FIELDS), f"{place}: unknown field {', '.join(set(entry) - set(FIELDS))}"
    assert entry["where"] in ("prose", "code", "both"), f"{place}: where is prose, code or both"
    for text in [*entry["find"].values(), *entry["wrong"], *entry["right"]]:
        assert isinstance(text, str) and text, f"{place}: {text!r} must be text: put it in quotation marks"
    for pattern in entry["find"]:
        try:
            house_style.read_rule({**entry, "find": {pattern: ""}})
        except re.error as error:
            pytest.fail(f"{place}: {pattern!r} is no regular expression: {error}")


def test_names_differ():
    assert len(NAMES) == len(set(NAMES)), f"{house_style.FILE.name}: two entries have the same name"


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_the_examples(found, monkeypatch, entry):
    monkeypatch.setattr(house_style, "all_rules", lambda: [house_style.read_rule(entry)])
    place = f'{house_style.FILE.name}, entry "{entry["name"]}"'
    for example in entry["wrong"]:
        assert found(page_with(entry, example)), f"{place}: nothing is found in the wrong example {example!r}"
    for example in entry["right"]:
        problems = found(page_with(entry, example))
        assert not problems, f"{place}: the example {example!r} is right, but {problems}"


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_each_pattern_has_an_example(found, monkeypatch, entry):
    for pattern, instead in entry["find"].items():
        rule = house_style.read_rule({**entry, "find": {pattern: instead}})
        monkeypatch.setattr(house_style, "all_rules", lambda rule=rule: [rule])
        place = f'{house_style.FILE.name}, entry "{entry["name"]}"'
        assert any(found(page_with(entry, e)) for e in entry["wrong"]), f"{place}: no wrong example for {pattern!r}"


def test_a_broken_entry_is_named(found, monkeypatch):
    broken = {"name": "nets", "where": "prose", "find": {"(net": "network"}, "why": "-"}
    monkeypatch.setitem(house_style.STYLE, "rules", [broken])
    house_style.all_rules.cache_clear()
    with pytest.raises(ValueError, match="house_style.yaml, entry {'name': 'nets'.*missing \\)"):
        found("Text.")


def test_the_libraries_agree():
    """A wrong example fails, warns, or uses what its documentation calls deprecated; a right one just works.

    The examples change settings of the libraries, so they run in a process of their own.
    """
    code = [entry for entry in ENTRIES if entry["where"] == "code"]
    wrong = [example for entry in code for example in entry["wrong"]]
    right = [example for entry in code for example in entry["right"]]
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        complaints = dict(zip(wrong + right, process.map(complaint, wrong + right), strict=True))
    silent = [example for example in wrong if complaints[example] == ("", "")]
    assert silent == UNANNOUNCED, "these work without a word of warning: drop the rule?"
    assert [(example, complaints[example][0]) for example in right if complaints[example][0]] == []


def complaint(example: str) -> tuple[str, str]:
    """What Python or the libraries say against an example: the error or the warnings, and the documentation."""
    scope: dict = {}
    exec(SETUP, scope)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(example, scope)
        except NameError:
            raise
        except Exception as error:
            return f"{type(error).__name__}: {error}", ""
    said = [str(warning.message) for warning in caught]
    said = [text for text in said if re.search("deprecat|removed|get_last_lr", text)]
    return "; ".join(said), documentation(example, scope)


def documentation(example: str, scope: dict) -> str:
    """What the docstring of the call says with which the example begins."""
    try:
        words = eval(example.partition("(")[0], scope).__doc__ or ""
    except (SyntaxError, NameError):
        return ""
    return words if "deprecated" in words else ""


PAGE = """---
title: {title}
description: Words.
sources:
  - {{title: Making Convolutional Networks Shift-Invariant Again, authors: Richard Zhang, year: 2019}}
---

The field calls this translation
invariance of the layer.

```python
import torchvision.models as zoo
net = zoo.resnet18(  # 224 x 224 x 3 pixels go in
    pretrained=False,
)
```

## Quiz

### 1. Choose

- **A.** Convolution is translation
  invariant.
- **B.** Convolution is shift invariant.

<details markdown="1">

- **A. Wrong.** That is translation invariance.
- **B. Right.** Yes.

</details>

## Sources

- Richard Zhang, Making Convolutional Networks Shift-Invariant, 2019.
"""


def test_places(found):
    problems = found(PAGE.format(title="Shift invariance of convolution"))
    assert sorted(int(problem.partition(":")[0]) for problem in problems) == [2, 8, 13, 14, 24]


def test_the_message_is_for_people(found):
    (problem,) = found("```python\nimport torch as t\n\nx = t.range(0, 3)\n```\n")
    assert problem == (
        '4: "torch.range": write torch.arange, which leaves out the end. Why: PyTorch 2.14 warns about it, has '
        "removed it, or calls it deprecated in its documentation"
    )
    (problem,) = found("a zero\u200bwidth space\n")
    assert problem.startswith(r'1: "\u200b": write nothing; remove the character. Why: ')


@pytest.mark.parametrize(
    "text",
    [
        "The layer is shift invariant.<!-- given: a quotation -->\n",
        "Convolution is shift\ninvariant. <!-- given: the words of 1998 -->\n",
        "<!-- given: the warning is what this section is about -->\n```python\nnp.float(1)\n```\n",
        "<!--pytest.mark.xfail(raises=AttributeError)-->\n```python\nnp.float(1)\n```\n",
        "```python\nnp = 1\n'np.float'  # not np.float\n```\n",
        '> **"Convolution is translation invariant."** It is not.\n',
    ],
)
def test_a_place_may_say_why(found, text):
    assert found(text) == []


def test_a_reason_must_be_given(found):
    assert found("The layer is shift invariant.<!-- given: -->\n")


def test_snippets_are_read(tmp_path):
    (tmp_path / "snippets").mkdir()
    (tmp_path / "snippets/a.py").write_text(
        "import numpy as n\n# --8<-- [start:f]\n\nx = n.trapz([1])\n# --8<-- [end:f]\n"
    )
    (tmp_path / "page.md").write_text('```python\nimport numpy as n\n```\n\n```python\n--8<-- "snippets/a.py:f"\n```\n')
    (problem,) = house_style.problems(read_page(tmp_path / "page.md", tmp_path), tmp_path)
    assert (problem.line, problem.message.split(": write")[0]) == (5, 'snippets/a.py:4: "numpy.trapz"')


PIECES = [
    *"\n \"*_`$.?:×3\u200b\u202eÃ©—", "```python\n", "```\n", "---\n", "<!-- given: a -->", "## Quiz\n", "### 1. A\n",
    "- **A.** ", "- **A. Wrong.** ", "shift invariant", "224 x 224 x 3 pixels", "import a as b, c.d\n", "from . import x\n",
    "b.c[0].d(*e, **f)\n", "(", "lambda: ", "--8<-- \"a\"\n",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(text=st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=30).map("".join))
def test_any_text_is_read(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzzed.md"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    problems = house_style.problems(read_page(path, path.parent), path.parent)
    assert all(isinstance(problem, Problem) and 1 <= problem.line <= text.count("\n") + 1 for problem in problems)

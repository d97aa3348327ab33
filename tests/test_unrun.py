"""Code that a page shows and never runs, and deprecated calls: what is reported, and what is not."""

import pytest

from tests.test_page_runner import block, outcomes, project

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)
"""
RUNS = {
    "called": block("def f():\n    return 1\n\nf()"),
    "called-later": block("def f():\n    return 1") + block("f()"),
    "called-by-another": block("def g():\n    return 1\n\ndef f():\n    return g()\n\nf()"),
    "generator": block("def f():\n    yield 1\n\nlist(f())"),
    "decorated": block("import functools\n\n@functools.cache\ndef f():\n    return 1\n\nf()"),
    "method": block("class A:\n    def f(self):\n        return 1\n\nA().f()"),
    "callback": block("print(sorted([2, 1], key=lambda x: -x))") + "\n```text\n[2, 1]\n```\n",
    "abstract": block("class A:\n    def f(self):\n        raise NotImplementedError"),
    "reason": "<!-- given: the page only shows how it is written -->\n" + block("def f():\n    return 1"),
    "forward": block(NET + "\n    def forward(self, x):\n        return self.linear(x)\n\nNet()(torch.ones(1, 2))"),
    "base-class": block(
        NET + "\nclass Child(Net):\n    def forward(self, x):\n        return self.linear(x)\n\nChild()(torch.ones(1, 2))"
    ),
    "warning-of-another-kind": block("import warnings\nwarnings.warn('watch out')"),
    "caught-deprecation": block(
        "import warnings\nwith warnings.catch_warnings(record=True):\n    warnings.warn('old', DeprecationWarning)"
    ),
}
NEVER = {
    "not-called": (block("def f():\n    return 1"), ":2: f is shown, but nothing on the page calls it"),
    "nested": (block("def f():\n    def g():\n        return 1\n\nf()"), ":3: g is shown"),
    "method-not-called": (block("class A:\n    def f(self):\n        return 1\n\nA()"), ":3: A.f is shown"),
    "async": (block("async def f():\n    return 1\n\nf().close()"), ":2: f is shown"),
    "no-forward": (block(NET + "\nNet()"), ":5: Net is a network without a forward"),
    "reason-of-another-block": (
        "<!-- given: shown only -->\n" + block("def f():\n    return 1") + block("def g():\n    return 1"),
        ":7: g is shown",
    ),
    "deprecated": (
        block("import warnings\nwarnings.warn('f() is old', DeprecationWarning)"),
        ":3: this call is deprecated: f() is old",
    ),
    "deprecated-in-torch": (block("import torch\ntorch.ones(3).T"), ":3: this call is deprecated: The use of `x.T`"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    pages = {**RUNS, **{name: text for name, (text, _) in NEVER.items()}}
    return outcomes(project(tmp_path_factory.mktemp("unrun"), pages))


@pytest.mark.parametrize("name", RUNS)
def test_what_runs_passes(results, name):
    assert {outcome for outcome, _ in results[name].values()} == {"passed"}, results[name]


@pytest.mark.parametrize("name", NEVER)
def test_what_never_runs_is_reported(results, name):
    failures = [words for outcome, words in results[name].values() if outcome == "failure"]
    assert len(failures) == 1 and f"{name}.md{NEVER[name][1]}" in failures[0], failures

"""The comparison of CPU and GPU, on a machine without one: the second device is the CPU, and is made to be wrong."""

import json
import re
import tempfile
from pathlib import Path

import pytest
import torch
from torch import nn

from scripts import verify_gpu
from scripts.site import verified
from tests.conftest import ROOT
from tests.runner.gpu import TOLERANCE, Mirror


class Wrong(Mirror):
    """A second device whose inputs are off by a share of their size."""

    def __init__(self, share):
        super().__init__("cpu")
        self.share = share

    def copy(self, value):
        copied = super().copy(value)
        return copied * (1 + self.share) if isinstance(value, torch.Tensor) and value.is_floating_point() else copied


def train(steps=3):
    """The weights after a few steps, with an optimizer that works in place."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    x, labels = torch.randn(8, 1, 8, 8), torch.arange(8) % 3
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach()


def test_the_same_device_twice_changes_nothing():
    plain = train()
    mirror = Mirror("cpu")
    with mirror:
        mirrored = train()
    found = mirror.take()
    assert torch.equal(plain, mirrored)
    assert found["operations"] > 100 and found["differences"] == {"float32": 0.0}
    assert not found["faults"] and not found["missing"]
    assert mirror.take()["operations"] == 0, "each block begins anew"


def test_a_device_that_computes_wrongly_is_found():
    mirror = Wrong(1e-3)
    with mirror:
        torch.ones(4, 4) @ torch.ones(4, 4)
    (fault,) = mirror.take()["faults"]
    assert fault == "mm differs on the GPU by 2.0e-03 of the largest number (float32: at most 1e-04)"


def test_backward_is_compared_too():
    x = torch.ones(3, requires_grad=True)
    y = (x**2).sum()
    mirror = Wrong(1e-3)
    with mirror:
        y.backward()
    assert any("mul differs" in fault for fault in mirror.take()["faults"])


def test_the_page_goes_on_with_the_numbers_of_the_gpu():
    with Wrong(2**-20):
        y = torch.ones(2, 2) @ torch.full((2, 2), 3.0)
    assert (y > 6).all()
    x = torch.ones(4)
    with Wrong(2**-20):
        x.mul_(2)
    assert (x > 2).all(), "in place, too"


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(("factor", "faults"), [(0.25, 0), (4, 1)])
def test_rounding_is_allowed_and_no_more(dtype, factor, faults):
    mirror = Mirror("cpu")
    x = torch.full((8,), 3, dtype=dtype)
    exact = x.to(torch.complex128 if dtype.is_complex else torch.float64)
    mirror.note("add", x, (exact * (1 + factor * TOLERANCE[dtype])).to(dtype), ())
    assert len(mirror.take()["faults"]) == faults


def test_random_numbers_and_views_are_left_alone():
    x, mirror = torch.ones(100), Wrong(1.0)
    torch.manual_seed(1)
    expected = torch.rand_like(x), torch.bernoulli(x / 2)
    with mirror:
        torch.manual_seed(1)
        drawn = torch.rand_like(x), torch.bernoulli(x / 2)
        seen = x[:50].view(5, 10).T.contiguous()
    assert torch.equal(drawn[0], expected[0]) and torch.equal(seen, torch.ones(10, 5))
    assert {fault.partition(" ")[0] for fault in mirror.take()["faults"]} == {"div"}


def test_other_whole_numbers_are_a_fault_and_ties_are_not():
    class Moved(Mirror):
        def copy(self, value):
            copied = super().copy(value)
            return copied.flip(0) if isinstance(value, torch.Tensor) and value.dim() else copied

    equal = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    cases = [
        (lambda: torch.arange(3) + 1, 1),
        (lambda: torch.tensor([1.0, 0.0, 0.0]).argmax(), 1),
        (lambda: torch.tensor([[1.0, 2.0], [4.0, 3.0]]).argmax(dim=1), 1),
        (lambda: torch.tensor([1.0, 0.0, 1.0, 0.0]).argmax(), 1),
        (lambda: torch.tensor([3.0, 1.0, 2.0]).argsort(), 1),
        (lambda: equal.argmax(), 0),
        (lambda: equal.argmax(dim=1), 0),
        (lambda: equal.argsort(), 0),
    ]
    for work, faults in cases:
        mirror = Moved("cpu")
        with mirror:
            work()
        assert len(mirror.take()["faults"]) == faults


PAGE = """# A page

```python
import torch

x = torch.ones(3, 3)
print((x @ x).sum())
```

```text
tensor(27.)
```
"""
SILENT = """# A page

```python
import torch

print(torch.__name__)
```

```text
torch
```
"""


@pytest.fixture
def folder():
    """A page must lie in the project."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as name:
        yield Path(name)


def rehearse(folder, text, *options):
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    results = folder / "results.json"
    code = verify_gpu.main([str(page), "--results", str(results), "--workers", "0", *options])
    return code, json.loads(results.read_text(encoding="utf-8"))["pages"] if results.is_file() else {}


def test_a_page_is_rehearsed_and_its_results_are_written(folder):
    code, pages = rehearse(folder, PAGE, "--device", "twin")
    assert code == 0
    (found,) = pages.values()
    assert found["operations"] == 2 and found["differences"] == {"float32": 0.0} and found["failed"] == 0
    assert found["device"] == "a CPU, twice" and len(found["hash"]) == 64
    assert set(found["steps"]["block-1"]) == {"seconds", "operations", "differences", "peak_mebibytes"}


def test_a_page_that_stays_on_the_cpu_is_an_error(folder, capfd):
    code, _ = rehearse(folder, SILENT, "--device", "twin")
    assert code == 1
    assert "this page imports torch, and not one operation of it ran on the GPU" in capfd.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here: this is about machines without one")
def test_without_a_gpu_it_says_so(folder, capfd):
    assert rehearse(folder, PAGE) == (4, {})
    assert "torch finds no CUDA device here" in "".join(capfd.readouterr())


def test_it_needs_no_index_and_names_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(verify_gpu, "WHEELS", {"no-such-package": "no_such_package"})
    with pytest.raises(SystemExit) as stopped:
        verify_gpu.main(["--device", "twin"])
    assert "no-such-package" in str(stopped.value) and "--wheels" in str(stopped.value)


def test_the_documented_wheels_are_those_that_the_runner_imports():
    page = (ROOT / "docs/reference/gpu-runner.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in verify_gpu.WHEELS)


def test_a_page_shows_its_run_on_a_gpu_only_as_it_ran(tmp_path):
    page, report = tmp_path / "page.md", tmp_path / verified.GPU_REPORT
    page.write_text(PAGE, encoding="utf-8")
    assert verified.gpu_sentence(page, tmp_path) == "Not yet run on a GPU in this version."
    facts = {"device": "NVIDIA X1", "date": "1 May 2027", "versions": "Python 3.12 and torch 2.11", "failed": 0}
    facts |= {"operations": 1234, "differences": {"float32": 1.2e-7}, "hash": verified.content_hash(page, tmp_path)}
    report.parent.mkdir(parents=True)
    report.write_text(json.dumps({"pages": {"page.md": facts}}), encoding="utf-8")
    assert verified.gpu_sentence(page, tmp_path) == (
        "On NVIDIA X1, on 1 May 2027 with Python 3.12 and torch 2.11: 1,234 operations; "
        "largest difference from a CPU: 1e-07 (float32)."
    )
    page.write_text(PAGE + "\nMore.\n", encoding="utf-8")
    assert verified.gpu_sentence(page, tmp_path) == "Not yet run on a GPU in this version."
    page.write_text("# No torch\n", encoding="utf-8")
    assert verified.gpu_sentence(page, tmp_path) == ""


def test_results_become_a_table(folder, capsys):
    rehearse(folder, PAGE, "--device", "twin")
    capsys.readouterr()
    assert verify_gpu.main(["--summary", str(folder / "results.json")]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("| page | operations |") and "page.md | 2 | 0e+00 (float32) |" in rows[2]
    with pytest.raises(SystemExit):
        verify_gpu.main(["--summary", str(folder / "none.json")])


def test_the_page_names_the_differences_that_are_allowed():
    page = (ROOT / "docs/reference/gpu-runner.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (b?float\d+) \| (\S+) \|$", page, re.MULTILINE)
    real = {dtype: most for dtype, most in TOLERANCE.items() if not dtype.is_complex}
    assert {getattr(torch, name): float(most) for name, most in rows} == real

"""Values and shapes in code comments: each example runs, and its comment is true, false, never reached or only words."""

import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.runner.observed import Watch
from tests.runner.snippets import Chunk

START = "import torch\nfrom torch import nn\nx = torch.zeros(2, 1, 8, 8)\n"
TRUE = [
    "n = 3 * 3 * 3 * 64  # 1728",
    "n = 27 / 49  # 0.55",
    "print(x.shape)  # torch.Size([2, 1, 8, 8])",
    "print('a', 2)  # a is printed",
    "print(3 + 4)  #> 7",
    "y = x.flatten(1)  # (N, 1, 8, 8) -> (N, 64)",
    "y = nn.MaxPool2d(2)(x)  # 8x8 -> 4x4",
    "pool = nn.MaxPool2d(2)  # 8x8 -> 4x4\ny = pool(x)",
    "conv = nn.Conv2d(1, 4, 3)  # 3x3 kernel",
    "net = nn.Sequential(\n    nn.Conv2d(1, 4, 3),  # 4x6x6\n    nn.Flatten(),  # (N, 144)\n)\ny = net(x)",
    "def f(x):\n    return x.flatten(1)  # (N, 64)\ny = f(x)",
    "def f(x):\n    x = x + 1  # (N, C, H, W)\n    return x\ny = f(x)",
    "y = x.sum((0, 1, 2, 3))  # 0.0",
    "y = list(x.shape)  # [2, 1, 8, 8]",
    "y = x.shape  # (2, 1, 8, 8)",
    "y = x[0]  # (1, 8, 8): without the batch",
    "y = torch.tensor([1, 2])  # [1, 2]",
    "a, b = x.shape[:2]  # (2, 1)",
    "n = 3 * 3  # 3 x 3 = 9 weights",
    "s = 'words # 5'  # nothing to see",
    "def f(x):  # (N, 1, 8, 8)\n    return x\ny = f(x)",
    "class Net(nn.Module):\n    def forward(self, x):  # (N, C, 8, 8)\n        'Doc.'\n        return x\ny = Net()(x)",
    "y = nn.Conv2d(1, 4, 3)(x)  # (1, 8, 8) -> (4, 6, 6)",
    "y = torch.zeros(2, 3, device='meta')  # (2, 3)",
    "# 7 * 7 = 49 values for each\nlinear = nn.Linear(49, 10)",
    "y = x  # (2, 1, 8, 8), torch.float32",
    "linear = nn.Linear(2, 3)  # 2 * 3 = 6 weights",
    "n = 3 * 64 * 9 + 64  # 3*64*9 + 64 = 1792",
    "net = nn.Sequential(\n    nn.Conv2d(1, 2, 3),  # 1*2*9 + 2 = 20 params\n    nn.Linear(2, 3),  # 9\n)",
    "conv = nn.Conv2d(1, 2, 3)  # 1*2*9 = 18 weights",
    "flat = nn.Flatten()  # 1 * 8 * 8 = 64 values",
    "print(x.shape, x.ndim == 4)  # torch.Size([2, 1, 8, 8]) True",
    "y = x.flatten(1)  # N x 64",
    "y = x[:, :, 0, 0].repeat(1, 3)  # global average: 2x3",
    "y = x[0]  # back to one: [1, 8, 8]",
    "y = x  # [-1, 1, 8, 8]",
    "y = x + 1  # 2 * 2 = 4 would do",
    "conv = nn.Conv2d(1, 6, 5)  # 1 input image channel, 6 output channels, 5x5 kernel",
    "n = 2 + 2  # 4; the last one is lost",
    "print(2, 3)  # 2 3",
    "y = x.flatten(1)  # now it is (2, 1, 8, 8) in a row",
    "y = x[:, :, ::2, ::2]  # every second one, so (N, 1, 4, 4)",
    "y = x.numel()  # 128 values",
    "pixels = x  # 784 would be more",
    "for k in (1, 2):\n    n = k  # 2",
    "print(3 + 4)\n#> 7",
    "print('a\\nb')\n#> a\n#> b",
    "n = 2000  # 2,000",
    "n = 2000  # => 2000",
    "n = 27 / 49  # ≈ 0.55",
    "y = x.long()  # torch.int64",
    "print(x.dtype)  # float32",
    "y = x.shape  # [2, 1, 8, 8]",
    "y = x.flatten(1)  # shape: (2, 64)",
    "y = x.flatten(1)  # y: (2, 64)",
    "print('shape', x.shape)  # torch.Size([2, 1, 8, 8])",
    "y = x[0]  # 1 x 8 x 8",
    "y = torch.tensor([1, 2])  # tensor([1, 2])",
    "# (N, 64)\ny = x.flatten(1)",
    "# (N, 1, 8, 8)\ny = x.flatten(1)",
    "x = nn.Conv2d(1, 1, 3, padding=1)(x)  # 3x3 convolution",
    "layers, width = [nn.MaxPool2d(2)], 32  # 8x8 -> 4x4\ny = layers[0](x)",
    "def block():\n    return nn.Sequential(nn.Conv2d(1, 4, 3))\nnet = nn.Sequential(\n    block(),  # 4x6x6\n)\ny = net(x)",
    "net = nn.Sequential(\n    # (N, 1, 8, 8)\n    nn.Conv2d(1, 4, 3),\n    # (N, 4, 6, 6)\n    nn.ReLU(),\n)\ny = net(x)",
    "class Net(nn.Module):\n    def forward(self, x):\n        return x.flatten(1)  # (N, 16)\ny = Net()(x)\ny = Net()(x[..., :4, :4])",
]
FALSE = [
    ("n = 3 * 3 * 3 * 64  # 1729", 4, "is 1728"),
    ("n = 27 / 49  # 0.56", 4, "is 0.5510204081632653"),
    ("print(x.shape)  # torch.Size([2, 1, 8, 9])", 4, "is (2, 1, 8, 8)"),
    ("print(3 + 4)  #> 8", 4, "is 7"),
    ("y = x.flatten(1)  # (N, 1, 8, 8) -> (N, 65)", 4, "is (2, 64)"),
    ("y = x.flatten(1)  # (N, 1, 8, 9) -> (N, 64)", 4, "starts from (2, 1, 8, 8)"),
    ("y = x.flatten(1)  # (N, 1, 8, 8) -> (H, 64)", None, None),
    ("y = x.transpose(0, 2)  # (N, C, H, W) -> (N, C, H, W)", 4, "is (8, 1, 2, 8)"),
    ("pool = nn.MaxPool2d(2)  # 8x8 -> 4x5\ny = pool(x)", 4, "is (2, 1, 4, 4)"),
    ("net = nn.Sequential(\n    nn.Conv2d(1, 4, 3),  # 4x6x7\n)\ny = net(x)", 5, "is (2, 4, 6, 6)"),
    ("def f(x):\n    return x.flatten(1)  # (N, 65)\ny = f(x)", 5, "is (2, 64)"),
    ("def f(x):\n    return x.flatten(1)  # (N, 64)", 5, "never runs"),
    ("pool = nn.MaxPool2d(2)  # 8x8 -> 4x4", 4, "never runs"),
    ("if x is None:\n    y = 1  # 1", 5, "never runs"),
    ("y = 5  # (N, C)", 4, "is int, which has no shape"),
    ("for k in (1, 2):\n    n = k  # 3", 5, "is 1"),
    ("conv = nn.Conv2d(1, 6, 5)  # 1 input image channel, 6 output channels, 3x3 kernel", 4, "its kernel_size is (5, 5)"),
    ("conv = nn.Conv2d(1, 6, 5)  # 1 input image channel, 16 output channels, 5x5 kernel", 4, "its out_channels is 6"),
    ("net = nn.Sequential(\n    nn.Linear(2, 3),  # 2 input features, 4 output features\n)", 5, "its out_features is 3"),
    ("n = 2 + 2  # 5; the last one is lost", 4, "is 4"),
    ("print(2, 3)  # 2 4", 4, "is 2 3"),
    ("y = x[:, :, ::2, ::2]  # every second one, so (N, 1, 5, 5)", 4, "is (2, 1, 4, 4)"),
    ("y = x.numel()  # 129 values", 4, "is 128"),
    ("n = 3 * 64 * 9 + 64  # 3*64*9 = 1728", 4, "is 1792"),
    ("net = nn.Sequential(\n    nn.Conv2d(1, 2, 3),  # 1*2*8 = 16 params\n)", 5, "has 20 parameters"),
    ("net = nn.Sequential(\n    nn.Linear(2, 3),  # 8\n)", 5, "has 9 parameters"),
    ("print(x.shape, x.ndim == 4)  # torch.Size([2, 1, 8, 8]) False", 4, "is torch.Size"),
    ("y = x.flatten(1)  # N x 65", 4, "is (2, 64)"),
    ("y = x[0]  # back to one: [1, 8, 9]", 4, "is (1, 8, 8)"),
    ("y = x  # [-1, 1, 8, 9]", 4, "is (2, 1, 8, 8)"),
    ("linear = nn.Linear(2, 3)  # 2 * 3 = 6 params", 4, "has 9 parameters"),
    ("y = x  # (1, 8, 8)", 4, "is (2, 1, 8, 8)"),
    ("y = nn.Conv2d(1, 4, 3)(x)  # (1, 8, 8) -> (5, 6, 6)", 4, "is (2, 4, 6, 6)"),
    ("y = torch.zeros(2, 3, device='meta')  # 5.5", 4, "is Tensor"),
    ("def f(x):  # (N, 8, 8, 1)\n    return x\ny = f(x)", 4, "is (2, 1, 8, 8)"),
    ("print(3 + 4)\n#> 8", 5, "is 7"),
    ("print(3)\nprint('a\\nb')\n#> a\n#> c", 6, "is a"),
    ("n = 2000  # 2,001", 4, "is 2000"),
    ("y = x.long()  # torch.int32", 4, "is [[["),
    ("print(x.dtype)  # float64", 4, "is torch.float32"),
    ("y = x.shape  # [2, 1, 8, 9]", 4, "is (2, 1, 8, 8)"),
    ("y = x.flatten(1)  # shape: (2, 65)", 4, "is (2, 64)"),
    ("y = x.flatten(1)  # => torch.Size([2, 65])", 4, "is (2, 64)"),
    ("y = x[0]  # 1 x 8 x 9", 4, "is (1, 8, 8)"),
    ("y = torch.tensor([1, 2])  # tensor([1, 3])", 4, "is [1, 2]"),
    ("# (N, 65)\ny = x.flatten(1)", 4, "is (2, 64)"),
    ("def block():\n    return nn.Sequential(nn.Conv2d(1, 4, 3))\nnet = nn.Sequential(\n    block(),  # 4x6x7\n)\ny = net(x)", 7, "is (2, 4, 6, 6)"),
    ("net = nn.Sequential(\n    # (N, 1, 8, 8)\n    nn.Conv2d(1, 4, 3),\n    # (N, 5, 6, 6)\n    nn.ReLU(),\n)\ny = net(x)", 7, "is (2, 4, 6, 6)"),
]


@pytest.fixture
def faults(monkeypatch):
    """Runs code as the page runner does; nothing that the watch changes in torch stays."""
    monkeypatch.setattr(nn.Module, "__init__", nn.Module.__init__)
    hooks = torch.nn.modules.module._global_forward_hooks
    monkeypatch.setattr(torch.nn.modules.module, "_global_forward_hooks", hooks.copy())

    def run(code: str) -> list[tuple[int, str]]:
        watch, namespace = Watch(), {}
        chunk = Chunk(Path("page.md"), 1, START + textwrap.dedent(code) + "\n")
        exec(compile(watch.prepare(chunk, namespace), "page.md", "exec"), namespace)
        return [(line, words) for _, line, words in watch.faults()]

    return run


@pytest.mark.parametrize("code", TRUE)
def test_true(faults, code):
    assert faults(code) == []


@pytest.mark.parametrize(("code", "line", "words"), FALSE)
def test_false(faults, code, line, words):
    found = faults(code)
    if words is None:
        assert found == []  # a new letter on the right stands for any size
    else:
        assert len(found) == 1 and found[0][0] == line and words in found[0][1], found


def test_looking_changes_nothing(faults, capsys):
    assert faults("print('a', x.shape[1], sep='-')\nprint(1, 2)  # 1 2\ny = [n for n in range(3)]  # [0, 1, 2]") == []
    assert capsys.readouterr().out == "a-1\n1 2\n"

"""Lets the operations of a page run on a GPU, and compares each of them with the CPU.

A page keeps its tensors where its reader has them. But each operation of PyTorch on them, forwards and backwards, runs
twice, on the CPU and on the GPU with copies of the same inputs; the page goes on with the numbers of the GPU. So all
outputs and claims of a page are checked on what a GPU computed, and the largest difference of a single operation is
known. Random numbers are drawn on the CPU, or no output could be compared. With `--device twin` the second device is
the CPU itself: a rehearsal, for a machine without a GPU.
"""

from dataclasses import asdict, dataclass, field

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

# How far an operation on the GPU may lie from the CPU, as a share of the largest number that goes in or comes out: a
# sum of large numbers that cancel leaves an error of their size. TF32 is off: with it, products have ten bits.
TOLERANCE = {
    torch.float64: 1e-10,
    torch.complex128: 1e-10,
    torch.float32: 1e-4,
    torch.complex64: 1e-4,
    torch.bfloat16: 2e-2,
    torch.float16: 4e-3,
}
# They move numbers or make them up, and compute nothing.
QUIET = set(
    "_to_copy clone copy_ detach lift_fresh lift_fresh_copy _local_scalar_dense empty_like zeros_like ones_like "
    "full_like new_zeros new_ones new_full new_empty new_empty_strided empty_strided zero_ fill_ set_ resize_ "
    "_reshape_alias _unsafe_view record_stream is_same_size equal".split()
)
# Their results have no sign of their own: they stay on the CPU.
UNSIGNED = {"linalg_svd", "_linalg_svd", "linalg_eigh", "_linalg_eigh", "linalg_qr", "linalg_eig"}
# Where several places hold the same number, either may be named: the values there are compared.
TIES = set("max min argmax argmin argsort sort topk median mode kthvalue cummax cummin".split())
# Their places count through a window's plane. The maxima themselves are compared.
POOLS = {"max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "fractional_max_pool2d"}


@dataclass
class Compared:
    """What was compared in one block."""

    operations: int = 0
    differences: dict[str, float] = field(default_factory=dict)  # dtype -> the largest, relative
    faults: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # operations that the GPU does not have
    peak_mebibytes: float = 0.0


class Mirror(TorchDispatchMode):
    """Runs each operation a second time, on `device`. Use it as a context; `take()` gives what was compared."""

    def __init__(self, device: str):
        super().__init__()
        self.device = device
        self.total = 0
        self.quiet = 0  # operations that compute nothing, such as those that make the weights of a layer
        self.stayed = 0  # operations that the GPU does not have, or that are left to the CPU
        self.elsewhere = 0  # operations on tensors that the page itself has put on the GPU, or that hold no numbers
        self.found = Compared()
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    def take(self) -> dict:
        """What was compared since the last call."""
        found, self.found = self.found, Compared()
        if self.device == "cuda" and torch.cuda.is_initialized():
            found.peak_mebibytes = round(torch.cuda.max_memory_allocated() / 2**20, 1)
            torch.cuda.reset_peak_memory_stats()
        return asdict(found)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if not self.computes(func, args, kwargs):
            return func(*args, **kwargs)
        copies, options = tree_map(self.copy, args), tree_map(self.copy, kwargs)
        out = func(*args, **kwargs)
        try:
            twin = func(*copies, **options)
        except RuntimeError as problem:
            self.lacks(func, problem)
            return out
        self.total += 1
        self.found.operations += 1
        inputs = (args, kwargs)
        self.compare(func, out, twin, inputs)
        for place, argument in enumerate(func._schema.arguments):
            if argument.alias_info is None or not argument.alias_info.is_write:
                continue
            if place < len(args):
                self.compare(func, args[place], copies[place], inputs)
            elif argument.name in kwargs:
                self.compare(func, kwargs[argument.name], options[argument.name], inputs)
        return out

    def computes(self, func, args, kwargs) -> bool:
        """Whether an operation turns numbers on the CPU into other numbers."""
        tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
        if any(tensor.device.type != "cpu" for tensor in tensors):
            self.elsewhere += 1
            return False
        plain = tensors and all(tensor.layout == torch.strided for tensor in tensors)
        is_view = any(each.alias_info is not None and not each.alias_info.is_write for each in func._schema.returns)
        is_random = torch.Tag.nondeterministic_seeded in func.tags
        name = func._schema.name.partition("::")[2]
        if name in UNSIGNED:
            self.stayed += 1
            return False
        found = bool(plain) and not is_view and not is_random and name not in QUIET and "device" not in kwargs
        self.quiet += not found
        return found

    def copy(self, value):
        if not isinstance(value, torch.Tensor):
            return value
        return value.detach().to(self.device, copy=True)

    def lacks(self, func, problem: Exception) -> None:
        name = func._schema.name.partition("::")[2]
        if isinstance(problem, NotImplementedError):
            self.stayed += 1
            self.found.missing = sorted({*self.found.missing, name})
        else:
            self.found.faults.append(f"{name} fails on the GPU: {str(problem).splitlines()[0]}")

    def compare(self, func, mine, other, inputs) -> None:
        """Note how far the results lie apart, and go on with those of the GPU."""
        name = func._schema.name.partition("::")[2].rstrip("_")
        for cpu, gpu in zip(tree_flatten(mine)[0], tree_flatten(other)[0], strict=True):
            if not isinstance(cpu, torch.Tensor) or cpu.numel() == 0:
                continue
            # A number of Python that became a tensor does not ask for float64; its copy does.
            gpu = gpu.cpu().to(cpu.dtype)
            if cpu.dtype in TOLERANCE:
                self.found.differences.setdefault(str(cpu.dtype).removeprefix("torch."), 0.0)
            if torch.equal(cpu, gpu):
                continue
            if cpu.dtype in TOLERANCE:
                self.note(name, cpu, gpu, inputs)
                cpu.copy_(gpu)
            elif name not in POOLS and not (name in TIES and same_values(func, inputs, cpu, gpu)):
                self.found.faults.append(f"{name} gives other whole numbers on the GPU")

    def note(self, name: str, cpu: torch.Tensor, gpu: torch.Tensor, inputs) -> None:
        same = (cpu == gpu) | (cpu.isnan() & gpu.isnan())
        scale = max(largest(inputs), largest(cpu)) or 1.0
        gap = torch.where(same, 0, (cpu - gpu).abs()).max().item() / scale
        kind = str(cpu.dtype).removeprefix("torch.")
        self.found.differences[kind] = max(gap, self.found.differences.get(kind, 0.0))
        if not gap <= TOLERANCE[cpu.dtype]:
            most = f"{kind}: at most {TOLERANCE[cpu.dtype]:.0e}"
            self.found.faults.append(f"{name} differs on the GPU by {gap:.1e} of the largest number ({most})")


def same_values(func, inputs, cpu: torch.Tensor, gpu: torch.Tensor) -> bool:
    """Whether the places that both devices name hold the same values of the first input."""
    args, kwargs = inputs
    names = [argument.name for argument in func._schema.arguments]
    given = {argument.name: argument.default_value for argument in func._schema.arguments}
    given |= dict(zip(names, args, strict=False)) | kwargs
    x, dim = given["self"], given.get("dim")
    if dim is None:
        return torch.equal(x.flatten()[cpu], x.flatten()[gpu])
    mine, other = (each if each.dim() == x.dim() else each.unsqueeze(dim) for each in (cpu, gpu))
    return torch.equal(torch.take_along_dim(x, mine, dim), torch.take_along_dim(x, other, dim))


def largest(tree) -> float:
    """The largest finite size of a floating-point number in the tensors of a tree; 0.0 when there is none."""
    sizes = [
        each.detach().abs().nan_to_num(0, 0, 0).max().item()
        for each in tree_flatten(tree)[0]
        if isinstance(each, torch.Tensor) and each.dtype in TOLERANCE and each.numel() > 0
    ]
    return max(sizes, default=0.0)

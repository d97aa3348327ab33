"""Measuring whole networks without running them, as the page reference/architectures.md shows it."""

from typing import NamedTuple

import torch
from torch import fx, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torchvision.models import get_model, get_model_weights

from snippets.cost_of_a_network import costs


# --8<-- [start:reach]
class Reach(NamedTuple):
    """What lies behind the first value of a feature map, along its columns."""

    depth: int = 0  # layers with weights on the longest path to it
    first: int = 0  # the first column of the input that it sees
    last: int = 0  # the last one
    jump: int = 1  # columns of the input from one value to the next

    def through(self, kernel, stride=1, padding=0, dilation=1):
        """Return the Reach behind a window: of a convolution or of a pooling layer."""
        first = self.first - padding * self.jump
        last = self.last + (dilation * (kernel - 1) - padding) * self.jump
        return Reach(self.depth, first, last, self.jump * stride)


def join(reaches):
    """Return the Reach of a sum or a concatenation: as far as its widest branch."""
    depths, firsts, lasts, jumps = zip(*reaches, strict=True)
    return Reach(max(depths), min(firsts), max(lasts), max(jumps))
# --8<-- [end:reach]


# --8<-- [start:window]
def window(node, layer):
    """Return (kernel, stride, padding, dilation) along the columns, or None.

    node: a call in a traced network. layer: what it calls, if that is a module.
    """
    if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        settings = vars(layer)
    elif getattr(node.target, "__name__", "") in ("max_pool2d", "avg_pool2d"):
        names = ("kernel_size", "stride", "padding")
        settings = dict(zip(names, node.args[1:], strict=False)) | node.kwargs
    else:
        return None
    kernel = settings["kernel_size"]
    sides = (
        kernel,
        settings.get("stride") or kernel,  # pooling: as wide as the window
        settings.get("padding", 0),
        settings.get("dilation", 1),
    )
    return tuple(side if isinstance(side, int) else side[-1] for side in sides)
# --8<-- [end:window]


# --8<-- [start:trace]
class Tracer(fx.Tracer):
    """Writes down the calls of a network; a gate on the channels is one call."""

    def is_leaf_module(self, module, name):
        gate = type(module).__name__ == "SqueezeExcitation"
        return gate or super().is_leaf_module(module, name)


GLOBAL = ("AdaptiveAvgPool2d", "adaptive_avg_pool2d", "mean", "flatten", "Flatten")


def depth_and_field(model):
    """Return (depth, receptive field in pixels) of a network of images.

    Depth: convolutions and linear layers on the longest path from the input to
    the output, without those in gates. The field is that of the last feature
    map, before the maps are averaged or flattened.
    """
    layers, reach, field, maps = dict(model.named_modules()), {}, 1, True
    for node in Tracer().trace(model).nodes:
        layer = layers[node.target] if node.op == "call_module" else None
        behind = [reach[before] for before in node.all_input_nodes]
        here = join(behind) if behind else Reach()
        seen = window(node, layer)
        here = here.through(*seen) if seen else here
        weighted = isinstance(layer, (nn.Conv2d, nn.Linear))
        reach[node] = here._replace(depth=here.depth + weighted)
        name = type(layer).__name__ if layer else str(node.target)
        name = getattr(node.target, "__name__", name)
        maps = maps and name not in GLOBAL
        if maps:
            field = max(field, here.last - here.first + 1)
    return here.depth, field
# --8<-- [end:trace]


# --8<-- [start:kept]
def kept(model, x):
    """Return how many bytes autograd keeps for the backward pass, without parameters.

    Works on the meta device, too: the sizes are known, no value is computed.
    """
    def storage(tensor):
        return StorageWeakRef(tensor.untyped_storage())

    known, saved = {storage(p) for p in model.parameters()}, {}

    def pack(tensor):
        saved.setdefault(storage(tensor), tensor)
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks
    with hooks(pack, lambda tensor: tensor):
        model(x)
    return sum(t.nbytes for key, t in saved.items() if key not in known)
# --8<-- [end:kept]


# --8<-- [start:measure]
class Row(NamedTuple):
    """The computed cells of one network in the table."""

    side: int  # height and width of the input in pixels
    depth: int
    parameters: int
    macs: int  # for one image
    field: int
    memory: float  # bytes kept for the backward pass, for each image


def measure(model, side, channels=3):
    """Return the Row of a network on the meta device, for square images."""
    images = torch.empty(2, channels, side, side, device="meta")
    macs = sum(row.macs for row in costs(model.eval(), images[:1]))
    depth, field = depth_and_field(model)
    memory = kept(model.train(), images) / len(images)
    parameters = sum(p.numel() for p in model.parameters())
    return Row(side, depth, parameters, macs, field, memory)


def from_torchvision(name, device="meta", **options):
    """Return (Row, top-1 in percent of its first weights, of its newest ones).

    The accuracies are those that torchvision publishes with the weights, and
    the size of the images is the one at which they were measured. Nothing is
    downloaded. device: where the model can be built.
    """
    weights = get_model_weights(name)
    first, newest = next(iter(weights)), weights.DEFAULT
    with torch.device(device):
        model = get_model(name, weights=None, **options).to("meta")
    top1 = [w.meta["_metrics"]["ImageNet-1K"]["acc@1"] for w in (first, newest)]
    return measure(model, first.transforms().crop_size[0]), *top1
# --8<-- [end:measure]

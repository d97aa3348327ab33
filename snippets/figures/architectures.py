"""Figures of the reference page architectures."""

from matplotlib.figure import Figure
from torchvision.models import get_model_weights

from snippets.figures.style import ACCENT, ACCENT2, INK

# Where the name stands, seen from its point: horizontal and vertical alignment, and a shift in points.
RIGHT, LEFT = ("left", "center", 6, 0), ("right", "center", -6, 0)
ABOVE, BELOW = ("center", "bottom", 0, 5), ("center", "top", 0, -5)
NAMES = {
    "alexnet": ("AlexNet", RIGHT),
    "vgg16": ("VGG-16", BELOW),
    "vgg19": ("VGG-19", RIGHT),
    "googlenet": ("GoogLeNet", BELOW),
    "inception_v3": ("Inception v3", RIGHT),
    "resnet18": ("ResNet-18", RIGHT),
    "resnet34": ("ResNet-34", BELOW),
    "resnet50": ("ResNet-50", LEFT),
    "resnet152": ("ResNet-152", RIGHT),
    "squeezenet1_1": ("SqueezeNet", RIGHT),
    "densenet121": ("DenseNet-121", RIGHT),
    "mobilenet_v2": ("MobileNetV2", RIGHT),
    "mobilenet_v3_large": ("MobileNetV3", LEFT),
    "shufflenet_v2_x1_0": ("ShuffleNetV2", RIGHT),
    "efficientnet_b0": ("EfficientNet-B0", ABOVE),
    "efficientnet_b7": ("B7", RIGHT),
    "regnet_y_1_6gf": ("RegNetY", LEFT),
    "efficientnet_v2_s": ("EfficientNetV2-S", ABOVE),
    "convnext_tiny": ("ConvNeXt-T", ABOVE),
}


def published(name):
    """Return (MACs in millions, top-1 in percent of the first weights, of the newest ones), from torchvision."""
    weights = get_model_weights(name)
    first, newest = next(iter(weights)).meta, weights.DEFAULT.meta
    top1 = [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in (first, newest)]
    return 1000 * first["_ops"], *top1


def accuracy_against_macs():
    figure = Figure(figsize=(5.3, 4.6))
    axes = figure.add_axes((0.11, 0.12, 0.86, 0.86))
    axes.set(xscale="log", xlim=(45, 90_000), ylim=(54, 87))
    axes.set_xticks([100, 1000, 10_000], ["100", "1,000", "10,000"])
    axes.set_xlabel("million MACs for one image")
    axes.set_ylabel("top-1 accuracy, %")
    axes.grid(color=INK, alpha=0.15, linewidth=0.6)
    points = {name: published(name) for name in NAMES}
    for name, (text, (horizontal, vertical, dx, dy)) in NAMES.items():
        macs, first, newest = points[name]
        if newest > first:
            axes.plot([macs, macs], [first, newest], color=ACCENT2, linewidth=1.2)
            axes.plot(macs, newest, "o", color=ACCENT2, markersize=5, markerfacecolor="none")
        axes.plot(macs, first, "o", color=ACCENT, markersize=5)
        place = {"xytext": (dx, dy), "textcoords": "offset points", "ha": horizontal, "va": vertical}
        axes.annotate(text, (macs, first), fontsize=10, **place)
    small, large, before, after = points["mobilenet_v3_large"], points["vgg16"], *points["resnet50"][1:]
    figure.set_label(
        f"A point for each of {len(NAMES)} networks: accuracy against arithmetic, which has a logarithmic axis. "
        f"MobileNetV3 reaches {small[1]:.1f} % with {small[0]:.0f} million MACs, VGG-16 {large[1]:.1f} % with "
        f"{large[0]:,.0f} million. Orange lines lead from the first published weights to the newest ones: ResNet-50 "
        f"rises from {before:.1f} to {after:.1f} %."
    )
    return figure


FIGURES = {"architectures-accuracy.svg": accuracy_against_macs}

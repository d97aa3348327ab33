"""Figures of the lesson efficientnet."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torchvision.models import get_model_weights

from snippets.efficientnet import SCALES
from snippets.figures.style import ACCENT, ACCENT2, ACCENT3, INK, canvas, caption, grid

ROWS = [[1, 2, 3], [0, 1, 1]]  # two channels
KERNELS = [[1, 1], [1, -1]]  # one for each
MIX = [2, 1]  # the 1x1 convolution


def separable():
    figure, axes = canvas(5.3, 2.0)
    middle = [[sum(k * v for k, v in zip(kernel, row[i:], strict=False)) for i in range(2)]
              for row, kernel in zip(ROWS, KERNELS, strict=True)]  # fmt: skip
    result = [sum(m * row[i] for m, row in zip(MIX, middle, strict=True)) for i in range(2)]
    for c, color in enumerate((ACCENT, ACCENT3)):
        y = 0.3 + 0.85 * c
        grid(axes, [ROWS[c]], 0.2, y, tint={(0, j): color for j in range(3)})
        words = f"({KERNELS[c][0]}, {KERNELS[c][1]})".replace("-", "−")
        axes.annotate("", (2.45, y + 0.2), (1.5, y + 0.2), arrowprops={"arrowstyle": "->", "color": INK})
        caption(axes, 1.97, y + 0.02, words, size=11)
        grid(axes, [middle[c]], 2.55, y, tint={(0, j): color for j in range(2)})
        axes.annotate("", (4.25, 0.93), (3.45, y + 0.2), arrowprops={"arrowstyle": "->", "color": INK})
        caption(axes, 3.9, y + (0.0 if c == 0 else 0.35), f"× {MIX[c]}", size=11)
    grid(axes, [result], 4.35, 0.73, tint={(0, j): ACCENT2 for j in range(2)})
    caption(axes, 1.97, 1.8, "each channel by itself", size=10)
    caption(axes, 3.95, 1.8, "across the channels", size=10)
    figure.set_label(
        f"Two channels, {ROWS[0]} and {ROWS[1]}. Their own kernels, {KERNELS[0]} and {KERNELS[1]}, make {middle[0]} "
        f"and {middle[1]} of them. {MIX[0]} times the first plus {MIX[1]} times the second gives {result}."
    )
    return figure


def bottlenecks():
    figure, axes = canvas(5.3, 2.2)
    shapes = {
        "ResNet: narrow in the middle": (256, 64, 64, 256),
        "inverted: wide in the middle": (24, 144, 144, 24),
    }
    for k, (title, channels) in enumerate(shapes.items()):
        left = 0.2 + 2.65 * k
        caption(axes, left + 1.2, 0.15, title, size=10)
        for i, number in enumerate(channels):
            height = 0.25 + number / 256 * 1.1
            x = left + 0.62 * i
            color = ACCENT2 if i in (1, 2) else ACCENT
            axes.add_patch(Rectangle((x, 1.05 - height / 2), 0.22, height, facecolor=color, alpha=0.5))
            caption(axes, x + 0.11, 1.9, str(number), size=10)
            if i < 3:
                axes.annotate("", (x + 0.6, 1.05), (x + 0.24, 1.05), arrowprops={"arrowstyle": "->", "color": INK})
                caption(axes, x + 0.42, 0.93, ("1×1", "3×3", "1×1")[i], size=9.5)
    figure.set_label(
        "Two blocks as bars for the channels. ResNet's bottleneck: 256, 64, 64, 256, narrow in the middle. The "
        "inverted residual: 24, 144, 144, 24, wide in the middle. Between the bars layers of 1×1, 3×3 and 1×1."
    )
    return figure


def family():
    names = [f"B{version}" for version in range(8)]
    metas = [next(iter(get_model_weights(f"efficientnet_b{version}"))).meta for version in range(8)]
    macs = [1000 * meta["_ops"] for meta in metas]
    top1 = [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in metas]
    figure = Figure(figsize=(5.3, 2.9), layout="constrained")
    axes = figure.subplots()
    axes.plot(macs, top1, "o-", color=ACCENT)
    for name, x, y, (_, _, side, _) in zip(names, macs, top1, SCALES, strict=True):
        place = {"xytext": (6, -11), "textcoords": "offset points", "fontsize": 10}
        axes.annotate(f"{name}, {side}²", (x, y), **place)
    axes.set(xscale="log", xlim=(300, 100_000), ylim=(76.5, 85), ylabel="top-1 accuracy, %")
    axes.set_xticks([1000, 10_000, 100_000], ["1,000", "10,000", "100,000"])
    axes.set_xlabel("million MACs for one image")
    figure.set_label(
        f"Accuracy of torchvision's EfficientNets against their arithmetic, a rising line from B0, {top1[0]:.1f} % "
        f"with {macs[0]:.0f} million MACs, to B7, {top1[-1]:.1f} % with {macs[-1]:,.0f} million. The images grow from "
        f"{SCALES[0][2]} to {SCALES[-1][2]} pixels."
    )
    return figure


FIGURES = {
    "efficientnet-separable.svg": separable,
    "efficientnet-bottlenecks.svg": bottlenecks,
    "efficientnet-family.svg": family,
}

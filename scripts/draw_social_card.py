"""Draw the picture that a link to the course is shown with: docs/assets/social-card.png, 1200 x 630 pixels.

A digit of scikit-learn, the kernel of the logo on it, and what that kernel makes of the digit.

Example: python -m scripts.draw_social_card --check
"""

import argparse
import io
import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from sklearn.datasets import load_digits

from scripts.get_assets import ROOT

CARD = ROOT / "docs" / "assets" / "social-card.png"
WIDTH, HEIGHT = 1200, 630  # pixels; what services crop to
PAPER, INK, SOFT, PETROL = "#11181b", "#dde5e8", "#9fb0b8", "#74c8d6"  # the dark scheme of course.css
KERNEL = [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]  # Sobel, 1968: edges from left to right
DIGIT = 0  # the first image of the data set, a zero
ALLOWED = 2.0  # mean difference of grey levels: another version of the font renderer, not another picture


def edges(image: np.ndarray) -> np.ndarray:
    """The strength of the edges of an image (H, W), without a border: (H - 2, W - 2)."""
    batch, kernel = torch.tensor(image)[None, None], torch.tensor(KERNEL, dtype=torch.float64)[None, None]
    return torch.nn.functional.conv2d(batch, kernel)[0, 0].abs().numpy()


def pixels(axes, values: np.ndarray, left: float, bottom: float, size: float) -> None:
    """Draw values (H, W) as squares of `size`, the largest one in the colour of the course."""
    levels = values / values.max()
    for (row, column), level in np.ndenumerate(levels):
        corner = left + column * size, bottom + (len(values) - 1 - row) * size
        axes.add_patch(Rectangle(corner, size - 2, size - 2, color=PETROL, alpha=0.06 + 0.94 * level, linewidth=0))


def draw() -> Image.Image:
    """The card as an RGB image."""
    matplotlib.rcParams["font.family"] = "DejaVu Sans"
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    digit = load_digits().images[DIGIT]
    pixels(axes, digit, 80, 60, 26)
    axes.add_patch(Rectangle((79, 60 + 5 * 26 - 1), 78, 78, fill=False, edgecolor=INK, linewidth=4))
    axes.annotate("", (395, 164), (310, 164), arrowprops={"arrowstyle": "-|>", "color": SOFT, "lw": 3})
    pixels(axes, edges(digit), 420, 86, 26)
    axes.text(78, 490, "ConvNets, Checked", color=INK, fontsize=58, fontweight="bold")
    axes.text(80, 405, "Convolutional networks from plain Python to ResNet.", color=INK, fontsize=25)
    axes.text(80, 350, "Every output, number and quiz answer is recomputed.", color=SOFT, fontsize=25)
    target = io.BytesIO()
    figure.savefig(target, format="png", facecolor=PAPER)
    return Image.open(target).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of two images, in grey levels; infinite when their sizes differ."""
    if one.size != other.size:
        return float("inf")
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the picture is another one")
    parser.add_argument("--card", type=Path, default=CARD, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    drawn = draw()
    if options.check:
        found = difference(Image.open(options.card).convert("RGB"), drawn) if options.card.is_file() else float("inf")
        if found > ALLOWED:
            print(f"{options.card}: not what its code draws. Mend it with: python -m scripts.draw_social_card")
            return 1
        return 0
    drawn.quantize(64).save(options.card, optimize=True)
    print(f"{options.card.name}: {options.card.stat().st_size / 1000:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

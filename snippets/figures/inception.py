"""Figures of the lesson inception."""

from snippets.figures.style import ACCENT, ACCENT2, canvas, frame, grid

ROW = [1, 2, 3, 4, 5]


def window():
    figure, axes = canvas(2.4, 1.5)
    grid(axes, [ROW], 0.2, 0.2)
    frame(axes, 0.2, 0.2, 1, 3)
    grid(axes, [[sum(ROW[:3])]], 0.6, 0.9, tint={(0, 0): ACCENT2})
    axes.annotate("", (0.8, 0.87), (0.8, 0.63), arrowprops={"arrowstyle": "->", "color": ACCENT})
    figure.set_label(
        f"A row of five numbers, {ROW[0]} to {ROW[-1]}. A frame around the first three, and below them their sum, "
        f"{sum(ROW[:3])}"
    )
    return figure


FIGURES = {"inception-window.svg": window}

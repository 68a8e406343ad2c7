"""The picture that stands beside a link to the book elsewhere."""

from matplotlib.figure import Figure
from matplotlib.patches import Arc

NAME = "_static/card.png"
BLUE, GREEN, RED = "#0072b2", "#009e73", "#d55e00"


def write(app, out):
    """Write the card: 1200 x 630 pixels, as those who show it want it."""
    figure = draw(app.config.html_title, app.config.author)
    figure.savefig(out / NAME, dpi=100)


def draw(title, author):
    """The logo, a dense block of five layers, over title and author."""
    figure = Figure(figsize=(12, 6.3), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 12), ylim=(0, 6.3))
    axes.axis("off")
    layers = range(2, 11, 2)
    style = {"theta2": 180, "lw": 4, "zorder": 1}
    for first in layers:
        for last in layers[layers.index(first) + 2 :]:
            span = last - first
            colour = {4: BLUE, 6: RED, 8: GREEN}[span]
            middle, height = (first + last) / 2, span / 2.2
            arc = Arc((middle, 3.4), span, height, color=colour, **style)
            axes.add_patch(arc)
    axes.plot(layers, [3.4] * 5, color=BLUE, lw=4, zorder=1)
    axes.plot(layers, [3.4] * 5, "o", mfc="w", mec=BLUE, ms=34, mew=6)
    axes.text(6, 1.7, title, size=52, ha="center", weight="bold")
    axes.text(6, 0.8, author, size=22, ha="center", color="0.3")
    return figure

"""Every figure of the book, one function each, in one style.

A figure function returns an :class:`Illustration`: the drawing and the words
that stand for it. Colours are those of Okabe and Ito (2008), which readers
with any of the common colour deficiencies can tell apart.
"""

import base64
import functools
import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image

COLOURS = {
    "blue": "#0072b2",
    "orange": "#e69f00",
    "green": "#009e73",
    "vermilion": "#d55e00",
    "purple": "#cc79a7",
    "sky": "#56b4e9",
    "black": "#000000",
}


CMAP = "viridis"


WIDTH = 7.2  # inches: with DPI, as wide as the page's text column


DPI = 110

# Colours above which a palette is not even tried, and by how many of 255
# steps a palette may change a colour.
_MANY = 4096
_INVISIBLE = 2


STYLE = sns.axes_style("whitegrid") | {
    "axes.edgecolor": "0.4",
    "axes.labelsize": 11,
    "axes.prop_cycle": plt.cycler(color=list(COLOURS.values())),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 12,
    "figure.constrained_layout.use": True,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: same everywhere
    "font.size": 11,
    "grid.color": "0.9",
    "image.cmap": CMAP,
    "image.interpolation": "nearest",
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
}


@dataclass(frozen=True)
class Illustration:
    """A drawing with the words that stand for it.

    In a notebook it shows itself, as a picture with its alternative text; in
    a terminal it is that text.
    """

    figure: Figure
    alt: str

    def png(self):
        """The drawing as PNG bytes, the same for the same data."""
        image, buffer = self._pixels(), io.BytesIO()
        _of_few_colours(image).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()

    def webp(self):
        """The same as WebP bytes, without loss: half as many.

        Browsers show it. A notebook has no kind of output for it, so this is
        for pictures inside of HTML.
        """
        buffer = io.BytesIO()
        self._pixels().save(buffer, "WEBP", lossless=True, quality=60)
        return buffer.getvalue()

    def _pixels(self):
        """The drawing as a Pillow image."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI)
        return Image.open(buffer).convert("RGB")

    def save(self, path):
        """Write the drawing; the suffix of ``path`` chooses the format."""
        path = Path(path)
        if path.suffix == ".png":
            path.write_bytes(self.png())
        else:
            self.figure.savefig(path)
        return path

    def __repr__(self):
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        picture = base64.b64encode(self.png()).decode()
        data = {"image/png": picture, "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def _of_few_colours(image):
    """With a palette, a third of the size, where no one could see it.

    Lines and letters have few colours and many shades of them; a photograph
    has more than a palette holds, and is left as it is.
    """
    if image.getcolors(_MANY) is None:
        return image
    few = image.quantize(
        method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    new, old = (
        np.asarray(each, np.int16) for each in (few.convert("RGB"), image)
    )
    return few if abs(new - old).max() <= _INVISIBLE else image


def styled(draw):
    """Let ``draw`` work in the house style, whatever the reader has set."""

    @functools.wraps(draw)
    def in_style(*arguments, **options):
        with plt.rc_context(STYLE):
            return draw(*arguments, **options)

    return in_style


def subplots(rows=1, columns=1, *, height=3.4, **options):
    """A figure of the house's width, and its axes.

    It is kept out of pyplot's list of open figures, so that a notebook shows
    it once, where the cell gives it back, and memory is freed with it.
    """
    figure = Figure(figsize=(WIDTH, height))
    return figure, figure.subplots(rows, columns, **options)


def bare(axes, title=""):
    axes.set(xticks=[], yticks=[], title=title)
    axes.grid(False)
    sns.despine(ax=axes, left=True, bottom=True)

"""Figures for someone with a photograph: the answer, and why."""

import numpy as np

from densenet_lib.attribution import overlay
from densenet_lib.figures.heat import evidence_bar
from densenet_lib.figures.style import (
    WIDTH,
    Illustration,
    bare,
    styled,
    subplots,
)


@styled
def explanation(photo, heat, *, answer):
    """A photograph, and over it in turn what speaks for each class.

    Args:
        photo: array (height, width, 3), 0 to 255.
        heat: {class: array (height, width)}, 0 to 1, each in its own unit;
            a single one where it is the same for every class.
        answer: what the network says: "cat (98.2%)".
    """
    columns = 1 + len(heat)
    side = 0.85 * WIDTH / columns
    height = 0.5 + side * min(2, photo.shape[0] / photo.shape[1])
    figure, axes = subplots(1, columns, height=height)
    bare(axes[0], answer)
    axes[0].imshow(photo)
    for place, (name, values) in zip(axes[1:], heat.items(), strict=True):
        bare(place, f"for {name}")
        place.imshow(overlay(photo, values))
    evidence_bar(figure, axes)
    places = "; ".join(
        f"for {name} {_where(values)}" for name, values in heat.items()
    )
    maps = "heatmaps" if len(heat) > 1 else "a heatmap"
    return Illustration(
        figure,
        f"A photograph, of which the network says {answer}, and {maps} "
        f"laid over it. Evidence {places}.",
    )


def _where(heat):
    """In words, where a heatmap is warmest."""
    if not heat.any():
        return "nowhere"
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    down, across = row / heat.shape[0], column / heat.shape[1]
    return (
        f"most at {across:.0%} of the width and {down:.0%} of the height, "
        f"and over half of that on {(heat > 0.5).mean():.0%} of the area"
    )

"""Figures of heatmaps: where a network looked."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from densenet_lib.attribution import HEAT_CMAP, overlay
from densenet_lib.figures.style import (
    COLOURS,
    WIDTH,
    Illustration,
    bare,
    styled,
    subplots,
)


@styled
def heatmaps(images, maps, titles=None):
    """Images, and below them the same with heatmaps laid over them.

    Args:
        images: array (N, height, width, 3), 0 to 255; up to six side by side
            are legible.
        maps: array (N, height, width), 0 to 1; or {name: such an array}, one
            row each.
        titles: a line above each image, or None.
    """
    rows = maps if isinstance(maps, dict) else {"heatmap": maps}
    columns = len(images)
    side = min(1.8, 0.8 * WIDTH / columns)
    height = 0.5 + (1 + len(rows)) * (side * images.shape[1] / images.shape[2])
    figure, axes = subplots(
        1 + len(rows), columns, height=height, squeeze=False
    )
    for place in axes.flat:
        place.set(xticks=[], yticks=[])
        place.grid(False)
        sns.despine(ax=place, left=True, bottom=True)
    for column, image in enumerate(images):
        axes[0, column].imshow(np.clip(image, 0, 255).astype("uint8"))
        if titles is not None:
            axes[0, column].set_title(titles[column], fontsize=11)
        for row, heat in enumerate(rows.values(), start=1):
            axes[row, column].imshow(overlay(image, heat[column]))
    for row, name in enumerate(["image", *rows]):
        axes[row, 0].set_ylabel(name)
    evidence_bar(figure, axes)
    names = ", ".join(titles) if titles is not None else f"{columns} images"
    return Illustration(
        figure,
        f"Heatmaps laid over images: {names}. " + _where_warm(rows),
    )


@styled
def family(image, maps, *, columns=4):
    """One image, and one heatmap of each method laid over it.

    The hottest half percent of a map is drawn alike: the rest of a map of
    single pixels could not be seen beside it.

    Args:
        image: array (height, width, 3), 0 to 255.
        maps: {method: array (height, width)}, 0 to 1.
        columns: pictures in a row.
    """
    rows = -(-(1 + len(maps)) // columns)
    side = 0.86 * WIDTH / columns
    figure, axes = subplots(
        rows, columns, height=rows * (side + 0.3), squeeze=False
    )
    for place in axes.flat:
        place.axis("off")
    maps = {name: _lifted(heat) for name, heat in maps.items()}
    shown = {"image": np.clip(image, 0, 255).astype("uint8")} | {
        name: overlay(image, heat) for name, heat in maps.items()
    }
    for place, (name, picture) in zip(axes.flat, shown.items(), strict=False):
        place.imshow(picture)
        # A name of two words takes two lines: it would run into the next.
        place.set_title(name.replace("-", "-\n", len(name) > 14), fontsize=10)
    evidence_bar(figure, axes)
    return Illustration(
        figure,
        f"Heatmaps of {len(maps)} methods laid over one image. "
        + _where_warm(maps),
    )


def _lifted(heat):
    """A map (height, width) whose largest values are cut down to one."""
    top = np.quantile(heat, 0.995)
    return np.minimum(heat / top, 1) if top > 0 else heat


def evidence_bar(figure, axes):
    """What the colours of :func:`densenet_lib.attribution.overlay` mean."""
    scale = plt.cm.ScalarMappable(plt.Normalize(0, 1), HEAT_CMAP)
    figure.colorbar(
        scale, ax=axes, shrink=0.8, ticks=[0, 1], label="evidence"
    ).ax.set_yticklabels(["none", "most"])


def _where_warm(rows):
    """One sentence for each row of heatmaps: how much of an image is warm."""
    return " ".join(
        f"{name}: over half of the largest value on "
        f"{(np.asarray(heat) > 0.5).mean():.0%} of the area."
        for name, heat in rows.items()
    )


@styled
def panels(pictures, *, unit=""):
    """Images and maps in a row; the maps, if any, share one scale.

    Args:
        pictures: {title: array}: (height, width, 3) of 0 to 255 is an image,
            (height, width) a map. Where a map has negative values the scale
            is symmetric, blue below zero and red above.
        unit: what the maps' values are.
    """
    maps = [p for p in pictures.values() if np.ndim(p) == 2]
    top = max((float(np.abs(p).max()) for p in maps), default=0) or 1.0
    signed = any(np.min(p) < 0 for p in maps)
    look = {"cmap": "RdBu_r" if signed else HEAT_CMAP, "vmax": top}
    figure, axes = subplots(
        1, len(pictures), height=0.5 + 0.8 * WIDTH / len(pictures)
    )
    axes = np.atleast_1d(axes)
    for place, (title, picture) in zip(axes, pictures.items(), strict=True):
        bare(place, title)
        if np.ndim(picture) == 2:
            drawn = place.imshow(picture, vmin=-top if signed else 0, **look)
        else:
            place.imshow(np.clip(picture, 0, 255).astype("uint8"))
    alt = f"Panels: {', '.join(pictures)}."
    if not maps:
        return Illustration(figure, alt)
    figure.colorbar(drawn, ax=axes, shrink=0.7, label=unit)
    ranges = [
        f"{title} {np.min(picture):.1f} to {np.max(picture):.1f}"
        for title, picture in pictures.items()
        if np.ndim(picture) == 2
    ]
    return Illustration(
        figure,
        f"{alt} The maps' values{unit and ', '}{unit}: {'; '.join(ranges)}.",
    )


@styled
def heat_inside(shares, areas):
    """The share of the heat in parts of the image, against the parts' size.

    Args:
        shares: {name of the map: {part: share}}.
        areas: {part: share of the image's area}.
    """
    figure, axes = subplots(height=0.8 + 0.5 * len(shares))
    places = np.arange(len(shares))
    size = 0.8 / len(areas)
    for index, (part, area) in enumerate(areas.items()):
        colour = list(COLOURS.values())[index]
        values = [100 * share[part] for share in shares.values()]
        axes.barh(
            places + (index - (len(areas) - 1) / 2) * size, values, size,
            color=colour, label=f"{part}",
        )  # fmt: skip
        axes.axvline(100 * area, color=colour, linestyle="--", linewidth=1)
    axes.set_yticks(places, list(shares))
    axes.set(xlabel="share of the heat, %; dashed: share of the area")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    rows = "; ".join(
        f"{name} "
        + ", ".join(f"{100 * v:.0f} % on the {p}" for p, v in share.items())
        for name, share in shares.items()
    )
    sizes = ", ".join(f"{p} {100 * v:.0f} %" for p, v in areas.items())
    return Illustration(
        figure, f"Share of the heat: {rows}. Of the area: {sizes}."
    )

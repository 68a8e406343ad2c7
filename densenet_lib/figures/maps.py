"""Figures of feature maps, filters and the reuse of features."""

import itertools

import numpy as np
import seaborn as sns

from densenet_lib.figures.style import (
    CMAP,
    WIDTH,
    Illustration,
    bare,
    styled,
    subplots,
)


@styled
def feature_grid(maps, *, title="", columns=8, limit=32):
    """Channels of one feature map side by side.

    Each channel runs from its own smallest value (dark) to its own largest,
    so that faint ones can be seen; one that is the same everywhere is dark.

    Args:
        maps: array (height, width, channels): one image's.
        title: above the sheet.
        columns: channels in a row.
        limit: how many channels are shown at most, the first ones.
    """
    height, width, channels = maps.shape
    shown = min(channels, limit)
    rows, gap = -(-shown // columns), _gap(width)
    sheet = _sheet(_spread(maps[..., :shown]), columns)
    figure, axes = subplots(
        height=0.35 + 0.88 * WIDTH * sheet.shape[0] / sheet.shape[1]
    )
    axes.imshow(sheet, cmap=CMAP, vmin=0, vmax=1)
    axes.set(
        xticks=[],
        yticks=[row * (height + gap) + height / 2 for row in range(rows)],
        yticklabels=[
            _span(row * columns, min((row + 1) * columns, shown) - 1)
            for row in range(rows)
        ],
        ylabel="channels",
        title=title,
    )
    axes.grid(False)
    sns.despine(figure, left=True, bottom=True)
    constant = sum(np.ptp(maps[..., index]) == 0 for index in range(shown))
    return Illustration(
        figure,
        f"{title or 'A feature map'}: {shown} of {channels} channels of "
        f"{height} x {width} pixels, each on its own scale; {constant} of "
        "them are the same everywhere.",
    )


def _span(first, last):
    return str(first) if first == last else f"{first}–{last}"


@styled
def reuse_matrix(matrices, *, title=""):
    """How strongly the layers of each block read the earlier ones.

    Args:
        matrices: list of arrays [source, target], from
            ``features.reuse_weights``, one panel each.
        title: above all.

    Source: Figure 5 of the paper.
    """
    columns = len(matrices) if len(matrices) <= 3 else 2
    rows = -(-len(matrices) // columns)
    figure, axes = subplots(
        rows, columns, height=0.6 + rows * 6.2 / columns, squeeze=False
    )
    for number, (place, matrix) in enumerate(
        zip(axes.flat, matrices, strict=False), start=1
    ):
        picture = place.imshow(matrix, cmap=CMAP, vmin=0, vmax=1)
        _reuse_ticks(place, matrix, number == len(matrices))
        place.set(title=f"block {number}")
    for place in axes.flat[len(matrices) :]:
        place.axis("off")
    for place in axes[:, 0]:
        place.set_ylabel("source")
    figure.supxlabel(
        "reading layer (tr.: the transition, end: the classifier)", fontsize=11
    )
    figure.suptitle(title)
    figure.colorbar(
        picture, ax=axes, shrink=0.8, label="mean |weight| / largest"
    )
    means = "; ".join(
        f"block {number}: {np.nanmean(matrix[0]):.1f} for its input, "
        f"{np.nanmean(np.diagonal(matrix)):.1f} for what comes just before"
        for number, matrix in enumerate(matrices, start=1)
    )
    return Illustration(
        figure,
        "Mean absolute weight by source and reading layer, each reader's "
        f"largest set to 1. Means over the readers: {means}.",
    )


def _reuse_ticks(axes, matrix, is_last):
    """Whole numbers for layers, words for what is not one."""
    sources, targets = matrix.shape
    step = max(1, round(sources / 6))
    layers = list(range(step, sources, step))
    axes.set_yticks([0, *layers], ["input", *layers])
    places = [layer - 1 for layer in layers]
    names = [str(layer) for layer in layers]
    if targets == sources:  # the last column is the transition or the end
        near = [p for p in places if targets - 1 - p >= max(1, step)]
        places = [*near, targets - 1]
        names = [*names[: len(near)], "end" if is_last else "tr."]
    axes.set_xticks(places, names)
    axes.grid(False)


@styled
def filters(kernel, *, columns=8):
    """The filters of a first convolution as small pictures.

    Mid grey is a weight of zero; each filter's largest weight, of whichever
    sign, is full colour or none.

    Args:
        kernel: array (height, width, 3, filters).
    """
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    sheet = _sheet(np.moveaxis(0.5 + 0.5 * kernel / largest, -1, 0), columns)
    count = kernel.shape[-1]
    figure, axes = subplots(
        height=0.3 + 0.9 * WIDTH * sheet.shape[0] / sheet.shape[1]
    )
    bare(axes, f"{count} filters")
    axes.imshow(sheet)
    return Illustration(
        figure,
        f"{count} filters of {kernel.shape[0]} x {kernel.shape[1]} pixels as "
        "small colour pictures; grey is a weight of zero.",
    )


@styled
def maps_beside(image, maps, *, title="", columns=4, limit=8):
    """An image, and the first channels of a feature map beside it.

    Each channel runs from its own smallest value (dark) to its own largest.

    Args:
        image: array (height, width, 3), 0 to 255.
        maps: array (h, w, channels), the image's.
        title: of the maps.
    """
    shown = _spread(maps[..., :limit])
    figure, (left, right) = subplots(
        1, 2, height=2.6, width_ratios=(1, columns / -(-limit // columns))
    )
    bare(left, "image")
    left.imshow(np.clip(image, 0, 255).astype("uint8"))
    height, width, channels = maps.shape
    bare(right, title)
    right.imshow(_sheet(shown, columns), cmap=CMAP, vmin=0, vmax=1)
    return Illustration(
        figure,
        f"{title or 'A feature map'}: an image, and the first {len(shown)} of "
        f"{channels} channels of {height} x {width} pixels beside it.",
    )


@styled
def patches(rows):
    """Crops of images in rows, one row a channel.

    Args:
        rows: {name: uint8 array (n, height, width, 3)}, all of one shape.
    """
    columns = len(next(iter(rows.values())))
    crops = np.concatenate(list(rows.values())) / 255
    height, gap = crops.shape[1], _gap(crops.shape[2])
    sheet = _sheet(crops, columns)
    figure, axes = subplots(
        height=0.1 + 0.8 * WIDTH * sheet.shape[0] / sheet.shape[1]
    )
    bare(axes)
    axes.imshow(sheet)
    axes.set_yticks(
        [row * (height + gap) + height / 2 for row in range(len(rows))],
        list(rows),
    )
    axes.set_ylabel("channel")
    return Illustration(
        figure,
        f"The {columns} places in the images that excite each of {len(rows)} "
        f"channels most, as crops of {height} pixels: {', '.join(rows)}.",
    )


@styled
def by_stage(curves, stages, *, ylabel, chance=None):
    """One line a quantity, stage by stage through a network.

    Args:
        curves: name -> one value a stage.
        stages: names of the stages, first to last.
        ylabel: what the values are.
        chance: the value of a guess, drawn as a thin line, or None.
    """
    figure, axes = subplots(height=3.4)
    for (name, values), mark in zip(
        curves.items(), itertools.cycle("os^dvP"), strict=False
    ):
        axes.plot(values, marker=mark, label=name)
    if chance is not None:
        axes.axhline(chance, color="0.6", linewidth=1)
    axes.set_xticks(range(len(stages)), stages)
    axes.set(ylabel=ylabel)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    ends = "; ".join(
        f"{name} from {values[0]:.2f} to {values[-1]:.2f}"
        for name, values in curves.items()
    )
    return Illustration(figure, f"{ylabel} at {', '.join(stages)}: {ends}.")


@styled
def weight_against_effect(weights, effects):
    """What a connection weighs against what silencing it does.

    Args:
        weights: one array of weights, 0 to 1, for each block.
        effects: arrays alike: the change of the logit.
    """
    figure, axes = subplots(height=3.4)
    for number, (weight, effect, mark) in enumerate(
        zip(weights, effects, itertools.cycle("os^d"), strict=False), start=1
    ):
        axes.plot(weight, effect, mark, label=f"block {number}")
    axes.set(
        xlabel="mean |weight| / reader's largest",
        ylabel="change of the logit",
        xlim=(0, 1.05),
        ylim=(0, None),
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    count = sum(len(weight) for weight in weights)
    return Illustration(
        figure,
        f"{count} connections as points: mean absolute weight across, from "
        f"{min(map(np.min, weights)):.1f} to 1, and upwards how much the "
        "logit changes when the connection is silenced.",
    )


def _sheet(pictures, columns):
    """Pictures (n, height, width, ...) in rows on one sheet, white between."""
    count, height, width = pictures.shape[:3]
    rows, gap = -(-count // columns), _gap(width)
    # Of a map, not a colour, NaN is what leaves the paper white.
    blank = 1.0 if pictures.ndim == 4 else np.nan
    sheet = np.full(
        (
            rows * (height + gap) - gap,
            columns * (width + gap) - gap,
            *pictures.shape[3:],
        ),
        blank,
    )
    for index, picture in enumerate(pictures):
        top = index // columns * (height + gap)
        left = index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def _gap(width):
    return max(1, round(0.04 * width))


def _spread(maps):
    """Channels first, each from 0, its smallest value, to 1, its largest."""
    maps = np.moveaxis(maps, -1, 0).astype(float)
    extent = np.ptp(maps, axis=(1, 2), keepdims=True)
    low = maps.min(axis=(1, 2), keepdims=True)
    return (maps - low) / np.where(extent, extent, 1)

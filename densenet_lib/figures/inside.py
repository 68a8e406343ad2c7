"""Figures of what goes on inside a network: channels, fields, probes."""

import numpy as np
from matplotlib import colormaps
from matplotlib.patches import Circle, Rectangle

from densenet_lib.figures.maps import _spread
from densenet_lib.figures.style import (
    CMAP,
    COLOURS,
    WIDTH,
    Illustration,
    bare,
    styled,
    subplots,
)
from densenet_lib.inside import how_early

# Tiles of more units are averaged down: a tile has some 20 pixels of paper.
TILE = 20


@styled
def channel_sheet(
    maps, *, sources=None, activity=None, title="", limit=1024, columns=32
):
    """All channels of a feature map as tiny tiles, the most active first.

    Each tile runs from its channel's smallest value (dark) to its largest;
    one that is the same everywhere is dark.

    Args:
        maps: array (height, width, channels): one image's.
        sources: {name: channels}, which groups them, in their order, as from
            ``features.channel_sources``; each group begins a row. None for
            one group.
        activity: (channels,), by which to sort in each group, as a census
            gives it; None for the share of places above zero in ``maps``.
        title: above the sheet.
        limit: how many channels are shown at most, the most active of all.
        columns: tiles in a row, at most.
    """
    height, width, channels = maps.shape
    sources = sources or {"": channels}
    idle = "never active"
    if activity is None:
        activity = (maps > 0).mean(axis=(0, 1))
        idle = "above zero nowhere here"
    groups = _sorted_groups(sources, np.asarray(activity), limit)
    columns = min(columns, max(16, max(map(len, groups.values()))))
    tiles = _shrunk(_spread(maps))
    sheet, starts = _tiled(tiles, groups.values(), columns)
    shown = sum(map(len, groups.values()))
    if shown < channels:
        note = f"the {shown} most active of {channels}"
        title = f"{title}: {note}" if title else note
    figure, axes = subplots(
        height=0.4 + 0.87 * WIDTH * sheet.shape[0] / sheet.shape[1]
    )
    bare(axes, title)
    axes.imshow(sheet)
    if len(groups) > 1:
        axes.set_yticks(
            [start + tiles.shape[1] / 2 - 0.5 for start in starts],
            list(groups),
        )
        axes.tick_params(axis="y", labelsize=9, length=0)
    return Illustration(
        figure, _sheet_words(maps, groups, activity, title, shown, idle)
    )


def _sorted_groups(sources, activity, limit):
    """{name: numbers of its channels, the most active first}."""
    order = np.argsort(-activity, kind="stable")
    kept = order[:limit]
    groups, start = {}, 0
    for name, width in sources.items():
        own = kept[(kept >= start) & (kept < start + width)]
        start += width
        if len(own):
            groups[name] = own
    return groups


def _shrunk(tiles):
    """Tiles (n, height, width), averaged down to at most TILE units."""
    for axis in (1, 2):
        size = tiles.shape[axis]
        starts = np.arange(0, size, -(-size // TILE))
        sums = np.add.reduceat(tiles, starts, axis=axis)
        counts = np.diff([*starts, size])
        tiles = sums / counts.reshape((-1, 1) if axis == 1 else (1, -1))
    return tiles


def _tiled(tiles, groups, columns):
    """The coloured sheet (rows, columns, 3), and each group's first row."""
    _, height, width = tiles.shape
    gap, between = max(1, height // 10), max(2, height // 3)
    rows = [-(-len(group) // columns) for group in groups]
    starts = np.cumsum([0, *(n * (height + gap) + between for n in rows)])
    sheet = np.ones((starts[-1] - gap - between, columns * (width + gap), 3))
    for group, start in zip(groups, starts, strict=False):
        for place, channel in enumerate(group):
            top = start + place // columns * (height + gap)
            left = place % columns * (width + gap)
            tile = colormaps[CMAP](tiles[channel])[..., :3]
            sheet[top : top + height, left : left + width] = tile
    return sheet[:, :-gap], starts[:-1]


def _sheet_words(maps, groups, activity, title, shown, idle):
    height, width, channels = maps.shape
    numbers = np.concatenate(list(groups.values()))
    dead = int((activity[numbers] == 0).sum())
    constant = int((np.ptp(maps[..., numbers], axis=(0, 1)) == 0).sum())
    parts = ""
    if len(groups) > 1:
        parts = f", in {len(groups)} groups by the layer that made them"
    return (
        f"{title or 'A feature map'}: {shown} of {channels} channels of "
        f"{height} x {width} pixels as small tiles{parts}, the most active "
        f"first. Of those shown {dead} are {idle} and {constant} are the "
        "same everywhere here."
    )


@styled
def effective_fields(fields):
    """How much each pixel moves the middle unit of some layers.

    Dashed: what the unit can see, by arithmetic. The circles hold 50 and 90 %
    of the gradient. The colours show its square root, so that the rim can be
    seen.

    Args:
        fields: {label: ReceptiveField}, five at most, as from
            ``inside.effective_receptive_field``.
    """
    figure, row = subplots(1, len(fields), height=2.7, squeeze=False)
    said = []
    for axes, (label, field) in zip(row[0], fields.items(), strict=True):
        rows, columns = (window.side for window in field.windows)
        half, most = field.radius(0.5), field.radius(0.9)
        _field_panel(axes, field, (half, most))
        axes.set_title(label)
        axes.set_xlabel(f"radii {half:.1f} and {most:.1f}\nwindow {columns}")
        said.append(
            f"{label}: half within {half:.1f}, 90 % within {most:.1f} pixels "
            f"of the middle, of a window of {rows} x {columns}"
        )
    return Illustration(
        figure,
        f"Gradient of a layer's middle unit by pixel. {'; '.join(said)}.",
    )


def _field_panel(axes, field, radii):
    """The map, the window by arithmetic, and circles."""
    bare(axes)
    axes.imshow(np.sqrt(field.map), cmap=CMAP)
    y, x = field.centre
    rows, columns = (window.side for window in field.windows)
    hollow = {"fill": False, "linewidth": 2}
    axes.add_patch(
        Rectangle(
            (x - columns / 2, y - rows / 2),
            columns,
            rows,
            linestyle="--",
            edgecolor="white",
            **hollow,
        )
    )
    for radius in radii:
        colour = COLOURS["vermilion"]
        axes.add_patch(Circle((x, y), radius, edgecolor=colour, **hollow))
    height, width = field.map.shape
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


@styled
def probe_accuracy(probes, *, chance=None):
    """How well the class can be read off, layer by layer.

    Args:
        probes: {label: probes}, of ``inside.linear_probes``, a line each.
        chance: the accuracy of a guess, drawn as a thin line, or None.
    """
    figure, axes = subplots(height=3.4)
    said = []
    for (label, found), mark in zip(
        probes.items(), "os^Dv<>"[: len(probes)], strict=True
    ):
        layers = range(1, len(found) + 1)
        values = [probe.accuracy for probe in found]
        (line,) = axes.plot(layers, values, marker=mark, label=label)
        axes.fill_between(
            layers,
            [probe.low for probe in found],
            [probe.high for probe in found],
            color=line.get_color(),
            alpha=0.15,
            linewidth=0,
        )
        early = found.index(how_early(found)) + 1
        said.append(
            f"{label} from {values[0]:.0%} at layer 1 to {values[-1]:.0%} at "
            f"layer {len(found)}; its interval first reaches the best "
            f"accuracy at layer {early}"
        )
    if chance is not None:
        axes.axhline(chance, color="0.6", linewidth=1)
    axes.set(xlabel="layer", ylabel="accuracy of a linear probe")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(probes) > 1:
        figure.legend(loc="outside lower center", ncols=min(3, len(probes)))
    return Illustration(
        figure,
        f"Accuracy of a linear probe by layer, with 95 % intervals. "
        f"{'. '.join(said)}.",
    )

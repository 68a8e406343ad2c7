"""Figures of chapters 1 to 3: connections, activations, growing channels."""

import itertools
import math

import numpy as np
from matplotlib.patches import Arc, Rectangle

from densenet_lib.figures.networks import channels_through
from densenet_lib.figures.style import COLOURS, Illustration, styled, subplots


@styled
def channel_growth(config):
    """Channels after each dense layer and transition of a DenseNet.

    Args:
        config: a DenseNetConfig.

    Source: section 3 of the paper, "Growth rate" and "Compression".
    """
    counts, starts = [], []
    for block in channels_through(config, config.theta):
        starts.append(len(counts))
        counts += block
    figure, axes = subplots()
    axes.plot(counts, drawstyle="steps-post")
    for number, start in enumerate(starts, start=1):
        axes.axvline(start, color="0.7", linewidth=1)
        axes.text(start, max(counts), f" block {number}", va="bottom")
    axes.set(xlabel="layer", ylabel="channels", ylim=(0, None))
    return Illustration(
        figure,
        f"Step plot of the channels through {len(config.blocks)} dense "
        f"blocks: from {counts[0]} after the stem to {counts[-1]} at the end, "
        f"{config.growth_rate} more with each layer, cut by each transition.",
    )


@styled
def block_diagram(num_layers):
    """A dense block as a row of feature maps, one arc for each connection.

    Args:
        num_layers: L, the number of dense layers.

    Source: Figure 1 of the paper shows the same wiring.
    """
    colours = list(COLOURS.values())
    height = 1.6 + 0.27 * num_layers
    figure, axes = subplots(height=height)
    axes.set_aspect("equal")
    for target in range(1, num_layers + 1):
        for source in range(target):
            _arc(axes, source, target, colours[source % len(colours)])
    for place in range(num_layers + 1):
        colour = colours[place % len(colours)]
        axes.add_patch(_map_box(place, colour))
        axes.text(place, -0.62, f"$x_{{{place}}}$", ha="center", va="center")
    connections = num_layers * (num_layers + 1) // 2
    axes.set(
        xlim=(-0.6, num_layers + 0.6),
        ylim=(-0.9, num_layers / 2 + 0.5),
        title=f"layers: {num_layers}   connections: {connections}",
    )
    axes.axis("off")
    return Illustration(
        figure,
        f"A row of {num_layers + 1} feature maps, from x0 to x{num_layers}. "
        "From each of them an arc runs to every later one. "
        f"Layers: {num_layers}; arcs: {connections}.",
    )


def _arc(axes, source, target, colour):
    """Half a circle above the row, from one map to a later one."""
    span = target - source
    arc = Arc(
        ((source + target) / 2, 0.36),
        span,
        span,
        theta1=0,
        theta2=180,
        color=colour,
        linewidth=1.8,
    )
    axes.add_patch(arc)


def _map_box(place, colour):
    return Rectangle((place - 0.14, -0.34), 0.28, 0.7, color=colour)


@styled
def by_layer(curves, *, quantity, log=False):
    """One line for each network: a quantity against the layer.

    Args:
        curves: {label: values, one a layer}; the values start at layer 1,
            unless they come as a pair (layers, values).
        quantity: what is measured, with its unit, for the vertical axis.
        log: True for a logarithmic vertical axis.
    """
    figure, axes = subplots()
    marks = itertools.cycle("os^Dv")
    said = []
    for label, values in curves.items():
        layers = range(1, len(values) + 1)
        if isinstance(values, tuple):
            layers, values = values
        axes.plot(
            layers, values, marker=next(marks), markersize=5, label=label
        )
        said.append(f"{label} from {values[0]:.2g} to {values[-1]:.2g}")
    axes.set(xlabel="layer", ylabel=quantity)
    if log:
        axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    # Below the axes: no line can run through it.
    figure.legend(loc="outside lower center", ncols=len(curves))
    return Illustration(
        figure,
        f"Lines of {quantity} by layer, first to last: {'; '.join(said)}.",
    )


@styled
def readout_pictures(rows, columns):
    """Pictures in a grid, a row for each network, a column for each layer.

    Args:
        rows: {label: list of pictures (height, width, 3), 0 to 1}.
        columns: the columns' titles.
    """
    figure, grid = subplots(
        len(rows), len(columns), height=1.06 * len(rows) + 0.4, squeeze=False
    )
    for axes_row, (label, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(axes_row, pictures, strict=True):
            axes.imshow(picture.clip(0, 1))
            axes.set(xticks=[], yticks=[])
        axes_row[0].set_ylabel(label)
    for axes, title in zip(grid[0], columns, strict=True):
        axes.set_title(title)
    return Illustration(
        figure,
        "One picture as a linear readout gives it back, a row for each of: "
        f"{', '.join(rows)}; a column for each of: {', '.join(columns)}.",
    )


@styled
def step_histograms(steps, *, limit=4.0):
    """How values are distributed after each of several steps.

    Args:
        steps: {label: array of values of any shape}, in order.
        limit: the horizontal axes run from minus to plus this.
    """
    figure, [row] = subplots(
        1, len(steps), height=2.9, sharey=True, squeeze=False
    )
    bins = np.linspace(-limit, limit, 41)
    said = []
    for axes, colour, (label, values) in zip(
        row, itertools.cycle(COLOURS.values()), steps.items(), strict=False
    ):
        values = np.ravel(values)
        share = np.ones_like(values) / values.size
        # What lies outside is counted in the last bar on its side.
        axes.hist(
            values.clip(-limit, limit), bins, weights=share, color=colour
        )
        mean, spread = values.mean(), values.std()
        axes.set_title(label)
        # The z keeps a mean that rounds to nothing from being minus nothing.
        axes.set_xlabel(f"mean {mean:z.1f}\nstd {spread:.1f}")
        axes.set_xticks([-3, 0, 3])
        said.append(f"{label} mean {mean:z.1f}, std {spread:.1f}")
    row[0].set(ylabel="share of the values", ylim=(0, 0.6))
    return Illustration(
        figure,
        f"Histograms side by side: {'; '.join(said)}.",
    )


@styled
def consumer_view(gamma, beta):
    """What one layer sees of a normalised channel: ReLU(gamma z + beta).

    Args:
        gamma: that layer's scale of the channel.
        beta: its shift.
    """
    z = np.linspace(-3, 3, 241)
    seen = np.maximum(gamma * z + beta, 0)
    figure, axes = subplots(height=2.9)
    bell = np.exp(-(z**2) / 2)
    axes.fill_between(z, bell, color="0.85", label="how common z is")
    axes.plot(z, seen, color=COLOURS["vermilion"], label="what it sees")
    axes.set(
        xlabel="z, the channel after normalisation",
        ylabel="ReLU($\\gamma z + \\beta$)",
        ylim=(-0.1, 4),
        title=f"$\\gamma$ = {gamma:g}, $\\beta$ = {beta:g}",
    )
    axes.legend(loc="upper center", ncols=2)
    passes = _share_above_zero(gamma, beta)
    return Illustration(
        figure,
        f"The curve ReLU({gamma:g} z + {beta:g}) over the bell of a normal "
        f"z: it is above zero for {passes:.0%} of the values.",
    )


def _share_above_zero(gamma, beta):
    """P(gamma z + beta > 0) for a standard normal z."""
    if gamma == 0:
        return float(beta > 0)
    return 0.5 * (1 + math.erf(beta / abs(gamma) / math.sqrt(2)))


@styled
def moving_average(momenta, *, batches=60, target=1.0):
    """How fast a moving statistic comes from 0 to a constant value.

    Args:
        momenta: the momenta to draw, each in [0, 1).
        batches: how many batches are seen.
        target: the value that every batch has.
    """
    figure, axes = subplots(height=3.1)
    seen = np.arange(batches + 1)
    said = []
    for momentum in momenta:
        moving = target * (1 - momentum**seen)
        axes.plot(seen, moving, label=f"momentum {momentum:g}")
        said.append(
            f"with momentum {momentum:g} it has reached "
            f"{moving[-1] / target:.0%} after {batches}"
        )
    axes.axhline(target, color="0.4", linewidth=1, linestyle="--")
    axes.set(
        xlabel="batches seen",
        ylabel="moving mean",
        ylim=(0, 1.1 * target),
    )
    figure.legend(loc="outside lower center", ncols=len(momenta))
    return Illustration(
        figure,
        f"A moving mean climbs from 0 to {target:g}: {'; '.join(said)}.",
    )


@styled
def receptive_fields(masks):
    """For each feature map, which pixels of the input reach its centre.

    Args:
        masks: {label: array (height, width) of true and false}.
    """
    figure, [row] = subplots(1, len(masks), height=2.2, squeeze=False)
    said = []
    for axes, (label, mask) in zip(row, masks.items(), strict=True):
        axes.imshow(mask, cmap="cividis", vmin=0, vmax=1)
        axes.set_xticks(np.arange(mask.shape[1] + 1) - 0.5, labels=[])
        axes.set_yticks(np.arange(mask.shape[0] + 1) - 0.5, labels=[])
        axes.tick_params(length=0)
        side = int(mask.any(axis=0).sum())
        axes.set(title=label, xlabel=f"{side} x {side}")
        said.append(f"{label.replace('$', '')} {side} x {side}")
    return Illustration(
        figure,
        "Squares of pixels that reach the centre of each feature map: "
        f"{', '.join(said)}.",
    )


@styled
def channel_ledger(first, growth_rate, num_layers):
    """What each layer of a dense block reads, and what it adds.

    Args:
        first: k0, the channels that enter the block.
        growth_rate: k, the channels that each layer adds.
        num_layers: L.

    Source: section 3 of the paper, "Growth rate".
    """
    colours = list(COLOURS.values())
    figure, axes = subplots(height=1.2 + 0.36 * num_layers)
    for layer in range(1, num_layers + 1):
        widths = [first] + [growth_rate] * layer
        left = np.cumsum([0, *widths[:-1]])
        bars = axes.barh(
            [layer] * len(widths),
            widths,
            left=left,
            color=[colours[i % len(colours)] for i in range(len(widths))],
            edgecolor="white",
            height=0.7,
        )
        bars[-1].set_hatch("///")
        axes.text(
            sum(widths) + 0.15 * growth_rate,
            layer,
            f"reads {sum(widths) - growth_rate}, adds {growth_rate}",
            va="center",
            fontsize=10,
        )
    last = first + num_layers * growth_rate
    axes.set(
        xlabel="channels",
        ylabel="layer",
        xlim=(0, 1.42 * last),
        yticks=range(1, num_layers + 1),
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.invert_yaxis()
    axes.grid(False)
    return Illustration(
        figure,
        f"A bar for each of {num_layers} layers: all that it reads, then "
        f"the {growth_rate} channels it adds, hatched. Layer 1 reads {first}, "
        f"layer {num_layers} reads {last - growth_rate}; {last} leave.",
    )


@styled
def growth_cost(growth_rate, costs, widths):
    """Channels through a network beside its parameters, for one k of several.

    Args:
        growth_rate: the k to show.
        costs: {k: parameters}.
        widths: {k: channels, one number a layer}.
    """
    figure, (left, right) = subplots(1, 2, height=3.0)
    for k, counts in widths.items():
        chosen = k == growth_rate
        left.plot(
            counts,
            drawstyle="steps-post",
            color=COLOURS["blue"] if chosen else "0.85",
            linewidth=2 if chosen else 1.2,
            zorder=3 if chosen else 2,
        )
    left.set(xlabel="layer", ylabel="channels", ylim=(0, None))
    colours = [COLOURS["blue"] if k == growth_rate else "0.8" for k in costs]
    millions = [count / 1e6 for count in costs.values()]
    right.bar([str(k) for k in costs], millions, color=colours)
    right.set(xlabel="growth rate k", ylabel="parameters, millions")
    right.grid(axis="x", visible=False)
    chosen = costs[growth_rate]
    left.set_title(f"k = {growth_rate}: {widths[growth_rate][-1]} channels")
    right.set_title(f"{chosen / 1e6:.2f} million parameters")
    return Illustration(
        figure,
        f"With growth rate {growth_rate} the channels grow from "
        f"{widths[growth_rate][0]} to {widths[growth_rate][-1]}; the network "
        f"has {chosen / 1e6:.2f} million parameters.",
    )

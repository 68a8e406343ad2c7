"""Every figure of the book, one function each, in one style.

A figure function returns an :class:`Illustration`: the drawing and the words
that stand for it. Colours are those of Okabe and Ito (2008), which readers
with any of the common colour deficiencies can tell apart.
"""

import base64
import functools
import io
import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Rectangle

from densenet_lib.attribution import HEAT_CMAP, overlay
from densenet_lib.layers import compressed
from densenet_lib.training import learning_rates

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
        buffer = io.BytesIO()
        # Without metadata: matplotlib would write its version into the file.
        self.figure.savefig(
            buffer, format="png", dpi=DPI, metadata={"Software": None}
        )
        return buffer.getvalue()

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


@styled
def channel_growth(config):
    """Channels after each dense layer and transition of a DenseNet.

    Args:
        config: a DenseNetConfig.

    Source: section 3 of the paper, "Growth rate" and "Compression".
    """
    counts = [config.stem_channels]
    starts = []
    for index, num_layers in enumerate(config.blocks):
        if index:
            counts.append(compressed(counts[-1], config.theta))
        starts.append(len(counts) - 1)
        for _ in range(num_layers):
            counts.append(counts[-1] + config.growth_rate)
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


# Bottleneck, transition, assembly, residual


@styled
def break_even(growth_rate, *, bottleneck=4):
    """Weights of one dense layer against the channels that it reads.

    Args:
        growth_rate: k.
        bottleneck: channels of the 1x1 convolution, in multiples of k; below
            9, as from there on the two lines never meet.
    """
    width = bottleneck * growth_rate
    meet = 9 * width / (9 - bottleneck)
    channels = np.linspace(0, 3 * meet, 100)
    plain = 9 * growth_rate * channels / 1000
    split = width * (channels + 9 * growth_rate) / 1000
    figure, axes = subplots()
    axes.plot(channels, plain, label="3x3 alone", color=COLOURS["vermilion"])
    axes.plot(
        channels,
        split,
        "--",
        label=f"1x1 to {bottleneck}k, then 3x3",
        color=COLOURS["blue"],
    )
    axes.axvline(meet, color="0.6", linewidth=1)
    axes.text(meet, 0, f" {meet:.1f} channels", va="bottom")
    axes.set(
        xlabel="channels read, c",
        ylabel="thousand weights",
        xlim=(0, None),
        ylim=(0, None),
    )
    axes.legend(loc="upper left")
    return Illustration(
        figure,
        f"Two lines: weights of a dense layer with growth rate {growth_rate} "
        "against the channels it reads. The 3x3 convolution alone starts at "
        f"zero and is steeper; with a bottleneck of {bottleneck}k the line "
        f"starts higher, and the two cross at {meet:.1f} channels.",
    )


@styled
def bottleneck_cost(config, *, bottleneck=4, image_size=224):
    """Multiply-adds of every dense layer, without and with a bottleneck.

    Args:
        config: a DenseNetConfig with the "imagenet" stem.
        bottleneck: channels of the 1x1 convolution, in multiples of k.
        image_size: side of the image, in pixels.
    """
    k = config.growth_rate
    plain, split, starts = [], [], []
    channels, side = config.stem_channels, image_size // 4
    for num_layers in config.blocks:
        starts.append(len(plain) + 0.5)
        for _ in range(num_layers):
            plain.append(9 * k * channels * side**2 / 1e6)
            split.append(bottleneck * k * (channels + 9 * k) * side**2 / 1e6)
            channels += k
        channels, side = compressed(channels, config.theta), side // 2
    figure, axes = subplots()
    numbers = np.arange(1, len(plain) + 1)
    axes.step(
        numbers, plain, where="mid", color=COLOURS["vermilion"],
        label="3x3 alone",
    )  # fmt: skip
    axes.bar(
        numbers, split, width=0.8, color=COLOURS["sky"],
        label=f"1x1 to {bottleneck}k, then 3x3",
    )  # fmt: skip
    top = 520 * (k / 32) ** 2 * (image_size / 224) ** 2
    for number, start in enumerate(starts, start=1):
        axes.axvline(start, color="0.7", linewidth=1)
        axes.text(start, 0.92 * top, f" block {number}")
    axes.set(
        xlabel="dense layer",
        ylabel="million multiply-adds",
        xlim=(0.5, None),
        ylim=(0, top),
    )
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return Illustration(
        figure,
        f"Bars: multiply-adds of {len(plain)} dense layers with a bottleneck "
        f"of {bottleneck}k, {sum(split):,.0f} million in all. A line: "
        f"without, {sum(plain):,.0f} million. The bottleneck is the dearer "
        f"in {sum(s > p for s, p in zip(split, plain, strict=True))} layers.",
    )


@styled
def pooling_by_hand(values):
    """A map, its 2x2 averages and maxima, and what each sends back.

    Args:
        values: array (height, width) with even sides; no ties in a window.
    """
    height, width = values.shape
    windows = values.reshape(height // 2, 2, width // 2, 2)
    averages, maxima = windows.mean(axis=(1, 3)), windows.max(axis=(1, 3))
    largest = values == maxima.repeat(2, axis=0).repeat(2, axis=1)
    figure, axes = subplots(2, 3, height=4.6)
    panels = [
        ("the map", values),
        ("average", averages),
        ("maximum", maxima),
        None,
        ("gradient, average", np.full(values.shape, 0.25)),
        ("gradient, maximum", largest.astype(float)),
    ]
    for panel, place in zip(panels, axes.flat, strict=True):
        if panel is None:
            place.axis("off")
            continue
        _numbered_cells(place, *panel)
    return Illustration(
        figure,
        f"A {height} x {width} map of numbers, its 2 x 2 averages and its "
        "2 x 2 maxima. Below, the gradient that one unit at each output "
        "sends back: a quarter to every cell under the average, one to the "
        f"largest cell of each window and none to the other "
        f"{int((~largest).sum())} under the maximum.",
    )


def _numbered_cells(axes, title, values):
    axes.imshow(
        values, cmap=sns.light_palette(COLOURS["sky"], as_cmap=True),
        vmin=min(0, values.min()), vmax=max(1, values.max()),
    )  # fmt: skip
    for (row, column), value in np.ndenumerate(values):
        axes.text(column, row, f"{value:g}", ha="center", va="center")
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(False)


@styled
def pooled_noise(average, maximum):
    """Histograms of noise of mean 0 and deviation 1, after pooling.

    Args:
        average, maximum: arrays of pooled values.
    """
    figure, axes = subplots(height=3)
    edges = np.linspace(-3, 4, 71)
    for values, name, colour in (
        (average, "average of four", "blue"),
        (maximum, "maximum of four", "vermilion"),
    ):
        axes.hist(
            values, edges, density=True, histtype="step", linewidth=2,
            label=name, color=COLOURS[colour],
        )  # fmt: skip
    normal = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    axes.plot(edges, normal, ":", color="0.4", label="before pooling")
    axes.set(xlabel="value", ylabel="density")
    axes.legend(loc="upper right")
    return Illustration(
        figure,
        "Histograms of pooled noise. Averages of four centre on "
        f"{abs(average.mean()):.1f} with deviation {average.std():.1f}; "
        f"maxima of four on {maximum.mean():.1f} with deviation "
        f"{maximum.std():.1f}. Before pooling: 0 and 1.",
    )


@styled
def compression(config, *, theta, budgets):
    """Channels through a DenseNet at one theta, and what they cost.

    Args:
        config: a DenseNetConfig; its theta is not used.
        theta: the compression to draw.
        budgets: theta -> (parameters, multiply-adds) of the whole network.
    """
    figure, (left, right) = subplots(1, 2, height=3.2, width_ratios=(1.3, 1))
    counts = [config.stem_channels]
    for index, num_layers in enumerate(config.blocks):
        if index:
            counts.append(compressed(counts[-1], theta))
        steps = range(1, num_layers + 1)
        counts += [counts[-1] + step * config.growth_rate for step in steps]
    left.plot(counts, drawstyle="steps-post")
    left.set(
        xlabel="layer", ylabel="channels", ylim=(0, 2050),
        title=f"theta = {theta:g}",
    )  # fmt: skip
    parameters, multiply_adds = budgets[theta]
    thetas = sorted(budgets)
    for index, (name, colour) in enumerate(
        (("parameters, M", "blue"), ("multiply-adds, G", "vermilion"))
    ):
        unit = (1e6, 1e9)[index]
        line = [budgets[value][index] / unit for value in thetas]
        right.plot(thetas, line, color=COLOURS[colour], label=name)
        right.plot(
            theta, budgets[theta][index] / unit, "o", color=COLOURS[colour]
        )
    right.set(xlabel="theta", ylim=(0, None))
    right.legend(loc="upper left")
    return Illustration(
        figure,
        f"At theta {theta:g} the network ends with {counts[-1]:,} channels "
        f"and has {parameters / 1e6:.2f} million parameters and "
        f"{multiply_adds / 1e9:.2f} billion multiply-adds. Both curves rise "
        "with theta.",
    )


@styled
def falling_loss(losses):
    """Loss against training step, on a logarithmic axis."""
    figure, axes = subplots(height=2.8)
    axes.semilogy(range(len(losses)), losses)
    axes.axhline(np.log(2), color="0.6", linewidth=1)
    axes.text(len(losses) - 1, np.log(2), "ln 2", ha="right", va="bottom")
    axes.set(xlabel="step", ylabel="loss")
    return Illustration(
        figure,
        f"The loss over {len(losses)} steps, on a logarithmic axis: it starts "
        "near or above ln 2, the loss of a guess, and falls by more than a "
        f"factor of {10 ** int(np.log10(losses[0] / losses[-1]))}.",
    )


@styled
def spending(networks):
    """What share of a total each kind has, one bar a network.

    Args:
        networks: name -> {kind: number}, with the same kinds for each.
    """
    figure, axes = subplots(height=0.55 * len(networks) + 1.3)
    names = list(networks)
    kinds = list(networks[names[0]])
    colours = ("blue", "orange", "green", "purple")
    starts = np.zeros(len(names))
    for kind, colour in zip(kinds, colours, strict=False):
        shares = np.array(
            [100 * of[kind] / sum(of.values()) for of in networks.values()]
        )
        bars = axes.barh(
            names, shares, 0.6, left=starts, label=kind, color=COLOURS[colour]
        )
        labels = [f"{s:.0f}" if s > 4 else "" for s in shares]
        axes.bar_label(bars, labels, label_type="center")
        starts += shares
    axes.set(xlabel="share, %", xlim=(0, 100))
    axes.invert_yaxis()
    axes.grid(False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(kinds))
    words = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{kind} {100 * n / sum(of.values()):.0f} %"
            for kind, n in of.items()
        )
        for name, of in networks.items()
    )
    return Illustration(figure, f"Stacked bars of shares. {words}.")


# Why dense, composite function, growth rate


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
    figure, row = subplots(1, len(steps), height=2.9, sharey=True)
    bins = np.linspace(-limit, limit, 41)
    said = []
    for axes, colour, (label, values) in zip(
        row, COLOURS.values(), steps.items(), strict=False
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
    figure, row = subplots(1, len(masks), height=2.2)
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


# Feature maps


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


# Heatmaps


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
    scale = plt.cm.ScalarMappable(plt.Normalize(0, 1), HEAT_CMAP)
    figure.colorbar(
        scale, ax=axes, shrink=0.8, ticks=[0, 1], label="evidence"
    ).ax.set_yticklabels(["none", "most"])
    names = ", ".join(titles) if titles is not None else f"{columns} images"
    return Illustration(
        figure,
        f"Heatmaps laid over images: {names}. " + _where_warm(rows),
    )


def _where_warm(rows):
    """One sentence for each row of heatmaps: how much of an image is warm."""
    return " ".join(
        f"{name}: over half of the largest value on "
        f"{(np.asarray(heat) > 0.5).mean():.0%} of the area."
        for name, heat in rows.items()
    )


# Results


@styled
def training_curves(histories):
    """Loss and accuracy, epoch by epoch.

    Args:
        histories: {name: history}; a history is a dict of lists with the
            keys loss, accuracy, val_loss and val_accuracy.
    """
    figure, axes = subplots(1, 2, height=3.4)
    for (name, history), colour in zip(
        histories.items(), COLOURS.values(), strict=False
    ):
        epochs = np.arange(1, len(history["loss"]) + 1)
        for place, key in zip(axes, ("loss", "accuracy"), strict=True):
            place.plot(
                epochs, history[key], ":", color=colour, linewidth=1.5
            )
            place.plot(epochs, history[f"val_{key}"], color=colour, label=name)
    for place, key in zip(axes, ("loss", "accuracy"), strict=True):
        place.set(xlabel="epoch", ylabel=key)
        place.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylim(0, None)
    axes[0].plot([], [], ":", color="0.3", linewidth=1.5, label="training")
    axes[0].plot([], [], color="0.3", label="validation")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center",
        ncols=min(4, len(names)),
    )  # fmt: skip
    ends = "; ".join(
        f"{name} ends at {history['accuracy'][-1]:.3f} on training and "
        f"{history['val_accuracy'][-1]:.3f} on validation images after "
        f"{len(history['loss'])} epochs"
        for name, history in histories.items()
    )
    return Illustration(
        figure, f"Loss and accuracy by epoch. Accuracy of {ends}."
    )


@styled
def confusion_matrix(counts, *, classes=("cat", "dog")):
    """True classes in rows, predicted ones in columns.

    Args:
        counts: array (classes, classes), from ``metrics.confusion``.
        classes: their names.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = subplots(height=3.6)
    axes.imshow(
        shares, cmap=sns.light_palette(COLOURS["blue"], as_cmap=True),
        vmin=0, vmax=1,
    )  # fmt: skip
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        axes.text(
            column, row, f"{count:,}\n{share:.1%}", ha="center", va="center",
            color="white" if share > 0.5 else "black", fontsize=12,
        )  # fmt: skip
    places = range(len(classes))
    axes.set_xticks(places, classes)
    axes.set_yticks(places, classes)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(False)
    cells = "; ".join(
        f"of {counts[row].sum():,} {true}s, "
        + ", ".join(
            f"{counts[row, column]:,} called {given}"
            for column, given in enumerate(classes)
        )
        for row, true in enumerate(classes)
    )
    return Illustration(figure, f"Confusion matrix: {cells}.")


@styled
def roc(curves):
    """Finds against false alarms.

    Args:
        curves: {name: metrics.Roc}.
    """
    figure, axes = subplots(height=4)
    axes.plot([0, 1], [0, 1], ":", color="0.5", label="by chance")
    for name, curve in curves.items():
        axes.plot(
            curve.false_positive_rate, curve.true_positive_rate,
            label=f"{name}, area {curve.area:.3f}",
        )  # fmt: skip
    axes.set(
        xlabel="cats called dogs, share", ylabel="dogs called dogs, share",
        aspect="equal", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01),
    )  # fmt: skip
    axes.legend(loc="lower right")
    areas = "; ".join(
        f"{name} {curve.area:.3f}" for name, curve in curves.items()
    )
    return Illustration(
        figure,
        "Share of dogs found against share of cats taken for dogs, as the "
        f"threshold falls. Area under the curve: {areas}.",
    )


@styled
def calibration(curves):
    """Said probability against seen frequency, and how often each is said.

    Args:
        curves: {name: metrics.Calibration}.
    """
    figure, (axes, below) = subplots(
        2, 1, height=4.8, sharex=True, height_ratios=(3, 1)
    )
    axes.plot([0, 1], [0, 1], ":", color="0.5", label="as said")
    for name, curve in curves.items():
        filled = curve.counts > 0
        axes.plot(
            curve.probability[filled], curve.frequency[filled], "o-",
            label=f"{name}, error {curve.error:.3f}",
        )  # fmt: skip
        below.stairs(curve.counts, curve.edges, linewidth=2)
    axes.set(ylabel="share that are dogs", ylim=(-0.03, 1.03))
    axes.legend(loc="upper left")
    below.set(xlabel="predicted probability of dog", ylabel="images")
    errors = "; ".join(
        f"{name} {curve.error:.3f}" for name, curve in curves.items()
    )
    return Illustration(
        figure,
        "Share of dogs against the predicted probability of dog, with the "
        "number of images below. Expected calibration error: "
        f"{errors}.",
    )


# Recipes


@styled
def schedules(recipes):
    """The learning rate over the epochs, one line a recipe.

    Args:
        recipes: name -> :class:`densenet_lib.training.Recipe`.
    """
    steps = 50  # points an epoch: enough for a smooth line
    figure, axes = subplots(height=3.0)
    for name, recipe in recipes.items():
        rate = learning_rates(recipe, steps)
        count = recipe.epochs * steps
        epochs = [step / steps for step in range(count)]
        axes.plot(
            epochs, [float(rate(step)) for step in range(count)], label=name
        )
    axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    axes.legend()
    parts = [
        f"{name}: at most {recipe.learning_rate:g}, {recipe.schedule}, over "
        f"{recipe.epochs} epochs"
        for name, recipe in recipes.items()
    ]
    return Illustration(
        figure, f"Learning rate over the epochs. {'; '.join(parts)}."
    )


# Budgets

QUANTITIES = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "activations": "activations",
}


@styled
def families(budgets):
    """Parameters against multiply-adds of several families' members.

    Args:
        budgets: {family: {member: budget.Budget}}.
    """
    figure, axes = subplots(height=4.2)
    spans = []
    # One family's names to the right of its points, the next one's left.
    styles = itertools.cycle([("o", 7, "left"), ("s", -7, "right")])
    for (family, members), (marker, shift, align) in zip(
        budgets.items(), styles, strict=False
    ):
        x = [budget.multiply_adds / 1e9 for budget in members.values()]
        y = [budget.parameters / 1e6 for budget in members.values()]
        axes.plot(x, y, marker, label=family, markersize=8)
        for name, *place in zip(members, x, y, strict=True):
            axes.annotate(
                name, place, (shift, -4), textcoords="offset points",
                fontsize=9, ha=align,
            )  # fmt: skip
        spans.append(
            f"{family} {min(x):.2g} to {max(x):.2g} thousand million "
            f"multiply-adds and {min(y):.2g} to {max(y):.2g} million "
            "parameters"
        )
    axes.set(xlabel="multiply-adds, $10^9$", ylabel="parameters, $10^6$")
    axes.set(xlim=(0, axes.get_xlim()[1] * 1.12), ylim=(0, None))
    axes.legend(loc="upper left")
    return Illustration(
        figure,
        f"Parameters against multiply-adds, a point a network: "
        f"{'; '.join(spans)}.",
    )


@styled
def budget_parts(budget, *, level=1):
    """What each part of a network costs, as a share of the whole.

    Args:
        budget: a budget.Budget.
        level: see :meth:`budget.Budget.parts`.
    """
    parts = budget.parts(level)
    figure, panels = subplots(
        1, 3, height=0.9 + 0.26 * len(parts), sharey=True
    )
    names = [part.name for part in parts]
    peaks = []
    for axes, (field, label) in zip(panels, QUANTITIES.items(), strict=True):
        total = getattr(budget, field)
        shares = [100 * getattr(part, field) / total for part in parts]
        axes.barh(names, shares)
        axes.set(xlabel=f"% of {label}")
        axes.grid(axis="y", visible=False)
        peak = max(range(len(parts)), key=shares.__getitem__)
        peaks.append(f"{label} {names[peak]} ({shares[peak]:.0f} %)")
    panels[0].invert_yaxis()
    return Illustration(
        figure,
        "Bars: the share of each part of the network. Largest in "
        f"{', in '.join(peaks)}.",
    )


@styled
def beside(budgets):
    """Networks side by side, each cost as a multiple of the first one's.

    Args:
        budgets: {name: budget.Budget}, the one to compare with first.
    """
    figure, axes = subplots(height=3.2)
    first = next(iter(budgets.values()))
    width = 0.8 / len(budgets)
    said = []
    for index, (name, budget) in enumerate(budgets.items()):
        ratios = [
            getattr(budget, field) / getattr(first, field)
            for field in QUANTITIES
        ]
        places = [number + index * width for number in range(len(ratios))]
        bars = axes.bar(places, ratios, width, align="edge", label=name)
        axes.bar_label(bars, fmt="{:.2f}", fontsize=9, padding=1)
        said.append(f"{name} {', '.join(f'{r:.2f}' for r in ratios)}")
    axes.set(ylabel=f"times {next(iter(budgets))}")
    axes.set_xticks([n + 0.4 for n in range(3)], QUANTITIES.values())
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=3)
    return Illustration(
        figure,
        "Bars: parameters, multiply-adds and activations as multiples of "
        f"the first network's. {'; '.join(said)}.",
    )


# Drawn animals


@styled
def contact_sheet(images, titles=None, columns=6):
    """Images in rows, as a photographer looks through a film.

    Args:
        images: array (N, height, width, 3), 0 to 255.
        titles: a line above each image, or None.
        columns: images in a row; up to eight are legible.
    """
    count, tall, wide = images.shape[:3]
    columns = min(columns, count)
    rows = -(-count // columns)
    side = WIDTH / columns * tall / wide + (0.28 if titles is not None else 0)
    figure, axes = subplots(rows, columns, height=rows * side, squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for place, image in zip(axes.flat, images, strict=False):
        place.imshow(np.clip(image, 0, 255).astype("uint8"))
    alt = f"{count} images of {wide} by {tall} pixels"
    if titles is not None:
        for place, title in zip(axes.flat, titles, strict=False):
            place.set_title(title, fontsize=10)
        alt += f": {', '.join(titles)}"
    return Illustration(figure, f"{alt}.")


@styled
def part_masks(image, masks):
    """An image, and for each mask the image with all else paled.

    Args:
        image: array (height, width, 3), 0 to 255.
        masks: {name: bool (height, width)}.
    """
    columns = -(-(1 + len(masks)) // 2)
    side = WIDTH / columns + 0.28
    figure, axes = subplots(2, columns, height=2 * side)
    for place in axes.flat:
        place.set_axis_off()
    image = np.clip(image, 0, 255).astype("uint8")
    paled = np.uint8(225 + 0.1 * (image.mean(-1, keepdims=True) - 128))
    axes.flat[0].imshow(image)
    axes.flat[0].set_title("image")
    for place, (name, mask) in zip(axes.flat[1:], masks.items(), strict=False):
        place.imshow(np.where(mask[..., None], image, paled))
        place.set_title(name)
    areas = [
        f"{name} {mask.mean():.1%}" if mask.any() else f"{name} not visible"
        for name, mask in masks.items()
    ]
    return Illustration(
        figure,
        "An image and, in a panel each, only what a mask holds; shares of "
        f"the area: {', '.join(areas)}.",
    )


# Feature maps and reuse


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
    _bare(axes, f"{count} filters")
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
    _bare(left, "image")
    left.imshow(np.clip(image, 0, 255).astype("uint8"))
    height, width, channels = maps.shape
    _bare(right, title)
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
    _bare(axes)
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
        f"{name} from {values[0]:.1f} to {values[-1]:.1f}"
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


def _bare(axes, title=""):
    axes.set(xticks=[], yticks=[], title=title)
    axes.grid(False)
    sns.despine(ax=axes, left=True, bottom=True)


# Grad-CAM


@styled
def panels(pictures, *, unit=""):
    """Images and maps in a row; all maps share one scale.

    Args:
        pictures: {title: array}: (height, width, 3) of 0 to 255 is an image,
            (height, width) a map. Where a map has negative values the scale
            is symmetric, blue below zero and red above.
        unit: what the maps' values are.
    """
    maps = [p for p in pictures.values() if np.ndim(p) == 2]
    top = max(float(np.abs(p).max()) for p in maps) or 1.0
    signed = any(np.min(p) < 0 for p in maps)
    look = {"cmap": "RdBu_r" if signed else HEAT_CMAP, "vmax": top}
    figure, axes = subplots(
        1, len(pictures), height=0.5 + 0.8 * WIDTH / len(pictures)
    )
    axes = np.atleast_1d(axes)
    for place, (title, picture) in zip(axes, pictures.items(), strict=True):
        _bare(place, title)
        if np.ndim(picture) == 2:
            drawn = place.imshow(picture, vmin=-top if signed else 0, **look)
        else:
            place.imshow(np.clip(picture, 0, 255).astype("uint8"))
    figure.colorbar(drawn, ax=axes, shrink=0.7, label=unit)
    ranges = [
        f"{title} {np.min(picture):.1f} to {np.max(picture):.1f}"
        for title, picture in pictures.items()
        if np.ndim(picture) == 2
    ]
    return Illustration(
        figure,
        f"Panels: {', '.join(pictures)}. The maps' values{unit and ', '}"
        f"{unit}: {'; '.join(ranges)}.",
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

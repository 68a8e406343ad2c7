"""Figures of whole networks: bottleneck, transition, budgets, ResNet."""

import itertools

import numpy as np
import seaborn as sns

from densenet_lib.errors import expect
from densenet_lib.figures.style import COLOURS, Illustration, styled, subplots
from densenet_lib.layers import compressed


def channels_through(config, theta):
    """Channels in each block of a DenseNet: a list of them for each.

    The first is what enters the block, the others what there is after each
    of its layers.
    """
    counts, entering = [], config.stem_channels
    for num_layers in config.blocks:
        counts.append(
            [
                entering + step * config.growth_rate
                for step in range(num_layers + 1)
            ]
        )
        entering = compressed(counts[-1][-1], theta)
    return counts


@styled
def break_even(growth_rate, *, bottleneck=4):
    """Weights of one dense layer against the channels that it reads.

    Args:
        growth_rate: k.
        bottleneck: channels of the 1x1 convolution, in multiples of k; below
            9, as from there on the two lines never meet.

    Raises:
        InputError: another bottleneck.
    """
    expect(
        0 < bottleneck < 9,
        "bottleneck",
        bottleneck,
        "a number above 0 and below 9",
        "From 9 on, a bottleneck never saves anything.",
    )
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
    side = image_size // 4
    for counts in channels_through(config, config.theta):
        starts.append(len(plain) + 0.5)
        for channels in counts[:-1]:
            plain.append(9 * k * channels * side**2 / 1e6)
            split.append(bottleneck * k * (channels + 9 * k) * side**2 / 1e6)
        side //= 2
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
    # One height for all bottlenecks that the chapter's slider has.
    top = 520 * (k / 32) ** 2 * (image_size / 224) ** 2
    top = max(top, 1.1 * max(plain + split))
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
    counts = list(itertools.chain(*channels_through(config, theta)))
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

    Raises:
        InputError: more than four kinds.
    """
    names = list(networks)
    kinds = list(networks[names[0]])
    colours = ("blue", "orange", "green", "purple")
    expect(
        len(kinds) <= len(colours),
        "the kinds",
        kinds,
        f"{len(colours)} at most",
        "Put some of them together.",
    )
    figure, axes = subplots(height=0.55 * len(networks) + 1.3)
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

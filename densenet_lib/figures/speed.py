"""Figures of memory and of time."""

import numpy as np

from densenet_lib.figures.style import COLOURS, Illustration, styled, subplots

_OF_MEMORY = {
    "naive": COLOURS["vermilion"],
    "remat": COLOURS["purple"],
    "shared": COLOURS["orange"],
    "linear": COLOURS["blue"],
}


@styled
def kept_by_layer(kept):
    """What each layer of a block leaves for the backward pass.

    Args:
        kept: {"naive": array (layers,), "linear": array (layers,)}: numbers a
            pixel.
    """
    figure, axes = subplots(height=3.2)
    for name, numbers in kept.items():
        layers = np.arange(1, len(numbers) + 1)
        axes.bar(
            layers, numbers, width=0.8, label=f"{name}: {sum(numbers):,}",
            color=_OF_MEMORY[name],
        )  # fmt: skip
    axes.set(xlabel="dense layer", ylabel="numbers a pixel")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(0, 1.5 * max(map(max, kept.values())))  # the legend's room
    axes.legend(title="kept in all", loc="upper left")
    ends = "; ".join(
        f"{name} from {numbers[0]:,} at the first layer to {numbers[-1]:,} at "
        f"the last, {sum(numbers):,} in all"
        for name, numbers in kept.items()
    )
    return Illustration(
        figure,
        f"Numbers kept for the backward pass by each of {len(layers)} dense "
        f"layers: {ends}.",
    )


@styled
def memory_over_depth(measured, predicted, *, batch):
    """Peak memory of a training step over the layers of one dense block.

    Args:
        measured: {name: {layers: bytes}}, drawn as points.
        predicted: the same, drawn as lines.
        batch: images a step.
    """
    figure, axes = subplots(height=3.8)
    for name, line in predicted.items():
        axes.plot(
            list(line), [b / 1e6 for b in line.values()], "-",
            color=_OF_MEMORY[name],
        )  # fmt: skip
    for name, points in measured.items():
        axes.plot(
            list(points), [b / 1e6 for b in points.values()], "o",
            color=_OF_MEMORY[name], label=name, markersize=7,
        )  # fmt: skip
    axes.plot([], [], "o", color="0.3", label="measured")
    axes.plot([], [], "-", color="0.3", label="predicted")
    axes.set(xlabel="dense layers in the block", ylabel="MB")
    axes.set_ylim(0, None)
    axes.legend()
    ends = "; ".join(
        f"{name} {list(points.values())[-1] / 1e6:,.0f} MB"
        for name, points in measured.items()
    )
    deepest = max(max(points) for points in measured.values())
    return Illustration(
        figure,
        f"Peak memory of a training step on {batch} images over the depth of "
        f"a block. At {deepest} layers: {ends}.",
    )


@styled
def race(times, *, floor=None, ours=()):
    """Time an image, one bar a contestant, the fastest at the top.

    Args:
        times: {name: milliseconds an image}.
        floor: milliseconds that the arithmetic alone would take, or None.
        ours: names to draw in another colour.
    """
    names = sorted(times, key=times.get, reverse=True)
    figure, axes = subplots(height=0.9 + 0.36 * len(names))
    axes.barh(
        range(len(names)), [times[name] for name in names],
        color=[
            COLOURS["blue"] if name in ours else COLOURS["sky"]
            for name in names
        ],
    )  # fmt: skip
    for place, name in enumerate(names):
        axes.text(
            times[name], place, f" {times[name]:.3g}", va="center", fontsize=10
        )
    if floor is not None:
        axes.axvline(floor, color=COLOURS["black"], linestyle=":")
    axes.set_yticks(
        range(len(names)),
        [f"{name} *" if name in ours else name for name in names],
    )
    axes.set(xlabel="milliseconds an image (* ours)")
    axes.set_xlim(0, 1.15 * max(times.values()))
    axes.grid(False, axis="y")
    listed = ", ".join(f"{name} {times[name]:.3g}" for name in reversed(names))
    bound = "" if floor is None else f" The arithmetic takes {floor:.3g}."
    return Illustration(
        figure,
        f"Milliseconds an image, from the fastest: {listed}.{bound}",
    )


@styled
def threshold(scale, shift):
    """relu(scale x + shift), and the maximum that it is in disguise."""
    bend = -shift / scale
    x = np.linspace(bend - 2, bend + 2, 201)
    figure, (left, right) = subplots(1, 2, height=3)
    left.plot(x, np.maximum(scale * x + shift, 0), color=COLOURS["blue"])
    left.set(xlabel="x", title="relu(a x + b)")
    right.plot(x, np.maximum(x, bend), color=COLOURS["orange"])
    right.set(xlabel="x", title="max(x, −b / a)")
    for axes in (left, right):
        axes.axvline(bend, color="0.5", linestyle=":", linewidth=1.5)
    return Illustration(
        figure,
        f"Left, relu({scale:g} x + {shift:g}); right, max(x, {bend:g}). Both "
        f"are flat to the left of x = {bend:g} and straight to the right.",
    )

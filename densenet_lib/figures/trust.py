"""Figures of how far to believe a heatmap."""

import math

import numpy as np

from densenet_lib.faithfulness.baselines import BASELINES
from densenet_lib.figures.style import COLOURS, Illustration, styled, subplots


@styled
def trust_table(records, *, metrics=None, columns=3):
    """Each method's mean on each measure, with its interval, as dots.

    Maps that know nothing of the model are set apart by colour; a dashed line
    marks what chance scores.

    Args:
        records: of :func:`densenet_lib.faithfulness.table` or of a cue study,
            :class:`densenet_lib.faithfulness.Record`.
        metrics: names of the measures to show, in order; None for all.
        columns: panels side by side.
    """
    known = dict.fromkeys(record.metric for record in records)
    metrics = list(known if metrics is None else metrics)
    methods = list(dict.fromkeys(record.method for record in records))
    rows = math.ceil(len(metrics) / columns)
    figure, axes = subplots(
        rows, columns, height=rows * (0.9 + 0.22 * len(methods)),
        sharey=True, squeeze=False,
    )  # fmt: skip
    for place in axes.flat[len(metrics) :]:
        place.remove()
    parts = []
    for place, metric in zip(axes.flat, metrics, strict=False):
        ours = [record for record in records if record.metric == metric]
        _dots(place, ours, methods)
        parts.append(_best(metric, ours))
    axes[0, 0].set_yticks(range(len(methods)), methods)
    axes[0, 0].set_ylim(len(methods) - 0.4, -0.6)
    return Illustration(
        figure,
        f"Means over images, with 95 % intervals, of {len(methods)} maps. "
        f"{' '.join(parts)}",
    )


@styled
def removal_curves(curves):
    """Probability of the class as pixels come in or go, the mean over images.

    Args:
        curves: {method: :class:`densenet_lib.faithfulness.Curves`}; up to six
            can be told apart.
    """
    figure, axes = subplots(1, 2, height=4.0, sharey=True)
    titles = (
        "insertion: most important first",
        "deletion: most important first",
    )
    for place, name, title in zip(
        axes, ("insertion", "deletion"), titles, strict=True
    ):
        for method, found in curves.items():
            mean = getattr(found, name).mean(axis=0)
            place.plot(100 * found.shares, mean, label=method)
        place.set(title=title, xlabel="pixels moved, %", ylim=(0, 1.02))
    axes[0].set(ylabel="probability of the class")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=min(3, len(names))
    )
    areas = "; ".join(
        f"{method} {found.insertion_area.mean():.2f} and "
        f"{found.deletion_area.mean():.2f}"
        for method, found in curves.items()
    )
    return Illustration(
        figure,
        "Probability of the class while pixels come in, and while they are "
        f"deleted. Areas under the two curves: {areas}.",
    )


@styled
def cascade(cascades):
    """Likeness to the trained network's maps as layers are randomised.

    Args:
        cascades: {method: :class:`densenet_lib.faithfulness.Cascade`}, all of
            the same stages.
    """
    figure, axes = subplots(height=4.2)
    for method, found in cascades.items():
        stages = found.stages
        axes.plot(found.values.mean(axis=1), "o-", label=method)
    axes.set_xticks(
        range(len(stages)), stages, rotation=30, ha="right",
    )  # fmt: skip
    axes.set(
        xlabel="randomised down to", ylabel="likeness of the map",
        ylim=(None, 1.03),
    )  # fmt: skip
    axes.axhline(0, color="0.5", linestyle="--", linewidth=1)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    ends = "; ".join(
        f"{method} {found.values[1].mean():.2f} and "
        f"{found.values[-1].mean():.2f}"
        for method, found in cascades.items()
    )
    return Illustration(
        figure,
        f"Likeness to the trained network's map with {stages[1]} randomised, "
        f"and with everything down to {stages[-1]}: {ends}.",
    )


def _dots(axes, records, methods):
    """One panel: a row for each method."""
    for record in records:
        known = record.method not in BASELINES
        row = methods.index(record.method)
        colour = COLOURS["blue" if known else "vermilion"]
        axes.plot([record.low, record.high], [row, row], color=colour)
        axes.plot(record.mean, row, "o" if known else "s", color=colour)
    if records[0].chance is not None:
        axes.axvline(
            records[0].chance, color="0.4", linestyle="--", linewidth=1
        )
    arrow = "better →" if records[0].better == "higher" else "← better"
    axes.set(title=records[0].metric, xlabel=arrow)
    axes.tick_params(axis="y", labelsize=9)


def _best(metric, records):
    """One sentence: the best method, the best baseline, chance."""
    sign = 1 if records[0].better == "higher" else -1
    scored = [record for record in records if not np.isnan(record.mean)]
    words = []
    for what, wanted in (("best", False), ("best without a model", True)):
        group = [r for r in scored if (r.method in BASELINES) == wanted]
        if group:
            top = max(group, key=lambda record: sign * record.mean)
            words.append(f"{what} {top.method} {top.mean:.2f}")
    if records[0].chance is not None:
        words.append(f"chance {records[0].chance:.2f}")
    direction = f"{records[0].better} is better"
    return f"{metric} ({direction}): {', '.join(words)}."

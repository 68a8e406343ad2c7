"""Figures of how far to believe a heatmap."""

import math
from collections import Counter

import numpy as np
import seaborn as sns
from matplotlib.patches import Rectangle

from densenet_lib.errors import expect_choice
from densenet_lib.faithfulness.baselines import BASELINES
from densenet_lib.figures.style import COLOURS, Illustration, styled, subplots


@styled
def trust_table(records, *, metrics=None, columns=3):
    """Each method's mean on each measure, with its interval, as dots.

    Maps that know nothing of the model are set apart by colour; a dashed line
    marks what chance scores. Of several networks each has a dot of its own,
    one below the other.

    Args:
        records: of :func:`densenet_lib.faithfulness.table` or of a cue study,
            :class:`densenet_lib.faithfulness.Record`; those of several
            networks one after the other.
        metrics: names of the measures to show, in order; None for all.
        columns: panels side by side.

    Raises:
        InputError: a measure that the records do not have.
    """
    known = dict.fromkeys(record.metric for record in records)
    metrics = list(known if metrics is None else metrics)
    for metric in metrics:
        expect_choice("metric", metric, list(known))
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


VERDICTS = {"better": "green", "open": None, "worse": "vermilion"}


@styled
def verdicts(found, *, columns, against):
    """Which method beats the other, measure by measure, as coloured cells.

    Args:
        found: {method: {measure: (difference, verdict)}}, the difference
            above 0 where the method is better, the verdict of
            :func:`densenet_lib.faithfulness.verdict`.
        columns: {measure: its heading}, in order.
        against: what the methods are compared with, in words.
    """
    figure, axes = subplots(height=1.0 + 0.32 * len(found))
    for row, cells in enumerate(found.values()):
        for column, measure in enumerate(columns):
            gap, verdict = cells[measure]
            colour = VERDICTS[verdict]
            axes.add_patch(
                Rectangle(
                    (column - 0.47, row - 0.44), 0.94, 0.88, linewidth=0,
                    facecolor=COLOURS[colour] if colour else "0.93",
                    alpha=0.45 if colour else 1,
                )
            )  # fmt: skip
            mark = {"better": "+", "worse": "−", "open": ""}[verdict]
            axes.text(
                column, row, mark or f"{gap:+.2f}", ha="center", va="center",
                fontsize=14 if mark else 9, color="0" if mark else "0.4",
            )  # fmt: skip
    axes.set_xticks(range(len(columns)), columns.values())
    axes.set_yticks(range(len(found)), list(found), fontsize=11)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set(
        xlim=(-0.5, len(columns) - 0.5), ylim=(len(found) - 0.5, -0.5),
        xlabel=f"+ better than {against}, − worse\n"
        "grey: open, with the mean difference",
    )  # fmt: skip
    axes.grid(False)
    sns.despine(ax=axes, left=True, bottom=True)
    lines = []
    for measure in columns:
        words = [
            f"{verdict} {', '.join(names)}"
            for verdict in ("better", "worse")
            if (names := [m for m in found if found[m][measure][1] == verdict])
        ]
        lines.append(f"{measure}: {'; '.join(words) or 'all open'}.")
    return Illustration(
        figure, f"Against {against}, by measure. {' '.join(lines)}"
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
    several = max(Counter(record.method for record in records).values())
    size = 6 if several == 1 else 4
    seen = Counter()
    for record in records:
        known = record.method not in BASELINES
        row = methods.index(record.method)
        if several > 1:
            row += 0.44 * (seen[record.method] / (several - 1) - 0.5)
            seen[record.method] += 1
        colour = COLOURS["blue" if known else "vermilion"]
        axes.plot(
            [record.low, record.high], [row, row], color=colour,
            linewidth=2 if several == 1 else 1.2,
        )  # fmt: skip
        axes.plot(
            record.mean, row, "o" if known else "s", color=colour,
            markersize=size,
        )  # fmt: skip
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
    scored = {}  # the mean over the networks
    for record in records:
        if not np.isnan(record.mean):
            scored.setdefault(record.method, []).append(record.mean)
    scored = {method: np.mean(means) for method, means in scored.items()}
    words = []
    for what, wanted in (("best", False), ("best without a model", True)):
        group = [name for name in scored if (name in BASELINES) == wanted]
        if group:
            top = max(group, key=lambda name: sign * scored[name])
            words.append(f"{what} {top} {scored[top]:.2f}")
    if records[0].chance is not None:
        words.append(f"chance {records[0].chance:.2f}")
    direction = f"{records[0].better} is better"
    return f"{metric} ({direction}): {', '.join(words)}."

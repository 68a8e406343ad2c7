"""Figures of the study: accuracy against what it costs."""

import numpy as np

from densenet_lib.figures.style import (
    COLOURS,
    Illustration,
    styled,
    subplots,
)


@styled
def accuracy_over(accuracies, *panels):
    """Accuracy against one or more quantities: a dot a seed, a line of means.

    Args:
        accuracies: {label: accuracies (0 to 1), one a seed}.
        *panels: each (name of the quantity, its values in the same order);
            drawn side by side, the quantity by factors of ten.
    """
    figure, axes = subplots(
        1, len(panels), height=3.4, squeeze=False, sharey=True
    )
    means = [100 * np.mean(values) for values in accuracies.values()]
    for ax, (name, places) in zip(axes[0], panels, strict=True):
        ax.plot(places, means, color=COLOURS["blue"])
        for place, values in zip(places, accuracies.values(), strict=True):
            ax.plot(
                [place] * len(values),
                100 * np.asarray(values),
                "o",
                color=COLOURS["orange"],
                markeredgecolor="0.2",
                alpha=0.8,
            )
        ax.set(xlabel=name, xscale="log")
        ax.margins(x=0.15, y=0.15)  # room for the labels
    for label, place, mean in zip(
        accuracies, panels[0][1], means, strict=True
    ):
        axes[0, 0].annotate(
            label, (place, mean), (6, -14), textcoords="offset points"
        )
    axes[0, 0].set_ylabel("test accuracy (%)")
    parts = [
        f"{label}: {mean:.1f} %"
        for label, mean in zip(accuracies, means, strict=True)
    ]
    return Illustration(
        figure,
        f"Mean test accuracy over {' and '.join(name for name, _ in panels)}, "
        f"a dot for each seed. {'; '.join(parts)}.",
    )


@styled
def gaps(differences):
    """How much better one thing is than another, with the interval.

    Args:
        differences: {what against what: (mean, low, high)}, as shares, from
            :func:`densenet_lib.study.difference`.
    """
    figure, axes = subplots(height=0.9 + 0.5 * len(differences))
    for row, (mean, low, high) in enumerate(differences.values()):
        clear = low > 0 or high < 0
        colour = COLOURS["blue"] if clear else "0.5"
        axes.plot([100 * low, 100 * high], [row, row], color=colour)
        # Filled where the interval leaves out zero: not by colour alone.
        axes.plot(
            100 * mean,
            row,
            "o",
            color=colour,
            markerfacecolor=colour if clear else "white",
            markersize=9,
        )
    axes.axvline(0, color="0.2", linewidth=1)
    axes.set_yticks(range(len(differences)), list(differences))
    axes.set(
        xlabel="difference in test accuracy (points)",
        ylim=(len(differences) - 0.5, -0.5),
    )
    axes.grid(axis="y", visible=False)
    parts = [
        f"{name} {100 * mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        for name, (mean, low, high) in differences.items()
    ]
    return Illustration(
        figure,
        "Differences in test accuracy, in points, with 95 % intervals; "
        f"filled where zero is outside. {'; '.join(parts)}.",
    )

"""Figures of a training and of its results."""

import itertools

import numpy as np
import seaborn as sns

from densenet_lib.errors import expect
from densenet_lib.figures.style import COLOURS, Illustration, styled, subplots
from densenet_lib.training import learning_rates


@styled
def training_curves(histories):
    """Loss and accuracy, epoch by epoch.

    Args:
        histories: {name: history}; a history is a dict of lists with the
            keys loss, accuracy, val_loss and val_accuracy.

    Raises:
        InputError: more of them than there are colours.
    """
    expect(
        len(histories) <= len(COLOURS),
        "the histories",
        list(histories),
        f"{len(COLOURS)} at most, one of each colour",
        "Draw the others in a second figure.",
    )
    figure, axes = subplots(1, 2, height=3.4)
    for (name, history), colour in zip(
        histories.items(), COLOURS.values(), strict=False
    ):
        epochs = np.arange(1, len(history["loss"]) + 1)
        for place, key in zip(axes, ("loss", "accuracy"), strict=True):
            place.plot(epochs, history[key], ":", color=colour, linewidth=1.5)
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
def along(lines):
    """Accuracy on the straight line between the weights of two networks.

    Args:
        lines: {name: (shares, accuracies)}, from ``averaging.along``.
    """
    figure, axes = subplots()
    for (name, (shares, accuracies)), mark in zip(
        lines.items(), itertools.cycle("os^vD"), strict=False
    ):
        axes.plot(shares, 100 * accuracies, f"{mark}-", label=name)
    axes.axhline(50, linestyle=":", color="0.5")
    axes.annotate("by chance", (0, 50), (0, 4), textcoords="offset points")
    axes.set(
        xlabel="share of the second network's weights",
        ylabel="validation accuracy (%)",
        ylim=(40, 102),
    )
    figure.legend(loc="outside upper center", ncols=2)
    said = "; ".join(
        f"{name}: {accuracies[0]:.1%} and {accuracies[-1]:.1%} at the ends, "
        f"{accuracies[len(accuracies) // 2]:.1%} half-way, at least "
        f"{accuracies.min():.1%}"
        for name, (_, accuracies) in lines.items()
    )
    return Illustration(
        figure,
        "Validation accuracy on the straight line between the weights of two "
        f"networks. {said}.",
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
    axes.set_anchor("W")  # a phone shows the left of a figure first
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


@styled
def repeated(accuracies):
    """The accuracy of each repetition, and their mean, one row a network.

    Args:
        accuracies: {network: accuracies (0 to 1), one a seed}.
    """
    figure, axes = subplots(height=0.9 + 0.6 * len(accuracies))
    for row, values in enumerate(accuracies.values()):
        axes.plot(values, [row] * len(values), "o", markersize=9, alpha=0.7)
        axes.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color="0.2")
    axes.set_yticks(range(len(accuracies)), list(accuracies))
    axes.set(xlabel="accuracy", ylim=(len(accuracies) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)
    parts = [
        f"{name} {', '.join(f'{value:.4f}' for value in values)}"
        for name, values in accuracies.items()
    ]
    return Illustration(
        figure,
        "Test accuracy of each training, a stroke at the mean. "
        f"{'; '.join(parts)}.",
    )


@styled
def spectra(matrices):
    """The singular values of matrices, falling, as shares of the largest.

    Args:
        matrices: {name: array (rows, columns)}.
    """
    figure, axes = subplots(height=3.0)
    parts = []
    for (name, matrix), mark in zip(matrices.items(), "os^D", strict=False):
        values = np.linalg.svd(matrix, compute_uv=False)
        shares = values / values[0]
        axes.plot(
            np.arange(1, len(shares) + 1), shares, f"{mark}-",
            label=name, markersize=5,
        )  # fmt: skip
        parts.append(
            f"{name}: the middle one is {np.median(shares):.2f} of the "
            f"largest, the last {shares[-1]:.2f}"
        )
    axes.set(xlabel="direction", ylabel="share of the largest", ylim=(0, 1.05))
    axes.legend()
    return Illustration(
        figure,
        f"Singular values in falling order. {'; '.join(parts)}.",
    )

"""The training curves of every recorded run, to be filtered and compared."""

from dataclasses import replace

import numpy as np

from densenet_lib import runs, study
from densenet_lib.errors import expect
from densenet_lib.widgets.frontend import show

MOST = 6  # curves at a time: more than that nobody can follow
MEASURES = ("accuracy", "loss", "val_accuracy", "val_loss")
DIGITS = 4  # after the point: a curve is a few hundred pixels high


def curves(*chosen):
    """Display the training curves of all recorded trainings.

    Args:
        *chosen: paths of the runs that are drawn at first, at most ``MOST``;
            none for the first one.

    Raises:
        InputError: a run that is not recorded, or too many.
    """
    state = curves_state(*chosen)
    words = "; ".join(
        f"{run['name']}: validation {run['validation']}, test {run['test']}"
        for run in (state["runs"][index] for index in state["chosen"])
    )
    alt = (
        f"Training curves of {len(state['runs'])} recorded runs, to be "
        f"filtered, and compared up to {MOST} at a time. At first, the final "
        f"accuracies: {words}."
    )
    show("curves", state, alt=alt)


def curves_state(*chosen):
    """What is shown: each run's curves, costs and final accuracies."""
    names = trained()
    chosen = chosen or names[:1]
    expect(
        len(chosen) <= MOST and set(chosen) <= set(names),
        "runs",
        chosen,
        f"at most {MOST} of those that are recorded",
        "densenet_lib.runs.names() lists them; what was not trained has no "
        "curves.",
    )
    return {
        "most": MOST,
        "runs": [_described(runs.load(name)) for name in names],
        "chosen": [names.index(name) for name in chosen],
        "groups": _groups(names),
    }


def trained():
    """The paths of the recorded runs that were trained: they have curves."""
    return [name for name in runs.names() if runs.load(name).history]


def multiply_adds(run):
    """Multiply-adds of a run's training up to the end of each epoch.

    Those of what it started from are counted in.

    Returns:
        A list of integers, one an epoch.
    """
    experiment, recipe = run.experiment, run.experiment.recipe
    images = run.record["data"]["train"]
    spent, begin = [_before(run)["multiply_adds"]], 0
    for end, side in recipe.phases():
        epoch = replace(
            experiment,
            image_size=side or experiment.image_size,
            recipe=replace(recipe, epochs=1, sizes=(), warmup_epochs=0),
            start=None,
        ).multiply_adds(images)
        spent += [spent[-1] + epoch * n for n in range(1, end - begin + 1)]
        begin = end
    return spent[1:]


def _described(run):
    experiment, final = run.experiment, run.metrics
    return {
        "name": experiment.path,
        "scale": experiment.scale,
        "family": experiment.family,
        "about": _about(experiment),
        "seconds": run.seconds,
        "before": _before(run),
        # Four digits are more than a screen shows.
        "multiply_adds": [int(float(f"{n:.3e}")) for n in multiply_adds(run)],
        "history": {
            measure: [round(value, DIGITS) for value in run.history[measure]]
            for measure in MEASURES
        },
        # As words: Python and JavaScript round halves in their own ways.
        "validation": _percent(final["validation"]["accuracy"]),
        "test": _percent(final["test"]["accuracy"]),
        "interval": " to ".join(map(_percent, final["test"]["interval"])),
    }


def _before(run):
    """What had been spent on the weights that a run started from."""
    before = run.lineage[:-1]
    if not before:
        return {"epochs": 0, "seconds": 0, "multiply_adds": 0}
    images = run.record["data"]["train"]
    return {
        "epochs": sum(
            each.experiment.recipe.epochs
            for each in before
            if each.experiment.trains
        ),
        "seconds": before[-1].seconds,
        "multiply_adds": before[-1].experiment.multiply_adds(images),
    }


def _percent(share):
    return f"{100 * share:.2f} %"


def _about(experiment):
    """The network in a few words."""
    config = experiment.config
    blocks = "-".join(map(str, config.blocks))
    if experiment.family == "densenet":
        return f"DenseNet, blocks {blocks}, k = {config.growth_rate}"
    filters = "-".join(map(str, np.atleast_1d(config.filters)))
    return f"ResNet, blocks {blocks}, filters {filters}"


def _groups(names):
    """[{name, runs: {index: variant}}] of the study, seeds together."""
    places = {name: index for index, name in enumerate(names)}
    found = []
    for group in study.GROUPS:
        variants = {
            str(places[run.experiment.path]): label
            for label, variant in study.results(group).items()
            for run in variant.runs.values()
        }
        found.append({"name": group, "runs": variants})
    return found

"""The study: what each choice in a DenseNet's design is worth, measured.

One small network is trained on the photographs at 32 pixels; then the same
again with one thing changed; each from several seeds. A group is one
question. Its runs share the budget, unless the budget is the question.

The networks are small, so that a processor can train dozens of them. What
they say holds for them; how far it carries to larger ones, they cannot say.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from densenet_lib import budget, experiments, runs
from densenet_lib.errors import InputError, expect_choice
from densenet_lib.experiments import SEEDS, STUDY_SIZE, seeded

# {question: {variant: what its experiment is called after "study-"}}
GROUPS = {
    "growth rate": {
        "k = 4": "k4",
        "k = 8": "base",
        "k = 12": "k12",
        "k = 24": "k24",
        "k = 32": "k32",
    },
    "bottleneck and compression": {
        "neither": "neither",
        "B": "b",
        "C": "c",
        "BC": "base",
    },
    "pooling": {
        "average": "base",
        "max": "max",
        "average, not augmented": "average-bare",
        "max, not augmented": "max-bare",
    },
    "composite function": {
        "pre-activation": "base",
        "post-activation": "post-activation",
        "no norm": "no-norm",
        "pre-activation, slow": "base-slow",
        "no norm, slow": "no-norm-slow",
    },
    "resnet": {
        "DenseNet": "base",
        "ResNet, equal parameters": "resnet-parameters",
        "ResNet, equal multiply-adds": "resnet-multiply-adds",
        "ResNet, equal parameters and time": "resnet-time",
    },
    "optimiser": {
        "SGD, half the rate": "base-half",
        "SGD": "base",
        "SGD, twice the rate": "base-twice",
        "Muon, half the rate": "muon-half",
        "Muon": "muon",
        "Muon, twice the rate": "muon-twice",
    },
    "recipe": {
        "as it is": "base",
        "rate in three steps": "steps",
        "small images first": "growing",
    },
    "images": {
        "500": "images500",
        "2,000": "images2000",
        "8,000": "images8000",
        "17,000": "base",
    },
}


@dataclass(frozen=True)
class Variant:
    """One variant of a group, with the runs that are recorded of it.

    Attributes:
        label: as the group calls it.
        runs: {seed: :class:`runs.Run`}, at least one.
    """

    label: str
    runs: dict[int, runs.Run]

    @property
    def experiment(self):
        """What was trained; the seeds differ in nothing else."""
        return next(iter(self.runs.values())).experiment

    @property
    def accuracies(self):
        """On the test photographs, one a seed: float64 (seeds,)."""
        return np.array(
            [run.metrics["test"]["accuracy"] for run in self.runs.values()]
        )

    @property
    def seconds(self):
        """Mean time of a training, on whatever machine it ran."""
        return np.mean([run.record["seconds"] for run in self.runs.values()])

    @property
    def budget(self):
        """The network's :class:`budget.Budget` at the study's image size."""
        shape = (STUDY_SIZE, STUDY_SIZE, 3)
        return budget.closed_form(
            self.experiment.config, input_shape=shape, classes=1
        )


def results(group):
    """The variants of a group, in order, with their recorded runs.

    Args:
        group: a key of ``GROUPS``.

    Returns:
        {label: :class:`Variant`}; a variant without a run is left out.

    Raises:
        InputError: no such group, or nothing of it is recorded.
    """
    expect_choice("group", group, GROUPS)
    recorded = set(runs.names())
    found = {}
    for label, name in GROUPS[group].items():
        paths = {seed: _path(name, seed) for seed in SEEDS}
        there = {
            seed: runs.load(path)
            for seed, path in paths.items()
            if path in recorded
        }
        if there:
            found[label] = Variant(label, there)
    if not found:
        raise InputError(
            "group",
            group,
            "at least one recorded run",
            "Record them with: densenet-lib study.",
        )
    return found


def missing():
    """The paths of the study's experiments that have no run yet.

    Seed by seed, so that a study that is broken off has all its variants
    before it has repetitions.
    """
    recorded = set(runs.names())
    paths = [
        experiment.path
        for experiment in experiments.EXPERIMENTS.values()
        if experiment.name.startswith("study-")
    ]
    return [path for path in paths if path not in recorded]


def table(variants):
    """The group as text: accuracy, its spread over the seeds, and the cost.

    Args:
        variants: what :func:`results` gave.
    """
    width = max(len(label) for label in variants)
    lines = [
        f"{'':<{width}}  accuracy  spread  seeds  parameters  multiply-adds"
    ]
    for label, variant in variants.items():
        cost, accuracies = variant.budget, variant.accuracies
        several = len(accuracies) > 1
        spread = f"{np.ptp(accuracies):.2%}" if several else "-"
        lines.append(
            f"{label:<{width}}  {accuracies.mean():8.2%}  {spread:>6}"
            f"  {len(accuracies):5}  {cost.parameters:10,}"
            f"  {cost.multiply_adds / 1e6:11.2f} M"
        )
    return "\n".join(lines)


def difference(one, other, *, confidence=0.95):
    """How much better one variant is, seed against the same seed.

    The seed decides the order of the images and how they are changed, so the
    two trainings of a seed share that. What is left is taken as a sample from
    a normal law of which the seeds are independent draws.

    Args:
        one, other: :class:`Variant`, with at least two seeds in common.
        confidence: of the interval.

    Returns:
        (mean, low, high): the difference of the accuracies, a share.

    Raises:
        InputError: fewer than two seeds in common.

    Source: Student's t, paired.
    """
    seeds = sorted(set(one.runs) & set(other.runs))
    if len(seeds) < 2:
        raise InputError(
            "seeds",
            seeds,
            "at least two that both variants have",
            "Record more with: densenet-lib study.",
        )
    ours, theirs = (
        [variant.runs[seed].metrics["test"]["accuracy"] for seed in seeds]
        for variant in (one, other)
    )
    test = stats.ttest_rel(ours, theirs)
    low, high = test.confidence_interval(confidence)
    return float(np.mean(ours) - np.mean(theirs)), float(low), float(high)


def _path(name, seed):
    return f"cpu/{seeded(f'study-{name}', seed)}"

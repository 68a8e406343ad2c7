"""All methods, all measures, one table."""

import math
import time
from dataclasses import dataclass, field

import numpy as np

from densenet_lib import attribution
from densenet_lib.errors import expect
from densenet_lib.faithfulness.baselines import BASELINES
from densenet_lib.faithfulness.location import energy_inside, pointing_game
from densenet_lib.faithfulness.outputs import chosen, expect_maps
from densenet_lib.faithfulness.randomisation import (
    layer_groups,
    parameter_randomisation,
)
from densenet_lib.faithfulness.removal import insertion_deletion, road
from densenet_lib.faithfulness.small_changes import stability

# Of all other measures, a larger value is the better one.
LOWER_IS_BETTER = ("deletion", "randomised")


@dataclass(frozen=True)
class Record:
    """What one method scores on one measure.

    Attributes:
        method, metric: their names.
        mean: over the images.
        low, high: ends of the 95 % bootstrap interval of the mean.
        images: how many have a score.
        chance: the score of a map that knows nothing, or None where there is
            no such number.
    """

    method: str
    metric: str
    mean: float
    low: float
    high: float
    images: int
    chance: float | None = None

    @property
    def better(self):
        """Which is better, "higher" or "lower"."""
        return "lower" if self.metric in LOWER_IS_BETTER else "higher"


@dataclass(frozen=True)
class Table:
    """The records of :func:`table`; ``found[method, metric]`` is one of them.

    Attributes:
        records: of each method on each measure.
        seconds: {method: {step: seconds taken}}, as it was this time.
    """

    records: tuple[Record, ...]
    seconds: dict = field(repr=False, compare=False)

    def __getitem__(self, key):
        for record in self.records:
            if (record.method, record.metric) == key:
                return record
        raise KeyError(key)

    def __str__(self):
        """The means as text, a line a method."""
        metrics = list(dict.fromkeys(r.metric for r in self.records))
        methods = list(dict.fromkeys(r.method for r in self.records))
        width = max(len(name) for name in ("method", *methods))
        lines = ["  ".join([f"{'method':<{width}}", *metrics])]
        for method in methods:
            cells = (
                f"{self[method, metric].mean:>{len(metric)}.2f}"
                for metric in metrics
            )
            lines.append("  ".join([f"{method:<{width}}", *cells]))
        return "\n".join(lines)


def table(
    model,
    split,
    methods,
    *,
    images=100,
    recomputed=25,
    parts=("animal", "head"),
    steps=16,
    seed=0,
):
    """Every method and both baselines on every measure.

    Each map explains the class that the network decides for. The measures:

    - "peak on …" and "heat on …" each part: :mod:`location`;
    - "insertion", "deletion" and "ROAD": :mod:`removal`;
    - "randomised": likeness to the map of the same network with all its
      weights randomised;
    - "noise" and "shift": :mod:`small_changes`, one change of each kind.

    Args:
        model: a built Keras model from images to logits.
        split: a :class:`densenet_lib.datasets.Split` with masks.
        methods: {name: function (model, images, targets) -> maps}, or names
            from ``attribution.METHODS``.
        images: how many, drawn from the split.
        recomputed: of these, how many serve the measures for which maps are
            computed anew: "randomised", "noise" and "shift".
        parts: of the image, names of masks.
        steps: of insertion and of deletion.
        seed: of the images drawn and of all that is random.

    Returns:
        :class:`Table`, the baselines last.

    Raises:
        InputError: a split without masks, or with fewer images.
    """
    expect(
        split.masks is not None,
        "split.masks",
        None,
        "masks that say what each pixel shows",
        "datasets.sketches.load() gives drawings, of which they are known.",
    )
    expect(
        0 < recomputed <= images <= len(split),
        "images and recomputed",
        (images, recomputed),
        f"recomputed from 1 to images, and images up to {len(split)}",
        "Ask for fewer, or give a larger split.",
    )
    case = _case(model, split, images, recomputed, parts, steps, seed)
    records, seconds = [], {}
    for name, method in {**named_methods(methods), **BASELINES}.items():
        found, chances, seconds[name] = _measured(case, method)
        records += [
            record(name, metric, scores, chances.get(metric), seed=seed)
            for metric, scores in found.items()
        ]
    return Table(tuple(records), seconds)


def named_methods(methods):
    """{name: function (model, images, targets) -> maps}.

    Args:
        methods: such a dict, which comes back, or names of
            ``attribution.METHODS``.
    """
    if isinstance(methods, dict):
        return methods
    return {name: _explained_by(name) for name in methods}


def record(method, metric, scores, chance=None, *, seed=0):
    """The :class:`Record` of scores (N,), where NaN means no score."""
    scores = scores[~np.isnan(scores)]
    mean, low, high = math.nan, math.nan, math.nan
    if len(scores):
        mean = float(scores.mean())
        low, high = bootstrap(scores, seed=seed)
    return Record(method, metric, mean, low, high, len(scores), chance)


def bootstrap(scores, *, seed=0, draws=2000):
    """The 95 % interval of a mean, by drawing the scores again.

    Args:
        scores: (N,) without NaN.
        seed: of the draws.
        draws: of N scores each, with replacement.

    Returns:
        Its lower and upper end: the 2.5th and 97.5th percentile of the means.

    Source: B. Efron, "Bootstrap Methods: Another Look at the Jackknife",
    Annals of Statistics 7 (1979).
    """
    rng = np.random.default_rng(seed)
    means = rng.choice(scores, (draws, len(scores))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class _Case:
    """What all methods are measured on."""

    model: object
    images: np.ndarray
    targets: np.ndarray
    masks: dict
    recomputed: slice
    steps: int
    seed: int


def _case(model, split, images, recomputed, parts, steps, seed):
    rng = np.random.default_rng(seed)
    drawn = split.subset(rng.permutation(len(split))[:images])
    return _Case(
        model,
        drawn.images,
        chosen(model, drawn.images, None),
        {part: drawn.masks[part] for part in parts},
        slice(recomputed),
        steps,
        seed,
    )


def _measured(case, method):
    """Scores of each measure, chance levels, and seconds of each step."""
    start = time.perf_counter()
    maps = expect_maps(
        method(case.model, case.images, case.targets), case.images
    )
    seconds = {"maps": time.perf_counter() - start}
    found, chances = {}, {}
    for step, measure in _MEASURES.items():
        start = time.perf_counter()
        scores, chance = measure(case, method, maps)
        seconds[step] = time.perf_counter() - start
        found |= scores
        chances |= chance
    return found, chances, seconds


def _by_location(case, method, maps):
    scores, chances = {}, {}
    for name, measure in (("peak", pointing_game), ("heat", energy_inside)):
        for part, located in measure(maps, case.masks).items():
            scores[f"{name} on {part}"] = located.scores
            chances[f"{name} on {part}"] = located.chance
    return scores, chances


def _by_curves(case, method, maps):
    curves = insertion_deletion(
        case.model, case.images, maps, case.targets,
        steps=case.steps, seed=case.seed,
    )  # fmt: skip
    scores = {
        "insertion": curves.insertion_area,
        "deletion": curves.deletion_area,
    }
    return scores, {}


def _by_road(case, method, maps):
    found = road(case.model, case.images, maps, case.targets, seed=case.seed)
    return {"ROAD": found.scores}, {"ROAD": 0.0}


def _by_randomisation(case, method, maps):
    few = case.recomputed
    groups = layer_groups(case.model)
    cascade = parameter_randomisation(
        method, case.model, case.images[few], case.targets[few],
        maps=maps[few], groups={"all": sum(groups.values(), ())},
        seed=case.seed,
    )  # fmt: skip
    return {"randomised": cascade.values[-1]}, {"randomised": 0.0}


def _by_stability(case, method, maps):
    few = case.recomputed
    found = stability(
        method, case.model, case.images[few], case.targets[few],
        maps=maps[few], draws=1, shifts=((1, 0),), seed=case.seed,
    )  # fmt: skip
    return {"noise": found.noise, "shift": found.shift}, {}


_MEASURES = {
    "location": _by_location,
    "insertion and deletion": _by_curves,
    "ROAD": _by_road,
    "randomisation": _by_randomisation,
    "stability": _by_stability,
}


def _explained_by(name):
    def method(model, images, targets):
        return attribution.explain(model, images, name, target=targets)

    return method

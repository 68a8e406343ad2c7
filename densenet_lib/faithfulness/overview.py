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
LOWER_IS_BETTER = ("deletion", "randomised", "false labels")

# Integrated gradients as a table needs them: a sum that is right to a
# hundredth. The maps correlate with those of the method's own tolerance by
# 0.99 and more, which a test holds them to, at a tenth of the arithmetic.
OPTIONS = {"integrated-gradients": {"steps": 16, "tolerance": 1e-2}}
# Pixels at a time: 128 drawings of 64 x 64.
BATCH_PIXELS = 128 * 64 * 64


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
        scores: {method: {metric: (N,)}}, what the records are the means of;
            NaN where an image has no score.
        seconds: {method: {step: seconds}} of processor time, as it was this
            time.
    """

    records: tuple[Record, ...]
    scores: dict = field(repr=False, compare=False)
    seconds: dict = field(repr=False, compare=False)

    @classmethod
    def of(cls, scores, chances, seconds, *, seed=0):
        """The table of scores, with its intervals.

        Args:
            scores, seconds: see above.
            chances: {metric: what a map that knows nothing scores}, where
                there is such a number.
            seed: of the intervals.
        """
        records = [
            record(name, metric, values, chances.get(metric), seed=seed)
            for name, found in scores.items()
            for metric, values in found.items()
        ]
        return cls(tuple(records), scores, seconds)

    @property
    def methods(self):
        """Names of the methods, the baselines last."""
        return list(self.scores)

    @property
    def metrics(self):
        """Names of the measures."""
        return list(dict.fromkeys(r.metric for r in self.records))

    @property
    def chances(self):
        """{metric: what a map that knows nothing scores}, where known."""
        return {
            r.metric: r.chance for r in self.records if r.chance is not None
        }

    def __getitem__(self, key):
        for record in self.records:
            if (record.method, record.metric) == key:
                return record
        raise KeyError(key)

    def __str__(self):
        """The means as text, a line a method."""
        metrics, methods = self.metrics, self.methods
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
    """Every method and every baseline on every measure.

    Each map explains the class that the network decides for. The measures:

    - "peak on …" and "heat on …" each part: :mod:`location`; photographs,
      of which no masks are known, go without;
    - "insertion", "deletion" and "ROAD": :mod:`removal`;
    - "randomised": likeness to the map of the same network with all its
      weights randomised;
    - "noise" and "shift": :mod:`small_changes`, one change of each kind.

    Args:
        model: a built Keras model from images to logits.
        split: a :class:`densenet_lib.datasets.Split`.
        methods: {name: function (model, images, targets) -> maps}, or names
            from ``attribution.METHODS``.
        images: how many, drawn from the split.
        recomputed: of these, how many serve the measures for which maps are
            computed anew: "randomised", "noise" and "shift".
        parts: of the image, names of masks; () for a split without masks.
        steps: of insertion and of deletion.
        seed: of the images drawn and of all that is random.

    Returns:
        :class:`Table`, the baselines last.

    Raises:
        InputError: parts of a split without masks, or fewer images.
    """
    expect(
        split.masks is not None or not parts,
        "split.masks",
        None,
        "masks that say what each pixel shows",
        "datasets.sketches.load() gives drawings, of which they are known; "
        "parts=() does without.",
    )
    expect(
        0 < recomputed <= images <= len(split),
        "images and recomputed",
        (images, recomputed),
        f"recomputed from 1 to images, and images up to {len(split)}",
        "Ask for fewer, or give a larger split.",
    )
    case = _case(model, split, images, recomputed, parts, steps, seed)
    scores, seconds = {}, {}
    for name, method in {**named_methods(methods), **BASELINES}.items():
        scores[name], chances, seconds[name] = _measured(case, method)
    return Table.of(scores, chances, seconds, seed=seed)


def named_methods(methods):
    """{name: function (model, images, targets) -> maps}.

    Args:
        methods: such a dict, which comes back, or names of
            ``attribution.METHODS``, which get the options of ``OPTIONS``.
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


def difference(table, method, other, metric, *, seed=0):
    """How much better one method does than another on the same images.

    Args:
        table: a :class:`Table` that has both.
        method, other: their names.
        metric: of the measure.
        seed: of the interval.

    Returns:
        (mean, low, high), above 0 where ``method`` is better, with the 95 %
        interval of the mean over the images that have both scores; NaN where
        no image has.
    """
    sign = -1 if metric in LOWER_IS_BETTER else 1
    gaps = sign * (table.scores[method][metric] - table.scores[other][metric])
    gaps = gaps[~np.isnan(gaps)]
    if not len(gaps):
        return np.nan, np.nan, np.nan
    return float(gaps.mean()), *bootstrap(gaps, seed=seed)


def verdict(tables, method, other, metric):
    """Whether a method beats another, by the tables of several networks.

    Args:
        tables: one :class:`Table` for each network.
        method, other, metric: see :func:`difference`.

    Returns:
        "better" or "worse" where the interval of the difference lies on that
        side of 0 in every network, else "open".
    """
    found = [difference(table, method, other, metric) for table in tables]
    if all(low > 0 for _, low, _ in found):
        return "better"
    if all(high < 0 for _, _, high in found):
        return "worse"
    return "open"


def strongest_baseline(tables, metric):
    """The baseline that does best on a measure, over several networks.

    Args:
        tables: one :class:`Table` for each network.
        metric: of the measure.

    Returns:
        Its name, of ``BASELINES``.
    """
    sign = -1 if metric in LOWER_IS_BETTER else 1

    def mean(name):
        return sign * np.mean([table[name, metric].mean for table in tables])

    return max(BASELINES, key=mean)


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
    start = time.process_time()
    maps = expect_maps(
        method(case.model, case.images, case.targets), case.images
    )
    seconds = {"maps": time.process_time() - start}
    found, chances = {}, {}
    for step, measure in _MEASURES.items():
        start = time.process_time()
        scores, chance = measure(case, method, maps)
        seconds[step] = time.process_time() - start
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
        height, width = np.shape(images)[1:3]
        return attribution.explain(
            model,
            images,
            name,
            target=targets,
            batch_size=max(1, BATCH_PIXELS // (height * width)),
            **OPTIONS.get(name, {}),
        )

    return method

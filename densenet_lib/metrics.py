"""How good predictions are, from labels and logits, in NumPy alone.

Where nothing else is said, ``labels`` is an array (N,) of 0 and 1 and
``logits`` one of (N,) or (N, 1): above 0 means class 1.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from densenet_lib.errors import expect


def predicted(logits):
    """The predicted class of each row.

    Args:
        logits: (N,) or (N, 1), one logit for two classes; or (N, classes).
    """
    logits = np.asarray(logits)
    if logits.ndim == 2 and logits.shape[1] > 1:
        return logits.argmax(axis=1)
    return (logits.reshape(-1) > 0).astype(int)


def probabilities(logits):
    """The probability of class 1: 1 / (1 + exp(-logit))."""
    logits = np.asarray(logits, "float64").reshape(-1)
    # tanh does not overflow where exp(-logit) would.
    return 0.5 * (1 + np.tanh(logits / 2))


def accuracy(labels, logits):
    """The share of right predictions; ``logits`` as for :func:`predicted`."""
    labels, classes = _paired(labels, predicted(logits))
    return float((labels == classes).mean())


def wilson(right, total, *, confidence=0.95):
    """The interval in which the true share lies, given ``right`` of ``total``.

    Unlike the share plus or minus two standard errors it stays between 0 and
    1 and means something at 0 or ``total`` right.

    Returns:
        Its lower and upper end.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and
    Statistical Inference", JASA 22 (1927).
    """
    expect(
        0 <= right <= total and total > 0,
        "right and total",
        (right, total),
        "0 <= right <= total and total above 0",
        "Count the right predictions, and all of them.",
    )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = right / total
    centre = share + z**2 / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return max(0.0, low), min(1.0, high)  # rounding may leave the range


def confusion(labels, logits, *, classes=2):
    """Counts (classes, classes): row the true class, column the predicted."""
    labels, given = _paired(labels, predicted(logits))
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels.astype(int), given), 1)
    return counts


@dataclass(frozen=True)
class Roc:
    """The trade between false alarms and finds as the threshold falls.

    Attributes:
        false_positive_rate, true_positive_rate: arrays from 0 to 1, in [0, 1].
        thresholds: logits, falling from infinity; a logit at or above the
            threshold counts as class 1.
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    thresholds: np.ndarray

    @property
    def area(self):
        """Area under the curve.

        It is the chance that a random example of class 1 has the larger logit
        than one of class 0; equal logits count half.

        Source: J. A. Hanley, B. J. McNeil, "The Meaning and Use of the Area
        under a Receiver Operating Characteristic Curve", Radiology 143
        (1982).
        """
        found, taken = self.true_positive_rate, self.false_positive_rate
        return float(np.diff(taken) @ (found[1:] + found[:-1]) / 2)


def roc(labels, logits):
    """The receiver operating characteristic.

    Raises:
        InputError: labels of one class only.

    Source: T. Fawcett, "An Introduction to ROC Analysis", Pattern Recognition
    Letters 27 (2006).
    """
    labels, logits = _paired(labels, np.asarray(logits).reshape(-1))
    labels = labels.astype(bool)
    expect(
        labels.any() and not labels.all(),
        "labels",
        sorted({int(label) for label in labels}),
        "both 0 and 1",
        "A curve of false against true alarms needs examples of both.",
    )
    order = np.argsort(-logits, kind="stable")
    labels, logits = labels[order], logits[order]
    # One point for each value of the logit, after the last example with it.
    ends = np.append(np.flatnonzero(np.diff(logits)), len(logits) - 1)
    found = np.append(0, np.cumsum(labels)[ends])
    alarms = np.append(0, np.cumsum(~labels)[ends])
    return Roc(
        false_positive_rate=alarms / alarms[-1],
        true_positive_rate=found / found[-1],
        thresholds=np.append(np.inf, logits[ends]),
    )


@dataclass(frozen=True)
class Calibration:
    """Whether what is called 80 % happens in 80 of 100 cases.

    Attributes:
        edges: limits of the bins, one more than bins.
        counts: predictions in each bin.
        probability: mean predicted probability of class 1; NaN in an empty
            bin.
        frequency: share of class 1; NaN in an empty bin.
    """

    edges: np.ndarray
    counts: np.ndarray
    probability: np.ndarray
    frequency: np.ndarray

    @property
    def error(self):
        """Expected calibration error: the mean gap, weighted by the counts."""
        gaps = np.abs(self.probability - self.frequency)
        return float(np.nansum(self.counts * gaps) / self.counts.sum())


def calibration(labels, logits, *, bins=10):
    """Predicted probability against frequency, in bins of equal width.

    A probability on a limit belongs to the bin above it; 1 to the last.

    Source: A. Niculescu-Mizil, R. Caruana, "Predicting Good Probabilities
    with Supervised Learning", ICML 2005; the error after M. P. Naeini et al.,
    "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI
    2015, with the probability of class 1 rather than of the predicted class.
    """
    labels, chances = _paired(labels, probabilities(logits))
    places = np.minimum((chances * bins).astype(int), bins - 1)
    counts = np.bincount(places, minlength=bins)
    filled = np.where(counts, counts, np.nan)
    return Calibration(
        edges=np.linspace(0, 1, bins + 1),
        counts=counts,
        probability=np.bincount(places, chances, bins) / filled,
        frequency=np.bincount(places, labels, bins) / filled,
    )


def brier(labels, logits):
    """Mean squared difference between probability and label: 0 is best.

    Always saying one half gives 0.25.

    Source: G. W. Brier, "Verification of Forecasts Expressed in Terms of
    Probability", Monthly Weather Review 78 (1950).
    """
    labels, chances = _paired(labels, probabilities(logits))
    return float(((chances - labels) ** 2).mean())


def mcnemar(labels, logits, other_logits):
    """How likely so uneven a split of the differing answers is by chance.

    Two models that see the same images are compared on those images only that
    one of them gets right and the other wrong: were both equally good, each
    would be a toss of a coin.

    Returns:
        The count that only the first got right, the count that only the
        other did, and the two-sided exact probability of a split at least as
        uneven.

    Source: Q. McNemar, "Note on the Sampling Error of the Difference between
    Correlated Proportions or Percentages", Psychometrika 12 (1947); in its
    exact, binomial form.
    """
    labels, first = _paired(labels, predicted(logits))
    _, other = _paired(labels, predicted(other_logits))
    only_first = int(((first == labels) & (other != labels)).sum())
    only_other = int(((first != labels) & (other == labels)).sum())
    tosses = only_first + only_other
    fewer = min(only_first, only_other)
    ways = sum(math.comb(tosses, k) for k in range(fewer + 1))
    # Whole numbers throughout: 2**tosses may be too large for a float.
    return only_first, only_other, min(1.0, 2 * ways / 2**tosses)


def _paired(labels, values):
    labels = np.asarray(labels).reshape(-1)
    expect(
        len(labels) == len(values) > 0,
        "the number of labels",
        len(labels),
        f"{max(len(values), 1)}, as many as there are predictions",
        "Give labels and logits of the same examples.",
    )
    return labels, values

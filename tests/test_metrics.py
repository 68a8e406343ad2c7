"""densenet_lib.metrics against values worked out by hand."""

import math

import numpy as np
import pytest

from densenet_lib import metrics
from densenet_lib.errors import InputError

# Five images, of which the second and the third are taken for the other class.
LABELS = np.array([0, 0, 1, 1, 1])
LOGITS = np.array([-2.0, 1.0, -0.5, 2.0, 3.0])


def logit(probability):
    return math.log(probability / (1 - probability))


def test_a_logit_of_zero_is_class_zero():
    assert metrics.predicted([-1, 0, 1e-9]).tolist() == [0, 0, 1]


def test_a_column_of_logits_is_as_good_as_a_row():
    assert metrics.accuracy(LABELS, LOGITS[:, None]) == 0.6


def test_of_several_logits_the_largest_wins():
    assert metrics.predicted([[0, 2, 1], [3, 2, 1]]).tolist() == [1, 0]


def test_probabilities_do_not_overflow():
    chances = metrics.probabilities([-1000, 0, logit(0.8), 1000])
    np.testing.assert_allclose(chances, [0, 0.5, 0.8, 1], atol=1e-15)


def test_accuracy_is_the_share_that_is_right():
    assert metrics.accuracy(LABELS, LOGITS) == 0.6


def test_wilson_interval_of_nothing_right_in_ten():
    # p = 0: the lower end is 0, the upper z^2 / (n + z^2).
    low, high = metrics.wilson(0, 10)
    assert low == pytest.approx(0, abs=1e-12)
    assert high == pytest.approx(1.959964**2 / (10 + 1.959964**2), rel=1e-6)


def test_wilson_interval_of_a_half_is_symmetric():
    # p = 1/2: half the width is z / (2 sqrt(n + z^2)).
    low, high = metrics.wilson(50, 100)
    half = 1.959964 / (2 * math.sqrt(100 + 1.959964**2))
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-6)


def test_wilson_wants_counts_that_can_be():
    with pytest.raises(InputError, match="right and total is \\(3, 2\\)"):
        metrics.wilson(3, 2)


def test_confusion_has_true_classes_in_rows():
    assert metrics.confusion(LABELS, LOGITS).tolist() == [[1, 1], [1, 2]]


def test_roc_goes_through_the_points_found_by_hand():
    # Falling logits: 3 (1), 2 (1), 1 (0), -0.5 (1), -2 (0).
    curve = metrics.roc(LABELS, LOGITS)
    thirds = np.array([0, 1, 2, 2, 3, 3]) / 3
    np.testing.assert_allclose(curve.true_positive_rate, thirds)
    assert curve.false_positive_rate.tolist() == [0, 0, 0, 0.5, 0.5, 1]
    assert curve.thresholds.tolist() == [math.inf, 3, 2, 1, -0.5, -2]
    # Of 6 pairs of a 1 and a 0, five are in order: not (-0.5, 1).
    assert curve.area == pytest.approx(5 / 6)


def test_equal_logits_are_one_point_and_count_half():
    curve = metrics.roc([0, 1], [2.0, 2.0])
    assert curve.false_positive_rate.tolist() == [0, 1]
    assert curve.area == 0.5


def test_roc_needs_both_classes():
    with pytest.raises(InputError, match="expected both 0 and 1"):
        metrics.roc([1, 1], [0.0, 1.0])


def test_calibration_in_two_bins_by_hand():
    logits = [logit(p) for p in (0.1, 0.3, 0.6, 0.8)]
    curve = metrics.calibration([0, 1, 1, 1], logits, bins=2)
    assert curve.counts.tolist() == [2, 2]
    np.testing.assert_allclose(curve.probability, [0.2, 0.7])
    np.testing.assert_allclose(curve.frequency, [0.5, 1])
    # (2 * |0.2 - 0.5| + 2 * |0.7 - 1|) / 4
    assert curve.error == pytest.approx(0.3)


def test_an_empty_bin_has_no_frequency_and_no_weight():
    curve = metrics.calibration([1], [logit(0.9)], bins=2)
    assert math.isnan(curve.frequency[0])
    assert curve.error == pytest.approx(0.1)


def test_certainty_falls_into_the_last_bin():
    assert metrics.calibration([1], [1000.0]).counts.tolist() == [0] * 9 + [1]


def test_brier_score_by_hand():
    # (0.2^2 + 0.4^2) / 2
    score = metrics.brier([1, 0], [logit(0.8), logit(0.4)])
    assert score == pytest.approx(0.1)


def test_mcnemar_counts_tosses_of_a_coin():
    labels = np.ones(10)
    first = np.ones(10)
    other = np.where(np.arange(10) < 5, -1, 1)
    # Five differ, all for the first: 2 * (1/2)^5.
    assert metrics.mcnemar(labels, first, other) == (5, 0, 0.0625)


def test_mcnemar_of_an_even_split_is_certain_chance():
    assert metrics.mcnemar([1, 1], [1, -1], [-1, 1]) == (1, 1, 1.0)
    assert metrics.mcnemar([1, 1], [1, 1], [1, 1]) == (0, 0, 1.0)


def test_mcnemar_of_thousands_does_not_overflow():
    labels = np.ones(4000)
    other = np.where(np.arange(4000) < 1900, -1, 1)
    first = np.where(np.arange(4000) < 2000, 1, -1)
    only_first, only_other, chance = metrics.mcnemar(labels, first, other)
    assert (only_first, only_other) == (1900, 2000)
    assert 0.1 < chance < 0.12


def test_labels_and_logits_must_pair():
    with pytest.raises(InputError, match="number of labels is 2"):
        metrics.accuracy([0, 1], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("total", range(1, 40))
def test_an_interval_stays_between_none_and_all(total):
    for right in (0, total):
        low, high = metrics.wilson(right, total)
        assert 0 <= low <= high <= 1

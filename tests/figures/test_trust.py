"""densenet_lib.figures: what the chapter on trust draws."""

import numpy as np
import pytest

from densenet_lib import figures
from densenet_lib.errors import InputError
from densenet_lib.faithfulness import Cascade, Curves, Record

RECORDS = [
    Record("grad-cam", "heat on head", 0.6, 0.5, 0.7, 9, 0.25),
    Record("gradient", "heat on head", 0.4, 0.3, 0.5, 9, 0.25),
    Record("edge filter", "heat on head", 0.5, 0.45, 0.55, 9, 0.25),
    Record("grad-cam", "deletion", 0.6, 0.5, 0.7, 9),
    Record("gradient", "deletion", 0.4, 0.3, 0.5, 9),
    Record("edge filter", "deletion", 0.7, 0.6, 0.8, 9),
]


def test_each_dot_is_a_mean_within_its_interval():
    picture = figures.trust_table(RECORDS)
    head, deletion = picture.figure.axes
    spans, dots = head.get_lines()[0:6:2], head.get_lines()[1:6:2]
    assert [line.get_xdata()[0] for line in dots] == [0.6, 0.4, 0.5]
    assert [list(line.get_xdata()) for line in spans] == [
        [0.5, 0.7],
        [0.3, 0.5],
        [0.45, 0.55],
    ]
    assert head.get_lines()[6].get_xdata()[0] == 0.25  # chance
    assert len(deletion.get_lines()) == 6  # none known
    colours = [line.get_color() for line in dots]
    assert colours[0] == colours[1] != colours[2]
    assert [t.get_text() for t in head.get_yticklabels()] == [
        "grad-cam",
        "gradient",
        "edge filter",
    ]


def test_the_best_is_the_highest_or_the_lowest_as_the_measure_has_it():
    assert figures.trust_table(RECORDS).alt == (
        "Means over images, with 95 % intervals, of 3 maps. heat on head "
        "(higher is better): best grad-cam 0.60, best without a model edge "
        "filter 0.50, chance 0.25. deletion (lower is better): best gradient "
        "0.40, best without a model edge filter 0.70."
    )


def test_measures_can_be_chosen():
    picture = figures.trust_table(RECORDS, metrics=["deletion"])
    assert [axes.get_title() for axes in picture.figure.axes] == ["deletion"]


def test_an_unknown_measure_is_refused():
    with pytest.raises(InputError, match="metric is 'delusion'"):
        figures.trust_table(RECORDS, metrics=["delusion"])


def test_curves_are_means_over_the_images():
    rising = np.array([[0.0, 0.5, 1.0], [0.0, 0.0, 0.0]])
    found = Curves(np.linspace(0, 1, 3), rising, 1 - rising)
    picture = figures.removal_curves({"grad-cam": found})
    left, right = picture.figure.axes
    np.testing.assert_allclose(left.get_lines()[0].get_ydata(), [0, 0.25, 0.5])
    np.testing.assert_allclose(
        right.get_lines()[0].get_ydata(), [1, 0.75, 0.5]
    )
    assert picture.alt == (
        "Probability of the class while pixels come in, and while they are "
        "deleted. Areas under the two curves: grad-cam 0.25 and 0.75."
    )


def test_a_cascade_goes_down_stage_by_stage():
    found = Cascade(("nothing", "logits", "stem"), np.array([[1], [0.5], [0]]))
    picture = figures.cascade({"grad-cam": found})
    (axes,) = picture.figure.axes
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), [1, 0.5, 0])
    assert picture.alt == (
        "Likeness to the trained network's map with logits randomised, and "
        "with everything down to stem: grad-cam 0.50 and 0.00."
    )


def test_the_dots_of_several_networks_lie_one_below_the_other():
    twice = [*RECORDS, Record("grad-cam", "heat on head", 0.7, 0.6, 0.8, 9)]
    picture = figures.trust_table(twice, metrics=["heat on head"])
    (axes,) = picture.figure.axes
    dots = axes.get_lines()[1:8:2]
    heights = [line.get_ydata()[0] for line in dots]
    assert heights[0] < 0 < heights[3] < 0.5
    assert "best grad-cam 0.65" in picture.alt


def test_a_verdict_is_a_sign_and_what_is_open_a_number():
    picture = figures.verdicts(
        {
            "grad-cam": {"ROAD": (0.1, "better"), "heat": (-0.2, "worse")},
            "gradient": {"ROAD": (0.04, "open"), "heat": (0.0, "open")},
        },
        columns={"ROAD": "ROAD", "heat": "heat"},
        against="the blob",
    )
    (axes,) = picture.figure.axes
    said = [text.get_text() for text in axes.texts]
    assert said == ["+", "−", "+0.04", "+0.00"]
    assert picture.alt == (
        "Against the blob, by measure. ROAD: better grad-cam. heat: worse "
        "grad-cam."
    )

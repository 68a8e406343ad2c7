"""densenet_lib.figures: what the chapter on memory and speed draws."""

import numpy as np
import pytest

from densenet_lib import figures


def test_each_layer_has_a_bar_for_what_it_keeps():
    picture = figures.kept_by_layer({"naive": [4, 6, 8], "linear": [2, 2, 2]})
    heights = [bar.get_height() for bar in picture.figure.axes[0].patches]
    assert heights == [4, 6, 8, 2, 2, 2]
    assert picture.alt == (
        "Numbers kept for the backward pass by each of 3 dense layers: naive "
        "from 4 at the first layer to 8 at the last, 18 in all; linear from 2 "
        "at the first layer to 2 at the last, 6 in all."
    )


def test_points_are_measured_and_lines_predicted():
    picture = figures.memory_over_depth(
        {"naive": {4: 1e6, 8: 3.5e6}, "linear": {4: 1e6, 8: 2e6}},
        {"naive": {4: 1.1e6, 8: 3e6}, "linear": {4: 1e6, 8: 2e6}},
        batch=16,
    )
    lines = picture.figure.axes[0].get_lines()
    np.testing.assert_allclose(lines[0].get_ydata(), [1.1, 3])
    np.testing.assert_allclose(lines[2].get_ydata(), [1, 3.5])
    assert lines[0].get_color() == lines[2].get_color()
    assert picture.alt == (
        "Peak memory of a training step on 16 images over the depth of a "
        "block. At 8 layers: naive 4 MB; linear 2 MB."
    )


def test_the_fastest_is_at_the_top_and_ours_has_a_star():
    picture = figures.race(
        {"theirs": 4.0, "linear": 1.5}, floor=0.5, ours=("linear",)
    )
    axes = picture.figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [4, 1.5]
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "theirs",
        "linear *",
    ]
    assert axes.get_lines()[0].get_xdata()[0] == 0.5
    assert picture.alt == (
        "Milliseconds an image, from the fastest: linear 1.5, theirs 4. The "
        "arithmetic takes 0.5."
    )


def test_relu_and_threshold_bend_at_the_same_place():
    left, right = figures.threshold(2.0, -1.0).figure.axes
    for axes, slope in ((left, 2.0), (right, 1.0)):
        x, y = axes.get_lines()[0].get_data()
        flat = x < 0.5
        assert np.ptp(y[flat]) == 0
        steps = np.diff(y[~flat]) / np.diff(x[~flat])
        assert steps == pytest.approx(slope)

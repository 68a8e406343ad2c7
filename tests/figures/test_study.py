"""Figures of the study: what is drawn, and what the words say of it."""

import numpy as np

from densenet_lib import figures

ACCURACIES = {"k = 4": [0.70, 0.72], "k = 8": [0.80]}


def test_every_seed_has_a_dot_and_every_quantity_a_panel():
    drawn = figures.accuracy_over(
        ACCURACIES, ("parameters", [10, 100]), ("multiply-adds", [1, 2])
    )
    first, second = drawn.figure.axes
    dots = [line for line in first.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [2, 1]
    assert first.get_xlabel() == "parameters"
    assert second.get_xlabel() == "multiply-adds"
    np.testing.assert_allclose(first.lines[0].get_ydata(), [71, 80])
    assert "k = 4: 71.0 %" in drawn.alt


def test_a_gap_is_filled_only_where_its_interval_leaves_out_zero():
    drawn = figures.gaps({"a": (0.02, 0.01, 0.03), "b": (0.0, -0.1, 0.1)})
    dots = [
        line for line in drawn.figure.axes[0].lines if line.get_marker() == "o"
    ]
    assert dots[0].get_markerfacecolor() == dots[0].get_color()
    assert dots[1].get_markerfacecolor() == "white"
    assert "a +2.0 (+1.0 to +3.0)" in drawn.alt

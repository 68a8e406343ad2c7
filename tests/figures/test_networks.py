"""The figures of budgets say, in drawing and words, what was counted."""

import pytest

from densenet_lib import figures
from densenet_lib.budget import closed_form


def test_families_places_each_member():
    names = ("densenet121", "resnet50")
    dense, residual = (closed_form(name) for name in names)
    drawn = figures.families(
        {"DenseNet": {names[0]: dense}, "ResNet": {names[1]: residual}}
    )
    (axes,) = drawn.figure.axes
    assert [text.get_text() for text in axes.texts] == list(names)
    for line, budget in zip(axes.lines, (dense, residual), strict=True):
        assert line.get_xdata() == [budget.multiply_adds / 1e9]
        assert line.get_ydata() == [budget.parameters / 1e6]
    assert "DenseNet 2.8 to 2.8 thousand million" in drawn.alt


def test_budget_parts_shows_shares_of_a_hundred():
    drawn = figures.budget_parts(closed_form("densenet121"))
    for axes in drawn.figure.axes:
        shares = [bar.get_width() for bar in axes.patches]
        assert sum(shares) == pytest.approx(100)
    assert "parameters block3 (36 %)" in drawn.alt


def test_beside_is_relative_to_the_first():
    one, two = closed_form("densenet121"), closed_form("densenet169")
    drawn = figures.beside({"121": one, "169": two})
    (axes,) = drawn.figure.axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights[:3] == [1, 1, 1]
    assert heights[3] == two.parameters / one.parameters
    assert f"169 {heights[3]:.2f}" in drawn.alt

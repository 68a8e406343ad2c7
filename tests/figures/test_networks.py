"""The figures of budgets say, in drawing and words, what was counted."""

import pytest

from densenet_lib import figures
from densenet_lib.budget import closed_form
from densenet_lib.densenet import CONFIGS, DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.figures.networks import channels_through


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


def test_channels_go_up_by_the_growth_rate_and_down_in_a_transition():
    config = DenseNetConfig((2, 1), 8, stem="light", stem_filters=6)
    counts = channels_through(config, 0.5)
    assert counts == [[6, 14, 22], [11, 19]]
    model = densenet(config, input_shape=(32, 32, 3), classes=1)
    assert model.get_layer("final_norm").gamma.shape == (counts[-1][-1],)


@pytest.mark.parametrize("bottleneck", [0, 9, 10])
def test_where_two_lines_do_not_meet_none_is_drawn(bottleneck):
    with pytest.raises(InputError, match="bottleneck"):
        figures.break_even(32, bottleneck=bottleneck)


def test_no_bar_is_cut_off():
    """However dear the bottleneck is."""
    picture = figures.bottleneck_cost(CONFIGS["densenet121"], bottleneck=16)
    (axes,) = picture.figure.axes
    top = axes.get_ylim()[1]
    assert max(bar.get_height() for bar in axes.patches) < top


def test_more_kinds_than_there_are_colours_are_refused():
    kinds = dict.fromkeys("abcde", 1)
    with pytest.raises(InputError, match="4 at most"):
        figures.spending({"net": kinds})

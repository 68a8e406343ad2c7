"""Figures of the chapters on dense connectivity: what they draw is true."""

import numpy as np
import pytest
from matplotlib.patches import Arc

from densenet_lib import figures


@pytest.mark.parametrize(("num_layers", "arcs"), [(1, 1), (5, 15), (8, 36)])
def test_block_diagram_draws_an_arc_for_each_connection(num_layers, arcs):
    drawing = figures.block_diagram(num_layers)
    axes = drawing.figure.axes[0]
    assert sum(isinstance(patch, Arc) for patch in axes.patches) == arcs
    assert f"arcs: {arcs}" in drawing.alt


def test_by_layer_draws_the_values_it_is_given():
    pair = (0, 4), [1.0, 0.5]
    drawing = figures.by_layer({"a": [3.0, 2.0], "b": pair}, quantity="size")
    first, second = drawing.figure.axes[0].lines
    assert first.get_xdata().tolist() == [1, 2]
    assert second.get_xdata().tolist() == [0, 4]
    assert "a from 3 to 2; b from 1 to 0.5" in drawing.alt


def test_step_histograms_count_what_lies_outside_in_the_last_bar():
    drawing = figures.step_histograms({"x": np.array([0.0, 9.0]), "y": [1.0]})
    bars = drawing.figure.axes[0].patches
    assert bars[-1].get_height() == 0.5
    assert "x mean 4.5, std 4.5" in drawing.alt


@pytest.mark.parametrize(
    ("gamma", "beta", "share"),
    [(1, 0, "50%"), (-1, 0, "50%"), (2, 2, "84%"), (0, 1, "100%")],
)
def test_consumer_view_says_how_much_passes_the_cut(gamma, beta, share):
    assert share in figures.consumer_view(gamma, beta).alt


def test_moving_average_reaches_what_its_momentum_allows():
    drawing = figures.moving_average([0.5], batches=2)
    curve = drawing.figure.axes[0].lines[0]
    assert curve.get_ydata().tolist() == [0, 0.5, 0.75]


def test_receptive_fields_name_the_side_of_each_square():
    mask = np.zeros((5, 5), bool)
    mask[1:4, 1:4] = True
    assert "x 3 x 3" in figures.receptive_fields({"x": mask, "y": mask}).alt


def test_channel_ledger_sums_what_each_layer_reads():
    drawing = figures.channel_ledger(8, 4, 5)
    words = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert words[0] == "reads 8, adds 4"
    assert words[-1] == "reads 24, adds 4"
    assert "28 leave" in drawing.alt


def test_growth_cost_names_the_chosen_network():
    drawing = figures.growth_cost(
        12, {4: 1_000_000, 12: 2_000_000}, {4: [16, 20], 12: [16, 28]}
    )
    assert "from 16 to 28" in drawing.alt
    assert "2.00 million" in drawing.alt


def test_readout_pictures_show_a_picture_for_each_network_and_layer():
    picture = np.full((2, 2, 3), 0.5)
    drawing = figures.readout_pictures(
        {"plain": [picture] * 3, "dense": [picture] * 3}, ["0", "1", "2"]
    )
    assert len(drawing.figure.axes) == 6
    assert drawing.figure.axes[3].get_ylabel() == "dense"

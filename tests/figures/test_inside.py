"""densenet_lib.figures: sheets of channels, receptive fields and probes."""

import numpy as np

from densenet_lib import figures
from densenet_lib.inside import Probe, ReceptiveField, Window


def test_a_sheet_holds_a_thousand_channels_the_most_active_first():
    maps = np.tile(np.eye(7)[..., None] - 0.5, 1000)
    maps[..., 999] = 1  # active everywhere, and constant
    maps[..., 1] = -1
    picture = figures.channel_sheet(maps, title="block 3")
    (axes,) = picture.figure.axes
    sheet = axes.images[0].get_array()
    assert sheet.shape[:2] == (32 * 8 - 1, 32 * 8 - 1)
    np.testing.assert_array_equal(np.ptp(sheet[:7, :7], axis=(0, 1)), 0)
    assert np.ptp(sheet[:7, 8:15], axis=(0, 1)).max() > 0.5
    width, height = picture.figure.get_size_inches()
    assert width == 7.2 and height < 7.2
    assert picture.alt == (
        "block 3: 1000 of 1000 channels of 7 x 7 pixels as small tiles, the "
        "most active first. Of those shown 1 are above zero nowhere here and "
        "2 are the same everywhere here."
    )
    # A census knows more than one picture does.
    active = np.where(np.arange(1000) < 3, 0.0, 0.5)
    counted = figures.channel_sheet(maps, activity=active)
    assert "shown 3 are never active and 2 are the same" in counted.alt


def test_groups_of_a_sheet_begin_a_row_and_bear_their_makers_names():
    maps = np.random.default_rng(0).normal(size=(4, 4, 20))
    picture = figures.channel_sheet(
        maps,
        sources={"input": 16, "layer 1": 4},
        activity=np.arange(20),
        limit=12,
    )
    (axes,) = picture.figure.axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["input", "layer 1"]
    assert axes.get_title() == "the 12 most active of 20"
    # The third column's tile in the group of four is that of channel 17.
    tile = axes.images[0].get_array()[-4:, 10:14].sum(axis=-1)
    expected = maps[..., 17]
    assert np.argmax(tile) == np.argmax(expected)
    assert "in 2 groups" in picture.alt


def test_large_maps_are_averaged_to_tiles():
    maps = np.zeros((45, 41, 2))
    maps[:3, :3, 0] = 1
    picture = figures.channel_sheet(maps)
    sheet = picture.figure.axes[0].images[0].get_array()
    assert sheet.shape[0] == 15  # 45 by threes
    assert sheet[0, 0].sum() > sheet[1, 1].sum()


def test_a_field_stands_with_its_window_and_its_circles():
    spread = np.zeros((9, 9))
    spread[3:6, 3:6] = 1 / 9
    window = Window(-1, 1, 1, 9)
    field = ReceptiveField("c", (4, 4), None, spread, (window, window))
    picture = figures.effective_fields({"a box": field})
    (axes,) = picture.figure.axes
    square, *circles = axes.patches
    assert square.get_xy() == (2.5, 2.5) and square.get_width() == 3
    assert [circle.radius for circle in circles] == [1, np.sqrt(2)]
    assert picture.alt == (
        "Gradient of a layer's middle unit by pixel. a box: half within 1.0, "
        "90 % within 1.4 pixels of the middle, of a window of 3 x 3."
    )


def test_probes_are_a_line_within_its_intervals():
    probes = [
        Probe("a", 3, 0.5, 0.4, 0.6, 50, 100, 0.5),
        Probe("b", 3, 0.9, 0.8, 0.95, 90, 100, 0.9),
    ]
    picture = figures.probe_accuracy({"densenet": probes}, chance=0.5)
    (axes,) = picture.figure.axes
    assert list(axes.lines[0].get_ydata()) == [0.5, 0.9]
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 0.4 and band[:, 1].max() == 0.95
    assert picture.alt == (
        "Accuracy of a linear probe by layer, with 95 % intervals. densenet "
        "from 50% at layer 1 to 90% at layer 2; its interval first reaches "
        "the best accuracy at layer 2."
    )

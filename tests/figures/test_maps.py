"""densenet_lib.figures: what the chapters on maps and heatmaps draw.

What a figure shows is read back from its axes; its words are compared whole.
"""

import numpy as np

from densenet_lib import figures


def shown(illustration, place=0):
    """The array that one of the figure's axes shows."""
    return illustration.figure.axes[place].images[0].get_array()


def test_a_weight_of_zero_is_grey_and_the_largest_full_colour():
    kernel = np.zeros((1, 1, 3, 2))
    kernel[0, 0, :, 0] = 2, 0, -1
    kernel[0, 0, :, 1] = 0, -4, 0
    sheet = shown(figures.filters(kernel))
    np.testing.assert_allclose(sheet[0, 0], [1, 0.5, 0.25])
    np.testing.assert_allclose(sheet[0, 2], [0.5, 0, 0.5])
    np.testing.assert_allclose(sheet[0, 1], 1)  # the paper between them


def test_maps_stand_beside_their_image():
    image = np.arange(12).reshape(2, 2, 3)
    maps = np.stack([np.eye(2), 9 * np.eye(2), np.ones((2, 2))], axis=-1)
    picture = figures.maps_beside(image, maps, title="stem", limit=2)
    np.testing.assert_array_equal(shown(picture), image)
    np.testing.assert_array_equal(shown(picture, 1)[:, 3:5], np.eye(2))
    assert picture.alt == (
        "stem: an image, and the first 2 of 3 channels of 2 x 2 pixels "
        "beside it."
    )


def test_each_row_of_patches_has_its_name():
    crops = np.full((2, 4, 4, 3), 255, "uint8")
    picture = figures.patches({"3": crops, "7": crops // 5})
    (axes,) = picture.figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["3", "7"]
    np.testing.assert_allclose(shown(picture)[-1, 0], 0.2)
    assert picture.alt == (
        "The 2 places in the images that excite each of 2 channels most, as "
        "crops of 4 pixels: 3, 7."
    )


def test_a_line_runs_through_the_stages():
    picture = figures.by_stage(
        {"dog?": [0.5, 0.96]}, ["stem", "end"], ylabel="accuracy", chance=0.5
    )
    (axes,) = picture.figure.axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0.5, 0.96])
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "stem",
        "end",
    ]
    assert picture.alt == "accuracy at stem, end: dog? from 0.50 to 0.96."


def test_every_connection_is_a_point():
    picture = figures.weight_against_effect(
        [[1.0, 0.4], [1.0]], [[0.2, 0.1], [0.9]]
    )
    (axes,) = picture.figure.axes
    points = np.hstack([line.get_data() for line in axes.lines])
    np.testing.assert_array_equal(points, [[1, 0.4, 1], [0.2, 0.1, 0.9]])
    assert picture.alt.startswith("3 connections as points: mean absolute")


def test_maps_share_a_scale_that_is_symmetric_where_one_is_negative():
    picture = figures.panels(
        {
            "image": np.zeros((2, 2, 3)),
            "small": np.full((2, 2), 1.0),
            "large": np.array([[-3.0, 2.0]]),
        },
        unit="vote",
    )
    for place in (1, 2):
        drawn = picture.figure.axes[place].images[0]
        assert drawn.get_clim() == (-3, 3)
    assert picture.alt == (
        "Panels: image, small, large. The maps' values, vote: small 1.0 to "
        "1.0; large -3.0 to 2.0."
    )


def test_an_empty_map_has_a_scale_from_zero():
    picture = figures.panels({"empty": np.zeros((2, 2))})
    assert picture.figure.axes[0].images[0].get_clim() == (0, 1)


def test_bars_are_shares_and_dashes_are_areas():
    picture = figures.heat_inside(
        {"Grad-CAM": {"head": 0.5}, "blob": {"head": 0.3}}, {"head": 0.25}
    )
    (axes,) = picture.figure.axes
    assert [bar.get_width() for bar in axes.patches] == [50, 30]
    assert axes.lines[0].get_xdata()[0] == 25
    assert picture.alt == (
        "Share of the heat: Grad-CAM 50 % on the head; blob 30 % on the head. "
        "Of the area: head 25 %."
    )

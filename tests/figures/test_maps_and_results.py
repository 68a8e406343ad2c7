"""densenet_lib.figures: feature maps, heatmaps and results.

What a figure shows is read back from its axes; its words are compared whole.
"""

import numpy as np
import pytest

from densenet_lib import figures, metrics

HISTORY = {
    "loss": [0.7, 0.4],
    "accuracy": [0.5, 0.8],
    "val_loss": [0.6, 0.5],
    "val_accuracy": [0.6, 0.7123],
}
LABELS = np.array([0, 0, 1, 1, 1])
LOGITS = np.array([-2.0, 1.0, -0.5, 2.0, 3.0])


def shown(illustration, place=0):
    """The array that one of the figure's axes shows."""
    return illustration.figure.axes[place].images[0].get_array()


@pytest.fixture
def maps():
    """Three channels of 2 by 2 pixels: rising, the same but large, flat."""
    rising = np.array([[0.0, 1.0], [2.0, 4.0]])
    return np.stack([rising, 100 * rising, np.full((2, 2), 7.0)], axis=-1)


def test_each_channel_has_its_own_scale(maps):
    sheet = shown(figures.feature_grid(maps, columns=3))
    # Two pixels a channel, one of gap between them.
    expected = [[0, 0.25], [0.5, 1]]
    np.testing.assert_allclose(sheet[:, 0:2], expected)
    np.testing.assert_allclose(sheet[:, 3:5], expected)
    np.testing.assert_allclose(sheet[:, 6:8], 0)
    assert np.ma.getmaskarray(sheet)[:, 2].all()


def test_the_sheet_says_what_it_leaves_out(maps):
    picture = figures.feature_grid(maps, columns=1, limit=2, title="Stem")
    assert picture.alt == (
        "Stem: 2 of 3 channels of 2 x 2 pixels, each on its own scale; "
        "0 of them are the same everywhere."
    )
    rows = picture.figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in rows] == ["0", "1"]


@pytest.mark.parametrize("count", [1, 3, 4])
def test_each_block_has_its_matrix(count):
    matrix = np.array([[1, 0.5, 0.2], [np.nan, 1, 0.4], [np.nan, np.nan, 1]])
    picture = figures.reuse_matrix([matrix] * count)
    for place in range(count):
        np.testing.assert_array_equal(
            shown(picture, place).filled(np.nan), matrix
        )
    names = [
        [label.get_text() for label in axes.get_xticklabels()][-1]
        for axes in picture.figure.axes[:count]
    ]
    assert names == ["tr."] * (count - 1) + ["end"]
    assert "block 1: 0.6 for its input, 1.0 for what" in picture.alt


def test_heatmaps_stand_below_their_images():
    images = np.zeros((2, 4, 4, 3), "uint8")
    images[0, ..., 0] = 255
    heat = np.zeros((2, 4, 4))
    heat[0, :2] = 1
    rows = {"block 1": heat, "block 2": 0 * heat}
    picture = figures.heatmaps(images, rows, ["a cat", "a dog"])
    np.testing.assert_array_equal(shown(picture, 0), images[0])
    np.testing.assert_array_equal(shown(picture, 1), images[1])
    hot, cold = shown(picture, 2), shown(picture, 4)
    assert (hot[:2] != cold[:2]).any() and (hot[2:] == cold[2:]).all()
    assert picture.alt == (
        "Heatmaps laid over images: a cat, a dog. block 1: over half of the "
        "largest value on 25% of the area. block 2: over half of the largest "
        "value on 0% of the area."
    )


def test_curves_are_the_history():
    picture = figures.training_curves({"DenseNet": HISTORY})
    loss, accuracy = picture.figure.axes
    for axes, key in ((loss, "loss"), (accuracy, "accuracy")):
        training, validation = axes.lines[:2]
        np.testing.assert_array_equal(training.get_xdata(), [1, 2])
        np.testing.assert_array_equal(training.get_ydata(), HISTORY[key])
        np.testing.assert_array_equal(
            validation.get_ydata(), HISTORY[f"val_{key}"]
        )
    assert picture.alt == (
        "Loss and accuracy by epoch. Accuracy of DenseNet ends at 0.800 on "
        "training and 0.712 on validation images after 2 epochs."
    )


def test_a_line_between_two_networks_has_its_ends_and_its_middle():
    shares = np.array([0, 0.25, 0.5, 0.75, 1])
    picture = figures.along(
        {"strangers": (shares, np.array([0.9, 0.6, 0.5, 0.55, 0.95]))}
    )
    line = picture.figure.axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), shares)
    np.testing.assert_allclose(line.get_ydata(), [90, 60, 50, 55, 95])
    assert picture.alt.endswith(
        "strangers: 90.0% and 95.0% at the ends, 50.0% half-way, at least "
        "50.0%."
    )


def test_confusion_matrix_says_counts_and_shares():
    counts = metrics.confusion(LABELS, LOGITS)
    picture = figures.confusion_matrix(counts)
    cells = [text.get_text() for text in picture.figure.axes[0].texts]
    assert cells == ["1\n50.0%", "1\n50.0%", "1\n33.3%", "2\n66.7%"]
    assert picture.alt == (
        "Confusion matrix: of 2 cats, 1 called cat, 1 called dog; of 3 dogs, "
        "1 called cat, 2 called dog."
    )


def test_roc_draws_each_curve_with_its_area():
    curve = metrics.roc(LABELS, LOGITS)
    picture = figures.roc({"DenseNet": curve})
    line = picture.figure.axes[0].lines[1]
    np.testing.assert_array_equal(line.get_xdata(), curve.false_positive_rate)
    np.testing.assert_array_equal(line.get_ydata(), curve.true_positive_rate)
    assert picture.alt.endswith("Area under the curve: DenseNet 0.833.")


def test_calibration_leaves_empty_bins_out():
    curve = metrics.calibration(LABELS, LOGITS)
    picture = figures.calibration({"DenseNet": curve})
    line = picture.figure.axes[0].lines[1]
    assert len(line.get_xdata()) == (curve.counts > 0).sum() < 10
    assert f"DenseNet {curve.error:.3f}." in picture.alt


def test_each_method_of_a_family_stands_under_its_name():
    image = np.full((6, 6, 3), 90, "uint8")
    maps = {f"method-{n}": np.eye(6) * n / 5 for n in range(6)}
    picture = figures.family(image, maps)
    panels = [axes for axes in picture.figure.axes if axes.images]
    titles = [axes.get_title() for axes in panels]
    assert titles == ["image", *maps]
    none, most = (panels[n].images[0].get_array() for n in (1, 6))
    np.testing.assert_array_equal(none, image)
    assert np.ptp(most, axis=-1).max() > 0  # all colour is heat
    assert "6 methods" in picture.alt


def test_spectra_are_shares_of_the_largest_singular_value():
    picture = figures.spectra({"flat": np.eye(3), "steep": np.diag([4, 2, 1])})
    lines = picture.figure.axes[0].get_lines()
    np.testing.assert_allclose(lines[0].get_ydata(), [1, 1, 1])
    np.testing.assert_allclose(lines[1].get_ydata(), [1, 0.5, 0.25])
    assert picture.alt == (
        "Singular values in falling order. flat: the middle one is 1.00 of "
        "the largest, the last 1.00; steep: the middle one is 0.50 of the "
        "largest, the last 0.25."
    )

"""Batches that can be repeated, and changes that leave a cat a cat."""

import json

import keras
import numpy as np
import pytest

from densenet_lib.datasets import Split, pipeline
from densenet_lib.datasets.pipeline import Augmentation, Batches
from densenet_lib.errors import InputError
from tests.augmentation import EVERYTHING

STILL = Augmentation(flip=False)


@pytest.fixture(scope="module")
def split():
    """21 images; the number of each is in its first channel."""
    images = np.random.default_rng(0).integers(
        0, 256, (21, 12, 12, 3), np.uint8
    )
    images[..., 0] = np.arange(21)[:, None, None]
    labels = np.arange(21, dtype=np.uint8) % 2
    return Split(images, labels, tuple(map(str, range(21))))


def numbers(batch):
    return batch[0][:, 0, 0, 0].astype(int).tolist()


def epoch(batches):
    return [
        n for index in range(len(batches)) for n in numbers(batches[index])
    ]


# --- batches --------------------------------------------------------------


def test_a_batch_is_what_a_network_reads(split):
    images, labels = Batches(split, 8)[0]
    assert images.dtype == labels.dtype == np.float32
    assert images.shape == (8, 12, 12, 3)
    assert labels.shape == (8, 1)
    assert images.max() > 200  # 0 to 255: the network rescales


def test_an_epoch_has_every_image_once(split):
    batches = Batches(split, 8)
    assert [len(batches[n][1]) for n in range(len(batches))] == [8, 8, 5]
    assert sorted(epoch(batches)) == list(range(21))


def test_labels_go_with_their_images(split):
    batches = Batches(split, 8, augment=Augmentation(flip=True))
    for index in range(len(batches)):
        expected = [[n % 2] for n in numbers(batches[index])]
        assert batches[index][1].tolist() == expected


def test_without_shuffling_the_order_is_the_split_s(split):
    assert epoch(Batches(split, 8, shuffle=False)) == list(range(21))


def test_each_epoch_has_its_own_order_and_augmentation(split):
    batches = Batches(split, 21, augment=EVERYTHING)
    first = batches[0][0]
    batches.on_epoch_end()
    assert not np.array_equal(first, batches[0][0])
    plain = Batches(split, 21)
    before = epoch(plain)
    plain.on_epoch_end()
    assert before != epoch(plain)


def test_a_batch_depends_on_seed_epoch_and_index_alone(split):
    one = Batches(split, 8, seed=3, augment=EVERYTHING)
    one.on_epoch_end()
    one.on_epoch_end()
    other = Batches(split, 8, seed=3, augment=EVERYTHING, epoch=2)
    for index in (2, 0, 1):  # in any order, asked for once or twice
        np.testing.assert_array_equal(one[index][0], other[index][0])
        np.testing.assert_array_equal(one[index][0], other[index][0])


def test_another_seed_gives_other_batches(split):
    assert epoch(Batches(split, 8, seed=1)) != epoch(Batches(split, 8, seed=2))


def test_the_split_itself_is_never_changed(split):
    before = split.images.copy()
    images, _ = Batches(split, 21, augment=EVERYTHING)[0]
    images[:] = 0
    Batches(split, 21)[0][0][:] = 0
    np.testing.assert_array_equal(split.images, before)


@pytest.mark.parametrize("workers", [1, 2])
def test_keras_trains_on_the_epoch_that_it_is_told(split, workers):
    # Weights that stand still make the loss a fingerprint of the batches.
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    batches = Batches(split, 7, seed=3, augment=EVERYTHING, workers=workers)

    def follow(epoch, logs):
        batches.epoch = epoch

    history = model.fit(
        batches,
        epochs=4,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=follow)],
    )
    for epoch, loss in enumerate(history.history["loss"]):
        again = Batches(split, 7, seed=3, augment=EVERYTHING, epoch=epoch)
        errors = [
            model.predict_on_batch(images) - labels
            for images, labels in map(again.__getitem__, range(3))
        ]
        assert loss == pytest.approx(np.mean(np.square(errors)), rel=1e-4)


def test_on_the_device_images_come_as_they_are_stored(split):
    images, labels = Batches(split, 8, shuffle=False, augment_on="device")[1]
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, split.images[8:16])
    np.testing.assert_array_equal(labels[:, 0], split.labels[8:16])


def test_on_the_device_the_same_is_drawn_as_on_the_host(split):
    host, device = (
        Batches(split, 8, seed=3, augment=EVERYTHING, augment_on=place)
        for place in ("host", "device")
    )
    for index in range(3):
        drawn, labels = device[index]
        assert drawn["images"].dtype == np.uint8
        assert {len(part) for part in drawn.values()} == {len(labels)}
        expected, expected_labels = host[index]
        np.testing.assert_array_equal(labels, expected_labels)
        # Positions were rounded to float32.
        changed = pipeline._change(**drawn)
        np.testing.assert_allclose(changed, expected, atol=1e-3)


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize("augment", [None, EVERYTHING])
def test_a_back_end_need_not_copy_the_images(split, place, augment):
    batches = Batches(split, 5, augment=augment, augment_on=place)
    for index in range(len(batches)):
        images = batches[index][0]
        if isinstance(images, dict):
            images = images["images"]
        assert images.flags.c_contiguous
        assert images.ctypes.data % 64 == 0


def test_the_order_that_batches_share_cannot_be_changed(split):
    with pytest.raises(ValueError, match="read-only"):
        Batches(split, 8).order()[0] = 0


def test_an_unknown_place_is_refused(split):
    with pytest.raises(InputError, match="augment_on.*'host', 'device'"):
        Batches(split, 8, augment_on="gpu")


@pytest.mark.parametrize("size", [0, -1, 1.5, "8"])
def test_a_batch_size_that_is_none_is_refused(split, size):
    with pytest.raises(InputError, match="batch_size.*whole number"):
        Batches(split, size)


def test_an_empty_split_is_refused(split):
    with pytest.raises(InputError, match="at least one image"):
        Batches(split.subset(0), 8)


# --- augmentation ---------------------------------------------------------


def change(augmentation, images, seed=0):
    return augmentation(images, np.random.default_rng(seed))


def test_no_augmentation_changes_nothing(split):
    changed = change(STILL, split.images)
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(changed, split.images)


def test_the_random_numbers_are_those_of_the_recorded_runs():
    drawn = EVERYTHING.draw((2, 8, 8, 3), np.random.default_rng(7))
    found = [
        *drawn["rows"][:, 0],
        *drawn["columns"][:, 0],
        *drawn["factors"].ravel(),
    ]
    expected = [
        0.2342061,
        0.5130438,
        0.8403971,
        5.842769,
        0.921213,
        0.9019479,
        1.001819,
        0.9113702,
        0.9780305,
        1.021399,
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert drawn["cut_rows"].astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 1, 0],
    ]
    assert drawn["cut_columns"].astype(int).tolist() == [
        [0, 0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
    ]


def test_flip_mirrors_about_half_of_the_images():
    images = np.random.default_rng(1).integers(
        0, 256, (400, 6, 6, 3), np.uint8
    )
    changed = change(Augmentation(flip=True), images)
    same = (changed == images).all((1, 2, 3))
    mirrored = (changed == images[:, :, ::-1]).all((1, 2, 3))
    assert (same | mirrored).all()
    assert 160 < mirrored.sum() < 240


def test_shift_moves_by_whole_pixels_at_most_as_far_as_asked():
    # A ramp: after a move of d rows and e columns it has 10 d + e more.
    ramp = 10 * np.arange(20)[:, None] + np.arange(20)
    images = np.repeat(ramp[None, ..., None], 3, -1).astype(np.float32)
    images = np.repeat(images, 300, axis=0)
    changed = change(Augmentation(flip=False, shift=0.1), images)
    moved = (changed - images)[:, 5:15, 5:15]
    assert (moved == moved[:, :1, :1]).all()
    rows = np.rint(moved[:, 0, 0, 0] / 10)
    columns = moved[:, 0, 0, 0] - 10 * rows
    assert set(rows) == set(columns) == {-2, -1, 0, 1, 2}


def test_beyond_the_edge_the_image_is_mirrored():
    line = np.arange(8, dtype=np.float32)
    images = np.broadcast_to(line[None, None, :, None], (64, 8, 8, 3))
    changed = change(Augmentation(flip=False, shift=0.5), images)
    mirrored = np.pad(line, 4, "reflect")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, 8)
    for row in changed[:, 0, :, 0]:
        assert (row == windows).all(1).any()


def test_zooming_in_shows_a_part_that_lies_inside():
    ramp = np.linspace(0, 200, 40, dtype=np.float32)
    images = np.broadcast_to(ramp[None, None, :, None], (200, 40, 40, 3))
    changed = change(Augmentation(flip=False, scale=(0.5, 0.5)), images)
    line = changed[:, 0, :, 0]
    # Half of the ramp on as many pixels: the steps are half as large,
    steps = np.diff(line[:, 1:-1], axis=1)
    np.testing.assert_allclose(steps, 100 / 39, rtol=1e-3)
    # at any place from the left end to the right one.
    assert 0 <= line.min() < 10 and 190 < line.max() <= 200


def test_zooming_out_shows_everything():
    ramp = np.linspace(0, 200, 40, dtype=np.float32)
    images = np.broadcast_to(ramp[None, None, :, None], (50, 40, 40, 3))
    line = change(Augmentation(flip=False, scale=(2, 2)), images)[:, 0, :, 0]
    assert line.min(1).max() < 10 and line.max(1).min() > 190


def test_zooming_mixes_two_neighbours_in_proportion():
    # Against bilinear interpolation written out for one image.
    image = np.random.default_rng(2).uniform(0, 255, (1, 9, 9, 3))
    image = image.astype(np.float32)
    augmentation = Augmentation(flip=False, scale=(0.6, 0.6), stretch=0.2)
    rng = np.random.default_rng(5)
    rows, columns = augmentation._positions(image.shape, (9, 9), rng)
    expected = np.empty((9, 9, 3))
    for i, y in enumerate(rows[0]):
        for j, x in enumerate(columns[0]):
            a, b = int(y), int(x)
            s, t = y - a, x - b
            expected[i, j] = (
                (1 - s) * (1 - t) * image[0, a, b]
                + (1 - s) * t * image[0, a, b + 1]
                + s * (1 - t) * image[0, a + 1, b]
                + s * t * image[0, a + 1, b + 1]
            )
    np.testing.assert_allclose(
        change(augmentation, image, 5)[0], expected, rtol=1e-4, atol=1e-3
    )


def test_brightness_multiplies():
    images = np.full((300, 4, 4, 3), 100, np.uint8)
    changed = change(Augmentation(flip=False, brightness=0.2), images)
    means = changed.mean((1, 2, 3))
    np.testing.assert_allclose(
        changed, means[:, None, None, None] + 0 * changed
    )
    assert 79.9 < means.min() < 84 and 116 < means.max() < 120.1


def test_contrast_keeps_the_mean_and_scales_what_differs_from_it():
    images = np.random.default_rng(3).uniform(90, 110, (50, 6, 6, 3))
    images = images.astype(np.float32)
    changed = change(Augmentation(flip=False, contrast=0.5), images)
    np.testing.assert_allclose(
        changed.mean((1, 2, 3)), images.mean((1, 2, 3)), rtol=1e-4
    )
    ratio = changed.std((1, 2, 3)) / images.std((1, 2, 3))
    assert 0.5 <= ratio.min() < 0.6 and 1.4 < ratio.max() <= 1.5


def test_saturation_leaves_grey_as_it_is_and_keeps_the_brightness():
    grey = np.full((20, 4, 4, 3), 120, np.uint8)
    augmentation = Augmentation(flip=False, saturation=0.5)
    np.testing.assert_allclose(change(augmentation, grey), 120, rtol=1e-5)
    colours = np.random.default_rng(4).uniform(90, 160, (20, 4, 4, 3))
    colours = colours.astype(np.float32)
    luma = [0.299, 0.587, 0.114]
    changed = change(augmentation, colours)
    np.testing.assert_allclose(changed @ luma, colours @ luma, rtol=1e-4)
    assert np.abs(changed - colours).max() > 5


def test_cutout_greys_out_at_most_its_square(split):
    images = np.random.default_rng(6).uniform(0, 255, (100, 16, 16, 3))
    images = images.astype(np.float32)
    changed = change(Augmentation(flip=False, cutout=0.25), images)
    cut = (changed != images).any(-1)
    assert cut.any((1, 2)).all()
    assert cut.sum((1, 2)).max() == 16  # a quarter of 16 pixels, squared
    for image, whole, where in zip(changed, images, cut, strict=True):
        np.testing.assert_allclose(
            image[where] - whole.mean((0, 1)), 0, atol=0.01
        )


def test_colours_stay_between_0_and_255(split):
    wild = Augmentation(brightness=1, contrast=1, saturation=1)
    changed = change(wild, split.images)
    assert changed.min() >= 0 and changed.max() <= 255


@pytest.mark.parametrize("height, width", [(12, 20), (33, 8)])
def test_images_need_not_be_square(height, width):
    images = np.zeros((10, height, width, 3), np.uint8)
    assert change(EVERYTHING, images).shape == images.shape


def test_the_record_goes_through_json():
    fields = json.loads(json.dumps(EVERYTHING.to_dict()))
    assert Augmentation.from_dict(fields) == EVERYTHING


@pytest.mark.parametrize(
    "fields",
    [
        {"shift": -0.1},
        {"shift": 0.6},
        {"scale": (0, 1)},
        {"scale": (1, 0.5)},
        {"scale": (1,)},
        {"stretch": 2},
        {"brightness": 1.5},
        {"cutout": -1},
    ],
)
def test_values_out_of_range_are_refused(fields):
    (name,) = fields
    with pytest.raises(InputError, match=name):
        Augmentation(**fields)


# --- other sides ----------------------------------------------------------


def test_half_the_side_is_every_second_place_between_pixels(split):
    images = Batches(split, 4, shuffle=False, size=6)[0][0]
    assert images.shape == (4, 6, 6, 3)
    # Halving meets the middle of each two by two pixels: their mean.
    cells = split.images[:4].reshape(4, 6, 2, 6, 2, 3)
    np.testing.assert_allclose(images, cells.mean((2, 4)), atol=1e-3)


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize("sides", [(12, 9), (9, 12), (9, 9)])
def test_a_batch_is_square_whichever_side_is_right_already(sides, place):
    images = np.random.default_rng(0).integers(0, 256, (4, *sides, 3))
    images = images.astype(np.uint8)
    split = Split(images, np.zeros(4, np.uint8), tuple("abcd"))
    batch = Batches(split, 4, shuffle=False, size=12, augment_on=place)[0][0]
    if place == "device":
        batch = pipeline._change(**batch)
    assert batch.shape == (4, 12, 12, 3)
    # At its own size a side stays as it is.
    same = Batches(split, 4, shuffle=False)[0][0]
    np.testing.assert_array_equal(same, images)


def test_a_batch_of_another_side_shows_the_same_part(split):
    """A gradient from 0 to 1 keeps its range, whatever the side."""
    ramp = np.linspace(0, 240, 24, dtype=np.float32)
    images = np.broadcast_to(ramp[None, :, None, None], (2, 24, 24, 3))
    rng = (np.random.default_rng(3) for _ in range(2))
    zoom = Augmentation(flip=False, scale=(0.5, 0.5))
    small, large = (zoom(images, next(rng), size=size) for size in (8, 24))
    assert small.shape == (2, 8, 8, 3)
    # Each small pixel is the middle of three large ones.
    np.testing.assert_allclose(small, large[:, 1::3, 1::3], atol=1e-3)


def test_the_cutout_has_its_share_at_any_side(split):
    cut = Augmentation(flip=False, cutout=0.5)
    drawn = cut.draw((50, 64, 64, 3), np.random.default_rng(0), size=32)
    assert drawn["cut_rows"].shape == (50, 32)
    assert drawn["cut_rows"].sum(1).max() == 16

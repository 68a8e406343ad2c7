"""What a network is shown of an image, where it is asked more than once."""

import numpy as np
import pytest
from PIL import Image

from densenet_lib import pictures
from densenet_lib.errors import InputError
from densenet_lib.views import middle, views

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)


def test_of_itself_an_image_is_shown_once_and_as_it_is():
    [shown] = views(IMAGES.astype("float32"))
    np.testing.assert_array_equal(shown, IMAGES)


def test_the_mirror_image_follows_each_view():
    whole, mirror, near, near_mirror = views(
        IMAGES, zooms=(1.0, 0.5), mirror=True
    )
    np.testing.assert_array_equal(whole, IMAGES)
    np.testing.assert_array_equal(mirror, IMAGES[:, :, ::-1])
    np.testing.assert_array_equal(near, middle(IMAGES, 0.5))
    np.testing.assert_array_equal(near_mirror, near[:, :, ::-1])


def test_the_middle_has_the_size_of_the_whole_and_nothing_of_the_margin():
    images = np.zeros((2, 16, 16, 3), np.uint8)
    images[:, 4:12, 4:12] = 200
    np.testing.assert_array_equal(
        middle(images, 0.5), np.full_like(images, 200)
    )


def test_the_middle_is_resized_as_photographs_are():
    [found] = middle(IMAGES[:1], 0.75)
    cut = Image.fromarray(IMAGES[0, 2:14, 2:14])
    expected = cut.resize((16, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(found, np.asarray(expected))
    assert found.dtype == np.uint8


def test_the_middle_of_a_mirror_image_is_the_mirrored_middle():
    """Equal margins: no view is a little to one side."""
    for share in (0.9, 0.7, 0.6):
        one = middle(IMAGES[:, :, ::-1], share)
        other = middle(IMAGES, share)[:, :, ::-1]
        assert np.abs(one.astype(int) - other).max() <= 1


def test_of_the_least_share_a_pixel_or_two_are_left():
    for side, kept in ((16, slice(7, 9)), (15, slice(7, 8))):
        images = IMAGES[:1, :side, :side]
        [found] = middle(images, 1e-6)
        cut = Image.fromarray(images[0, kept, kept])
        np.testing.assert_array_equal(found, pictures.square(cut, side))


def test_of_no_images_the_middle_is_none():
    assert middle(IMAGES[:0], 0.5).shape == IMAGES[:0].shape


@pytest.mark.parametrize("share", [0, -0.5, 1.5, float("nan")])
def test_what_is_no_share_of_an_image_is_refused(share):
    with pytest.raises(InputError, match="zoom"):
        middle(IMAGES, share)


def test_the_middle_of_what_is_not_bytes_is_refused():
    with pytest.raises(InputError, match="float32"):
        middle(IMAGES.astype("float32"), 0.5)


def test_no_view_at_all_is_refused():
    with pytest.raises(InputError, match="zooms"):
        list(views(IMAGES, zooms=()))

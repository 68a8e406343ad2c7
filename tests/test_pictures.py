"""Any kind of picture as plain colour: white behind what is transparent."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from densenet_lib import pictures
from densenet_lib.datasets import cats_vs_dogs
from densenet_lib.errors import InputError

SIDE = 24
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
GREY = COLOUR[..., 0]
# Of the lower eight bits nothing is to be seen.
GREY16 = 256 * GREY.astype(np.uint16) + RNG.integers(0, 256, GREY.shape)
GREY16 = GREY16.astype(np.uint16)
OPACITY = RNG.integers(0, 256, (SIDE, SIDE), np.uint8)
OPACITY[:4], OPACITY[4:8] = 0, 255
PLACES = RNG.integers(0, 4, (SIDE, SIDE), np.uint8)
PALETTE = np.array([[0, 0, 0], [200, 10, 30], [9, 99, 199], [250, 250, 0]])


def _over_white(colour, opacity):
    share = opacity[..., None] / 255
    return np.rint(share * colour + (1 - share) * 255).astype(np.uint8)


def _grey(values):
    return np.repeat(values[..., None], 3, axis=-1)


def _with_palette():
    image = Image.fromarray(PLACES, "P")
    image.putpalette(PALETTE.astype(np.uint8).tobytes())
    return image


# {kind: (image, options of its file, the pixels expected)}
CLEAR = {
    "RGBA": (
        Image.fromarray(np.dstack([COLOUR, OPACITY])),
        {},
        _over_white(COLOUR, OPACITY),
    ),
    "LA": (
        Image.merge("LA", list(map(Image.fromarray, (GREY, OPACITY)))),
        {},
        _over_white(_grey(GREY), OPACITY),
    ),
    "P, each entry": (
        _with_palette(),
        {"transparency": bytes([0, 100, 200, 255])},
        _over_white(PALETTE[PLACES], np.array([0, 100, 200, 255])[PLACES]),
    ),
    "P, one entry": (
        _with_palette(),
        {"transparency": 2},
        _over_white(PALETTE[PLACES], np.array([255, 255, 0, 255])[PLACES]),
    ),
    "RGB, one colour": (
        Image.fromarray(PALETTE[PLACES].astype(np.uint8)),
        {"transparency": (9, 99, 199)},
        _over_white(PALETTE[PLACES], np.array([255, 255, 0, 255])[PLACES]),
    ),
    "L, one grey": (
        Image.fromarray(PLACES),
        {"transparency": 3},
        _over_white(_grey(PLACES), np.array([255, 255, 255, 0])[PLACES]),
    ),
    "I;16, one grey": (
        # Only the very number is clear, not all that look alike.
        Image.fromarray(np.uint16([256, 257, 40000, 65535])[PLACES]),
        {"transparency": 257},
        _grey(np.uint8([1, 255, 156, 255])[PLACES]),
    ),
}


def _png(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", CLEAR)
def test_white_stands_behind_what_is_transparent(kind):
    image, options, expected = CLEAR[kind]
    content = _png(image, **options)
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.mode == kind.split(",")[0]
        made = pictures.upright(opened)
    assert made.mode == "RGB"
    np.testing.assert_array_equal(made, expected)
    assert (expected == 255).all(-1).any()
    # At its own size the square is the picture.
    square = cats_vs_dogs.decode(content, SIDE)
    np.testing.assert_array_equal(square, expected)


def test_a_transparent_picture_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    image, _, expected = CLEAR["RGBA"]
    with Image.open(io.BytesIO(_png(image, exif=exif))) as opened:
        made = pictures.upright(opened)
    np.testing.assert_array_equal(made, np.rot90(expected, -1))


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "HSV"]
)
def test_without_transparency_the_pixels_are_pillow_s(mode):
    if mode == "LAB":
        image = Image.merge("LAB", Image.fromarray(COLOUR).split())
    else:
        image = Image.fromarray(COLOUR).convert(mode)
    expected = ImageOps.exif_transpose(image).convert("RGB")
    np.testing.assert_array_equal(pictures.upright(image), expected)


def test_what_is_opaque_though_it_need_not_be_keeps_its_pixels():
    opaque = np.full(GREY.shape, 255, np.uint8)
    image = Image.fromarray(np.dstack([COLOUR, opaque]))
    np.testing.assert_array_equal(pictures.upright(image), COLOUR)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_grey_of_16_bits_keeps_the_upper_eight(kind):
    file = io.BytesIO()
    Image.fromarray(GREY16).save(file, kind)
    with Image.open(file) as opened:
        assert opened.mode in ("I;16", "I")
        np.testing.assert_array_equal(pictures.upright(opened), _grey(GREY))
    square = cats_vs_dogs.decode(file.getvalue(), SIDE)
    np.testing.assert_array_equal(square, _grey(GREY))


def test_grey_of_16_bits_may_have_its_larger_byte_first():
    image = Image.fromarray(GREY16.astype(">u2"))
    assert image.mode == "I;16B"
    np.testing.assert_array_equal(pictures.upright(image), _grey(GREY))


def test_a_png_is_of_16_bits_though_an_older_pillow_makes_32_of_them():
    image = Image.fromarray(GREY16.astype(np.int32))
    image.format = "PNG"
    np.testing.assert_array_equal(pictures.upright(image), _grey(GREY))


@pytest.mark.parametrize("mode, dtype", [("I", np.int32), ("F", np.float32)])
@pytest.mark.parametrize("largest", [1, 255, 65535])
def test_numbers_of_no_known_range_are_refused(mode, dtype, largest):
    values = (largest / 255 * GREY).astype(dtype)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF")
    with (
        Image.open(file) as opened,
        pytest.raises(InputError, match=f"mode is '{mode}'.* 8-bit PNG"),
    ):
        pictures.upright(opened)

"""Pictures of any kind as plain colour: upright, white where transparent."""

import numpy as np
from PIL import Image, ImageOps

from densenet_lib.errors import expect

__all__ = ["square", "upright"]

# Formats whose numbers have at most 16 bits, of which Pillow makes 32, in
# mode "I": PGM, and PNG before Pillow 10.3.
_AT_MOST_16_BITS = ("PNG", "PPM")


def upright(image):
    """A picture in red, green and blue, turned as its orientation mark says.

    What is transparent is composed over white, as it is on the page where
    the network runs in the browser. Grey of 16 bits keeps its upper eight.
    Any other picture without transparency keeps its pixels, bit for bit as
    Pillow converts them.

    Args:
        image: a Pillow image of any mode whose values have a known range.

    Returns:
        A new Pillow image of mode "RGB", of the same size; a quarter turned,
        width and height are exchanged.

    Raises:
        InputError: whole numbers of 32 bits or floating point numbers, which
            do not say what is black and what is white. And whatever Pillow
            raises on pixels that it cannot decode.
    """
    turned = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in _AT_MOST_16_BITS
    ):
        turned = _upper_eight_bits(turned)
    # Pillow would cut off what is above 255: all white, or nearly black.
    expect(
        turned.mode not in ("I", "F"),
        "a picture's mode",
        turned.mode,
        "grey or colour of 8 or 16 bits, not numbers of any range",
        "Map the values to 0 to 255 and save the picture as an 8-bit PNG.",
    )
    if not turned.has_transparency_data:
        return turned.convert("RGB")
    clear = turned.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(white, clear).convert("RGB")


def square(image, side):
    """A Pillow image of mode "RGB" as a square, by Lanczos' filter.

    Returns:
        uint8 (side, side, 3).
    """
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))


def _upper_eight_bits(image):
    """Grey of 16 bits in 8, with an alpha channel if one grey is clear."""
    values = np.asarray(image)
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    if "transparency" in image.info:
        opaque = values != image.info["transparency"]
        grey.putalpha(Image.fromarray(np.uint8(255 * opaque)))
    return grey

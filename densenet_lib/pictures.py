"""Pictures of any kind as plain colour: upright, white where transparent."""

from PIL import Image, ImageOps

__all__ = ["upright"]

# Pillow's modes whose pixels say how opaque they are.
_OPACITY_IN_PIXELS = ("LA", "La", "PA", "RGBA", "RGBa")


def upright(image):
    """A picture in red, green and blue, turned as its orientation mark says.

    What is transparent is composed over white, as it is on the page where
    the network runs in the browser. A picture without transparency keeps its
    pixels, bit for bit as Pillow converts them.

    Args:
        image: a Pillow image of any mode.

    Returns:
        A new Pillow image of mode "RGB", of the same size; a quarter turned,
        width and height are exchanged.

    Raises:
        Whatever Pillow raises on pixels that it cannot decode.
    """
    turned = ImageOps.exif_transpose(image)
    if not _may_be_transparent(turned):
        return turned.convert("RGB")
    clear = turned.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(white, clear).convert("RGB")


def _may_be_transparent(image):
    # Opacity stands in the pixels, in the palette, or in a mark of the file
    # that names one colour or some entries of the palette.
    in_palette = getattr(image.palette, "mode", "").endswith("A")
    return (
        image.mode in _OPACITY_IN_PIXELS
        or in_palette
        or "transparency" in image.info
    )

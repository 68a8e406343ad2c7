"""Pictures of any kind as plain colour: upright, white where transparent."""

from PIL import Image, ImageOps

__all__ = ["upright"]


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
    if not turned.has_transparency_data:
        return turned.convert("RGB")
    clear = turned.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(white, clear).convert("RGB")

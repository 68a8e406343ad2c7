"""Heatmaps as pictures: scaled, enlarged, laid over an image."""

import numpy as np

from densenet_lib.errors import expect

HEAT_CMAP = "inferno"
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: how bright a colour looks


def as_heat(maps, size, *, signed=False):
    """Cut off below 0, enlarge to ``size`` if given, scale each map to 1.

    A signed map is enlarged and otherwise left as it is.
    """
    maps = maps.astype("float32")
    if not signed:
        maps = np.maximum(maps, 0)
    if size is not None:
        maps = enlarge(maps, size)
    if signed:
        return maps
    peaks = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, peaks, out=np.zeros_like(maps), where=peaks > 0)


def enlarge(maps, size):
    """Maps (N, h, w) at the size (height, width), bilinearly.

    The pixels of both sizes cover the same square, as in every image library;
    beyond the outermost centres the value stays that of the edge.
    """
    rows, columns = (
        _interpolation(new, old)
        for new, old in zip(size, maps.shape[1:], strict=True)
    )
    return rows @ maps @ columns.T


def _interpolation(new, old):
    """Matrix (new, old) that interpolates between the centres of pixels."""
    centres = (np.arange(new) + 0.5) * old / new - 0.5
    distance = np.abs(np.clip(centres, 0, old - 1)[:, None] - np.arange(old))
    return np.maximum(1 - distance, 0).astype("float32")


def overlay(image, heat, *, strength=0.6):
    """An image in grey with a heatmap laid over it: all colour is heat.

    Args:
        image: array (height, width, 3), 0 to 255.
        heat: array (height, width), 0 to 1.
        strength: share of the colour where heat is 1; where heat is 0 there
            is none.

    Returns:
        uint8 array (height, width, 3).

    Raises:
        InputError: an image and a heatmap of different sizes.
    """
    from matplotlib import colormaps  # slow to load, and only colours need it

    image, heat = np.asarray(image, "float32"), np.asarray(heat, "float32")
    expect(
        image.shape == (*heat.shape, 3),
        "the shape of heat",
        heat.shape,
        f"{image.shape[:2]}, the height and width of the image",
        "grad_cam(…, upsample=True) gives maps of the images' size.",
    )
    grey = image @ np.float32(LUMA)
    colour = 255 * colormaps[HEAT_CMAP](heat)[..., :3]
    share = strength * heat[..., None]
    mixed = (1 - share) * grey[..., None] + share * colour
    return np.clip(np.rint(mixed), 0, 255).astype("uint8")

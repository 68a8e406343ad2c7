"""Maps that know nothing of the model: what any method has to beat."""

import numpy as np

from densenet_lib.attribution.maps import LUMA


def centred_blob(shape, *, width=0.25):
    """A round spot in the middle: who photographs, centres.

    Args:
        shape: (N, height, width) of the maps.
        width: standard deviation of the spot, as a share of each side.

    Returns:
        float32 (N, height, width), the largest value of each near 1.
    """
    down, across = (
        np.exp(-0.5 * (((np.arange(side) + 0.5) / side - 0.5) / width) ** 2)
        for side in shape[1:]
    )
    return np.broadcast_to(np.outer(down, across), shape).astype("float32")


def edge_filter(images):
    """Edges in the image's brightness, by the Sobel operator.

    Args:
        images: (N, height, width, 3), 0 to 255.

    Returns:
        float32 (N, height, width) from 0 to 1, the largest value of each map
        1; all 0 for an image of one brightness.

    Source: J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018
    (arXiv:1810.03292), for an edge detector as the comparison.
    """
    grey = np.asarray(images, "float32") @ np.float32(LUMA)
    grey = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = _blurred(grey[:, :, 2:] - grey[:, :, :-2], axis=1)
    down = _blurred(grey[:, 2:] - grey[:, :-2], axis=2)
    edges = np.hypot(across, down)
    peaks = edges.max(axis=(1, 2), keepdims=True)
    return np.divide(edges, peaks, out=np.zeros_like(edges), where=peaks > 0)


def _blurred(x, axis):
    """Weights 1, 2, 1 along an axis, which loses a pixel at each end."""
    x = np.moveaxis(x, axis, 0)
    return np.moveaxis(x[:-2] + 2 * x[1:-1] + x[2:], 0, axis)


BASELINES = {
    "centred blob": lambda model, images, targets: centred_blob(
        np.shape(images)[:3]
    ),
    "edge filter": lambda model, images, targets: edge_filter(images),
}

"""Maps that know nothing of the model: what any method has to beat."""

import numpy as np
from scipy.ndimage import sobel

from densenet_lib.attribution.maps import LUMA, as_heat


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
    edges = [
        np.hypot(*(sobel(one, axis, mode="nearest") for axis in (0, 1)))
        for one in grey
    ]
    return as_heat(np.stack(edges), None)


def random_map(shape, *, seed=0):
    """White noise: every order of the pixels is as likely as any other.

    Args:
        shape: (N, height, width) of the maps.
        seed: of the noise; each map has its own.

    Returns:
        float32 (N, height, width) from 0 to 1.
    """
    return np.random.default_rng(seed).random(shape, "float32")


BASELINES = {
    "centred blob": lambda model, images, targets: centred_blob(
        np.shape(images)[:3]
    ),
    "edge filter": lambda model, images, targets: edge_filter(images),
    "random": lambda model, images, targets: random_map(np.shape(images)[:3]),
}

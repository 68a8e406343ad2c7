"""Pixels that were taken away, filled from those that stayed.

Each missing pixel becomes the weighted mean of its neighbours, missing ones
included: a system of linear equations, one for each missing pixel. A filled
image is smooth where pixels are missing, and so shows less of where they were
than a grey patch does.
"""

from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu


def imputed(images, removed, *, noise=5.0, seed=0):
    """Images with the removed pixels filled in linearly, with noise.

    A pixel beside another weighs twice what one at its corner does; at the
    edge of the image the weights of those that are there are scaled to a sum
    of 1.

    Args:
        images: (N, height, width, channels), 0 to 255.
        removed: bool (N, height, width); each image keeps a pixel at least.
        noise: standard deviation of what is added to filled pixels, in grey
            values. Without, a network could tell them by their smoothness.
        seed: of the noise.

    Returns:
        float32 array of the shape of ``images``.

    Source: Y. Rong et al., "A Consistent and Efficient Evaluation Strategy
    for Attribution Methods", ICML 2022 (arXiv:2202.00449); the weights from
    there, the noise's strength our choice.
    """
    removed = np.asarray(removed, bool)
    filled = np.array(images, "float32")
    for image, missing in zip(filled, removed, strict=True):
        image[missing] = _solution(image, missing)
    rng = np.random.default_rng(seed)
    grain = rng.standard_normal(filled.shape, np.float32)
    return filled + np.float32(noise) * grain * removed[..., None]


def _solution(image, missing):
    """The missing pixels of one image: (pixels, channels)."""
    if not missing.any():
        return image[missing]
    equations = _equations(*missing.shape)[missing.ravel()]
    known = equations[:, ~missing.ravel()] @ image[~missing].astype("float64")
    unknown = equations[:, missing.ravel()].tocsc()
    # Symmetric and positive definite as long as one pixel is known.
    factors = splu(
        unknown,
        permc_spec="MMD_AT_PLUS_A",
        options={"SymmetricMode": True},
    )
    return factors.solve(-known)


@lru_cache(maxsize=4)
def _equations(height, width):
    """(sum of the weights) * pixel - weighted neighbours, a row a pixel.

    (1 2 1) down times (1 2 1) across has the weights times 12, 1/6 of those
    beside and 1/12 of those at a corner, and 4 for the pixel itself.
    """
    down, across = (
        sparse.diags([1.0, 2.0, 1.0], [-1, 0, 1], shape=(side, side))
        for side in (height, width)
    )
    both = sparse.kron(down, across)
    weights = (both - sparse.diags(both.diagonal())) / 12
    return (sparse.diags(weights @ np.ones(height * width)) - weights).tocsr()

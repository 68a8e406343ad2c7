"""Pixels that were taken away, filled from those that stayed.

Each missing pixel becomes the weighted mean of its neighbours, missing ones
included: a system of linear equations, one for each missing pixel. A filled
image is smooth where pixels are missing, and so shows less of where they were
than a grey patch does.
"""

import numpy as np

from densenet_lib.attribution.maps import enlarge

# Images at a time: what one step reads and writes fits a processor's cache.
CHUNK = 16


def imputed(images, removed, *, noise=5.0, seed=0, tolerance=0.5):
    """Images with the removed pixels filled in linearly, with noise.

    A pixel beside another weighs twice what one at its corner does; at the
    edge of the image the weights of those that are there are scaled to a sum
    of 1. The equations are solved on coarser and coarser images first, each
    solution the start of the next, by conjugate gradients: a few steps a
    size, and no package for sparse matrices.

    Args:
        images: (N, height, width, channels), 0 to 255.
        removed: bool (N, height, width); each image keeps a pixel at least.
        noise: standard deviation of what is added to filled pixels, in grey
            values. Without, a network could tell them by their smoothness.
        seed: of the noise.
        tolerance: largest difference, in grey values, between a filled pixel
            and the mean of its neighbours when the steps end.

    Returns:
        float32 array of the shape of ``images``.

    Source: Y. Rong et al., "A Consistent and Efficient Evaluation Strategy
    for Attribution Methods", ICML 2022 (arXiv:2202.00449); the weights from
    there, the noise's strength our choice.
    """
    removed = np.asarray(removed, bool)
    # Channels before places: NumPy is quick where its inner loop is long.
    filled = np.moveaxis(np.asarray(images, "float32"), -1, 1).copy()
    for start in range(0, len(filled), CHUNK):
        part = slice(start, start + CHUNK)
        known = ~removed[part, None]
        filled[part] = _solved(filled[part], known, tolerance)
    filled = np.moveaxis(filled, 1, -1)
    rng = np.random.default_rng(seed)
    grain = rng.standard_normal(filled.shape, np.float32)
    return filled + np.float32(noise) * grain * removed[..., None]


def _solved(values, known, tolerance):
    """``values`` where ``known``, and the solution elsewhere.

    Args:
        values: (N, channels, height, width).
        known: bool (N, 1, height, width).
        tolerance: see :func:`imputed`.
    """
    if known.all():
        return values
    start = np.where(known, values, _coarse(values, known, tolerance))
    return _conjugate_gradients(start, ~known, tolerance)


def _coarse(values, known, tolerance):
    """A first guess: the solution at half the size, enlarged."""
    height, width = values.shape[2:]
    shown = _halved(known.astype("float32"))
    means = _halved(values * known) / np.maximum(shown, 1)
    # What is wrong over wide areas is put right here, where it costs least.
    means = _solved(means, shown > 0, tolerance / 4)
    rows, columns = means.shape[2:]
    flat = means.reshape(-1, rows, columns)
    large = enlarge(flat, (2 * rows, 2 * columns))[:, :height, :width]
    return large.reshape(values.shape)


def _halved(x):
    """Sums over squares of 2 by 2 pixels; beyond an odd edge is zero."""
    odd = [(0, 0), (0, 0), *((0, side % 2) for side in x.shape[2:])]
    x = np.pad(x, odd)
    x = x[:, :, ::2] + x[:, :, 1::2]
    return x[..., ::2] + x[..., 1::2]


def _conjugate_gradients(x, missing, tolerance, steps=200):
    """Solve for the missing pixels, each image and channel on its own.

    The equations, (sum of the weights) * pixel - weighted neighbours = 0, are
    symmetric and positive definite as long as one pixel is known.
    """
    weights = _neighbours(np.ones((1, 1, *x.shape[2:]), "float32"))
    missing = missing.astype("float32")

    def apply(p):
        result = weights * p
        result -= _neighbours(p)
        result *= missing
        return result

    residual = -apply(x)
    direction = residual.copy()
    energy = _dot(residual, residual)
    for _ in range(steps):
        if max(residual.max(), -residual.min()) <= tolerance:
            break
        moved = apply(direction)
        step = _ratio(energy, _dot(direction, moved))
        x += step * direction
        moved *= step
        residual -= moved
        before, energy = energy, _dot(residual, residual)
        direction *= _ratio(energy, before)
        direction += residual
    return x


def _neighbours(x):
    """Sum of the eight neighbours: 1/6 of those beside, 1/12 of the others.

    (1 2 1) down times (1 2 1) across has these weights times 12, and 4 for
    the pixel itself.
    """
    down = 2 * x
    down[:, :, 1:] += x[:, :, :-1]
    down[:, :, :-1] += x[:, :, 1:]
    both = 2 * down
    both[..., 1:] += down[..., :-1]
    both[..., :-1] += down[..., 1:]
    both -= 4 * x
    both *= np.float32(1 / 12)
    return both


def _dot(a, b):
    """One product for each image and channel: (N, channels, 1, 1)."""
    return np.einsum("nchw,nchw->nc", a, b)[..., None, None]


def _ratio(a, b):
    """a / b, and 0 where b is 0: there nothing is left to solve."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)

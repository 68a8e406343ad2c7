"""How alike two heatmaps are."""

import numpy as np
from scipy import stats


def spearman(maps, others):
    """Rank correlation of the pixels: 1 where both order them alike.

    Pixels of one value share their mean rank. Of a map of one value, which
    orders nothing, the correlation is 0, with itself 1.

    Args:
        maps, others: (N, height, width).

    Returns:
        (N,), from -1 to 1.

    Source: C. Spearman, "The Proof and Measurement of Association between Two
    Things", American Journal of Psychology 15 (1904).
    """
    first, second = _ranks(maps), _ranks(others)
    norms = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    alike = (first == second).all(axis=1).astype("float64")
    return np.divide(
        (first * second).sum(axis=1), norms, out=alike, where=norms > 0
    )


def _ranks(maps):
    """Rank of each pixel, less the mean rank: (N, pixels)."""
    rows = np.reshape(maps, (len(maps), -1))
    return stats.rankdata(rows, axis=1) - (rows.shape[1] + 1) / 2


def ssim(maps, others, *, window=7):
    """Structural similarity of maps from 0 to 1; of a map with itself it is 1.

    In each window, how alike the means are, times how alike the pixels vary
    together; then the mean over all windows that lie inside the map.

    Args:
        maps, others: (N, height, width).
        window: side of the square window, in pixels.

    Returns:
        (N,), from -1 to 1.

    Source: Z. Wang et al., "Image Quality Assessment: From Error Visibility
    to Structural Similarity", IEEE Transactions on Image Processing 13
    (2004), equation (13), with K1 = 0.01 and K2 = 0.03 and a window of equal
    weights.
    """
    x, y = np.asarray(maps, "float64"), np.asarray(others, "float64")
    count = window**2
    unbiased = count / (count - 1)
    mean_x, mean_y = _means(x, window), _means(y, window)
    variance_x = unbiased * (_means(x * x, window) - mean_x**2)
    variance_y = unbiased * (_means(y * y, window) - mean_y**2)
    covariance = unbiased * (_means(x * y, window) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    means = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    shape = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (means * shape).mean(axis=(1, 2))


def _means(x, window):
    """Mean of each window inside: (N, height, width) less window - 1."""
    tiles = np.lib.stride_tricks.sliding_window_view
    return tiles(tiles(x, window, 1).mean(-1), window, 2).mean(-1)

"""Does the output follow the pixels that a map calls important?

Pixels come in, or are taken away, in the order of their heat, while the
probability of the class is watched. Pixels of equal heat, such as those that
a ReLU has set to zero, come in an order drawn at random: in the order of the
image, a map would gain or lose by the picture's upper edge.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid
from scipy.ndimage import gaussian_filter

from densenet_lib import taps
from densenet_lib.errors import expect, expect_choice
from densenet_lib.faithfulness.imputation import imputed
from densenet_lib.faithfulness.outputs import (
    chosen,
    expect_maps,
    of_each,
    probabilities,
)

# Images at a time, with all their steps: some hundred pictures to predict.
CHUNK = 16


@dataclass(frozen=True, eq=False)
class Curves:
    """Probability of the class while pixels come in, or go.

    Attributes:
        shares: (steps + 1,), share of the pixels moved, 0 to 1.
        insertion: (N, steps + 1), the most important come in first.
        deletion: (N, steps + 1), the most important go first.
    """

    shares: np.ndarray
    insertion: np.ndarray
    deletion: np.ndarray

    @property
    def insertion_area(self):
        """(N,), the area under each curve; the larger, the better the map."""
        return trapezoid(self.insertion, self.shares)

    @property
    def deletion_area(self):
        """(N,), the area under each curve; the smaller, the better the map."""
        return trapezoid(self.deletion, self.shares)


@dataclass(frozen=True, eq=False)
class Road:
    """Probability of the class with pixels removed and filled in.

    Attributes:
        shares: (K,), share of the pixels removed.
        most_first: (N, K), those with the most heat removed.
        least_first: (N, K), those with the least.
    """

    shares: np.ndarray
    most_first: np.ndarray
    least_first: np.ndarray

    @property
    def scores(self):
        """(N,), from -1 to 1; an order at random scores 0 on average.

        The probability kept when the least important pixels go, less that
        kept when the most important do, averaged over the shares.
        """
        return (self.least_first - self.most_first).mean(axis=1)


def insertion_deletion(
    model, images, maps, target=None, *, steps=16, blank="blur", seed=0
):
    """Insertion and deletion curves.

    Args:
        model: a Keras model from images to logits.
        images: (N, height, width, channels), as the model reads them.
        maps: (N, height, width).
        target: the class, for all images or one for each; None for the one
            that the model decides for.
        steps: in which all pixels are moved.
        blank: the image without its pixels, a name from ``BLANKS``: "blur",
            the image out of focus, or "mean", its mean colour.
        seed: of the order among pixels of equal heat.

    Returns:
        :class:`Curves`.

    Raises:
        InputError: maps of another shape, or an unknown blank.

    Source: V. Petsiuk et al., "RISE: Randomized Input Sampling for
    Explanation of Black-box Models", BMVC 2018 (arXiv:1806.07421).
    """
    expect_choice("blank", blank, BLANKS)
    images = np.asarray(images, "float32")
    ranks = _ranks(expect_maps(maps, images), seed)
    targets = chosen(model, images, target)
    shares = np.linspace(0, 1, steps + 1)
    blanks = BLANKS[blank](images)
    return Curves(
        shares,
        _watched(model, blanks, images, ranks, shares, targets),
        _watched(model, images, blanks, ranks, shares, targets),
    )


def road(
    model,
    images,
    maps,
    target=None,
    *,
    shares=(0.2, 0.4, 0.6, 0.8),
    noise=5.0,
    seed=0,
):
    """Remove and debias: pixels are removed and filled from those around.

    A blank tells the network, by its outline, which pixels are missing; a
    filled image hardly does. Both orders are taken.

    Args:
        model, images, maps, target: see :func:`insertion_deletion`.
        shares: of the pixels to remove, above 0 and below 1.
        noise: see :func:`densenet_lib.faithfulness.imputation.imputed`.
        seed: of the noise and of the order among pixels of equal heat; maps
            of two methods meet the same noise.

    Returns:
        :class:`Road`.

    Raises:
        InputError: maps of another shape, or a share out of its range.

    Source: Y. Rong et al., "A Consistent and Efficient Evaluation Strategy
    for Attribution Methods", ICML 2022 (arXiv:2202.00449). There the accuracy
    is watched; the probability gives each image a number of its own.
    """
    expect(
        0 < min(shares) <= max(shares) < 1,
        "shares",
        shares,
        "shares of the pixels above 0 and below 1",
        "What is removed is filled from what is left.",
    )
    images = np.asarray(images, "float32")
    ranks = _ranks(expect_maps(maps, images), seed)
    targets = chosen(model, images, target)
    size = ranks[0].size
    last = ranks.max()

    def kept(removed):
        filled = imputed(images, removed, noise=noise, seed=seed)
        return of_each(targets, probabilities(model, filled))

    # At least one pixel is left, to fill the others from.
    counts = [min(round(share * size), size - 1) for share in shares]
    most = [kept(ranks < count) for count in counts]
    least = [kept(last - ranks < count) for count in counts]
    return Road(np.array(shares), np.stack(most, 1), np.stack(least, 1))


def _ranks(maps, seed):
    """Place of each pixel in its map, 0 the warmest: (N, height, width)."""
    flat = maps.reshape(len(maps), -1)
    chance = np.random.default_rng(seed).permutation(flat.shape[1])
    order = np.lexsort((np.broadcast_to(chance, flat.shape), -flat), axis=1)
    return order.argsort(axis=1).reshape(maps.shape)


def _watched(model, start, end, ranks, shares, targets):
    """The target's probability while ``start`` becomes ``end``."""
    counts = np.rint(shares * ranks[0].size).reshape(1, -1, 1, 1)
    curves = []
    for part in taps.slices(len(ranks), CHUNK):
        moved = (ranks[part, None] < counts)[..., None]
        mixed = np.where(moved, end[part, None], start[part, None])
        flat = mixed.reshape(-1, *start.shape[1:])
        wanted = np.repeat(targets[part], len(shares))
        curves.append(of_each(wanted, probabilities(model, flat)))
    return np.concatenate(curves).reshape(len(ranks), -1)


def _blurred(images):
    """Out of focus: a Gaussian of a tenth of each side, edges repeated."""
    down, across = (side / 10 for side in images.shape[1:3])
    return gaussian_filter(images, (0, down, across, 0), mode="nearest")


def _mean_colour(images):
    return np.broadcast_to(
        images.mean(axis=(1, 2), keepdims=True), images.shape
    )


BLANKS = {"blur": _blurred, "mean": _mean_colour}

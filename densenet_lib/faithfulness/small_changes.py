"""Does a map stay the same when the image hardly changes?"""

from dataclasses import dataclass

import numpy as np

from densenet_lib.faithfulness.outputs import chosen, decisions
from densenet_lib.faithfulness.similarity import spearman

SHIFTS = ((1, 0), (0, 1))


@dataclass(frozen=True, eq=False)
class Stability:
    """Likeness of maps before and after a small change of the image.

    Attributes:
        noise: (N,), under noise.
        shift: (N,), under shifts by a pixel, the maps shifted back.

    Changes that turn the network's decision are left out; NaN where all do.
    """

    noise: np.ndarray
    shift: np.ndarray


def stability(
    method,
    model,
    images,
    target=None,
    *,
    maps=None,
    noise=2.0,
    draws=2,
    shifts=SHIFTS,
    similarity=spearman,
    seed=0,
):
    """How much of a map stays under changes that change no decision.

    Args:
        method: a function ``(model, images, targets) -> maps``.
        model: a Keras model from images to logits.
        images: (N, height, width, channels), 0 to 255.
        target: the class, for all images or one for each; None for the one
            that the model decides for on the image as it is.
        maps: those of the images as they are, if they are at hand.
        noise: standard deviation of the noise, in grey values.
        draws: of the noise, for each image.
        shifts: pixels down and to the right, one pair for each shift; the
            pixels that come in at the edge repeat the edge.
        similarity: of two arrays of maps, ``(maps, others) -> (N,)``.
        seed: of the noise.

    Returns:
        :class:`Stability`.
    """
    images = np.asarray(images, "float32")
    targets = chosen(model, images, target)
    before = decisions(model, images)
    if maps is None:
        maps = method(model, images, targets)

    def compared(changed, align):
        same = decisions(model, changed) == before
        others = method(model, changed, targets)
        return np.where(same, similarity(*align(maps, others)), np.nan)

    rng = np.random.default_rng(seed)
    noisy = [
        compared(_noisy(images, noise, rng), lambda *pair: pair)
        for _ in range(draws)
    ]
    moved = [
        compared(_shifted(images, *by), lambda *pair, by=by: _back(*pair, by))
        for by in shifts
    ]
    return Stability(_mean(noisy), _mean(moved))


def _noisy(images, noise, rng):
    grain = rng.standard_normal(images.shape, np.float32)
    return np.clip(images + np.float32(noise) * grain, 0, 255)


def _shifted(x, down, right):
    """``x`` (N, height, width, …) moved, its edges repeated."""
    rows, columns = (
        np.clip(np.arange(side) - by, 0, side - 1)
        for side, by in zip(x.shape[1:3], (down, right), strict=True)
    )
    return x[:, rows][:, :, columns]


def _back(maps, others, by):
    """Both without the edge, where nothing was before or is after."""
    others = _shifted(others, -by[0], -by[1])
    rows, columns = (
        slice(abs(step), side - abs(step))
        for step, side in zip(by, maps.shape[1:], strict=True)
    )
    return maps[:, rows, columns], others[:, rows, columns]


def _mean(rows):
    """Mean over rows (K, N), leaving NaN out; NaN where there is no other."""
    rows = np.stack(rows)
    known = ~np.isnan(rows)
    sums = np.where(known, rows, 0).sum(axis=0)
    counts = known.sum(axis=0)
    return np.divide(
        sums, counts, out=np.full(len(sums), np.nan), where=counts > 0
    )

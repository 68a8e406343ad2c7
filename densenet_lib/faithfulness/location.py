"""Does the heat lie where the truth is? For data whose truth is known."""

from dataclasses import dataclass

import numpy as np

from densenet_lib.errors import expect


@dataclass(frozen=True, eq=False)
class Located:
    """Scores of maps on one part of the image, and what chance would score.

    Attributes:
        scores: (N,), 0 to 1; NaN where the image does not show the part.
        areas: (N,), the part's share of the image: the score to expect from a
            map that knows nothing.
    """

    scores: np.ndarray
    areas: np.ndarray

    @property
    def mean(self):
        """Mean score over the images that show the part."""
        return float(np.nanmean(self.scores))

    @property
    def chance(self):
        """Mean area over the images that show the part."""
        return float(self.areas[~np.isnan(self.scores)].mean())


def pointing_game(maps, masks):
    """Whether a map's largest value lies on a part.

    Where several pixels share the largest value, the share of them that lies
    on the part counts: a map of one value scores the part's area.

    Args:
        maps: (N, height, width).
        masks: {part: bool (N, height, width)}, as in ``split.masks``.

    Returns:
        {part: :class:`Located`}.

    Raises:
        InputError: masks of another shape than the maps.

    Source: J. Zhang et al., "Top-Down Neural Attention by Excitation
    Backprop", ECCV 2016 (arXiv:1608.00507); there a point may miss by 15
    pixels, here it may not.
    """
    maps = np.asarray(maps)
    peaks = maps == maps.max(axis=(1, 2), keepdims=True)
    return energy_inside(peaks, masks)


def energy_inside(maps, masks):
    """The share of a map's heat that lies on a part.

    A map that is zero everywhere says nothing: it scores the part's area, as
    a map of one value does. What is below zero counts as zero.

    Args, Returns and Raises: see :func:`pointing_game`.

    Source: H. Wang et al., "Score-CAM: Score-Weighted Visual Explanations for
    Convolutional Neural Networks", CVPR Workshops 2020 (arXiv:1910.01279),
    the "energy-based pointing game".
    """
    heat = np.maximum(np.asarray(maps, "float64"), 0)
    totals = heat.sum(axis=(1, 2))
    heat[totals == 0] = 1
    totals = heat.sum(axis=(1, 2))
    return {
        part: _located(heat, totals, _expect_mask(part, mask, heat))
        for part, mask in masks.items()
    }


def exposes(maps, cue_masks, animal_masks):
    """Whether maps point at a planted cue rather than at the animal.

    Args:
        maps: (N, height, width).
        cue_masks, animal_masks: bool (N, height, width).

    Returns:
        {"peak": (N,), "heat": (N,)}, NaN for an image without the cue.
        "peak" is the pointing game on the cue. "heat" is the mean heat on the
        cue over the sum of that and the mean heat on the animal: 1 when all
        of it is on the cue, 0 when none is, and 1/2 when a pixel of the cue
        is as warm as one of the animal, or neither is warm.
    """
    peak = pointing_game(maps, {"cue": cue_masks})["cue"].scores
    located = energy_inside(maps, {"cue": cue_masks, "animal": animal_masks})
    cue, animal = (
        np.divide(
            part.scores,
            part.areas,
            out=np.full(len(peak), np.nan),
            where=part.areas > 0,
        )  # fmt: skip
        for part in located.values()
    )
    both = cue + animal
    heat = np.divide(cue, both, out=np.full(len(peak), 0.5), where=both > 0)
    return {"peak": peak, "heat": np.where(np.isnan(both), np.nan, heat)}


def _located(heat, totals, mask):
    areas = mask.mean(axis=(1, 2))
    scores = (heat * mask).sum(axis=(1, 2)) / totals
    return Located(np.where(areas > 0, scores, np.nan), areas)


def _expect_mask(part, mask, maps):
    mask = np.asarray(mask, bool)
    expect(
        mask.shape == maps.shape,
        f"the shape of the masks of {part!r}",
        mask.shape,
        f"{maps.shape}, that of the maps",
        "Give maps and masks of the same images at the same size.",
    )
    return mask

"""Heatmaps from the image itself: what a pixel's change does to the score.

Below, x is an image and S(x) its score. A gradient has a number for each
colour of a pixel. Where its sign says only whether more or less of the colour
would help, a map shows the largest magnitude among the colours.
"""

import numpy as np
from keras import ops

from densenet_lib import gradients, taps
from densenet_lib.attribution import scores
from densenet_lib.attribution.maps import as_heat
from densenet_lib.errors import expect
from densenet_lib.networks import is_count

# Of halving the steps of integrated gradients, at the most.
ROUNDS = 12
# Images whose steps run together, which is enough to fill a batch with the
# few steps that are halved; the maps of all their steps are in memory.
AT_ONCE = 8


def gradient(model, images, *, target=None, signed=False, batch_size=32):
    """The gradient of the score at each pixel: max_colour |dS/dx|.

    Args:
        model, images, target, batch_size: see
            :func:`densenet_lib.attribution.grad_cam`.
        signed: True for the sum over the colours, neither cut off nor scaled.

    Returns:
        float32 array (N, height, width), unless ``signed`` from 0 to 1.

    Raises:
        InputError: as for grad_cam.

    Source: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional
    Networks: Visualising Image Classification Models and Saliency Maps", 2013
    (arXiv:1312.6034), section 3.1.
    """
    images = taps.prepare(model, images)
    return _by_colour(
        _gradients(model, images, target, batch_size), signed=signed
    )


def guided_backprop(
    model, images, *, target=None, signed=False, batch_size=32
):
    """Guided backpropagation: a gradient that only positive signals make.

    On the way back each ReLU lets through what is positive, besides what it
    has let through on the way forth. What comes out is no gradient of
    anything; it looks sharp, and depends on the weights of late layers and
    on the class but little (Adebayo et al. 2018, arXiv:1810.03292).

    Args, Returns: see :func:`gradient`.

    Raises:
        InputError: a model in which no ReLU is a layer, an operation or the
            activation of a layer; and as for grad_cam.

    Source: J. T. Springenberg et al., "Striving for Simplicity: The All
    Convolutional Net", ICLR 2015 workshop (arXiv:1412.6806), section 3.4.
    """
    images = taps.prepare(model, images)
    seen = set()

    def guide(path, inputs, output):
        seen.add(path)
        return gradients.positive_only(output)

    with scores.activations_tapped(model, ("relu",), ("ReLU", "Relu"), guide):
        found = _gradients(model, images, target, batch_size)
    expect(
        seen,
        "model",
        model.name,
        "a model with ReLUs as layers, or as activations of layers",
        "The gradient explains the others.",
    )
    return _by_colour(found, signed=signed)


def smooth_grad(
    model,
    images,
    *,
    target=None,
    signed=False,
    batch_size=32,
    samples=25,
    noise=0.15,
    seed=0,
):
    """SmoothGrad: the mean gradient over noisy copies of the image.

    1/n sum_i dS/dx (x + noise_i), then the largest magnitude among the
    colours. The noise of an image depends on its place among the images, not
    on what they are.

    Args:
        model, images, target, signed: see :func:`gradient`.
        batch_size: images to run at a time; noisy ones count.
        samples: n, noisy copies of an image.
        noise: standard deviation of the noise, as a share of the image's
            range, from its smallest value to its largest.
        seed: of the noise.

    Returns and Raises: see :func:`gradient`.

    Source: D. Smilkov et al., "SmoothGrad: removing noise by adding noise",
    2017 (arXiv:1706.03825).
    """
    _expect_count("samples", samples)
    images = taps.prepare(model, images)
    classes = scores.settled(model, images, target, batch_size)
    spread = noise * np.ptp(images.astype("float32"), axis=(1, 2, 3))

    def noisy(i, j):
        drawn = [
            np.random.default_rng((seed, image, sample)).standard_normal(
                images.shape[1:], "float32"
            )
            for image, sample in zip(i, j, strict=True)
        ]
        return images[i] + spread[i, None, None, None] * np.stack(drawn)

    weights = np.full(samples, 1 / samples, "float32")
    found = scores.gradient_of_variants(
        model, noisy, classes, weights, batch_size
    )
    return _by_colour(found, signed=signed)


def _expect_count(what, value):
    expect(
        is_count(value),
        what,
        value,
        "a positive whole number",
        "One is the least.",
    )


def integrated_gradients(
    model,
    images,
    *,
    target=None,
    signed=False,
    batch_size=32,
    baseline=None,
    steps=32,
    tolerance=1e-3,
):
    """Integrated gradients: the score's rise from a blank image, by pixel.

    The mean gradient on the straight way from the blank image b to x, times
    the way: (x - b) * integral of dS/dx (b + a (x - b)) da, a from 0 to 1,
    summed over the colours. *Completeness*: the signed map sums to
    S(x) - S(b).

    That also tells how good the integral is, and where it is not: on each
    step of the way the gradient in the middle, times the step, should make
    the rise of the score there. While the sum is off by more than
    ``tolerance``, the worse steps are halved.

    Args:
        model, images, target, signed: see :func:`gradient`.
        batch_size: images to run at a time; those on the way count.
        baseline: the blank image: None for each image's own mean colour; a
            number, a colour or an image.
        steps: of the way, to begin with, all alike.
        tolerance: the error of the sum, as a share of S(x) - S(b), that is
            let pass. After some rounds of halving it is left as it is.

    Returns and Raises: see :func:`gradient`; unless ``signed``, what is
    negative is cut off.

    Source: M. Sundararajan, A. Taly, Q. Yan, "Axiomatic Attribution for Deep
    Networks", ICML 2017 (arXiv:1703.01365), equation (1).
    """
    _expect_count("steps", steps)
    images = taps.prepare(model, images)
    classes = scores.settled(model, images, target, batch_size)
    plain = scores.blank(images, baseline)
    parts = [
        _integrals(
            model, plain[part], images[part], classes[:, part], steps,
            tolerance, batch_size,
        )
        for part in taps.slices(len(images), AT_ONCE)
    ]  # fmt: skip
    return as_heat(np.concatenate(parts), None, signed=signed)


def _integrals(model, starts, ends, classes, steps, tolerance, batch_size):
    """The signed maps (N, height, width) of the images ``ends``.

    Steps of all the images run together, so that batches are full.
    """
    count, ways = len(ends), ends - starts

    def on_the_way(function, owners, places):
        parts = []
        for part in taps.slices(len(places), batch_size):
            which = owners[part]
            images = starts[which] + _tall(places[part]) * ways[which]
            found = function(model, images, classes[:, which])
            parts.append(ops.convert_to_numpy(found))
        return np.concatenate(parts)

    def maps_of(owners, steps):
        places, lengths = steps[:2].mean(axis=0), steps[1] - steps[0]
        slopes = on_the_way(scores.at_image, owners, places)
        return lengths[:, None, None] * (ways[owners] * slopes).sum(axis=-1)

    def halves_of(owners, steps):
        middle = steps[:2].mean(axis=0)
        height = on_the_way(scores.scores, owners, middle)
        before = steps[0], middle, steps[2], height
        after = middle, steps[1], height, steps[3]
        return np.concatenate([before, after], axis=1)

    def by_image(values):
        return np.bincount(owners, values, count)

    places = np.linspace(0, 1, steps + 1)
    heights = on_the_way(
        scores.scores,
        np.arange(count).repeat(steps + 1),
        np.tile(places, count),
    ).reshape(count, -1)
    # A column a step: where it begins and ends, and the scores there.
    owners = np.arange(count).repeat(steps)
    begin, end = (np.tile(at, count) for at in (places[:-1], places[1:]))
    steps = np.stack([begin, end, heights[:, :-1].ravel(),
                      heights[:, 1:].ravel()])  # fmt: skip
    allowed = tolerance * abs(heights[:, -1] - heights[:, 0])
    maps = maps_of(owners, steps)
    for _ in range(ROUNDS):
        errors = maps.sum(axis=(1, 2)) - (steps[3] - steps[2])
        off = abs(by_image(errors)) > allowed
        mean = by_image(abs(errors)) / by_image(np.ones(len(errors)))
        worse = off[owners] & (abs(errors) >= mean[owners])
        if not worse.any():
            break
        halves = halves_of(owners[worse], steps[:, worse])
        added = np.tile(owners[worse], 2)
        maps = np.concatenate([maps[~worse], maps_of(added, halves)])
        steps = np.concatenate([steps[:, ~worse], halves], axis=1)
        owners = np.concatenate([owners[~worse], added])
    totals = np.zeros((count, *maps.shape[1:]), maps.dtype)
    np.add.at(totals, owners, maps)
    return totals


def occlusion(
    model,
    images,
    *,
    target=None,
    signed=False,
    batch_size=32,
    baseline=None,
    side=None,
    stride=None,
):
    """Occlusion: what the score loses when a square is covered.

    The map at a pixel is the mean of S(x) - S(x with the square covered) over
    the squares that hold the pixel. No gradient is taken.

    Args:
        model, images, target, signed: see :func:`gradient`.
        batch_size: images to run at a time; covered ones count.
        baseline: what covers: None for each image's own mean colour; a
            number, a colour or an image.
        side: of the square, in pixels; None for a quarter of the image's
            shorter side.
        stride: from one square to the next, in pixels; None for half of
            ``side``. The last squares end at the edge of the image.

    Returns and Raises: see :func:`gradient`; unless ``signed``, what is
    negative is cut off. A side or a stride that does not fit is refused.

    Source: M. D. Zeiler and R. Fergus, "Visualizing and Understanding
    Convolutional Networks", ECCV 2014 (arXiv:1311.2901), section 4.2.
    """
    images = taps.prepare(model, images)
    classes = scores.settled(model, images, target, batch_size)
    plain = scores.blank(images, baseline)
    squares = _squares(images.shape[1:3], side, stride)

    def covered(i, j):
        return np.where(squares[j][..., None], plain[i], images[i])

    whole = scores.scores_of_variants(
        model, lambda i, j: images[i], classes, 1, batch_size
    )
    parts = scores.scores_of_variants(
        model, covered, classes, len(squares), batch_size
    )
    losses = np.tensordot(whole - parts, squares, 1) / squares.sum(axis=0)
    return as_heat(losses, None, signed=signed)


def _squares(size, side, stride):
    """Masks (squares, height, width) of squares that cover the image."""
    side = max(min(size) // 4, 1) if side is None else side
    expect(
        side in range(1, min(size) + 1),
        "side",
        side,
        f"a whole number of pixels from 1 to {min(size)}",
        "The square must fit into the image.",
    )
    stride = max(side // 2, 1) if stride is None else stride
    expect(
        stride in range(1, side + 1),
        "stride",
        stride,
        f"a whole number of pixels from 1 to {side}, the square's side",
        "Longer strides would leave pixels that no square covers.",
    )
    tops, lefts = (_covering(length, side, stride) for length in size)
    squares = tops[:, None, :, None] & lefts[None, :, None, :]
    return squares.reshape(-1, *size)


def _covering(length, side, stride):
    """Masks (intervals, length) of intervals that cover a line."""
    starts = np.append(np.arange(0, length - side, stride), length - side)
    distance = np.arange(length) - starts[:, None]
    return (distance >= 0) & (distance < side)


def _gradients(model, images, target, batch_size):
    """The gradient of each image's score, of the images' shape."""
    classes = scores.classes_of(target, len(images))
    return np.concatenate(
        [
            scores.at_image(model, images[part], scores.of_part(classes, part))
            for part in taps.slices(len(images), batch_size)
        ]
    )


def _by_colour(found, *, signed):
    """A map from gradients (N, height, width, colours)."""
    if signed:
        return as_heat(found.sum(axis=-1), None, signed=True)
    return as_heat(np.abs(found).max(axis=-1), None)


def _tall(numbers):
    """Numbers (n,) as (n, 1, 1, 1), to multiply images by."""
    return np.asarray(numbers, "float32")[:, None, None, None]

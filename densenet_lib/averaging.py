"""One network out of several: the mean of their weights.

Two networks that were trained from different weights have nothing in common
that a mean of weights could keep. Two that branched off from one trained
network mostly have: the loss stays low all along the straight line between
them (Frankle et al. 2020, "Linear mode connectivity and the lottery ticket
hypothesis"), and their mean is one network, as cheap to ask as each of them
(Wortsman et al. 2022, "Model soups").
"""

import numpy as np
from keras import layers, ops

from densenet_lib import torch_speed
from densenet_lib.errors import expect
from densenet_lib.lean import plain_layers

# Points on the line between two networks, the two among them.
POINTS = 11


def blend(weights, shares=None):
    """The weighted mean of several networks' weights.

    Args:
        weights: of each network, what Keras' ``get_weights`` gives.
        shares: a number for each network; None gives all the same. They sum
            to 1, but need not be positive.

    Returns:
        A list of float32 arrays, fit for ``set_weights``.

    Raises:
        InputError: no network, networks of different shapes, or as many
            shares as there are not networks.
    """
    weights = list(weights)
    shapes = {tuple(np.shape(each) for each in own) for own in weights}
    expect(
        len(shapes) == 1,
        "weights",
        f"{len(weights)} networks of {len(shapes)} kinds",
        "at least one network, all of the same shapes",
        "Average networks of one configuration.",
    )
    if shares is None:
        shares = [1 / len(weights)] * len(weights)
    expect(
        len(shares) == len(weights) and np.isclose(sum(shares), 1),
        "shares",
        shares,
        f"{len(weights)} numbers that sum to 1",
        "None takes them all alike.",
    )
    # In double precision, so that the mean of equal weights is that weight.
    return [
        sum(
            share * np.asarray(each, np.float64)
            for share, each in zip(shares, parts, strict=True)
        ).astype(np.float32)
        for parts in zip(*weights, strict=True)
    ]


def recount(model, batches):
    """Count the statistics of every batch normalisation anew, in place.

    A mean of weights computes other feature maps than any of the networks it
    was made of. The mean and the variance with which those are normalised
    have to be its own: here the averages over all batches, each of which is
    normalised by its own, as in training.

    Args:
        model: a functional Keras model. Of a DenseNet, ``memory`` may be any.
        batches: a Keras data set, or any sequence, of (images, labels).

    Raises:
        InputError: the model has no batch normalisation.

    Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and
    better generalization", section 3.2.
    """
    norms = [
        layer
        for layer in plain_layers(model)
        if isinstance(layer, layers.BatchNormalization)
    ]
    expect(
        norms,
        "model",
        model.name,
        "a network with batch normalisation",
        "Without any there are no statistics, and so nothing to count.",
    )
    momenta = [norm.momentum for norm in norms]
    try:
        with torch_speed.direct(gradients=False):
            for seen in range(len(batches)):
                for norm in norms:
                    # The mean of all batches so far, this one included.
                    norm.momentum = seen / (seen + 1)
                images, _ = batches[seen]
                model(ops.convert_to_tensor(images), training=True)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def along(model, one, other, batches, measure, *, points=POINTS):
    """What a network is worth on the straight line between two others.

    Args:
        model: a Keras model, which is given each point's weights in turn.
        one, other: the weights at both ends, as ``get_weights`` gives them.
        batches: what :func:`recount` counts on.
        measure: function of the model: its accuracy, for instance.
        points: how many, both ends included.

    Returns:
        The shares of ``other``, from 0 to 1, and what was measured at each:
        two arrays (points,).
    """
    shares = np.linspace(0, 1, points)
    measured = []
    for share in shares:
        model.set_weights(blend([one, other], [1 - share, share]))
        recount(model, batches)
        measured.append(measure(model))
    return shares, np.array(measured)

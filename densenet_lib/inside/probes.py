"""How early in a network the class can be read off."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from densenet_lib import features
from densenet_lib.errors import expect
from densenet_lib.inside.parts import joints
from densenet_lib.metrics import wilson


@dataclass(frozen=True)
class Probe:
    """A linear classifier on what one layer says, averaged over the places.

    Attributes:
        layer: the layer's name, as it was asked for.
        channels: how many numbers the classifier reads.
        accuracy: the share of the test images that it gets right.
        low, high: the 95 % interval of it (Wilson 1927).
        right, total: counts of the test images.
        train_accuracy: the same share of those it was fitted to.
    """

    layer: str
    channels: int
    accuracy: float
    low: float
    high: float
    right: int
    total: int
    train_accuracy: float


def linear_probes(
    model, train, test, layers=None, *, penalty=1.0, batch_size=32
):
    """Fit a linear classifier to each layer's features, and examine it.

    A layer's features are its channels, averaged over the places, each moved
    and scaled to mean 0 and deviation 1 on the training images. On them a
    logistic regression is fitted. The network does not change. What a probe
    cannot read may be there all the same, less openly.

    Args:
        model: any Keras model.
        train, test: :class:`densenet_lib.datasets.Split`, or anything with
            ``images`` and ``labels``.
        layers: names of the layers; None for the end of each dense layer or
            residual unit, and without those for all convolutions.
        penalty: the classifier minimises the summed loss plus this times half
            of the squared weights; the constant is free.
        batch_size: images to run at a time.

    Returns:
        A tuple with a :class:`Probe` for each layer.

    Raises:
        InputError: training labels of one class only, and as for
            :func:`densenet_lib.features.feature_maps`.

    Source: G. Alain, Y. Bengio, "Understanding intermediate layers using
    linear classifier probes", 2016 (arXiv:1610.01644). There the probes read
    all places; averaging them first is our choice.
    """
    if layers is None:
        layers = joints(model)
    classes, targets = np.unique(train.labels, return_inverse=True)
    expect(
        len(classes) > 1,
        "the classes of train",
        classes.tolist(),
        "two or more",
        "A classifier needs examples of each class.",
    )
    learnt = _pooled(model, train.images, layers, batch_size)
    judged = _pooled(model, test.images, layers, batch_size)
    return tuple(
        _probe(
            name,
            (learnt[name], targets),
            (judged[name], np.asarray(test.labels)),
            classes,
            penalty,
        )
        for name in learnt
    )


def how_early(probes):
    """The first probe whose interval reaches the accuracy of the best.

    It is a rule of thumb: all probes answer the same images, so a smaller
    difference than that may be no chance.
    """
    best = max(probe.accuracy for probe in probes)
    return next(probe for probe in probes if probe.high >= best)


def _pooled(model, images, layers, batch_size):
    """{name: float64 (N, channels)}, the channels' means over the places."""
    found = {}
    for batch in features.maps_by_batch(
        model, images, layers, batch_size=batch_size
    ):
        for name, maps in batch.items():
            places = maps.reshape(len(maps), -1, maps.shape[-1])
            means = places.mean(axis=1, dtype="float64")
            found.setdefault(name, []).append(means)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _probe(name, train, test, classes, penalty):
    x, targets = train
    middle, spread = x.mean(axis=0), x.std(axis=0)
    spread[spread == 0] = 1  # a constant says nothing, at any scale

    def ready(values):
        scaled = (values - middle) / spread
        return np.column_stack([scaled, np.ones(len(values))])

    weights = logistic_regression(ready(x), targets, penalty=penalty)
    given = (ready(x) @ weights).argmax(axis=1)
    answers = classes[(ready(test[0]) @ weights).argmax(axis=1)]
    right, total = int((answers == test[1]).sum()), len(answers)
    low, high = wilson(right, total)
    return Probe(
        layer=name,
        channels=x.shape[1],
        accuracy=right / total,
        low=low,
        high=high,
        right=right,
        total=total,
        train_accuracy=float((given == targets).mean()),
    )


def logistic_regression(x, targets, *, penalty=1.0):
    """Weights of a logistic regression.

    Each class is set against the rest; of two classes, once.

    Args:
        x: (N, features), the last of them the constant 1.
        targets: (N,) numbers of the classes, from 0, each there.
        penalty: times half of the squared weights, but for the constant's,
            is added to the summed loss.

    Returns:
        (features, classes): of ``x @ weights`` the largest is the class.

    Source: T. Hastie, R. Tibshirani, J. Friedman, "The Elements of
    Statistical Learning", 2nd edition, 2009, section 4.4.
    """
    classes = targets.max() + 1
    if classes == 2:
        weights = _fitted(x, targets == 1, penalty)
        return np.column_stack([np.zeros_like(weights), weights])
    return np.column_stack(
        [_fitted(x, targets == c, penalty) for c in range(classes)]
    )


def _fitted(x, is_class, penalty):
    decay = np.full(x.shape[1], float(penalty))
    decay[-1] = 0  # the constant is left free

    def cost(weights):
        logits = x @ weights
        losses = np.logaddexp(0, np.where(is_class, -logits, logits))
        slope = x.T @ (expit(logits) - is_class) + decay * weights
        return losses.sum() + decay @ weights**2 / 2, slope

    start = np.zeros(x.shape[1])
    return minimize(
        cost,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-8},
    ).x

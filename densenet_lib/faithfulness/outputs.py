"""What a model says of images: classes and their probabilities."""

import numpy as np
from keras import ops
from scipy.special import softmax

from densenet_lib import taps
from densenet_lib.attribution import scores
from densenet_lib.errors import expect


def probabilities(model, images, *, batch_size=256):
    """The probability of each class: float64 (N, classes).

    Args:
        model: a Keras model from images to logits (N, classes), or (N, 1):
            one logit for class 1 against class 0. As in attribution, it may
            end with the softmax or sigmoid of these.
        images: (N, height, width, channels), as the model reads them.
        batch_size: images to run at a time.
    """
    logits = _logits(model, images, batch_size).astype("float64")
    if logits.shape[1] == 1:  # the softmax of (0, z) is the sigmoid of z
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    return softmax(logits, axis=1)


def _logits(model, images, batch_size):
    if not scores.is_squashed(model, images[:1]):
        return model.predict(images, batch_size=batch_size, verbose=0)
    found = [
        ops.convert_to_numpy(scores.before_squashing(model, images[part]))
        for part in taps.slices(len(images), batch_size)
    ]
    return np.concatenate(found)


def decisions(model, images):
    """The class that the model decides for: whole numbers (N,)."""
    return probabilities(model, images).argmax(axis=1)


def chosen(model, images, target):
    """The class to look at for each image; None is the model's decision.

    Raises:
        InputError: neither one class nor one for each image.
    """
    if target is None:
        return decisions(model, images)
    classes, count = np.asarray(target), len(images)
    expect(
        classes.dtype.kind in "iub" and classes.shape in ((), (count,)),
        "target",
        target,
        f"None, a class's number, or a list with one for each of the {count} "
        "images",
        "Classes count from 0.",
    )
    return np.broadcast_to(classes.astype(int), (count,))


def of_each(targets, chances):
    """The probability of each row's target.

    Raises:
        InputError: a target that is no class.
    """
    scores.expect_classes(targets, chances.shape[1])
    return chances[np.arange(len(targets)), targets]


def expect_maps(maps, images):
    """``maps`` as float64, or InputError unless they fit the images."""
    maps = np.asarray(maps, "float64")
    expect(
        maps.shape == np.shape(images)[:3],
        "the shape of maps",
        maps.shape,
        f"{np.shape(images)[:3]}, one value for each pixel",
        "Ask the method for maps of the images' size, upsample=True.",
    )
    return maps

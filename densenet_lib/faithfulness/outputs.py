"""What a model says of images: classes and their probabilities."""

import numpy as np
from scipy.special import softmax

from densenet_lib.errors import expect


def probabilities(model, images, *, batch_size=256):
    """The probability of each class: float64 (N, classes).

    Args:
        model: a Keras model from images to logits (N, classes), or (N, 1):
            one logit for class 1 against class 0.
        images: (N, height, width, channels), as the model reads them.
        batch_size: images to run at a time.
    """
    logits = model.predict(images, batch_size=batch_size, verbose=0)
    logits = logits.astype("float64")
    if logits.shape[1] == 1:  # the softmax of (0, z) is the sigmoid of z
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    return softmax(logits, axis=1)


def decisions(model, images):
    """The class that the model decides for: whole numbers (N,)."""
    return probabilities(model, images).argmax(axis=1)


def chosen(model, images, target):
    """The class to look at for each image; None is the model's decision."""
    if target is None:
        return decisions(model, images)
    return np.broadcast_to(np.asarray(target), (len(images),))


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

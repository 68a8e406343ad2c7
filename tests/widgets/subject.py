"""An untrained network, and noise for it to see: quick to explain."""

import keras
import numpy as np

from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.widgets import Subject


def subject(count=2, side=32):
    """A Subject with masks of the left half of each image."""
    keras.utils.set_random_seed(0)
    config = DenseNetConfig((1, 1), 4, stem="light", stem_filters=8)
    model = densenet(
        config, input_shape=(side, side, 3), classes=1, rescale=True
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 3), "uint8")
    masks = np.zeros((count, side, side), bool)
    masks[:, :, : side // 2] = True
    names = tuple(f"noise {number + 1}" for number in range(count))
    return Subject(model, images, names, masks)

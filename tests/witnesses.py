"""What the tests with outside witnesses share."""

import keras
import numpy as np


def stir(model, seed=0):
    """Give each normalisation statistics and scales as if it were trained.

    New ones have mean 0, variance 1 and scale 1: an error in any of them
    would not show.
    """
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, count),
                    rng.normal(0, 0.2, count),
                    rng.normal(0, 0.2, count),
                    rng.uniform(0.5, 2, count),
                ]
            )
    return model

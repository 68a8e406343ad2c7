"""The network that paper and pencil can follow."""

import keras
import numpy as np
import pytest
from keras import layers


@pytest.fixture(scope="module")
def small():
    """x -> A = relu((x + 1, 1 - x)) -> h = relu(u.A1 + v.A2) -> y = h / 2."""
    model = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            layers.Conv2D(2, 1, activation="relu", name="maps"),
            layers.Flatten(),
            layers.Dense(1, activation="relu", use_bias=False),
            layers.Dense(1, use_bias=False),
        ]
    )
    u, v = [4, 0, 2, 2], [1, -2, -1, -2]
    model.set_weights(
        [
            np.array([1.0, -1.0]).reshape(1, 1, 1, 2),
            np.ones(2),
            np.stack([u, v], axis=1).reshape(8, 1),
            np.array([[0.5]]),
        ]
    )
    return model

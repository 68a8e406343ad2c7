"""densenet_lib.statistics: batch normalisation in parts, against Keras'."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from densenet_lib import statistics

EPSILON = 1e-3
RNG = np.random.default_rng(0)
X = RNG.normal(1, 2, size=(4, 5, 5, 3))
DY = RNG.normal(size=X.shape)
GAMMA, BETA = np.array([0.5, -1.5, 2.0]), np.array([0.1, 0.0, -1.0])


def by_keras(x, dy):
    """Keras' output, moments and gradients of x, gamma and beta."""
    layer = keras.layers.BatchNormalization(
        epsilon=EPSILON, momentum=0.0, dtype=x.dtype.name
    )
    layer.build(x.shape)
    layer.set_weights([GAMMA, BETA, 0 * GAMMA, 0 * GAMMA])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    gradients = tape.gradient(
        y, [x, layer.gamma.value, layer.beta.value], output_gradients=dy
    )
    return y, (layer.moving_mean, layer.moving_variance), gradients


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_keras_normalisation_with_its_gradients(dtype):
    x, dy, gamma, beta = (tf.constant(v, dtype) for v in (X, DY, GAMMA, BETA))
    expected, expected_moments, expected_gradients = by_keras(x, dy)
    y, found, reserve = statistics.normalise(x, gamma, beta, EPSILON)
    gradients = statistics.normalise_gradients(dy, x, gamma, reserve, EPSILON)
    near = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {}
    np.testing.assert_allclose(y, expected, **near)
    for a, b in zip(found, expected_moments, strict=True):
        np.testing.assert_allclose(a, b, **near)
    for a, b in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(a, b, **near)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_with_given_moments_only_the_map_is_differentiated(dtype):
    x, dy, gamma = (tf.constant(v, dtype) for v in (X, DY, GAMMA))
    given = statistics.Moments(
        *(tf.constant(v, dtype) for v in ([0.5, 0.0, 1.0], [1.0, 2.0, 4.0]))
    )
    dx, dgamma, dbeta = statistics.affine_gradients(
        dy, x, gamma, given, EPSILON
    )
    inverse = 1 / np.sqrt(np.array([1.0, 2.0, 4.0]) + EPSILON)
    normed = (X - np.array([0.5, 0.0, 1.0])) * inverse
    np.testing.assert_allclose(dx, DY * GAMMA * inverse, rtol=1e-5)
    np.testing.assert_allclose(dgamma, (DY * normed).sum((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(dbeta, DY.sum((0, 1, 2)), rtol=1e-4)


def test_half_precision_has_moments_in_single():
    x = tf.constant(X, "float16")
    mean, variance = statistics.moments(x)
    assert mean.dtype == variance.dtype == "float32"
    _, found, _ = statistics.normalise(x, tf.ones(3), tf.zeros(3), EPSILON)
    np.testing.assert_allclose(found.mean, mean, atol=1e-3)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-2)

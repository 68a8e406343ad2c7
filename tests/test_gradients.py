"""densenet_lib.gradients: derivatives that can be checked on paper."""

import keras
import numpy as np
import pytest
from keras import ops

from densenet_lib import gradients


def test_gradient_of_a_sum_of_squares_is_twice_the_argument():
    x = np.array([[1.0, -2.0], [0.5, 3.0]], "float32")
    value, gradient = gradients.value_and_gradient(lambda x: ops.sum(x**2), x)
    assert value == 14.25
    np.testing.assert_allclose(gradient, 2 * x)


def test_only_what_follows_the_mark_is_differentiated():
    # d(sum(3 y^2)) / dy = 6 y with y = x^2, not 12 x^3.
    x = ops.convert_to_tensor(np.array([1.0, 2.0], "float32"))
    value, marked, gradient = gradients.at_mark(
        lambda mark: ops.sum(3 * mark(x**2) ** 2)
    )
    assert value == 3 + 48
    np.testing.assert_allclose(marked, [1, 4])
    np.testing.assert_allclose(gradient, [6, 24])


def test_what_the_value_does_not_depend_on_has_gradient_zero():
    variable = keras.Variable([2.0])
    value, gradient = gradients.value_and_gradient(
        lambda x: ops.sum(variable * 1.5), np.ones((2, 2), "float32")
    )
    assert value == 3
    np.testing.assert_array_equal(gradient, np.zeros((2, 2)))


def test_gradient_goes_through_a_model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[2.0], [-3.0]]), np.array([1.0])])
    _, gradient = gradients.value_and_gradient(
        lambda x: ops.sum(model(x, training=False) ** 2),
        np.array([[1.0, 1.0]], "float32"),
    )
    # The output is 2 - 3 + 1 = 0, and 2 * 0 * weight = 0.
    np.testing.assert_allclose(gradient, [[0, 0]], atol=1e-6)
    _, gradient = gradients.value_and_gradient(
        lambda x: ops.sum(model(x, training=False) ** 2),
        np.array([[2.0, 1.0]], "float32"),
    )
    # The output is 4 - 3 + 1 = 2, and 2 * 2 * weight.
    np.testing.assert_allclose(gradient, [[8, -12]], rtol=1e-6)


def test_a_computation_may_bring_its_own_gradient():
    import tensorflow as tf

    def forward(x, pair):
        scale, offset = pair
        return x * scale + offset, [x + 1], x * 0 + 2

    def backward(arguments, output, kept, upstream):
        x, (scale, _) = arguments
        # Wrong on purpose where it can be told: x gets what was kept.
        return upstream * kept, [ops.sum(upstream * x), None]

    run = gradients.custom(forward, backward)
    x, scale = tf.constant([1.0, 3.0]), tf.constant(5.0)
    with tf.GradientTape() as tape:
        tape.watch([x, scale])
        output, (other,) = run(x, [scale, tf.constant(1.0)])
    np.testing.assert_array_equal(output, [6, 16])
    np.testing.assert_array_equal(other, [2, 4])
    dx, dscale = tape.gradient(output, [x, scale])
    np.testing.assert_array_equal(dx, [2, 2])
    assert float(dscale) == 4


@pytest.mark.parametrize("side", [1, 3, 5])
def test_gradients_of_a_convolution_are_those_of_the_tape(side):
    import tensorflow as tf

    rng = np.random.default_rng(side)
    x = tf.constant(rng.normal(size=(2, 6, 7, 3)))
    kernel = tf.constant(rng.normal(size=(side, side, 3, 4)))
    dy = tf.constant(rng.normal(size=(2, 6, 7, 4)))
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = ops.conv(x, kernel, padding="same", data_format="channels_last")
    expected = tape.gradient(y, [x, kernel], output_gradients=dy)
    found = gradients.convolution_gradients(x, kernel, dy)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_tied_tensor_is_unchanged_and_shows_what_is_not_a_number():
    import tensorflow as tf

    x = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(gradients.tied(x, tf.ones((2, 2))), x)
    assert np.isnan(gradients.tied(x, tf.constant([np.nan]))).all()


def test_the_relu_passes_on_where_its_output_is_positive():
    import tensorflow as tf

    found = gradients.relu_gradient(
        tf.constant([1.0, 2.0, 3.0]), tf.constant([0.0, 0.5, 7.0])
    )
    np.testing.assert_array_equal(found, [0, 2, 3])

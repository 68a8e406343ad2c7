"""densenet_lib.gradients: derivatives that can be checked on paper."""

import keras
import numpy as np
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

"""densenet_lib.taps: finding layers, listening in, leaving no trace."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from densenet_lib import taps
from densenet_lib.errors import InputError

ONES = np.ones((1, 4, 4, 1), "float32")


@pytest.fixture
def nested():
    """A functional model that holds a sequential one and a plain operation."""
    inner = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(2, 1, name="conv"),
            layers.ReLU(name="relu"),
        ],
        name="inner",
    )
    image = keras.Input((4, 4, 1))
    x = layers.Conv2D(1, 1, name="conv")(image)
    x = ops.relu(inner(x))
    return keras.Model(image, layers.Flatten(name="flat")(x), name="outer")


def test_paths_name_what_is_inside_what(nested):
    paths = [p for p in taps.operations(nested) if not p.startswith("re")]
    assert paths == ["conv", "inner", "inner/conv", "inner/relu", "flat"]


def test_an_operation_that_is_no_layer_is_listed(nested):
    kinds = [type(part).__name__ for part in taps.operations(nested).values()]
    assert "Relu" in kinds


def test_layers_of_a_layer_are_found():
    class Twice(layers.Layer):
        def __init__(self):
            super().__init__(name="twice")
            self.first = layers.Dense(2, name="first")
            self.second = layers.Dense(2, name="second")

        def call(self, x):
            return self.second(self.first(x))

    model = keras.Sequential([keras.Input((2,)), Twice()])
    assert list(taps.operations(model)) == [
        "twice",
        "twice/first",
        "twice/second",
    ]


def test_a_path_wins_over_a_last_part(nested):
    assert taps.find(nested, "conv") == "conv"
    assert taps.find(nested, "relu") == "inner/relu"


def test_an_unknown_name_is_answered_with_near_ones(nested):
    with pytest.raises(InputError, match="Near it: .*inner/relu"):
        taps.find(nested, "inner_relu")


def test_a_name_that_two_layers_have_is_answered_with_their_paths():
    def part(name):
        return keras.Sequential([layers.ReLU(name="relu")], name=name)

    model = keras.Sequential([keras.Input((2,)), part("a"), part("b")])
    with pytest.raises(InputError, match="a/relu or b/relu"):
        taps.find(model, "relu")


def test_a_tap_sees_and_replaces_the_output(nested):
    seen = {}

    def see(path, inputs, output):
        seen[path] = inputs.shape, output.shape
        return output * 0

    part = {"inner/conv": taps.operations(nested)["inner/conv"]}
    with taps.tapped(part, see):
        output = taps.run(nested, ONES)
    assert seen == {"inner/conv": ((1, 4, 4, 1), (1, 4, 4, 2))}
    assert not ops.convert_to_numpy(output).any()


def test_no_trace_is_left_even_after_an_error(nested):
    parts = taps.operations(nested)
    before = [set(vars(part)) for part in parts.values()]

    def see(path, inputs, output):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError), taps.tapped(parts, see):
        taps.run(nested, ONES)
    assert [set(vars(part)) for part in parts.values()] == before


def test_running_leaves_random_states_as_they_are():
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed = keras.random.SeedGenerator(0)

        def call(self, x):
            return x + keras.random.normal(ops.shape(x), seed=self.seed)

    model = keras.Sequential([keras.Input((2,)), Noise()])
    first = ops.convert_to_numpy(taps.run(model, np.zeros((1, 2))))
    second = ops.convert_to_numpy(taps.run(model, np.zeros((1, 2))))
    np.testing.assert_array_equal(first, second)


def test_half_precision_is_put_aside_and_comes_back():
    dense = layers.Dense(1, dtype="mixed_float16", use_bias=False)
    model = keras.Sequential([keras.Input((1,)), dense])
    model.set_weights([np.array([[1 + 2**-12]], "float32")])
    # A float16 near 1 has steps of 2**-10.
    exact = taps.run(model, np.ones((1, 1)))
    assert ops.convert_to_numpy(exact) == 1 + 2**-12
    assert ops.convert_to_numpy(model(np.ones((1, 1)))) == 1
    assert dense.dtype_policy.name == "mixed_float16"

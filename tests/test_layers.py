"""The pieces of section 3, each against what the paper says of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from densenet_lib.errors import InputError
from densenet_lib.layers import (
    ORDERS,
    composite,
    compressed,
    conv,
    dense_block,
    dense_layer,
    norm,
    transition,
)


def build(piece, shape=(6, 6, 5), **options):
    """A model of one piece."""
    image = keras.Input(shape)
    return keras.Model(image, piece(image, **options, name="piece"))


def kinds(model):
    return [type(layer).__name__ for layer in model.layers[1:]]


def images(shape=(6, 6, 5), batch=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, *shape)).astype("float32")


def test_composite_is_norm_then_relu_then_conv():
    model = build(composite, filters=7)
    assert kinds(model) == ["BatchNormalization", "ReLU", "Conv2D"]


def test_composite_computes_its_equation():
    model = build(composite, filters=7, kernel_size=1)
    x = images()
    kernel = model.get_layer("piece_conv").get_weights()[0][0, 0]
    expected = np.maximum(x / np.sqrt(1 + 1e-5), 0) @ kernel
    assert np.allclose(model(x), expected, atol=1e-6)


KINDS = {
    "pre-activation": ["BatchNormalization", "ReLU", "Conv2D"],
    "post-activation": ["Conv2D", "BatchNormalization", "ReLU"],
    "no-norm": ["ReLU", "Conv2D"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_each_order_has_its_layers_in_sequence(order):
    model = build(composite, filters=7, order=order)
    assert kinds(model) == KINDS[order]
    bottleneck = build(dense_layer, growth_rate=3, order=order)
    assert kinds(bottleneck) == 2 * KINDS[order] + ["Concatenate"]
    pooled = build(transition, order=order)
    assert kinds(pooled) == KINDS[order] + ["AveragePooling2D"]


@pytest.mark.parametrize("order", ORDERS)
def test_the_layers_names_say_what_they_do_in_every_order(order):
    words = {"BatchNormalization": "norm", "ReLU": "relu", "Conv2D": "conv"}
    model = build(composite, filters=7, order=order)
    names = [layer.name for layer in model.layers[1:]]
    assert names == [f"piece_{words[kind]}" for kind in KINDS[order]]


@pytest.mark.parametrize("order", ORDERS)
def test_each_order_computes_its_equation(order):
    model = build(composite, filters=7, order=order)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(
            rng.uniform(0.5, 1.5, weight.shape) - (order == "no-norm")
        )
    held = {weight.name: weight.numpy() for weight in model.weights}

    def normalise(x):
        scale = held["gamma"] / np.sqrt(held["moving_variance"] + 1e-5)
        return (x - held["moving_mean"]) * scale + held["beta"]

    def rectify(x):
        return np.maximum(x, 0)

    def convolve(x):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = (
            padded[:, i : i + 6, j : j + 6] @ held["kernel"][i, j]
            for i in range(3)
            for j in range(3)
        )
        return sum(windows) + held.get("bias", 0)

    steps = {
        "BatchNormalization": normalise,
        "ReLU": rectify,
        "Conv2D": convolve,
    }
    x = expected = images()
    for kind in KINDS[order]:
        expected = steps[kind](expected)
    assert np.allclose(model(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", ORDERS)
def test_a_convolution_has_a_bias_where_no_normalisation_is(order):
    model = build(dense_layer, growth_rate=3, order=order)
    biased = [
        layer.use_bias for layer in model.layers if hasattr(layer, "kernel")
    ]
    assert biased == 2 * [order == "no-norm"]


@pytest.mark.parametrize(
    ("order", "channels"),
    [
        # The bottleneck reads all there is, the 3x3 convolution 4k.
        ("pre-activation", [5, 16, 9, 16, 13, 16]),
        ("post-activation", [16, 4, 16, 4, 16, 4]),
        ("no-norm", []),
    ],
)
def test_readers_normalise_what_they_read_or_writers_what_they_write(
    order, channels
):
    model = build(dense_block, num_layers=3, growth_rate=4, order=order)
    found = [
        layer.gamma.shape[0]
        for layer in model.layers
        if hasattr(layer, "gamma")
    ]
    assert found == channels


def test_with_post_activation_all_readers_read_the_same():
    model = build(
        dense_block, num_layers=2, growth_rate=3, order="post-activation"
    )
    shared = model.get_layer("piece_layer01_concat").output
    assert model.get_layer("piece_layer02_bottleneck_conv").input is shared
    assert model.get_layer("piece_layer02_concat").input[0] is shared


@pytest.mark.parametrize("order", ORDERS)
def test_dropout_comes_last_in_every_order(order):
    model = build(composite, filters=7, order=order, dropout=0.2)
    assert kinds(model) == KINDS[order] + ["Dropout"]


@pytest.mark.parametrize("piece", [composite, dense_block, transition])
def test_an_unknown_order_is_refused(piece):
    needs = {
        composite: {"filters": 2},
        dense_block: {"num_layers": 1, "growth_rate": 2},
        transition: {},
    }
    words = "order is 'post'; .* 'pre-activation', 'post-activation', 'no-norm"
    with pytest.raises(InputError, match=words):
        build(piece, **needs[piece], order="post")


def test_norm_has_the_constants_of_torch():
    layer = build(norm).layers[-1]
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


def test_norm_moves_its_statistics_by_a_tenth():
    model = build(norm)
    x = images()
    model(x, training=True)
    moved = model.layers[-1].moving_mean.numpy()
    assert np.allclose(moved, 0.1 * x.mean((0, 1, 2)), atol=1e-6)


def test_kernels_have_variance_two_over_fan_out_and_long_tails():
    keras.utils.set_random_seed(1)
    kernel = build(conv, (4, 4, 64), filters=128, kernel_size=3).get_weights()
    z = kernel[0].ravel() / np.sqrt(2 / (9 * 128))
    assert abs(z.std() - 1) < 0.01
    # A normal law cut at two deviations, as he_normal is, has none of these.
    assert abs(np.mean(abs(z) > 2.5) - 0.0124) < 0.002


def test_convolutions_have_no_bias():
    assert len(build(conv, filters=3, kernel_size=3).get_weights()) == 1


@pytest.mark.parametrize("side", [6, 7])
def test_a_stride_pads_all_sides_alike_and_rounds_up(side):
    model = build(conv, (side, side, 1), filters=1, kernel_size=3, strides=2)
    model.set_weights([np.ones((3, 3, 1, 1))])
    x = images((side, side, 1))
    padded = np.pad(x[..., 0], ((0, 0), (1, 1), (1, 1)))
    sums = sum(
        padded[:, i : i + side, j : j + side]
        for i in range(3)
        for j in range(3)
    )
    result = model(x).numpy()
    assert result.shape == (2, -(-side // 2), -(-side // 2), 1)
    assert np.allclose(result[..., 0], sums[:, ::2, ::2], atol=1e-5)


def test_a_dense_layer_appends_and_leaves_the_old_channels_alone():
    x = images()
    result = build(dense_layer, growth_rate=3)(x).numpy()
    assert result.shape == (2, 6, 6, 8)
    assert np.array_equal(result[..., :5], x)
    assert np.abs(result[..., 5:]).min() > 0


def test_a_dense_layer_is_its_own_composite_functions_and_no_more():
    model = build(dense_layer, growth_rate=3, bottleneck=4)
    inner = model.get_layer("piece_bottleneck_conv")
    outer = model.get_layer("piece_conv")
    assert inner.kernel.shape == (1, 1, 5, 12)
    assert outer.kernel.shape == (3, 3, 12, 3)
    plain = build(dense_layer, growth_rate=3, bottleneck=None)
    assert plain.get_layer("piece_conv").kernel.shape == (3, 3, 5, 3)


def test_each_layer_of_a_block_reads_all_that_came_before():
    model = build(dense_block, num_layers=4, growth_rate=3)
    reads = [
        model.get_layer(f"piece_layer{index:02d}_bottleneck_conv")
        for index in range(1, 5)
    ]
    assert [layer.kernel.shape[2] for layer in reads] == [5, 8, 11, 14]
    assert model.output_shape == (None, 6, 6, 5 + 4 * 3)


def test_dropout_follows_every_convolution():
    block = build(dense_block, num_layers=2, growth_rate=3, dropout=0.2)
    shrink = build(transition, dropout=0.2)
    for model in (block, shrink):
        found = kinds(model)
        after = [
            found[index + 1]
            for index, kind in enumerate(found)
            if kind == "Conv2D"
        ]
        assert after and set(after) == {"Dropout"}
        assert found.count("Dropout") == found.count("Conv2D")


def test_dropout_acts_in_training_only():
    keras.utils.set_random_seed(0)
    model = build(composite, filters=50, dropout=0.3)
    x = images()
    assert np.array_equal(model(x), model(x))
    zeros = np.mean(model(x, training=True).numpy() == 0)
    assert abs(zeros - 0.3) < 0.03


def test_without_dropout_there_is_no_such_layer():
    assert "Dropout" not in kinds(build(dense_layer, growth_rate=3))


@pytest.mark.parametrize(
    ("pooling", "pool"), [("average", np.mean), ("max", np.max)]
)
def test_a_transition_pools_cells_of_two_by_two(pooling, pool):
    model = build(transition, (6, 6, 4), theta=0.5, pooling=pooling)
    x = images((6, 6, 4))
    before = keras.Model(model.input, model.layers[-2].output)(x).numpy()
    cells = before.reshape(2, 3, 2, 3, 2, 2)
    assert np.allclose(model(x), pool(cells, axis=(2, 4)), atol=1e-6)


def test_a_transition_rounds_channels_and_sides_down():
    model = build(transition, (7, 5, 5), theta=0.5)
    assert model.output_shape == (None, 3, 2, 2)


def test_compression_means_the_decimal_that_was_written():
    assert int(0.29 * 100) == 28  # in floating point
    assert compressed(100, 0.29) == 29
    assert compressed(101, 0.5) == 50


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"theta": 0}, "theta is 0; .* greater than 0"),
        ({"theta": 1.5}, "theta is 1.5; .* at most 1"),
        ({"theta": 0.1}, "theta is 0.1; .* one of 5 channels. Choose"),
        ({"pooling": "min"}, "pooling is 'min'; .* 'average', 'max'"),
    ],
)
def test_a_transition_refuses(options, words):
    with pytest.raises(InputError, match=words):
        build(transition, **options)


@pytest.fixture
def double_precision():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def test_gradients_agree_with_finite_differences(double_precision):
    keras.utils.set_random_seed(3)
    model = build(
        dense_block, (3, 3, 2), num_layers=2, growth_rate=2, bottleneck=2
    )
    rng = np.random.default_rng(4)
    x = tf.Variable(rng.normal(size=(2, 3, 3, 2)))
    weigh = rng.normal(size=(2, 3, 3, 6))
    variables = [x] + [v.value for v in model.trainable_variables]

    @tf.function
    def loss():
        # In training mode: the batch's own statistics are differentiated too.
        return tf.reduce_sum(weigh * model(x, training=True) ** 2)

    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, variables)
    step = 1e-6
    for variable, gradient in zip(variables, gradients, strict=True):
        start = variable.numpy()
        measured = np.empty(start.size)
        for index in range(start.size):
            shift = np.zeros(start.size)
            shift[index] = step
            shift = shift.reshape(start.shape)
            variable.assign(start + shift)
            high = loss().numpy()
            variable.assign(start - shift)
            measured[index] = (high - loss().numpy()) / (2 * step)
        variable.assign(start)
        assert np.allclose(
            measured, gradient.numpy().ravel(), rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("channels", [4, 5])
def test_a_strided_1x1_convolution_trains_on_few_channels(channels):
    """oneDNN crashes the process where the convolution itself has a stride."""
    x = keras.Input((33, 33, channels))
    model = keras.Model(x, conv(x, 10, 1, strides=2, name="conv"))
    model.compile("sgd", "mse", jit_compile=False)
    images = np.random.default_rng(0).normal(size=(4, 33, 33, channels))
    kernel = keras.ops.convert_to_numpy(model.get_layer("conv").kernel)
    expected = images[:, ::2, ::2] @ kernel[0, 0]
    got = model.predict(images, verbose=0)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    model.train_on_batch(images, np.zeros_like(expected))

"""densenet_lib.inference: less to compute, the same outputs."""

import keras
import numpy as np
import pytest
from keras import layers

from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.inference import Threshold, optimize_for_inference
from densenet_lib.networks import under_policy
from densenet_lib.resnet import ResNetConfig, resnet

CONFIG = DenseNetConfig((1, 2), 4, stem="light", dropout=0.2)
SHAPE = (32, 32, 3)


def images(shape=SHAPE, count=2):
    return np.random.default_rng(0).uniform(0, 255, (count, *shape))


def settle(model, *, gamma=(0.5, 1.5)):
    """Give the normalisations what a training could have given them."""
    random = np.random.default_rng(1)
    ranges = {
        "gamma": gamma,
        "beta": (-1, 1),
        "bias": (-1, 1),
        "moving_mean": (-1, 1),
        "moving_variance": (0.2, 2),
    }
    for weight in model.weights:
        if weight.name in ranges:
            weight.assign(random.uniform(*ranges[weight.name], weight.shape))
    return model


def output(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs, training=False))


def assert_same(folded, model, inputs):
    expected = output(model, inputs)
    np.testing.assert_allclose(
        output(folded, inputs), expected, atol=1e-5 * np.abs(expected).max()
    )


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def small(**options):
    return densenet(CONFIG, input_shape=SHAPE, classes=2, **options)


@pytest.mark.parametrize(
    "build",
    [
        lambda: small(rescale=True),
        lambda: small(pooling="max"),
        lambda: small(bottleneck=None, theta=1.0),
        lambda: small(stem="cifar", include_top=False),
        lambda: small(stem="imagenet"),
        lambda: small(memory="linear"),
        lambda: resnet(
            ResNetConfig((1, 1), 4, bottleneck=2), input_shape=SHAPE
        ),
        lambda: resnet(
            ResNetConfig((1, 1), 4, stem="light"),
            input_shape=SHAPE,
            rescale=True,
        ),
    ],
)
def test_the_outputs_stay(build):
    model = settle(build())
    assert_same(optimize_for_inference(model), model, images())


def test_what_follows_a_depthwise_convolution_stays():
    image = keras.Input((4, 4, 2))
    x = layers.DepthwiseConv2D(3)(image)
    x = layers.BatchNormalization()(x)
    model = settle(keras.Model(image, layers.ReLU(6.0)(x)))
    folded = optimize_for_inference(model)
    assert "BatchNormalization" in kinds(folded)
    assert_same(folded, model, images((4, 4, 2)))


def test_a_densenet_keeps_neither_normalisation_nor_dropout():
    folded = optimize_for_inference(settle(small()))
    assert not {"BatchNormalization", "Dropout"} & set(kinds(folded))
    # One for each concatenation that a bottleneck reads, one for the
    # transition, one at the end.
    assert kinds(folded).count("Threshold") == 3 + 1 + 1
    assert kinds(folded).count("ReLU") == 3


def test_the_original_is_left_as_it_is():
    model = settle(small())
    before = model.get_weights()
    names = [layer.name for layer in model.layers]
    optimize_for_inference(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [layer.name for layer in model.layers] == names
    assert all(len(layer._inbound_nodes) == 1 for layer in model.layers)


@pytest.mark.parametrize("pooling, side", [("average", 8), ("max", 16)])
def test_average_pooling_comes_before_the_transitions_convolution(
    pooling, side
):
    folded = optimize_for_inference(small(pooling=pooling))
    assert folded.get_layer("transition1_conv").output.shape[1] == side
    assert folded.get_layer("transition1_pool").output.shape[1] == 8


def test_a_normalisation_that_nothing_can_take_over_stays():
    """It is read by a 3x3 kernel that reaches over the edge, and as is."""
    image = keras.Input((4, 4, 2))
    x = layers.BatchNormalization()(image)
    y = layers.Conv2D(1, 3, padding="same")(layers.ReLU()(x))
    model = settle(keras.Model(image, [y, x]))
    folded = optimize_for_inference(model)
    assert "BatchNormalization" in kinds(folded)
    inputs = images((4, 4, 2))
    for new, old in zip(folded(inputs), model(inputs), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_rescaling_goes_into_a_kernel_that_stays_inside(padding):
    image = keras.Input((6, 6, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(2, 3, padding=padding)(x)
    model = settle(keras.Model(image, x))
    folded = optimize_for_inference(model)
    assert ("Rescaling" in kinds(folded)) == (padding == "same")
    assert_same(folded, model, images((6, 6, 3)))


def before_relu(gamma, beta):
    """Normalisation of one channel, ReLU, 1x1 convolution."""
    image = keras.Input((1, 1, 1))
    norm = layers.BatchNormalization(epsilon=0)
    x = layers.ReLU(name="relu")(norm(image))
    model = keras.Model(image, layers.Conv2D(1, 1)(x))
    norm.gamma.assign([gamma])
    norm.beta.assign([beta])
    model.layers[-1].set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    return model


@pytest.mark.parametrize("beta", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("gamma", [0.0, 1e-42, 1e-30, 1e-6, 1.0])
def test_a_threshold_holds_for_every_scale(gamma, beta):
    """relu(gamma x + beta), by hand, down to where -beta / gamma overflows."""
    model = before_relu(gamma, beta)
    folded = optimize_for_inference(model)
    assert type(folded.get_layer("relu")) is Threshold
    x = np.array([-1e6, -1.0, 0.0, 1.0, 1e6], "float32")
    found = output(folded, x.reshape(-1, 1, 1, 1)).ravel()
    expected = np.maximum(gamma * x.astype("float64") + beta, 0)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_falling_channel_keeps_its_normalisation():
    model = before_relu(-1.0, 0.5)
    folded = optimize_for_inference(model)
    assert "BatchNormalization" in kinds(folded)
    assert_same(folded, model, np.array([[[[-2.0]]], [[[2.0]]]]))


def test_models_inside_a_model_are_opened():
    base = small(include_top=False)
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.Sequential([layers.Rescaling(0.1)]),
            base,
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    folded = optimize_for_inference(settle(model))
    assert not any(isinstance(layer, keras.Model) for layer in folded.layers)
    assert "BatchNormalization" not in kinds(folded)
    assert_same(folded, model, images())


def test_a_shared_normalisation_is_folded_for_each_call():
    image = keras.Input((4, 4, 2))
    norm = layers.BatchNormalization()
    first = norm(layers.Conv2D(2, 1)(image))
    second = norm(layers.Conv2D(2, 3)(image))
    pooled = [layers.GlobalAveragePooling2D()(x) for x in (first, second)]
    model = settle(keras.Model(image, layers.Add()(pooled)))
    folded = optimize_for_inference(model)
    assert "BatchNormalization" not in kinds(folded)
    assert_same(folded, model, images((4, 4, 2)))


def test_operations_and_several_inputs_are_kept():
    first, second = (keras.Input((4, 4, 1), name=name) for name in "ab")
    x = layers.BatchNormalization()(layers.Conv2D(1, 1)(first + second))
    model = settle(keras.Model({"a": first, "b": second}, x * 2))
    folded = optimize_for_inference(model)
    inputs = {name: images((4, 4, 1)) for name in "ab"}
    assert_same(folded, model, inputs)


def test_mixed_precision_becomes_float32():
    image = keras.Input((4, 4, 2))
    parts = layers.Conv2D(2, 3), layers.BatchNormalization(), layers.ReLU()
    model = settle(keras.Sequential([image, *parts]))
    mixed = keras.models.clone_model(
        model,
        clone_function=lambda layer: layer.__class__.from_config(
            layer.get_config() | {"dtype": "mixed_bfloat16"}
        ),
    )
    mixed.set_weights(model.get_weights())
    folded = optimize_for_inference(mixed)
    assert {layer.compute_dtype for layer in folded.layers} == {"float32"}
    assert_same(folded, model, images((4, 4, 2)))


@pytest.mark.parametrize("memory", ["naive", "linear"])
def test_it_is_float32_under_a_policy_of_mixed_precision(memory):
    with under_policy("mixed_float16"):
        model = settle(small(memory=memory))
        folded = optimize_for_inference(model)
    assert folded.inputs[0].dtype == "float32"
    computing = folded.layers[1:]
    assert {layer.compute_dtype for layer in computing} == {"float32"}
    assert any(isinstance(layer, Threshold) for layer in folded.layers)


def test_a_saved_copy_says_the_same(tmp_path):
    folded = optimize_for_inference(settle(small()))
    folded.save(tmp_path / "folded.keras")
    again = keras.saving.load_model(tmp_path / "folded.keras")
    np.testing.assert_array_equal(
        output(again, images()), output(folded, images())
    )


class Subclass(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    "model", [Subclass(name="own"), keras.Sequential(name="own"), "own"]
)
def test_a_model_without_a_graph_is_refused(model):
    with pytest.raises(InputError, match="model is 'own'; expected a functio"):
        optimize_for_inference(model)


def test_a_subclass_inside_is_refused():
    image = keras.Input((2,))
    model = keras.Model(image, Subclass(name="own")(image))
    with pytest.raises(InputError, match="model is 'own'"):
        optimize_for_inference(model)


def test_a_layer_that_always_trains_is_refused():
    image = keras.Input((2,))
    x = layers.Dropout(0.5, name="noise")(image, training=True)
    with pytest.raises(InputError, match="call of layer 'noise' is True"):
        optimize_for_inference(keras.Model(image, x))

"""densenet_lib.attribution: by hand, beside witnesses, for every model."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from densenet_lib import taps
from densenet_lib.attribution import (
    cam,
    enlarge,
    grad_cam,
    last_feature_map,
    overlay,
)
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError

SIZE = 8
IMAGES = (
    np.random.default_rng(0).normal(size=(3, SIZE, SIZE, 3)).astype("float32")
)


def body():
    """Layers from an image to a feature map of 4 by 4 pixels."""
    return [
        layers.Conv2D(5, 3, strides=2, padding="same", name="conv1"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(4, 3, padding="same", name="conv2"),
        layers.ReLU(name="relu"),
    ]


def head(classes, **options):
    """Layers from a feature map to logits, not linear on the way."""
    return [
        layers.MaxPooling2D(2, name="pool"),
        layers.Flatten(),
        layers.Dense(6, activation="tanh"),
        layers.Dense(classes, name="logits", **options),
    ]


def chain(parts, **options):
    """A functional model of ``parts``, one after the other."""
    image = x = keras.Input((SIZE, SIZE, 3))
    for part in parts:
        x = part(x)
    return keras.Model(image, x, **options)


@pytest.fixture(scope="module")
def plain():
    """The functional model that others are compared with, and its weights."""
    keras.utils.set_random_seed(0)
    model = chain(body() + head(3))
    return model


@pytest.fixture(scope="module")
def expected(plain):
    return grad_cam(plain, IMAGES)


# Values by hand


SMALL_IMAGE = np.array([[1.0, -2.0], [3.0, 0.0]]).reshape(1, 2, 2, 1)


def test_grad_cam_is_what_paper_and_pencil_give(small):
    """For the class that the logit speaks for.

    A1 = relu(x + 1) = [[2, 0], [4, 1]]; A2 = relu(1 - x) = [[0, 3], [0, 1]].
    u.A1 = 8 + 0 + 8 + 2 = 18; v.A2 = 0 - 6 + 0 - 2 = -8; so h = 10 > 0 and
    dy/dA1 = u / 2, dy/dA2 = v / 2. Their means are the weights of the maps:
    a1 = (4 + 0 + 2 + 2) / 4 / 2 = 1; a2 = (1 - 2 - 1 - 2) / 4 / 2 = -1/2.
    a1 A1 + a2 A2 = [[2, -3/2], [4, 1/2]]; relu: [[2, 0], [4, 1/2]]; over 4:
    [[1/2, 0], [1, 1/8]].
    """
    found = grad_cam(small, SMALL_IMAGE, target=1)
    np.testing.assert_allclose(found, [[[0.5, 0], [1, 0.125]]], rtol=1e-6)


def test_grad_cam_of_the_other_class_is_that_of_the_negative(small):
    """-(a1 A1 + a2 A2) = [[-2, 3/2], [-4, -1/2]]: one pixel stays."""
    found = grad_cam(small, SMALL_IMAGE, target=0)
    np.testing.assert_allclose(found, [[[0, 1], [0, 0]]], rtol=1e-6)


def test_enlarging_two_pixels_to_four():
    # Centres at -1/4, 1/4, 3/4, 5/4 of the old pixels: the ends are held.
    found = enlarge(np.array([[[0.0, 1.0]]]), (1, 4))
    np.testing.assert_allclose(found, [[[0, 0.25, 0.75, 1]]])


# Witnesses


def test_enlarging_equals_keras():
    maps = IMAGES[..., 0]
    theirs = ops.image.resize(maps[..., None], (20, 13))
    np.testing.assert_allclose(
        enlarge(maps, (20, 13)),
        ops.convert_to_numpy(theirs)[..., 0],
        atol=1e-5,
    )


@pytest.fixture(scope="module")
def dense():
    keras.utils.set_random_seed(1)
    config = DenseNetConfig((2, 2), 4, stem="light")
    return densenet(config, input_shape=(32, 32, 3), classes=3, rescale=True)


PHOTOGRAPHS = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), "u1")


def test_grad_cam_equals_finite_differences_of_the_logit(dense):
    """Weights of the maps from logits alone: no gradient is taken.

    All pixels of one channel are moved a little, up and down; the difference
    of the logit over that of the pixel is the sum of the gradients.
    """
    name, step = "block2_layer01_concat", 1e-2
    middle = dense.get_layer(name).output
    lower = keras.Model(dense.input, middle)
    upper = keras.Model(middle, dense.output)
    activation = lower.predict(PHOTOGRAPHS[:1].astype("float32"), verbose=0)
    channels = np.eye(activation.shape[-1], dtype="float32")
    moves = step * channels[:, None, None, :]
    rise = (
        upper.predict(activation + moves, verbose=0)
        - upper.predict(activation - moves, verbose=0)
    ) / (2 * step)
    heats = np.maximum(np.tensordot(rise, activation[0], (0, 2)), 0)
    assert (heats.max(axis=(1, 2)) > 0).sum() > 1
    for target, heat in enumerate(heats):
        found = grad_cam(
            dense, PHOTOGRAPHS[:1], layer=name, target=target, upsample=False
        )
        expected = heat / max(heat.max(), 1e-9)
        np.testing.assert_allclose(found[0], expected, atol=0.01)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the witness needs a tape"
)
def test_grad_cam_equals_a_tape_over_a_second_model(dense):
    """The usual way, written apart: a model with two outputs, and a tape."""
    import tensorflow as tf

    name = "block2_layer01_concat"
    both = keras.Model(
        dense.input, [dense.get_layer(name).output, dense.output]
    )
    images = tf.constant(PHOTOGRAPHS, "float32")
    with tf.GradientTape() as tape:
        maps, logits = both(images, training=False)
        score = tf.reduce_max(logits, axis=1)
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))
    heat = tf.nn.relu(tf.einsum("nhwc,nc->nhw", maps, weights)).numpy()
    peaks = np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-9)
    found = grad_cam(dense, PHOTOGRAPHS, layer=name, upsample=False)
    np.testing.assert_allclose(found, heat / peaks, atol=1e-5)


def test_grad_cam_equals_cam_under_global_average_pooling(dense):
    for target in (None, 2, [0, 1]):
        np.testing.assert_allclose(
            grad_cam(dense, PHOTOGRAPHS, target=target),
            cam(dense, PHOTOGRAPHS, target=target),
            atol=1e-5,
        )


def test_cam_of_one_logit_knows_both_classes():
    model = chain([*body(), layers.GlobalAveragePooling2D(), layers.Dense(1)])
    for target in (0, 1, None):
        np.testing.assert_allclose(
            grad_cam(model, IMAGES, target=target),
            cam(model, IMAGES, target=target, batch_size=2),
            atol=1e-5,
        )


def test_cam_refuses_another_end(plain):
    with pytest.raises(InputError, match="global average pooling and then"):
        cam(plain, IMAGES)


# Kinds of models


def test_sequential_model(plain, expected):
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *body(), *head(3)])
    model.set_weights(plain.get_weights())
    np.testing.assert_allclose(grad_cam(model, IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_nested_model(plain, expected, kind):
    if kind == "functional":
        inner = chain(body(), name="inner")
    else:
        inner = keras.Sequential(body(), name="inner")
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), inner, *head(3)])
    model.set_weights(_in_order_of(model, plain))
    assert last_feature_map(model, IMAGES) == "inner/relu"
    for layer in (None, "relu", "inner/relu", "inner"):
        np.testing.assert_allclose(
            grad_cam(model, IMAGES, layer=layer), expected, atol=1e-5
        )


def test_model_from_a_file_that_was_never_called(plain, expected, tmp_path):
    plain.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(grad_cam(model, IMAGES), expected, atol=1e-5)


def test_subclass_that_was_never_called(plain, expected):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.body = body()
            self.head = head(3)

        def call(self, x):
            for layer in self.body + self.head:
                x = layer(x)
            return x

    model = Net()
    grad_cam(model, IMAGES)
    assert last_feature_map(model, IMAGES) == "relu"
    model.set_weights(_in_order_of(model, plain))
    np.testing.assert_allclose(grad_cam(model, IMAGES), expected, atol=1e-5)


def test_mixed_precision_changes_nothing(plain, expected):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = chain(body() + head(3))
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(plain.get_weights())
    found = grad_cam(model, IMAGES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert model.get_layer("conv2").compute_dtype == "float16"


def test_rematerialised_model(plain, expected):
    with keras.RematScope(mode="full"):
        model = chain([chain(body(), name="inner"), *head(3)])
    model.set_weights(_in_order_of(model, plain))
    np.testing.assert_allclose(grad_cam(model, IMAGES), expected, atol=1e-5)


def test_the_layer_is_searched_once_until_the_model_grows():
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *body()])
    pool = layers.GlobalAveragePooling2D()
    model.add(pool)
    runs = []

    def see(path, inputs, output):
        runs.append(path)
        return output

    with taps.tapped({"conv1": model.get_layer("conv1")}, see):
        assert last_feature_map(model, IMAGES) == "relu"
        assert last_feature_map(model, IMAGES) == "relu"
        assert runs == ["conv1"]
        model.pop()
        model.add(layers.Conv2D(2, 1, name="later"))
        model.add(pool)
        assert last_feature_map(model, IMAGES) == "later"


# Heads


@pytest.mark.parametrize(
    "end",
    [
        head(3, activation="softmax"),
        [*head(3), layers.Activation("softmax")],
        [*head(3), layers.Softmax()],
        [*head(3), ops.softmax],
        [*head(3, activation="softmax"), layers.Activation("linear")],
        head(3, activation="sigmoid"),
        [*head(3), layers.Activation("log_softmax")],
    ],
    ids=lambda end: f"{len(end)}-{getattr(end[-1], 'name', 'ops')}",
)
def test_logits_are_differentiated_not_probabilities(plain, end):
    """The last layer's weights are large: its softmax has no slope left."""
    weights = plain.get_weights()
    weights[-2] = weights[-2] * 100
    weights[-1] = weights[-1] * 100
    model = chain(body() + end)
    model.set_weights(weights)
    for target in (0, 1, 2):
        np.testing.assert_allclose(
            grad_cam(model, IMAGES, target=target),
            grad_cam(plain, IMAGES, target=target),
            atol=1e-5,
        )


def test_a_softmax_inside_the_network_stays():
    attention = [layers.Activation("softmax", name="attention")]
    model = chain(body() + attention + head(2))
    assert last_feature_map(model, IMAGES) == "attention"
    assert grad_cam(model, IMAGES, layer="relu").max() == 1


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_one_logit_equals_two_with_opposite_weights(plain, activation):
    *weights, kernel, bias = plain.get_weights()
    kernel, bias = kernel[:, :1], bias[:1]
    one = chain(body() + head(1, activation=activation))
    one.set_weights([*weights, kernel, bias])
    two = chain(body() + head(2))
    two.set_weights([*weights, np.hstack([-kernel, kernel]),
                     np.hstack([-bias, bias])])  # fmt: skip
    for target in (None, 0, 1, [0, 1, 0]):
        np.testing.assert_allclose(
            grad_cam(one, IMAGES, target=target),
            grad_cam(two, IMAGES, target=target),
            atol=1e-5,
        )


# Properties


def test_a_larger_logit_scales_no_map(plain, expected):
    *weights, kernel, bias = plain.get_weights()
    model = chain(body() + head(3))
    model.set_weights([*weights, 7 * kernel, 7 * bias])
    np.testing.assert_allclose(grad_cam(model, IMAGES), expected, atol=1e-5)


def test_each_map_runs_from_zero_to_one(expected):
    assert expected.shape == (3, SIZE, SIZE)
    assert expected.min() >= 0
    np.testing.assert_array_equal(expected.max(axis=(1, 2)), 1)


def test_a_map_with_nothing_positive_is_zero_and_not_nan():
    model = chain([*body(), layers.GlobalAveragePooling2D(), layers.Dense(2)])
    *weights, kernel, bias = model.get_weights()
    negative = -np.ones_like(kernel)
    for value in (negative, 0 * negative):
        model.set_weights([*weights, value, bias])
        found = grad_cam(model, IMAGES, target=0)
        np.testing.assert_array_equal(found, np.zeros((3, SIZE, SIZE)))


def test_the_predicted_class_is_the_default_for_each_image(plain, expected):
    predicted = plain.predict(IMAGES, verbose=0).argmax(axis=1)
    np.testing.assert_allclose(
        grad_cam(plain, IMAGES, target=predicted), expected, atol=1e-6
    )


def test_images_do_not_influence_each_other(plain, expected):
    for batch_size in (1, 2):
        found = grad_cam(plain, IMAGES, batch_size=batch_size)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    targets = [2, 0, 1]
    found = grad_cam(plain, IMAGES, target=targets, batch_size=2)
    for image, target, heat in zip(IMAGES, targets, found, strict=True):
        alone = grad_cam(plain, image[None], target=target)[0]
        np.testing.assert_allclose(heat, alone, atol=1e-5)


def test_bytes_and_floats_are_the_same_image(dense):
    np.testing.assert_array_equal(
        grad_cam(dense, PHOTOGRAPHS),
        grad_cam(dense, PHOTOGRAPHS.astype("float64")),
    )


def test_the_model_is_left_as_it_was(plain):
    parts = [plain, *taps.operations(plain).values()]
    before = [set(vars(part)) for part in parts]
    weights = [w.copy() for w in plain.get_weights()]
    grad_cam(plain, IMAGES)
    assert [set(vars(part)) for part in parts] == before
    for old, new in zip(weights, plain.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# The automatic layer


def test_of_a_densenet_the_last_relu_is_looked_at(dense):
    assert last_feature_map(dense, PHOTOGRAPHS) == "final_relu"


def test_pooling_dropout_and_a_map_of_one_pixel_are_passed_over():
    end = [
        layers.Dropout(0.5),
        layers.AveragePooling2D(2),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Conv2D(2, 1),
        layers.Flatten(),
    ]
    assert last_feature_map(chain(body() + end), IMAGES) == "relu"


def test_a_network_without_feature_maps_has_no_heatmap():
    parts = [layers.Rescaling(2.0), layers.Flatten(), layers.Dense(2)]
    with pytest.raises(InputError, match="more than one pixel"):
        grad_cam(chain(parts), IMAGES)


# What cannot be used


def test_a_wrong_name_is_answered_with_near_ones(plain):
    with pytest.raises(InputError, match="Near it: .*conv1"):
        grad_cam(plain, IMAGES, layer="conv_1")


def test_a_layer_without_pixels_is_refused(plain):
    with pytest.raises(InputError, match="output of layer 'logits' is"):
        grad_cam(plain, IMAGES, layer="logits")


def test_a_layer_used_twice_is_refused():
    conv = layers.Conv2D(3, 1, name="twice")
    model = chain([conv, conv, *head(2)])
    with pytest.raises(InputError, match="calls of layer 'twice' .* is 2"):
        grad_cam(model, IMAGES, layer="twice")


def test_a_single_image_is_told_to_come_as_a_batch(plain):
    with pytest.raises(InputError, match=r"image\[None\]"):
        grad_cam(plain, IMAGES[0])


@pytest.mark.parametrize("target", [3, -1, [0, 1], 0.5, "dog"])
def test_a_target_that_is_no_class_is_refused(plain, target):
    with pytest.raises(InputError, match="target is"):
        grad_cam(plain, IMAGES, target=target)


def test_several_outputs_are_refused(plain):
    model = keras.Model(plain.input, [plain.output, plain.output])
    with pytest.raises(InputError, match="several outputs"):
        grad_cam(model, IMAGES, target=0)


# Overlay


def test_an_overlay_is_grey_where_cold_and_coloured_where_hot():
    image = np.full((1, 2, 3), (200, 100, 0), "uint8")
    found = overlay(image, np.array([[0.0, 1.0]]), strength=1)
    # 0.299 * 200 + 0.587 * 100 = 118.5; inferno ends at (252, 255, 164).
    assert found.dtype == np.uint8
    assert found[0, 0].tolist() == [118] * 3
    assert found[0, 1].tolist() == [252, 255, 164]


def test_an_overlay_needs_a_heatmap_of_the_images_size():
    with pytest.raises(InputError, match=r"the shape of heat is \(2, 2\)"):
        overlay(np.zeros((4, 4, 3)), np.zeros((2, 2)))


def _in_order_of(model, source):
    """Weights of ``source``, as ``model`` lists its own, by shape."""
    weights = list(source.get_weights())
    ordered = []
    for wanted in model.get_weights():
        place = next(
            i for i, w in enumerate(weights) if w.shape == wanted.shape
        )
        ordered.append(weights.pop(place))
    return ordered

"""densenet_lib.features: feature maps of any layer, and reuse of features."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from densenet_lib import features
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError

CONFIG = DenseNetConfig((2, 3), 4, stem="light")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), "uint8")


@pytest.fixture(scope="module")
def model():
    return densenet(CONFIG, input_shape=(32, 32, 3), classes=2, rescale=True)


def test_names_by_kind(model):
    assert features.layer_names(model, "concat") == (
        "block1_layer01_concat",
        "block1_layer02_concat",
        "block2_layer01_concat",
        "block2_layer02_concat",
        "block2_layer03_concat",
    )
    assert features.layer_names(model, "dense") == ("logits",)
    assert features.layer_names(model)[0] == "rescale"


def test_an_unknown_kind_is_named(model):
    with pytest.raises(InputError, match="kind is 'convolution'"):
        features.layer_names(model, "convolution")


def test_blocks_end_with_their_last_concatenation(model):
    ends = ("block1_layer02_concat", "block2_layer03_concat")
    assert features.block_ends(model) == ends
    nested = keras.Sequential([keras.Input((32, 32, 3)), model])
    assert features.block_ends(nested) == tuple(
        f"{model.name}/{name}" for name in ends
    )


def test_a_network_without_blocks_has_no_block_ends():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)], name="flat")
    with pytest.raises(InputError, match="model is 'flat'"):
        features.block_ends(model)


def test_feature_maps_equal_a_model_cut_at_the_layer(model):
    name = "block1_layer02_concat"
    cut = keras.Model(model.input, model.get_layer(name).output)
    expected = cut.predict(IMAGES.astype("float32"), verbose=0)
    found = features.feature_maps(model, IMAGES, name)[name]
    assert found.dtype == np.float32
    assert found.shape == (3, 16, 16, 16)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_batches_make_no_difference(model):
    names = ["final_relu", "logits"]
    whole = features.feature_maps(model, IMAGES, names)
    parts = features.feature_maps(model, IMAGES, names, batch_size=2)
    for name in names:
        assert whole[name].shape == parts[name].shape
        np.testing.assert_allclose(whole[name], parts[name], atol=1e-5)


def test_a_model_that_was_never_called_has_feature_maps():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(2, 1, name="conv")

        def call(self, x):
            return self.conv(x) * 2

    images = np.ones((1, 2, 2, 3))
    net = Net()
    maps = features.feature_maps(net, images, "conv")["conv"]
    # The weights that the first run made are those that stay.
    np.testing.assert_allclose(
        maps, ops.convert_to_numpy(net.conv(images)), rtol=1e-6
    )


def test_a_layer_used_twice_has_no_single_output():
    image = keras.Input((4, 4, 1))
    conv = layers.Conv2D(1, 1, name="conv")
    model = keras.Model(image, conv(conv(image)))
    with pytest.raises(InputError, match="calls of layer 'conv' .* is 2"):
        features.feature_maps(model, np.ones((1, 4, 4, 1)), "conv")


def test_a_single_image_is_told_to_come_as_a_batch(model):
    with pytest.raises(InputError, match=r"image\[None\]"):
        features.feature_maps(model, IMAGES[0], "final_relu")


@pytest.mark.parametrize("bottleneck", [4, None])
def test_reuse_weights_tell_what_was_written_into_them(bottleneck):
    """Channels of source s get the weight s + 1, alternating in sign."""
    model = densenet(
        CONFIG,
        input_shape=(32, 32, 3),
        classes=2,
        bottleneck=bottleneck,
        stem_filters=6,
    )
    widths = [6, 4, 4]
    marks = np.repeat([1.0, 2.0, 3.0], widths)
    marks *= np.resize([1, -1], len(marks))
    first = "_bottleneck_conv" if bottleneck else "_conv"
    for name in ("layer01", "layer02"):
        _fill(model.get_layer(f"block1_{name}{first}"), marks)
    _fill(model.get_layer("transition1_conv"), marks)
    expected = [[1, 1 / 2, 1 / 3], [np.nan, 1, 2 / 3], [np.nan, np.nan, 1]]
    block1, block2 = features.reuse_weights(model)
    np.testing.assert_allclose(block1, expected, rtol=1e-6)
    assert block2.shape == (4, 4)  # input and 3 layers; 3 layers and logits


def test_without_a_classifier_the_last_block_ends_at_its_last_layer():
    model = densenet(CONFIG, input_shape=(32, 32, 3), include_top=False)
    shapes = [matrix.shape for matrix in features.reuse_weights(model)]
    assert shapes == [(3, 3), (4, 3)]


def _fill(layer, marks):
    """Give a convolution without bias one weight for each input channel."""
    shape = layer.kernel.shape
    weights = marks[: shape[-2], None] * np.ones(shape)
    layer.set_weights([weights])

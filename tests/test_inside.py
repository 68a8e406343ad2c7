"""densenet_lib.inside: channels, fields, gradients and probes, counted.

Also what :mod:`densenet_lib.features` has for them: where channels come from
and the paper's observations as numbers. Cases are built so that the answer is
known, or is had in another way.
"""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops

from densenet_lib import features, inside
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.inside.flow import cross_entropy
from densenet_lib.inside.probes import logistic_regression
from densenet_lib.resnet import ResNetConfig, resnet

CONFIG = DenseNetConfig((2, 3), 4, stem="light")
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (3, 32, 32, 3), "uint8")


def network(**options):
    """A small DenseNet whose normalisations are all different."""
    keras.utils.set_random_seed(1)
    model = densenet(
        CONFIG, input_shape=(32, 32, 3), classes=1, rescale=True, **options
    )
    random = np.random.default_rng(1)
    model.set_weights(
        [
            weights
            if weights.ndim != 1
            else weights + random.uniform(0.1, 0.5, weights.shape)
            for weights in model.get_weights()
        ]
    )
    return model


@pytest.fixture(scope="module")
def model():
    return network()


# Counting channels.


def test_a_census_finds_the_dead_the_constant_and_the_doubles():
    images = RANDOM.uniform(0.1, 1, (4, 5, 5, 2)).astype("float32")
    net = keras.Sequential([keras.Input((5, 5, 2)), layers.Conv2D(6, 1)])
    kernel = np.zeros((1, 1, 2, 6))
    kernel[0, 0, 0] = 1, 2, -1, 0, 0, 0
    kernel[0, 0, 1, 5] = 1
    net.set_weights([kernel, np.array([0, 1, 0, 3, -1, -0.5])])
    name = net.layers[0].name
    found = inside.channel_census(net, images, name, batch_size=3)[name]
    assert (found.channels, found.images, found.places) == (6, 4, 25)
    assert found.dead.tolist() == [2, 4]
    assert found.constant.tolist() == [3, 4]
    assert found.duplicates.tolist() == [[0, 1], [0, 2], [1, 2]]
    np.testing.assert_allclose(found.correlations, [1, -1, -1], atol=1e-6)
    assert found.redundant.tolist() == [1, 2]
    share = (images[..., 1] > 0.5).mean()
    np.testing.assert_allclose(found.active, [1, 1, 0, 1, 0, share])
    np.testing.assert_array_equal(found.active_images, [1, 1, 0, 1, 0, 1])


def test_a_large_mean_does_not_make_two_channels_alike():
    images = 1e4 + RANDOM.normal(size=(3, 8, 8, 2)).astype("float32")
    net = keras.Sequential([keras.Input((8, 8, 2)), layers.ReLU(name="relu")])
    found = inside.channel_census(net, images, "relu", alike=0.5)["relu"]
    assert found.duplicates.shape == (0, 2)
    images[..., 1] = images[..., 0]
    found = inside.channel_census(net, images, "relu")["relu"]
    assert found.duplicates.tolist() == [[0, 1]]


def test_a_kernel_copied_within_a_dense_layer_is_found_at_the_blocks_end():
    net = network()
    conv = net.get_layer("block2_layer02_conv")
    kernel = ops.convert_to_numpy(conv.kernel).copy()
    kernel[..., 3] = kernel[..., 1]
    conv.set_weights([kernel])
    first, second = inside.channel_census(net, IMAGES).values()
    start = 8 + 4  # half of the first block's 16, and what layer 1 adds
    assert [start + 1, start + 3] in second.duplicates.tolist()
    assert first.layer == "block1_layer02_concat"


# One channel.


def test_a_channel_lives_as_its_readers_normalisations_say(model):
    life = inside.channel_life(model, IMAGES, 2, 1, 3, batch_size=2)
    assert life.readers == (
        "block2_layer02_bottleneck_relu",
        "block2_layer03_bottleneck_relu",
        "final_relu",
    )
    name = "block2_layer03_concat"
    end = features.feature_maps(model, IMAGES, name, batch_size=2)[name]
    np.testing.assert_array_equal(life.born, end[..., life.place])
    for read, scale, shift in zip(
        life.read, life.scale, life.shift, strict=True
    ):
        expected = np.maximum(scale * life.born + shift, 0)
        np.testing.assert_allclose(read, expected, atol=1e-5)
    np.testing.assert_allclose(life.open, (life.read > 0).mean((1, 2, 3)))
    kernel = ops.convert_to_numpy(model.get_layer("logits").kernel)
    np.testing.assert_array_equal(life.compression, kernel[life.place])


def test_the_transition_is_the_last_reader_of_an_inner_block(model):
    life = inside.channel_life(model, IMAGES, 1, 2, 0)
    assert life.readers == ("transition1_relu",)
    kernel = ops.convert_to_numpy(model.get_layer("transition1_conv").kernel)
    assert life.place == 12 and life.out_of == 16
    np.testing.assert_array_equal(life.compression, kernel[0, 0, 12])
    strength = np.abs(kernel[0, 0]).mean(axis=1)
    np.testing.assert_allclose(life.weights, strength[12], rtol=1e-6)
    assert life.rank == (strength > strength[12]).sum()


def test_without_normalisation_a_reader_only_cuts_off():
    life = inside.channel_life(network(order="no-norm"), IMAGES, 2, 2, 0)
    np.testing.assert_allclose(life.read[0], np.maximum(life.born, 0))
    assert (life.scale[0], life.shift[0]) == (1, 0)


def test_a_channel_that_is_not_there_is_refused(model):
    with pytest.raises(InputError, match=r"block and layer is \(1, 3\)"):
        inside.channel_life(model, IMAGES, 1, 3, 0)
    with pytest.raises(InputError, match="channel is 4"):
        inside.channel_life(model, IMAGES, 1, 1, 4)
    post = network(order="post-activation")
    with pytest.raises(InputError, match="pre-activation"):
        inside.channel_life(post, IMAGES, 1, 1, 0)


@pytest.mark.parametrize("memory", ["naive", "linear"])
def test_channels_are_told_by_their_makers(memory):
    net = keras.Sequential([keras.Input((32, 32, 3)), network(memory=memory)])
    two = {"input": 8, "layer 1": 4, "layer 2": 4}
    for name in ("layer01_concat", "layer02_bottleneck_norm"):
        found = features.channel_sources(net, f"block2_{name}")
        assert found == {"input": 8, "layer 1": 4}
    assert features.channel_sources(net, "transition1_relu") == two
    found = features.channel_sources(net, "final_relu")
    assert found == two | {"layer 3": 4}
    with pytest.raises(InputError, match="puts out all"):
        features.channel_sources(net, "block2_layer02_relu")


# The paper's observations.


def test_the_papers_observations_are_these_ratios():
    nan = np.nan
    first = [[1, 0.5, 1], [nan, 1, 0.5], [nan, nan, 0.8]]
    second = [[1, 0.2, 0.25], [nan, 1, 0.5], [nan, nan, 1]]
    found = features.reuse_summary([np.array(first), np.array(second)])
    np.testing.assert_allclose(
        [found.layers, found.transitions, found.block_input],
        [(0.5 + 0.2) / 2, 0.5, 0.2],
    )
    assert found.classifier == 4


def test_what_a_network_has_no_reader_for_is_not_a_number():
    headless = np.array([[1.0], [np.nan]])
    found = features.reuse_summary([headless])
    assert np.isnan(list(vars(found).values())).all()


def test_even_weights_give_ones_for_all_four(model):
    even = [
        np.where(np.isnan(matrix), np.nan, 1)
        for matrix in features.reuse_weights(model)
    ]
    found = features.reuse_summary(even)
    assert set(vars(found).values()) == {1}


# Receptive fields.


def ones(*parts, size=(17, 17)):
    """A sequential model in which every weight is 1."""
    net = keras.Sequential([keras.Input((*size, 1)), *parts])
    net.set_weights([np.ones_like(weights) for weights in net.get_weights()])
    return net


def convolution(filters=1, kernel=3, **options):
    return layers.Conv2D(
        filters, kernel, padding="same", use_bias=False, **options
    )


def test_boxes_in_a_row_see_as_a_box_convolved_with_itself():
    net = ones(*(convolution(2, name=f"c{n}") for n in range(4)))
    images = np.zeros((2, 17, 17, 1))
    box = np.ones(1)
    for number in range(4):
        box = np.convolve(box, np.ones(3) / 3)
        field = inside.effective_receptive_field(net, f"c{number}", images)
        expected = np.zeros((17, 17))
        reach = number + 1
        inner = slice(8 - reach, 8 + reach + 1)
        expected[inner, inner] = np.outer(box, box)
        np.testing.assert_allclose(field.map, expected, atol=1e-7)
        assert [window.side for window in field.windows] == [2 * reach + 1] * 2
        assert field.centre == (8, 8)


def test_the_radius_is_that_of_the_disc_around_the_middle():
    net = ones(convolution(name="box"))
    field = inside.effective_receptive_field(
        net, "box", np.zeros((1, 17, 17, 1)), channel=0
    )
    assert field.radius(0.11) == 0  # one of nine pixels
    assert field.radius(0.5) == 1  # five of nine
    assert field.radius(0.9) == field.radius(1) == np.sqrt(2)


def test_arithmetic_knows_what_is_seen_through_every_kind_of_layer():
    net = ones(
        layers.ZeroPadding2D(((2, 1), (0, 3))),
        layers.Conv2D(1, 5, strides=2, use_bias=False, name="valid"),
        convolution(dilation_rate=2, name="dilated"),
        layers.AveragePooling2D(2, name="pool"),
        layers.AveragePooling2D(3, strides=2, padding="same", name="same"),
        layers.DepthwiseConv2D((1, 3), use_bias=False, name="depthwise"),
        size=(53, 60),
    )
    images = np.ones((1, 53, 60, 1))
    for name in ("valid", "dilated", "pool", "same", "depthwise"):
        field = inside.effective_receptive_field(net, name, images)
        np.testing.assert_array_equal(field.map > 0, field.theoretical)
    shape = net.get_layer("depthwise").output.shape
    assert shape[1:3] == tuple(window.units for window in field.windows)


def test_a_normalisation_of_the_colours_sees_one_pixel():
    net = keras.Sequential(
        [
            keras.Input((9, 9, 3)),
            layers.Normalization(mean=[1, 2, 3], variance=[1, 1, 1]),
            layers.Conv2D(2, 3, name="sees"),
        ]
    )
    rows, _ = inside.theoretical_field(net, "sees", (9, 9))
    assert rows.side == 3


def test_a_dense_blocks_end_sees_as_far_as_its_deepest_layer(model):
    nested = keras.Sequential([keras.Input((32, 32, 3)), model])
    lean = network(memory="linear")
    for net in (nested, lean):
        rows, _ = inside.theoretical_field(
            net, "block1_layer02_concat", (32, 32)
        )
        assert (rows.side, rows.stride, rows.units) == (3 + 2 * 4, 2, 16)
    name = "block2_layer01_concat"
    field = inside.effective_receptive_field(nested, name, IMAGES[:2])
    assert field.windows[0].side == 11 + 2 + 2 * 4
    assert not field.map[~field.theoretical].any()
    np.testing.assert_allclose(field.map.sum(), 1)


def test_a_unit_that_nothing_moves_has_no_field():
    net = ones(convolution(name="c"))
    net.set_weights([np.zeros((3, 3, 1, 1))])
    with pytest.raises(InputError, match="not dead"):
        inside.effective_receptive_field(net, "c", np.ones((1, 17, 17, 1)))


def test_what_arithmetic_does_not_know_is_named():
    net = ones(layers.UpSampling2D(name="up"), convolution(name="c"))
    with pytest.raises(InputError, match="way to layer 'c' is 'up'"):
        inside.theoretical_field(net, "c", (17, 17))


# Gradients.


def test_the_flow_is_that_of_finite_differences():
    net = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.Conv2D(2, 1, use_bias=False, name="first"),
            layers.Activation("tanh"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    images = RANDOM.normal(size=(4, 4, 4, 2)).astype("float32")
    labels = np.array([0, 2, 1, 1])
    flow = inside.gradient_flow(net, images, labels)
    kernel = ops.convert_to_numpy(net.get_layer("first").kernel)
    slopes = []
    for place in np.ndindex(kernel.shape):
        sides = []
        for move in (0.01, -0.01):
            moved = kernel.copy()
            moved[place] += move
            net.get_layer("first").set_weights([moved])
            sides.append(float(cross_entropy(labels, net(images))))
        slopes.append((sides[0] - sides[1]) / 0.02)
    net.get_layer("first").set_weights([kernel])
    assert list(flow.kernels) == list(flow.activations) == ["first"]
    norm = np.linalg.norm(slopes)
    np.testing.assert_allclose(flow.kernels["first"], norm, rtol=1e-2)
    np.testing.assert_allclose(
        flow.relative["first"], norm / np.linalg.norm(kernel), rtol=1e-2
    )
    np.testing.assert_allclose(
        flow.loss, float(cross_entropy(labels, net(images))), rtol=1e-5
    )


def test_the_gradient_at_a_map_is_that_of_each_images_own_loss():
    """Under pooling and one logit z it is (p - y) w / places everywhere."""
    net = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            layers.ReLU(name="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1),
        ]
    )
    images = RANDOM.uniform(size=(5, 4, 4, 3)).astype("float32")
    labels = np.array([0, 1, 1, 0, 1])
    chance = 1 / (1 + np.exp(-ops.convert_to_numpy(net(images))[:, 0]))
    weights = ops.convert_to_numpy(net.layers[-1].kernel)
    expected = np.abs(chance - labels).mean() * np.linalg.norm(weights) / 4
    for size in (2, 5):
        flow = inside.gradient_flow(
            net, images, labels, layers=["relu"], batch_size=size
        )
        np.testing.assert_allclose(
            flow.activations["relu"], expected, rtol=1e-5
        )


def test_training_mode_takes_the_batchs_statistics_and_leaves_no_trace(model):
    labels = np.array([0, 1, 1])
    before = model.get_weights()
    frozen = inside.gradient_flow(model, IMAGES, labels)
    training = inside.gradient_flow(model, IMAGES, labels, training=True)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert list(frozen.activations) == list(features.block_ends(model))
    assert abs(frozen.loss - training.loss) > 1e-3
    lean = inside.gradient_flow(
        network(memory="linear"), IMAGES, labels, training=True
    )
    np.testing.assert_allclose(lean.loss, training.loss, rtol=1e-5)
    np.testing.assert_allclose(
        list(lean.kernels.values()),
        list(training.kernels.values()),
        rtol=1e-3,
    )


def test_lean_layers_inside_a_model_inside_are_refused(model):
    inner = network(memory="linear")
    outer = keras.Sequential([keras.Input((32, 32, 3)), inner])
    labels = np.array([0, 1, 1])
    with pytest.raises(InputError, match="in no model inside it"):
        inside.gradient_flow(outer, IMAGES, labels, training=True)
    # Plain ones are measured there.
    outer = keras.Sequential([keras.Input((32, 32, 3)), model])
    flow = inside.gradient_flow(outer, IMAGES, labels, training=True)
    assert min(flow.activations.values()) > 0


def test_a_residual_network_is_measured_at_the_ends_of_its_stages():
    net = resnet(
        ResNetConfig((2, 1), 4, stem="light"),
        input_shape=(32, 32, 3),
        classes=2,
    )
    flow = inside.gradient_flow(net, IMAGES / 255, [0, 1, 1])
    assert list(flow.activations) == ["stage1_unit02_add", "stage2_unit01_add"]
    assert flow.kernels["stem_conv"] > 0


def test_labels_come_one_for_each_image(model):
    with pytest.raises(InputError, match=r"labels is \(2,\)"):
        inside.gradient_flow(model, IMAGES, [0, 1])


# Probes.


def split(rng, classes, count, *, signal):
    """Images of noise, in which one channel may tell the class."""
    labels = np.arange(count) % classes
    images = rng.normal(size=(count, 4, 4, 3)).astype("float32")
    if signal:
        images[..., 1] += 5 * np.eye(classes)[labels][:, None, None, 0]
        images[..., 2] += 5 * np.eye(classes)[labels][:, None, None, 1]
    return SimpleNamespace(images=images, labels=labels)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_probe_reads_what_is_there_and_nothing_else(classes):
    # An interval of 95 % misses one time in twenty: not of these numbers.
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    net = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            layers.Conv2D(3, 1, name="sees"),
            layers.Conv2D(3, 1, name="blind", kernel_initializer="zeros"),
        ]
    )
    train, test = (split(rng, classes, 120, signal=True) for _ in range(2))
    sees, blind = inside.linear_probes(net, train, test)
    assert (sees.layer, blind.layer) == ("sees", "blind")
    assert sees.accuracy == sees.train_accuracy == sees.high == 1
    np.testing.assert_allclose(blind.accuracy, 1 / classes)
    assert inside.how_early((blind, sees)) is sees
    noise = inside.linear_probes(
        net,
        split(rng, classes, 120, signal=False),
        split(rng, classes, 600, signal=False),
        "sees",
    )[0]
    assert noise.low < 1 / classes < noise.high


def test_the_regression_ends_where_the_slope_is_nothing():
    x = np.column_stack([RANDOM.normal(size=(80, 3)), np.ones(80)])
    targets = (x[:, 0] + RANDOM.normal(size=80) > 0.5).astype(int)
    weights = logistic_regression(x, targets, penalty=2.0)
    weights = weights[:, 1] - weights[:, 0]
    chance = 1 / (1 + np.exp(-x @ weights))
    slope = x.T @ (chance - targets) + 2 * weights * [1, 1, 1, 0]
    np.testing.assert_allclose(slope, 0, atol=1e-4)


def test_each_dense_layer_is_probed(model):
    data = SimpleNamespace(images=IMAGES, labels=np.array([0, 1, 1]))
    probes = inside.linear_probes(model, data, data)
    assert [p.layer for p in probes] == list(
        features.layer_names(model, "concat")
    )
    assert [p.channels for p in probes] == [12, 16, 12, 16, 20]


def test_one_class_alone_cannot_be_told():
    net = keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2D(1, 1)])
    data = SimpleNamespace(images=IMAGES[:, :4, :4], labels=np.ones(3))
    with pytest.raises(InputError, match="classes of train"):
        inside.linear_probes(net, data, data)

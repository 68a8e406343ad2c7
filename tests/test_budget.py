"""The closed form against the count, the literature, and a profiler."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from densenet_lib.budget import closed_form, counted, training_bytes
from densenet_lib.densenet import CONFIGS as DENSENETS
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.resnet import ResNetConfig, resnet

# All and trainable parameters. 1,000 classes: keras.applications says the
# same for 121, 169 and 201.
IMAGENET = {
    "densenet121": (8_062_504, 7_978_856),
    "densenet169": (14_307_880, 14_149_480),
    "densenet201": (20_242_984, 20_013_928),
    "densenet161": (28_900_936, 28_681_000),
    "densenet264": (33_736_232, 33_337_704),
}
# Trainable parameters with 10 classes, and the millions of the paper's
# Table 2, which gives them to one decimal.
CIFAR = {
    "densenet-40-12": (1_019_722, 1.0),
    "densenet-100-12": (6_979_642, 7.0),
    "densenet-100-24": (27_249_082, 27.2),
    "densenet-bc-100-12": (769_162, 0.8),
    "densenet-bc-250-24": (15_324_406, 15.3),
    "densenet-bc-190-40": (25_624_430, 25.6),
}


def options_of(name):
    """CIFAR's images for the members with a hyphen, odd ones for others."""
    if "-" in name:
        return {"input_shape": (32, 32, 3), "classes": 10}
    return {"input_shape": (67, 45, 3), "classes": 1000}


def by_name(budget):
    assert len({row.name for row in budget.layers}) == len(budget.layers)
    return {row.name: row for row in budget.layers}


@pytest.mark.parametrize("name", IMAGENET)
def test_imagenet_members_have_exactly_these_parameters(name):
    budget = closed_form(name)
    assert (budget.parameters, budget.trainable) == IMAGENET[name]


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_members_have_the_papers_parameters(name):
    exact, millions = CIFAR[name]
    budget = closed_form(name, **options_of(name))
    assert budget.trainable == exact
    assert round(exact / 1e6, 1) == millions


# One or two of each kind. test_keras_applications.py builds and counts others,
# and what differs from these has the same layers, and more of them.
BUILT = (
    "densenet161",
    "densenet-40-12",
    "densenet-bc-100-12",
    "resnet18",
    "resnet50",
    "resnet-20",
)


@pytest.mark.parametrize("name", BUILT)
def test_closed_form_and_count_agree_layer_by_layer(name):
    build = densenet if name in DENSENETS else resnet
    model = build(name, **options_of(name))
    count = counted(model)
    form = closed_form(name, **options_of(name))
    assert by_name(count) == by_name(form)
    assert count.parameters == model.count_params()


@pytest.mark.parametrize(
    "config",
    [
        DenseNetConfig((2, 3), 5, stem="light", dropout=0.2, theta=0.3),
        DenseNetConfig((2,), 5, bottleneck=None, stem_filters=7),
        DenseNetConfig((1, 2, 1), 3, bottleneck=2, pooling="max", theta=1),
        DenseNetConfig((2, 1), 3, dropout=0.2, order="post-activation"),
        DenseNetConfig((2, 1), 5, stem="light", order="post-activation"),
        DenseNetConfig((2,), 3, None, stem="cifar", order="post-activation"),
        DenseNetConfig((2, 1), 5, dropout=0.2, order="no-norm"),
        DenseNetConfig((2, 1), 3, None, stem="light", order="no-norm"),
        ResNetConfig((1, 2), (5, 9), stem="light", dropout=0.2),
        ResNetConfig((2, 1), 3, bottleneck=3, stem_filters=9),
    ],
)
@pytest.mark.parametrize("include_top", [True, False])
def test_they_agree_for_every_option(config, include_top):
    build = densenet if isinstance(config, DenseNetConfig) else resnet
    options = {
        "input_shape": (37, 50, 1),
        "classes": 4,
        "include_top": include_top,
        "rescale": True,
    }
    count = counted(build(config, **options))
    assert by_name(count) == by_name(closed_form(config, **options))


def test_the_orders_differ_in_what_normalisations_and_biases_learn():
    def cost(order):
        config = DenseNetConfig((3,), 4, stem="light", order=order)
        return closed_form(config, input_shape=(32, 32, 3), classes=1)

    orders = ("pre-activation", "post-activation", "no-norm")
    before, after, none = map(cost, orders)
    bottlenecks, made, stem = 3 * 16, 3 * 4, 8
    # Two numbers a channel: of all that is read, or of all that is made.
    read = (8 + 12 + 16) + 20  # by the bottlenecks, and at the end
    assert before.trainable - after.trainable == 2 * (read - made - stem)
    assert after.trainable - none.trainable == bottlenecks + made + stem
    assert before.multiply_adds == after.multiply_adds == none.multiply_adds


@pytest.mark.parametrize("order", ["post-activation", "no-norm"])
def test_memory_of_a_training_is_predicted_for_pre_activation_only(order):
    config = DenseNetConfig((1,), 2, order=order)
    with pytest.raises(InputError, match=f"order is '{order}'; .* measured"):
        training_bytes(config)


# In 10**9, from torchvision's table of models.
@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("densenet121", 2.83),
        ("densenet169", 3.36),
        ("densenet201", 4.29),
        ("densenet161", 7.73),
    ],
)
def test_multiply_adds_are_those_of_torchvisions_table(name, billions):
    assert round(closed_form(name).multiply_adds / 1e9, 2) == billions


def test_multiply_adds_are_tensorflows_own():
    """TensorFlow's profiler counts a multiply-add as two operations.

    Of convolutions and of the classifier it counts exactly twice what we do.
    All that we leave out adds less than a hundredth.
    """
    profiler = tf.compat.v1.profiler
    model = densenet("densenet121")
    image = tf.TensorSpec((1, 224, 224, 3))
    graph = tf.function(model).get_concrete_function(image).graph
    what = profiler.ProfileOptionBuilder.float_operation()
    options = profiler.ProfileOptionBuilder(what).with_empty_output().build()
    report = profiler.profile(graph, cmd="op", options=options)
    counts, nodes = {}, list(report.children)
    for node in nodes:
        counts[node.name] = node.float_ops
        nodes.extend(node.children)
    ours = closed_form("densenet121").multiply_adds
    assert counts["Conv2D"] + counts["MatMul"] == 2 * ours
    assert ours < report.total_float_ops / 2 < 1.01 * ours


def test_the_concatenations_grow_with_the_square_of_the_layers():
    def copied(num_layers):
        config = DenseNetConfig((num_layers,), 12, stem="cifar")
        budget = closed_form(config, input_shape=(32, 32, 3))
        return sum(
            row.activations
            for row in budget.layers
            if row.name.endswith("_concat")
        )

    # Layer l leaves k0 + k l channels; k0 is 2k here.
    for num_layers in (1, 2, 10, 40):
        channels = 24 * num_layers + 12 * num_layers * (num_layers + 1) // 2
        assert copied(num_layers) == 32 * 32 * channels
    assert copied(400) / copied(200) == pytest.approx(4, rel=0.02)


def test_bytes_are_numbers_times_batch_times_precision():
    budget = closed_form("densenet-40-12", **options_of("densenet-40-12"))
    assert budget.activation_bytes() == 4 * budget.activations
    assert budget.activation_bytes(64, 2) == 128 * budget.activations


def test_the_parts_and_the_table_sum_to_the_whole():
    budget = closed_form("densenet121")
    for level in (1, 2, 3):
        parts = budget.parts(level)
        for what in ("parameters", "trainable", "multiply_adds"):
            whole = getattr(budget, what)
            assert sum(getattr(part, what) for part in parts) == whole
    assert "block1_layer06" in [part.name for part in budget.parts(2)]
    heading, *rows = budget.table()
    assert heading[0] == "part"
    assert rows[-1][:3] == ["total", "1000", "8,062,504"]
    lines = str(budget).splitlines()
    assert len(lines) == len(rows) + 1
    assert len({len(line) for line in lines}) == 1


def test_a_model_within_a_model_is_opened():
    inner = keras.Sequential(
        [keras.Input((8, 8, 6)), keras.layers.Conv2D(4, 3, groups=2)]
    )
    outer = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.DepthwiseConv2D(
                3, depth_multiplier=2, padding="same"
            ),
            inner,
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    depthwise = 8 * 8 * 6 * 9
    grouped = 6 * 6 * 4 * 9 * 3
    budget = counted(outer)
    assert budget.multiply_adds == depthwise + grouped + 6 * 6 * 4 * 5
    assert budget.parameters == outer.count_params()


def test_frozen_layers_are_not_trainable():
    model = densenet(DenseNetConfig((1,), 2), input_shape=(32, 32, 3))
    model.trainable = False
    assert counted(model).trainable == 0
    assert counted(model).parameters == model.count_params()


def test_what_cannot_be_counted_is_refused():
    varying = densenet(DenseNetConfig((1,), 2), input_shape=(None, None, 3))
    with pytest.raises(InputError, match="layer image is .*; .* one size"):
        counted(varying)
    unknown = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2DTranspose(2, 3, name="up")]
    )
    with pytest.raises(InputError, match="layer up is 'Conv2DTranspose'"):
        counted(unknown)
    with pytest.raises(InputError, match="input_shape is .*; .* give one"):
        closed_form("densenet121", input_shape=(None, 224, 3))
    with pytest.raises(InputError, match="config is 'vgg16'; .*'resnet50'"):
        closed_form("vgg16")


def test_numbers_are_plain_integers():
    """Fit for JSON, and never overflowing."""
    row = counted(densenet(DenseNetConfig((1,), 2))).layers[1]
    for number in (row.parameters, row.multiply_adds, row.activations):
        assert type(number) is int
    assert not isinstance(row.output_shape[0], np.integer)


def test_memory_of_a_network_with_dropout_is_not_predicted():
    config = DenseNetConfig((2,), 4, dropout=0.2)
    with pytest.raises(InputError, match="dropout is 0.2; .* measured"):
        training_bytes(config, memory="linear")

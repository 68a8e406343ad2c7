"""The residual family: its sum, its members, and its match in cost."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from densenet_lib.budget import closed_form
from densenet_lib.densenet import CONFIGS as DENSENETS
from densenet_lib.errors import InputError
from densenet_lib.resnet import (
    CONFIGS,
    ResNetConfig,
    cifar_config,
    get_config,
    matching_resnet,
    residual_unit,
    resnet,
)

TINY = ResNetConfig((2, 2), 4, stem="light")


def unit(channels=6, filters=6, **options):
    image = keras.Input((8, 8, channels))
    return keras.Model(
        image, residual_unit(image, filters, **options, name="unit")
    )


def images(channels=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 8, 8, channels)).astype("float32")


def silence(model, last):
    """Set the last convolution of the unit's branch to zero."""
    layer = model.get_layer(last)
    layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])


@pytest.mark.parametrize(
    ("options", "last"),
    [
        ({}, "unit_second_conv"),
        ({"filters": 3, "bottleneck": 2}, "unit_expand_conv"),
    ],
)
def test_a_silent_branch_leaves_the_identity(options, last):
    model = unit(**options)
    silence(model, last)
    x = tf.constant(images())
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = model(x)
        total = tf.reduce_sum(result)
    # Bit for bit: nothing is computed on the path, forward or backward.
    assert np.array_equal(result, x)
    assert np.array_equal(tape.gradient(total, x), np.ones_like(x))


def test_a_deep_feature_is_the_first_plus_all_changes():
    """Equation (4) of He et al., ECCV 2016."""
    keras.utils.set_random_seed(0)
    model = resnet("resnet-32", input_shape=(32, 32, 3), classes=10)
    changes = [f"stage1_unit{i:02d}_second_conv" for i in range(1, 6)]
    names = ["stem_conv", *changes, "stage1_unit05_add"]
    outputs = [model.get_layer(name).output for name in names]
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 32, 32, 3)).astype("float32")
    *terms, last = keras.Model(model.input, outputs)(image)
    assert np.allclose(sum(terms), last, atol=1e-4 * np.abs(last).max())


def test_normalisation_and_relu_come_before_each_convolution():
    order = [
        layer.name.removeprefix("unit_")
        for layer in unit(filters=3, bottleneck=2).layers[1:]
    ]
    assert order == [
        f"{step}_{kind}"
        for step in ("reduce", "middle", "expand")
        for kind in ("norm", "relu", "conv")
    ] + ["add"]


@pytest.mark.parametrize(
    ("options", "projected"),
    [({}, False), ({"filters": 8}, True), ({"strides": 2}, True)],
)
def test_only_a_change_of_shape_is_projected(options, projected):
    names = [layer.name for layer in unit(**options).layers]
    assert ("unit_project" in names) == projected


def test_the_projection_reads_the_pixels_the_branch_is_centred_on():
    """With a stride of 2, both paths look at pixels 0, 2, 4, ..."""
    model = unit(filters=1, channels=1, strides=2)
    silence(model, "unit_second_conv")
    model.get_layer("unit_project").set_weights([np.ones((1, 1, 1, 1))])
    x = images(channels=1)
    assert np.allclose(model(x), x[:, ::2, ::2], atol=1e-6)
    centre = np.zeros((3, 3, 1, 1))
    centre[1, 1] = 1
    model.get_layer("unit_first_conv").set_weights([centre])
    first = keras.Model(model.input, model.get_layer("unit_first_conv").output)
    expected = np.maximum(x[:, ::2, ::2], 0)
    assert np.allclose(first(x), expected, atol=1e-4)


# torchvision's table of models: parameters in full, multiply-adds in 10**9.
# It normalises after each convolution, projections included. Ours, which
# normalises before, has the stem's and the last one but none on projections.
TORCHVISION = {
    "resnet18": (11_689_512, 1.81),
    "resnet34": (21_797_672, 3.66),
    "resnet50": (25_557_032, 4.09),
    "resnet101": (44_549_160, 7.80),
    "resnet152": (60_192_808, 11.51),
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_imagenet_members_differ_from_torchvision_in_normalisation_only(name):
    parameters, multiply_adds = TORCHVISION[name]
    widths = (64, 128, 256, 512)
    factor = CONFIGS[name].bottleneck or 1
    # Stage one of the shallow nets projects nothing.
    projected = [factor * w for w in widths if factor * w != 64]
    budget = closed_form(name)
    assert budget.trainable == parameters + 2 * 64 - 2 * sum(projected)
    assert round(budget.multiply_adds / 1e9, 2) == multiply_adds


def test_resnet50_has_as_many_kernel_weights_as_keras_applications():
    theirs = keras.applications.ResNet50(weights=None)
    ours = closed_form("resnet50")
    kernels = [
        layer.kernel.shape
        for layer in theirs.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))
    ]
    ends = ("conv", "project", "logits")
    assert (
        sum(int(np.prod(shape)) for shape in kernels)
        == sum(row.trainable for row in ours.layers if row.name.endswith(ends))
        - 1000
    )  # the classifier's biases


@pytest.mark.parametrize(
    ("depth", "millions", "decimals"),
    [
        (20, 0.27, 2),
        (32, 0.46, 2),
        (44, 0.66, 2),
        (56, 0.85, 2),
        (110, 1.7, 1),
    ],
)
def test_cifar_members_have_the_papers_parameters(depth, millions, decimals):
    """He et al., CVPR 2016, Table 6: shortcuts without parameters.

    Ours has two projections, of 16 x 32 and 32 x 64.
    """
    budget = closed_form(
        f"resnet-{depth}", input_shape=(32, 32, 3), classes=10
    )
    without = budget.trainable - 16 * 32 - 32 * 64
    assert round(without / 1e6, decimals) == millions


@pytest.mark.parametrize("by", ["parameters", "multiply_adds"])
@pytest.mark.parametrize("name", ["densenet121", "densenet-bc-100-12"])
def test_the_match_is_the_nearest_width(name, by):
    options = {"input_shape": (64, 64, 3), "classes": 10}
    target = getattr(closed_form(name, **options), by)

    def miss(config):
        return abs(getattr(closed_form(config, **options), by) / target - 1)

    match = matching_resnet(name, by=by, **options)
    assert miss(match) < 0.02
    stages = len(match.filters) - 1
    for last in (match.filters[-1] - 1, match.filters[-1] + 1):
        widths = [round(last / 2 ** (stages - i)) for i in range(stages + 1)]
        other = ResNetConfig(match.blocks, widths, stem=match.stem)
        assert miss(match) <= miss(other)


def test_the_match_has_the_stem_and_the_depth_of_the_densenet():
    match = matching_resnet("densenet121")
    assert (match.stem, match.blocks) == ("imagenet", (6, 12, 24, 16))
    # Without bottleneck a dense layer has one convolution, a unit two.
    match = matching_resnet("densenet-40-12", input_shape=(32, 32, 3))
    assert (match.stem, match.blocks) == ("cifar", (6, 6, 6))
    match = matching_resnet("densenet121", blocks=(2, 2, 2, 2), bottleneck=4)
    assert (match.blocks, match.bottleneck) == ((2, 2, 2, 2), 4)


@pytest.mark.parametrize(
    ("stem", "sides", "features"),
    [
        ("imagenet", (64, 45), (8, 6)),
        ("light", (33, 64), (9, 16)),
        ("cifar", (32, 35), (16, 18)),
    ],
)
def test_the_stem_and_the_stages_divide_the_sides(stem, sides, features):
    model = resnet(TINY, stem=stem, input_shape=(*sides, 3), include_top=False)
    assert model.output_shape == (None, *features, 8)


def test_sides_may_vary_and_dropout_follows_the_convolutions():
    model = resnet(
        TINY, input_shape=(None, None, 3), classes=1, dropout=0.1, rescale=True
    )
    assert model(np.zeros((1, 37, 52, 3), "float32")).shape == (1, 1)
    found = [type(layer).__name__ for layer in model.layers]
    # The stem and the projection are followed by none.
    assert found.count("Dropout") == found.count("Conv2D") - 2


def test_a_configuration_survives_json_and_changes():
    config = get_config("resnet50", stem="light")
    assert config.filters == (64, 128, 256, 512)
    assert ResNetConfig(**config.to_dict()) == config


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"blocks": 3}, "blocks is 3; .* Give the units"),
        ({"blocks": (3, -1)}, r"blocks is \(3, -1\); .* positive whole"),
        ({"filters": 0}, "filters is 0; .* ResNet-50 begins with 64"),
        ({"filters": (8, 16, 32)}, "filters is .*; expected 2 numbers, one"),
        ({"bottleneck": 1.5}, "bottleneck is 1.5; .* Leave bottleneck out"),
        ({"stem_filters": "8"}, "stem_filters is '8'; .* Leave stem_filters"),
        ({"stem": "wide"}, "stem is 'wide'; .* 'imagenet', 'cifar', 'light'"),
        ({"dropout": -0.1}, "dropout is -0.1; .* at least 0"),
    ],
)
def test_a_configuration_refuses(fields, words):
    with pytest.raises(InputError, match=words):
        ResNetConfig(**{"blocks": (2, 2), "filters": 8} | fields)


def test_builder_and_match_refuse():
    with pytest.raises(InputError, match="config is 'resnet51'; .*'resnet50'"):
        resnet("resnet51")
    with pytest.raises(InputError, match="config is 'width'; .* filters"):
        resnet(TINY, width=3)
    with pytest.raises(InputError, match=r"\(16, 16, 3\); .* 32 pixels"):
        resnet(TINY, input_shape=(16, 16, 3))
    with pytest.raises(InputError, match="depth is 21; .* multiple of 6"):
        cifar_config(21)
    with pytest.raises(InputError, match="by is 'depth'; .* 'parameters'"):
        matching_resnet(DENSENETS["densenet121"], by="depth")

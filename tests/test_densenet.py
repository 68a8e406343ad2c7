"""The family as built: shapes, names, options, and what is refused."""

import keras
import numpy as np
import pytest

from densenet_lib import attribution, features
from densenet_lib.densenet import (
    CONFIGS,
    DenseNetConfig,
    cifar_config,
    densenet,
    get_config,
)
from densenet_lib.errors import InputError
from densenet_lib.inference import optimize_for_inference
from densenet_lib.layers import ORDERS

TINY = DenseNetConfig((2, 1), 4, stem="light")


def layer_kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("name", "blocks", "growth_rate", "depth"),
    [
        ("densenet121", (6, 12, 24, 16), 32, 121),
        ("densenet169", (6, 12, 32, 32), 32, 169),
        ("densenet201", (6, 12, 48, 32), 32, 201),
        ("densenet161", (6, 12, 36, 24), 48, 161),
        # The paper's blocks make one layer more than its name says.
        ("densenet264", (6, 12, 64, 48), 32, 265),
    ],
)
def test_the_names_stand_for_the_papers_table_one(
    name, blocks, growth_rate, depth
):
    config = CONFIGS[name]
    assert (config.blocks, config.growth_rate) == (blocks, growth_rate)
    # Two convolutions a dense layer, one a transition, stem, classifier.
    assert 2 * sum(blocks) + 3 + 2 == depth


@pytest.mark.parametrize(
    ("depth", "growth_rate", "bc", "layers", "stem"),
    [
        (40, 12, False, 12, 16),
        (100, 12, True, 16, 24),
        (190, 40, True, 31, 80),
    ],
)
def test_cifar_members_have_three_equal_blocks(
    depth, growth_rate, bc, layers, stem
):
    config = cifar_config(depth, growth_rate, bc=bc)
    assert config.blocks == (layers,) * 3
    assert config.stem_channels == stem
    assert config.theta == (0.5 if bc else 1)


@pytest.mark.parametrize(
    ("stem", "sides", "features"),
    [
        ("imagenet", (64, 64), (8, 8)),
        ("imagenet", (67, 45), (8, 6)),
        ("light", (33, 64), (8, 16)),
        ("cifar", (32, 35), (16, 17)),
    ],
)
def test_the_stem_and_the_transitions_divide_the_sides(stem, sides, features):
    model = densenet(
        TINY, stem=stem, input_shape=(*sides, 3), include_top=False
    )
    # 2k of the stem, k a layer, half after the transition, k a layer.
    channels = (2 * 4 + 2 * 4) // 2 + 4
    assert model.output_shape == (None, *features, channels)


def test_the_smallest_image_gives_finite_logits():
    model = densenet(
        "densenet-40-12",
        stem="imagenet",
        blocks=(1, 1, 1, 1),
        input_shape=(32, 32, 3),
        classes=5,
    )
    logits = model(np.ones((2, 32, 32, 3), "float32")).numpy()
    assert logits.shape == (2, 5)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("include_top", [True, False])
def test_a_side_may_vary(include_top):
    model = densenet(
        TINY, input_shape=(None, None, 3), classes=1, include_top=include_top
    )
    for sides in ((32, 32), (41, 57)):
        result = model(np.zeros((1, *sides, 3), "float32"))
        expected = (
            (1, 1)
            if include_top
            else (1, (sides[0] + 1) // 4, (sides[1] + 1) // 4, 12)
        )
        assert result.shape == expected


def test_the_output_is_logits_in_single_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = densenet(TINY, input_shape=(32, 32, 3), classes=2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("final_relu").compute_dtype == "float16"
    assert model.layers[-1].activation is keras.activations.linear
    assert model.output.dtype == "float32"


def test_without_top_ends_after_the_last_relu():
    model = densenet(TINY, input_shape=(32, 32, 3), include_top=False)
    assert model.layers[-1].name == "final_relu"
    assert model(np.ones((1, 32, 32, 3), "float32")).numpy().min() >= 0


def test_rescale_takes_bytes_to_minus_one_and_one():
    model = densenet(TINY, input_shape=(32, 32, 3), rescale=True)
    rescale = keras.Model(model.input, model.get_layer("rescale").output)
    image = np.zeros((1, 32, 32, 3), "float32")
    image[:, :, 16:] = 255
    result = rescale(image).numpy()
    assert np.allclose(result[:, :, :16], -1, atol=1e-6)
    assert np.allclose(result[:, :, 16:], 1, atol=1e-6)
    assert "rescale" not in [
        layer.name for layer in densenet(TINY, input_shape=(32, 32, 3)).layers
    ]


def test_dropout_follows_all_convolutions_but_the_stem():
    plain = layer_kinds(densenet(TINY, input_shape=(32, 32, 3)))
    dropped = layer_kinds(densenet(TINY, input_shape=(32, 32, 3), dropout=0.2))
    assert plain.count("Dropout") == 0
    assert dropped.count("Dropout") == dropped.count("Conv2D") - 1


def test_transitions_pool_as_configured():
    average = layer_kinds(densenet(TINY, input_shape=(32, 32, 3)))
    largest = layer_kinds(
        densenet(TINY, input_shape=(32, 32, 3), pooling="max")
    )
    assert average.count("AveragePooling2D") == 1
    assert largest.count("AveragePooling2D") == 0
    assert largest.count("MaxPooling2D") == 1


def test_a_configuration_survives_json_and_changes():
    config = get_config("densenet121", pooling="max", growth_rate=16)
    assert (config.pooling, config.stem_channels) == ("max", 32)
    assert DenseNetConfig(**config.to_dict()) == config
    assert get_config(config) == config


STEMS_AND_ENDS = {
    ("pre-activation", "light"): ([], ["final_norm", "final_relu"]),
    ("pre-activation", "imagenet"): (
        ["stem_norm", "stem_relu"],
        ["final_norm", "final_relu"],
    ),
    ("post-activation", "light"): (["stem_norm", "stem_relu"], []),
    ("post-activation", "cifar"): (["stem_norm", "stem_relu"], []),
    ("post-activation", "imagenet"): (["stem_norm", "stem_relu"], []),
    ("no-norm", "light"): ([], ["final_relu"]),
    ("no-norm", "imagenet"): (["stem_relu"], ["final_relu"]),
}


@pytest.mark.parametrize(("order", "stem"), STEMS_AND_ENDS)
def test_stem_and_end_complete_what_the_order_leaves_open(order, stem):
    start, end = STEMS_AND_ENDS[order, stem]
    names = [layer.name for layer in ordered(order, stem=stem).layers]
    assert [n for n in names if n in ("stem_norm", "stem_relu")] == start
    after = names.index("stem_conv") + 1
    assert names[after : after + len(start)] == start
    before = names.index("block2_layer01_concat") + 1
    assert names[before:] == [*end, "pool", "logits"]


@pytest.mark.parametrize(
    ("stem", "fewer"), [("light", 0), ("cifar", 0), ("imagenet", 1)]
)
def test_both_orders_with_norms_have_as_many_but_for_one_stem(stem, fewer):
    before = layer_kinds(ordered("pre-activation", stem=stem))
    after = layer_kinds(ordered("post-activation", stem=stem))
    assert before.count("Conv2D") == after.count("Conv2D")
    kind = "BatchNormalization"
    assert before.count(kind) == after.count(kind) + fewer


@pytest.mark.parametrize("stem", ["light", "cifar", "imagenet"])
def test_no_norm_has_no_normalisation_and_every_convolution_a_bias(stem):
    model = ordered("no-norm", stem=stem)
    assert "BatchNormalization" not in layer_kinds(model)
    convs = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(convs) == 1 + 2 * 3 + 1
    assert all(layer.use_bias for layer in convs)


def test_from_one_seed_all_orders_draw_the_same_kernels():
    def kernels(order):
        keras.utils.set_random_seed(5)
        weights = ordered(order, dropout=0.1).get_weights()
        return [weight for weight in weights if weight.ndim > 1]

    expected = kernels("pre-activation")
    for order in ORDERS:
        for kernel, own in zip(expected, kernels(order), strict=True):
            np.testing.assert_array_equal(kernel, own)


@pytest.mark.parametrize("order", ["post-activation", "no-norm"])
def test_a_step_changes_every_weight_and_lowers_the_loss(order):
    keras.utils.set_random_seed(0)
    model = ordered(order)
    model.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    images = np.random.default_rng(1).normal(size=(8, 32, 32, 3))
    labels = np.arange(8) % 2
    before = model.get_weights()
    first = model.train_on_batch(images, labels)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert not np.array_equal(old, new)
    assert model.train_on_batch(images, labels) < first


@pytest.mark.parametrize("order", ORDERS)
def test_folding_and_heatmaps_hold_in_every_order(order):
    model = ordered(order, dropout=0.1)
    rng = np.random.default_rng(2)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    images = rng.normal(size=(2, 32, 32, 3)).astype("float32")
    folded = optimize_for_inference(model)
    assert "BatchNormalization" not in layer_kinds(folded)
    np.testing.assert_allclose(folded(images), model(images), rtol=1e-4)
    np.testing.assert_allclose(
        attribution.grad_cam(model, images, target=1),
        attribution.cam(model, images, target=1),
        atol=1e-5,
    )


def test_reuse_needs_normalisations():
    shapes = [
        matrix.shape
        for matrix in features.reuse_weights(ordered("post-activation"))
    ]
    assert shapes == [(3, 3), (2, 2)]
    words = "model is 'densenet'; .* with batch normalisation"
    with pytest.raises(InputError, match=words):
        features.reuse_weights(ordered("no-norm"))


@pytest.mark.parametrize("memory", ["shared", "linear"])
@pytest.mark.parametrize("order", ["post-activation", "no-norm"])
def test_lean_memory_refuses_other_orders(order, memory):
    words = f"memory is '{memory}'; expected 'naive' where .* '{order}'. The"
    with pytest.raises(InputError, match=words):
        ordered(order, memory=memory)


def test_a_record_without_an_order_is_of_the_papers():
    fields = TINY.to_dict()
    del fields["order"]
    assert DenseNetConfig(**fields) == TINY


def ordered(order, **options):
    """A small network of that order, with two classes."""
    return densenet(
        TINY, order=order, input_shape=(32, 32, 3), classes=2, **options
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"blocks": ()}, r"blocks is \(\); .* Give the layers"),
        ({"blocks": 6}, r"blocks is 6; .* Give the layers"),
        ({"blocks": (6, 0)}, r"blocks is \(6, 0\); .* positive whole"),
        ({"growth_rate": 12.5}, "growth_rate is 12.5; .* uses 12 to 48"),
        ({"growth_rate": True}, "growth_rate is True; .* positive whole"),
        ({"bottleneck": 0}, "bottleneck is 0; .* Leave bottleneck out"),
        ({"stem_filters": -1}, "stem_filters is -1; .* Leave stem_filters"),
        ({"theta": 2}, "theta is 2; .* at most 1"),
        ({"stem": "wide"}, "stem is 'wide'; .* 'imagenet', 'cifar', 'light'"),
        ({"pooling": "sum"}, "pooling is 'sum'; .* 'average', 'max'"),
        ({"dropout": 1}, "dropout is 1; .* below 1"),
        ({"order": "bn-first"}, "order is 'bn-first'; .* 'pre-activation', "),
    ],
)
def test_a_configuration_refuses(fields, words):
    with pytest.raises(InputError, match=words):
        DenseNetConfig(**{"blocks": (2, 2), "growth_rate": 4} | fields)


@pytest.mark.parametrize(
    ("config", "options", "words"),
    [
        ("densenet122", {}, "config is 'densenet122'; .* 'densenet121'"),
        (TINY, {"growth": 3}, "config is 'growth'; .* growth_rate"),
        (TINY, {"input_shape": (31, 32, 3)}, r"\(31, 32, 3\); .* 32 pixels"),
        (TINY, {"input_shape": (32, 32)}, r"input_shape is \(32, 32\); "),
        (TINY, {"input_shape": 64}, "input_shape is 64; .* Enlarge"),
        (TINY, {"input_shape": (32, 32, None)}, "None.; .* channels"),
        (TINY, {"classes": 0}, "classes is 0; .* Use 1 for a single logit"),
        (TINY, {"order": None}, "order is None; .* 'no-norm'"),
        (TINY, {"theta": 0.01}, "theta is 0.01; .* Choose a larger theta"),
        (
            DenseNetConfig((1, 1, 1, 1, 1), 4),
            {"input_shape": (63, 64, 3)},
            r"\(63, 64, 3\); .* at least 64 pixels",
        ),
    ],
)
def test_the_builder_refuses(config, options, words):
    with pytest.raises(InputError, match=words):
        densenet(config, **{"input_shape": (32, 32, 3)} | options)


@pytest.mark.parametrize(
    ("depth", "bc", "words"),
    [
        (41, False, "depth is 41; .* multiple of 3"),
        (43, True, "depth is 43; .* multiple of 6"),
        (4, False, "depth is 4; "),
    ],
)
def test_a_depth_that_three_blocks_cannot_make(depth, bc, words):
    with pytest.raises(InputError, match=words):
        cifar_config(depth, 12, bc=bc)

"""densenet_lib.attribution: every method by hand, and on every model."""

import keras
import numpy as np
import pytest
from keras import layers

from densenet_lib import attribution, features, runs, taps
from densenet_lib.attribution import METHODS, ON_FEATURES, ON_IMAGE, explain
from densenet_lib.datasets import sketches
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError

# Values by hand. x -> A = relu((x + 1, 1 - x)) -> h = relu(u.A1 + v.A2)
# -> y = h / 2. At X: A1 = [[2, 0], [4, 1]], A2 = [[0, 3], [0, 1]],
# h = 18 - 8 = 10, y = 5; g1 = u / 2 and g2 = v / 2.
X = np.array([[1.0, -2.0], [3.0, 0.0]]).reshape(1, 2, 2, 1)
A1, A2 = np.array([[2.0, 0], [4, 1]]), np.array([[0.0, 3], [0, 1]])


def by_hand():
    """(method, options, the signed map that paper and pencil give)."""
    # The Gram matrix of A1 and A2 is [[21, 1], [1, 10]]: its larger
    # eigenvalue is 31 / 2 + sqrt(121 / 4 + 1).
    first = np.array([1, 15.5 + np.sqrt(31.25) - 21])
    first /= np.linalg.norm(first)
    # Masked by A1 / 4, X is [[1/2, 0], [3, 0]] and h = 16 - 3.5, y = 6.25;
    # masked by A2 / 3 it is [[0, -2], [0, 0]], where h = 0.
    weight = 1 / (1 + np.exp(-6.25))
    return [
        ("grad-cam", {}, 1 * A1 - A2 / 2),
        # w1 = 2 / (2 + 2 * 7) + 2 * 1 / (2 + 7); w2 = 1/2 / (2 + 4 / 2).
        ("grad-cam++", {}, 25 / 72 * A1 + A2 / 8),
        ("layer-cam", {}, [[4, 0], [4, 1]]),
        ("hires-cam", {}, [[4, -3], [4, 0]]),
        ("score-cam", {"baseline": 0}, weight * A1 + (1 - weight) * A2),
        ("eigen-cam", {}, first[0] * A1 + first[1] * A2),
        # g1 where A1 > 0, less g2 where A2 > 0.
        ("gradient", {}, [[2, 1], [1, 2]]),
        ("guided-backprop", {}, [[2, 0], [1, 1]]),
        # Pixel by pixel set to 0: h is 7, 14, 3 and 10.
        (
            "occlusion",
            {"side": 1, "baseline": 0},
            [[1.5, -2], [3.5, 0]],
        ),
    ]


@pytest.mark.parametrize(
    "method, options, expected", by_hand(), ids=lambda x: str(x)[:16]
)
def test_a_method_is_what_paper_and_pencil_give(
    small, method, options, expected
):
    found = explain(small, X, method, target=1, signed=True, **options)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_only_some_methods_have_one_map_for_both_classes(method):
    model = runs.load("sketch/densenet").model()
    images = sketches.load(64, (0, 0, 2)).test.images
    cat, dog = (explain(model, images, method, target=k) for k in (0, 1))
    alike = method in attribution.WITHOUT_CLASS
    assert np.array_equal(cat, dog) == alike


def test_the_largest_magnitude_of_the_colours_is_shown(small):
    found = attribution.gradient(small, X, target=0)
    np.testing.assert_allclose(found[0], [[1, 0.5], [0.5, 1]])


def test_integrated_gradients_follow_the_kinks_of_the_way(small):
    """From 0 to X one kink is passed: at the pixel of 3 A2 = 1 - x ends.

    It does so after a third of the way: the gradient there is 3/2 and then 1.
    At the pixels of 1 and of -2 it is 3/2 and 1 all the way.
    """
    found = attribution.integrated_gradients(
        small, X, target=1, signed=True, baseline=0
    )
    expected = [[1.5, -2], [3 * (1.5 / 3 + 1 * 2 / 3), 0]]
    np.testing.assert_allclose(found[0], expected, rtol=0.01)
    # S(X) - S(0) = 5 - (8 - 4) / 2.
    np.testing.assert_allclose(found.sum(), 3, rtol=1e-3)


def test_integrated_gradients_are_complete_to_a_thousandth():
    model = runs.load("sketch/densenet").model()
    images = sketches.load(counts=(2, 2, 8)).test.images[[1, 3]]
    plain = images.mean(axis=(1, 2), keepdims=True) + np.zeros_like(images)
    found = attribution.integrated_gradients(
        model, images, target=1, signed=True
    )
    logits, blank = (
        np.asarray(taps.run(model, x))[:, 0] for x in (images, plain)
    )
    np.testing.assert_allclose(
        found.sum(axis=(1, 2)), logits - blank, rtol=1.1e-3
    )


# Every method, on every kind of model

CONFIG = DenseNetConfig((2, 2), 4, stem="light")
IMAGES = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), "u1")
CHEAP = {
    "smooth-grad": {"samples": 3},
    "integrated-gradients": {"steps": 4, "tolerance": 1.0},
    "occlusion": {"side": 16},
}


@pytest.fixture(scope="module")
def dense():
    keras.utils.set_random_seed(1)
    return densenet(CONFIG, input_shape=(32, 32, 3), classes=3, rescale=True)


@pytest.fixture(scope="module")
def hard(dense, tmp_path_factory):
    """The same: nested in a sequential one, half precision, from a file."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        body = densenet(
            CONFIG, input_shape=(32, 32, 3), include_top=False, name="body"
        )
        model = keras.Sequential(
            [
                keras.Input((32, 32, 3)),
                layers.Rescaling(1 / 127.5, offset=-1),
                body,
                layers.GlobalAveragePooling2D(),
                layers.Dense(3, activation="softmax"),
            ]
        )
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(dense.get_weights())
    file = tmp_path_factory.mktemp("models") / "hard.keras"
    model.save(file)
    return keras.models.load_model(file)


@pytest.mark.parametrize("method", METHODS)
def test_nested_loaded_half_precision_with_softmax_gives_the_same(
    dense, hard, method
):
    parts = [hard, *taps.operations(hard).values()]
    before = [set(vars(part)) for part in parts]
    expected, found = (
        explain(
            model,
            IMAGES,
            method,
            signed=True,
            batch_size=size,
            **CHEAP.get(method, {}),
        )
        for model, size in ((dense, 2), (hard, 32))
    )
    assert found.shape == IMAGES.shape[:3]
    assert found.dtype == np.float32
    assert found.any(axis=(1, 2)).all()
    np.testing.assert_allclose(
        found, expected, atol=2e-3 * np.abs(expected).max()
    )
    assert [set(vars(part)) for part in parts] == before


@pytest.mark.parametrize("method", METHODS)
def test_each_map_runs_from_zero_to_one(small, method):
    found = explain(small, X, method, target=1)
    assert found.min() >= 0
    assert found.max() == 1


LINEAR = sorted(
    set(METHODS)
    - {"grad-cam++", "layer-cam", "score-cam", "eigen-cam", "guided-backprop"}
)


@pytest.mark.parametrize("method", LINEAR)
def test_a_difference_of_classes_has_the_difference_of_maps(dense, method):
    both = [0, 1, 2], [2, 2, 1]
    difference, pro, contra = (
        explain(
            dense, IMAGES, method, target=target, signed=True,
            **CHEAP.get(method, {}),
        )
        for target in (both, *both)
    )  # fmt: skip
    assert np.abs(difference).max() > 0
    np.testing.assert_allclose(
        difference, pro - contra, atol=1e-4 * np.abs(pro).max()
    )


def test_without_noise_smooth_grad_is_the_gradient(dense):
    np.testing.assert_allclose(
        attribution.smooth_grad(dense, IMAGES, samples=2, noise=0),
        attribution.gradient(dense, IMAGES),
        atol=1e-5,
    )


def test_the_noise_of_smooth_grad_depends_on_the_seed_alone(dense):
    def noisy(images, seed):
        return attribution.smooth_grad(dense, images, samples=2, seed=seed)

    first = noisy(IMAGES, 0)
    np.testing.assert_allclose(noisy(IMAGES[:1], 0), first[:1], atol=1e-5)
    assert np.abs(noisy(IMAGES, 1) - first).max() > 0.1


def test_squares_cover_every_pixel_and_end_at_the_edges(dense):
    found = attribution.occlusion(
        dense, IMAGES[:1], side=12, stride=12, signed=True
    )
    # The last squares reach from 20 to 32: they share 20 to 24.
    assert len(np.unique(found[0, ::4, 0])) == 4


# Layers


def test_layers_are_fused_by_the_mean_of_their_maps(dense):
    ends = features.block_ends(dense)
    maps = [attribution.grad_cam(dense, IMAGES, layer=end) for end in ends]
    mean = np.mean(maps, axis=0)
    np.testing.assert_allclose(
        explain(dense, IMAGES, "grad-cam", layer=ends),
        mean / mean.max(axis=(1, 2), keepdims=True),
        atol=1e-6,
    )


def test_signed_maps_are_scaled_before_they_are_fused(dense):
    ends = features.block_ends(dense)
    options = {"target": 0, "signed": True}
    maps = [
        explain(dense, IMAGES, "hires-cam", layer=end, **options)
        for end in ends
    ]
    scaled = [m / np.abs(m).max(axis=(1, 2), keepdims=True) for m in maps]
    np.testing.assert_allclose(
        explain(dense, IMAGES, "hires-cam", layer=ends, **options),
        np.mean(scaled, axis=0),
        atol=1e-6,
    )


@pytest.mark.parametrize("layer", [(), "ends"])
def test_maps_without_one_size_are_not_fused(dense, layer):
    layer = features.block_ends(dense) if layer == "ends" else layer
    with pytest.raises(InputError, match="the sizes of the layers' maps"):
        explain(dense, IMAGES, "grad-cam", layer=layer, upsample=False)


@pytest.mark.parametrize("block", [1, 2])
def test_the_parts_of_the_sources_sum_to_the_whole(dense, hard, block):
    for model in (dense, hard):
        end = features.block_ends(model)[block - 1]
        whole = attribution.grad_cam(
            model, IMAGES, layer=end, target=0, signed=True
        )
        parts = attribution.by_source(model, IMAGES, block, target=0)
        assert list(parts) == ["input", "layer 1", "layer 2"]
        np.testing.assert_allclose(
            sum(parts.values()), whole, atol=1e-6 * np.abs(whole).max()
        )


def test_a_source_whose_channels_are_not_read_has_no_part(dense):
    model = keras.models.clone_model(dense)
    model.set_weights(dense.get_weights())
    norm = model.get_layer("final_norm")
    # 8 channels of the block's input, 4 of layer 1, 4 of layer 2.
    gamma = np.ones(norm.gamma.shape, "float32")
    gamma[-8:-4] = 0
    norm.gamma.assign(gamma)
    parts = attribution.by_source(model, IMAGES, 2)
    assert not parts["layer 1"].any()
    assert parts["input"].any() and parts["layer 2"].any()


# What cannot be used


def test_a_method_on_the_image_has_no_layer(dense):
    for method in ON_IMAGE:
        with pytest.raises(InputError, match="layer is 'final_relu'"):
            explain(dense, IMAGES, method, layer="final_relu")


@pytest.mark.parametrize("method", ON_FEATURES)
def test_a_layer_without_pixels_is_refused(dense, method):
    with pytest.raises(InputError, match="output of layer 'logits' is"):
        explain(dense, IMAGES, method, layer="logits")


@pytest.mark.parametrize("method", set(METHODS) - {"eigen-cam"})
@pytest.mark.parametrize("target", [(0, 1, 2), 3, (0, -1)])
def test_a_target_that_is_no_class_is_refused(dense, method, target):
    with pytest.raises(InputError, match="target is"):
        explain(dense, IMAGES, method, target=target)


def test_an_unknown_method_is_answered_with_all(dense):
    with pytest.raises(InputError, match="'grad-cam', .*'occlusion'"):
        explain(dense, IMAGES, "gradcam")


@pytest.mark.parametrize("options", [{"side": 33}, {"side": 4, "stride": 5}])
def test_squares_that_leave_pixels_out_are_refused(dense, options):
    with pytest.raises(InputError, match="a whole number of pixels"):
        attribution.occlusion(dense, IMAGES, **options)


def test_a_baseline_of_another_shape_is_refused(dense):
    with pytest.raises(InputError, match="the shape of baseline is"):
        attribution.integrated_gradients(dense, IMAGES, baseline=[0, 0])


def test_without_relus_there_is_nothing_to_guide():
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2)]
    )
    with pytest.raises(InputError, match="a model with ReLUs"):
        attribution.guided_backprop(model, np.zeros((1, 4, 4, 1)))


def test_a_model_without_blocks_has_no_sources(small, dense):
    with pytest.raises(InputError, match="a network of densenet_lib"):
        attribution.by_source(small, X, 1)
    with pytest.raises(InputError, match="block is 3"):
        attribution.by_source(dense, IMAGES, 3)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (attribution.smooth_grad, {"samples": 0}),
        (attribution.integrated_gradients, {"steps": 0}),
        (attribution.integrated_gradients, {"steps": 1.5}),
    ],
)
def test_nothing_to_take_the_mean_of_is_refused(dense, method, options):
    [(name, value)] = options.items()
    with pytest.raises(InputError, match=f"{name} is {value}; expected a pos"):
        method(dense, IMAGES, **options)

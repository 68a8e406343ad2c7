"""Augmentation in the training step gives what it gives ahead of it."""

import keras
import numpy as np
import pytest
from keras import ops

from densenet_lib import experiments, training
from densenet_lib.datasets.on_device import Augmented, augment
from densenet_lib.datasets.pipeline import Augmentation, Batches
from tests.augmentation import EVERYTHING
from tests.brightness import brightness

AUGMENTATIONS = {
    "still": Augmentation(flip=False),
    "shift": Augmentation(shift=0.1),
    "far out": Augmentation(shift=0.5, scale=(1.5, 2.0)),
    "colours": Augmentation(brightness=1, contrast=1, saturation=1),
    "cutout": Augmentation(cutout=0.5),
    "everything": EVERYTHING,
    "sketch": experiments.SKETCH_RECIPE.augmentation,
    "cpu": experiments.CPU_RECIPE.augmentation,
    "gpu": experiments.GPU_RECIPE.augmentation,
}


@pytest.fixture(scope="module")
def data():
    return brightness(32)


def _both(split, augmentation, **options):
    """Batches of one training, changed ahead and to be changed."""
    return (
        Batches(split, 8, augment=augmentation, augment_on=place, **options)
        for place in ("host", "device")
    )


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_images_are_those_of_the_host(data, name):
    host, device = _both(data.train, AUGMENTATIONS[name], seed=4)
    for index in range(len(host)):
        drawn = device[index][0]
        changed = augment(
            **{k: ops.convert_to_tensor(drawn[k]) for k in drawn}
        )
        assert ops.dtype(changed) == "float32"
        expected = host[index][0]
        assert np.abs(ops.convert_to_numpy(changed) - expected).max() < 2e-3


@pytest.mark.parametrize("sides", [(12, 20), (33, 8)])
def test_images_need_not_be_square(sides):
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (6, *sides, 3)).astype("float32")
    drawn = EVERYTHING.draw(images.shape, np.random.default_rng(1))
    tensors = {
        name: ops.convert_to_tensor(
            part, "bool" if part.dtype == bool else "float32"
        )
        for name, part in drawn.items()
    }
    changed = augment(ops.convert_to_tensor(images), **tensors)
    expected = EVERYTHING(images, np.random.default_rng(1))
    np.testing.assert_allclose(changed, expected, atol=2e-3)


def _net(name="net"):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            keras.layers.Conv2D(4, 3, strides=4, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, dtype="float32"),
        ],
        name=name,
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_training_is_that_of_the_host(data, jit_compile):
    plain, inner = _net(), _net()
    for model, batches in zip(
        (plain, Augmented(inner)),
        _both(data.train, EVERYTHING, workers=2),
        strict=True,
    ):
        model.compile(
            keras.optimizers.SGD(0.1, momentum=0.9),
            keras.losses.BinaryCrossentropy(from_logits=True),
            jit_compile=jit_compile,
        )
        model.fit(batches, epochs=3, shuffle=False, verbose=0)
    moved = 0
    for ours, theirs, first in zip(
        inner.get_weights(),
        plain.get_weights(),
        _net().get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        moved = max(moved, np.abs(ours - first).max())
    assert moved > 0.01


def test_images_alone_are_not_augmented(data):
    net = _net()
    plain, logits = (
        model(data.test.images, training=False)
        for model in (net, Augmented(net))
    )
    np.testing.assert_array_equal(plain, logits)


def test_the_network_is_saved_without_its_augmentation(data, tmp_path):
    net = _net()
    wrapped = Augmented(net)
    assert [v.path for v in wrapped.variables] == [
        v.path for v in net.variables
    ]
    recipe = training.Recipe(epochs=1, mixed_precision=False)
    training.compile_for(wrapped, recipe, 5)
    _, device = _both(data.train, EVERYTHING)
    wrapped.fit(device, verbose=0)
    net.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_allclose(
        loaded(data.test.images), net(data.test.images), atol=1e-6
    )


def test_in_mixed_precision_positions_stay_whole_and_the_loss_is_scaled(data):
    recipe = training.Recipe(epochs=1, mixed_precision=True)
    with training.precision(recipe):
        as_it_is = keras.Sequential(
            [
                keras.Input((32, 32, 3)),
                keras.layers.Activation("linear", dtype="float32"),
            ]
        )
        wrapped = Augmented(as_it_is)
    host, device = _both(data.train, EVERYTHING)
    tensors = {
        name: ops.convert_to_tensor(part)
        for name, part in device[0][0].items()
    }
    np.testing.assert_allclose(wrapped(tensors), host[0][0], atol=2e-3)
    training.compile_for(wrapped, recipe, 5)
    assert isinstance(wrapped.optimizer, keras.optimizers.LossScaleOptimizer)


def test_another_side_is_that_of_the_host(data):
    host, device = _both(data.train, EVERYTHING, seed=4, size=24)
    drawn = device[0][0]
    changed = augment(**{k: ops.convert_to_tensor(drawn[k]) for k in drawn})
    assert changed.shape == (8, 24, 24, 3)
    expected = host[0][0]
    assert np.abs(ops.convert_to_numpy(changed) - expected).max() < 2e-3

"""A larger DenseNet that begins as a smaller one: the same answers."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from densenet_lib import budget, experiments, growing, runs
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.experiments import EXPERIMENTS
from densenet_lib.networks import named_weights, set_named_weights
from densenet_lib.resnet import ResNetConfig
from tests.test_runs import TINY

SMALL = DenseNetConfig((2, 1, 3), 6, stem="light")
LARGE = replace(SMALL, blocks=(3, 1, 5))
CHANGES = {
    "plain": {},
    "no bottleneck": {"bottleneck": None},
    "max, theta 0.7": {"pooling": "max", "theta": 0.7},
    "stem of 7x7": {"stem": "imagenet"},
}


def _build(config, rng, memory="naive"):
    """A network none of whose variables is a constant."""
    keras.utils.set_random_seed(0)
    model = densenet(config, input_shape=(64, 64, 3), classes=1, memory=memory)
    for each in model.weights:
        factors = rng.uniform(0.5, 1.5, each.shape)
        each.assign(each.numpy() * factors + rng.uniform(0, 0.1, each.shape))
    return model


def _grown(small, config, large, larger):
    first = named_weights(large)
    weights = growing.grow(named_weights(small), config, first, larger)
    set_named_weights(large, weights)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("memory", ["naive", "linear"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_grown_network_answers_as_the_small_one(rng, change, memory):
    config, larger = replace(SMALL, **change), replace(LARGE, **change)
    small = _build(config, rng)
    large = _build(larger, rng, memory)
    images = rng.normal(size=(3, 64, 64, 3)).astype(np.float32)
    for training in (False, True):
        said = keras.ops.convert_to_numpy(small(images, training=training))
        before = keras.ops.convert_to_numpy(large(images, training=training))
        # Larger, and until it is grown another network.
        assert np.abs(before - said).max() > 1e-3 * np.abs(said).max()
    _grown(small, config, large, larger)
    for training in (False, True):
        said = keras.ops.convert_to_numpy(small(images, training=training))
        again = keras.ops.convert_to_numpy(large(images, training=training))
        np.testing.assert_allclose(
            again, said, rtol=1e-5, atol=1e-5 * np.abs(said).max()
        )


def test_a_network_with_dropout_grows_too(rng):
    config, larger = (replace(each, dropout=0.2) for each in (SMALL, LARGE))
    small, large = _build(config, rng), _build(larger, rng)
    _grown(small, config, large, larger)
    images = rng.normal(size=(3, 64, 64, 3)).astype(np.float32)
    said, again = (
        keras.ops.convert_to_numpy(m(images)) for m in (small, large)
    )
    np.testing.assert_allclose(
        again, said, rtol=1e-5, atol=1e-5 * np.abs(said).max()
    )


def test_new_layers_are_drawn_and_only_their_readers_are_zero(rng):
    small, large = _build(SMALL, rng), _build(LARGE, rng)
    first = named_weights(large)
    _grown(small, SMALL, large, LARGE)
    before, weights = named_weights(small), named_weights(large)
    for part in ("bottleneck_conv/kernel", "norm/gamma", "conv/kernel"):
        name = f"block3_layer05_{part}"
        np.testing.assert_array_equal(weights[name], first[name])
    # A layer of the last block reads the transition's new channels by zeros.
    name = "block3_layer01_bottleneck_conv/kernel"
    old = before[name].shape[2]
    assert weights[name].shape[2] > old
    assert not weights[name][:, :, old:].any()
    # The transition mixes them of all that is there.
    name = "transition1_conv/kernel"
    assert weights[name][..., before[name].shape[3] :].all()


def test_a_network_grown_by_nothing_is_itself(rng):
    small = _build(SMALL, rng)
    weights = named_weights(small)
    same = growing.grow(
        weights, SMALL, named_weights(_build(SMALL, rng)), SMALL
    )
    for name, value in weights.items():
        np.testing.assert_array_equal(same[name], value)


@pytest.mark.parametrize(
    "larger",
    [
        replace(LARGE, growth_rate=8),
        replace(LARGE, blocks=(3, 1, 2)),
        replace(LARGE, blocks=(3, 1, 5, 1)),
        replace(LARGE, order="post-activation"),
    ],
    ids=["growth rate", "shrunk", "a block more", "order"],
)
def test_what_does_not_grow_is_refused(larger):
    with pytest.raises(InputError, match="Add layers to the blocks"):
        growing.expect_growth(SMALL, larger)


def test_orders_that_cannot_grow_are_refused():
    config = replace(SMALL, order="post-activation")
    with pytest.raises(InputError, match="pre-activation"):
        growing.expect_growth(config, replace(config, blocks=(3, 1, 5)))


def test_a_resnet_is_refused():
    config = ResNetConfig((1, 1), 8)
    with pytest.raises(InputError, match="a pre-activation DenseNet"):
        growing.expect_growth(config, replace(config, blocks=(1, 2)))
    with pytest.raises(InputError, match="a pre-activation DenseNet"):
        growing.expect_growth(SMALL, config)


def test_a_training_begins_as_the_smaller_run(
    tiny_data, tmp_path, monkeypatch
):
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path))
    monkeypatch.setitem(EXPERIMENTS, TINY.path, TINY)
    start = runs.train(TINY, data=tiny_data, progress=False)
    larger = replace(TINY.config, blocks=(1, 3))
    on = replace(TINY, name="grown", config=larger, start=TINY.path)
    # With no rate nothing is learned, so that what is stored still answers
    # as it began: as the smaller one, whose statistics are only counted on.
    run = runs.train(
        on.but(epochs=1, learning_rate=0.0), data=tiny_data, progress=False
    )
    weights, before = named_weights(run.model()), named_weights(start.model())
    np.testing.assert_array_equal(
        weights["block1_layer01_conv/kernel"],
        before["block1_layer01_conv/kernel"],
    )
    kept = before["logits/kernel"].shape[0]
    np.testing.assert_allclose(
        weights["logits/kernel"][:kept], before["logits/kernel"], rtol=2**-10
    )
    assert not weights["logits/kernel"][kept:].any()
    assert runs.verify(run, tiny_data) == []
    alone = replace(run.experiment, start=None).multiply_adds(1)
    both = TINY.multiply_adds(1) + alone
    assert run.experiment.multiply_adds(1) == both


def test_the_published_network_grows_from_one_that_is_kept():
    grown = experiments.get("cpu/densenet-grown")
    start = experiments.get(grown.start)
    growing.expect_growth(start.config, grown.config)
    assert start.keep_weights
    few, many = (
        budget.closed_form(each.config, input_shape=(192, 192, 3), classes=1)
        for each in (start, grown)
    )
    # What the comment beside the configuration says.
    more = many.parameters / few.parameters
    dearer = many.multiply_adds / few.multiply_adds
    assert more > 1.5
    assert dearer < 1.25

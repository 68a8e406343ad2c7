"""The weights of a network by name: what is kept, and what is not."""

import keras
import numpy as np
import pytest

from densenet_lib.densenet import MEMORIES, densenet
from densenet_lib.networks import (
    named_weights,
    set_named_weights,
    variable_name,
)


def _tiny(**changes):
    return densenet(
        "densenet-40-12",
        blocks=(2, 1),
        growth_rate=4,
        bottleneck=4,
        input_shape=(32, 32, 3),
        classes=1,
        **changes,
    )


def _answers(model):
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3))
    return keras.ops.convert_to_numpy(model(images))


@pytest.mark.parametrize("memory", MEMORIES)
def test_weights_with_dropout_go_into_any_network_made_later(memory, tmp_path):
    model = _tiny(dropout=0.2, memory=memory)
    path = tmp_path / "weights.npz"
    np.savez(path, **named_weights(model))
    said = _answers(model)
    # Twice: each network has random numbers of another name.
    for _ in range(2):
        again = _tiny(dropout=0.2, memory=memory)
        assert np.abs(_answers(again) - said).max() > 1e-3
        with np.load(path) as arrays:
            set_named_weights(again, arrays)
        np.testing.assert_array_equal(_answers(again), said)


@pytest.mark.parametrize("memory", MEMORIES)
def test_dropout_leaves_names_and_order_as_they_are(memory):
    plain, dropping = _tiny(memory=memory), _tiny(memory=memory, dropout=0.2)
    names = [variable_name(variable) for variable in plain.variables]
    assert list(named_weights(plain)) == names
    assert list(named_weights(dropping)) == names
    assert len(set(names)) == len(names)
    assert len(dropping.variables) > len(names)

"""The transition's playground pools and differentiates as Keras does."""

import numpy as np
import pytest
from keras import ops

from densenet_lib.gradients import value_and_gradient
from densenet_lib.widgets.pooling import SIDE, TOP, transition_state

POOLINGS = {"average": ops.average_pool, "max": ops.max_pool}


def _maps():
    """Maps of several sides; whole numbers, so that some are equal, too."""
    rng = np.random.default_rng(0)
    sizes = [(8, 8), (6, 6), (2, 2), (7, 9)]
    real = [rng.normal(size=size) for size in sizes for _ in range(5)]
    whole = [rng.integers(0, 4, size) for size in sizes for _ in range(5)]
    return [np.asarray(one, "float32") for one in (*real, *whole)]


def _pooled(pool, values, weights):
    """Keras' pooled map, and the gradient of its weighted sum."""

    def total(x):
        return ops.sum(pool(x, 2)[0, ..., 0] * weights)

    x = values[None, ..., None]
    _, gradient = value_and_gradient(total, x)
    return ops.convert_to_numpy(pool(x, 2))[0, ..., 0], gradient[0, ..., 0]


@pytest.mark.parametrize("kind", POOLINGS)
def test_it_pools_as_keras_does_and_sends_gradients_back(kind, run_module):
    rng = np.random.default_rng(1)
    cases = [
        (one, rng.normal(size=[n // 2 for n in one.shape]).astype("float32"))
        for one in _maps()
    ]
    found = run_module(
        "transition",
        f"data.map(([map, gradient]) => [module.pool(map, '{kind}'), "
        f"module.backward(map, '{kind}', gradient)])",
        [(values.tolist(), weights.tolist()) for values, weights in cases],
    )
    for (values, weights), (pooled, back) in zip(cases, found, strict=True):
        expected = _pooled(POOLINGS[kind], values, weights)
        np.testing.assert_allclose(pooled, expected[0], atol=1e-6)
        np.testing.assert_allclose(back, expected[1], atol=1e-6)


def test_sums_and_means_are_those_of_the_map(run_module):
    maps = _maps()
    found = run_module(
        "transition",
        "data.map(module.summary)",
        [one.tolist() for one in maps],
    )
    for values, said in zip(maps, found, strict=True):
        expected = values.sum(), values.mean(), values.max()
        given = said["sum"], said["mean"], said["largest"]
        np.testing.assert_allclose(given, expected, atol=1e-4)


def test_moving_a_map_is_a_roll(run_module):
    values = np.arange(12).reshape(3, 4)
    moved = run_module("transition", "module.moved(data)", values.tolist())
    assert moved == np.roll(values, 1, axis=1).tolist()


def test_the_words_name_the_framed_window(run_module):
    values = [[1, 2, 0, 0], [3, 6, 0, 5], [0, 0, 7, 7], [0, 0, 1, 1]]
    one, other = (
        run_module("transition", f"module.inWords(data, {at}, 'one')", values)
        for at in ([0, 0], [1, 1])
    )
    assert "holds 1, 2, 3, 6: average 3, maximum 6." in one
    assert "the maximum all to row 2, column 2." in one
    assert "all to row 3, column 3, the first of the equal largest." in other


def test_a_start_is_a_map_of_digits():
    presets = transition_state()["presets"]
    assert len({one["name"] for one in presets}) == len(presets) >= 5
    for one in presets:
        values = np.array(one["map"])
        assert values.shape == (SIDE, SIDE)
        assert 0 <= values.min() and values.max() <= TOP


def test_the_starts_show_what_tells_the_poolings_apart():
    starts = {
        one["name"]: np.array(one["map"], "float32")
        for one in transition_state()["presets"]
    }
    windows = {
        name: values.reshape(4, 2, 4, 2).swapaxes(1, 2).reshape(16, 4)
        for name, values in starts.items()
    }
    spike = windows["a single spike"]
    assert spike.max(axis=1).max() == 4 * spike.mean(axis=1).max()
    board = windows["a chequerboard"]
    assert np.ptp(board.mean(axis=1)) == np.ptp(board.max(axis=1)) == 0
    edge = set(windows["an edge"].mean(axis=1))
    assert edge > set(windows["an edge"].max(axis=1))

"""The optimisers, held against their steps by hand."""

import keras
import numpy as np
import pytest

from densenet_lib.optimizers import CoupledSGD, Muon, orthogonalised

KERNEL = (3, 3, 5, 8)


def _random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def _muon(**options):
    options = {
        "momentum": 0.9,
        "nesterov": True,
        "kernel_share": 0.5,
    } | options
    return Muon(0.1, **options)


def _after(optimizer, start, gradients):
    """What a variable is after a step along each of the gradients."""
    variable = keras.Variable(start)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return _numpy(variable)


def test_coupled_decay_enters_the_momentum_as_in_torch():
    """Two steps by hand: v = m v - lr (g + d w); w += m v - lr (g + d w)."""
    weight = keras.Variable(np.array([2.0], "float32"))
    optimizer = CoupledSGD(0.1, momentum=0.9, nesterov=True, coupled_decay=0.5)
    gradient = keras.ops.convert_to_tensor(np.array([1.0], "float32"))
    expected, velocity = 2.0, 0.0
    for _ in range(2):
        optimizer.apply([gradient], [weight])
        step = 0.1 * (1.0 + 0.5 * expected)
        velocity = 0.9 * velocity - step
        expected += 0.9 * velocity - step
    assert keras.ops.convert_to_numpy(weight) == pytest.approx([expected])


def test_the_optimiser_survives_its_own_configuration():
    optimizer = CoupledSGD(0.1, momentum=0.9, coupled_decay=1e-4)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.coupled_decay == 1e-4
    assert again.momentum == 0.9


@pytest.mark.parametrize("shape", [(40, 8), (8, 40), (12, 12), (1, 5)])
def test_orthogonalising_keeps_directions_and_evens_lengths(shape):
    matrix = _random(shape)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    # In the directions of the matrix itself, the result is nearly diagonal.
    seen = left.T @ _numpy(orthogonalised(matrix)) @ right.T
    assert np.abs(seen - np.diag(np.diag(seen))).max() < 0.02
    large = values > 0.01 * np.linalg.norm(matrix)
    assert ((np.diag(seen) > 0.65) & (np.diag(seen) < 1.25))[large].all()


def test_directions_that_differ_hundredfold_are_evened_out():
    left, _, right = np.linalg.svd(_random((30, 6)), full_matrices=False)
    matrix = (left * np.array([100, 30, 10, 5, 2, 1.2])) @ right
    values = np.linalg.svd(_numpy(orthogonalised(matrix)))[1]
    assert values.max() / values.min() < 2


def test_no_gradient_gives_no_step_and_no_nan():
    assert not _numpy(orthogonalised(np.zeros((6, 3), "float32"))).any()


def test_muon_steps_by_hand():
    """Two steps: momentum, its polar factor, the length that is kept."""
    start, gradients = _random(KERNEL), [_random(KERNEL, s) for s in (1, 2)]
    kernel, momentum = start.astype("float64"), 0.0
    for gradient in gradients:
        momentum = 0.9 * momentum + gradient
        seen = (gradient + 0.9 * momentum).reshape(-1, KERNEL[-1])
        left, _, right = np.linalg.svd(seen, full_matrices=False)
        kernel *= KERNEL[-1] ** 0.5 / np.linalg.norm(kernel)
        kernel -= 0.1 * 0.5 * (left @ right).reshape(KERNEL)
    found = _after(_muon(), start, gradients)
    # The exact polar factor has singular values of 1, ours of about 1.
    step = np.linalg.norm(kernel - start * 8**0.5 / np.linalg.norm(start))
    assert np.linalg.norm(found - kernel) < 0.3 * step


def test_muon_does_not_ask_how_large_a_gradient_or_a_kernel_is():
    start, gradients = _random(KERNEL), [_random(KERNEL, s) for s in (1, 2)]
    scaled = [1000 * gradient for gradient in gradients]
    assert _after(_muon(), 7 * start, scaled) == pytest.approx(
        _after(_muon(), start, gradients), abs=1e-5
    )


@pytest.mark.parametrize(
    "shape, share",
    [(KERNEL, 1), ((1, 1, 16, 16), 1), ((1, 1, 4, 16), 0.5)],
    ids=["tall", "square", "wide"],
)
def test_a_step_turns_a_kernel_by_the_rate(shape, share):
    """By less where it has fewer rows than columns: sqrt(rows / columns)."""
    start = _random(shape)
    found = _after(_muon(), start, [_random(shape, 1)])
    length = shape[-1] ** 0.5
    turned = np.linalg.norm(found - start * length / np.linalg.norm(start))
    assert turned / length == pytest.approx(share * 0.1 * 0.5, rel=0.2)


@pytest.mark.parametrize("shape", [(5,), (6, 1)])
def test_what_is_no_kernel_is_trained_as_before(shape):
    start, gradients = _random(shape), [_random(shape, s) for s in (1, 2)]
    options = {"momentum": 0.9, "nesterov": True, "coupled_decay": 0.01}
    assert _after(_muon(**options), start, gradients) == pytest.approx(
        _after(CoupledSGD(0.1, **options), start, gradients), abs=1e-7
    )


def test_muon_survives_its_own_configuration():
    saved = keras.optimizers.serialize(_muon(coupled_decay=1e-4))
    again = keras.optimizers.deserialize(saved)
    assert isinstance(again, Muon)
    assert (again.kernel_share, again.coupled_decay) == (0.5, 1e-4)

"""What front ends compute is what the library computes."""

import itertools

import keras
import numpy as np
import pytest

from densenet_lib import budget, layers
from densenet_lib.densenet import CONFIGS, DenseNetConfig
from densenet_lib.networks import under_policy
from densenet_lib.widgets.activations import composite_state
from densenet_lib.widgets.architecture import PAPER, explorer_state

OWN = [
    DenseNetConfig(
        blocks,
        growth_rate,
        bottleneck=bottleneck,
        theta=theta,
        stem=stem,
        stem_filters=stem_filters,
    )
    for (blocks, growth_rate, bottleneck, stem), (theta, stem_filters) in zip(
        itertools.product(
            [(1,), (2, 3), (4, 4, 4, 4, 4)],
            [4, 20],
            [None, 4],
            ["imagenet", "light", "cifar"],
        ),
        itertools.cycle([(0.5, None), (0.29, 100), (1.0, 16), (0.7, None)]),
        strict=False,
    )
]
CASES = [(config, *PAPER[config.stem]) for config in CONFIGS.values()]
CASES += [(c, side, 1) for c, side in zip(OWN, [64, 97] * 18, strict=True)]


def _net(config, size, classes):
    return config.to_dict() | {"size": size, "classes": classes}


def test_there_are_enough_cases():
    assert len(CASES) >= 30


def test_the_explorers_budget_is_the_closed_form_row_by_row(run_module):
    nets = [_net(*case) for case in CASES]
    found = run_module("budget", "data.map(module.budget)", nets)
    for (config, size, classes), rows in zip(CASES, found, strict=True):
        expected = budget.closed_form(
            config, input_shape=(size, size, 3), classes=classes
        )
        for own, row in zip(rows, expected.layers, strict=True):
            assert own == {
                "name": row.name,
                "shape": list(row.output_shape),
                "parameters": row.parameters,
                "trainable": row.trainable,
                "multiply_adds": row.multiply_adds,
                "activations": row.activations,
            }


@pytest.mark.parametrize("memory", ["naive", "shared", "linear"])
def test_the_explorers_memory_is_the_librarys(memory, run_module):
    nets = [_net(*case) for case in CASES]
    found = run_module(
        "budget",
        "data.nets.map((net) => module.trainingBytes("
        "module.budget(net), data.batch, data.memory, data.maps))",
        {
            "nets": nets,
            "batch": 32,
            "memory": memory,
            "maps": budget.WORKING_MAPS[memory],
        },
    )
    assert found == [
        budget.training_bytes(
            config, input_shape=(size, size, 3), batch=32, memory=memory
        )
        for config, size, _ in CASES
    ]


def test_depth_is_the_number_in_the_name(run_module):
    names = ["densenet121", "densenet-100-24", "densenet-bc-190-40"]
    nets = [_net(CONFIGS[name], 64, 10) for name in names]
    assert run_module("budget", "data.map(module.depth)", nets) == [
        121,
        100,
        190,
    ]


def test_the_explorer_starts_from_every_net_of_the_library():
    state = explorer_state("densenet121", 32)
    for net, (name, config) in zip(
        state["nets"], CONFIGS.items(), strict=True
    ):
        assert net["name"] == name
        fields = {field: net[field] for field in config.to_dict().keys() & net}
        assert DenseNetConfig(**fields) == config


@pytest.mark.parametrize("shape", ["bell", "skewed", "outliers"])
def test_a_sample_has_the_mean_and_the_spread_asked_for(shape, run_module):
    values = run_module(
        "values",
        "[...module.sample(data.options, data.shape, 2, 3).values]",
        {"options": composite_state(16, 12), "shape": shape},
    )
    # 8192 values: the mean's error is 0.033; the spread's, with tails as
    # heavy as these, 0.2.
    assert abs(np.mean(values) - 2) < 0.15
    assert abs(np.std(values) - 3) < 0.6


@pytest.fixture(scope="module")
def bench(run_module):
    """The bench's state, its kernel, and each order's values in NumPy."""
    state = composite_state(16, 12)
    found = run_module(
        "values",
        "[[...module.weights(data)], data.orders.map(([, steps]) => "
        'module.through(module.sample(data, "outliers", -1, 2), steps, data)'
        ".map(({ shape, values }) => [shape, [...values]]))]",
        state,
    )
    kernel = np.reshape(found[0], (3, 3, 16, 12))
    orders = {
        name: [np.reshape(values, shape) for shape, values in states]
        for (name, _), states in zip(state["orders"], found[1], strict=True)
    }
    return state, kernel, orders


def test_the_benchs_weights_have_hes_variance(bench):
    _, kernel, _ = bench
    assert kernel.var() == pytest.approx(2 / (9 * 12), rel=0.1)


@pytest.mark.parametrize("order", ["pre-activation", "post-activation"])
def test_the_benchs_steps_are_numpys(order, bench):
    state, kernel, orders = bench
    padding = [(0, 0), (1, 1), (1, 1), (0, 0)]

    def norm(x):
        axes = (0, 1, 2)
        return (x - x.mean(axes)) / np.sqrt(x.var(axes) + state["epsilon"])

    def conv(x):
        padded = np.pad(x, padding)
        side = x.shape[1]
        return sum(
            padded[:, v : v + side, u : u + side] @ kernel[v, u]
            for v in range(3)
            for u in range(3)
        )

    steps = {"norm": norm, "relu": lambda x: np.maximum(x, 0), "conv": conv}
    values = orders[order]
    for step, x, result in zip(
        dict(state["orders"])[order], values, values[1:], strict=False
    ):
        np.testing.assert_allclose(steps[step](x), result, atol=1e-6)


@pytest.mark.parametrize("order", ["pre-activation", "post-activation"])
def test_the_bench_computes_the_librarys_composite_function(order, bench):
    _, kernel, orders = bench
    start, *_, end = orders[order]
    with under_policy("float64"):
        x = keras.Input(start.shape[1:])
        model = keras.Model(
            x, layers.composite(x, 12, order=order, name="bench")
        )
    model.get_layer("bench_conv").kernel.assign(kernel)
    given = keras.ops.convert_to_numpy(model(start, training=True))
    np.testing.assert_allclose(given, end, atol=1e-6)

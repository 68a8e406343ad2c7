"""densenet_lib.lean: the same function and gradients in less memory."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from densenet_lib import attribution, budget, features, lean, runs
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError

TINY = DenseNetConfig((2, 3), 4, stem="light")
LEAN = ("shared", "linear")


def build(memory, config=TINY, **options):
    """A network whose normalisations are not at their initial values."""
    keras.utils.set_random_seed(0)
    model = densenet(
        config, input_shape=(32, 32, 3), classes=3, memory=memory, **options
    )
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            weight + rng.uniform(0, 0.3, weight.shape) * (weight.ndim == 1)
            for weight in model.get_weights()
        ]
    )
    return model


def images(count=6):
    return np.random.default_rng(1).normal(size=(count, 32, 32, 3))


def step(model, jit_compile=False):
    """Loss, gradients (a step of rate 1) and weights after one step."""
    before = model.get_weights()
    model.compile(
        keras.optimizers.SGD(1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    loss = model.train_on_batch(images(), np.arange(6) % 3)
    after = model.get_weights()
    return float(loss), [a - b for a, b in zip(after, before, strict=True)]


def distance(found, expected):
    """Of two lists of arrays, as a share of the expected one's length."""
    return max(
        np.linalg.norm(f - e) / np.linalg.norm(e)
        for f, e in zip(found, expected, strict=True)
    )


@pytest.fixture
def double():
    """All computed in float64: what differs then is not rounding."""
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("memory", LEAN)
@pytest.mark.parametrize(
    "config",
    [
        TINY,
        DenseNetConfig((2, 2), 3, bottleneck=None, theta=1, stem="cifar"),
        DenseNetConfig((1, 2), 4, pooling="max", stem="imagenet"),
    ],
)
def test_loss_gradients_and_statistics_are_the_naive_ones(
    memory, config, double
):
    loss, changes = step(build("naive", config))
    lean_loss, lean_changes = step(build(memory, config))
    assert lean_loss == pytest.approx(loss, rel=1e-12)
    # The moving statistics are among the weights.
    assert distance(lean_changes, changes) < 1e-11


def test_in_single_precision_the_errors_are_of_the_naive_size():
    keras.config.set_dtype_policy("float64")
    _, exact = step(build("naive"))
    keras.config.set_dtype_policy("float32")
    _, naive = step(build("naive"))
    together = np.concatenate([change.ravel() for change in naive])
    for memory in LEAN:
        _, found = step(build(memory))
        assert distance(found, exact) < 3 * distance(naive, exact) + 1e-6
        joined = np.concatenate([change.ravel() for change in found])
        gap = np.linalg.norm(joined - together) / np.linalg.norm(together)
        assert gap < 1e-5


def test_a_wrong_gradient_would_be_seen(double, monkeypatch):
    # What the other tests compare must depend on the part that is easiest to
    # forget: the way of the gradient through the shared moments.
    _, expected = step(build("naive"))
    monkeypatch.setattr(lean, "_pay", lambda dx, x, born, owed: dx)
    _, found = step(build("linear"))
    assert distance(found, expected) > 1e-2


@pytest.mark.parametrize("keep", [True, False])
def test_dropout_drops_and_lets_the_gradient_through(keep, double):
    import tensorflow as tf

    block = lean.DenseBlock(2, 3, dropout=0.4, keep=keep, name="block")
    x = tf.constant(images(2)[:, :8, :8])
    block(x)
    rng = np.random.default_rng(3)
    weights = rng.normal(size=block(x).shape)
    kernel = block.trainable_variables[2]

    def value(values):
        kernel.assign(values)
        for layer in block.plain.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign([1, 2])
        return tf.reduce_sum(block(x, training=True) * weights)

    start, direction = kernel.numpy(), rng.normal(size=kernel.shape)
    with tf.GradientTape() as tape:
        first = value(start)
    slope = tf.reduce_sum(tape.gradient(first, kernel.value) * direction)
    assert value(start) == first != tf.reduce_sum(block(x) * weights)
    ends = [value(start + sign * 1e-7 * direction) for sign in (1, -1)]
    expected = float(ends[0] - ends[1]) / 2e-7
    assert float(slope) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("memory", LEAN)
def test_compiled_as_a_whole_it_computes_the_same(memory):
    _, expected = step(build("naive"))
    _, found = step(build(memory), jit_compile=True)
    assert distance(found, expected) < 1e-4


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_errs_as_the_naive_network_does(policy):
    _, exact = step(build("naive"))
    kernels = [i for i, change in enumerate(exact) if change.ndim == 4]
    errors = {}
    keras.config.set_dtype_policy(policy)
    try:
        for memory in ("naive", *LEAN):
            model = build(memory)
            _, found = step(model)
            errors[memory] = distance(
                [found[i] for i in kernels], [exact[i] for i in kernels]
            )
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("block1").compute_dtype == policy[6:]
    assert 0 < max(errors.values()) < 2 * errors["naive"]


REPLICAS = """
import tests  # before others put a package of that name on the path
import densenet_lib, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tests.test_lean import build, distance, step
changes = []
for memory in ("naive", "linear"):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        changes.append(step(build(memory))[1])
print(strategy.num_replicas_in_sync, distance(*changes))
"""


def test_two_replicas_train_as_the_naive_network_does():
    process = subprocess.run(
        [sys.executable, "-c", REPLICAS],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    replicas, gap = process.stdout.split()[-2:]
    assert replicas == "2"
    assert float(gap) < 1e-4


@pytest.mark.parametrize("memory", LEAN)
def test_weights_go_from_one_kind_to_the_other(memory, tmp_path):
    naive, other = build("naive"), build(memory)
    other.set_weights([0 * weight for weight in other.get_weights()])
    runs.save_weights(naive, tmp_path / "weights.npz")
    runs.load_weights(other, tmp_path / "weights.npz")
    expected = naive.predict(images(), verbose=0)
    found = other.predict(images(), verbose=0)
    np.testing.assert_allclose(found, expected, atol=2e-2)  # half precision
    other.set_weights(naive.get_weights())
    np.testing.assert_allclose(
        other.predict(images(), verbose=0), expected, rtol=1e-5, atol=1e-5
    )


def test_a_saved_network_comes_back(tmp_path):
    model = build("linear")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(images(), verbose=0), model.predict(images(), verbose=0)
    )
    assert distance(step(again)[1], step(model)[1]) < 1e-5


def test_a_plain_copy_is_the_naive_network_with_the_same_weights():
    model = build("linear")
    copy = lean.plain_copy(model)
    names = [layer.name for layer in build("naive").layers]
    assert [layer.name for layer in copy.layers] == names
    np.testing.assert_array_equal(
        copy.predict(images(), verbose=0), model.predict(images(), verbose=0)
    )


def test_a_frozen_normalisation_keeps_its_statistics():
    changes = {}
    for memory in ("naive", "linear"):
        model = build(memory)
        for layer in lean.plain_layers(model):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        changes[memory] = step(model)[1]
    for memory in changes:
        unmoved = [not change.any() for change in changes[memory]]
        assert sum(unmoved) > 20
    moved = [[c for c in changes[memory] if c.any()] for memory in changes]
    assert distance(*moved) < 1e-4


def test_it_is_looked_into_and_counted_like_the_naive_network():
    naive, model = build("naive"), build("linear")
    name = "block2_layer02_concat"
    expected = features.feature_maps(naive, images(), name)[name]
    found = features.feature_maps(model, images(), name)[name]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert budget.counted(model) == budget.counted(naive)
    for found, expected in zip(
        features.reuse_weights(model),
        features.reuse_weights(naive),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    for layer in (None, "block1_layer01_concat"):
        np.testing.assert_allclose(
            attribution.grad_cam(model, images(), layer=layer),
            attribution.grad_cam(naive, images(), layer=layer),
            atol=1e-3,
        )


def test_an_unknown_memory_is_refused():
    with pytest.raises(InputError, match=r"memory.*'small'.*linear"):
        densenet(TINY, memory="small")


@pytest.mark.parametrize(
    ("options", "named"),
    [({"theta": 2.0}, "theta"), ({"pooling": "median"}, "pooling")],
)
def test_a_lean_transition_refuses_what_a_plain_one_does(options, named):
    x = keras.Input((8, 8, 6))
    with pytest.raises(InputError, match=named):
        lean.transition(x, name="transition", **options)


def test_a_kernel_of_even_side_is_refused():
    with pytest.raises(InputError, match="odd"):
        lean.Composite(4, 2)

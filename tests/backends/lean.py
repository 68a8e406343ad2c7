"""Run by test_lean_backends.py, on the back end that KERAS_BACKEND names.

Prints how far one step of the lean networks is from a step of the naive one:
loss, then weights, moving statistics among them.
"""

import weakref

import keras
import numpy as np

from densenet_lib import lean
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.networks import under_policy

CONFIG = DenseNetConfig((2, 3), 4, stem="light", pooling="max")


def step(memory, pooling=CONFIG.pooling):
    """Loss and changes of the weights in one step."""
    keras.utils.set_random_seed(0)
    model = densenet(
        CONFIG,
        input_shape=(32, 32, 3),
        classes=3,
        memory=memory,
        pooling=pooling,
    )
    rng = np.random.default_rng(0)
    weights = [
        weight + rng.uniform(0, 0.3, weight.shape) * (weight.ndim == 1)
        for weight in model.get_weights()
    ]
    model.set_weights(weights)
    model.compile(
        keras.optimizers.SGD(1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    images = rng.normal(size=(6, 32, 32, 3)).astype("float32")
    loss = model.train_on_batch(images, np.arange(6) % 3)
    return float(loss), [
        after - before
        for after, before in zip(model.get_weights(), weights, strict=True)
    ]


def worst(found, expected):
    """Of all weights, the largest distance, as a share of the change."""
    return max(
        np.linalg.norm(f - e) / np.linalg.norm(e)
        for f, e in zip(found, expected, strict=True)
    )


def error(found, exact):
    """The distance of all weights together, as a share of the change."""
    found, exact = (
        np.concatenate([*map(np.ravel, v)]) for v in (found, exact)
    )
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


def main():
    """A line for each memory: distances in float32, errors in bfloat16."""
    loss, exact = step("naive")
    with under_policy("mixed_bfloat16"):
        naive_error = error(step("naive")[1], exact)
    for memory in ("shared", "linear"):
        lean_loss, found = step(memory)
        with under_policy("mixed_bfloat16"):
            lean_error = error(step(memory)[1], exact)
        distance = worst(found, exact)
        print(memory, abs(lean_loss - loss), distance, naive_error, lean_error)
    if keras.backend.backend() == "torch":
        expect_nothing_left()


def expect_nothing_left():
    """On PyTorch, what a step kept is free once its backward pass is done."""
    block = lean.DenseBlock(2, 4)
    x = keras.ops.ones((2, 8, 8, 4))
    block(x)
    kept = []
    activate = lean._activate

    def noted(*arguments):
        kept.append(activate(*arguments))
        return kept[-1]

    lean._activate = noted
    try:
        # Of a "shared" block the ReLUs' outputs are kept for the way back.
        block.keep = True
        loss = keras.ops.sum(block(x, training=True))
        found = [weakref.ref(each) for each in kept]
        kept.clear()
        loss.backward()
    finally:
        lean._activate = activate
    assert not any(each() is not None for each in found), "still in memory"


if __name__ == "__main__":
    main()

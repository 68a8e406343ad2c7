"""Run by test_lean_backends.py, on the back end that KERAS_BACKEND names.

Prints how far one step of the lean networks is from a step of the naive one:
loss, then weights, moving statistics among them.
"""

import keras
import numpy as np

from densenet_lib.densenet import DenseNetConfig, densenet

CONFIG = DenseNetConfig((2, 3), 4, stem="light", pooling="max")


def step(memory):
    """Loss and changes of the weights in one step."""
    keras.utils.set_random_seed(0)
    model = densenet(CONFIG, input_shape=(32, 32, 3), classes=3, memory=memory)
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


def main():
    """One line a kind: its name, the loss's and the weights' distance."""
    loss, expected = step("naive")
    for memory in ("shared", "linear"):
        lean_loss, found = step(memory)
        gap = max(
            np.linalg.norm(f - e) / np.linalg.norm(e)
            for f, e in zip(found, expected, strict=True)
        )
        print(memory, abs(lean_loss - loss), gap)


if __name__ == "__main__":
    main()

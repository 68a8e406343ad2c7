"""Run by test_direct.py, on PyTorch: a step with detours and without.

Prints for each pooling how far the two are apart in loss and in weights,
moving statistics among them; how far each is from there in bfloat16; then how
many copies and fused normalisations each takes. Checks that Keras is put back.
"""

from contextlib import nullcontext

import keras
import numpy as np
import torch
from keras.src.backend.torch import nn
from torch.profiler import profile

from densenet_lib import averaging, torch_speed
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.networks import under_policy
from tests.backends import lean

OPERATIONS = ("aten::copy_", "aten::native_batch_norm")


def counted(way, pooling):
    """A step's loss and changes, and how often each operation was called."""
    with profile() as seen, way:
        loss, changes = lean.step("naive", pooling)
    calls = {event.key: event.count for event in seen.key_averages()}
    return loss, changes, [calls.get(name, 0) for name in OPERATIONS]


def compare(pooling):
    """Print one line."""
    loss, expected, before = counted(nullcontext(), pooling)
    direct_loss, found, after = counted(torch_speed.direct(), pooling)
    with under_policy("mixed_bfloat16"):
        errors = [
            lean.error(counted(way, pooling)[1], expected)
            for way in (nullcontext(), torch_speed.direct())
        ]
    gap = lean.worst(found, expected)
    print(pooling, abs(direct_loss - loss), gap, *errors, *before, *after)


def changed():
    """What direct() changes."""
    return nn._transpose_spatial_inputs, keras.layers.BatchNormalization.call


def expect_put_back():
    """After an error, and after two that overlapped, Keras is as it was."""
    before = changed()
    try:
        with torch_speed.direct():
            assert changed() != before
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert changed() == before
    one, other = torch_speed.direct(), torch_speed.direct()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert changed() != before
    other.__exit__(None, None, None)
    assert changed() == before


class Watched(list):
    """Batches that note how a model stands when they are asked for."""

    def __init__(self, batches):
        super().__init__(batches)
        self.usual = changed()
        self.keeps_a_graph, self.takes_detours = [], []

    def __getitem__(self, number):
        self.keeps_a_graph.append(torch.is_grad_enabled())
        self.takes_detours.append(changed() == self.usual)
        return super().__getitem__(number)


def expect_lean_counting():
    """Statistics are counted without detours, and nothing is kept of it."""
    config = DenseNetConfig((1, 2), 4, stem="light")
    model = densenet(config, input_shape=(32, 32, 3), classes=1)
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 3))
    batches = Watched([(images.astype("float32"), None)] * 2)
    averaging.recount(model, batches)
    assert batches.keeps_a_graph == batches.takes_detours == [False, False]
    assert torch.is_grad_enabled() and changed() == batches.usual


def main():
    """A line for each pooling."""
    for pooling in ("average", "max"):
        compare(pooling)
    expect_put_back()
    expect_lean_counting()


if __name__ == "__main__":
    main()

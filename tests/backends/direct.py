"""Run by test_direct.py, on PyTorch: a step with detours and without.

Prints for each pooling how far the two are apart in loss and in weights,
moving statistics among them; how far each is from there in bfloat16; then how
many copies and fused normalisations each takes. Checks that Keras is put back.
"""

from contextlib import nullcontext

import keras
from keras.src.backend.torch import nn
from torch.profiler import profile

from densenet_lib import torch_speed
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


def main():
    """A line for each pooling."""
    for pooling in ("average", "max"):
        compare(pooling)
    expect_put_back()


if __name__ == "__main__":
    main()

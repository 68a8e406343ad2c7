"""Run by test_direct.py, on PyTorch: a step with detours and without.

Prints for each precision and pooling how far the two are apart in loss and in
weights, moving statistics among them; then how many copies and fused
normalisations each of them takes. Checks that Keras is put back.
"""

from contextlib import nullcontext

import keras
import numpy as np
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


def compare(policy, pooling):
    """Print one line."""
    with under_policy(policy):
        loss, expected, before = counted(nullcontext(), pooling)
        direct_loss, found, after = counted(torch_speed.direct(), pooling)
    gap = max(
        np.linalg.norm(f - e) / np.linalg.norm(e)
        for f, e in zip(found, expected, strict=True)
    )
    print(policy, pooling, abs(direct_loss - loss), gap, *before, *after)


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
    """A line for each precision and pooling."""
    for policy in ("float32", "mixed_bfloat16"):
        for pooling in ("average", "max"):
            compare(policy, pooling)
    expect_put_back()


if __name__ == "__main__":
    main()

"""Without its detours, Keras on PyTorch trains as with them."""

from pathlib import Path

import pytest

from tests.backends import lean

SCRIPT = Path(__file__).with_name("direct.py")
# How far loss and weights may be apart; of bfloat16, roundings fall elsewhere.
NEAR = {"float32": (1e-5, 1e-4), "mixed_bfloat16": (5e-3, 0.25)}
CONVOLUTIONS = 1 + 2 * sum(lean.CONFIG.blocks) + len(lean.CONFIG.blocks) - 1


def test_a_step_is_the_same_in_fewer_copies(run, backend):
    if backend != "torch":
        pytest.skip(f"nothing to do on {backend}")
    process = run(SCRIPT)
    assert process.returncode == 0, process.stderr[-3000:]
    lines = [line.split() for line in process.stdout.splitlines()][-4:]
    assert [policy for policy, *_ in lines] == [p for p in NEAR for _ in "12"]
    for policy, pooling, loss, gap, *counts in lines:
        print(policy, pooling, loss, gap, *counts)
        copies, fused, fewer, all_fused = map(int, counts)
        assert float(loss) < NEAR[policy][0]
        assert float(gap) < NEAR[policy][1]
        assert fewer <= copies - CONVOLUTIONS
        assert fused == 0 < all_fused

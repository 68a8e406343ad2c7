"""A step of a lean network is one of the naive, on every back end."""

from pathlib import Path

from tests.backends import lean

SCRIPT = Path(lean.__file__)
# How far loss and weights may be apart; of bfloat16, roundings fall elsewhere.
NEAR = {"float32": (1e-5, 1e-4), "mixed_bfloat16": (5e-3, 0.3)}


def test_lean_steps_are_naive_steps(run, backend):
    process = run(SCRIPT)
    assert process.returncode == 0, process.stderr[-3000:]
    lines = [line.split() for line in process.stdout.splitlines()][-4:]
    assert [kind for kind, *_ in lines] == ["shared", "linear"] * 2
    for kind, policy, loss, weights in lines:
        print(f"{backend} {kind} {policy}: loss {loss}, weights {weights}")
        near, as_near = NEAR[policy]
        assert float(loss) < near
        assert float(weights) < as_near

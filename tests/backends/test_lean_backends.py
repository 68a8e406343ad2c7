"""A step of a lean network is one of the naive, on every back end."""

from pathlib import Path

from tests.backends import lean

SCRIPT = Path(lean.__file__)


def test_lean_steps_are_naive_steps(run, backend):
    process = run(SCRIPT)
    assert process.returncode == 0, process.stderr[-3000:]
    lines = [line.split() for line in process.stdout.splitlines()][-2:]
    assert [kind for kind, *_ in lines] == ["shared", "linear"]
    for kind, *values in lines:
        print(backend, kind, *values)
        loss, weights, naive_error, lean_error = map(float, values)
        assert loss < 1e-5
        assert weights < 1e-4
        # In bfloat16 they err from the step in float32 about alike.
        assert lean_error < 1.25 * naive_error

"""A step of a lean network is one of the naive, on every back end."""

from pathlib import Path

from tests.backends import lean

SCRIPT = Path(lean.__file__)


def test_lean_steps_are_naive_steps(run, backend):
    process = run(SCRIPT)
    assert process.returncode == 0, process.stderr[-3000:]
    lines = [line.split() for line in process.stdout.splitlines()][-2:]
    assert [kind for kind, *_ in lines] == ["shared", "linear"]
    for kind, loss, weights in lines:
        print(f"{backend} {kind}: loss {loss}, weights {weights}")
        assert float(loss) < 1e-5
        assert float(weights) < 1e-4

"""Other back ends, each in a process of its own.

The back end is chosen when Keras is imported, so a test cannot change it. The
interpreter is the one that DENSENET_BACKENDS_PYTHON names (``make
test-backends`` sets it); a back end that is not installed there is skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("DENSENET_BACKENDS_PYTHON", sys.executable)
FIND = "import sys, importlib.util as u; sys.exit(not u.find_spec({!r}))"


@pytest.fixture(scope="session", params=["jax", "torch"])
def backend(request):
    """The name of a back end that is installed."""
    name = request.param
    if subprocess.run([PYTHON, "-c", FIND.format(name)]).returncode:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture(scope="session")
def run(backend):
    """A function that runs a script, with arguments, on the back end."""

    def on_backend(*arguments, cwd=None):
        return subprocess.run(
            [PYTHON, *map(str, arguments)],
            env=os.environ
            | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)},
            cwd=cwd,
            capture_output=True,
            text=True,
        )

    return on_backend

"""The same training on every back end: same weights, batches and steps.

TensorFlow, JAX and PyTorch sum in other orders, so the last digits part and
drift further with each step. Ten steps are few enough to compare.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.backends import fit

SCRIPT = Path(fit.__file__)


@pytest.mark.parametrize("way", fit.WAYS)
def test_a_training_goes_as_on_tensorflow(run, backend, tmp_path, way):
    fit.main(tmp_path, way)
    expected = json.loads((tmp_path / "tensorflow.json").read_text())
    process = run(SCRIPT, tmp_path, way)
    assert process.returncode == 0, process.stderr[-3000:]
    history = json.loads((tmp_path / f"{backend}.json").read_text())
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        difference = np.abs(np.subtract(history[name], values)).max()
        print(f"{backend} {name}: {difference:.1e}")
        np.testing.assert_allclose(history[name], values, atol=2e-3)

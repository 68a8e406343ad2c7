"""Our heatmaps beside those of other programs, on the same weights.

Captum, pytorch-grad-cam and torchcam are for PyTorch. They run in a process
of their own, in the interpreter that DENSENET_WITNESSES_PYTHON names (``make
test-witnesses`` sets it); what is not installed there is skipped.

Where theirs is another map than the paper's, ``witness.py`` asks both for the
same one:

- *Eigen-CAM* of pytorch-grad-cam subtracts each channel's mean, which the
  paper does not, and leaves the sign of the map to chance. Ours is asked for
  ``centred=True``; of the sign ``test_methods.py`` speaks.
- *Grad-CAM++* of pytorch-grad-cam adds 1e-6 to a denominator that is of the
  order of a squared gradient, and so changes maps where gradients are small.
  Both are given a network with a thousand times the logits. That of torchcam
  0.5 is not asked: it means to divide by the denominator, but divides a copy,
  so that its weights are sums of relu(g)**3.
- *Score-CAM*: torchcam multiplies images by masks, so our baseline is 0. It
  scales masks to 1 before it enlarges them, the paper and we do so after:
  0.9997 instead of 1. That of pytorch-grad-cam, which enlarges by aligning
  the corners, is not asked.
- *SmoothGrad* needs the same noise: Captum's is replaced by ours.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("witness.py")
PYTHON = os.environ.get("DENSENET_WITNESSES_PYTHON", sys.executable)
FIND = "import sys, importlib.util as u; sys.exit(not u.find_spec({!r}))"
MAPS = {"captum": 6, "pytorch_grad_cam": 10, "torchcam": 6}


@pytest.mark.parametrize("library", MAPS)
def test_maps_correlate_with_those_of(library):
    for needed in ("torch", library):
        if subprocess.run([PYTHON, "-c", FIND.format(needed)]).returncode:
            pytest.skip(f"{needed} is not installed")
    process = subprocess.run(
        [PYTHON, PROGRAM, library],
        env=os.environ | {"KERAS_BACKEND": "torch", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    print(process.stdout)
    lines = [line.split() for line in process.stdout.splitlines()]
    (gap,) = (float(line[1]) for line in lines if line[:1] == ["logits"])
    assert gap < 1e-4
    found = {line[2]: float(line[3]) for line in lines if line[:1] == ["ours"]}
    assert len(found) == MAPS[library]
    assert min(found.values()) >= 0.999, found

"""Gradients, feature maps and Grad-CAM are the same on every back end.

What a back end gives is compared, in ``inside.py``, with a value that owes
nothing to it: finite differences, and class activation maps, which need no
gradient.
"""

from pathlib import Path

PROGRAM = Path(__file__).with_name("inside.py")


def test_gradients_and_heatmaps(run, tmp_path):
    process = run(PROGRAM, cwd=tmp_path)
    assert process.returncode == 0, process.stderr[-3000:]

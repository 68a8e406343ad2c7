"""Exported networks: their size, their error and their time.

    python -m benchmarks.exports [RUN]

prints, as JSON, one row for Keras itself and one for each format. The network
is that of a recorded run. All take turns, round by round; each gives all its
answers with the cores that it takes by default.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.race import ROOT

RUN = "cpu/densenet-max"
BATCHES = (1, 32)
ROUNDS = 9


def measure(run=RUN):
    """The rows of a run's network, measured in a process of its own.

    Returns:
        {"keras" or format: {"bytes", "error", "seconds": {batch: [seconds of
        a round, …]}}}; Keras has no bytes and no error.

    Raises:
        RuntimeError: the process failed; the last line that it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.exports", run],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def rows(run):
    """As :func:`measure`, in this process."""
    import keras

    from densenet_lib import export, runs

    model = runs.load(run).model()
    images = {
        batch: np.random.default_rng(batch)
        .integers(0, 256, (batch, *model.input_shape[1:]))
        .astype("float32")
        for batch in BATCHES
    }
    networks = {"keras": _compiled(model, keras)}
    found = {"keras": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, suffix in export.FORMATS.items():
            path = Path(folder) / f"{name}{suffix}"
            export.export(model, path)
            networks[name] = export.load(path)
            found[name] = {
                "bytes": export.size(path),
                "error": export.verify(path, model, images[BATCHES[-1]]),
            }
        for name, seconds in _in_turns(networks, images).items():
            found[name]["seconds"] = seconds
    return found


def _compiled(model, keras):
    """The model as one function, without ``predict``'s own costs."""
    if keras.backend.backend() != "tensorflow":
        return lambda images: keras.ops.convert_to_numpy(model(images))
    import tensorflow as tf

    function = tf.function(
        lambda images: model(images, training=False), reduce_retracing=True
    )
    return lambda images: function(tf.convert_to_tensor(images)).numpy()


def _in_turns(networks, images):
    """{name: {batch: [seconds, …]}}; the first answer of each is not timed."""
    seconds = {name: {batch: [] for batch in images} for name in networks}
    for batch, shown in images.items():
        for answer in networks.values():
            answer(shown)
        for _ in range(ROUNDS):
            for name, answer in networks.items():
                start = time.perf_counter()
                answer(shown)
                seconds[name][batch].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    print(json.dumps(rows(*sys.argv[1:] or (RUN,))))

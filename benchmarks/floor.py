"""What the machine can do at best, through the back end of this process.

Multiply-adds a second of a large matrix product, and bytes a second of a
copy, read and written both counted. No step of a network can be faster than
its arithmetic at the one rate, nor than its traffic at the other.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import ops

from densenet_lib.hardware import cores

REPETITIONS = 5


def measure(gpu):
    """{"multiply_adds": a second, "bytes": a second}, the best of some."""
    return {
        "multiply_adds": _matrix_rate(gpu),
        "bytes": _device_copy_rate() if gpu else _copy_rate(),
    }


def _matrix_rate(gpu):
    # The precision of the steps: mixed on a GPU, else float32.
    side, dtype = (8192, "float16") if gpu else (2048, "float32")
    keys = np.random.default_rng(0).normal(size=(2, side, side))
    a, b = (ops.convert_to_tensor(key, dtype) for key in keys)
    seconds = _best(lambda: _wait(ops.matmul(a, b)))
    return side**3 / seconds


def _copy_rate():
    """By NumPy, each core its share, into memory that is there already."""
    source = np.ones(64_000_000, "float32")  # far more than any cache
    target = np.ones_like(source)
    parts = list(
        zip(
            np.array_split(target, cores()),
            np.array_split(source, cores()),
            strict=True,
        )
    )
    with ThreadPoolExecutor(cores()) as pool:
        seconds = _best(
            lambda: list(pool.map(lambda pair: np.copyto(*pair), parts))
        )
    return 2 * source.nbytes / seconds


def _device_copy_rate():
    source = ops.ones((256_000_000,), "float32")
    seconds = _best(lambda: _wait(ops.add(source, 1.0)))
    return 2 * 4 * 256_000_000 / seconds


def _wait(tensor):
    """Until it is computed: back ends may return before."""
    keras.ops.convert_to_numpy(ops.ravel(tensor)[:1])


def _best(function):
    function()  # libraries are loaded, memory is asked for
    seconds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)

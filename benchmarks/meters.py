"""Memory of this process, and of its GPU.

On a CPU the peak is the kernel's own high-water mark of resident memory,
which can be set back on Linux. Before, the allocator gives back what it
holds free. The difference of peak and rest is then what a step takes, and
nothing that libraries, compilers or earlier steps have left. On a GPU the
back end's allocator counts.
"""

import ctypes
import resource

import keras


def status(field):
    """A field of this process's status, in bytes: "VmRSS", "VmHWM" …

    Raises:
        OSError: no way to ask, as on systems other than Linux.
    """
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    raise KeyError(field)


def trim():
    """Give free memory back to the system, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def allow_more(bytes_more):
    """Set a limit on private memory, so much above what is used now.

    The limit is RLIMIT_DATA: all that is private and can be written to.
    RLIMIT_AS would also count what back ends reserve and never touch.
    """
    limit = status("VmData") + int(bytes_more)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def peak_of(function, gpu):
    """Bytes that a call of ``function`` takes at most, beyond what is held.

    Raises:
        OSError: no way to ask, as on systems other than Linux.
    """
    if gpu:
        return _GPU[keras.backend.backend()](function)
    trim()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    function()
    return status("VmHWM") - before


def _tensorflow_peak(function):
    import tensorflow as tf

    tf.config.experimental.reset_memory_stats("GPU:0")
    before = tf.config.experimental.get_memory_info("GPU:0")["current"]
    function()
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] - before


def _jax_peak(function):
    import jax

    # Its mark cannot be set back: right while each call takes more than all
    # before it, which the order of the measurements sees to.
    device = jax.devices()[0]
    before = device.memory_stats()["bytes_in_use"]
    function()
    return device.memory_stats()["peak_bytes_in_use"] - before


def _torch_peak(function):
    import torch

    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    return torch.cuda.max_memory_allocated() - before


_GPU = {
    "tensorflow": _tensorflow_peak,
    "jax": _jax_peak,
    "torch": _torch_peak,
}

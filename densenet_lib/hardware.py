"""What this process computes on, asked of the backend, never assumed."""

import os
import platform

import keras


def has_gpu():
    """True if the Keras backend sees a GPU; on PyTorch, one of CUDA's."""
    if keras.backend.backend() == "torch":  # Keras does not list its devices
        import torch

        return torch.cuda.is_available()
    devices = keras.distribution.list_devices()
    return any(name.lower().startswith(("gpu", "cuda")) for name in devices)


def cores():
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def describe():
    """Processor, accelerator, cores and backend, as plain values for JSON."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "accelerator": _accelerator(),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "python": platform.python_version(),
    }


def _processor():
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _accelerator():
    if not has_gpu():
        return None
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        device = tf.config.list_physical_devices("GPU")[0]
        details = tf.config.experimental.get_device_details(device)
        return details.get("device_name", "GPU")
    if backend == "jax":
        import jax

        return jax.devices()[0].device_kind
    import torch

    return torch.cuda.get_device_name()

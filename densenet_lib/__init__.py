"""DenseNet by hand, in Keras 3: the library that the book's chapters share."""

import os

# Both are read once, when TensorFlow is first imported. oneDNN makes a
# training step about 1.5 times as fast on a CPU, and its sums come out the
# same at any number of threads; TensorFlow leaves it off on processors
# without AVX-512. The log level silences TensorFlow's notes, not its errors.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from densenet_lib.quiet import without_greeting  # noqa: E402

with without_greeting():  # the first import of Keras, thus of TensorFlow
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow

        # Whoever asks first about GPUs is told at length that there is none.
        tensorflow.config.list_physical_devices("GPU")

from densenet_lib.densenet import (  # noqa: E402
    CONFIGS,
    DenseNetConfig,
    cifar_config,
    get_config,
)
from densenet_lib.inference import optimize_for_inference  # noqa: E402
from densenet_lib.pretrained import pretrained  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "CONFIGS",
    "DenseNetConfig",
    "cifar_config",
    "get_config",
    "optimize_for_inference",
    "pretrained",
]

"""PyTorch as fast as it is: Keras' layers on it, without their detours.

Keras keeps images channels last; PyTorch counts channels first, and has fast
operations for tensors that are stored channels last nevertheless. Between the
two, Keras 3.15 takes detours:

- It copies a feature map to channels first before each convolution and each
  pooling; the convolution then copies it back. To rename the axes is enough.
  (Issues 23279 and 23649 of keras-team/keras; the convolution's is mended in
  what comes after 3.15.)
- It puts a normalisation together from a dozen operations, each of which
  passes over the feature map. PyTorch has it as one.

The numbers are the same but for rounding. Of that there is more than Keras
has: on a CPU, PyTorch adds a channel up in float32 without a pause, so that of
a million values a variance may be off by a thousandth of itself.
"""

from contextlib import contextmanager, nullcontext
from threading import Lock

import keras
from keras.layers import BatchNormalization

from densenet_lib import statistics

# The function of Keras that copies. It is private: where a later version has
# it no more, its detour is taken.
_COPIES = "_transpose_spatial_inputs"

# How many are inside of direct(), and what the last of them puts back.
_lock, _inside, _before = Lock(), 0, []


@contextmanager
def direct(*, gradients=True):
    """While it lasts, what runs on PyTorch takes no detours.

    It holds for the whole process: Keras is changed when the first one enters,
    and is again what it was when the last one leaves. On other back ends it
    does nothing.

    Args:
        gradients: False keeps nothing for them, in this thread: what only
            goes forward, outside Keras' own loops, then takes no more memory
            than its answer.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    _enter()
    try:
        with nullcontext() if gradients else torch.no_grad():
            yield
    finally:
        _leave()


def _enter():
    from keras.src.backend.torch import nn

    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _replace(BatchNormalization, "call", _normalising)
            if hasattr(nn, _COPIES):
                _replace(nn, _COPIES, _renaming)


def _leave():
    global _inside
    with _lock:
        _inside -= 1
        while not _inside and _before:
            setattr(*_before.pop())


def _replace(owner, name, make):
    """Give ``owner`` what ``make`` makes of the function of that name."""
    function = getattr(owner, name)
    _before.append((owner, name, function))
    setattr(owner, name, make(function))


def _renaming(copy):
    """Keras' function from channels last to first, of images without a copy.

    Others, such as a sequence's (batch, steps, channels), it still copies.
    """

    def renamed(inputs, *arguments, **options):
        if inputs.ndim == 4:
            return inputs.movedim(-1, 1)
        return copy(inputs, *arguments, **options)

    return renamed


def _normalising(composed):
    """Keras' method of a normalisation, in training as one operation."""

    def call(layer, inputs, training=None, mask=None):
        if training and mask is None and _is_plain(layer, inputs):
            return _normalise(layer, inputs)
        return composed(layer, inputs, training=training, mask=mask)

    return call


def _is_plain(layer, inputs):
    """True of batch normalisation as the papers have it, of a feature map."""
    return (
        layer.trainable
        and layer.scale
        and layer.center
        and not getattr(layer, "renorm", False)  # since Keras 3.14
        and inputs.ndim == 4
        and layer.axis in (-1, 3)
        and inputs.device.type != "meta"
    )


def _normalise(layer, inputs):
    """What the layer does in training, its moving statistics included."""
    x = keras.ops.cast(inputs, layer.compute_dtype)
    y, own, _ = statistics.normalise(
        x, layer.gamma.value, layer.beta.value, layer.epsilon
    )
    statistics.follow(layer, own)
    return y

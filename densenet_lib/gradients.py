"""Gradients on TensorFlow, JAX and PyTorch; nothing else tells them apart.

Keras computes forward on each backend alike but has no gradient of its own.
Here a computation *marks* one tensor on its way; the gradient of the result
with respect to that tensor comes back. Only what follows the mark is
differentiated, so the gradient at a late layer costs little more than the
forward pass, in time and in memory.
"""

import keras
from keras import ops


def value_and_gradient(function, x):
    """A function's value at ``x`` and its gradient there.

    Args:
        function: maps a tensor to a scalar tensor, with ``keras.ops`` or a
            model called with ``training=False``.
        x: array, of any shape.

    Returns:
        The value, a float, and the gradient, an array of the shape of ``x``.
    """
    x = ops.convert_to_tensor(x)
    value, _, gradient = at_mark(lambda mark: function(mark(x)))
    return value, gradient


def at_mark(function):
    """Run ``function`` once and differentiate it at a tensor inside it.

    Args:
        function: called as ``function(mark)``; it computes a scalar tensor,
            and on the way passes one tensor through ``mark`` and goes on with
            what ``mark`` returns.

    Returns:
        The scalar, a float; the marked tensor and the gradient of the scalar
        with respect to it, arrays of one shape. Where the scalar does not
        depend on the marked tensor the gradient is zero.
    """
    value, marked, gradient = _BACKENDS[keras.backend.backend()](function)
    return (
        float(ops.convert_to_numpy(value)),
        ops.convert_to_numpy(marked),
        ops.convert_to_numpy(gradient),
    )


def _tensorflow(function):
    import tensorflow as tf

    marked = []
    # With no variable watched, the tape records nothing before the mark.
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def mark(tensor):
            tape.watch(tensor)
            marked.append(tensor)
            return tensor

        value = function(mark)
    gradient = tape.gradient(
        value, marked[0], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return value, marked[0], gradient


def _torch(function):
    import torch

    marked = []

    def mark(tensor):
        marked.append(tensor.detach().requires_grad_(True))
        return marked[0]

    with torch.enable_grad():
        value = function(mark)
    (gradient,) = torch.autograd.grad(
        value, marked, allow_unused=True, materialize_grads=True
    )
    return value, marked[0], gradient


def _jax(function):
    import jax

    # JAX differentiates with respect to arguments only: a zero that is added
    # at the mark. Its shape comes from a run that computes no number.
    shapes = []

    def note_shape(tensor):
        shapes.append((tensor.shape, tensor.dtype))
        return tensor

    jax.eval_shape(lambda: function(note_shape))

    def moved(delta):
        marked = []

        def mark(tensor):
            marked.append(tensor + delta)
            return marked[0]

        return function(mark), marked[0]

    zero = jax.numpy.zeros(*shapes[0])
    (value, marked), gradient = jax.value_and_grad(moved, has_aux=True)(zero)
    return value, marked, gradient


_BACKENDS = {"tensorflow": _tensorflow, "torch": _torch, "jax": _jax}

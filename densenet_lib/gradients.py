"""Gradients on TensorFlow, JAX and PyTorch, which Keras leaves to them.

Keras computes forward on each backend alike but has no gradient of its own.

- *To ask for one* (:func:`at_mark`), a computation marks one tensor on its
  way; the gradient of the result with respect to that tensor comes back. Only
  what follows the mark is differentiated, so the gradient at a late layer
  costs little more than the forward pass, in time and in memory.
- *To bring one* (:func:`custom`), a computation comes with its backward pass,
  for which the gradients of a convolution and of a ReLU are here, and the
  means to have it compute again what was not kept.
"""

from contextlib import contextmanager

import keras
from keras import ops, tree


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
    value, marked, gradient = _AT_MARK[keras.backend.backend()](function)
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
    if not value.requires_grad:  # of nothing that could be differentiated
        return value, marked[0].detach(), torch.zeros_like(marked[0])
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


_AT_MARK = {"tensorflow": _tensorflow, "torch": _torch, "jax": _jax}


def custom(forward, backward):
    """A computation that brings its own gradient.

    Args:
        forward: maps arguments, tensors in any nesting, to the output, a
            tensor; to tensors through which no gradient flows; and to what
            the backward pass shall find again. Whatever else it computes is
            forgotten.
        backward: called with the arguments, as a tuple, the output, what
            was kept, and the gradient of a scalar with respect to the output;
            returns the gradients of the arguments, nested as they are, with
            None where there is none.

    Returns:
        A function of the same arguments that returns the output and the
        tensors without a gradient. It is differentiated in reverse, once.
    """
    return _CUSTOM[keras.backend.backend()](forward, backward)


def _tensorflow_custom(forward, backward):
    import tensorflow as tf

    def run(*arguments):
        aside = []

        @tf.custom_gradient
        def flat(*tensors):
            nested = tree.pack_sequence_as(arguments, tensors)
            output, others, kept = forward(*nested)
            aside.append(others)

            def gradient(upstream, *_):
                return tree.flatten(backward(nested, output, kept, upstream))

            return (output, *tree.flatten(others)), gradient

        # Their values: a variable itself would want a gradient by name.
        tensors = map(tf.convert_to_tensor, tree.flatten(arguments))
        output, *others = flat(*tensors)
        return output, tree.pack_sequence_as(aside[0], others)

    return run


def _jax_custom(forward, backward):
    import jax

    @jax.custom_vjp
    def run(*arguments):
        return forward(*arguments)[:2]

    def keeping(*arguments):
        output, others, kept = forward(*arguments)
        return (output, others), (arguments, output, kept)

    def back(kept, upstream):
        return backward(*kept, upstream[0])

    run.defvjp(keeping, back)
    return run


def _torch_custom(forward, backward):
    import torch

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx, aside, arguments, *tensors):
            nested = tree.pack_sequence_as(arguments, tensors)
            output, others, kept = forward(*nested)
            aside.append(others)
            # The nesting alone: tensors held here would outlive the step.
            ctx.nesting = tree.map_structure(
                lambda _: 0, (arguments, None, kept)
            )
            ctx.save_for_backward(*tensors, output, *tree.flatten(kept))
            others = tree.flatten(others)
            ctx.mark_non_differentiable(*others)
            return output, *others

        @staticmethod
        def backward(ctx, upstream, *_):
            saved = tree.pack_sequence_as(ctx.nesting, ctx.saved_tensors)
            return None, None, *tree.flatten(backward(*saved, upstream))

    def run(*arguments):
        aside = []
        output, *others = Custom.apply(
            aside, arguments, *tree.flatten(arguments)
        )
        return output, tree.pack_sequence_as(aside[0], others)

    return run


_CUSTOM = {
    "tensorflow": _tensorflow_custom,
    "jax": _jax_custom,
    "torch": _torch_custom,
}


def convolution_gradients(x, kernel, dy):
    """Gradients of a convolution of stride 1 and padding "same".

    Args:
        x: what it read, (batch, height, width, channels).
        kernel: (side, side, channels, filters), the sides odd.
        dy: gradient of its result, (batch, height, width, filters).

    Returns:
        The gradients of ``x`` and of ``kernel``, of their shapes.
    """
    if tuple(kernel.shape[:2]) == (1, 1):
        pixels = ops.reshape(x, (-1, x.shape[-1]))
        dy_pixels = ops.reshape(dy, (-1, dy.shape[-1]))
        dx = ops.matmul(dy_pixels, ops.transpose(kernel[0, 0]))
        dkernel = ops.matmul(ops.transpose(pixels), dy_pixels)
        return ops.reshape(dx, ops.shape(x)), dkernel[None, None]
    return _CONVOLUTIONS[keras.backend.backend()](x, kernel, dy)


def _tensorflow_convolution(x, kernel, dy):
    import tensorflow as tf

    same = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    return (
        tf.nn.conv2d_transpose(dy, kernel, tf.shape(x), **same),
        tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=kernel.shape, out_backprop=dy, **same
        ),
    )


def _jax_convolution(x, kernel, dy):
    import jax

    def convolve(x, kernel):
        return ops.conv(x, kernel, padding="same", data_format="channels_last")

    return jax.vjp(convolve, x, kernel)[1](dy)


def _torch_convolution(x, kernel, dy):
    import torch

    x, dy = x.movedim(-1, 1), dy.movedim(-1, 1)
    kernel = kernel.permute(3, 2, 0, 1)
    sides = kernel.shape[2:]
    dx, dkernel, _ = torch.ops.aten.convolution_backward(
        dy,
        x,
        kernel.contiguous(memory_format=torch.channels_last),
        None,
        [1, 1],
        [side // 2 for side in sides],
        [1, 1],
        False,
        [0, 0],
        1,
        [True, True, False],
    )
    return dx.movedim(1, -1), dkernel.permute(2, 3, 1, 0)


_CONVOLUTIONS = {
    "tensorflow": _tensorflow_convolution,
    "jax": _jax_convolution,
    "torch": _torch_convolution,
}


def rectified(y):
    """The ReLU of ``y``, in whose place it may be written: it is not kept."""
    if keras.backend.backend() == "torch":
        return y.relu_()
    return ops.relu(y)


def relu_gradient(dz, z):
    """``dz`` where the ReLU's output ``z`` is positive, else 0."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # One pass over memory; a comparison and a choice would be two.
        return tf.raw_ops.ReluGrad(gradients=dz, features=z)
    if keras.backend.backend() == "torch":
        import torch

        return torch.ops.aten.threshold_backward(dz, z, 0)
    return ops.where(z > 0, dz, ops.zeros_like(dz))


def positive_only(x):
    """``x``, through which only what is positive of a gradient flows back.

    Behind every ReLU, it makes of backpropagation the guided one.
    """
    return custom(
        lambda x: (x, [], []),
        lambda arguments, output, kept, dy: (ops.maximum(dy, 0),),
    )(x)[0]


def tied(x, event):
    """``x``, made to depend on ``event`` in the eyes of a compiler.

    A compiler of the whole step sees that a backward pass computes again what
    the forward pass has computed. It would keep the one and drop the other:
    the very memory that is to be saved. JAX's barrier against this is lifted
    too early on a CPU. So ``x`` gets a zero added that comes from ``event``.
    """
    first = ops.ravel(event)[0]
    nothing = ops.where(ops.isnan(first), first, ops.zeros_like(first))
    return x + ops.cast(nothing, x.dtype)


@contextmanager
def once_known(tensor):
    """What is computed inside is not begun before ``tensor`` is known.

    TensorFlow starts an operation as soon as its inputs are there. In a
    backward pass that computes something again, they are there from the
    beginning, and all of it would be in memory at once.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    with tf.control_dependencies([tensor]):
        yield

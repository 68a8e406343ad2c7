"""Batch normalisation in parts: moments, normalisation, gradients.

Keras' layer does it all at once and knows only its own statistics. Here they
come apart, so that one set can serve several layers. TensorFlow and PyTorch
have each part as one operation, far faster than several; the formulas beside
them are for JAX, and for double precision on TensorFlow.
"""

from collections import namedtuple

import keras
from keras import ops

# Mean and variance of each channel over the batch and the places: (channels,).
Moments = namedtuple("Moments", "mean variance")


def moments(x):
    """The :class:`Moments` of ``x`` (batch, height, width, channels).

    In float32 where ``x`` has half precision. The variance is the mean square
    of the deviation, as in Keras; PyTorch's sums are less exact, see
    :mod:`densenet_lib.torch_speed`.
    """
    if keras.backend.backend() == "torch":
        return _torch_moments(x)
    x = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    mean = ops.mean(x, axis=(0, 1, 2))
    return Moments(mean, ops.mean(ops.square(x - mean), axis=(0, 1, 2)))


def follow(norm, own):
    """Move a layer's moving statistics towards :class:`Moments` of a batch.

    Args:
        norm: a ``keras.layers.BatchNormalization``.
        own: of the batch. No gradient flows through them here.
    """
    for moving, value in (
        (norm.moving_mean, own.mean),
        (norm.moving_variance, own.variance),
    ):
        value = ops.stop_gradient(ops.cast(value, moving.dtype))
        moving.assign(moving * norm.momentum + value * (1 - norm.momentum))


def fold(gamma, beta, given, epsilon):
    """Normalisation by given :class:`Moments` as scale * x + shift."""
    scale = gamma * ops.rsqrt(given.variance + epsilon)
    return scale, beta - given.mean * scale


def affine(x, gamma, beta, given, epsilon):
    """Normalisation by given :class:`Moments`, of the type of ``x``."""
    if keras.backend.backend() == "torch":
        return _torch_affine(x, gamma, beta, given, epsilon)
    scale, shift = fold(gamma, beta, given, epsilon)
    return ops.cast(ops.cast(x, scale.dtype) * scale + shift, x.dtype)


def normalise(x, gamma, beta, epsilon):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta.

    Returns:
        The result, of the shape and type of ``x``; the :class:`Moments` of
        ``x``; and what :func:`normalise_gradients` wants to have back.

    Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    if _has_operation(x):
        return _tensorflow_normalise(x, gamma, beta, epsilon)
    if keras.backend.backend() == "torch":
        return _torch_normalise(x, gamma, beta, epsilon)
    own = moments(x)
    return affine(x, gamma, beta, own, epsilon), own, own


def normalise_gradients(dy, x, gamma, reserve, epsilon):
    """Gradients of ``x``, gamma and beta from that of the result.

    Source: Ioffe and Szegedy 2015, section 3.
    """
    if _has_operation(x):
        return _tensorflow_gradients(dy, x, gamma, reserve, epsilon, True)
    if keras.backend.backend() == "torch":
        return _torch_gradients(dy, x, gamma, reserve, epsilon, True)
    dx, dgamma, dbeta = affine_gradients(dy, x, gamma, reserve, epsilon)
    count = ops.cast(ops.prod(ops.shape(x)[:-1]), dbeta.dtype)
    inverse = ops.rsqrt(reserve.variance + epsilon)
    normed = (ops.cast(x, inverse.dtype) - reserve.mean) * inverse
    common = gamma * inverse / count * (dbeta + normed * dgamma)
    return dx - ops.cast(common, dx.dtype), dgamma, dbeta


def affine_gradients(dy, x, gamma, given, epsilon):
    """The same with given :class:`Moments`, that do not depend on ``x``."""
    if _has_operation(x):
        reserve = (given.mean, given.variance, given.mean)
        return _tensorflow_gradients(dy, x, gamma, reserve, epsilon, False)
    if keras.backend.backend() == "torch":
        return _torch_gradients(dy, x, gamma, given, epsilon, False)
    inverse = ops.rsqrt(given.variance + epsilon)
    wide = ops.cast(dy, inverse.dtype)
    dbeta = ops.sum(wide, axis=(0, 1, 2))
    product = ops.sum(wide * ops.cast(x, wide.dtype), axis=(0, 1, 2))
    dgamma = (product - given.mean * dbeta) * inverse
    return ops.cast(wide * (gamma * inverse), dy.dtype), dgamma, dbeta


def _has_operation(x):
    """TensorFlow's fused operations take all but double precision."""
    return keras.backend.backend() == "tensorflow" and x.dtype != "float64"


def _tensorflow_normalise(x, gamma, beta, epsilon):
    import tensorflow as tf

    y, mean, variance, *reserve = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=gamma,
        offset=beta,
        mean=gamma[:0],
        variance=gamma[:0],
        epsilon=epsilon,
        is_training=True,
    )
    # The operation divides by one less than the number of values.
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), variance.dtype)
    own = Moments(mean, variance * (count - 1) / count)
    return y, own, tuple(reserve)


def _tensorflow_gradients(dy, x, gamma, reserve, epsilon, is_training):
    import tensorflow as tf

    return tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=dy,
        x=x,
        scale=gamma,
        reserve_space_1=reserve[0],
        reserve_space_2=reserve[1],
        reserve_space_3=reserve[2],
        epsilon=epsilon,
        is_training=is_training,
    )[:3]


def _torch_moments(x):
    # Of what the operation gives, its result is not needed. A mean and a
    # variance by themselves take a CPU two to four times as long.
    ones = x.new_ones(x.shape[-1], dtype=_torch_whole(x))
    return _torch_normalise(x, ones, 0 * ones, 1e-5)[1]


def _torch_affine(x, gamma, beta, given, epsilon):
    import torch

    return _channels_last(
        torch.native_batch_norm(
            _channels_first(x), gamma, beta, *given, False, 0.0, epsilon
        )[0]
    )


def _torch_normalise(x, gamma, beta, epsilon):
    import torch

    gamma, beta = (values.to(_torch_whole(x)) for values in (gamma, beta))
    y, mean, inverse = torch.native_batch_norm(
        _channels_first(x), gamma, beta, None, None, True, 0.0, epsilon
    )
    own = Moments(mean, (inverse**-2 - epsilon).clamp_min(0))
    return _channels_last(y), own, own


def _torch_gradients(dy, x, gamma, given, epsilon, is_training):
    import torch

    inverse = (given.variance + epsilon).rsqrt()
    dx, *others = torch.ops.aten.native_batch_norm_backward(
        _channels_first(dy),
        _channels_first(x),
        gamma.to(_torch_whole(x)),
        given.mean,
        given.variance,
        given.mean,
        inverse,
        is_training,
        epsilon,
        [True, True, True],
    )
    return _channels_last(dx), *(other.to(gamma.dtype) for other in others)


def _torch_whole(x):
    """The type of the moments: float32, or float64 of such an ``x``."""
    import torch

    return torch.promote_types(x.dtype, torch.float32)


def _channels_first(x):
    """PyTorch's order. No number is moved, only the axes are renamed.

    What is a part of the channels is copied first: the operations take many
    times as long where pixels do not lie side by side.
    """
    return x.contiguous().movedim(-1, 1)


def _channels_last(x):
    return x.movedim(1, -1)

"""Batch normalisation in parts: moments, normalisation, gradients.

Keras' layer does it all at once and knows only its own statistics. Here they
come apart, so that one set can serve several layers. TensorFlow has each part
as one operation, of which oneDNN and cuDNN have fast versions; the formulas
beside them are for the other back ends and for double precision.
"""

from collections import namedtuple

import keras
from keras import ops

# Mean and variance of each channel over the batch and the places: (channels,).
Moments = namedtuple("Moments", "mean variance")


def moments(x):
    """The :class:`Moments` of ``x`` (batch, height, width, channels).

    In float32 where ``x`` has half precision. The variance is the mean square
    of the deviation, as in Keras.
    """
    x = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    mean = ops.mean(x, axis=(0, 1, 2))
    return Moments(mean, ops.mean(ops.square(x - mean), axis=(0, 1, 2)))


def fold(gamma, beta, given, epsilon):
    """Normalisation by given :class:`Moments` as scale * x + shift."""
    scale = gamma * ops.rsqrt(given.variance + epsilon)
    return scale, beta - given.mean * scale


def normalise(x, gamma, beta, epsilon):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta.

    Returns:
        The result, of the shape and type of ``x``; the :class:`Moments` of
        ``x``; and what :func:`normalise_gradients` wants to have back.

    Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    if _has_operation(x):
        return _tensorflow_normalise(x, gamma, beta, epsilon)
    own = moments(x)
    scale, shift = fold(gamma, beta, own, epsilon)
    y = ops.cast(x, scale.dtype) * scale + shift
    return ops.cast(y, x.dtype), own, own


def normalise_gradients(dy, x, gamma, reserve, epsilon):
    """Gradients of ``x``, gamma and beta from that of the result.

    Source: Ioffe and Szegedy 2015, section 3.
    """
    if _has_operation(x):
        return _tensorflow_gradients(dy, x, gamma, reserve, epsilon, True)
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

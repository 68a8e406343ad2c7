"""The pieces of section 3 of the DenseNet paper, as Keras 3 functions.

Each function takes a symbolic feature map of shape (batch, height, width,
channels), adds layers to it and returns the new feature map. Nothing here
knows of whole networks, of data or of training.

Source: G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, "Densely
Connected Convolutional Networks", CVPR 2017 (arXiv:1608.06993), section 3.
"""

from keras import layers
from keras.initializers import VarianceScaling

from densenet_lib.errors import expect, expect_choice

POOLINGS = {
    "average": layers.AveragePooling2D,
    "max": layers.MaxPooling2D,
}

# What a composite function does before its convolution, and what after it.
ORDERS = {
    "pre-activation": (("norm", "relu"), ()),
    "post-activation": ((), ("norm", "relu")),
    "no-norm": (("relu",), ()),
}

# Keras' own defaults are 0.99 and 1e-3. Torch, in which the paper was
# written, has these; they decide how fast the moving statistics follow.
NORM_MOMENTUM = 0.9
NORM_EPSILON = 1e-5


def norm(x, *, name):
    """Batch normalisation over all but the channel axis.

    Source: Ioffe and Szegedy 2015; momentum and epsilon as in Torch.
    """
    return layers.BatchNormalization(
        axis=-1, momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=name
    )(x)


def activate(x, steps, *, name):
    """Apply what ``steps`` name, in their order: "norm", "relu", or nothing.

    Args:
        x: feature map (batch, height, width, channels).
        steps: one side of an entry of :data:`ORDERS`.
        name: prefix of the layers' names.
    """
    for step in steps:
        if step == "norm":
            x = norm(x, name=f"{name}_norm")
        else:
            x = layers.ReLU(name=f"{name}_relu")(x)
    return x


def conv(x, filters, kernel_size, *, strides=1, use_bias=False, name):
    """Convolution with the initialisation of He et al. 2015.

    The sides are kept, or divided by ``strides`` and rounded up. The variance
    of the weights is 2 / fan_out and the normal law is not truncated, as in
    the authors' code. Keras' ``he_normal`` differs in both. There is no bias
    unless asked for: the batch normalisation that reads the result would
    cancel it.
    """
    padding = "same"
    if strides > 1 and kernel_size > 1:
        # By hand, alike on all four sides. With stride 2 and an even side,
        # Keras' "same" pads the far end by one more: by 2 and 3 for a 7x7,
        # by 0 and 1 for a 3x3. Weights from Torch would see a shifted picture.
        x = layers.ZeroPadding2D(
            kernel_size // 2, data_format="channels_last", name=f"{name}_pad"
        )(x)
        padding = "valid"
    elif strides > 1:
        # A 1x1 kernel sees only the pixels that it steps on: pick them out
        # first. The result is the same. Asked to step itself, over fewer than
        # eight channels, it crashes the backward pass of TensorFlow 2.21 with
        # oneDNN on processors that have AVX2 but not AVX-512.
        x = layers.MaxPooling2D(
            1,
            strides=strides,
            padding="same",
            data_format="channels_last",
            name=f"{name}_pick",
        )(x)
        strides = 1
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=use_bias,
        kernel_initializer=VarianceScaling(2, "fan_out", "untruncated_normal"),
        data_format="channels_last",
        name=name,
    )(x)


def composite(
    x,
    filters,
    kernel_size=3,
    *,
    strides=1,
    dropout=0.0,
    order="pre-activation",
    name,
):
    """H: batch normalisation, then ReLU, then convolution.

    Other orders are there to compare with: "post-activation" is convolution,
    normalisation, ReLU; "no-norm" is ReLU, then a convolution with bias.

    In a dense block the order decides who normalises. With pre-activation
    every reader of a feature map scales and shifts it for itself; with
    post-activation its writer does so, once for all. So a reader of c
    channels has 2c numbers to learn, a writer of k channels 2k.

    Args:
        x: feature map (batch, height, width, channels).
        filters: channels of the result.
        kernel_size: side of the square kernel, in pixels.
        strides: step of the convolution, in pixels.
        dropout: fraction of the result set to zero while training.
        order: "pre-activation", "post-activation" or "no-norm".
        name: prefix of the layers' names.

    Returns:
        Feature map (batch, height / strides, width / strides, filters), the
        sides rounded up.

    Raises:
        InputError: an unknown order.

    Source: section 3, "Composite function"; the order is that of He et al.
    2016, "Identity Mappings in Deep Residual Networks"; "post-activation" is
    that of Ioffe and Szegedy 2015. Dropout comes last: after the convolution,
    as in the authors' code.
    """
    expect_choice("order", order, ORDERS)
    before, after = ORDERS[order]  # ("norm", "relu") and () in the paper
    x = activate(x, before, name=name)
    x = conv(
        x,
        filters,
        kernel_size,
        strides=strides,
        use_bias=order == "no-norm",
        name=f"{name}_conv",
    )
    x = activate(x, after, name=name)
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def dense_layer(
    x,
    growth_rate,
    *,
    bottleneck=4,
    dropout=0.0,
    order="pre-activation",
    name,
):
    """Compute ``growth_rate`` new channels and append them to ``x``.

    Args:
        x: feature map (batch, height, width, channels): all that the block
            has computed so far.
        growth_rate: k, the number of new channels.
        bottleneck: the 1x1 convolution before the 3x3 has this many times k
            channels; None leaves it out (DenseNet without the B).
        dropout, order: see :func:`composite`.
        name: prefix of the layers' names.

    Returns:
        Feature map (batch, height, width, channels + growth_rate).

    Source: section 3, equation (2) and "Bottleneck layers".
    """
    new = x
    if bottleneck is not None:
        new = composite(
            new,
            bottleneck * growth_rate,
            1,
            dropout=dropout,
            order=order,
            name=f"{name}_bottleneck",
        )
    new = composite(
        new, growth_rate, 3, dropout=dropout, order=order, name=name
    )
    return layers.Concatenate(axis=-1, name=f"{name}_concat")([x, new])


def dense_block(
    x,
    num_layers,
    growth_rate,
    *,
    bottleneck=4,
    dropout=0.0,
    order="pre-activation",
    name,
):
    """Stack ``num_layers`` dense layers; each reads all that came before.

    Args:
        x: feature map (batch, height, width, channels).
        num_layers: L, the number of dense layers.
        growth_rate, bottleneck, dropout, order: see :func:`dense_layer`.
        name: prefix of the layers' names.

    Returns:
        Feature map (batch, height, width, channels + num_layers *
        growth_rate).

    Source: section 3, "Dense connectivity" and "Growth rate".
    """
    for index in range(1, num_layers + 1):
        x = dense_layer(
            x,
            growth_rate,
            bottleneck=bottleneck,
            dropout=dropout,
            order=order,
            name=f"{name}_layer{index:02d}",
        )
    return x


def transition(
    x,
    theta=0.5,
    *,
    pooling="average",
    dropout=0.0,
    order="pre-activation",
    name,
):
    """Mix the channels down to a share ``theta``, then halve the sides.

    Args:
        x: feature map (batch, height, width, channels).
        theta: compression, in (0, 1]: the share of the channels that is kept,
            rounded down.
        pooling: "average", as in the paper, or "max".
        dropout, order: see :func:`composite`.
        name: prefix of the layers' names.

    Returns:
        Feature map (batch, height // 2, width // 2, floor(theta * channels)).

    Raises:
        InputError: theta outside (0, 1] or so small that no channel is left,
            or an unknown pooling or order.

    Source: section 3, "Pooling layers" and "Compression".
    """
    check_theta(theta)
    expect_choice("pooling", pooling, POOLINGS)
    filters = compressed(x.shape[-1], theta)
    x = composite(x, filters, 1, dropout=dropout, order=order, name=name)
    return POOLINGS[pooling](
        2, data_format="channels_last", name=f"{name}_pool"
    )(x)


def compressed(channels, theta):
    """Channels that a transition leaves: floor(theta * channels).

    Raises:
        InputError: no channel is left.

    Source: section 3, "Compression".
    """
    # 0.29 * 100 is 28.999999999999996 in floating point, but means 29.
    left = int(theta * channels + 1e-6)
    expect(
        left > 0,
        "theta",
        theta,
        f"a share that leaves at least one of {channels} channels",
        "Choose a larger theta.",
    )
    return left


def check_theta(theta):
    """Raise InputError unless 0 < theta <= 1."""
    expect(
        0 < theta <= 1,
        "theta",
        theta,
        "a share greater than 0 and at most 1",
        "1 keeps all channels; the paper's DenseNet-C has 0.5.",
    )

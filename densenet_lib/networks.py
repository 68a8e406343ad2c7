"""What the two families share: image, stem, head, and checks of the fields."""

from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral

import keras
import numpy as np
from keras import layers

from densenet_lib.errors import InputError, expect, expect_choice
from densenet_lib.layers import ORDERS, activate, conv

# How often each stem halves the sides.
STEMS = {"imagenet": 2, "cifar": 0, "light": 1}


def begin(
    input_shape, *, rescale, stem, filters, halvings, order="pre-activation"
):
    """The image and the first feature map.

    Args:
        input_shape: (height, width, channels); a side may be None.
        rescale: True maps 0 to 255 to -1 to 1.
        stem: "imagenet" (7x7 convolution and 3x3 max pooling, each of
            stride 2), "cifar" (3x3, stride 1) or "light" (3x3, stride 2).
        filters: channels of the first feature map.
        halvings: how often the network halves the sides after its stem.
        order: of the composite functions, see
            :func:`densenet_lib.layers.composite`. What it does after a
            convolution, it does after the stem's; what is max pooled has
            been rectified in every order.

    Returns:
        The symbolic image (batch, height, width, channels) and the feature
        map (batch, height / s, width / s, filters) with s = 4, 1 or 2.

    Raises:
        InputError: sides that the network would halve to nothing.
    """
    smallest = max(32, 2 ** (STEMS[stem] + halvings))
    _check_input_shape(input_shape, smallest)
    image = x = keras.Input(input_shape, name="image")
    if rescale:
        # In float32 under any policy: bfloat16 has eight bits, and would make
        # all pictures a little brighter.
        x = layers.Rescaling(
            1 / 127.5, offset=-1, dtype="float32", name="rescale"
        )(x)
    x = conv(
        x,
        filters,
        7 if stem == "imagenet" else 3,
        strides=1 if stem == "cifar" else 2,
        use_bias=order == "no-norm",
        name="stem_conv",
    )
    x = activate(x, stem_steps(stem, order), name="stem")
    if stem == "imagenet":
        x = layers.ZeroPadding2D(
            1, data_format="channels_last", name="stem_pool_pad"
        )(x)
        x = layers.MaxPooling2D(
            3, strides=2, data_format="channels_last", name="stem_pool"
        )(x)
    return image, x


def stem_steps(stem, order):
    """What follows the stem's convolution: see :func:`begin`."""
    before, after = ORDERS[order]
    return before + after if stem == "imagenet" else after


def finish(x, *, include_top, classes, order="pre-activation"):
    """Normalise and activate the last feature map, then classify it.

    With pre-activation, what leaves the last block has still to pass a
    normalisation and a ReLU: all that ``order`` does before a convolution is
    done before the classifier, too.
    """
    before, _ = ORDERS[order]
    x = activate(x, before, name="final")
    return head(x, classes) if include_top else x


def head(x, classes):
    """Global average pooling, then one dense layer that gives logits.

    Source: section 3, "Implementation Details". The bias starts at zero.

    Raises:
        InputError: ``classes`` is not a positive whole number.
    """
    expect(
        is_count(classes),
        "classes",
        classes,
        "a positive whole number",
        "Use 1 for a single logit, as in cat against dog.",
    )
    x = layers.GlobalAveragePooling2D(
        data_format="channels_last", name="pool"
    )(x)
    return layers.Dense(classes, dtype="float32", name="logits")(x)


def find_config(config, table, **changes):
    """The configuration of that name, or the one given, with changes.

    Args:
        config: a name from ``table``, or a configuration.
        table: configurations by name.
        **changes: fields to set otherwise.

    Raises:
        InputError: an unknown name or field, or a value out of its range.
    """
    if isinstance(config, str):
        expect_choice("config", config, table)
        config = table[config]
    fields = config.__dataclass_fields__
    unknown = set(changes) - set(fields)
    if unknown:
        raise InputError(
            "config",
            min(unknown),
            f"fields among {', '.join(fields)}",
            "Correct the field's name.",
        )
    return replace(config, **changes)


def variable_name(variable):
    """Its layer's name and its own, "block1_layer01_conv/kernel": the same in
    a network of plain layers and in one whose blocks hold their layers."""
    return "/".join(variable.path.split("/")[-2:])


def named_weights(model):
    """A float32 array for each weight, under :func:`variable_name`.

    The states of the random numbers, which a network with dropout has beside
    its weights, are left out: Keras numbers them anew in each network, and
    what is drawn in training is not what was learned.
    """
    return {
        variable_name(variable): np.asarray(variable.numpy(), np.float32)
        for variable in model.weights
    }


def set_named_weights(model, arrays):
    """Give ``model`` what :func:`named_weights` gave of one of its kind."""
    for variable in model.weights:
        variable.assign(arrays[variable_name(variable)])


@contextmanager
def under_policy(policy):
    """While it lasts, new layers compute by ``policy``, or its name."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def is_count(value):
    """True for a positive whole number."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and value > 0


def check_counts(what, values, remedy):
    """Raise InputError unless ``values`` holds positive whole numbers."""
    expect(
        isinstance(values, (tuple, list))
        and len(values) > 0
        and all(is_count(value) for value in values),
        what,
        values,
        "one or more positive whole numbers, in a tuple",
        remedy,
    )


def check_dropout(dropout):
    """Raise InputError unless 0 <= dropout < 1."""
    expect(
        0 <= dropout < 1,
        "dropout",
        dropout,
        "a share of at least 0 and below 1",
        "The paper uses 0.2 where it trains without augmentation.",
    )


def _check_input_shape(input_shape, smallest):
    expect(
        isinstance(input_shape, (tuple, list))
        and len(input_shape) == 3
        and all(
            side is None or (is_count(side) and side >= smallest)
            for side in input_shape[:2]
        )
        and is_count(input_shape[2]),
        "input_shape",
        input_shape,
        f"(height, width, channels) with sides of at least {smallest} pixels",
        "Enlarge the images, or use None for a side that varies.",
    )

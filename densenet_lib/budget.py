"""What a network costs: parameters, multiply-adds, activations.

Two ways that must agree: :func:`closed_form` does the sums from a
configuration, with no network built; :func:`counted` reads them off a built
network, layer by layer.

- *Parameters* are all stored numbers. *Trainable* ones are those that
  gradients change: batch normalisation stores four numbers a channel, of
  which two (scale and shift) are trainable and two are moving statistics.
- *Multiply-adds* are those of convolutions and of dense layers, for one
  image; a multiplication and the addition that follows count as one. Some
  profilers count the two apart and give twice as many. Not counted are
  normalisation (it can be folded into a convolution once training is over),
  ReLU, pooling, sums, copies and biases: by TensorFlow's profiler, 0.6 per
  cent more in DenseNet-121.
- *Activations* are the numbers that layers put out, for one image, each
  layer's output counted once. It is what a framework keeps for the backward
  pass if it keeps every output and shares nothing. In a dense block every
  concatenation writes out again all channels before it, as does the
  normalisation that reads it: with L layers of growth rate k that is about
  k L**2 / 2 numbers a pixel, each time. Frameworks that compute in place or
  compute again in the backward pass keep less (Pleiss et al. 2017).
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, prod

from keras import Model, layers

from densenet_lib.densenet import CONFIGS as DENSENETS
from densenet_lib.densenet import DenseNetConfig
from densenet_lib.errors import InputError, expect, expect_choice
from densenet_lib.inference import Threshold
from densenet_lib.layers import ORDERS, compressed
from densenet_lib.lean import plain_layers
from densenet_lib.networks import find_config, stem_steps
from densenet_lib.resnet import CONFIGS as RESNETS


@dataclass(frozen=True)
class Row:
    """The cost of one layer, or of several together.

    Attributes:
        name: of the layer, or the part of the name that several share.
        output_shape: without the batch: (height, width, channels).
        parameters: stored numbers.
        trainable: those that gradients change.
        multiply_adds: for one image.
        activations: numbers put out for one image.
    """

    name: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable: int
    multiply_adds: int
    activations: int


@dataclass(frozen=True)
class Budget:
    """The cost of a network: one :class:`Row` a layer, and their sums."""

    layers: tuple[Row, ...]

    @property
    def parameters(self):
        """Stored numbers."""
        return sum(row.parameters for row in self.layers)

    @property
    def trainable(self):
        """Stored numbers that gradients change."""
        return sum(row.trainable for row in self.layers)

    @property
    def multiply_adds(self):
        """Multiply-adds for one image."""
        return sum(row.multiply_adds for row in self.layers)

    @property
    def activations(self):
        """Numbers that all layers put out for one image."""
        return sum(row.activations for row in self.layers)

    def activation_bytes(self, batch=1, bytes_per_element=4):
        """Memory of the activations: 4 bytes for float32, 2 for float16."""
        return self.activations * batch * bytes_per_element

    def parts(self, level=1):
        """The rows summed over layers whose names begin alike.

        Args:
            level: how many words of the name must agree: 1 gives "block1",
                2 gives "block1_layer01".

        Returns:
            List of :class:`Row`; the output shape is that of the last layer.
        """
        groups = {}
        for row in self.layers:
            part = "_".join(row.name.split("_")[:level])
            groups.setdefault(part, []).append(row)
        return [_total(part, rows) for part, rows in groups.items()]

    def table(self, level=1):
        """The parts as text: a heading, a row a part, and the total."""
        rows = self.parts(level)
        rows.append(_total("total", self.layers))
        heading = [
            "part",
            "output",
            "parameters",
            "trainable",
            "multiply-adds",
            "activations",
        ]
        return [heading] + [_as_text(row) for row in rows]

    def __str__(self):
        columns = list(zip(*self.table(), strict=True))
        widths = [max(map(len, column)) for column in columns]
        # The first column is words, the others are numbers.
        return "\n".join(
            row[0].ljust(widths[0])
            + "".join(
                "  " + cell.rjust(width)
                for cell, width in zip(row[1:], widths[1:], strict=True)
            )
            for row in zip(*columns, strict=True)
        )


def _total(name, rows):
    return Row(
        name,
        rows[-1].output_shape,
        sum(row.parameters for row in rows),
        sum(row.trainable for row in rows),
        sum(row.multiply_adds for row in rows),
        sum(row.activations for row in rows),
    )


def _as_text(row):
    numbers = (
        row.parameters,
        row.trainable,
        row.multiply_adds,
        row.activations,
    )
    shape = " x ".join(map(str, row.output_shape))
    return [row.name, shape] + [f"{number:,}" for number in numbers]


def closed_form(
    config,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    include_top=True,
    rescale=False,
):
    """The budget by arithmetic alone, with no network built.

    Args:
        config: a DenseNetConfig or a ResNetConfig, or the name of one.
        input_shape: (height, width, channels) of the images, in pixels.
        classes, include_top, rescale: as for the network's builder.

    Returns:
        The :class:`Budget`. Its rows have the names of the built network's
        layers.

    Raises:
        InputError: an unknown name, or an ``input_shape`` with a side that
            varies.
    """
    config = find_config(config, DENSENETS | RESNETS)
    expect(
        None not in input_shape,
        "input_shape",
        input_shape,
        "sides of a fixed length",
        "Multiply-adds and activations depend on the size: give one.",
    )
    is_dense = isinstance(config, DenseNetConfig)
    ledger = _Ledger(config.order if is_dense else "pre-activation")
    shape = ledger.record("image", tuple(input_shape))
    if rescale:
        shape = ledger.record("rescale", shape)
    shape = ledger.stem(shape, config.stem_channels, config.stem)
    body = _dense_blocks if is_dense else _stages
    shape = body(ledger, shape, config)
    ledger.activate(shape, ledger.before, "final")
    if include_top:
        ledger.head(shape, classes)
    return Budget(tuple(ledger.rows))


class _Ledger:
    """Rows in the making.

    Each method stands for the function of the same name in ``layers`` or
    ``networks``: it takes the shape (height, width, channels) that goes in,
    writes down the cost and returns the shape that comes out. ``order`` is
    that of the composite functions.
    """

    def __init__(self, order):
        self.rows = []
        self.order = order
        self.before, self.after = ORDERS[order]

    def record(self, name, shape, weights=0, *, moving=0, multiply_adds=0):
        parameters = weights + moving
        self.rows.append(
            Row(name, shape, parameters, weights, multiply_adds, prod(shape))
        )
        return shape

    def norm(self, shape, name):
        channels = shape[-1]
        return self.record(name, shape, 2 * channels, moving=2 * channels)

    def activate(self, shape, steps, name):
        for step in steps:
            if step == "norm":
                self.norm(shape, f"{name}_norm")
            else:
                self.record(f"{name}_relu", shape)

    def conv(self, shape, filters, kernel, *, strides=1, name):
        height, width, channels = shape
        sides = ceil(height / strides), ceil(width / strides)
        if strides > 1 and kernel > 1:
            padding = 2 * (kernel // 2)
            self.record(
                f"{name}_pad", (height + padding, width + padding, channels)
            )
        elif strides > 1:
            self.record(f"{name}_pick", (*sides, channels))
        shape = (*sides, filters)
        weights = kernel * kernel * channels * filters
        # Each weight is used once at each place of the result.
        places = shape[0] * shape[1]
        bias = filters if self.order == "no-norm" else 0
        return self.record(
            name, shape, weights + bias, multiply_adds=places * weights
        )

    def composite(self, shape, filters, kernel, *, strides=1, dropout, name):
        self.activate(shape, self.before, name)
        shape = self.conv(
            shape, filters, kernel, strides=strides, name=f"{name}_conv"
        )
        self.activate(shape, self.after, name)
        if dropout:
            self.record(f"{name}_dropout", shape)
        return shape

    def stem(self, shape, filters, stem):
        shape = self.conv(
            shape,
            filters,
            7 if stem == "imagenet" else 3,
            strides=1 if stem == "cifar" else 2,
            name="stem_conv",
        )
        self.activate(shape, stem_steps(stem, self.order), "stem")
        if stem != "imagenet":
            return shape
        height, width, _ = shape
        self.record("stem_pool_pad", (height + 2, width + 2, filters))
        return self.record(
            "stem_pool", (ceil(height / 2), ceil(width / 2), filters)
        )

    def head(self, shape, classes):
        channels = shape[-1]
        self.record("pool", (channels,))
        weights = channels * classes
        return self.record(
            "logits", (classes,), weights + classes, multiply_adds=weights
        )


def _dense_blocks(ledger, shape, config):
    for block, num_layers in enumerate(config.blocks, start=1):
        if block > 1:
            shape = _transition(
                ledger, shape, config, f"transition{block - 1}"
            )
        for layer in range(1, num_layers + 1):
            shape = _dense_layer(
                ledger, shape, config, f"block{block}_layer{layer:02d}"
            )
    return shape


def _dense_layer(ledger, shape, config, name):
    height, width, channels = shape
    k = config.growth_rate
    if config.bottleneck is not None:
        shape = ledger.composite(
            shape,
            config.bottleneck * k,
            1,
            dropout=config.dropout,
            name=f"{name}_bottleneck",
        )
    ledger.composite(shape, k, 3, dropout=config.dropout, name=name)
    return ledger.record(f"{name}_concat", (height, width, channels + k))


def _transition(ledger, shape, config, name):
    height, width, channels = shape
    filters = compressed(channels, config.theta)
    ledger.composite(shape, filters, 1, dropout=config.dropout, name=name)
    return ledger.record(f"{name}_pool", (height // 2, width // 2, filters))


def _stages(ledger, shape, config):
    stages = zip(config.blocks, config.filters, strict=True)
    for stage, (units, filters) in enumerate(stages, start=1):
        for unit in range(1, units + 1):
            shape = _residual_unit(
                ledger,
                shape,
                filters,
                config,
                strides=2 if unit == 1 and stage > 1 else 1,
                name=f"stage{stage}_unit{unit:02d}",
            )
    return shape


def _residual_unit(ledger, shape, filters, config, *, strides, name):
    if config.bottleneck is None:
        steps = [("first", filters, 3, strides), ("second", filters, 3, 1)]
    else:
        steps = [
            ("reduce", filters, 1, 1),
            ("middle", filters, 3, strides),
            ("expand", filters * config.bottleneck, 1, 1),
        ]
    new = shape
    for step, width, kernel, stride in steps:
        new = ledger.composite(
            new,
            width,
            kernel,
            strides=stride,
            dropout=config.dropout,
            name=f"{name}_{step}",
        )
    if new != shape:
        ledger.conv(shape, new[-1], 1, strides=strides, name=f"{name}_project")
    return ledger.record(f"{name}_add", new)


# Maps of the size of a normalisation's input that are in memory at the height
# of its backward pass, beside what was kept. Measured, on TensorFlow and a
# CPU: the chapter on memory and speed holds the predictions against peaks.
WORKING_MAPS = {"naive": 5, "shared": 7, "linear": 6}


def training_bytes(
    config,
    *,
    input_shape=(224, 224, 3),
    batch=1,
    memory="naive",
    bytes_per_element=4,
):
    """Predict what a training step needs for its activations at its peak.

    The naive network keeps, for each composite function, the input of the
    normalisation and the output of the ReLU. With shared statistics a block
    keeps its features once, each bottleneck's output, and the ReLUs'; in
    linear memory not even these. The backward pass gives it all up, from the
    end; where it works, the maps of :data:`WORKING_MAPS` come on top.

    Not in it are weights and their gradients, the optimiser's memory, and
    what libraries hold.

    Args:
        config: a DenseNetConfig or the name of one.
        input_shape: (height, width, channels) of the images, in pixels.
        batch: images a step.
        memory: as for :func:`densenet_lib.densenet.densenet`.
        bytes_per_element: 4 for float32, 2 for float16.

    Returns:
        Bytes, a whole number.

    Raises:
        InputError: an unknown name or memory, a side that varies, an order
            other than "pre-activation", or dropout.
    """
    expect_choice("memory", memory, WORKING_MAPS)
    config = find_config(config, DENSENETS)
    expect(
        config.order == "pre-activation",
        "order",
        config.order,
        "'pre-activation'",
        "What the others keep has not been measured.",
    )
    expect(
        not config.dropout,
        "dropout",
        config.dropout,
        "0",
        "What its masks keep has not been measured.",
    )
    rows = closed_form(config, input_shape=input_shape).layers
    kept = peak = 0
    for before, row in pairwise(rows):
        kept += _kept(before, row, memory)
        if row.name.endswith("_norm"):
            working = WORKING_MAPS[memory] * row.activations
            peak = max(peak, kept + working)
    return peak * batch * bytes_per_element


def _kept(before, row, memory):
    """Numbers that a layer adds to what the backward pass finds again."""
    if memory == "naive" or row.name in ("stem_norm", "final_norm"):
        return 2 * row.activations if row.name.endswith("_norm") else 0
    if re.fullmatch(r"block\d+_layer\d+_concat", row.name):
        return before.activations  # the new features
    if not row.name.endswith("_norm"):
        return 0
    # The features are there already, but for the block's input; what comes
    # out of a bottleneck is not.
    first = before.name.endswith(("stem_conv", "_pool"))
    bottleneck = before.name.endswith("_bottleneck_conv")
    relu = row.activations if memory == "shared" else 0
    return relu + (row.activations if first or bottleneck else 0)


def counted(model):
    """The budget read off a built network, layer by layer.

    Args:
        model: a functional or sequential ``keras.Model`` of fixed input size,
            in which each layer is called once. Models inside it are opened.

    Returns:
        The :class:`Budget`, with the rows in the order of the layers.

    Raises:
        InputError: a layer of a kind whose multiply-adds are not known here,
            or an output whose size varies.
    """
    rows = []
    for layer in plain_layers(model):
        if isinstance(layer, Model):
            rows.extend(counted(layer).layers)
        else:
            rows.append(_counted_layer(layer))
    return Budget(tuple(rows))


# Layers with weights whose multiply-adds are left out: see the module's text.
_UNCOUNTED = (
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.Normalization,
    Threshold,
)


def _counted_layer(layer):
    shape = tuple(layer.output.shape[1:])
    expect(
        None not in shape,
        f"the output shape of layer {layer.name}",
        shape,
        "sides of a fixed length",
        "Build the model for one size of image, and count that.",
    )
    return Row(
        layer.name,
        shape,
        layer.count_params(),
        sum(prod(weight.shape) for weight in layer.trainable_weights),
        prod(shape) * _weights_an_output(layer),
        prod(shape),
    )


def _weights_an_output(layer):
    """Multiply-adds that one number of the layer's output takes."""
    if isinstance(layer, (layers.Dense, layers.Conv1D, layers.Conv2D)):
        return prod(layer.kernel.shape[:-1])
    if isinstance(layer, layers.DepthwiseConv2D):
        return prod(layer.kernel.shape[:2])
    if layer.weights and not isinstance(layer, _UNCOUNTED):
        raise InputError(
            f"the type of layer {layer.name}",
            type(layer).__name__,
            "a convolution, dense or normalisation layer",
            "Its multiply-adds are not known here.",
        )
    return 0

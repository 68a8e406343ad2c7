"""A network for inference only: the same outputs from less work.

At inference a batch normalisation multiplies each channel by one number and
adds another. The convolution beside it can do both:

- *After a convolution*, they go into its kernel and its bias.
- *Before a ReLU*, relu(a x + b) is a max(x, -b / a) + b for a > 0. What is
  left is one pass, the maximum; a and b go into the convolution that reads
  the result, if its kernel never reaches over the edge. In a dense layer the
  normalisation follows a concatenation, and a 1x1 convolution comes next.
- *Average pooling* may change places with a 1x1 convolution. The one of a
  transition is left with a quarter of its multiply-adds.

What cannot be folded without a change of the outputs stays as it is.
"""

from collections import defaultdict, namedtuple

import keras
import numpy as np
from keras import layers, ops

from densenet_lib.errors import expect
from densenet_lib.lean import plain_copy
from densenet_lib.taps import HALF

# What a tensor stands for: scale * tensor + shift, one number a channel each.
Affine = namedtuple("Affine", "scale shift")

# No feature comes near it: a ReLU whose bend lies farther out has none.
_FAR = 1e20

# Layers that do nothing at inference.
_IDLE = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
)


def optimize_for_inference(model):
    """A copy of a network that computes the same outputs with less work.

    Args:
        model: a functional or sequential ``keras.Model``; models inside it
            are opened. It is left as it is.

    Returns:
        A functional ``keras.Model`` with the inputs of ``model`` and, up to
        rounding, its outputs at ``training=False``. It computes in float32,
        also where ``model`` has a policy of mixed precision. There is no use
        in training it: its normalisations are gone.

    Raises:
        InputError: a model whose layers form no known graph, such as one of
            a subclass, or in which a layer is called with ``training=True``.
    """
    graph = plain_copy(_Copying()(model))
    return keras.models.clone_model(
        graph, clone_function=_itself, call_function=_Folding(graph)
    )


@keras.saving.register_keras_serializable("densenet_lib")
class Threshold(layers.Layer):
    """max(x, threshold), with one threshold a channel.

    What is left of a normalisation and a ReLU; see the text of the module.
    """

    def build(self, input_shape):
        self.threshold = self.add_weight(
            name="threshold", shape=input_shape[-1:], initializer="zeros"
        )

    def call(self, x):
        return ops.maximum(x, self.threshold)

    def compute_output_shape(self, input_shape):
        return input_shape


class _Copying:
    """Copies models into graphs that hold no models.

    A layer that is called twice becomes two, each with a name of its own.
    """

    def __init__(self):
        self.names = set()

    def __call__(self, model):
        expect_graph(model)
        # The graph alone, without how the model was compiled.
        if isinstance(model, keras.Sequential):
            ends = model.inputs[0], model.outputs[0]
        else:
            ends = model.input, model.output
        bare = keras.Model(*ends, name=model.name)
        return keras.models.clone_model(
            bare, clone_function=_itself, call_function=self.call
        )

    def call(self, layer, *arguments, **options):
        expect(
            not options.get("training"),
            f"training in the call of layer {layer.name!r}",
            options.get("training"),
            "False or nothing",
            "This layer works as in training at any time.",
        )
        if isinstance(layer, keras.Model):
            return self(layer).call(*arguments)
        name = layer.name
        while name in self.names:
            name += "_again"
        self.names.add(name)
        return _call_copy(layer, arguments, options, name=name)


class _Folding:
    """Called in a layer's place, it leaves out what another layer can do.

    It is led through a graph in which each layer is called once, from the
    inputs on, and makes the new graph. Where a new tensor is not yet what
    the old one is, ``pending`` says of the old one what is still to be done;
    that is so only where all that reads it can do it.
    """

    def __init__(self, graph):
        self.outputs = {id(x) for x in graph.outputs}
        self.readers = defaultdict(list)
        for operation in graph.operations:
            for x in keras.tree.flatten(operation.input):
                self.readers[id(x)].append(operation)
        self.pending = {}
        self.done = set()

    def __call__(self, layer, *arguments, **options):
        pending = self.pending.get(id(layer.input))
        if _is_linear(layer):
            return self.linear(layer, arguments[0], pending)
        if layer in self.done or isinstance(layer, _IDLE):
            y = arguments[0]
        elif (_is_norm(layer) or _is_rescaling(layer)) and self.can_wait(
            layer
        ):
            y, pending = arguments[0], _affine(layer)
        elif _is_relu(layer) and pending:
            y, pending = _threshold(layer, arguments[0], pending)
        else:
            y = _call_copy(layer, arguments, options)
        if pending:
            self.pending[id(layer.output)] = pending
        return y

    def linear(self, layer, x, pending):
        """A convolution or dense layer with all that it can do for others."""
        kernel, bias = _weights(layer)
        if pending:
            summed = tuple(range(kernel.ndim - 1))
            bias = bias + (kernel * pending.shift[:, None]).sum(summed)
            kernel = kernel * pending.scale[:, None]
        linear = layer.activation is keras.activations.linear
        after = self.reader(layer) if linear else None
        if _is_norm(after):
            scale, shift = _affine(after)
            kernel, bias = kernel * scale, bias * scale + shift
            self.done.add(after)
            after = self.reader(after)
        if _is_pointwise(layer) and _is_pooling(after):
            x = _call_copy(after, [x])
            self.done.add(after)
        use_bias = layer.use_bias or bool(bias.any())
        weights = [kernel, bias] if use_bias else [kernel]
        return _call_copy(layer, [x], weights=weights, use_bias=use_bias)

    def reader(self, layer):
        """The one layer that reads what a layer puts out, or None.

        Layers that do nothing are passed over.
        """
        readers = self.readers[id(layer.output)]
        if id(layer.output) in self.outputs or len(readers) != 1:
            return None
        if isinstance(readers[0], _IDLE):
            return self.reader(readers[0])
        return readers[0]

    def can_wait(self, layer):
        """True if what reads the layer can do its scale and shift instead."""
        if self.all_read(layer, self.takes):
            return True
        rising = (_affine(layer).scale >= 0).all()
        return rising and self.all_read(layer, self.takes_as_threshold)

    def takes_as_threshold(self, layer):
        return _is_relu(layer) and self.all_read(layer, self.takes)

    def takes(self, layer):
        """True if a layer can scale and shift its input by its own weights."""
        if isinstance(layer, _IDLE) or _is_average(layer):
            return self.all_read(layer, self.takes)
        return _is_linear(layer) and _stays_inside(layer)

    def all_read(self, layer, condition):
        """True if all that reads the layer's output meets the condition."""
        x = id(layer.output)
        return x not in self.outputs and all(map(condition, self.readers[x]))


def _call_copy(layer, arguments, options=None, *, weights=None, **changes):
    """What a copy of ``layer`` puts out, in float32.

    Args:
        layer: a built layer, or an operation without weights.
        arguments, options: of the call.
        weights: of the copy; None for the layer's own.
        **changes: to the layer's configuration.
    """
    policy = getattr(layer, "dtype_policy", None)
    if policy is not None and policy.compute_dtype in HALF:
        changes["dtype"] = "float32"
    copy = layer.__class__.from_config(layer.get_config() | changes)
    y = copy(*arguments, **(options or {}))
    if isinstance(layer, keras.Layer):
        copy.set_weights(layer.get_weights() if weights is None else weights)
    return y


def _threshold(relu, x, affine):
    """relu(scale * x + shift) as a maximum, and what it leaves to be done.

    No scale is below 0. Where one is 0, or next to it, the sum has the sign
    of its shift for every x: it is always let through, or never.
    """
    scale, shift = affine
    bends = np.abs(shift) < _FAR * scale
    threshold = np.full_like(scale, -_FAR)
    np.divide(-shift, scale, out=threshold, where=bends)
    dtype = "float32" if relu.compute_dtype in HALF else relu.compute_dtype
    layer = Threshold(name=relu.name, dtype=dtype)
    y = layer(x)
    layer.set_weights([threshold])
    never = ~bends & (shift <= 0)
    return y, Affine(np.where(never, 0, scale), np.where(never, 0, shift))


def _affine(layer):
    """Scale and shift of a normalisation or a rescaling, in float64."""
    if _is_rescaling(layer):
        shape = layer.output.shape[-1:]
        return Affine(
            np.broadcast_to(np.asarray(layer.scale, float), shape),
            np.broadcast_to(np.asarray(layer.offset, float), shape),
        )
    scale = 1 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
    if layer.scale:
        scale = scale * _array(layer.gamma)
    shift = -_array(layer.moving_mean) * scale
    if layer.center:
        shift = shift + _array(layer.beta)
    return Affine(scale, shift)


def _weights(layer):
    """Kernel and bias of a convolution or dense layer, in float64."""
    kernel = _array(layer.kernel)
    bias = _array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-1])
    return kernel, bias


def _array(variable):
    return ops.convert_to_numpy(variable).astype("float64")


# What a layer is. Subclasses may do something else, so they do not count.


def _is_linear(layer):
    return (
        type(layer) in (layers.Conv2D, layers.Dense)
        and _has_channels_last(layer)
        and layer.dtype_policy.quantization_mode is None
    )


def _is_pointwise(layer):
    return (
        type(layer) is layers.Conv2D
        and layer.kernel_size == (1, 1)
        and layer.strides == (1, 1)
    )


def _stays_inside(layer):
    """True if a linear layer never reads zeros from beyond the edge."""
    if type(layer) is layers.Dense:
        return True
    inside = layer.padding == "valid" or layer.kernel_size == (1, 1)
    return inside and layer.groups == 1


def _is_norm(layer):
    return type(layer) is layers.BatchNormalization and layer.axis in (
        -1,
        len(layer.output.shape) - 1,
    )


def _is_rescaling(layer):
    return (
        type(layer) is layers.Rescaling
        and layer.output.shape[-1] is not None
        and keras.backend.is_float_dtype(layer.input.dtype)
    )


def _is_relu(layer):
    if type(layer) is layers.Activation:
        return layer.activation is keras.activations.relu
    return type(layer) is layers.ReLU and (
        layer.max_value is None
        and layer.negative_slope == 0
        and layer.threshold == 0
    )


def _is_pooling(layer):
    return type(layer) is layers.AveragePooling2D and _has_channels_last(layer)


def _is_average(layer):
    return _is_pooling(layer) or (
        type(layer) is layers.GlobalAveragePooling2D
        and _has_channels_last(layer)
    )


def _has_channels_last(layer):
    return getattr(layer, "data_format", None) != "channels_first"


def expect_graph(model):
    """Refuse, with InputError, a model whose graph of layers is unknown."""
    expect(
        isinstance(model, keras.Model)
        and (
            hasattr(model, "operations")
            or (isinstance(model, keras.Sequential) and model.built)
        ),
        "model",
        getattr(model, "name", model),
        "a functional model, or a sequential one that has been built",
        "What the call method of a subclass does cannot be seen.",
    )


def _itself(layer):
    return layer

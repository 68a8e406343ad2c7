"""Dense blocks whose memory grows in a straight line with their depth.

In the plain graph every dense layer writes out again all channels before it:
once concatenated, once normalised, once after the ReLU. Kept for the backward
pass, that is about k L**2 / 2 numbers a pixel, each time, in a block of L
layers of growth rate k. Here a block keeps what is new and nothing else: its
input, the k channels that each layer adds, and the bottlenecks. The rest is
computed again when the backward pass comes to it (Pleiss et al. 2017). With
``keep=True`` what the ReLUs put out is kept as well: a little faster, and no
longer linear.

Nor is memory passed over more often than it must be. Two facts help:

- *A channel has one mean and one variance.* All layers that read it
  normalise it by the same batch statistics; they differ in scale and shift
  alone. The plain graph measures the channel anew for each of its readers;
  here it is measured once, when it is born.
- *Normalisation and ReLU are one map*, relu(scale * x + shift), with one
  scale and one shift a channel. Where a normalisation is the only reader of
  its input, and in all gradients, the fused operations of TensorFlow and
  PyTorch are used.

The gradients are those of the plain graph, written out by hand.

Source: G. Pleiss, D. Chen, G. Huang, T. Li, L. van der Maaten, K. Q.
Weinberger, "Memory-Efficient Implementation of DenseNets", arXiv:1707.06990.
"""

from collections import namedtuple

import keras
from keras import ops

from densenet_lib import layers
from densenet_lib.errors import expect, expect_choice
from densenet_lib.gradients import (
    convolution_gradients,
    custom,
    once_known,
    rectified,
    relu_gradient,
    tied,
)
from densenet_lib.layers import NORM_EPSILON
from densenet_lib.networks import under_policy
from densenet_lib.statistics import (
    Moments,
    affine,
    affine_gradients,
    follow,
    moments,
    normalise,
    normalise_gradients,
)

# A composite function as tensors: scale and shift of the normalisation, the
# kernel, and what dropout multiplies the result by: a tuple of one, or empty.
Step = namedtuple("Step", "gamma beta kernel masks")

# What a step leaves for its gradient: its input; its moments; what the
# gradient of the normalisation wants back; and, in a tuple if at all, what the
# convolution read. Empty is what can be had otherwise.
_Trace = namedtuple("_Trace", "x moments reserve z")


class LeanLayer(keras.layers.Layer):
    """A part of a network, trained in less memory than its plain layers.

    It holds these and, at inference, runs them. In training it does without:
    same outputs, same gradients. Where a normalisation is frozen, and so does
    not use the batch's statistics, the plain layers run in training as well.
    Gradients have no gradients.

    Args:
        arguments: of the function of :mod:`densenet_lib.layers` that makes
            the plain layers, but for its input and its name.
        keep: True keeps what the ReLUs put out.
        **options: of a Keras layer.

    Attributes:
        plain: the plain layers, as a functional model, once the layer is
            built. They own the weights.
    """

    def __init__(self, arguments, *, keep, **options):
        super().__init__(**options)
        self.arguments = arguments
        self.keep = keep

    def get_config(self):
        """What Keras needs to make this layer again."""
        return super().get_config() | self.arguments | {"keep": self.keep}

    def build(self, input_shape):
        """Make the plain layers, for an input of that shape."""
        with under_policy(self.dtype_policy):
            x = keras.Input(input_shape[1:], dtype=self.compute_dtype)
            self.plain = keras.Model(x, self.expand(x), name="plain")
        self.built = True

    def expand(self, x):
        """Apply plain layers, made anew, to the symbolic feature map ``x``."""
        raise NotImplementedError

    def compute(self, x, steps):
        """The output and the :class:`Moments` of each step's input."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        """The shape that the plain layers put out."""
        return self.plain.compute_output_shape(input_shape)

    def call(self, x, training=None):
        """Map a feature map (batch, height, width, channels) to another."""
        composites = list(_composites(self.plain))
        if not training or not all(norm.trainable for norm, *_ in composites):
            return self.plain(x, training=training)
        steps = [_step(x, *composite) for composite in composites]
        output, found = self.compute(x, steps)
        for (norm, *_), own in zip(composites, found, strict=True):
            follow(norm, own)
        return output


@keras.saving.register_keras_serializable("densenet_lib")
class DenseBlock(LeanLayer):
    """:func:`densenet_lib.layers.dense_block` in memory linear in its depth.

    Args:
        num_layers, growth_rate, bottleneck, dropout: as there.
        keep: True keeps what the ReLUs put out: no longer linear.
        **options: of a Keras layer, above all ``name``.
    """

    def __init__(
        self,
        num_layers,
        growth_rate,
        *,
        bottleneck=4,
        dropout=0.0,
        keep=False,
        **options,
    ):
        arguments = {
            "num_layers": num_layers,
            "growth_rate": growth_rate,
            "bottleneck": bottleneck,
            "dropout": dropout,
        }
        super().__init__(arguments, keep=keep, **options)

    def expand(self, x):
        """See :class:`LeanLayer`."""
        return layers.dense_block(x, name=self.name, **self.arguments)

    def compute(self, x, steps):
        """See :class:`LeanLayer`."""
        length = 1 if self.arguments["bottleneck"] is None else 2
        chains = [
            steps[start : start + length]
            for start in range(0, len(steps), length)
        ]
        return _BLOCKS[self.keep](x, chains)


@keras.saving.register_keras_serializable("densenet_lib")
class Composite(LeanLayer):
    """:func:`densenet_lib.layers.composite`, keeping its input alone.

    Args:
        filters, kernel_size, dropout: as there.
        keep: True keeps what the ReLU puts out.
        **options: of a Keras layer, above all ``name``.
    """

    def __init__(
        self, filters, kernel_size=3, *, dropout=0.0, keep=False, **options
    ):
        expect(
            kernel_size % 2 == 1,
            "kernel_size",
            kernel_size,
            "an odd number",
            "The gradients written out here pad alike on all sides.",
        )
        arguments = {
            "filters": filters,
            "kernel_size": kernel_size,
            "dropout": dropout,
        }
        super().__init__(arguments, keep=keep, **options)

    def expand(self, x):
        """See :class:`LeanLayer`."""
        return layers.composite(x, name=self.name, **self.arguments)

    def compute(self, x, steps):
        """See :class:`LeanLayer`."""
        return _COMPOSITES[self.keep](x, *steps)


def dense_block(x, *arguments, keep=False, **options):
    """:func:`densenet_lib.layers.dense_block` as one :class:`DenseBlock`."""
    return DenseBlock(*arguments, keep=keep, **options)(x)


def transition(
    x, theta=0.5, *, pooling="average", dropout=0.0, keep=False, name
):
    """:func:`densenet_lib.layers.transition` with a :class:`Composite`."""
    layers.check_theta(theta)
    expect_choice("pooling", pooling, layers.POOLINGS)
    filters = layers.compressed(x.shape[-1], theta)
    x = Composite(filters, 1, dropout=dropout, keep=keep, name=name)(x)
    return layers.POOLINGS[pooling](
        2, data_format="channels_last", name=f"{name}_pool"
    )(x)


def plain_layers(model):
    """The layers of a functional model, those that others hold included."""
    for layer in model.layers:
        if isinstance(layer, LeanLayer):
            yield from layer.plain.layers[1:]  # the first is its input
        else:
            yield layer


def plain_copy(model):
    """A copy of a network with plain Keras layers, its weights copied.

    Args:
        model: a functional Keras model.

    Returns:
        A model of the same function in which each :class:`LeanLayer` layer
        is replaced by plain ones. ``copy.set_weights(model.get_weights())``
        and the reverse keep the two alike: the weights are in one order.
    """

    def clone(layer):
        if isinstance(layer, LeanLayer):
            return layer
        return layer.__class__.from_config(layer.get_config())

    def call(layer, *arguments, **options):
        if isinstance(layer, LeanLayer):
            with under_policy(layer.dtype_policy):
                return layer.expand(*arguments)
        return layer(*arguments, **options)

    copy = keras.models.clone_model(
        model, clone_function=clone, call_function=call
    )
    copy.set_weights(model.get_weights())
    return copy


# Forward and backward of a whole block, and of a single composite function.


def _block_forward(keep):
    def forward(x, chains):
        """Grow the features by one chain of steps after the other.

        Args:
            x: the block's input (batch, height, width, channels).
            chains: for each dense layer its steps, the bottleneck first.

        Returns:
            All features, (batch, height, width, channels + layers * k); the
            moments of each step's input; and what the backward pass needs.
        """
        features, born = x, moments(x)
        found, kept = [], []
        for first, *others in chains:
            z = _activate(features, first.gamma, first.beta, born)
            new = _convolve(z, first)
            traces = [_Trace((), born, (), _if(keep, z))]
            for step in others:
                new, trace = _apply(new, step, keep)
                traces.append(trace)
            found += [trace.moments for trace in traces]
            born = Moments(*map(_join, born, moments(new)))
            features = _join(features, new)
            kept.append(traces)
        return features, found, (born, kept)

    return forward


def _block_backward(arguments, features, kept, upstream):
    """Undo the chains, the last one first.

    ``total`` is the gradient of the features that are left. Each chain takes
    its own channels off the end, and what it sends back to its input is added
    to the others. ``owed`` is due to the features through their moments; it
    is paid when they come off the end.
    """
    _, chains = arguments
    born, kept = kept
    features = tied(features, upstream)
    total, owed = upstream, Moments(*map(ops.zeros_like, born))
    undone = []
    for chain, traces in zip(reversed(chains), reversed(kept), strict=True):
        width = chain[0].gamma.shape[0]
        with once_known(total):
            new = features[..., width : total.shape[-1]]
            dy = _pay(
                total[..., width:],
                new,
                _from(width, born),
                _from(width, owed),
            )
            gradients = []
            for step, trace in zip(chain[:0:-1], traces[:0:-1], strict=True):
                dy, gradient = _undo(dy, step, trace)
                gradients.insert(0, gradient)
        born, owed = _until(width, born), _until(width, owed)
        with once_known(dy):
            trace = traces[0]._replace(x=features[..., :width])
            dx, gradient = _undo(dy, chain[0], trace)
        total = total[..., :width] + dx
        owed = Moments(*map(ops.add, owed, _due(chain[0], born, gradient)))
        undone.insert(0, [gradient, *gradients])
    return _pay(total, features[..., : total.shape[-1]], born, owed), undone


def _composite_forward(keep):
    def forward(x, step):
        output, trace = _apply(x, step, keep)
        return output, [trace.moments], trace._replace(x=())

    return forward


def _composite_backward(arguments, output, trace, upstream):
    x, step = arguments
    with once_known(upstream):
        return _undo(upstream, step, trace._replace(x=x))


_BLOCKS = {
    keep: custom(_block_forward(keep), _block_backward)
    for keep in (True, False)
}
_COMPOSITES = {
    keep: custom(_composite_forward(keep), _composite_backward)
    for keep in (True, False)
}


# One step, and its gradient.


def _apply(x, step, keep):
    """The composite function of ``x``, and its trace."""
    y, *norm = normalise(x, step.gamma, step.beta, NORM_EPSILON)
    z = rectified(y)
    return _convolve(z, step), _Trace(x, *norm, _if(keep, z))


def _undo(dy, step, trace):
    """The gradients of a step's input and of the step, from its output's.

    A normalisation that had to serve several steps has no reserve of its
    own. Then the gradient of the input lacks what goes through the moments.
    """
    dy, z = _masked(dy, step), trace.z
    if not z:
        gamma = tied(step.gamma, dy)
        z = (_activate(trace.x, gamma, step.beta, trace.moments),)
    dz, dkernel = convolution_gradients(*z, step.kernel, dy)
    dnormed = relu_gradient(dz, *z)
    if trace.reserve:
        back, given = normalise_gradients, trace.reserve
    else:
        back, given = affine_gradients, trace.moments
    dx, dgamma, dbeta = back(dnormed, trace.x, step.gamma, given, NORM_EPSILON)
    return dx, Step(dgamma, dbeta, dkernel, tuple(None for _ in step.masks))


def _due(step, born, gradient):
    """The gradient of the moments, by which a step has normalised.

    With r = 1 / sqrt(variance + epsilon) a step reads gamma (x - mean) r +
    beta. Its derivative by the mean is -gamma r, times the sum that is
    beta's gradient; by the variance -gamma r**2 / 2 times gamma's.
    """
    inverse = ops.rsqrt(born.variance + NORM_EPSILON)
    weighted = step.gamma * inverse
    return Moments(
        -weighted * gradient.beta, -weighted * inverse * gradient.gamma / 2
    )


def _pay(dx, x, born, owed):
    """The gradient of ``x``, of which its moments are functions, too."""
    count = ops.cast(ops.prod(ops.shape(x)[:-1]), born.mean.dtype)
    slope = 2 * owed.variance / count
    level = owed.mean / count - born.mean * slope
    return dx + ops.cast(ops.cast(x, slope.dtype) * slope + level, dx.dtype)


def _activate(x, gamma, beta, given):
    """The ReLU of the normalisation by given :class:`Moments`."""
    return rectified(affine(x, gamma, beta, given, NORM_EPSILON))


def _convolve(z, step):
    y = ops.conv(z, step.kernel, padding="same", data_format="channels_last")
    return _masked(y, step)


def _masked(y, step):
    for mask in step.masks:
        y = y * mask
    return y


# Small things.


def _if(keep, z):
    return (z,) if keep else ()


def _join(old, new):
    return ops.concatenate([old, new], axis=-1)


def _until(width, born):
    return Moments(*(values[:width] for values in born))


def _from(width, born):
    return Moments(*(values[width:] for values in born))


def _composites(model):
    """(normalisation, convolution, dropout or None) of each composite."""
    norm = conv = None
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            if norm is not None:
                yield norm, conv, None
            norm = layer
        elif isinstance(layer, keras.layers.Conv2D):
            conv = layer
        elif isinstance(layer, keras.layers.Dropout):
            yield norm, conv, layer
            norm = None
    if norm is not None:
        yield norm, conv, None


def _step(x, norm, conv, dropout):
    """The tensors of a composite function whose input has ``x``'s places."""
    masks = ()
    if dropout is not None:
        ones = ops.ones((*ops.shape(x)[:-1], conv.filters), x.dtype)
        masks = (dropout(ones, training=True),)
    weights = (norm.gamma, norm.beta, conv.kernel)
    return Step(*map(ops.convert_to_tensor, weights), masks)

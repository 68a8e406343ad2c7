"""How large a gradient of the loss reaches each layer."""

import math
from dataclasses import dataclass
from itertools import accumulate

import keras
import numpy as np
from keras import layers, ops

from densenet_lib import features, gradients, taps
from densenet_lib.errors import expect
from densenet_lib.inside.parts import ends
from densenet_lib.lean import LeanLayer, plain_copy


@dataclass(frozen=True)
class GradientFlow:
    """How large the gradient of the loss is, layer by layer.

    Attributes:
        loss: the mean over the images.
        kernels: {a convolution's path: norm of the gradient of the loss with
            respect to its kernel}, in the order of the network; the mean over
            the batches.
        relative: the same over the norm of the kernel. A normalisation after
            a convolution makes the gradient as many times larger as the
            kernel is smaller: this compares layers and networks.
        activations: {a layer's path: norm of the gradient of an image's loss
            with respect to what the layer puts out}; the mean over the
            images. With a batch's own statistics, where an image moves the
            others' losses, too, of the batch's loss, times its images.
    """

    loss: float
    kernels: dict[str, float]
    relative: dict[str, float]
    activations: dict[str, float]


def gradient_flow(
    model, images, labels, *, training=False, layers=None, batch_size=32
):
    """Measure the gradient at every convolution and at the ends of blocks.

    The weights stay as they are, and moving statistics, too. The loss is the
    cross-entropy, without weight decay and label smoothing.

    Args:
        model: any Keras model whose output is logits: (N, 1), one for two
            classes, or (N, classes).
        images: array (N, height, width, channels), as the model reads them.
        labels: (N,) numbers of the classes.
        training: False computes as at inference, with frozen statistics, so
            that no image influences another. True computes as a training step
            does: batch normalisation takes each batch's own statistics, and
            dropout drops.
        layers: names of the layers at whose output to measure; None for the
            ends of the dense blocks or of the residual stages, and without
            those for all convolutions.
        batch_size: images of one loss.

    Returns:
        A :class:`GradientFlow`.

    Raises:
        InputError: images of another shape, labels of another number, an
            output that is no logits, an unknown layer, or one that is not
            used once.
    """
    images, labels = taps.prepare(model, images), np.asarray(labels)
    expect(
        labels.shape == (len(images),),
        "the shape of labels",
        labels.shape,
        f"({len(images)},), one for each image",
        "Give the number of each image's class.",
    )
    if training:
        model = _with_plain_layers(model)
    names = ends(model) if layers is None else layers
    flow = _Flow(model, [taps.find(model, name) for name in names], training)
    for part in taps.slices(len(images), batch_size):
        flow.add(np.asarray(images[part], "float32"), labels[part])
    return flow.mean()


def _with_plain_layers(model):
    """The model, or a copy of it whose layers run in training, too.

    Raises:
        InputError: lean layers that are inside a model inside it.
    """
    lean = [
        path
        for path, operation in taps.operations(model).items()
        if isinstance(operation, LeanLayer)
    ]
    if not lean:
        return model
    own = {layer.name for layer in model.layers}
    expect(
        set(lean) <= own,
        "model",
        model.name,
        "one whose lean layers are its own, and in no model inside it",
        "Give the model inside, or build it with memory='naive'.",
    )
    return plain_copy(model)


class _Flow:
    """Sums over the batches of losses and norms."""

    def __init__(self, model, paths, training):
        every = taps.operations(model)
        self.model, self.training = model, training
        self.tapped = {path: every[path] for path in paths}
        self.kernels = {
            path: layer.kernel
            for path, layer in every.items()
            if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)
        }
        self.count = 0
        self.loss = 0.0
        self.norms = dict.fromkeys(self.kernels, 0.0)
        self.at_outputs = dict.fromkeys(paths, 0.0)
        self.shapes = None

    def add(self, images, labels):
        """Run a batch forward and backward."""
        if self.shapes is None:
            self.shapes = _output_shapes(self.model, images[:1], self.tapped)
        count = len(images)
        shapes = [tuple(kernel.shape) for kernel in self.kernels.values()]
        shapes += [(count, *shape) for shape in self.shapes.values()]
        # One vector of zeros holds what is added to all kernels and outputs;
        # its gradient is all theirs.
        nothing = np.zeros(sum(map(math.prod, shapes)), "float32")
        loss, gradient = gradients.value_and_gradient(
            lambda x: self._loss(images, labels, _cut(x, shapes, ops.reshape)),
            nothing,
        )
        found = _cut(gradient, shapes, np.reshape)
        self.count += count
        self.loss += count * loss
        for path, part in zip(self.norms, found, strict=False):
            self.norms[path] += count * float(np.linalg.norm(part))
        for path, part in zip(
            self.at_outputs, found[len(self.norms) :], strict=True
        ):
            # The loss is a mean: of one image's own, 1 / count is in it.
            norms = np.linalg.norm(part.reshape(count, -1), axis=1)
            self.at_outputs[path] += count * float(norms.sum())

    def _loss(self, images, labels, added):
        moved = [
            (kernel, kernel + more)
            for kernel, more in zip(self.kernels.values(), added, strict=False)
        ]
        at = dict(zip(self.tapped, added[len(moved) :], strict=True))

        def add(path, inputs, output):
            return output + at[path]

        with (
            taps.plain(self.model),
            taps.tapped(self.tapped, add),
            keras.StatelessScope(state_mapping=moved),
        ):
            images = ops.convert_to_tensor(images)
            logits = self.model(images, training=self.training)
        return cross_entropy(labels, logits)

    def mean(self):
        """The :class:`GradientFlow` of all batches."""
        kernels = {
            path: norm / self.count for path, norm in self.norms.items()
        }
        return GradientFlow(
            loss=self.loss / self.count,
            kernels=kernels,
            relative={
                path: norm / _size(self.kernels[path])
                for path, norm in kernels.items()
            },
            activations={
                path: norm / self.count
                for path, norm in self.at_outputs.items()
            },
        )


def _size(variable):
    return float(np.linalg.norm(ops.convert_to_numpy(variable)))


def cross_entropy(labels, logits):
    """The mean loss of logits (N, 1) or (N, classes), a tensor.

    Raises:
        InputError: logits of another shape.
    """
    shape = taps.shape_of(logits)
    expect(
        len(shape) == 2,
        "the shape of the model's output",
        shape,
        "(N, 1) or (N, classes)",
        "The loss is of logits.",
    )
    if shape[1] == 1:
        labels = ops.cast(labels, logits.dtype)
        # log(1 + exp(-z)) of a dog's logit z, log(1 + exp(z)) of a cat's.
        return ops.mean(ops.softplus((1 - 2 * labels) * logits[:, 0]))
    return ops.mean(
        ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    )


def _output_shapes(model, images, tapped):
    """{path: shape of what the layer puts out for one image}."""
    maps = features.feature_maps(model, images, list(tapped))
    return {path: values.shape[1:] for path, values in maps.items()}


def _cut(vector, shapes, reshape):
    """A vector's parts, in these shapes."""
    stops = list(accumulate(map(math.prod, shapes)))
    return [
        reshape(vector[start:stop], shape)
        for start, stop, shape in zip([0, *stops], stops, shapes, strict=False)
    ]

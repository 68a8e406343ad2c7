"""What of the image a unit can see, by arithmetic, and what it does see."""

from dataclasses import dataclass, replace
from functools import partial

import keras
import numpy as np
from keras import layers, ops, tree

from densenet_lib import gradients, taps
from densenet_lib.attribution.scores import (
    expect_feature_map,
)
from densenet_lib.errors import expect
from densenet_lib.features import expect_one_call
from densenet_lib.lean import LeanLayer

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
POOLS = (layers.AveragePooling2D, layers.MaxPooling2D)
# What looks at one place at a time, by the names of the classes, since of
# most there is a layer and an operation of keras.ops.
POINTWISE = {
    *("BatchNormalization", "Normalization", "Rescaling", "Dense"),
    *("Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise"),
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Gelu", "Silu", "Sigmoid", "Tanh"),
    *("Concatenate", "Add", "Average", "Maximum", "Multiply", "Subtract"),
    *("Identity", "Minimum", "Softplus"),
}
# What gathers all places into one.
GATHERERS = (
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.Flatten,
)


@dataclass(frozen=True)
class Window:
    """Which pixels, along one axis, the units of a layer can see.

    Attributes:
        first: the first pixel that unit 0 sees, from 0; below 0 in what the
            padding adds.
        last: the last one.
        stride: pixels from one unit to the next.
        units: how many there are.
    """

    first: int
    last: int
    stride: int
    units: int

    @property
    def side(self):
        """How many pixels a unit sees, those beyond the border included."""
        return self.last - self.first + 1

    def centre(self, unit):
        """The middle of what a unit sees, in pixels; may be half of one."""
        return (self.first + self.last) / 2 + unit * self.stride

    def seen(self, unit, pixels):
        """(pixels,) true where a unit sees a pixel of the image."""
        places = np.arange(pixels) - unit * self.stride
        return (self.first <= places) & (places <= self.last)

    def widened(self, kernel, stride, before, after):
        """After a kernel of ``kernel`` units, on padded units."""
        first = self.first - before * self.stride
        return Window(
            first=first,
            last=first + self.side - 1 + (kernel - 1) * self.stride,
            stride=self.stride * stride,
            units=(self.units + before + after - kernel) // stride + 1,
        )


@dataclass(frozen=True)
class ReceptiveField:
    """What one unit sees of the image.

    Attributes:
        layer: the layer's path.
        unit: (row, column) of the unit, the middle one.
        channel: of the unit, or None for the sum of all.
        map: (H, W) mean absolute gradient of the unit with respect to the
            pixels; it sums to 1.
        windows: :class:`Window` of the rows and of the columns, by
            arithmetic.
    """

    layer: str
    unit: tuple[int, int]
    channel: int | None
    map: np.ndarray
    windows: tuple[Window, Window]

    @property
    def centre(self):
        """(row, column) of the middle of what the unit can see, in pixels."""
        return tuple(
            window.centre(unit)
            for window, unit in zip(self.windows, self.unit, strict=True)
        )

    @property
    def theoretical(self):
        """(H, W) true where the unit can see the image at all."""
        rows, columns = (
            window.seen(unit, pixels)
            for window, unit, pixels in zip(
                self.windows, self.unit, self.map.shape, strict=True
            )
        )
        return np.outer(rows, columns)

    def radius(self, share):
        """Of the smallest disc that holds a share of the map, in pixels.

        The disc lies around :attr:`centre`; a pixel is in it if its middle
        is.
        """
        rows, columns = np.ogrid[: self.map.shape[0], : self.map.shape[1]]
        y, x = self.centre
        distance = np.hypot(rows - y, columns - x).ravel()
        order = np.argsort(distance, kind="stable")
        inside = np.cumsum(self.map.ravel()[order])
        # Of a share of 1, rounding may leave a little too little.
        last = np.searchsorted(inside, share * inside[-1] * (1 - 1e-9))
        return float(distance[order[last]])


def effective_receptive_field(
    model, layer, images, *, channel=None, batch_size=32
):
    """How much each pixel moves the middle unit of a feature map.

    The mean, over the images, of the absolute gradient of the unit with
    respect to the pixel, its colours added. Near the middle of what the unit
    can see, many paths lead from a pixel to it; at the rim, one. So the map
    is a blob, narrower than the square of :func:`theoretical_field`.

    One backward pass gives it. Of all channels it is the gradient of their
    sum, in which those of opposite sign can cancel.

    Args:
        model: any Keras model of the kinds that :func:`theoretical_field`
            knows.
        layer: name or path of a layer that puts out a feature map.
        images: array (N, height, width, channels), as the model reads them.
        channel: number of the unit's channel; None for the sum of all.
        batch_size: images to run at a time.

    Returns:
        A :class:`ReceptiveField`. In a feature map of even sides the unit is
        the one after the middle.

    Raises:
        InputError: images of another shape, an unknown layer or channel, one
            without a feature map, and a unit that no image moves.

    Source: W. Luo, Y. Li, R. Urtasun, R. Zemel, "Understanding the Effective
    Receptive Field in Deep Convolutional Neural Networks", NIPS 2016
    (arXiv:1701.04128), section 3.
    """
    images = taps.prepare(model, images)
    path = taps.find(model, layer)
    windows = theoretical_field(model, path, images.shape[1:3])
    unit = tuple(window.units // 2 for window in windows)
    total = np.zeros(images.shape[1:3])
    for part in taps.slices(len(images), batch_size):
        _, gradient = gradients.value_and_gradient(
            partial(_value_of_unit, model, path, unit, channel),
            np.asarray(images[part], "float32"),
        )
        total += np.abs(gradient).sum(axis=(0, 3), dtype="float64")
    expect(
        total.any(),
        f"the gradient of the middle unit of layer {path!r}",
        0.0,
        "one that is not zero for all images",
        "Choose a channel that is not dead, or more images.",
    )
    return ReceptiveField(path, unit, channel, total / total.sum(), windows)


def _value_of_unit(model, path, unit, channel, x):
    """The unit's value, summed over the images."""
    outputs = []

    def keep(path, inputs, output):
        outputs.append(output)
        return output

    with taps.tapped({path: taps.operations(model)[path]}, keep):
        taps.run(model, x)
    expect_one_call(path, len(outputs))
    expect_feature_map(path, taps.shape_of(outputs[0]))
    values = outputs[0][:, unit[0], unit[1]]
    if channel is None:
        return ops.sum(values)
    expect(
        0 <= channel < values.shape[1],
        "channel",
        channel,
        f"a number from 0 to {values.shape[1] - 1}",
        f"Layer {path!r} has {values.shape[1]} channels.",
    )
    return ops.sum(values[:, channel])


def theoretical_field(model, layer, size):
    """Which pixels the units of a layer can see, from kernels and strides.

    A kernel of k units of s pixels widens what is seen by (k - 1) s pixels; a
    stride multiplies s. Where ways of several lengths come together, as in a
    concatenation or a sum, the widest counts. Between the first and the last
    pixel a wide dilation may leave gaps.

    Args:
        model: a functional or sequential Keras model. Up to the layer it may
            have convolutions, pools, paddings, and what looks at one place at
            a time; ``channels_last`` all of it.
        layer: name or path of a layer.
        size: (height, width) of the images, in pixels.

    Returns:
        Two :class:`Window`, of the rows and of the columns.

    Raises:
        InputError: an unknown layer, one that the model does not use or uses
            more than once, and one behind another kind of layer.

    Source: the recursion is that of A. Araujo, W. Norris, J. Sim, "Computing
    Receptive Fields of Convolutional Neural Networks", Distill 2019.
    """
    path = taps.find(model, layer)
    wanted = taps.operations(model)[path]
    found = []

    def look(operation, *arguments, **options):
        sight = _sight(operation, look, arguments, options)
        if operation is wanted:
            found.append(sight)
        return sight

    look(model, _Sight(tuple(Window(0, 0, 1, pixels) for pixels in size)))
    expect_one_call(path, len(found))
    (sight,) = found
    expect(
        sight.blind is None,
        f"the way to layer {path!r}",
        sight.blind,
        "convolutions, pools and layers that look at one place at a time",
        "Ask for a layer before it, of a functional or sequential model.",
    )
    return sight.windows


@dataclass(frozen=True)
class _Sight:
    """Stands for a tensor.

    Attributes:
        windows: what its units see, rows first.
        blind: the name of a layer on the way of which nothing is known.
    """

    windows: tuple[Window, Window]
    blind: str | None = None


def _sight(operation, look, arguments, options):
    """What ``operation`` makes of the sights among its arguments."""
    if isinstance(operation, LeanLayer):
        operation = operation.plain
    sights = [
        argument
        for argument in tree.flatten((arguments, options))
        if isinstance(argument, _Sight)
    ]
    if hasattr(operation, "_run_through_graph"):  # a functional model
        return operation._run_through_graph(
            sights, operation_fn=lambda inner: partial(look, inner)
        )
    if isinstance(operation, keras.Sequential):
        (sight,) = sights
        for inner in operation.layers:
            sight = look(inner, sight)
        return sight
    for sight in sights:
        if sight.blind:
            return sight
    if not _known(operation, sights):
        return _Sight((), operation.name)
    first, second = zip(*(sight.windows for sight in sights), strict=True)
    return _Sight(
        (
            _after(operation, 0, _widest(first)),
            _after(operation, 1, _widest(second)),
        )
    )


def _known(operation, sights):
    """Whether the sights that come in say what goes out."""
    grids = {
        tuple((window.stride, window.units) for window in sight.windows)
        for sight in sights
    }
    return len(grids) == 1 and (
        isinstance(operation, (*CONVOLUTIONS, *POOLS, *GATHERERS))
        or isinstance(operation, layers.ZeroPadding2D)
        or type(operation).__name__ in POINTWISE
        and set(np.ravel(getattr(operation, "axis", -1))) <= {-1, 3}
    )


def _widest(windows):
    """What units see that join several of the same place."""
    return replace(
        windows[0],
        first=min(window.first for window in windows),
        last=max(window.last for window in windows),
    )


def _after(operation, axis, window):
    """What the units of a layer see whose input's units see ``window``."""
    if isinstance(operation, CONVOLUTIONS):
        kernel = operation.kernel_size[axis] - 1
        kernel = kernel * operation.dilation_rate[axis] + 1
        return _slid(operation, axis, window, kernel)
    if isinstance(operation, POOLS):
        return _slid(operation, axis, window, operation.pool_size[axis])
    if isinstance(operation, layers.ZeroPadding2D):
        return window.widened(1, 1, *operation.padding[axis])
    if isinstance(operation, GATHERERS):
        return window.widened(window.units, 1, 0, 0)
    return window


def _slid(operation, axis, window, kernel):
    """After a kernel that slides, padded as Keras does."""
    stride = operation.strides[axis]
    missing = 0
    if operation.padding == "same":
        steps = -(-window.units // stride) - 1
        missing = max(steps * stride + kernel - window.units, 0)
    before = missing // 2
    return window.widened(kernel, stride, before, missing - before)

"""Where in an image the evidence for a class lies: Grad-CAM and CAM.

Sources: R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017 (arXiv:1610.02391);
B. Zhou et al., "Learning Deep Features for Discriminative Localization",
CVPR 2016 (arXiv:1512.04150).
"""

from contextlib import ExitStack, contextmanager

import keras
import numpy as np
from keras import ops

from densenet_lib import gradients, taps
from densenet_lib.errors import expect
from densenet_lib.features import expect_one_call

# Of each of these the input is a logit.
SQUASHING = ("softmax", "sigmoid", "log_softmax", "log_sigmoid")
HEAT_CMAP = "inferno"
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: how bright a colour looks


def grad_cam(
    model, images, *, layer=None, target=None, upsample=True, batch_size=32
):
    """Grad-CAM heatmaps.

    The channels of a feature map, each weighted by the mean gradient of the
    class's logit with respect to it, are summed; what is negative is cut off.
    It takes one forward pass and the part of a backward pass that leads from
    the logit to the feature map, at inference and in float32.

    Args:
        model: any Keras model with one output (N, classes); (N, 1) is one
            logit for two classes. Logits are differentiated: if the model
            ends with softmax or sigmoid, as a layer or as the activation of
            one, what goes into it is. Any other output is taken as logits.
        images: array (N, height, width, channels), as the model reads them;
            a single image goes in as ``image[None]``.
        layer: name or path of the layer whose output is looked at; None for
            the last feature map before the pooling, see
            :func:`last_feature_map`.
        target: the class to explain, for all images or one for each; None
            for the one predicted. Of one logit, 1 is the class that it speaks
            for, and 0 the other, whose logit is the negative.
        upsample: False leaves the maps at the size of the feature map.
        batch_size: images to run at a time.

    Returns:
        float32 array (N, height, width) from 0 to 1, where each map's largest
        value is 1, or all 0 where nothing speaks for the class.

    Raises:
        InputError: images of another shape, an unknown layer, one without a
            feature map (N, h, w, channels), or a target that is no class.

    Source: Selvaraju et al. 2017, equations (1) and (2).
    """
    images = taps.prepare(model, images)
    targets = _targets(target, len(images))
    if layer is None:
        path = last_feature_map(model, images[:1])
    else:
        path = taps.find(model, layer)
    maps = []
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        wanted = targets if targets is None else targets[part]
        activation, gradient = _at_layer(model, images[part], path, wanted)
        weights = gradient.mean(axis=(1, 2), keepdims=True)
        maps.append((weights * activation).sum(axis=-1))
    return _heat(np.concatenate(maps), images.shape[1:3] if upsample else None)


def cam(model, images, *, target=None, upsample=True):
    """Class activation maps, the ancestor of Grad-CAM.

    The channels of the last feature map are weighted by the classifier's own
    weights. It needs a model that ends with global average pooling and one
    dense layer, and then equals :func:`grad_cam`: the gradient of a logit is
    the dense weight divided by the number of pixels, and the division drops
    out with the scale. As there, what is negative is cut off (Zhou et al.
    show it) and the largest value is 1.

    Args and Returns: see :func:`grad_cam`.

    Raises:
        InputError: a model that ends in another way, and as for grad_cam.

    Source: Zhou et al. 2016, equation (2).
    """
    images = taps.prepare(model, images)
    targets = _targets(target, len(images))
    calls, outputs = _calls(model, images)
    pooled = dense = None
    for _, operation, inputs, output in calls:
        if isinstance(operation, keras.layers.GlobalAveragePooling2D):
            pooled = inputs, output
        elif isinstance(operation, keras.layers.Dense):
            dense = operation, inputs
    expect(
        pooled and dense and dense[1] is pooled[1],
        "model",
        model.name,
        "global average pooling and then one dense layer at its end",
        "grad_cam explains the others.",
    )
    features = ops.convert_to_numpy(pooled[0])
    kernel = ops.convert_to_numpy(dense[0].kernel)
    logits = _per_class(outputs)
    targets = ops.convert_to_numpy(_chosen(logits, targets))
    if kernel.shape[1] == 1:
        kernel = np.concatenate([-kernel, kernel], axis=1)
    maps = np.einsum("nhwc,cn->nhw", features, kernel[:, targets])
    return _heat(maps, images.shape[1:3] if upsample else None)


def last_feature_map(model, images):
    """The path of the layer that Grad-CAM looks at unless told otherwise.

    It is the last one, from the first convolution on, whose output has height
    and width, more than one pixel and is not pooled: in a DenseNet the ReLU
    before the global pooling, in VGG the last convolution with its ReLU.

    Args:
        model: any Keras model.
        images: array (N, height, width, channels); the first is run.

    Raises:
        InputError: a model without such a layer.
    """
    images = taps.prepare(model, images)
    calls, _ = _calls(model, images[:1])
    # A container and a dropout at inference hand on the tensor of another
    # layer: that layer is meant.
    known, convolved, last = set(), False, None
    for path, operation, _, output in calls:
        weights = getattr(operation, "weights", ())
        convolved = convolved or any(len(w.shape) == 4 for w in weights)
        shape = _shape(output)
        is_map = len(shape) == 4 and shape[1] * shape[2] > 1
        is_pooled = "Pool" in type(operation).__name__
        if convolved and is_map and not is_pooled and id(output) not in known:
            last = path
        known.add(id(output))
    expect(
        last is not None,
        "model",
        model.name,
        "a model with a feature map (N, height, width, channels) of more "
        "than one pixel",
        "Heatmaps need a convolutional network, or a larger image.",
    )
    return last


def overlay(image, heat, *, strength=0.6):
    """An image in grey with a heatmap laid over it: all colour is heat.

    Args:
        image: array (height, width, 3), 0 to 255.
        heat: array (height, width), 0 to 1.
        strength: share of the colour where heat is 1; where heat is 0 there
            is none.

    Returns:
        uint8 array (height, width, 3).

    Raises:
        InputError: an image and a heatmap of different sizes.
    """
    from matplotlib import colormaps  # slow to load, and only colours need it

    image, heat = np.asarray(image, "float32"), np.asarray(heat, "float32")
    expect(
        image.shape == (*heat.shape, 3),
        "the shape of heat",
        heat.shape,
        f"{image.shape[:2]}, the height and width of the image",
        "grad_cam(…, upsample=True) gives maps of the images' size.",
    )
    grey = image @ np.float32(LUMA)
    colour = 255 * colormaps[HEAT_CMAP](heat)[..., :3]
    share = strength * heat[..., None]
    mixed = (1 - share) * grey[..., None] + share * colour
    return np.clip(np.rint(mixed), 0, 255).astype("uint8")


def _at_layer(model, images, path, targets):
    """Output of one layer, and the gradient of the summed scores there.

    At inference no image influences another, so the gradient of the sum holds
    each image's own.
    """
    layer = taps.operations(model)[path]

    def score(mark):
        shapes = []

        def see(path, inputs, output):
            shapes.append(_shape(output))
            is_first_map = len(shapes) == 1 and len(shapes[0]) == 4
            return mark(output) if is_first_map else output

        with taps.tapped({path: layer}, see):
            logits = _per_class(_logits(model, images))
        expect_one_call(path, len(shapes))
        expect(
            len(shapes[0]) == 4,
            f"the shape of the output of layer {path!r}",
            shapes[0],
            "(N, height, width, channels)",
            "Choose a layer that puts out a feature map.",
        )
        chosen = _chosen(logits, targets)
        return ops.sum(ops.take_along_axis(logits, chosen[:, None], axis=1))

    _, activation, gradient = gradients.at_mark(score)
    return activation, gradient


def _logits(model, images):
    """The model's output, or what went into a softmax or sigmoid at its end.

    Which activation is at the end shows when it runs: its result is the very
    tensor that the model returns.
    """
    seen = []
    with _squashing_seen(model, seen):
        output = taps.run(model, images)
    for inputs, result in seen:
        if result is output:
            return inputs
    return output


@contextmanager
def _squashing_seen(model, seen):
    """Collect (input, output) of each softmax or sigmoid that runs."""

    def note(path, inputs, output):
        seen.append((inputs, output))
        return output

    def noted(activation):
        def apply(x):
            return note(None, x, activation(x))

        return apply

    activations = [getattr(keras.activations, name) for name in SQUASHING]
    layers = {}
    with ExitStack() as stack:
        for path, layer in taps.operations(model).items():
            activation = getattr(layer, "activation", None)
            if activation in activations:
                stack.enter_context(
                    taps.replaced(layer, "activation", noted(activation))
                )
            # The layer of that name, and the operation of keras.ops.
            if type(layer).__name__ in ("Softmax", "Sigmoid", "LogSoftmax"):
                layers[path] = layer
        stack.enter_context(taps.tapped(layers, note))
        yield


def _calls(model, images):
    """(path, operation, inputs, output) of each call in order, and logits."""
    every = taps.operations(model)
    calls = []

    def see(path, inputs, output):
        calls.append((path, every[path], inputs, output))
        return output

    with taps.tapped(every, see):
        logits = _logits(model, images)
    return calls, logits


def _per_class(logits):
    """Logits (N, classes); one logit z is two classes with -z and z."""
    shape = _shape(logits)
    expect(
        len(shape) == 2,
        "the shape of the model's output",
        shape,
        "(N, classes)",
        "Of a model with several outputs, make one with the output you mean.",
    )
    if shape[1] == 1:
        return ops.concatenate([-logits, logits], axis=1)
    return logits


def _shape(output):
    """The shape of a tensor; () of a structure of several."""
    return tuple(getattr(output, "shape", ()))


def _targets(target, count):
    """The target of each image, or None."""
    if target is None:
        return None
    targets = np.asarray(target)
    expect(
        targets.dtype.kind in "iub" and targets.shape in ((), (count,)),
        "target",
        target,
        f"None, a class's number, or one for each of the {count} images",
        "Classes count from 0.",
    )
    return np.broadcast_to(targets.astype("int32"), (count,))


def _chosen(logits, targets):
    """The class to explain for each image."""
    if targets is None:
        return ops.cast(ops.argmax(logits, axis=1), "int32")
    classes = logits.shape[1]
    wrong = targets[(targets < 0) | (targets >= classes)]
    expect(
        wrong.size == 0,
        "target",
        int(wrong[0]) if wrong.size else None,
        f"a class from 0 to {classes - 1}",
        "Classes count from 0.",
    )
    return ops.convert_to_tensor(targets)


def _heat(maps, size):
    """Cut off below 0, enlarge to ``size`` if given, scale each map to 1."""
    maps = np.maximum(maps, 0).astype("float32")
    if size is not None:
        maps = enlarge(maps, size)
    peaks = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, peaks, out=np.zeros_like(maps), where=peaks > 0)


def enlarge(maps, size):
    """Maps (N, h, w) at the size (height, width), bilinearly.

    The pixels of both sizes cover the same square, as in every image library;
    beyond the outermost centres the value stays that of the edge.
    """
    rows, columns = (
        _interpolation(new, old)
        for new, old in zip(size, maps.shape[1:], strict=True)
    )
    return rows @ maps @ columns.T


def _interpolation(new, old):
    """Matrix (new, old) that interpolates between the centres of pixels."""
    centres = (np.arange(new) + 0.5) * old / new - 0.5
    distance = np.abs(np.clip(centres, 0, old - 1)[:, None] - np.arange(old))
    return np.maximum(1 - distance, 0).astype("float32")

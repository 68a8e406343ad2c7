"""The number that a heatmap explains, and its gradients.

The *score* of an image is a weighted sum of its logits: 1 for the class that
is asked for and, of a difference, -1 for the other class.
"""

from contextlib import ExitStack, contextmanager
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import ops

from densenet_lib import gradients, taps
from densenet_lib.errors import expect
from densenet_lib.features import expect_one_call

# Of each of these the input is a logit.
SQUASHING = ("softmax", "sigmoid", "log_softmax", "log_sigmoid")

# {model: whether it ends with one of them}
_SQUASHED = WeakKeyDictionary()


def classes_of(target, count):
    """The classes that a target names for ``count`` images.

    Returns:
        None for the predicted ones; else an int32 array (1, count), or
        (2, count) of a difference, the class subtracted last.

    Raises:
        InputError: a target that cannot be read in one of these ways.
    """
    if target is None:
        return None
    sides = target if isinstance(target, tuple) else (target,)
    sides = [np.asarray(side) for side in sides]
    expect(
        len(sides) in (1, 2)
        and all(
            side.dtype.kind in "iub" and side.shape in ((), (count,))
            for side in sides
        ),
        "target",
        target,
        f"None, a class's number, a list with one for each of the {count} "
        "images, or a tuple (a, b) for the difference of two",
        "Classes count from 0.",
    )
    return np.stack(
        [np.broadcast_to(side.astype("int32"), (count,)) for side in sides]
    )


def of_part(classes, part):
    """``classes`` of some of the images only."""
    return None if classes is None else classes[:, part]


def settled(model, images, target, batch_size):
    """The classes that a target names; where it is None, those predicted.

    Whoever looks at changed images wants the class of the unchanged ones.

    Returns and Raises: see :func:`classes_of`; never None.
    """
    classes = classes_of(target, len(images))
    if classes is not None:
        return classes
    predicted = [
        np.argmax(ops.convert_to_numpy(logits(model, images[part])), axis=1)
        for part in taps.slices(len(images), batch_size)
    ]
    return np.concatenate(predicted)[None].astype("int32")


def scores(model, images, classes):
    """The score of each image, a tensor (N,)."""
    found = logits(model, images)
    return ops.sum(votes(found, classes) * found, axis=1)


def votes(found, classes):
    """What each logit (N, classes) counts in the score: 1, -1 or 0."""
    count = found.shape[1]
    if classes is None:
        classes = [ops.argmax(found, axis=1)]
    else:
        expect_classes(classes, count)
    pro, *contra = [ops.one_hot(side, count) for side in classes]
    return pro - contra[0] if contra else pro


def expect_classes(classes, count):
    """Refuse, with InputError, a number that is none of ``count`` classes."""
    wrong = classes[(classes < 0) | (classes >= count)]
    expect(
        wrong.size == 0,
        "target",
        int(wrong[0]) if wrong.size else None,
        f"a class from 0 to {count - 1}",
        "Classes count from 0.",
    )


def logits(model, images):
    """The model's logits (N, classes), a tensor, at inference in float32.

    One logit z is two classes, with -z and z.

    Raises:
        InputError: a model whose output has another shape.
    """
    found = before_squashing(model, images)
    shape = taps.shape_of(found)
    expect(
        len(shape) == 2,
        "the shape of the model's output",
        shape,
        "(N, classes)",
        "Of a model with several outputs, make one with the output you mean.",
    )
    if shape[1] == 1:
        return ops.concatenate([-found, found], axis=1)
    return found


def is_squashed(model, image):
    """True if the model ends with a softmax or sigmoid, in whatever form.

    Args:
        model: any Keras model.
        image: array (1, height, width, channels), for the first time; then
            the answer is known, as long as the model lives.
    """
    if model not in _SQUASHED:
        found, output = _squashed(model, image)
        _SQUASHED[model] = found is not output
    return _SQUASHED[model]


def before_squashing(model, images):
    """The model's output, or what went into a softmax or sigmoid at its end.

    A tensor, at inference in float32.
    """
    return _squashed(model, images)[0]


def _squashed(model, images):
    """What went into the squashing end, and the output; one if there is none.

    Which activation is at the end shows when it runs: its result is the very
    tensor that the model returns.
    """
    seen = []

    def note(path, inputs, output):
        seen.append((inputs, output))
        return output

    # The layer of that name, and the operation of keras.ops.
    kinds = ("Softmax", "Sigmoid", "LogSoftmax")
    with activations_tapped(model, SQUASHING, kinds, note):
        output = taps.run(model, images)
    for inputs, result in seen:
        if result is output:
            return inputs, output
    return output, output


@contextmanager
def activations_tapped(model, names, kinds, see):
    """While it lasts, what some activations put out passes through ``see``.

    Args:
        model: any Keras model.
        names: of functions in keras.activations, as a layer's ``activation``.
        kinds: names of the classes of layers and operations that are one.
        see: as in :func:`taps.tapped`; the path of a layer's ``activation``
            is that of the layer.
    """
    functions = [getattr(keras.activations, name) for name in names]
    every = taps.operations(model)
    with ExitStack() as stack:
        for path, layer in every.items():
            function = getattr(layer, "activation", None)
            if function in functions:
                tapped = _tapped_function(path, function, see)
                stack.enter_context(taps.replaced(layer, "activation", tapped))
        calls = {
            path: layer
            for path, layer in every.items()
            if type(layer).__name__ in kinds
        }
        stack.enter_context(taps.tapped(calls, see))
        yield


def _tapped_function(path, function, see):
    def through(x):
        return see(path, x, function(x))

    return through


def at_layer(model, images, path, classes):
    """Output of one layer, and the gradient of the scores there.

    At inference no image influences another, so the gradient of the sum holds
    each image's own.
    """
    layer = taps.operations(model)[path]

    def total(mark):
        shapes = []

        def see(path, inputs, output):
            shapes.append(taps.shape_of(output))
            is_first_map = len(shapes) == 1 and len(shapes[0]) == 4
            return mark(output) if is_first_map else output

        with taps.tapped({path: layer}, see):
            found = scores(model, images, classes)
        expect_one_call(path, len(shapes))
        expect_feature_map(path, shapes[0])
        return ops.sum(found)

    _, activation, gradient = gradients.at_mark(total)
    return activation, gradient


def at_image(model, images, classes):
    """The gradient of the scores with respect to the images."""
    _, gradient = gradients.value_and_gradient(
        lambda x: ops.sum(scores(model, x, classes)),
        np.asarray(images, "float32"),
    )
    return gradient


def expect_feature_map(path, shape):
    """Raise InputError unless a layer's output has height and width."""
    expect(
        len(shape) == 4,
        f"the shape of the output of layer {path!r}",
        tuple(shape),
        "(N, height, width, channels)",
        "Choose a layer that puts out a feature map.",
    )


def scores_of_variants(model, vary, classes, variants, batch_size):
    """Scores (N, variants) of changed images.

    Args:
        model: any Keras model.
        vary: called with two arrays of numbers, of images and of variants;
            gives those variants of those images.
        classes: array, see :func:`classes_of`.
        variants: how many of each image.
        batch_size: variants to run at a time, whatever image they are of.
    """
    found = [
        ops.convert_to_numpy(scores(model, vary(i, j), classes[:, i]))
        for i, j in _pairs(classes.shape[1], variants, batch_size)
    ]
    return np.concatenate(found).reshape(-1, variants)


def gradient_of_variants(model, vary, classes, weights, batch_size):
    """Weighted sum of the gradients at variants of each image.

    Args:
        model, vary, classes, batch_size: see :func:`scores_of_variants`.
        weights: array (variants,).

    Returns:
        float32 array of the shape of the images.
    """
    totals = [0.0] * classes.shape[1]
    for i, j in _pairs(classes.shape[1], len(weights), batch_size):
        gradient = at_image(model, vary(i, j), classes[:, i])
        for image, variant, part in zip(i, j, gradient, strict=True):
            totals[image] = totals[image] + weights[variant] * part
    return np.asarray(totals, "float32")


def _pairs(images, variants, batch_size):
    """Numbers of images and of their variants, a batch at a time."""
    for part in taps.slices(images * variants, batch_size):
        yield np.divmod(np.arange(part.start, part.stop), variants)


def blank(images, baseline):
    """Images of which nothing can be seen, for others to be compared with.

    Args:
        images: array (N, height, width, channels).
        baseline: None for each image's own mean colour, which is neither
            darker nor lighter than the image; or a number, a colour or an
            image.

    Returns:
        float32 array of the shape of ``images``.

    Raises:
        InputError: a baseline of another shape.
    """
    if baseline is None:
        baseline = images.mean(axis=(1, 2), keepdims=True)
    baseline = np.asarray(baseline, "float32")
    try:
        return np.broadcast_to(baseline, images.shape)
    except ValueError:
        expect(
            False,
            "the shape of baseline",
            baseline.shape,
            f"one that can be broadcast to {images.shape}",
            "Give a number, a colour of (channels,) or an image.",
        )

"""Listen in on any layer of any Keras model while the model runs.

A tap takes the place of a layer's ``call`` for a moment and hands on what the
layer puts out. No graph is cut and no second model is built, so it does not
matter whether the model is functional, sequential, a subclass, nested in
another or fresh from a file.
"""

import difflib
from contextlib import ExitStack, contextmanager

import keras
import numpy as np
from keras import ops

from densenet_lib.errors import InputError, expect

HALF = ("float16", "bfloat16")
_ABSENT = object()


def operations(model):
    """Every layer and operation of ``model`` by its path.

    The path of a layer of a nested model starts with that model's name, as in
    ``"backbone/block1_layer01_conv"``. The model itself and its inputs are
    left out; what is used in several places is listed once, at the first.
    """
    found = {}
    _walk(model, "", found)
    return found


def _walk(container, prefix, found):
    for part in _parts(container):
        if isinstance(part, keras.layers.InputLayer) or any(
            part is known for known in found.values()
        ):
            continue
        path = prefix + part.name
        found[path] = part
        _walk(part, f"{path}/", found)


def _parts(container):
    if hasattr(container, "operations"):  # functional: layers and plain ops
        return container.operations
    if isinstance(container, keras.Model):
        return container.layers
    if isinstance(container, keras.Layer):
        return container._flatten_layers(include_self=False, recursive=False)
    return ()


def find(model, name):
    """The path of the layer called ``name``: a path, or its last part.

    Raises:
        InputError: no layer has that name, or several have.
    """
    paths = list(operations(model))
    if name in paths:
        return name
    matches = [path for path in paths if path.split("/")[-1] == name]
    expect(
        len(matches) < 2,
        "layer",
        name,
        "a name that only one layer has",
        f"Give the path: {' or '.join(matches)}.",
    )
    if not matches:
        near = difflib.get_close_matches(str(name), paths, n=3, cutoff=0.4)
        raise InputError(
            "layer",
            name,
            f"the name of a layer of {model.name!r}",
            f"Near it: {', '.join(near)}."
            if near
            else "features.layer_names(model) lists them.",
        )
    return matches[0]


@contextmanager
def tapped(layers, see):
    """While it lasts, each call of one of ``layers`` passes through ``see``.

    Args:
        layers: {path: layer}, a part of what :func:`operations` gives.
        see: called as ``see(path, inputs, output)`` after each call, with
            the layer's first argument; what it returns is handed on in the
            output's place.
    """
    with ExitStack() as stack:
        for path, layer in layers.items():
            call = _seen(path, layer.call, see)
            stack.enter_context(replaced(layer, "call", call))
        yield


def _seen(path, call, see):
    def through(*arguments, **options):
        output = call(*arguments, **options)
        inputs = arguments[0] if arguments else None
        return see(path, inputs, output)

    return through


def run(model, images):
    """The output of a built model for ``images``, a tensor, at inference.

    Everything is computed in float32, also under a policy of mixed precision,
    and leaves no trace in the model: moving statistics and random states
    stay as they are.
    """
    images = ops.convert_to_tensor(images, "float32")
    with plain(model), keras.StatelessScope():
        return model(images, training=False)


def shape_of(output):
    """The shape of a tensor; () of a structure of several."""
    return tuple(getattr(output, "shape", ()))


def slices(count, size):
    """Parts of at most ``size`` that make up ``count``, as slices."""
    return [slice(i, min(i + size, count)) for i in range(0, count, size)]


def prepare(model, images):
    """The images as an array, and the model built if it never was called.

    Raises:
        InputError: anything but an array (N, height, width, channels), N > 0.
    """
    images = np.asarray(images)
    expect(
        images.ndim == 4 and len(images) > 0,
        "the shape of images",
        images.shape,
        "(N, height, width, channels) with N at least 1",
        "A single image goes in as image[None].",
    )
    if not model.built:
        model(ops.convert_to_tensor(images[:1], "float32"), training=False)
    return images


@contextmanager
def plain(model):
    """While it lasts, ``model`` computes in float32 and recomputes nothing.

    A layer inside a rematerialised part runs where no tap may listen, so the
    rematerialisation, which changes no value, is put aside.
    """
    everything = [model, *operations(model).values()]
    with ExitStack() as stack:
        for layer in everything:
            policy = getattr(layer, "dtype_policy", None)
            if (
                policy is not None
                and policy.compute_dtype in HALF
                and policy.quantization_mode is None
            ):
                full = keras.DTypePolicy("float32")
                stack.enter_context(replaced(layer, "_dtype_policy", full))
            if getattr(layer, "_remat_mode", None) is not None:
                stack.enter_context(replaced(layer, "_remat_mode", None))
        yield


@contextmanager
def replaced(thing, name, value):
    """While it lasts, ``thing`` has ``value`` under ``name``.

    It writes to the instance's dictionary, since Keras' own assignment would
    look for state to track.
    """
    own = vars(thing)
    before = own.get(name, _ABSENT)
    own[name] = value
    try:
        yield
    finally:
        if before is _ABSENT:
            del own[name]
        else:
            own[name] = before

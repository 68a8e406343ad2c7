"""Weights of ``keras.applications.DenseNet*`` for this library's networks.

The two build the same function and differ in the names of their layers, in
the epsilon of batch normalisation (1.001e-5 there, 1e-5 here: no output moves
by as much as 1e-4) and in the end: there probabilities unless asked
otherwise, here logits.
"""

import io
import re
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from densenet_lib.errors import InputError, expect
from densenet_lib.lean import plain_layers

# Our name of each layer with weights, and theirs. Their first dense block is
# called conv2, their first transition pool2: they count the stem.
NAMES = {
    r"stem_conv": "conv1_conv",
    r"stem_norm": "conv1_bn",
    r"block(\d+)_layer(\d+)_bottleneck_norm": "conv{}_block{}_0_bn",
    r"block(\d+)_layer(\d+)_bottleneck_conv": "conv{}_block{}_1_conv",
    r"block(\d+)_layer(\d+)_norm": "conv{}_block{}_1_bn",
    r"block(\d+)_layer(\d+)_conv": "conv{}_block{}_2_conv",
    r"block(\d+)_layer(\d+)_concat": "conv{}_block{}_concat",
    r"transition(\d+)_norm": "pool{}_bn",
    r"transition(\d+)_conv": "pool{}_conv",
    r"transition(\d+)_pool": "pool{}_pool",
    r"final_norm": "bn",
    r"final_relu": "relu",
    r"logits": "predictions",
}


def their_name(name):
    """The name that keras.applications gives to our layer ``name``.

    Raises:
        InputError: keras.applications' DenseNets have no such layer.
    """
    for pattern, template in NAMES.items():
        if match := re.fullmatch(pattern, name):
            numbers = [int(number) for number in match.groups()]
            if numbers:
                numbers[0] += 1
            return template.format(*numbers)
    raise InputError(
        "layer",
        name,
        "a layer of DenseNet-121, 169 or 201",
        "Build the network by densenet('densenet121') or the like.",
    )


def load_weights(model, source, *, include_top=True):
    """Copy weights of a keras.applications DenseNet into one of ours.

    The images that such weights were trained on went through
    ``keras.applications.densenet.preprocess_input``: build our network with
    ``rescale=False`` and pass images through that function as well.

    Args:
        model: of :func:`densenet_lib.densenet.densenet`, with or without top.
        source: a model of ``keras.applications``, or the path of its weights:
            ``.h5`` (as downloaded, or a whole model), ``.weights.h5`` or
            ``.keras``.
        include_top: False leaves the classifier of ``model`` as it is, for
            other classes than those of the source.

    Returns:
        ``model``, changed in place; unchanged where an error is raised.

    Raises:
        InputError: a file that cannot be read, or weights that do not fit.
    """
    weights = _read(source)
    chosen = []
    for layer in plain_layers(model):
        if layer.weights and (include_top or layer.name != "logits"):
            name = their_name(layer.name)
            chosen.append((layer, name, weights.get(name)))
    for layer, name, values in chosen:
        _check_fit(layer, name, values)
    for layer, _, values in chosen:
        layer.set_weights(values)
    return model


def _check_fit(layer, name, values):
    have = [tuple(weight.shape) for weight in layer.weights]
    found = values and [np.shape(value) for value in values]
    remedy = (
        "For a classifier of your own, use include_top=False."
        if name == "predictions"
        else "Build the model with the blocks and the order of the source."
    )
    expect(
        found == have,
        f"the shape of the source's layer {name}",
        found or "missing",
        f"{have}, that of {layer.name}",
        remedy,
    )


def _read(source):
    """Weights by keras.applications' names: {name: list of arrays}."""
    if isinstance(source, keras.Model):
        return {
            layer.name: layer.get_weights()
            for layer in source.layers
            if layer.weights
        }
    path = Path(source)
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                file = io.BytesIO(archive.read("model.weights.h5"))
        else:
            file = path
        with h5py.File(file, "r") as root:
            weights = _read_legacy(root) or _read_current(root)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            "the weights' file",
            str(path),
            "an .h5, .weights.h5 or .keras file of Keras",
            f"It cannot be read ({error}).",
        ) from error
    expect(
        weights,
        "the weights' file",
        str(path),
        "a file that names its layers",
        "Load it into the keras.applications model and pass that model.",
    )
    return weights


def _read_legacy(root):
    """From the format of Keras 2, which downloads still have."""
    root = root.get("model_weights", root)
    weights = {}
    for name in root.attrs.get("layer_names", ()):
        group = root[_text(name)]
        arrays = [group[_text(n)][()] for n in group.attrs["weight_names"]]
        if arrays:
            weights[_text(name)] = arrays
    return weights


def _text(name):
    return name.decode() if isinstance(name, bytes) else name


def _read_current(root):
    """From the format of Keras 3: numbered arrays, the name aside."""
    weights = {}
    for layer in root.get("layers", {}).values():
        arrays = layer.get("vars", ())
        if len(arrays) and "name" in arrays.attrs:
            weights[arrays.attrs["name"]] = [
                arrays[str(index)][()] for index in range(len(arrays))
            ]
    return weights

"""What the layers inside a network put out, and which weights read it."""

import re

import numpy as np
from keras import layers, ops

from densenet_lib import taps
from densenet_lib.errors import expect, expect_choice
from densenet_lib.lean import plain_layers

KINDS = {
    "conv": (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D),
    "concat": layers.Concatenate,
    "norm": layers.BatchNormalization,
    "relu": layers.ReLU,
    "pool": (
        layers.AveragePooling2D,
        layers.MaxPooling2D,
        layers.GlobalAveragePooling2D,
        layers.GlobalMaxPooling2D,
    ),
    "dense": layers.Dense,
}


def layer_names(model, kind=None):
    """Names of the layers, in the order of the network.

    Args:
        model: any Keras model; a layer of a model inside it is named by its
            path, as in ``"backbone/block1_layer01_conv"``.
        kind: None for all, or "conv", "concat", "norm", "relu", "pool" or
            "dense".

    Raises:
        InputError: an unknown kind.
    """
    if kind is None:
        return tuple(taps.operations(model))
    expect_choice("kind", kind, KINDS)
    return tuple(
        path
        for path, layer in taps.operations(model).items()
        if isinstance(layer, KINDS[kind])
    )


def block_ends(model):
    """Names of the layers whose output a dense block hands on.

    Raises:
        InputError: a model without blocks named as :mod:`densenet` does.
    """
    ends = {}
    for path in layer_names(model, "concat"):
        block = re.search(r"(block\d+)_layer\d+_concat$", path)
        if block:
            ends[block[1]] = path
    _expect_blocks(model, ends)
    return tuple(ends.values())


def feature_maps(model, images, names, *, batch_size=32):
    """What layers put out for ``images``.

    Args:
        model: any Keras model.
        images: array (N, height, width, channels), as the model reads them.
        names: a layer's name or several, see :func:`layer_names`.
        batch_size: images to run at a time.

    Returns:
        {name: float32 array}; of a convolution, (N, h, w, channels). All of
        it is held in memory: ask for the layers that you look at.

    Raises:
        InputError: images of another shape; no layer of that name; a layer
            that the model does not use, or uses more than once.
    """
    images = taps.prepare(model, images)
    names = [names] if isinstance(names, str) else list(names)
    paths = {name: taps.find(model, name) for name in names}
    batches = [
        _one_batch(model, images[start : start + batch_size], paths.values())
        for start in range(0, len(images), batch_size)
    ]
    return {
        name: np.concatenate([batch[path] for batch in batches])
        for name, path in paths.items()
    }


def _one_batch(model, images, paths):
    every = taps.operations(model)
    seen = {path: [] for path in paths}

    def keep(path, inputs, output):
        seen[path].append(np.asarray(ops.convert_to_numpy(output), "float32"))
        return output

    with taps.tapped({path: every[path] for path in seen}, keep):
        taps.run(model, images)
    for path, outputs in seen.items():
        expect_one_call(path, len(outputs))
    return {path: outputs[0] for path, outputs in seen.items()}


def expect_one_call(path, calls):
    """Raise InputError unless a layer was called once in a run."""
    expect(
        calls == 1,
        f"calls of layer {path!r} in one run",
        calls,
        "exactly 1",
        "A layer used several times has several outputs; choose one that is "
        "used once, such as the layer after it.",
    )


def reuse_weights(model):
    """How strongly each layer of a dense block reads each earlier one.

    For every target, the mean absolute weight of its first convolution over
    the channels that come from one source, over the places of the kernel and
    over the filters; then each target's column is divided by its largest
    value. The paper's colours also run from 0 to 1. Columns must be put on
    one scale somehow: the batch normalisation that follows a convolution
    takes out the scale of its weights. Within a column, weights compare as
    far as a batch normalisation, the reader's or the writer's, has brought
    what they read to one size.

    Args:
        model: a network of :func:`densenet_lib.densenet.densenet`, with batch
            normalisation.

    Returns:
        A list with one array [source, target] for each block. Sources are
        the block's input, then its layers. Targets are the layers, then the
        transition or, after the last block, the classifier if there is one.
        NaN stands where the target does not read the source.

    Raises:
        InputError: a model without such blocks, or without normalisations.

    Source: section 5 of the paper, "Feature Reuse", and Figure 5.
    """
    every = {layer.name: layer for layer in plain_layers(model)}
    counts = {}
    for name in every:
        layer = re.fullmatch(r"block(\d+)_layer(\d+)_concat", name)
        if layer:
            counts[int(layer[1])] = int(layer[2])
    _expect_blocks(model, counts)
    expect(
        any(isinstance(layer, KINDS["norm"]) for layer in every.values()),
        "model",
        model.name,
        "a network with batch normalisation",
        "Without it a weight's size depends on that of the maps it reads.",
    )
    return [
        _reuse_in_block(every, block, num_layers)
        for block, num_layers in counts.items()
    ]


def _reuse_in_block(every, block, num_layers):
    prefixes = [f"block{block}_layer{i + 1:02d}" for i in range(num_layers)]
    targets = [
        every.get(f"{prefix}_bottleneck_conv") or every[f"{prefix}_conv"]
        for prefix in prefixes
    ]
    reader = every.get(f"transition{block}_conv") or every.get("logits")
    if reader is not None:
        targets.append(reader)
    # The first target reads the block's input and nothing else.
    widths = [targets[0].kernel.shape[-2]]
    widths += [every[f"{prefix}_conv"].filters for prefix in prefixes]
    starts = np.cumsum([0, *widths[:-1]])
    matrix = np.full((len(widths), len(targets)), np.nan, "float32")
    for column, target in enumerate(targets):
        kernel = np.abs(ops.convert_to_numpy(target.kernel))
        channels = np.moveaxis(kernel, -2, 0).reshape(kernel.shape[-2], -1)
        for row in range(min(column + 1, len(widths))):
            source = channels[starts[row] : starts[row] + widths[row]]
            matrix[row, column] = source.mean()
    return matrix / np.nanmax(matrix, axis=0)


def _expect_blocks(model, found):
    expect(
        found,
        "model",
        model.name,
        "a network of densenet_lib.densenet",
        "Of a model that holds one, take it out with model.get_layer(name).",
    )

"""What the layers inside a network put out, and which weights read it."""

import re
from dataclasses import dataclass

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
    batches = list(maps_by_batch(model, images, names, batch_size=batch_size))
    return {
        name: np.concatenate([batch[name] for batch in batches])
        for name in batches[0]
    }


def maps_by_batch(model, images, names, *, batch_size=32):
    """Yield the :func:`feature_maps` of one batch of images after the other.

    For what can be counted on the way: no more than one batch is in memory.

    Args, Yields and Raises: see :func:`feature_maps`.
    """
    images = taps.prepare(model, images)
    names = [names] if isinstance(names, str) else list(names)
    paths = {name: taps.find(model, name) for name in names}
    for part in taps.slices(len(images), batch_size):
        found = _one_batch(model, images[part], paths.values())
        yield {name: found[path] for name, path in paths.items()}


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


@dataclass(frozen=True)
class ReuseSummary:
    """What the paper observed on the reuse of features, a number each.

    Each is to be held against that of the same network before training,
    whose weights are even but for chance. NaN where a network has no such
    reader.

    Attributes:
        layers: what a dense layer reads least, over what it reads most: 1 if
            it reads all sources alike, 0 if it leaves one out. The mean over
            the layers that have a choice. Observation 1: layers spread their
            weights over many inputs of their block.
        transitions: the same for the transitions. Observation 2: they spread
            theirs, too.
        block_input: the weight on the block's input, over the mean weight on
            the other sources; the mean over the layers of all blocks but the
            first. Observation 3, below 1: what the transition puts out is
            read least.
        classifier: the classifier's mean weight on the last third of the
            sources, over that on the first third. Observation 4, above 1: it
            turns to the last maps.

    Source: section 5 of the paper, "Feature Reuse", its four observations.
    The numbers for them are ours: the paper has none.
    """

    layers: float
    transitions: float
    block_input: float
    classifier: float


def reuse_summary(matrices):
    """The :class:`ReuseSummary` of what :func:`reuse_weights` gives.

    Args:
        matrices: a list with one array [source, target] for each block.
    """
    *inner, last = matrices
    ends = [matrix[:, -1] for matrix in inner]
    has_classifier = last.shape[0] == last.shape[1]
    return ReuseSummary(
        layers=_mean(
            column.min() / column.max()
            for matrix in matrices
            for column in _choices(matrix)
        ),
        transitions=_mean(column.min() / column.max() for column in ends),
        block_input=_mean(
            column[0] / column[1:].mean()
            for matrix in matrices[1:]
            for column in _choices(matrix)
        ),
        classifier=_last_over_first(last[:, -1])
        if has_classifier
        else float("nan"),
    )


def _choices(matrix):
    """What each dense layer of a block reads, of those with a choice."""
    return [matrix[: n + 1, n] for n in range(1, len(matrix) - 1)]


def _last_over_first(column):
    third = max(1, len(column) // 3)
    return float(column[-third:].mean() / column[:third].mean())


def _mean(values):
    values = list(values)
    return float(np.mean(values)) if values else float("nan")


def channel_sources(model, name):
    """Who has made the channels that stand side by side in a dense block.

    Args:
        model: a network of :func:`densenet_lib.densenet.densenet`, or a model
            that holds one.
        name: a concatenation; or a normalisation or ReLU that reads one: a
            layer's first, a transition's or the last before the classifier.

    Returns:
        {"input": channels, "layer 1": channels, ...}, in the channels' order.

    Raises:
        InputError: a layer whose channels have one source.
    """
    every = taps.operations(model)
    name = taps.find(model, name).split("/")[-1]
    by_name = {path.split("/")[-1]: layer for path, layer in every.items()}
    stacks = stacked(model)
    expect(
        name in stacks,
        "name",
        name,
        "a layer that puts out all that a dense block has so far",
        "A block's concatenations do, and the ReLUs that read one.",
    )
    block, layers_before = stacks[name]
    first = f"block{block}_layer01"
    reader = (
        by_name.get(f"{first}_bottleneck_conv") or by_name[f"{first}_conv"]
    )
    sources = {"input": reader.kernel.shape[-2]}
    for layer in range(1, layers_before + 1):
        conv = by_name[f"block{block}_layer{layer:02d}_conv"]
        sources[f"layer {layer}"] = conv.filters
    return sources


def stacked(model):
    """The layers that put out all that a dense block has so far.

    Returns:
        {a layer's name: (number of the block, number of its layers whose
        channels are there)}: the concatenations, then the normalisations and
        ReLUs that stand between one and the convolution that reads it.

    Raises:
        InputError: a model without blocks named as :mod:`densenet` does.
    """
    order = [path.split("/")[-1] for path in taps.operations(model)]
    found = {}
    for name in order:
        concat = re.fullmatch(r"block(\d+)_layer(\d+)_concat", name)
        if concat:
            found[name] = int(concat[1]), int(concat[2])
    _expect_blocks(model, found)
    counts = dict(found.values())  # the last of each block is the highest
    readers = {}
    for block, count in counts.items():
        for layer in range(1, count + 1):
            prefix = f"block{block}_layer{layer:02d}"
            if f"{prefix}_bottleneck_conv" in order:
                prefix += "_bottleneck"
            readers[prefix] = block, layer - 1
        readers[f"transition{block}"] = block, count
    readers["final"] = max(counts.items())
    for prefix, place in readers.items():
        before = order
        if f"{prefix}_conv" in order:
            before = order[: order.index(f"{prefix}_conv")]
        for name in (f"{prefix}_norm", f"{prefix}_relu"):
            if name in before:
                found[name] = place
    return found


def _expect_blocks(model, found):
    expect(
        found,
        "model",
        model.name,
        "a network of densenet_lib.densenet",
        "Of a model that holds one, take it out with model.get_layer(name).",
    )

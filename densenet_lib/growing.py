"""A larger DenseNet that begins as a trained smaller one.

A dense layer only appends channels; nobody has to read them. So a trained
network takes further layers at the end of its blocks without noticing: where
the kernels that read their channels are zero, what it answers stays the same.
From there training goes on, and with the first step the zeros are gone.

The idea that a larger network may begin as a smaller one is that of Chen,
Goodfellow and Shlens 2016, "Net2Net: Accelerating learning via knowledge
transfer". Their deeper network needs layers that begin as the identity; that
dense layers need only zeros follows from equation (2) of the DenseNet paper.
"""

from dataclasses import replace
from operator import le

import numpy as np

from densenet_lib.densenet import DenseNetConfig
from densenet_lib.errors import expect
from densenet_lib.layers import compressed


def grow(weights, config, initial, grown):
    """The weights of a larger network that answers as a smaller one does.

    Args:
        weights: of the trained network, an array for each of them, under
            "layer/variable": see
            :func:`densenet_lib.networks.named_weights`.
        config: its :class:`densenet_lib.densenet.DenseNetConfig`.
        initial: of the larger network, in the same form: what its weights
            were initialised with.
        grown: its configuration: that of the smaller one with more layers in
            some blocks.

    Returns:
        The larger network's weights, in the same form. What the smaller one
        has is taken from there, kernels that would read new channels into
        old ones are zero, all else is as initialised. Answers are equal but
        for the order of summation.

    Raises:
        InputError: a network other than a DenseNet, configurations that
            differ in more than the layers of their blocks, blocks that
            shrink, or an order of the composite functions other than
            "pre-activation".
    """
    expect_growth(config, grown)
    read = _read(config, grown)
    merged = dict(initial)
    for name, old in weights.items():
        layer, variable = name.split("/")
        new = np.array(initial[name], np.float32)
        # A bias belongs to what is written, as the last axis of a kernel.
        positions = None if variable == "bias" else read.get(layer)
        embed = _embed_kernel if variable == "kernel" else _embed_vector
        embed(old, new, positions)
        merged[name] = new
    return merged


def expect_growth(config, grown):
    """Refuse, with InputError, what :func:`grow` cannot do."""
    possible = (
        isinstance(config, DenseNetConfig)
        and config.order == "pre-activation"
        and replace(config, blocks=grown.blocks) == grown
        and len(config.blocks) == len(grown.blocks)
        and all(map(le, config.blocks, grown.blocks))
    )
    expect(
        possible,
        "grown",
        grown,
        f"a pre-activation DenseNet, {config} but for longer blocks",
        "Add layers to the blocks, and leave all else as it is.",
    )


def _read(config, grown):
    """Of each layer that reads a grown feature map, where the old channels
    are in it: {layer: positions}."""
    read = {}
    old = np.arange(config.stem_channels)
    width = len(old)
    for block, (few, many) in enumerate(
        zip(config.blocks, grown.blocks, strict=True), start=1
    ):
        for index in range(1, few + 1):
            # Layers are appended, so the first ones read what they always did.
            first = f"block{block}_layer{index:02d}"
            if config.bottleneck is not None:
                first += "_bottleneck"
            read[f"{first}_norm"] = read[f"{first}_conv"] = old
            appended = width + np.arange(config.growth_rate)
            old = np.concatenate([old, appended])
            width += config.growth_rate
        width += (many - few) * config.growth_rate
        if block < len(config.blocks):
            name = f"transition{block}"
            read[f"{name}_norm"] = read[f"{name}_conv"] = old
            # The old channels come first; what is new is mixed of them all.
            old = np.arange(compressed(len(old), config.theta))
            width = compressed(width, config.theta)
    return read | {"final_norm": old, "logits": old}


def _embed_kernel(old, new, positions):
    """Put ``old`` into ``new``, (..., read channels, written channels)."""
    if positions is None:
        positions = np.arange(old.shape[-2])
    # A view: an index list beside a slice of another axis would move axes.
    part = new[..., : old.shape[-1]]
    part[...] = 0
    part[..., positions, :] = old


def _embed_vector(old, new, positions):
    """Put ``old`` into ``new``: at the first places or at ``positions``."""
    new[np.arange(len(old)) if positions is None else positions] = old

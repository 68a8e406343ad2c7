"""One channel of a dense block: born, read by each later layer, mixed away."""

from dataclasses import dataclass

import numpy as np
from keras import ops

from densenet_lib import features, statistics, taps
from densenet_lib.errors import expect


@dataclass(frozen=True)
class ChannelLife:
    """What becomes of one channel within its block.

    Attributes:
        place: its number in the block's stack of channels, from 0.
        born: (N, h, w), the channel as its layer puts it out. The block hands
            it on unchanged.
        readers: names of the ReLUs through which it is read: those of the
            later layers, then the transition's or, at the end, the last
            before the classifier.
        read: (readers, N, h, w): what each of them makes of it.
        scale, shift: (readers,): a reader sees relu(scale * born + shift);
            its normalisation's, 1 and 0 without one.
        weights: (readers,): mean |weight| of the convolution, or classifier,
            that follows, over the places of its kernel and its filters.
        compression: (filters,): the channel's weight in each result of that
            last reader.
        rank: how many of the block's channels that last reader gives a larger
            mean |weight|.
        out_of: how many channels it reads.
    """

    place: int
    born: np.ndarray
    readers: tuple[str, ...]
    read: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    weights: np.ndarray
    compression: np.ndarray
    rank: int
    out_of: int

    @property
    def open(self):
        """(readers,): the share of images and places that pass the ReLU."""
        return (self.read > 0).mean(axis=(1, 2, 3))


def channel_life(model, images, block, layer, channel, *, batch_size=32):
    """Follow one channel from its birth to the transition.

    Args:
        model: a network of :func:`densenet_lib.densenet.densenet` in whose
            order the ReLU comes before the convolution, with its top; or a
            model that holds one.
        images: array (N, height, width, channels), as the model reads them.
        block, layer: numbers from 1, of the dense layer that computes it.
        channel: number from 0, among those that this layer computes.
        batch_size: images to run at a time.

    Returns:
        A :class:`ChannelLife`. It holds the channel once for each reader, in
        memory; not the other channels.

    Raises:
        InputError: no such block, layer or channel; a network of another
            order or without a top; images of another shape.

    Source: section 3 of the paper, equation (2), "Composite function" and
    "Compression".
    """
    by_name = {
        path.split("/")[-1]: operation
        for path, operation in taps.operations(model).items()
    }
    readers = _readers(model, block, layer)
    _expect_convolutions(readers, by_name)
    sources = features.channel_sources(model, readers[0])
    place = _place(sources, layer, channel)
    born, read = [], []
    conv = f"block{block}_layer{layer:02d}_conv"
    for maps in features.maps_by_batch(
        model, images, [conv, *readers], batch_size=batch_size
    ):
        born.append(maps[conv][..., channel])
        read.append(np.stack([maps[name][..., place] for name in readers]))
    lines = [_line(by_name, name, place) for name in readers]
    kernels = [_kernel(_convolution(by_name, name)) for name in readers]
    strengths = np.abs(kernels[-1]).mean(axis=1)
    return ChannelLife(
        place=place,
        born=np.concatenate(born),
        readers=tuple(readers),
        read=np.concatenate(read, axis=1),
        scale=np.array([scale for scale, _ in lines]),
        shift=np.array([shift for _, shift in lines]),
        weights=np.array([np.abs(kernel[place]).mean() for kernel in kernels]),
        compression=kernels[-1][place],
        rank=int((strengths > strengths[place]).sum()),
        out_of=len(strengths),
    )


def _readers(model, block, layer):
    """Names of the ReLUs that read what a layer has appended, in order."""
    stacks = features.stacked(model)
    layers = [
        number
        for name, (of_block, number) in stacks.items()
        if of_block == block and name.endswith("_concat")
    ]
    expect(
        layer in layers,
        "block and layer",
        (block, layer),
        f"a dense layer of {model.name!r}",
        f"Block {block} has layers {layers}; both count from 1.",
    )
    return [
        name
        for name, (of_block, number) in stacks.items()
        if of_block == block and number >= layer and name.endswith("_relu")
    ]


def _expect_convolutions(readers, by_name):
    expect(
        readers and all(_convolution(by_name, name) for name in readers),
        "the ReLUs that read the channel",
        readers,
        "one before each convolution that reads it, and before the classifier",
        "Use a network of order 'pre-activation' or 'no-norm', with its top.",
    )


def _convolution(by_name, relu):
    """The layer that reads what a ReLU puts out."""
    if relu == "final_relu":
        return by_name.get("logits")
    return by_name.get(relu.removesuffix("relu") + "conv")


def _kernel(layer):
    """(channels read, places of the kernel times filters)."""
    kernel = np.moveaxis(ops.convert_to_numpy(layer.kernel), -2, 0)
    return kernel.reshape(len(kernel), -1)


def _place(sources, layer, channel):
    """Where a channel stands in the stack, which ``sources`` make up."""
    width = sources[f"layer {layer}"]
    expect(
        0 <= channel < width,
        "channel",
        channel,
        f"a number from 0 to {width - 1}",
        f"Layer {layer} computes {width} channels.",
    )
    before = ["input", *(f"layer {n}" for n in range(1, layer))]
    return sum(sources[name] for name in before) + channel


def _line(by_name, relu, place):
    """Scale and shift of a reader's normalisation for one channel."""
    norm = by_name.get(relu.removesuffix("relu") + "norm")
    if norm is None:
        return 1.0, 0.0
    given = statistics.Moments(norm.moving_mean, norm.moving_variance)
    line = statistics.fold(norm.gamma, norm.beta, given, norm.epsilon)
    return tuple(float(part[place]) for part in line)

"""The DenseNet family: one configuration, one builder, one table of names."""

from dataclasses import asdict, dataclass
from functools import partial

import keras

from densenet_lib import layers, lean
from densenet_lib.errors import expect, expect_choice
from densenet_lib.layers import ORDERS, POOLINGS, check_theta
from densenet_lib.networks import (
    STEMS,
    begin,
    check_counts,
    check_dropout,
    find_config,
    finish,
    is_count,
)

# How a network treats memory: what makes its blocks, and its transitions.
MEMORIES = {
    "naive": (layers.dense_block, layers.transition),
    "shared": (
        partial(lean.dense_block, keep=True),
        partial(lean.transition, keep=True),
    ),
    "linear": (lean.dense_block, lean.transition),
}


@dataclass(frozen=True)
class DenseNetConfig:
    """What makes one DenseNet differ from another.

    Attributes:
        blocks: dense layers in each dense block.
        growth_rate: k, new channels a dense layer.
        bottleneck: the 1x1 convolution's channels, in multiples of k; None
            for a DenseNet without bottleneck.
        theta: compression of the transitions, in (0, 1]; 1 for a DenseNet
            without compression.
        stem: "imagenet" (7x7 convolution and 3x3 max pooling, each of
            stride 2), "cifar" (3x3, stride 1) or "light" (3x3, stride 2).
        stem_filters: channels of the stem; None for 2k, the paper's choice
            for every BC network.
        pooling: of the transitions, "average" or "max".
        dropout: fraction set to zero after each composite function while
            training.
        order: of the composite functions: "pre-activation" as in the paper
            (batch normalisation, ReLU, convolution), "post-activation"
            (convolution, batch normalisation, ReLU) or "no-norm" (ReLU,
            convolution with bias; no batch normalisation anywhere). With
            post-activation the stem's convolution has its normalisation and
            ReLU, and nothing is left to do before the classifier. Networks
            of the first two have equally many normalisations, but for the
            "imagenet" stem, which has its own in either: there the second
            has one less. From one seed all orders draw the same kernels.

    Raises:
        InputError: a value outside its range.

    Source: section 3 and Table 1 of the paper; the orders are those of He et
    al. 2016, "Identity Mappings in Deep Residual Networks", and of Ioffe and
    Szegedy 2015. See :func:`densenet_lib.layers.composite`.
    """

    blocks: tuple[int, ...]
    growth_rate: int
    bottleneck: int | None = 4
    theta: float = 0.5
    stem: str = "imagenet"
    stem_filters: int | None = None
    pooling: str = "average"
    dropout: float = 0.0
    order: str = "pre-activation"

    def __post_init__(self):
        check_counts(
            "blocks",
            self.blocks,
            "Give the layers of each block, as in (6, 12, 24, 16).",
        )
        object.__setattr__(self, "blocks", tuple(self.blocks))
        expect(
            is_count(self.growth_rate),
            "growth_rate",
            self.growth_rate,
            "a positive whole number",
            "The paper uses 12 to 48.",
        )
        for name in ("bottleneck", "stem_filters"):
            value = getattr(self, name)
            expect(
                value is None or is_count(value),
                name,
                value,
                "a positive whole number or None",
                f"Leave {name} out for the paper's choice.",
            )
        check_theta(self.theta)
        check_dropout(self.dropout)
        expect_choice("stem", self.stem, STEMS)
        expect_choice("pooling", self.pooling, POOLINGS)
        expect_choice("order", self.order, ORDERS)

    @property
    def stem_channels(self):
        """Channels that enter the first block: k0 in the paper."""
        return self.stem_filters or 2 * self.growth_rate

    def to_dict(self):
        """The fields as plain values, fit for JSON."""
        return asdict(self) | {"blocks": list(self.blocks)}


def cifar_config(depth, growth_rate, *, bc):
    """The CIFAR member with ``depth`` weighted layers and three blocks.

    Args:
        depth: L in the paper's tables: stem, convolutions of the blocks, two
            transitions and the classifier, all counted.
        growth_rate: k.
        bc: True for bottleneck and compression by a half.

    Returns:
        The :class:`DenseNetConfig`. Without BC the stem has 16 channels,
        with it 2k, as section 3 of the paper says under "Implementation
        Details". (The authors' code starts every network with 2k; only 16
        gives Table 2's parameters.)

    Raises:
        InputError: a depth that three equal blocks cannot make.
    """
    step = 6 if bc else 3
    expect(
        is_count(depth) and depth > 4 and (depth - 4) % step == 0,
        "depth",
        depth,
        f"4 plus a multiple of {step}",
        "Three equal blocks, two transitions, a stem and a classifier.",
    )
    return DenseNetConfig(
        blocks=((depth - 4) // step,) * 3,
        growth_rate=growth_rate,
        bottleneck=4 if bc else None,
        theta=0.5 if bc else 1.0,
        stem="cifar",
        stem_filters=None if bc else 16,
    )


CONFIGS = {
    "densenet121": DenseNetConfig((6, 12, 24, 16), 32),
    "densenet169": DenseNetConfig((6, 12, 32, 32), 32),
    "densenet201": DenseNetConfig((6, 12, 48, 32), 32),
    "densenet264": DenseNetConfig((6, 12, 64, 48), 32),
    "densenet161": DenseNetConfig((6, 12, 36, 24), 48),
    "densenet-40-12": cifar_config(40, 12, bc=False),
    "densenet-100-12": cifar_config(100, 12, bc=False),
    "densenet-100-24": cifar_config(100, 24, bc=False),
    "densenet-bc-100-12": cifar_config(100, 12, bc=True),
    "densenet-bc-250-24": cifar_config(250, 24, bc=True),
    "densenet-bc-190-40": cifar_config(190, 40, bc=True),
}


def get_config(config, **changes):
    """The configuration of that name, or the one given, with changes.

    Args:
        config: a name from ``CONFIGS`` or a :class:`DenseNetConfig`.
        **changes: fields to set otherwise, as in ``pooling="max"``.

    Raises:
        InputError: an unknown name or field, or a value out of its range.
    """
    return find_config(config, CONFIGS, **changes)


def densenet(
    config,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    include_top=True,
    rescale=False,
    memory="naive",
    name=None,
    **changes,
):
    """Build a DenseNet.

    Args:
        config: a name from ``CONFIGS`` or a :class:`DenseNetConfig`.
        input_shape: (height, width, channels); the sides at least 32 pixels.
            Height and width may be None with ``include_top`` either way.
        classes: outputs of the classifier; 1 for a single logit.
        include_top: False ends with the last feature map, after its
            normalisation and ReLU where the order has them there.
        rescale: True if images come as 0 to 255; the network's first layer
            then maps them to -1 to 1.
        memory: "naive" is plain Keras layers, whose outputs are all kept for
            the backward pass; "linear" computes most of them again; "shared"
            keeps the ReLUs' and measures each channel's statistics once, as
            "linear" does, too. See :mod:`densenet_lib.lean`. The function and
            its gradients are the same, and so are the weights and their
            order. Orders other than "pre-activation" are "naive" only.
        name: of the model.
        **changes: fields of the configuration to set otherwise.

    Returns:
        A ``keras.Model`` from (batch, height, width, channels) to logits
        (batch, classes), or to features (batch, h, w, channels).

    Raises:
        InputError: a value that cannot be built.

    Source: Table 1 of the paper, and for the CIFAR networks the end of
    section 3, "Implementation Details".
    """
    config = get_config(config, **changes)
    expect_choice("memory", memory, MEMORIES)
    dense_block, transition = _pieces(memory, config.order)
    image, x = begin(
        input_shape,
        rescale=rescale,
        stem=config.stem,
        filters=config.stem_channels,
        halvings=len(config.blocks) - 1,
        order=config.order,
    )
    for index, num_layers in enumerate(config.blocks, start=1):
        if index > 1:
            x = transition(
                x,
                config.theta,
                pooling=config.pooling,
                dropout=config.dropout,
                name=f"transition{index - 1}",
            )
        x = dense_block(
            x,
            num_layers,
            config.growth_rate,
            bottleneck=config.bottleneck,
            dropout=config.dropout,
            name=f"block{index}",
        )
    x = finish(x, include_top=include_top, classes=classes, order=config.order)
    return keras.Model(image, x, name=name or "densenet")


def _pieces(memory, order):
    """What makes dense blocks, and what makes transitions."""
    pieces = MEMORIES[memory]
    if order == "pre-activation":
        return pieces
    expect(
        memory == "naive",
        "memory",
        memory,
        f"'naive' where the order is {order!r}",
        "The others write out the gradients of 'pre-activation' alone.",
    )
    return [partial(piece, order=order) for piece in pieces]

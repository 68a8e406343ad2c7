"""The residual family, from the same composite function, to compare with.

A DenseNet appends what a layer computes; a ResNet adds it. All else that can
be the same is the same: composite function, stem, head, initialisation.

Source: K. He, X. Zhang, S. Ren, J. Sun, "Identity Mappings in Deep Residual
Networks", ECCV 2016 (arXiv:1603.05027), and for the members "Deep Residual
Learning for Image Recognition", CVPR 2016 (arXiv:1512.03385).
"""

from bisect import bisect_left
from dataclasses import asdict, dataclass

import keras
from keras import layers

from densenet_lib.densenet import CONFIGS as DENSENETS
from densenet_lib.errors import expect, expect_choice
from densenet_lib.layers import composite, conv
from densenet_lib.networks import (
    STEMS,
    begin,
    check_counts,
    check_dropout,
    find_config,
    finish,
    is_count,
)


@dataclass(frozen=True)
class ResNetConfig:
    """What makes one ResNet differ from another.

    Attributes:
        blocks: residual units in each stage; the first unit of each stage
            but the first halves the sides.
        filters: channels of the 3x3 convolutions, one number a stage; a
            single number is for the first stage and doubles with each.
        bottleneck: None for units of two 3x3 convolutions; otherwise 1x1,
            3x3, 1x1, the last with this many times the filters.
        stem: "imagenet", "cifar" or "light", as in a DenseNet.
        stem_filters: channels of the stem; None for those of stage one.
        dropout: fraction set to zero after each convolution while training.

    Raises:
        InputError: a value outside its range.

    Source: He et al., CVPR 2016, Table 1 and section 4.2.
    """

    blocks: tuple[int, ...]
    filters: int | tuple[int, ...]
    bottleneck: int | None = None
    stem: str = "imagenet"
    stem_filters: int | None = None
    dropout: float = 0.0

    def __post_init__(self):
        check_counts(
            "blocks",
            self.blocks,
            "Give the units of each stage, as in (3, 4, 6, 3).",
        )
        object.__setattr__(self, "blocks", tuple(self.blocks))
        widths = self.filters
        if is_count(widths):
            widths = [widths * 2**stage for stage in range(len(self.blocks))]
        check_counts("filters", widths, "ResNet-50 begins with 64.")
        object.__setattr__(self, "filters", tuple(widths))
        expect(
            len(self.filters) == len(self.blocks),
            "filters",
            self.filters,
            f"{len(self.blocks)} numbers, one for each stage",
            "Or give one number; it doubles from stage to stage.",
        )
        for name in ("bottleneck", "stem_filters"):
            value = getattr(self, name)
            expect(
                value is None or is_count(value),
                name,
                value,
                "a positive whole number or None",
                f"Leave {name} out for the usual choice.",
            )
        check_dropout(self.dropout)
        expect_choice("stem", self.stem, STEMS)

    @property
    def stem_channels(self):
        """Channels that enter the first stage."""
        return self.stem_filters or self.filters[0]

    def to_dict(self):
        """The fields as plain values, fit for JSON."""
        return asdict(self) | {
            "blocks": list(self.blocks),
            "filters": list(self.filters),
        }


def cifar_config(depth, filters=16):
    """The CIFAR member with ``depth`` weighted layers and three stages.

    Raises:
        InputError: a depth that three equal stages cannot make.

    Source: He et al., CVPR 2016, section 4.2: depth 6n + 2, with 16, 32 and
    64 filters.
    """
    expect(
        is_count(depth) and depth > 2 and (depth - 2) % 6 == 0,
        "depth",
        depth,
        "2 plus a multiple of 6",
        "Three equal stages of units of two, a stem and a classifier.",
    )
    return ResNetConfig(((depth - 2) // 6,) * 3, filters, stem="cifar")


CONFIGS = {
    "resnet18": ResNetConfig((2, 2, 2, 2), 64),
    "resnet34": ResNetConfig((3, 4, 6, 3), 64),
    "resnet50": ResNetConfig((3, 4, 6, 3), 64, bottleneck=4),
    "resnet101": ResNetConfig((3, 4, 23, 3), 64, bottleneck=4),
    "resnet152": ResNetConfig((3, 8, 36, 3), 64, bottleneck=4),
    "resnet-20": cifar_config(20),
    "resnet-32": cifar_config(32),
    "resnet-44": cifar_config(44),
    "resnet-56": cifar_config(56),
    "resnet-110": cifar_config(110),
}


def residual_unit(
    x, filters, *, bottleneck=None, strides=1, dropout=0.0, name
):
    """Compute a change of ``x`` and add it to ``x``.

    Args:
        x: feature map (batch, height, width, channels).
        filters: channels of the 3x3 convolutions.
        bottleneck: see :class:`ResNetConfig`.
        strides: step of the first 3x3 convolution, in pixels.
        dropout: see :func:`densenet_lib.layers.composite`.
        name: prefix of the layers' names.

    Returns:
        Feature map (batch, height / strides, width / strides, filters), the
        channels times ``bottleneck`` where there is one. Where this shape is
        not that of ``x``, a 1x1 convolution projects ``x`` before the sum.

    Source: He et al., ECCV 2016, Figure 1 (b): nothing but the sum lies on
    the path from unit to unit. There the projection reads x after the unit's
    normalisation and ReLU; here it reads x itself, and the path stays linear.
    """
    options = {"dropout": dropout}
    if bottleneck is None:
        new = composite(
            x, filters, 3, strides=strides, name=f"{name}_first", **options
        )
        new = composite(new, filters, 3, name=f"{name}_second", **options)
    else:
        new = composite(x, filters, 1, name=f"{name}_reduce", **options)
        new = composite(
            new, filters, 3, strides=strides, name=f"{name}_middle", **options
        )
        filters = bottleneck * filters
        new = composite(new, filters, 1, name=f"{name}_expand", **options)
    if strides > 1 or x.shape[-1] != filters:
        x = conv(x, filters, 1, strides=strides, name=f"{name}_project")
    return layers.Add(name=f"{name}_add")([x, new])


def get_config(config, **changes):
    """The configuration of that name, or the one given, with changes.

    Args:
        config: a name from ``CONFIGS`` or a :class:`ResNetConfig`.
        **changes: fields to set otherwise, as in ``stem="light"``.

    Raises:
        InputError: an unknown name or field, or a value out of its range.
    """
    return find_config(config, CONFIGS, **changes)


def resnet(
    config,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    include_top=True,
    rescale=False,
    name=None,
    **changes,
):
    """Build a pre-activation ResNet.

    Args:
        config: a name from ``CONFIGS`` or a :class:`ResNetConfig`.
        input_shape, classes, include_top, rescale, name: as in
            :func:`densenet_lib.densenet.densenet`.
        **changes: fields of the configuration to set otherwise.

    Returns:
        A ``keras.Model`` from (batch, height, width, channels) to logits
        (batch, classes), or to features (batch, h, w, channels).

    Raises:
        InputError: a value that cannot be built.

    Source: see :class:`ResNetConfig` and :func:`residual_unit`.
    """
    config = get_config(config, **changes)
    image, x = begin(
        input_shape,
        rescale=rescale,
        stem=config.stem,
        filters=config.stem_channels,
        halvings=len(config.blocks) - 1,
    )
    stages = zip(config.blocks, config.filters, strict=True)
    for stage, (units, filters) in enumerate(stages, start=1):
        for unit in range(1, units + 1):
            x = residual_unit(
                x,
                filters,
                bottleneck=config.bottleneck,
                strides=2 if unit == 1 and stage > 1 else 1,
                dropout=config.dropout,
                name=f"stage{stage}_unit{unit:02d}",
            )
    x = finish(x, include_top=include_top, classes=classes)
    return keras.Model(image, x, name=name or "resnet")


def matching_resnet(
    densenet_config,
    *,
    by="parameters",
    input_shape=(224, 224, 3),
    classes=1000,
    blocks=None,
    bottleneck=None,
):
    """The ResNet that costs as much as a DenseNet.

    It has the DenseNet's stem, its number of stages and, unless ``blocks``
    says otherwise, its depth: a unit of two convolutions for each dense layer
    with bottleneck, or for each two without. Its width is then the one whose
    cost comes nearest. The widths of the stages double, up to rounding.

    Args:
        densenet_config: a DenseNetConfig, or the name of one.
        by: "parameters" or "multiply_adds".
        input_shape: (height, width, channels) of the images, in pixels.
        classes: outputs of the classifier.
        blocks: residual units in each stage; None for the same depth.
        bottleneck: see :class:`ResNetConfig`.

    Returns:
        The :class:`ResNetConfig`.

    Raises:
        InputError: an unknown name or ``by``, or a shape that cannot be
            counted.
    """
    # Imported here, since the budget knows both families.
    from densenet_lib.budget import closed_form

    expect_choice("by", by, ("parameters", "multiply_adds"))
    densenet_config = find_config(densenet_config, DENSENETS)
    if blocks is None:
        layers_a_unit = 1 if densenet_config.bottleneck else 2
        blocks = [-(-n // layers_a_unit) for n in densenet_config.blocks]
    last = len(blocks) - 1

    def candidate(width):
        """The ResNet with ``width`` filters in its last stage."""
        return ResNetConfig(
            blocks,
            [max(1, round(width / 2 ** (last - i))) for i in range(last + 1)],
            bottleneck=bottleneck,
            stem=densenet_config.stem,
            dropout=densenet_config.dropout,
        )

    def cost(config):
        budget = closed_form(config, input_shape=input_shape, classes=classes)
        return getattr(budget, by)

    target = cost(densenet_config)
    widths = range(1, 8192)
    above = bisect_left(widths, target, key=lambda w: cost(candidate(w)))
    pair = [candidate(w) for w in widths[max(above - 1, 0) : above + 1]]
    return min(pair, key=lambda config: abs(cost(config) - target))

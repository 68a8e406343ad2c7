"""Front ends on the wiring: what a network costs, how a block grows."""

from densenet_lib.budget import WORKING_MAPS
from densenet_lib.densenet import CONFIGS
from densenet_lib.errors import expect, expect_choice
from densenet_lib.widgets.frontend import show

# Image side and classes for which the paper gives each family's numbers:
# Tables 1 and 2.
PAPER = {"imagenet": (224, 1000), "cifar": (32, 10)}

# What the explorer lets a reader change of a DenseNetConfig.
_FIELDS = (
    "blocks",
    "growth_rate",
    "bottleneck",
    "theta",
    "stem",
    "stem_filters",
)


def explorer(start="densenet121", *, batch=32):
    """Show the architecture explorer: draw a DenseNet, and count its cost.

    Its numbers are those of :mod:`densenet_lib.budget`, computed in the
    browser.

    Args:
        start: the network shown first, a name from ``CONFIGS``.
        batch: images a step, for the memory of training.

    Raises:
        InputError: an unknown name.
    """
    expect_choice("start", start, CONFIGS)
    show("explorer", explorer_state(start, batch), alt=_EXPLORER)


_EXPLORER = (
    "The architecture explorer. Choose one of the paper's networks and change "
    "its blocks, growth rate, bottleneck, compression, stem and image size. "
    "It draws the network, and gives the channels layer by layer, "
    "parameters, multiply-adds and the memory of training."
)


def explorer_state(start, batch):
    """What the explorer shows, fit for JSON: see :func:`explorer`."""
    return {
        "batch": batch,
        "nets": [_net(name, config) for name, config in CONFIGS.items()],
        "start": start,
        "working_maps": WORKING_MAPS,
    }


def _net(name, config):
    fields = config.to_dict()
    size, classes = PAPER[config.stem]
    return {field: fields[field] for field in _FIELDS} | {
        "name": name,
        "label": _label(name),
        "size": size,
        "classes": classes,
    }


def _label(name):
    """densenet-bc-100-12 as the paper writes it: DenseNet-BC-100-12."""
    return "DenseNet-" + name.removeprefix("densenet").lstrip("-").upper()


def stepper(num_layers=5, *, growth_rate=12, channels=24):
    """Show a dense block that grows layer by layer, as the reader steps.

    Args:
        num_layers: L, 2 to 8: more do not fit a phone.
        growth_rate: k.
        channels: k0, what the block starts with.

    Raises:
        InputError: a number out of its range.
    """
    expect(
        num_layers in range(2, 9),
        "num_layers",
        num_layers,
        "2 to 8",
        "Larger blocks work alike.",
    )
    for name, value in (("growth_rate", growth_rate), ("channels", channels)):
        expect(
            isinstance(value, int) and value > 0,
            name,
            value,
            "a whole number above 0",
            "The paper has 12 and 24 for a small network.",
        )
    state = {
        "channels": channels,
        "growth_rate": growth_rate,
        "num_layers": num_layers,
    }
    alt = (
        f"A dense block of {num_layers} layers, step by step. It starts with "
        f"{channels} channels and each layer adds {growth_rate}, so that "
        f"{channels + num_layers * growth_rate} leave. Layer l reads "
        f"{channels} + {growth_rate} (l - 1) channels, over l connections."
    )
    show("stepper", state, alt=alt)

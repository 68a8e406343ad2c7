"""The networks by name, and what they cost by arithmetic."""

import re
from dataclasses import dataclass

from densenet_lib import budget
from densenet_lib.densenet import CONFIGS, DenseNetConfig
from densenet_lib.errors import expect
from densenet_lib.experiments import SKETCH_NET

# One logit, as in cat against dog, so that all compile alike.
CLASSES = 1


@dataclass(frozen=True)
class Net:
    """A configuration and the side of its images, in pixels."""

    config: DenseNetConfig
    side: int

    @property
    def input_shape(self):
        """(height, width, channels)."""
        return self.side, self.side, 3


NETS = {
    "densenet121": Net(CONFIGS["densenet121"], 224),
    "bc-100-12": Net(CONFIGS["densenet-bc-100-12"], 32),
    "cpu-net": Net(
        DenseNetConfig((1, 4, 8, 8), 16, stem="light", stem_filters=24), 64
    ),
    "sketch-net": Net(SKETCH_NET, 64),
}


def find(name):
    """The network of that name; "block-16" is one dense block of 16 layers.

    Raises:
        InputError: no such network.
    """
    if block := re.fullmatch(r"block-(\d+)", name):
        return Net(DenseNetConfig((int(block[1]),), 12, stem="cifar"), 32)
    expect(
        name in NETS,
        "net",
        name,
        f"one of {', '.join(NETS)}, or block-N",
        "Choose one of them, or add it to nets.py.",
    )
    return NETS[name]


def cost(name):
    """Parameters, and for one image multiply-adds and activations."""
    net = find(name)
    found = budget.closed_form(
        net.config, input_shape=net.input_shape, classes=CLASSES
    )
    return {
        "side": net.side,
        "parameters": found.parameters,
        "multiply_adds": found.multiply_adds,
        "activations": found.activations,
    }

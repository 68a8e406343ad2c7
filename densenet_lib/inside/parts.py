"""Which layers stand for the depths of a network of either family."""

import re

from densenet_lib import features, taps

# A dense layer ends with a concatenation, a residual unit with a sum.
JOINTS = re.compile(r"(block\d+)_layer\d+_concat|(stage\d+)_unit\d+_add")


def joints(model):
    """Paths of the layers with which dense layers and residual units end.

    Of a model with neither, those of its convolutions.
    """
    return tuple(_joints(model)) or features.layer_names(model, "conv")


def ends(model):
    """Paths of the last of them in each block or stage.

    Of a model with neither, those of its convolutions.
    """
    last = {block: path for path, block in _joints(model).items()}
    return tuple(last.values()) or features.layer_names(model, "conv")


def _joints(model):
    """{path: its block or stage}."""
    found = {}
    for path in taps.operations(model):
        joint = JOINTS.fullmatch(path.split("/")[-1])
        if joint:
            found[path] = path[: -len(joint[0])] + (joint[1] or joint[2])
    return found

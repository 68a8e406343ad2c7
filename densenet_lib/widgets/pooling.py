"""A playground of a transition's pooling: a small map that the reader edits.

The front end pools and differentiates by itself; from here it gets the maps
to start from.
"""

import numpy as np

from densenet_lib.widgets.frontend import show

SIDE = 8  # cells: four windows of 2x2 a side
TOP = 9  # the largest value: a cell holds one digit, as typed

ALT = (
    f"A playground. A map of {SIDE} x {SIDE} cells, whose values the reader "
    "changes; beside it what average pooling and max pooling make of it, and "
    "below them, on demand, where the gradient of an output goes. Without a "
    "browser that runs it, change the values of small_map above and run the "
    "cells again."
)


def transition():
    """Display a playground of average and max pooling."""
    show("transition", transition_state(), alt=ALT)


def transition_state():
    """What it shows: the maps to start from, and the largest value."""
    return {
        "top": TOP,
        "presets": [
            {"name": name, "map": values.tolist()}
            for name, values in starts().items()
        ],
    }


def starts():
    """{name: int64 (8, 8)}: maps on which the two poolings part ways."""
    rows, columns = np.indices((SIDE, SIDE))
    edge = np.where(columns < 3, 0, 8)  # in the middle of a window
    spike = np.zeros((SIDE, SIDE), int)
    spike[3, 4] = TOP
    return {
        "a whisker": _whisker(),
        "an edge": edge,
        "a single spike": spike,
        "a chequerboard": 8 * ((rows + columns) % 2),
        "noise": np.random.default_rng(0).integers(0, TOP + 1, (SIDE, SIDE)),
        "nothing": np.zeros((SIDE, SIDE), int),
    }


def _whisker():
    """A faint thin line across a map, brighter where it begins."""
    drawn = np.zeros((SIDE, SIDE), int)
    drawn[[6, 5, 4, 4, 3, 2, 2, 1], range(SIDE)] = [8, 8, 7, 6, 6, 5, 4, 4]
    return drawn

"""Does a map change with what was learnt? If not, it does not show it.

Source: J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018
(arXiv:1810.03292).
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from densenet_lib import taps
from densenet_lib.faithfulness.outputs import chosen
from densenet_lib.faithfulness.similarity import spearman


@dataclass(frozen=True, eq=False)
class Cascade:
    """Likeness to the trained network's maps as its layers are randomised.

    Attributes:
        stages: what was randomised last, from "nothing" to the first layers;
            everything before it in this list stays randomised.
        values: (stages, N), the likeness of each image's map.
    """

    stages: tuple[str, ...]
    values: np.ndarray


def parameter_randomisation(
    method,
    model,
    images,
    target=None,
    *,
    maps=None,
    groups=None,
    similarity=spearman,
    seed=0,
):
    """Randomise a network from the logits down, and watch its maps.

    Within each tensor of weights the values change places. What was learnt
    is gone; how large the weights are, and with it the scale of what the
    layers put out, is not. Afterwards the model has its weights again.

    Args:
        method: a function ``(model, images, targets) -> maps``.
        model: a built Keras model from images to logits.
        images: (N, height, width, channels), as the model reads them.
        target: the class, for all images or one for each; None for the one
            that the trained network decides for. It stays the same
            throughout.
        maps: the trained network's, if they are at hand.
        groups: {name: paths of layers}, to be randomised together, in this
            order; None for :func:`layer_groups`.
        similarity: of two arrays of maps, ``(maps, others) -> (N,)``.
        seed: of the random order.

    Returns:
        :class:`Cascade`.

    Source: Adebayo et al. 2018, "cascading randomization"; they draw the
    weights anew.
    """
    groups = layer_groups(model) if groups is None else groups
    targets = chosen(model, images, target)
    rng = np.random.default_rng(seed)
    layers = taps.operations(model)
    trained = method(model, images, targets) if maps is None else maps
    rows = [similarity(trained, trained)]
    with _weights_kept(model):
        for paths in groups.values():
            for path in paths:
                _shuffle(layers[taps.find(model, path)], rng)
            others = method(model, images, targets)
            rows.append(similarity(trained, others))
    return Cascade(("nothing", *groups), np.stack(rows))


def layer_groups(model):
    """The layers that have weights, in groups, from the logits down.

    Layers that follow each other and whose names begin alike, up to the first
    underscore, make one group: a block, a transition, the stem.

    Returns:
        {name: paths}, where a layer alone goes by its own path.
    """
    every = taps.operations(model)
    inner = {path.rpartition("/")[0] for path in every}
    paths = [
        path
        for path, layer in every.items()
        if path not in inner and getattr(layer, "weights", ())
    ]
    groups = {}
    for name, members in groupby(reversed(paths), _beginning):
        members = tuple(members)
        alone = len(members) == 1 or name in groups
        groups[members[0] if alone else name] = members
    return groups


def label_randomisation(
    method, model, other, images, target=None, *, similarity=spearman
):
    """Likeness of the maps of two networks, the other trained on false labels.

    Args:
        method: a function ``(model, images, targets) -> maps``.
        model: the network trained on the true labels.
        other: one trained on :func:`shuffled_labels`, in the same way
            otherwise, or the maps differ for other reasons, too.
        images: (N, height, width, channels), as both read them.
        target: the class, for all images or one for each; None for the one
            that ``model`` decides for.
        similarity: of two arrays of maps, ``(maps, others) -> (N,)``.

    Returns:
        (N,).

    Source: Adebayo et al. 2018, the "data randomization test".
    """
    targets = chosen(model, images, target)
    return similarity(
        method(model, images, targets), method(other, images, targets)
    )


def shuffled_labels(split, seed=0):
    """The split with its labels in a random order, as many of each class."""
    labels = np.random.default_rng(seed).permutation(split.labels)
    return replace(split, labels=labels)


def _beginning(path):
    """The path up to the first underscore of the layer's own name."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition("_")[0]


@contextmanager
def _weights_kept(model):
    before = model.get_weights()
    try:
        yield
    finally:
        model.set_weights(before)


def _shuffle(layer, rng):
    layer.set_weights(
        [
            rng.permutation(weights.ravel()).reshape(weights.shape)
            for weights in layer.get_weights()
        ]
    )

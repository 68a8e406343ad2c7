"""A network led astray on purpose: which method shows by what?

One class has a cue in its pictures that is none of the animal's. A network
that learns to read the cue is right for the wrong reason, and we know it: so
a method that is worth its name has to show it. There are two cues:

"tag"
    chequered, in the background. It has a place, so a map can point there.
"tint"
    all of the picture is a little redder, as another camera would have it.
    It has no place: the most that a map can do is to leave the animal.
"""

from dataclasses import dataclass, replace

import numpy as np

from densenet_lib import experiments, training
from densenet_lib.datasets import sketches
from densenet_lib.datasets.records import CLASSES, PARTS
from densenet_lib.errors import expect_choice
from densenet_lib.faithfulness.baselines import BASELINES
from densenet_lib.faithfulness.location import exposes
from densenet_lib.faithfulness.overview import Table, named_methods

FORMS = ("tag", "tint")
# Of red, green and blue, in grey values of 255: a warmer light, no more.
TINT = (20, 0, -20)


@dataclass(frozen=True)
class CueStudy:
    """How much a network goes by a planted cue, and who shows it.

    Attributes:
        share: of the class's training images that had the cue.
        accuracies: of the network on the same test animals, "with" the cue on
            all images of its class, "without" any cue, and with the cue
            "moved" to all images of the other class.
        effect: how much the cue alone adds to the logit of its class: the
            mean over that class's test images, with it and without.
        table: for each method, "peak" and "heat" as in
            :func:`densenet_lib.faithfulness.location.exposes`, on test images
            with the cue, for the class that has it. A tint lies everywhere:
            for "the cue" stands there what is not the animal.
    """

    share: float
    accuracies: dict[str, float]
    effect: float
    table: Table


def cue_study(
    methods,
    share,
    seed=0,
    *,
    kind="dog",
    form="tag",
    counts=sketches.COUNTS,
    images=100,
    recipe=experiments.SKETCH_RECIPE,
    model=None,
    progress="auto",
):
    """Train the small network on drawings with a cue, and ask each method.

    Args:
        methods: {name: function (model, images, targets) -> maps}, or names
            from ``attribution.METHODS``; the baselines are added.
        share: of the images of ``kind`` that get the cue in training and
            validation.
        seed: of the training, and of the intervals. The drawings are the
            same for every seed and share.
        kind: the class with the cue, "cat" or "dog".
        form: of the cue, "tag" or "tint".
        counts: images for training, validation and test.
        images: largest number of test images to ask the methods about.
        recipe: of the training; its seed is replaced.
        model: a network that :func:`train` gave before, for this share and
            seed; None trains one.
        progress: see :func:`densenet_lib.training.fit`.

    Returns:
        :class:`CueStudy`.

    Raises:
        InputError: an unknown class or form, or a share out of its range.
    """
    expect_choice("kind", kind, CLASSES)
    if model is None:
        model = train(
            share, seed, kind=kind, form=form, counts=counts, recipe=recipe,
            progress=progress,
        )  # fmt: skip
    tests = _tests(kind, form, counts[-1])
    logits = {
        name: training.evaluate(model, test) for name, test in tests.items()
    }
    target = CLASSES.index(kind)
    cued = np.flatnonzero(tests["with"].labels == target)
    sign = 1 if target else -1
    scores, chances = _asked(
        model, tests["with"].subset(cued[:images]), methods, target
    )
    table = Table.of(scores, chances, {}, seed=seed)
    return CueStudy(
        share,
        {
            name: float(((logits[name] > 0) == test.labels).mean())
            for name, test in tests.items()
        },
        sign * float((logits["with"] - logits["without"])[cued].mean()),
        table,
    )


def train(
    share,
    seed=0,
    *,
    kind="dog",
    form="tag",
    counts=sketches.COUNTS,
    recipe=experiments.SKETCH_RECIPE,
    progress="auto",
):
    """The small network, trained on drawings with a cue.

    Args and Raises: see :func:`cue_study`.

    Returns:
        A Keras model from images to logits.
    """
    recipe = replace(recipe, seed=seed)
    experiment = replace(experiments.get("sketch/densenet"), recipe=recipe)
    data = planted(kind, share, form=form, counts=counts)
    model = experiment.build()
    training.fit(model, data, recipe, progress=progress)
    return model


def planted(kind, share=1.0, *, form="tag", counts=sketches.COUNTS):
    """Drawings with a cue in one class.

    Args:
        kind: the class with the cue; None for no cue.
        share: of the images of ``kind`` that get it.
        form: of the cue, "tag" or "tint".
        counts: images for training, validation and test.

    Returns:
        :class:`densenet_lib.datasets.Data`, whose masks have "cue" where
        one is planted. The animals are the same for every kind, share and
        form.

    Raises:
        InputError: an unknown class or form, or a share out of its range.
    """
    expect_choice("form", form, FORMS)
    size = experiments.get("sketch/densenet").image_size
    data = sketches.load(size, counts, cue=kind, share=share)
    if form == "tag" or kind is None:
        return data
    # Which ones have the cue is known from the tag; the tag itself goes.
    plain = sketches.load(size, counts)
    return replace(
        data,
        **{part: _tinted(plain[part], data[part]) for part in PARTS},
    )


def _tinted(plain, tagged):
    """The plain images, those tinted that have a tag in the other split."""
    has = tagged.masks["cue"].any(axis=(1, 2))
    tint = np.multiply.outer(has, np.int16(TINT))[:, None, None]
    images = np.clip(plain.images + tint, 0, 255).astype("uint8")
    elsewhere = ~plain.masks["animal"] & has[:, None, None]
    masks = plain.masks | {sketches.CUE: elsewhere}
    return replace(plain, images=images, masks=masks)


def _tests(kind, form, count):
    """The same animals with the cue, without, and with it on the others."""
    other = CLASSES[1 - CLASSES.index(kind)]
    cues = {"with": kind, "without": None, "moved": other}
    return {
        name: planted(cue, form=form, counts=(0, 0, count)).test
        for name, cue in cues.items()
    }


def _asked(model, split, methods, target):
    """Scores of each method and measure, and what chance scores."""
    targets = np.full(len(split), target)
    cue, animal = split.masks["cue"], split.masks["animal"]
    scores = {
        name: exposes(method(model, split.images, targets), cue, animal)
        for name, method in {**named_methods(methods), **BASELINES}.items()
    }
    return scores, {"peak": float(cue.mean()), "heat": 0.5}

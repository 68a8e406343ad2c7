"""At which size a trained network is best asked, and what more views add.

A network that pools over its last map takes images of any size. Which one
serves it best is a choice, and choices are made on the validation images. So
is which views of an image it is shown: with the mirror image or without, the
whole or the middle. What each would have given is kept beside the run, in
``asked.json``.
"""

import json
from dataclasses import dataclass, replace

import numpy as np

import densenet_lib
from densenet_lib import hardware, metrics, resources, runs, training, views
from densenet_lib.errors import expect

SIDES = (64, 96, 128, 160)
WAYS = ("plain", "mirrored")
# Where a share of the side is given: the middle alone, and the mean of both.
NEARER = ("middle", "both")


@dataclass(frozen=True)
class Asked:
    """A run's answers to the validation images, asked in several ways.

    Attributes:
        right: {(side, way): bool (images,)}, where a side is in pixels and a
            way is one of :data:`WAYS`: "mirrored" has the mean of the logits
            of an image and its mirror image for an answer. Of a run that was
            asked about the middle of each image as well, there are those of
            :data:`NEARER`: "middle" is the middle mirrored, too, and "both"
            the mean of that and of "mirrored".
        zoom: the share of the side that the middle has, or None.
    """

    right: dict[tuple[int, str], np.ndarray]
    zoom: float | None = None

    @property
    def sides(self):
        """In pixels, from the smallest on."""
        return sorted({side for side, _ in self.right})

    @property
    def ways(self):
        """In which it was asked, at every side."""
        return WAYS + NEARER if self.zoom else WAYS

    def accuracy(self, side, way):
        """The share that was right."""
        return float(self.right[side, way].mean())

    def against(self, one, other, of=None):
        """One (side, way) against another, on the images where they differ.

        Args:
            one: of this record.
            other: of the record ``of``, another network's; None is this one.

        Returns:
            As :func:`metrics.mcnemar`: how many only the one got right, how
            many only the other, and how likely so uneven a split is by
            chance.
        """
        # As logits of images that are all of class 1.
        both = self.right[one], (of or self).right[other]
        logits = [np.where(right, 1, -1) for right in both]
        return metrics.mcnemar(np.ones_like(logits[0]), *logits)


def load(run):
    """What :func:`record` has written of a run.

    Args:
        run: a :class:`runs.Run`, or the path of one, as "cpu/densenet".

    Raises:
        InputError: nothing is written of this run, or of other weights.
    """
    run = runs.load(run) if isinstance(run, str) else run
    kept = _kept(run)
    remedy = f"Measure it with: densenet-lib sizes {run.experiment.path}."
    expect(
        kept,
        "run",
        run.experiment.path,
        "one whose answers at several sizes are recorded",
        remedy,
    )
    expect(
        kept["weights"] == run.weights_checksum,
        "the record of sizes of",
        run.experiment.path,
        "one that was made with the run's weights",
        remedy,
    )
    return Asked(
        {
            (int(side), way): _unpacked(coded, kept["images"])
            for side, ways in kept["right"].items()
            for way, coded in ways.items()
        },
        kept.get("zoom"),
    )


def record(run, *, source=None, sides=None, zoom=None):
    """Measure a run and write what came out into its folder.

    Args:
        run, source, sides, zoom: of :func:`measure`.

    Returns:
        :class:`Asked`.

    Raises:
        InputError: of :func:`measure`; or there is a record of these weights
            with answers that the new one would not have; or its folder cannot
            be written.
    """
    _expect_askable(run, zoom)
    _expect_no_loss(run, sides or _sides(run), zoom)
    path = resources.own(_path(run))
    resources.expect_writable(path.parent)
    asked = measure(run, source=source, sides=sides, zoom=zoom)
    right = {
        str(side): {way: _packed(asked.right[side, way]) for way in asked.ways}
        for side in asked.sides
    }
    contents = {
        "part": "validation",
        "images": len(next(iter(asked.right.values()))),
        "weights": run.weights_checksum,
        "code": densenet_lib.__version__,
        "hardware": hardware.describe(),
        **({"zoom": zoom} if zoom else {}),
        "right": right,
    }
    resources.write_whole(path, json.dumps(contents, indent=1) + "\n")
    return asked


def measure(run, *, source=None, sides=None, zoom=None):
    """Ask a run's network about the validation images in every way.

    Args:
        run: a :class:`runs.Run` that kept its weights.
        source: of the photographs; see :func:`datasets.load`.
        sides: of the images, in pixels; None for :data:`SIDES` and the side
            at which the run was asked about the test images.
        zoom: a share of the side: asks about the middle of each image as
            well; see :func:`views.middle`. None does not.

    Returns:
        :class:`Asked`.

    Raises:
        InputError: the run kept no weights, or there are no photographs; or
            the zoom is no share, or a side too small for the network.
    """
    _expect_askable(run, zoom)
    sides = sides or _sides(run)
    model = _open_to(sides, run)
    right = {}
    for side in sides:
        experiment = replace(run.experiment, image_size=side)
        part = experiment.data(source).validation
        for way, logits in _logits(model, part.images, zoom).items():
            right[side, way] = metrics.predicted(logits) == part.labels
    return Asked(right, zoom)


def _open_to(sides, run):
    """The run's network for images of any side, if these are large enough.

    One for all: of a network for each side, TensorFlow traces each anew.
    """
    replace(run.experiment, image_size=min(sides)).build()
    model = run.experiment.build(any_side=True)
    runs.load_weights(model, run.weights)
    return model


def _logits(model, images, zoom):
    """The logits (n,) under each way's name."""
    plain = training.logits(model, images)
    mirrored = (plain + training.logits(model, images[:, :, ::-1])) / 2
    found = {"plain": plain, "mirrored": mirrored}
    if zoom:
        middle = training.logits(model, images, zooms=(zoom,), mirror=True)
        found |= {"middle": middle, "both": (mirrored + middle) / 2}
    return found


def table(asked):
    """The accuracies as text, a line a side."""
    lines = ["side" + "".join(f"{way:>10}" for way in asked.ways)]
    for side in asked.sides:
        shares = (asked.accuracy(side, way) for way in asked.ways)
        lines.append(f"{side:4}" + "".join(f"{each:10.2%}" for each in shares))
    return "\n".join(lines)


def _sides(run):
    """At which a run is asked if nobody says otherwise."""
    return sorted({*SIDES, run.experiment.image_size})


def _expect_askable(run, zoom):
    """Refuse a run without weights, and a zoom that is no share."""
    run.expect_weights()
    if zoom is not None:
        views.expect_share(zoom)


def _expect_no_loss(run, sides, zoom):
    """Refuse to replace a record by one that holds less."""
    kept = _kept(run)
    if kept.get("weights") != run.weights_checksum:
        return  # of no use any more
    name = _path(run).name
    remedy = f"Else remove the record, {name} of {run.experiment.path}."
    recorded = sorted(map(int, kept["right"]))
    expect(
        set(recorded) <= set(sides),
        "sides",
        sides,
        f"{recorded} among them",
        remedy,
    )
    recorded = kept.get("zoom")
    expect(
        recorded in (None, zoom),
        "zoom",
        zoom,
        str(recorded),
        remedy,
    )


def _path(run):
    return run.folder / "asked.json"


def _kept(run):
    """The contents of a run's record; {} where none is.

    Of the user's own and one that came with the library, that of the run's
    weights.
    """
    carried = _path(run)
    there = [
        resources.read_json(path, "the record of sizes", "Remove it.")
        for path in dict.fromkeys((resources.own(carried), carried))
        if path.exists()
    ]
    fitting = [
        kept for kept in there if kept["weights"] == run.weights_checksum
    ]
    return next(iter(fitting + there), {})


def _packed(right):
    """Eight images a byte, two digits a byte."""
    return np.packbits(right).tobytes().hex()


def _unpacked(coded, count):
    bits = np.frombuffer(bytes.fromhex(coded), np.uint8)
    return np.unpackbits(bits, count=count).astype(bool)

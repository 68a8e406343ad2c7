"""At which size a trained network is best asked, and what a mirror adds.

A network that pools over its last map takes images of any size. Which one
serves it best is a choice, and choices are made on the validation images.
What each would have given is kept beside the run, in ``asked.json``.
"""

import json
from dataclasses import dataclass, replace

import numpy as np

import densenet_lib
from densenet_lib import hardware, metrics, resources, runs, training
from densenet_lib.errors import expect

SIDES = (64, 96, 128, 160)
WAYS = ("plain", "mirrored")


@dataclass(frozen=True)
class Asked:
    """A run's answers to the validation images, asked in several ways.

    Attributes:
        right: {(side, way): bool (images,)}, where a side is in pixels and a
            way is one of :data:`WAYS`: "mirrored" has the mean of the logits
            of an image and its mirror image for an answer.
    """

    right: dict[tuple[int, str], np.ndarray]

    @property
    def sides(self):
        """In pixels, from the smallest on."""
        return sorted({side for side, _ in self.right})

    def accuracy(self, side, way):
        """The share that was right."""
        return float(self.right[side, way].mean())

    def against(self, one, other):
        """One (side, way) against another, on the images where they differ.

        Returns:
            As :func:`metrics.mcnemar`: how many only the one got right, how
            many only the other, and how likely so uneven a split is by
            chance.
        """
        # As logits of images that are all of class 1.
        logits = [np.where(self.right[way], 1, -1) for way in (one, other)]
        return metrics.mcnemar(np.ones_like(logits[0]), *logits)


def load(run):
    """What :func:`record` has written of a run.

    Args:
        run: a :class:`runs.Run`, or the path of one, as "cpu/densenet".

    Raises:
        InputError: nothing is written of this run, or of other weights.
    """
    run = runs.load(run) if isinstance(run, str) else run
    path = _path(run)
    remedy = f"Measure it with: densenet-lib sizes {run.experiment.path}."
    expect(
        path.exists(),
        "run",
        run.experiment.path,
        "one whose answers at several sizes are recorded",
        remedy,
    )
    kept = json.loads(path.read_text())
    expect(
        kept["weights"] == resources.checksum(run.weights),
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
        }
    )


def record(run, *, source=None, sides=None):
    """Measure a run and write what came out into its folder.

    Args:
        run, source, sides: of :func:`measure`.

    Returns:
        :class:`Asked`.
    """
    asked = measure(run, source=source, sides=sides)
    right = {
        str(side): {way: _packed(asked.right[side, way]) for way in WAYS}
        for side in asked.sides
    }
    contents = {
        "part": "validation",
        "images": len(next(iter(asked.right.values()))),
        "weights": resources.checksum(run.weights),
        "code": densenet_lib.__version__,
        "hardware": hardware.describe(),
        "right": right,
    }
    _path(run).write_text(json.dumps(contents, indent=1) + "\n")
    return asked


def measure(run, *, source=None, sides=None):
    """Ask a run's network about the validation images in every way.

    Args:
        run: a :class:`runs.Run` that kept its weights.
        source: of the photographs; see :func:`datasets.load`.
        sides: of the images, in pixels; None for :data:`SIDES` and the side
            at which the run was asked about the test images.

    Returns:
        :class:`Asked`.

    Raises:
        InputError: the run kept no weights, or there are no photographs.
    """
    run.expect_weights()
    if sides is None:
        sides = sorted({*SIDES, run.experiment.image_size})
    right = {}
    for side in sides:
        experiment = replace(run.experiment, image_size=side)
        model = experiment.build()
        runs.load_weights(model, run.weights)
        part = experiment.data(source).validation
        plain = training.logits(model, part.images)
        mirror = training.logits(model, part.images[:, :, ::-1])
        for way, logits in zip(
            WAYS, (plain, (plain + mirror) / 2), strict=True
        ):
            right[side, way] = metrics.predicted(logits) == part.labels
    return Asked(right)


def table(asked):
    """The accuracies as text, a line a side."""
    lines = ["side   plain  mirrored"]
    for side in asked.sides:
        plain, mirrored = (asked.accuracy(side, way) for way in WAYS)
        lines.append(f"{side:4}  {plain:6.2%}  {mirrored:8.2%}")
    return "\n".join(lines)


def _path(run):
    return run.folder / "asked.json"


def _packed(right):
    """Eight images a byte, two digits a byte."""
    return np.packbits(right).tobytes().hex()


def _unpacked(coded, count):
    bits = np.frombuffer(bytes.fromhex(coded), np.uint8)
    return np.unpackbits(bits, count=count).astype(bool)

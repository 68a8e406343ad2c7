"""A trained network to use: a photograph goes in, an answer comes out.

The weights are those of a recorded run. They come with the library; nothing
is downloaded.
"""

import io
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from densenet_lib import datasets, metrics, pictures, resources, runs
from densenet_lib.datasets import cats_vs_dogs
from densenet_lib.errors import InputError, expect, expect_choice

# What a network knows -> the recorded run that knows it best.
PRETRAINED = {"cats-vs-dogs": "cpu/densenet-cycles"}

# Longest side, in pixels, at which an explanation shows the photograph.
SHOWN = 480

# What holds the bytes of an image file.
_BYTES = (bytes, bytearray, memoryview)


@dataclass(frozen=True)
class Answer:
    """What the network says of one photograph.

    Attributes:
        kind: the class, "cat" or "dog". It is always one of the two,
            whatever the photograph shows.
        probability: that the network gives to that class, from 0.5 to 1. It
            is 1 / (1 + exp(-abs(logit))), as training has left it: no
            temperature was fitted afterwards.
            :attr:`Pretrained.calibration` holds it against the test images.
        logit: above 0 for a dog.
    """

    kind: str
    probability: float
    logit: float

    def __str__(self):
        return f"{self.kind} ({self.probability:.1%})"


@dataclass(frozen=True)
class Pretrained:
    """A recorded run's network, with all that a photograph needs before it.

    Attributes:
        run: the :class:`densenet_lib.runs.Run`.
    """

    run: runs.Run

    @cached_property
    def model(self):
        """The Keras model: (n, s, s, 3) of 0 to 255 to logits (n, 1)."""
        return self.run.model()

    @property
    def classes(self):
        """What a logit below and one above 0 mean."""
        return datasets.CLASSES

    @property
    def image_size(self):
        """Side of the square images that the model reads, in pixels."""
        return self.run.experiment.image_size

    @cached_property
    def calibration(self):
        """Probabilities against frequencies on the run's test images.

        A :class:`densenet_lib.metrics.Calibration`.
        """
        said = self.run.predictions
        return metrics.calibration(said.labels, said.logits)

    def prepare(self, photos):
        """Photographs as the model reads them.

        Each is resized to the square as a whole, as those of the training
        were, and white where it is transparent; see
        :func:`densenet_lib.datasets.cats_vs_dogs.decode`.

        Args:
            photos: one photograph or several, of any size: a path, an image
                file that is open or its bytes, a Pillow image, or an array,
                uint8 (height, width), (height, width, 3) or (height, width,
                4).

        Returns:
            uint8 (n, s, s, 3), with s the :attr:`image_size`.

        Raises:
            InputError: a photograph that cannot be read.
        """
        photos = _several(photos)
        return np.stack([_square(photo, self.image_size) for photo in photos])

    def answers(self, images):
        """What the network says of prepared images.

        Args:
            images: uint8 (n, s, s, 3), from :meth:`prepare`.

        Returns:
            An :class:`Answer` for each.

        Raises:
            InputError: images of another shape.
        """
        shape = (self.image_size, self.image_size, 3)
        expect(
            np.ndim(images) == 4 and np.shape(images)[1:] == shape,
            "the shape of the images",
            np.shape(images),
            f"(n, {shape[0]}, {shape[1]}, {shape[2]})",
            "Pretrained.prepare gives that to photographs of any size.",
        )
        logits = self.run.logits(self.model, images)
        sure = metrics.probabilities(np.abs(logits))
        return [
            Answer(self.classes[kind], float(probability), float(logit))
            for kind, probability, logit in zip(
                metrics.predicted(logits), sure, logits, strict=True
            )
        ]

    def predict(self, photos):
        """Cat or dog? Takes what :meth:`prepare` takes.

        Returns:
            An :class:`Answer` for each photograph.

        Raises:
            InputError: a photograph that cannot be read.
        """
        return self.answers(self.prepare(photos))

    def explain(self, photo, *, method="grad-cam", layer=None):
        """The figure of where in a photograph the evidence lies.

        Whichever views of it the answer takes into account, the heatmaps
        are those of the whole photograph, as it is.

        Args:
            photo: one photograph, as :meth:`prepare` takes it.
            method: one of ``densenet_lib.attribution.METHODS``.
            layer: name of the layer whose feature map is weighted; None for
                the last.

        Returns:
            A :class:`densenet_lib.figures.Illustration`: the photograph, and
            a heatmap over it for each class; one for both where they are the
            same, as ``attribution.WITHOUT_CLASS`` has it.

        Raises:
            InputError: a photograph that cannot be read, an unknown method
                or layer.
        """
        # Only a figure needs them, and drawing is slow to load.
        from densenet_lib import attribution, figures

        photo = _whole(photo)
        images, shown = self.prepare([photo]), _shown(photo)
        classes = self.classes
        if method in attribution.WITHOUT_CLASS:
            classes = ["either class"]
        heat = {
            name: attribution.explain(
                self.model,
                images,
                method,
                layer=layer,
                target=label,
                upsample=False,
            )
            for label, name in enumerate(classes)
        }
        # The whole photograph went into the square: the maps go back on it.
        heat = {
            name: attribution.enlarge(maps, shown.shape[:2])[0]
            for name, maps in heat.items()
        }
        [answer] = self.answers(images)
        return figures.explanation(shown, heat, answer=str(answer))


def pretrained(name):
    """The best network that comes with the library, ready for photographs.

    >>> network = pretrained("cats-vs-dogs")
    >>> [answer] = network.predict("photo.jpg")
    >>> print(answer)
    cat (98.2%)

    Args:
        name: what it knows: "cats-vs-dogs".

    Returns:
        A :class:`Pretrained`.

    Raises:
        InputError: an unknown name.
    """
    expect_choice("name", name, PRETRAINED)
    path = PRETRAINED[name]
    carried = resources.data_folder() / "runs" / path
    # DENSENET_RUNS may point to runs that are not the library's.
    if path not in runs.names() and (carried / "run.json").exists():
        return Pretrained(runs.Run(carried))
    return Pretrained(runs.load(path))


def card():
    """The model card: what the network knows and where it fails, measured.

    Returns:
        Markdown.
    """
    return (resources.data_folder() / "MODEL_CARD.md").read_text("utf-8")


def _several(photos):
    """A list of photographs, of one or of several."""
    one = (
        isinstance(photos, (str, os.PathLike, Image.Image, *_BYTES))
        or hasattr(photos, "read")
        or (isinstance(photos, np.ndarray) and photos.ndim < 4)
    )
    several = [photos] if one or not np.iterable(photos) else list(photos)
    expect(
        several and not any(photo is None for photo in several),
        "photos",
        photos,
        "at least one photograph",
        "Give a path, a file or its bytes, a Pillow image or an array.",
    )
    return several


def _whole(photo):
    """A photograph that can be read twice: an open file's bytes."""
    if not hasattr(photo, "read"):
        return photo
    try:
        content = photo.read()
    except (OSError, ValueError) as error:  # a closed one's, for instance
        content = error
    expect(
        isinstance(content, _BYTES),
        "photograph",
        str(photo),
        "an image file that is open for reading bytes",
        "Open it with mode 'rb'.",
    )
    return content


def _square(photo, size):
    """A photograph as uint8 (size, size, 3)."""
    return _read(photo, lambda content: cats_vs_dogs.decode(content, size))


def _shown(photo):
    """A photograph upright, in its own shape, small enough for a figure."""

    def reduce(content):
        with Image.open(io.BytesIO(content)) as image:
            upright = pictures.upright(image)
        upright.thumbnail((SHOWN, SHOWN))
        return np.asarray(upright)

    return _read(photo, reduce)


def _read(photo, decode):
    """What ``decode`` makes of a photograph's bytes, or one kind of error."""
    named = isinstance(photo, (str, os.PathLike))
    try:
        return decode(_content(photo))
    except InputError as error:
        raise (error.of(os.fspath(photo)) if named else error) from None
    except Exception as error:  # Pillow raises what its decoders raise
        raise InputError(
            "photograph",
            "bytes" if isinstance(photo, _BYTES) else str(photo),
            "an image file that Pillow can read, as JPEG or PNG",
            _reason(error),
        ) from error


def _reason(error):
    if isinstance(error, UnidentifiedImageError):
        return "Pillow does not know the format of this one."
    if isinstance(error, Image.DecompressionBombError):
        return "This one has too many pixels: make it smaller first."
    # An OSError's full text repeats the path.
    reason = getattr(error, "strerror", None) or str(error)
    return reason.replace("\n", " ")


def _content(photo):
    """The bytes of an image file that holds the photograph."""
    photo = _whole(photo)
    if isinstance(photo, _BYTES):
        return bytes(photo)
    if isinstance(photo, np.ndarray):
        photo = Image.fromarray(_pixels(photo))
    if not isinstance(photo, Image.Image):
        return Path(photo).expanduser().read_bytes()
    # By way of a file's bytes, so that one function makes the squares. PPM
    # holds the very pixels and takes no time to write.
    file = io.BytesIO()
    pictures.upright(photo).save(file, "PPM")
    return file.getvalue()


def _pixels(array):
    expect(
        array.dtype == np.uint8
        and (array.ndim == 2 or array.ndim == 3 and array.shape[2] in (3, 4)),
        "the type and shape of a photograph",
        (str(array.dtype), array.shape),
        "uint8 (height, width), (height, width, 3) or (height, width, 4)",
        "Of numbers from 0 to 1, give numpy.uint8(255 * array).",
    )
    return array

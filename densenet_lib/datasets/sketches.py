"""Cats and dogs drawn with code, with the truth about every part.

They stand in for photographs where there are none: in a test, on a first
look, in a chapter that asks where a network looks and needs to know where it
should. What is measured on them says nothing about photographs.
"""

import contextlib
import functools
import hashlib
import tempfile
from pathlib import Path

import numpy as np

from densenet_lib import resources
from densenet_lib.datasets import animals, canvas, scenes
from densenet_lib.datasets.animals import Animal
from densenet_lib.datasets.canvas import Canvas
from densenet_lib.datasets.records import CLASSES, PARTS, Data, Split
from densenet_lib.errors import expect, expect_choice
from densenet_lib.progress import Progress

NAME = "sketches"
COUNTS = (2000, 400, 400)

# What a mask holds; the head has all that is on it, but for the whiskers.
MASKS = {
    "animal": scenes.ANIMAL,
    "head": scenes.HEAD,
    "ears": ("ears",),
    "eyes": ("eyes",),
    "muzzle": ("muzzle", "nose"),
    "nose": ("nose",),
    "whiskers": ("whiskers",),
    "tongue": ("tongue",),
}
CUE = "cue"


def draw(kind, rng, size=64, *, cue=False):
    """Draw one cat or dog.

    Args:
        kind: "cat" or "dog".
        rng: a ``numpy.random.Generator``. In the same state it gives the
            same animal in the same scene at any size, with a cue or without.
        size: side of the picture, in pixels, from 32 to 512.
        cue: True for a chequered tag in the background, by which a network
            may be led astray.

    Returns:
        The image, uint8 (size, size, 3), and its masks: for each name in
        ``MASKS`` (and "cue", where there is one) bool (size, size), true
        where the picture shows that part. Of what is behind something else,
        or does not exist, nothing is true.

    Raises:
        InputError: an unknown kind, or a size out of its range.
    """
    expect_choice("kind", kind, CLASSES)
    _expect_size(size)
    animal = Animal(kind, rng)
    picture = Canvas(size)
    scenes.paint_background(picture, rng)
    corner = rng.integers(2)
    if cue:
        scenes.paint_cue(picture, corner)
    animal.paint(picture)
    scenes.paint_foreground(picture, rng)
    image = np.rint(scenes.lit(picture, rng).clip(0, 255)).astype(np.uint8)
    return image, _masks(picture, cue)


def _expect_size(size):
    expect(
        size in range(32, 513),
        "size",
        size,
        "a whole number of pixels from 32 to 512",
        "The book uses 64.",
    )


def load(image_size=64, counts=COUNTS, seed=0, *, cue=None, share=1.0):
    """The drawn data set, drawn once and then kept.

    Half of each part are cats; cats and dogs take turns. An image depends on
    the seed, its part and its place there, not on how many there are.

    Args:
        image_size: side of the images, in pixels.
        counts: images for training, validation and test.
        seed: another one gives other animals.
        cue: a class, "cat" or "dog", to plant a cue in; None for none. The
            pictures are otherwise those without.
        share: of that class's images that get the cue.

    Returns:
        :class:`Data`; each part with the masks of :func:`draw`.

    Raises:
        InputError: an unknown class, or a number out of its range.
    """
    counts = tuple(counts)
    _expect_size(image_size)
    expect(
        len(counts) == len(PARTS) and min(counts) >= 0,
        "counts",
        counts,
        "three numbers of images, none below 0",
        "They are for training, validation and test.",
    )
    expect_choice("cue", cue, (None, *CLASSES))
    expect(
        0 <= share <= 1,
        "share",
        share,
        "a number from 0 to 1",
        "It is the share of the images that get the cue.",
    )
    return _load(image_size, counts, seed, cue, share)


def traits(name, seed=0):
    """The traits of the animal in an image of :func:`load`.

    Args:
        name: as in a split's names, "train/cat.0000".
        seed: that of the data set.

    Returns:
        :class:`densenet_lib.datasets.animals.Traits`.
    """
    return Animal(_kind(name), _generator(name, seed)).traits


def _masks(picture, cue):
    parts = MASKS | {CUE: (CUE,)} if cue else MASKS
    masks = {name: picture.cover(seen) >= 0.5 for name, seen in parts.items()}
    # A whisker is thinner than a pixel: a quarter of one has to do.
    masks["whiskers"] = picture.cover(MASKS["whiskers"]) >= 0.25
    masks["animal"] |= masks["whiskers"]
    return masks


def _kind(name):
    return name.partition("/")[2].partition(".")[0]


def _generator(name, seed, use=0):
    """Random numbers for one image, whatever else is drawn."""
    part, index = name.partition("/")[0], int(name.partition(".")[2])
    return np.random.default_rng((seed, PARTS.index(part), index, use))


@functools.lru_cache(maxsize=4)
def _load(size, counts, seed, cue, share):
    names = tuple(
        f"{part}/{CLASSES[index % 2]}.{index:04d}"
        for part, count in zip(PARTS, counts, strict=True)
        for index in range(count)
    )
    images, masks = _kept(names, size, seed, cue, share)
    labels = np.array([CLASSES.index(_kind(name)) for name in names], np.uint8)
    for array in (images, labels, *masks.values()):
        array.flags.writeable = False  # all callers share them
    whole = Split(images, labels, names, masks)
    ends = np.cumsum(counts)
    return Data(
        NAME,
        size,
        *(
            whole.subset(slice(end - count, end))
            for end, count in zip(ends, counts, strict=True)
        ),
        checksum=hashlib.sha256(images).hexdigest(),
        split_checksum=hashlib.sha256("\n".join(names).encode()).hexdigest(),
    )


def _kept(names, size, seed, cue, share):
    """All images and masks, from the cache or newly drawn."""
    key = repr((_code(), names, size, seed, cue, share)).encode()
    file = f"{hashlib.sha256(key).hexdigest()[:16]}.npz"
    path = resources.cache_folder() / NAME / file
    if not path.exists():
        images, masks = _drawn(names, size, seed, cue, share)
        packed = {name: np.packbits(mask, -1) for name, mask in masks.items()}
        with contextlib.suppress(OSError):  # nowhere to write: draw again
            _keep(path, images=images, **packed)
        return images, masks
    with np.load(path) as kept:
        packed = {name: kept[name] for name in kept.files}
    return packed.pop("images"), {
        name: np.unpackbits(mask, -1, count=size).view(bool)
        for name, mask in packed.items()
    }


def _code():
    """The code that draws: with another, nothing kept is used any more."""
    modules = (animals, canvas, scenes)
    files = [__file__, *(module.__file__ for module in modules)]
    return b"".join(Path(file).read_bytes() for file in files)


def _keep(path, **arrays):
    """Write a file for the next time, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        made = Path(scratch) / path.name
        np.savez(made, **arrays)
        made.replace(path)


def _drawn(names, size, seed, cue, share):
    parts = MASKS if cue is None else (*MASKS, CUE)
    images = np.empty((len(names), size, size, 3), np.uint8)
    masks = {part: np.zeros(images.shape[:3], bool) for part in parts}
    with Progress("drawing cats and dogs", len(names)) as progress:
        for row, name in enumerate(names):
            kind = _kind(name)
            chance = _generator(name, seed, use=1).random()
            images[row], seen = draw(
                kind,
                _generator(name, seed),
                size,
                cue=kind == cue and chance < share,
            )
            for part, mask in seen.items():
                masks[part][row] = mask
            progress.update(row + 1)
    return images, masks

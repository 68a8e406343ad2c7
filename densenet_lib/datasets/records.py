"""What every data set of the library looks like to its users."""

import numbers
from dataclasses import dataclass

import numpy as np

from densenet_lib.errors import expect, expect_choice

PARTS = ("train", "validation", "test")
CLASSES = ("cat", "dog")


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set: images with their labels and names.

    Attributes:
        images: uint8 (N, height, width, 3), to be read and not written: it
            may be a view of a file that other processes read.
        labels: uint8 (N,), indices into :attr:`Data.classes`.
        names: of the images, in the same order.
        masks: where the truth is known, name of a part -> bool (N, height,
            width); None for photographs.
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    masks: dict[str, np.ndarray] | None = None

    def __len__(self):
        return len(self.labels)

    def subset(self, which):
        """A smaller split.

        Args:
            which: a count, for that many from the start, or the indices of
                the images (an array of whole numbers or of booleans).

        Raises:
            InputError: more images asked for than there are.
        """
        if isinstance(which, numbers.Integral):
            expect(
                0 <= which <= len(self),
                "subset",
                which,
                f"a count from 0 to {len(self)}",
                "The split has no more images.",
            )
            which = slice(which)
        masks = self.masks and {
            part: mask[which] for part, mask in self.masks.items()
        }
        names = tuple(np.asarray(self.names, dtype=object)[which])
        return Split(self.images[which], self.labels[which], names, masks)


@dataclass(frozen=True, eq=False)
class Data:
    """A data set, split in three; ``data["train"]`` is ``data.train``.

    Attributes:
        name: "cats-vs-dogs" or "sketches".
        image_size: side of the square images, in pixels.
        train, validation, test: the parts.
        checksum: SHA-256 that identifies the images.
        split_checksum: SHA-256 that identifies which image is in which part.
        classes: what the labels 0 and 1 mean.
        notes: what a reader should know, one sentence each: photographs
            that are missing, for instance.
    """

    name: str
    image_size: int
    train: Split
    validation: Split
    test: Split
    checksum: str
    split_checksum: str
    classes: tuple[str, ...] = CLASSES
    notes: tuple[str, ...] = ()

    def __getitem__(self, part):
        expect_choice("part", part, PARTS)
        return getattr(self, part)

    def counts(self):
        """How many images of each class each part has.

        Returns:
            {part: {class: count}}, in the order of PARTS and of classes.
        """
        return {
            part: {
                name: int(np.sum(self[part].labels == label))
                for label, name in enumerate(self.classes)
            }
            for part in PARTS
        }

    def summary(self):
        """The counts as a small table of text."""
        head = ("part", *self.classes, "all")
        rows = [
            (part, *counts.values(), sum(counts.values()))
            for part, counts in self.counts().items()
        ]
        return "\n".join(_line(row) for row in (head, *rows))


def _line(row):
    first, *others = row
    return f"{first:<10}" + "".join(f"{other:>8}" for other in others)

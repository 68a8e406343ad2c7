"""The data of the book: photographs where they are, drawings elsewhere."""

from densenet_lib import scales
from densenet_lib.datasets.records import CLASSES, PARTS, Data, Split

__all__ = ["CLASSES", "PARTS", "Data", "Split", "load"]


def load(scale=None, *, source=None, image_size=None):
    """The data of a scale.

    Args:
        scale: a Scale, its name, or None for the current one.
        source: zip or folder with the photographs; None looks in the places
            of :func:`cats_vs_dogs.find`. Giving one asks for the photographs
            at any scale.
        image_size: side of the images, in pixels; None for the scale's own.

    Returns:
        The :class:`Data`.

    Raises:
        InputError: the photographs are needed and cannot be used.
    """
    scale = scales.get(scale)
    if image_size is None:
        image_size = scale.image_size
    if source is None and scale.dataset == "sketches":
        from densenet_lib.datasets import sketches

        return sketches.load(image_size)
    from densenet_lib.datasets import cats_vs_dogs

    return cats_vs_dogs.load(source, image_size=image_size)

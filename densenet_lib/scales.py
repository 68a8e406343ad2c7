"""Three scales, one code path: how much data, how large, chosen here only."""

import os
from dataclasses import dataclass

from densenet_lib.errors import expect_choice


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Attributes:
        name: "sketch", "cpu" or "gpu".
        dataset: "sketches" (drawn by the library) or "cats-vs-dogs".
        image_size: side of the square images, in pixels.
        needs: what a training at this scale needs, in words.
    """

    name: str
    dataset: str
    image_size: int
    needs: str


SCALES = {
    "sketch": Scale("sketch", "sketches", 64, "one CPU core, two minutes"),
    "cpu": Scale("cpu", "cats-vs-dogs", 128, "two CPU cores, half an hour"),
    "gpu": Scale("gpu", "cats-vs-dogs", 128, "a GPU, minutes"),
}


def current():
    """The scale of this process.

    ``DENSENET_SCALE`` decides where it is set. Otherwise it follows from what
    is there: photographs and a GPU give "gpu", photographs alone "cpu",
    neither "sketch".

    Raises:
        InputError: ``DENSENET_SCALE`` names no scale.
    """
    name = os.environ.get("DENSENET_SCALE")
    if name is None:
        name = _from_what_is_there()
    expect_choice("DENSENET_SCALE", name, SCALES)
    return SCALES[name]


def get(scale=None):
    """The scale of that name, the one given, or the current one."""
    if scale is None:
        return current()
    if isinstance(scale, Scale):
        return scale
    expect_choice("scale", scale, SCALES)
    return SCALES[scale]


def _from_what_is_there():
    # Imported here: both are slow to ask and need not be asked where the
    # environment variable has decided.
    from densenet_lib.datasets import cats_vs_dogs
    from densenet_lib.hardware import has_gpu

    if not cats_vs_dogs.is_available():
        return "sketch"
    return "gpu" if has_gpu() else "cpu"

"""An augmentation that does everything at once, for several tests."""

from densenet_lib.datasets.pipeline import Augmentation

EVERYTHING = Augmentation(
    flip=True,
    shift=0.1,
    scale=(0.7, 1.2),
    stretch=0.1,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    cutout=0.25,
)

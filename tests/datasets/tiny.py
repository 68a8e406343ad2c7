"""Tiny collections of drawn JPEGs, in the layouts of the real ones."""

import io
import zipfile

import numpy as np
from PIL import Image


def jpeg(pixels, *, mode="RGB", **options):
    """The pixels, uint8 (height, width, 3), as the bytes of a JPEG."""
    file = io.BytesIO()
    image = Image.fromarray(pixels).convert(mode)
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def noise(seed, height=30, width=40):
    """A photograph of nothing: soft random colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


def kaggle_member(name):
    """Where Kaggle has "cat.0"."""
    return f"train/{name}.jpg"


def microsoft_member(name):
    """Where Microsoft has "cat.0"."""
    class_name, number = name.split(".")
    return f"PetImages/{class_name.capitalize()}/{number}.jpg"


def write_zip(path, files, member=kaggle_member):
    """A zip of the files, in a layout."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(member(name), content)
    return path


def write_folder(path, files, member=kaggle_member):
    """A folder of the files, in a layout."""
    for name, content in files.items():
        place = path / member(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return path

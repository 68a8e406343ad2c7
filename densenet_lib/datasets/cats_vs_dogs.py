"""Cats-vs-Dogs: find the photographs, check them, decode them once, split.

Source: J. Elson, J. Douceur, J. Howell, J. Saul, "Asirra: a CAPTCHA that
exploits interest-aligned manual image categorization", CCS 2007; the 25,000
labelled photographs of Kaggle's competition "dogs-vs-cats".
"""

import io
import json
import os
import tempfile
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from densenet_lib import pictures, resources
from densenet_lib.datasets import split
from densenet_lib.datasets.download import download, download_folder
from densenet_lib.datasets.photographs import open_photographs
from densenet_lib.datasets.records import CLASSES, PARTS, Data, Split
from densenet_lib.errors import InputError, expect
from densenet_lib.progress import Progress

__all__ = [
    "Report",
    "decode",
    "download",
    "download_folder",
    "find",
    "is_available",
    "load",
    "verify",
]

NAME = "cats-vs-dogs"
# Part of the cache's name: raise it where the pixels would come out otherwise.
_DECODER = 1


@dataclass(frozen=True)
class Report:
    """What came of decoding every photograph of the split's list.

    Attributes:
        source: where the photographs were.
        layout: "kaggle" or "microsoft".
        checksum: of the photographs.
        split_checksum: of the list.
        image_size: side of the decoded images, in pixels.
        names: decoded photographs, in the order of the list.
        unreadable: name -> what the decoder said.
        missing: names on the list without a file.
        unlisted: how many files are not on the list, and were left out.
    """

    source: str
    layout: str
    checksum: str
    split_checksum: str
    image_size: int
    names: tuple[str, ...]
    unreadable: dict[str, str]
    missing: tuple[str, ...]
    unlisted: int

    def notes(self, parts):
        """Sentences for a reader, one for each thing that is not as it was.

        Args:
            parts: {name: part}, the split.
        """
        notes = []
        if self.unreadable:
            notes.append(_note("Unreadable", self.unreadable, parts))
        if self.missing:
            notes.append(_note("Missing", self.missing, parts))
        if self.unlisted:
            notes.append(
                f"Not on the split's list, so not used: {self.unlisted}."
            )
        return tuple(notes)


def find(source=None):
    """Where the photographs are; nothing is opened or downloaded.

    Looked for in this order: ``source``; the environment's
    ``DENSENET_DATA``; ``data/cats-vs-dogs/`` in the checkout; the folder
    that :func:`download` fills.

    Returns:
        A path, or None.

    Raises:
        InputError: ``source`` or ``DENSENET_DATA`` names nothing.
    """
    asked = source or os.environ.get("DENSENET_DATA")
    if asked:
        path = Path(asked).expanduser()
        expect(
            path.exists(),
            "source" if source else "DENSENET_DATA",
            str(asked),
            "the path of a zip or folder with the photographs",
            "Correct the path, or leave it out for the drawn data set.",
        )
        return path
    for folder in (resources.data_folder() / NAME, download_folder()):
        if folder.is_dir() and any(map(_may_hold, folder.iterdir())):
            return folder
    return None


def _may_hold(entry):
    # Not a download that has broken off, nor a note for the reader.
    return entry.suffix in (".zip", ".jpg") or entry.is_dir()


def is_available():
    """True if there seem to be photographs; quick, as it opens nothing."""
    return find() is not None


def load(source=None, *, image_size=64):
    """The photographs, decoded and split.

    The first call for a source and a size decodes all of them into the
    cache; later ones map that file into memory.

    Args:
        source: zip or folder; None looks in the places of :func:`find`.
        image_size: side of the images, in pixels.

    Returns:
        :class:`Data` with 17,000 training, 4,000 validation and 4,000 test
        images, half of each cats, unless photographs are missing; its notes
        and a warning say which.

    Raises:
        InputError: no photographs found, or not in a form that is known.
    """
    expect(
        isinstance(image_size, int) and image_size > 0,
        "image_size",
        image_size,
        "a positive whole number of pixels",
        "The book uses 64 and 128.",
    )
    parts, split_checksum = split.read()
    photographs = _opened(source)
    report, images = _decoded(photographs, image_size, parts, split_checksum)
    data = _divide(report, images, parts)
    if data.notes:
        warnings.warn(" ".join(data.notes), stacklevel=2)
    return data


def verify(source=None, *, image_size=64):
    """Decode every photograph, as :func:`load` does, and report.

    It is done anew, whatever :func:`load` has kept; nothing is kept of it.

    Returns:
        :class:`Report`.

    Raises:
        InputError: as :func:`load`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch)
        return _made(made, _opened(source), image_size, *split.read())


def decode(content, size):
    """An image file's bytes as an RGB square.

    The whole photograph is resized to the square, not cropped: a cat at the
    edge stays, at the price of a changed aspect ratio (the originals are
    mostly 4:3). The photographs' own orientation mark is obeyed, grey and
    CMYK are converted, and white stands behind what is transparent.

    Args:
        content: bytes of a JPEG, or of anything else that Pillow reads.
        size: side of the result, in pixels.

    Returns:
        uint8 (size, size, 3).

    Raises:
        Whatever Pillow raises on bytes that it cannot decode.
    """
    with Image.open(io.BytesIO(content)) as image:
        # A JPEG can be decoded at 1/2, 1/4 or 1/8 for a fraction of the
        # time; twice the size that is needed leaves the rest to the filter.
        image.draft("RGB", (2 * size, 2 * size))
        upright = pictures.upright(image)
    # Lanczos with its support widened to the source's grid: no aliasing.
    return pictures.square(upright, size)


def _opened(source):
    path = find(source)
    if path is None:
        raise InputError(
            "the source of the photographs",
            None,
            "a zip or folder with Cats-vs-Dogs",
            "Set DENSENET_DATA to one, run `densenet-lib data download`, or"
            " use the drawn data set: DENSENET_SCALE=sketch.",
        )
    return open_photographs(path)


def _decoded(photographs, image_size, parts, split_checksum):
    """The report and the images, from the cache or newly made."""
    checksums = f"{photographs.checksum[:16]}-{split_checksum[:8]}"
    key = f"{checksums}-{image_size}px-v{_DECODER}"
    folder = resources.cache_folder() / NAME / key
    if not folder.exists():
        _fill(folder, photographs, image_size, parts, split_checksum)
    fields = json.loads((folder / "report.json").read_text())
    for name in ("names", "missing"):
        fields[name] = tuple(fields[name])
    # What was decoded may have lain elsewhere.
    fields |= {"source": str(photographs.path), "layout": photographs.layout}
    return Report(**fields), np.load(folder / "images.npy", mmap_mode="r")


def _fill(folder, photographs, image_size, parts, split_checksum):
    """Decode into a folder beside the final one, then rename: all or none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / folder.name
        made.mkdir()
        report = _made(made, photographs, image_size, parts, split_checksum)
        (made / "report.json").write_text(json.dumps(asdict(report)))
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was first: as good
                raise


def _made(folder, photographs, image_size, parts, split_checksum):
    """Decode into ``folder``; returns the report."""
    names = [name for name in parts if name in photographs]
    expect(
        names,
        "the source of the photographs",
        str(photographs.path),
        "some of the photographs on the split's list",
        "They are named cat.0 to cat.12499 and dog.0 to dog.12499.",
    )
    unreadable = _decode_all(
        photographs, names, image_size, folder / "images.npy"
    )
    return Report(
        source=str(photographs.path),
        layout=photographs.layout,
        checksum=photographs.checksum,
        split_checksum=split_checksum,
        image_size=image_size,
        names=tuple(name for name in names if name not in unreadable),
        unreadable=unreadable,
        missing=tuple(name for name in parts if name not in photographs),
        unlisted=len(photographs) - len(names),
    )


def _decode_all(photographs, names, size, path):
    """Decode in the order of ``names``; return {name: reason} of failures."""
    unreadable = {}
    pool = ThreadPoolExecutor(os.cpu_count())  # Pillow frees the lock
    answers = pool.map(lambda name: _attempt(photographs, name, size), names)
    try:
        with (
            path.open("wb") as file,
            Progress("decoding photographs", len(names)) as progress,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # Pillow's, on odd Exif blocks
            _write_header(file, len(names), size)
            for done, name in enumerate(names, start=1):
                image, reason = next(answers)
                if reason is None:
                    file.write(image)
                else:
                    unreadable[name] = reason
                progress.update(done)
            file.seek(0)
            _write_header(file, len(names) - len(unreadable), size)
    finally:
        # Where it was interrupted, what has not begun is not waited for.
        pool.shutdown(cancel_futures=True)
    return unreadable


def _attempt(photographs, name, size):
    """(decoded bytes, None), or (None, why the file cannot be decoded).

    That a file cannot be read at all, for want of a disk or of memory, says
    nothing about the photograph: that ends the decoding.
    """
    try:
        content = photographs.read(name)
    except (zipfile.BadZipFile, zlib.error) as error:
        return None, _reason(error)
    try:
        return decode(content, size).tobytes(), None
    except MemoryError:
        raise
    except Exception as error:  # Pillow has no common kind of its own
        return None, _reason(error)


def _reason(error):
    return f"{type(error).__name__}: {error}"


def _write_header(file, count, size):
    # NumPy pads it, so that another count does not change its length.
    np.lib.format.write_array_header_1_0(
        file,
        {
            "descr": "|u1",
            "fortran_order": False,
            "shape": (count, size, size, 3),
        },
    )


def _divide(report, images, parts):
    """The decoded images as :class:`Data`; its parts are views of them."""
    which = np.array([PARTS.index(parts[name]) for name in report.names])
    # The list has one part after the other, so that each is one slice.
    starts = np.searchsorted(which, range(len(PARTS) + 1))
    slices = [slice(*ends) for ends in zip(starts, starts[1:], strict=False)]
    return Data(
        NAME,
        report.image_size,
        *(_part(report.names[rows], images[rows]) for rows in slices),
        checksum=report.checksum,
        split_checksum=report.split_checksum,
        notes=report.notes(parts),
    )


def _part(names, images):
    labels = [CLASSES.index(name.split(".")[0]) for name in names]
    return Split(images, np.array(labels, dtype=np.uint8), names)


def _note(what, names, parts):
    names = list(names)
    counts = {
        part: sum(parts[name] == part for name in names) for part in PARTS
    }
    where = ", ".join(f"{part} lacks {n}" for part, n in counts.items() if n)
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    share = f"{len(names)} of {len(parts)} photographs"
    return f"{what}: {share}, so that {where} ({shown})."

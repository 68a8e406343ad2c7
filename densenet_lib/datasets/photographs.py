"""The photographs of Cats-vs-Dogs, wherever and however they are kept.

Two layouts are known, and told apart by what is inside, not by a name:

* Kaggle's, ``train/cat.0.jpg`` to ``train/dog.12499.jpg``;
* Microsoft's, ``PetImages/Cat/0.jpg`` to ``PetImages/Dog/12499.jpg``.

Either may be a zip, a folder, a zip in a folder, or (Kaggle's complete
download, ``dogs-vs-cats.zip``) a zip in a zip. Whatever it is, a photograph
goes by one canonical name, "cat.0" or "dog.12499". The two publishers number
the same 25,000 photographs, as far as is known alike; the names are taken
from the numbers, no picture is compared.
"""

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from densenet_lib import resources
from densenet_lib.errors import InputError, expect

LAYOUTS = {
    "kaggle": re.compile(r"(?:.*/)?(cat|dog)\.(\d+)\.jpg"),
    "microsoft": re.compile(r"(?:.*/)?(Cat|Dog)/(\d+)\.jpg"),
}
# A folder is searched this deep: dogs-vs-cats/train/cat.0.jpg is on level 3.
DEPTH = 3
REMEDY = (
    "It should hold train/cat.0.jpg and so on, as Kaggle has it, or"
    " PetImages/Cat/0.jpg and so on, as Microsoft has it."
    " `densenet-lib data download` gets them."
)


@dataclass(frozen=True, eq=False)
class Photographs:
    """The photographs at one place.

    Attributes:
        path: the zip or folder.
        layout: "kaggle" or "microsoft".
        files: canonical name -> member of the zip, or path in the folder.
    """

    path: Path
    layout: str
    files: dict[str, str]

    def __contains__(self, name):
        return name in self.files

    def __len__(self):
        return len(self.files)

    @cached_property
    def checksum(self):
        """SHA-256 over the sorted lines "name size CRC-32" of all files.

        Sizes and checks of a zip stand in its directory, so that nothing is
        unpacked; a folder is read. The same files give the same checksum in
        a zip and in a folder.
        """
        lines = (
            f"{name} {size} {crc:08x}\n"
            for name, (size, crc) in self._sizes_and_checks().items()
        )
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


class _Zip(Photographs):
    @cached_property
    def _archive(self):
        return zipfile.ZipFile(self.path)

    def read(self, name):
        """The bytes of one file; may be called from several threads."""
        return self._archive.read(self.files[name])

    def _sizes_and_checks(self):
        members = {
            name: self._archive.getinfo(member)
            for name, member in self.files.items()
        }
        return {
            name: (member.file_size, member.CRC)
            for name, member in members.items()
        }


class _Folder(Photographs):
    def read(self, name):
        """The bytes of one file; may be called from several threads."""
        return (self.path / self.files[name]).read_bytes()

    def _sizes_and_checks(self):
        return {name: _size_and_check(self.read(name)) for name in self.files}


def _size_and_check(content):
    return len(content), zlib.crc32(content)


def open_photographs(path):
    """The photographs in a zip or folder.

    Args:
        path: of a zip or a folder, in any of the layouts.

    Returns:
        :class:`Photographs`.

    Raises:
        InputError: nothing is there, or no photographs in a known layout, or
            two files that would have the same name.
    """
    path = Path(path).expanduser()
    expect(
        path.exists(),
        "the source of the photographs",
        str(path),
        "a zip or a folder that exists",
        "Check the path and DENSENET_DATA.",
    )
    found = _open_folder(path) if path.is_dir() else _open_zip(path)
    if found is None:
        raise InputError(
            "the source of the photographs",
            str(path),
            "the photographs of Cats-vs-Dogs",
            REMEDY,
        )
    return found


def _open_folder(path):
    # A zip first: its checksum costs nothing.
    for candidate in sorted(path.glob("*.zip")):
        if found := _open_zip(candidate):
            return found
    layout, files = _index(path, _walk(path))
    return _Folder(path, layout, files) if files else None


def _open_zip(path):
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise InputError(
            "the source of the photographs",
            str(path),
            f"a complete zip, or a folder ({error})",
            "If it was downloaded, the download broke off: fetch it again.",
        ) from error
    with archive:
        layout, files = _index(path, archive.namelist())
        if files:
            return _Zip(path, layout, files)
        for member in archive.infolist():
            if Path(member.filename).name == "train.zip":
                return _open_zip(_unpacked(archive, member))
    return None


def _unpacked(archive, member):
    """The inner zip, copied once to where it can be read at random."""
    folder = resources.cache_folder() / "cats-vs-dogs"
    path = folder / f"train-{member.CRC:08x}.zip"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            copy = Path(scratch) / path.name
            with archive.open(member) as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            copy.replace(path)
    return path


def _walk(top):
    for folder, folders, files in os.walk(top):
        relative = Path(folder).relative_to(top)
        if len(relative.parts) == DEPTH - 1:
            folders.clear()
        yield from ((relative / name).as_posix() for name in files)


def _index(path, members):
    """The layout and {canonical name: member}; the layout with more wins."""
    found = {layout: {} for layout in LAYOUTS}
    for member in members:
        for layout, pattern in LAYOUTS.items():
            if match := pattern.fullmatch(member):
                name = f"{match[1].lower()}.{int(match[2])}"
                _expect_single(path, name, found[layout].get(name), member)
                found[layout][name] = member
    layout = max(found, key=lambda layout: len(found[layout]))
    return layout, found[layout]


def _expect_single(path, name, first, second):
    expect(
        first is None,
        f"{name} in {path}",
        second,
        f"one file of that name, but {first} is there too",
        "Point at the folder that holds one copy only.",
    )

"""Which photographs a word of the command line stands for."""

import glob
import os
from pathlib import Path

from PIL import Image

from densenet_lib.errors import expect

# What is taken from a folder, as far as this Pillow reads it.
SUFFIXES = ".avif .bmp .gif .jpeg .jpg .png .tif .tiff .webp".split()


def find(word, complain):
    """The photographs that a word stands for.

    A folder stands for those in it and in the folders below, but for what is
    hidden there; a pattern for what it matches, each file once.

    Args:
        word: a file, a folder, or a pattern such as "photos/*.jpg".
        complain: called with the OSError of each folder that cannot be read.

    Returns:
        A list of paths. A word that is neither folder nor pattern is taken
        for a file, whether there is one or not.

    Raises:
        InputError: an empty word, or no photographs in the folder, or none
            that match the pattern.
    """
    expect(word, "PHOTO", word, "a file, a folder or a pattern", "Name one.")
    word, faults = os.path.expanduser(word), []
    if os.path.isdir(word):
        found = [str(Path(path)) for path in _below(word, faults.append)]
        what = "a folder with photographs in it"
    elif glob.has_magic(word) and not os.path.lexists(word):
        # A shell that leaves patterns alone, or a pattern in quotes.
        found = _matches(word, faults.append)
        what = "a pattern that matches photographs"
    else:
        return [word]
    for fault in faults:
        complain(fault)
    expect(
        found or faults,
        "PHOTO",
        word,
        what,
        f"Photographs in folders end in {', '.join(_suffixes())}.",
    )
    return found


def _matches(pattern, complain):
    """What a pattern matches, and what is in the folders among that."""
    found = []
    for match in sorted(glob.glob(pattern, recursive=True)):
        if os.path.isdir(match):
            found += _below(match, complain)
        else:
            found.append(match)
    return list(dict.fromkeys(found))


def _below(top, complain):
    """The photographs in a folder and in those below, in order."""
    suffixes, found = _suffixes(), []
    for folder, folders, files in os.walk(top, onerror=complain):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            os.path.join(folder, name)
            for name in files
            if not name.startswith(".")
            and os.path.splitext(name)[1].lower() in suffixes
        ]
    return sorted(found)


def _suffixes():
    known = Image.registered_extensions()
    return [suffix for suffix in SUFFIXES if suffix in known]

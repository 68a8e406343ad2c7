"""Where the library's files lie: what it carries, and what it may write."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from densenet_lib.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def is_checkout():
    """True in a checkout, False where the library has been installed."""
    return not (_PACKAGE / "_data").is_dir()


def data_folder():
    """The folder with the committed splits and recorded runs.

    In a checkout it is ``data/`` beside the package; an installed library
    carries it inside the package, as ``_data``.
    """
    return _PACKAGE.parent / "data" if is_checkout() else _PACKAGE / "_data"


def checksum(path):
    """SHA-256 of a file, shortened to what tells files apart."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def cache_folder():
    """The folder for what can be made again: decoded photographs, downloads.

    ``DENSENET_CACHE`` where it is set, else ``~/.cache/densenet_lib``.
    """
    folder = os.environ.get("DENSENET_CACHE", "~/.cache/densenet_lib")
    return Path(folder).expanduser()


def own(path):
    """Where to write what belongs at ``path``: there, where that is allowed.

    What an installed library carries is the package's own, and is not written
    to: what would go there has its place in the cache, under the same name.
    """
    path = Path(path)
    place, carried = path.resolve(), data_folder().resolve()
    if is_checkout() or not place.is_relative_to(carried):
        return path
    return cache_folder() / place.relative_to(carried)


def find(path):
    """What is at ``path``, the user's own before what the library carries.

    Args:
        path: below :func:`data_folder`.

    Returns:
        A path; where there is neither, that of the user's own.
    """
    mine = own(path)
    return path if path.exists() and not mine.exists() else mine


def expect_writable(folder):
    """Make a folder, and refuse it, with InputError, if it takes no file."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            "the folder to write to",
            str(folder),
            f"one that can be written ({error.strerror})",
            "Make it writable first.",
        ) from error


def read_json(path, what, remedy):
    """What a JSON file holds.

    Args:
        path: of the file.
        what: that it is, in words, for an error.
        remedy: what to do where it is torn.

    Raises:
        InputError: it is not whole.
    """
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except ValueError as error:
        raise InputError(
            what, str(path), f"a whole JSON file ({error})", remedy
        ) from error


def write_whole(path, content):
    """Write a file so that at no time there is a part of it.

    It is written beside its place, then moved there. Who is killed on the way
    leaves what was there before.

    Args:
        path: of the file; its folder is made where there is none.
        content: text, or bytes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    part.replace(path)

"""Where the library's files lie: what it carries, and what it may write."""

import hashlib
import os
from pathlib import Path

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

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

"""Where the library's files lie: what it carries, and what it may write."""

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


def cache_folder():
    """The folder for what can be made again: decoded photographs, downloads.

    ``DENSENET_CACHE`` where it is set, else ``~/.cache/densenet_lib``.
    """
    folder = os.environ.get("DENSENET_CACHE", "~/.cache/densenet_lib")
    return Path(folder).expanduser()

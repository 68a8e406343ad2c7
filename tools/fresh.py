"""What is made of files: whether it has to be made again."""

import hashlib


def made(folder, sources, make):
    """Fill a folder, unless it holds what was made of the same sources.

    Args:
        folder: is created where it is missing.
        sources: paths of the files that the contents depend on.
        make: called without arguments, to fill the folder. If it fails, it
            is called again the next time.
    """
    mark = folder / "source"
    found = checksum(sources)
    if mark.exists() and mark.read_text() == found:
        return
    folder.mkdir(parents=True, exist_ok=True)
    make()
    mark.write_text(found)


def checksum(paths):
    """SHA-256 of the contents of files, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()

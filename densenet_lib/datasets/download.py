"""Fetch Cats-vs-Dogs, for people with a network; nothing here runs unasked.

Two publishers have the photographs: Microsoft, for anyone, and Kaggle, for
those with an account. Two of Microsoft's 25,000 files cannot be decoded, as
far as others report; Kaggle's are complete.
"""

import hashlib
import http.client
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from densenet_lib import resources
from densenet_lib.errors import InputError, expect, expect_choice
from densenet_lib.progress import Progress

ORIGINS = ("microsoft", "kaggle")
COMPETITION = "dogs-vs-cats"
_CHUNK = 1 << 20
_TIMEOUT = 60  # seconds without a byte


@dataclass(frozen=True)
class File:
    """A file on the network that is known beforehand.

    Attributes:
        url: its address.
        size: in bytes.
        sha256: its checksum, as hexadecimal digits.
    """

    url: str
    size: int
    sha256: str

    @property
    def name(self):
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


MICROSOFT = File(
    "https://download.microsoft.com/download/3/E/1/"
    "3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
    824887076,
    "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
)


def download_folder():
    """Where :func:`download` puts its zip, and the loader finds it."""
    return resources.cache_folder() / "downloads"


def download(folder=None, *, origin="microsoft"):
    """Fetch the photographs.

    Args:
        folder: where to; None for :func:`download_folder`.
        origin: "microsoft" (786 MiB, from its download centre), or "kaggle"
            (812 MiB, by Kaggle's own client and with its credentials).

    Returns:
        The path of the zip.

    Raises:
        InputError: the download did not succeed; the message says what to
            do. Called again, it goes on where it broke off.
    """
    expect_choice("origin", origin, ORIGINS)
    folder = Path(folder) if folder else download_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if origin == "kaggle":
        return _from_kaggle(folder)
    return fetch(MICROSOFT, folder / MICROSOFT.name)


def fetch(file, path, *, attempts=5, pause=2.0):
    """Fetch one file, going on with what an earlier call has left.

    Until it is complete and its checksum is right, it is called
    ``<path>.part``.

    Args:
        file: a :class:`File`.
        path: where to put it.
        attempts: how often to connect before giving up.
        pause: seconds before the second attempt; twice that before the
            third, and so on.

    Returns:
        ``path``.

    Raises:
        InputError: the server has no such file or another one, or the
            connection kept breaking off.
    """
    path = Path(path)
    if path.exists():
        return _verified(file, path, path)
    part = path.with_name(path.name + ".part")
    problem = None
    with Progress(file.name, file.size, scale=1e6, unit="MB") as progress:
        for attempt in range(attempts):
            if attempt:
                time.sleep(pause * attempt)
            problem = _try(file, part, progress)
            if problem is None:
                return _verified(file, part, path)
    raise InputError(
        f"the download of {file.url}",
        problem,
        f"{file.size} bytes",
        "Check the connection and call it again: it goes on from there.",
    )


def _try(file, part, progress):
    """Connect once; None if the part is then complete, else the problem."""
    have = part.stat().st_size if part.exists() else 0
    if have < file.size:
        try:
            have = _append(file, part, have, progress)
        except urllib.error.HTTPError as error:
            _expect_worth_repeating(file, error)
            return str(error)
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
    return None if have >= file.size else f"broken off at {have} bytes"


def _append(file, part, have, progress):
    """Ask for what is missing; return how many bytes are there then."""
    headers = {"User-Agent": "densenet-lib"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(file.url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        # 200 in place of 206: the server knows no ranges and starts anew.
        resumed = have and answer.status == http.HTTPStatus.PARTIAL_CONTENT
        have = have if resumed else 0
        _expect_size(file, have, answer.headers["Content-Length"])
        with part.open("ab" if resumed else "wb") as target:
            while chunk := answer.read(_CHUNK):
                target.write(chunk)
                have += len(chunk)
                progress.update(have)
    return have


def _expect_worth_repeating(file, error):
    """A server may be busy; but what it does not have, it will not have."""
    busy = error.code >= 500 or error.code in (408, 429)
    expect(
        busy,
        f"the answer for {file.url}",
        f"{error.code} {error.reason}",
        "the file",
        "The publisher may have moved it: look for its name on the"
        " publisher's site, or take the other origin.",
    )


def _expect_size(file, have, announced):
    size = file.size if announced is None else have + int(announced)
    expect(
        size == file.size,
        f"the size of {file.url}",
        size,
        f"{file.size} bytes",
        "The publisher has changed the file, or something on the way answers"
        " in its place. Fetch it with a browser and look.",
    )


def _verified(file, found, path):
    """Give a file its final name if its checksum is right."""
    with found.open("rb") as content:
        checksum = hashlib.file_digest(content, "sha256").hexdigest()
    if checksum != file.sha256:
        # Kept under another name, a wrong part is never added to.
        found.replace(path.with_name(path.name + ".wrong"))
    expect(
        checksum == file.sha256,
        f"the SHA-256 of {path.name}",
        checksum,
        file.sha256,
        f"It is kept as {path.name}.wrong. Fetch it again; if it comes out"
        " the same, the publisher has changed the file.",
    )
    return found.replace(path)


def _from_kaggle(folder):
    client = shutil.which("kaggle")
    expect(
        client,
        "Kaggle's client",
        client,
        "the program `kaggle` on the path",
        "`pip install kaggle`, then put an API token where it says; or take"
        " the origin 'microsoft', which needs no account.",
    )
    done = subprocess.run(
        [client, "competitions", "download", "-c", COMPETITION, "-p", folder],
        stdout=subprocess.PIPE,
        text=True,
    )
    path = folder / f"{COMPETITION}.zip"
    expect(
        done.returncode == 0 and path.exists(),
        "the end of Kaggle's client",
        f"status {done.returncode}: {done.stdout.strip()[-300:]}",
        f"status 0 and {path}",
        "It needs an API token, and an account that has accepted the rules"
        f" of the competition {COMPETITION} on Kaggle's site.",
    )
    return path

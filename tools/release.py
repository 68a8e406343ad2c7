"""Put together what is published of a version, in dist/.

    python tools/release.py [--tag v0.1.0]

The wheel and the source archive of the library, the built book as a zip that
opens without a server, SHA-256 sums of them all, and the version's notes out
of CHANGELOG.md. The book has to be built before. Every date in the zip is the
same, so that the same book gives the same bytes.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
BOOK = ROOT / "_build/html"
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold


def version(root=ROOT):
    """The library's, as its ``__init__.py`` has it."""
    text = (root / "densenet_lib/__init__.py").read_text("utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def notes(number, text):
    """What CHANGELOG.md says of a version.

    Raises:
        SystemExit: it says nothing.
    """
    heading = rf"^## {re.escape(number)}\b.*\n"
    found = re.search(heading + r"((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    if not found or not found[1].strip():
        raise SystemExit(f"CHANGELOG.md has no notes under '## {number}'")
    return found[1].strip() + "\n"


def archive(book, path):
    """The built book as a zip at ``path``, in a folder of the zip's name.

    Raises:
        SystemExit: the book is not built.
    """
    if not (book / "index.html").exists():
        raise SystemExit(f"no book in {book.name}: run make book first")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for file in sorted(book.rglob("*")):
            if file.is_file():
                inside = f"{path.stem}/{file.relative_to(book).as_posix()}"
                entry = zipfile.ZipInfo(inside, DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16  # else for nobody else
                target.writestr(entry, file.read_bytes())


def checksums(paths):
    """Lines as ``sha256sum`` writes and checks them."""
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(paths)
    )
    return "".join(lines)


def expect_finished(runs):
    """Refuse to pack the state of a training that is not at its end.

    Raises:
        SystemExit: there is one.
    """
    unfinished = sorted(
        folder.parent.relative_to(runs).as_posix()
        for folder in runs.glob("*/*/unfinished")
    )
    if unfinished:
        raise SystemExit(
            f"not trained to the end: {', '.join(unfinished)}; train them, or "
            "remove what is unfinished"
        )


def main(arguments=None):
    """Fill dist/ anew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tag", help="refused if it is not the version's")
    tag, number = parser.parse_args(arguments).tag, version()
    if tag and tag != f"v{number}":
        raise SystemExit(f"the tag is {tag}, the version {number}")
    said = notes(number, (ROOT / "CHANGELOG.md").read_text("utf-8"))
    expect_finished(ROOT / "data/runs")
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    archive(BOOK, DIST / f"densenet-book-{number}.zip")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", DIST],
        cwd=ROOT,
        check=True,
    )
    made = [path for path in DIST.iterdir() if path.is_file()]
    (DIST / "SHA256SUMS").write_text(checksums(made), "utf-8")
    (DIST / "NOTES.md").write_text(said, "utf-8")
    for path in sorted(DIST.iterdir()):
        print(f"{path.name:40} {path.stat().st_size / 1e6:6.2f} MB")


if __name__ == "__main__":
    main()

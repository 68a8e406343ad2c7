"""Run chapters at another scale: on the photographs, or on a GPU.

    python tools/scale.py [--data PATH] SCALE [NAME ...]

The committed notebooks are executed on drawings. This runs the same cells on
what SCALE names and says of each chapter how long it took, or which cell
failed. Nothing is kept: the outputs show photographs that are not ours, and
what a chapter trains is one more run that no chapter knows of.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import chapters, execute

TIMEOUT = 3600  # seconds, for one cell, which may train


def run_all(names, scale, data):
    """Run chapters one after the other; yields (name, seconds, problem).

    Args:
        names: of the chapters; none for all.
        scale: "sketch", "cpu" or "gpu".
        data: zip or folder of the photographs; None where the library is to
            find them.
    """
    execute.set_environment()
    os.environ["DENSENET_SCALE"] = scale
    if data is not None:
        os.environ["DENSENET_DATA"] = str(Path(data).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        own_runs = Path(scratch) / "runs"
        shutil.copytree(chapters.ROOT / "data/runs", own_runs)
        os.environ["DENSENET_RUNS"] = str(own_runs)
        yield from _run(names)


def _run(names):
    for source in chapters.sources(names):
        start, problem = time.monotonic(), ""
        try:
            execute.run(
                chapters.from_source(source), chapters.CHAPTERS, TIMEOUT
            )
        except chapters.Refusal as refusal:
            problem = str(refusal).strip()
        yield source.stem, time.monotonic() - start, problem


def main(arguments):
    """Run the named chapters; the exit status is 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scale", choices=("sketch", "cpu", "gpu"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", default=os.environ.get("DENSENET_DATA"))
    options = parser.parse_args(arguments)
    failed = False
    found = run_all(options.names, options.scale, options.data)
    for name, seconds, problem in found:
        print(f"{name:24}{seconds:6.0f} s  {problem or 'runs'}", flush=True)
        failed = failed or bool(problem)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

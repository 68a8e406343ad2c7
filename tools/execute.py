"""Execute chapters: chapters/source/NAME.md becomes chapters/NAME.ipynb.

    python tools/execute.py [--prose] [NAME ...]

Without names, all chapters. They run at the scale "sketch", with no data but
what the repository holds, so that everyone gets the same notebooks. With
--prose nothing is executed: where only words have changed, the outputs stay.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from tools import chapters

AT_ONCE = 2  # kernels: each fills a core and holds a TensorFlow
TIMEOUT = 300  # seconds, for one cell

# What a chapter's kernel runs under, here and under nbval.
ENVIRONMENT = {
    "DENSENET_SCALE": "sketch",
    # The first to ask for the drawings sees them drawn; no notebook keeps it.
    "DENSENET_PROGRESS": "0",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONPATH": str(chapters.ROOT),  # the library beside the chapters
    "PYTHONHASHSEED": "0",
    # A TensorFlow built for GPUs reports on stderr that there is none.
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
# What a reader may have set, and what would change the outputs.
UNSET = ("DENSENET_DATA", "DENSENET_RETRAIN", "DENSENET_RUNS")


def set_environment():
    """Give the kernels started from here the book's environment."""
    os.environ.update(ENVIRONMENT)
    for name in UNSET:
        os.environ.pop(name, None)


def execute(source, folder=chapters.CHAPTERS):
    """The executed, normalised notebook of a source.

    Args:
        source: path of the MyST Markdown file.
        folder: where the kernel works.

    Raises:
        chapters.Refusal: a cell that fails, or an output that must not be
            committed.
    """
    notebook = chapters.from_source(source)
    run(notebook, folder)
    return chapters.normalise(notebook)


def run(notebook, folder, timeout=TIMEOUT):
    """Execute a notebook's cells; their outputs are put into it.

    Args:
        notebook: of :func:`chapters.from_source`.
        folder: where the kernel works.
        timeout: seconds, for one cell.

    Raises:
        chapters.Refusal: a cell that fails.
    """
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        timeout=timeout,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        raise chapters.Refusal(str(error)) from None


def with_new_words(source):
    """The notebook of a source with the outputs that it had.

    Raises:
        chapters.Refusal: its code has changed, so its outputs may, too.
    """
    notebook = chapters.from_source(source)
    before = chapters.read(chapters.notebook_path(source))
    code, had = (
        [cell for cell in one.cells if cell.cell_type == "code"]
        for one in (notebook, before)
    )
    if chapters.without_outputs(notebook, "code") != chapters.without_outputs(
        before, "code"
    ):
        raise chapters.Refusal("its code has changed: execute it")
    for cell, executed in zip(code, had, strict=True):
        cell.outputs = executed.outputs
    return chapters.normalise(notebook)


def execute_all(paths, folder, make=None):
    """Execute sources side by side; yield (source, text or Refusal, s).

    Args:
        paths: of the sources.
        folder: where the kernels work.
        make: another way from a source to its notebook than to execute it.
    """
    make = make or partial(execute, folder=folder)

    def work(source):
        start = time.monotonic()
        try:
            result = chapters.to_text(make(source))
        except chapters.Refusal as refusal:
            result = refusal
        return source, result, time.monotonic() - start

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(work, paths)


def main(arguments):
    """Execute the named chapters; the exit status is 1 if one is refused."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--prose", action="store_true", help="words only")
    options = parser.parse_args(arguments)
    set_environment()
    status = 0
    for source, result, seconds in execute_all(
        chapters.sources(options.names),
        chapters.CHAPTERS,
        with_new_words if options.prose else None,
    ):
        if isinstance(result, chapters.Refusal):
            print(f"{source.stem}: refused\n{result}", file=sys.stderr)
            status = 1
            continue
        path = chapters.notebook_path(source)
        path.write_text(result, "utf-8")
        size = len(result.encode()) / 1e6
        print(f"{source.stem}: {seconds:.0f} s, {size:.1f} MB", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

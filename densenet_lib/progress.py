"""Progress where someone watches, and silence everywhere else."""

import os
import sys
import time


def wanted():
    """Whether to show any; ``DENSENET_PROGRESS=0`` says no."""
    return os.environ.get("DENSENET_PROGRESS", "1") != "0"


def is_watched():
    """Whether standard error is a terminal's or a notebook's."""
    return sys.stderr.isatty() or _is_a_notebook_s(sys.stderr)


class Progress:
    """One line on stderr that counts up to ``total``.

    It appears where stderr is a terminal or a notebook's, so that logs and
    pipes stay clean, at most ten times a second, and if it is :func:`wanted`.

    Args:
        what: in words, what is being done.
        total: the count at the end.
        scale: one unit of the display, in counts; 1e6 shows bytes as MB.
        unit: name of that unit.
    """

    def __init__(self, what, total, *, scale=1, unit=""):
        self.what, self.total = what, total
        self.scale, self.unit = scale, unit
        self._shown = is_watched() and wanted()
        self._next = 0.0

    def update(self, done):
        """Show that ``done`` of the total are done."""
        now = time.monotonic()
        if self._shown and (now >= self._next or done >= self.total):
            self._next = now + 0.1
            print(f"\r{self._line(done)}", end="", file=sys.stderr, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._shown:
            print(file=sys.stderr)

    def _line(self, done):
        of = f"{done / self.scale:,.0f} of {self.total / self.scale:,.0f}"
        return f"{self.what}: {of} {self.unit}".rstrip()


class Watched:
    """A sequence whose reader's place a :class:`Progress` shows.

    Args:
        items: a sequence that is read from its beginning to its end.
        progress: the :class:`Progress`, with as many as its total.
    """

    def __init__(self, items, progress):
        self.items, self.progress = items, progress

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        item = self.items[index]
        self.progress.update(index + 1)
        return item


def _is_a_notebook_s(stream):
    """Whether it is the stream of a kernel: Jupyter's and Colab's."""
    return type(stream).__module__.startswith("ipykernel.")

"""The program densenet-lib, from its first moment on.

The library begins with Keras and TensorFlow, which take seconds to load. What
stands here stands outside of it: it is there while they are loading.
"""

import os
import signal
import sys
from contextlib import contextmanager
from importlib.metadata import version


def main():
    """Load the command line and run it; returns the exit status."""
    if sys.argv[1:] == ["--version"]:
        print("densenet-lib", version("densenet-lib"))
        return 0
    with _interruptible():
        from densenet_lib import cli
    return cli.main()


@contextmanager
def _interruptible():
    """While it lasts, Ctrl-C says one line and ends the process.

    An exception could be lost on its way, for native code that imports makes
    errors of its own out of it.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield  # it is ignored, as in the background of a shell
        return
    # The library holds standard error back while it loads Keras.
    standard_error = os.dup(2)

    def stop(*_):
        os.write(standard_error, b"densenet-lib: interrupted.\n")
        os._exit(130)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(standard_error)

"""Keep TensorFlow's greeting out of terminals and notebooks."""

import contextlib
import os
import re
import tempfile
import threading

# Lines that TensorFlow's native code writes before it can be told a level:
# notes (I0000 …), the announcement of such notes, and, as an error, that
# there is no GPU or that its libraries were registered twice. Up to
# TensorFlow 2.20 a date and time stand before the letter, from 2.21 on day
# and time behind it. The last is LiteRT's, of how it computes.
GREETING = re.compile(
    rb"([-\d]{10} [\d:.]+: )?"
    rb"(I\d{4} |I \w|WARNING: All log messages before absl|E.*cuInit"
    rb"|[EW].*(Unable to register cu|computation placer already registered))"
    rb"|To enable the following instructions"
    rb"|INFO: Created TensorFlow Lite \w+ delegate"
)

_lock = threading.RLock()


@contextlib.contextmanager
def without_greeting():
    """Hold standard error back, then pass it on without the greeting.

    Native code writes to file descriptor 2, past Python's ``sys.stderr``. It
    is the process's: of several threads, one at a time holds it back.
    """
    with _lock, tempfile.TemporaryFile() as held:
        standard_error = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            held.seek(0)
            for line in held:
                if not GREETING.match(line):
                    os.write(2, line)

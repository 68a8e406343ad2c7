"""The program itself, while the library behind it is still loading."""

import os
import signal
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest

import densenet_lib

ROOT = Path(__file__).resolve().parents[1]
RUN = "import sys, densenet_lib_command as c; sys.exit(c.main())"
SLOW = """
import os, time
print("loading", flush=True)
held = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
try:
    time.sleep(60)
except BaseException:
    raise ImportError("initialization failed")
"""


pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="Windows has other signals"
)


@contextmanager
def started(folder, library, *arguments, interruption=signal.SIG_DFL):
    """The program, with a library of that text in the place of ours."""
    package = folder / "densenet_lib"
    package.mkdir()
    (package / "__init__.py").write_text(library)
    (folder / "densenet_lib_command.py").symlink_to(
        ROOT / "densenet_lib_command.py"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, interruption),
    )
    with process:
        yield process
        process.kill()


def test_the_program_is_the_one_that_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    [entry] = project["project"]["scripts"].values()
    assert entry == "densenet_lib_command:main"


def test_an_interruption_while_it_loads_is_one_line(tmp_path):
    """Whatever the library makes of it, and of standard error."""
    with started(tmp_path, SLOW, "card") as process:
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert said == "densenet-lib: interrupted.\n"
    assert process.returncode == 130


def test_in_the_background_it_is_not_interrupted(tmp_path):
    library = "import signal\nprint(signal.getsignal(signal.SIGINT).name)"
    with started(tmp_path, library, interruption=signal.SIG_IGN) as process:
        said, _ = process.communicate(timeout=30)
    assert "SIG_IGN" in said


def test_once_loaded_the_command_line_runs_and_may_be_interrupted(tmp_path):
    command_line = "import signal\n\nclass cli:\n    def main():\n        "
    library = command_line + "print(signal.getsignal(2).__name__); return 7"
    with started(tmp_path, library, "card") as process:
        said, _ = process.communicate(timeout=30)
    assert said == "default_int_handler\n"
    assert process.returncode == 7


def test_the_version_is_said_without_the_library(tmp_path):
    with started(tmp_path, "raise ImportError", "--version") as process:
        said, _ = process.communicate(timeout=30)
    assert said == f"densenet-lib {densenet_lib.__version__}\n"
    assert process.returncode == 0

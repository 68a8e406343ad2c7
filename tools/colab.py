"""Run each chapter as Colab does: alone, in a fresh environment.

    python tools/colab.py [--packages PYTHON] [NAME ...]

A new environment gets the packages that another has (Colab brings its own
TensorFlow, too) and not this library. Each chapter is put into an empty folder
of its own and run from top to bottom, with no variable set, so that its first
cell has to install the library. That cell is the committed one, but for the
address: it names the wheel that this checkout makes, not GitHub.

It prints a table; the exit status is 1 if a chapter fails, says other things
than its committed notebook, or changes a package that it found.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import chapters

ROOT = chapters.ROOT
ADDRESS = re.compile(
    r"densenet-lib @ git\+https://github\.com/[\w.-]+/[\w.-]+"
)
OURS = re.compile(r"_*(?:editable\w*_)?densenet[_-]lib\b")
TIMEOUT = 600  # seconds, for one cell
RUN = "from nbclient.cli import NbClientApp as App; App.launch_instance()"
SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"
# What a reader, or this book's tests, may have set, and Colab has not.
PREFIXES = ("DENSENET_", "KERAS_", "PYTHON", "TF_", "PIP_", "JUPYTER_")


def wheel(folder):
    """The library as a wheel in ``folder``, built as pip builds it."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-index", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*command, ROOT], check=True)
    return next(Path(folder).glob("*.whl"))


def from_wheel(code, path):
    """A setup cell's code with the wheel in the place of the address."""
    changed, count = ADDRESS.subn(f"densenet-lib @ {path.as_uri()}", code)
    if count != 1:
        raise ValueError(f"{count} addresses in the setup cell, expected 1")
    return changed


@dataclass(frozen=True)
class Environment:
    """A fresh environment with another's packages, less this library."""

    python: Path
    site: Path

    @classmethod
    def make(cls, folder, packages=sys.executable):
        """Make one in ``folder``, with the packages of another's python."""
        # By that python: another version could not load its packages.
        command = [packages, "-m", "venv", "--without-pip", folder]
        subprocess.run(command, check=True)
        python = folder / "bin/python"
        site = _site(python)
        for entry in _site(packages).iterdir():
            if not OURS.match(entry.name):
                (site / entry.name).symlink_to(entry)
        return cls(python, site)

    def found(self):
        """What it had before a chapter installed anything."""
        return {
            entry.name: entry.readlink()
            for entry in self.site.iterdir()
            if entry.is_symlink()
        }

    def without_library(self):
        """Take this library out again: the next chapter installs it anew."""
        command = [self.python, "-m", "pip", "uninstall", "--quiet", "--yes"]
        subprocess.run([*command, "densenet-lib"], check=True)


def _site(python):
    done = subprocess.run(
        [python, "-c", SITE], capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


@dataclass(frozen=True)
class Result:
    """How a chapter went.

    Attributes:
        name: of the chapter.
        seconds: that it took, installing included.
        scale: what it says it ran at; "-" where it makes no difference.
        problem: what went wrong, or "".
    """

    name: str
    seconds: float
    scale: str
    problem: str


def run(source, environment, library, folder):
    """Run one chapter alone; returns its :class:`Result`.

    Args:
        source: path of the chapter's source.
        environment: an :class:`Environment`.
        library: path of the wheel.
        folder: an empty one, for the chapter to lie and to run in.
    """
    notebook = chapters.from_source(source)
    setup = next(c for c in notebook.cells if c.cell_type == "code")
    setup.source = from_wheel(setup.source, library)
    path = folder / f"{source.stem}.ipynb"
    path.write_text(chapters.to_text(notebook), "utf-8")
    before, start = environment.found(), time.monotonic()
    done = subprocess.run(
        [environment.python, "-c", RUN, path.name, "--inplace"]
        + [f"--timeout={TIMEOUT}", "--kernel_name=python3"],
        cwd=folder,
        env=_variables(environment, folder),
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - start
    executed = chapters.read(path)
    where = re.search(r"^Scale (\w+):", "\n".join(_said(executed)), re.M)
    problem = _problem(done, executed, source)
    if not (environment.site / "densenet_lib").is_dir():
        problem = "its first cell has not installed the library"
    if environment.found() != before:
        problem = problem or "packages that were there have changed"
    if sorted(os.listdir(folder)) != [path.name]:
        problem = problem or "files are left in the folder"
    return Result(source.stem, seconds, where[1] if where else "-", problem)


def _variables(environment, folder):
    """Colab's: none of ours, and no registry, for all is there."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIXES)
    }
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    path = f"{environment.python.parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"HOME": str(home), "PATH": path, "PIP_NO_INDEX": "1"}


def _problem(done, executed, source):
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1]
    committed = chapters.read(chapters.notebook_path(source))
    pairs = zip(_said(executed), _said(committed), strict=True)
    other = [number for number, (a, b) in enumerate(pairs, 1) if a != b]
    return f"code cells {other} say other things" if other else ""


def _said(notebook):
    """What each code cell says, but for what is not compared elsewhere.

    The first installs; warnings of an older package go to stderr.
    """
    code = [c for c in notebook.cells if c.cell_type == "code"]
    return [
        ""
        if "nbval-ignore-output" in cell.metadata.get("tags", [])
        else "".join(
            text
            for output in cell.outputs
            if output.get("name") != "stderr"
            for kind, text in chapters.texts(output)
            if kind != chapters.WIDGET_VIEW
        )
        for cell in code[1:]
    ]


def run_all(names, packages=sys.executable):
    """Run chapters one after the other; yields each one's result."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        library = wheel(folder / "wheel")
        environment = Environment.make(folder / "environment", packages)
        for source in chapters.sources(names):
            empty = folder / source.stem / "empty"
            empty.mkdir(parents=True)
            yield run(source, environment, library, empty)
            environment.without_library()


def main(arguments=None):
    """Print the table; the exit status is 1 if a chapter has a problem."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument(
        "--packages",
        default=sys.executable,
        metavar="PYTHON",
        help="the interpreter whose packages the chapters find",
    )
    options = parser.parse_args(arguments)
    print(f"{'chapter':24} seconds  scale   result")
    status = 0
    for result in run_all(options.names, options.packages):
        print(
            f"{result.name:24} {result.seconds:7.0f}  {result.scale:7} "
            f"{result.problem or 'ok'}",
            flush=True,
        )
        status |= bool(result.problem)
    return status


if __name__ == "__main__":
    sys.exit(main())

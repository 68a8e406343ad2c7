"""Executing chapters: again, and elsewhere."""

import os
import subprocess
import sys
import zipfile

import pytest

from tools import chapters, execute

AGAIN = ["01_why_dense", "05_transition", "09_feature_maps"]
ALONE = ["08_cats_and_dogs"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The library as a wheel, built as pip builds it for Colab."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-index", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*command, chapters.ROOT], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_the_library_its_data_and_no_more(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "densenet_lib/layers.py" in names
    for part in ("splits", "runs"):
        for path in (chapters.ROOT / "data" / part).rglob("*"):
            if path.is_file():
                inside = path.relative_to(chapters.ROOT / "data").as_posix()
                assert f"densenet_lib/_data/{inside}" in names
    others = {name.split("/")[0] for name in names} - {"densenet_lib"}
    assert all(name.endswith(".dist-info") for name in others)
    assert not [name for name in names if name.endswith((".jpg", ".jpeg"))]


@pytest.mark.parametrize("name", AGAIN)
def test_executing_again_gives_the_same_bytes(name):
    (source,) = chapters.sources([name])
    committed = chapters.notebook_path(source).read_text("utf-8")
    again = chapters.to_text(execute.execute(source))
    if again != committed:
        # Another processor may round otherwise. Then nbval's tolerance
        # decides about the difference, and here two executions on this one
        # about the sameness.
        assert chapters.to_text(execute.execute(source)) == again


@pytest.mark.parametrize("name", ALONE)
def test_a_chapter_runs_alone_in_an_empty_folder(
    name, wheel, tmp_path, monkeypatch
):
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    monkeypatch.setenv("PYTHONPATH", str(installed))
    empty = tmp_path / "empty"
    empty.mkdir()
    where = "import importlib.util as u; print(u.find_spec('densenet_lib'))"
    found = subprocess.run(
        [sys.executable, "-c", where],
        cwd=empty,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(installed) in found.stdout  # not this checkout's
    (source,) = chapters.sources([name])
    alone = execute.execute(source, empty)
    committed = chapters.read(chapters.notebook_path(source))
    assert _said(alone) == _said(committed)
    assert os.listdir(empty) == []


def _said(notebook):
    return [
        dict(chapters.texts(output))
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]

"""Executing chapters: again, and elsewhere."""

import os
import subprocess
import zipfile

import pytest

from tools import chapters, colab, execute, scale

AGAIN = ["05_transition"]  # of the others nbval asks whether they differ
ALONE = ["08_cats_and_dogs"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The library as a wheel, built as pip builds it for Colab."""
    pytest.importorskip("hatchling")
    return colab.wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_carries_the_library_its_data_and_no_more(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "densenet_lib/layers.py" in names
    for part in ("splits", "runs", "trust"):
        for path in (chapters.ROOT / "data" / part).rglob("*"):
            if path.is_file():
                inside = path.relative_to(chapters.ROOT / "data").as_posix()
                assert f"densenet_lib/_data/{inside}" in names
    ours = {"densenet_lib", "densenet_lib_command.py"}
    tops = {name.split("/")[0] for name in names}
    assert ours <= tops
    others = tops - ours
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


def test_only_the_address_of_the_setup_cell_is_changed(wheel):
    for source in chapters.sources():
        cells = chapters.from_source(source).cells
        code = next(c.source for c in cells if c.cell_type == "code")
        changed = colab.from_wheel(code, wheel)
        assert f'%pip install --quiet "densenet-lib @ {wheel.as_uri()}"' in (
            changed
        )
        assert changed.count("\n") == code.count("\n")
    with pytest.raises(ValueError, match="0 addresses"):
        colab.from_wheel("import densenet_lib", wheel)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment as Colab's: all packages but the library."""
    folder = tmp_path_factory.mktemp("colab") / "environment"
    return colab.Environment.make(folder)


def test_a_fresh_environment_does_not_have_the_library(environment, tmp_path):
    code = "import keras; import densenet_lib"
    done = subprocess.run(
        [environment.python, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert "No module named 'densenet_lib'" in done.stderr


@pytest.mark.parametrize("name", ALONE)
def test_a_chapter_runs_alone_as_in_colab(name, environment, wheel, tmp_path):
    (source,) = chapters.sources([name])
    empty = tmp_path / "empty"
    empty.mkdir()
    result = colab.run(source, environment, wheel, empty)
    assert result.problem == ""
    assert result.scale == "sketch"


ONE_CELL = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

```{{code-cell}} python3
import os
{code}
```
"""


# At that scale, and what it records is not the book's.
GOOD = """
assert os.environ["DENSENET_SCALE"] == "cpu"
from densenet_lib import resources, runs
assert "cpu/densenet" in runs.names()
new, *_ = runs.roots()
assert not new.is_relative_to(resources.data_folder())
print(new)
"""


def test_chapters_run_at_another_scale_and_what_fails_is_told(
    tmp_path, monkeypatch
):
    cells = {
        "good": GOOD,
        "bad": 'raise ValueError(os.environ["DENSENET_DATA"])',
    }
    sources = [tmp_path / f"{name}.md" for name in cells]
    for path, code in zip(sources, cells.values(), strict=True):
        path.write_text(ONE_CELL.format(code=code), "utf-8")
    monkeypatch.setattr(chapters, "sources", lambda names: sources)
    for name in (*execute.ENVIRONMENT, *execute.UNSET):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # put back after
    (good, _, well), (bad, _, ill) = scale.run_all([], "cpu", tmp_path / "zip")
    assert (good, well, bad) == ("good", "", "bad")
    assert "ValueError" in ill and str(tmp_path / "zip") in ill
    assert not os.path.exists(os.environ["DENSENET_RUNS"])

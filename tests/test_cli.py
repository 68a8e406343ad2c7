"""The command line: answers, one-line errors, exit status."""

import numpy as np
import pytest
from PIL import Image

from densenet_lib import cli, runs
from densenet_lib.experiments import EXPERIMENTS
from tests.test_runs import TINY


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory, tiny_data):
    """The folder of runs that holds one tiny run."""
    root = tmp_path_factory.mktemp("runs")
    runs.train(TINY, data=tiny_data, folder=root / TINY.path, progress=False)
    return root


@pytest.fixture(autouse=True)
def own_runs(tiny_run, monkeypatch):
    """Each test sees the tiny run only."""
    monkeypatch.setenv("DENSENET_RUNS", str(tiny_run))
    monkeypatch.setitem(EXPERIMENTS, TINY.path, TINY)


@pytest.fixture
def photo(tmp_path):
    """A grey picture, 50 x 40, in a file."""
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((40, 50, 3), 128, np.uint8)).save(path)
    return str(path)


def test_predict_says_one_line_a_photograph(photo, capsys):
    assert cli.main(["predict", photo, photo, "--run", TINY.path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        name, answer = line.rsplit(": ", 1)
        word, sure = answer.split(" ")
        assert name == photo
        assert word in ("cat", "dog")
        assert 50 <= float(sure.strip("(%)")) <= 100


def test_explain_writes_the_figure(photo, tmp_path):
    output = tmp_path / "why.png"
    arguments = ["explain", photo, "--run", TINY.path]
    assert cli.main([*arguments, "--output", str(output)]) == 0
    with Image.open(output) as figure:
        assert figure.width > 300


def test_export_writes_the_network_and_tries_it_out(tmp_path, capsys):
    path = tmp_path / "network.tflite"
    assert cli.main(["export", TINY.path, str(path)]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: 0.0")
    assert float(line.split("within ")[1].split()[0]) < 1e-4
    assert path.stat().st_size > 1000


def test_runs_lists_and_verifies(capsys):
    assert cli.main(["runs", "list"]) == 0
    assert TINY.path in capsys.readouterr().out
    assert cli.main(["runs", "verify"]) == 0
    assert "agrees" in capsys.readouterr().out


def test_a_tampered_run_fails_its_verification(
    tiny_run, tmp_path, monkeypatch
):
    folder = tmp_path / TINY.path
    folder.mkdir(parents=True)
    for file in (tiny_run / TINY.path).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    table = folder / "predictions.csv"
    table.write_text(table.read_text().replace(",0,", ",1,", 1))
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path))
    assert cli.main(["runs", "verify"]) == 2


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["predict", "nowhere.jpg", "--run", TINY.path], "nowhere.jpg"),
        (["predict", __file__, "--run", TINY.path], "an image file"),
        (["predict", "any.jpg", "--run", "cpu/none"], TINY.path),
        (["train", "nothing", "--scale", "sketch"], "sketch/densenet"),
        (["train", "tiny", "--scale", "huge"], "'huge'"),
        (["data", "find", "nowhere.zip"], "nowhere.zip"),
        (["export", "cpu/none", "network"], TINY.path),
        (["export", TINY.path, "network.h5"], "'.h5'"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(arguments, words, capsys):
    assert cli.main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("densenet-lib: ")
    assert words in line


def test_explaining_an_unknown_layer_is_one_line(photo, capsys):
    arguments = ["explain", photo, "--run", TINY.path, "--layer", "blok1"]
    assert cli.main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "blok1" in line


def test_another_recipe_does_not_overwrite_the_recorded_run(capsys):
    arguments = ["train", "tiny", "--scale", "sketch", "--epochs", "1"]
    assert cli.main(arguments) == 2
    assert "--folder" in capsys.readouterr().err


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    text = capsys.readouterr().out
    for name in (
        "train",
        "evaluate",
        "predict",
        "explain",
        "export",
        "data",
        "runs",
    ):
        assert name in text

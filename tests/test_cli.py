"""The command line: answers, one-line errors, exit status."""

import argparse
import gzip
import io
import json
import os
import re
import runpy
import shutil
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import densenet_lib
from densenet_lib import cli, resources, runs, study
from densenet_lib.datasets import cats_vs_dogs
from densenet_lib.experiments import EXPERIMENTS, Experiment
from densenet_lib.pretrained import Pretrained
from tests.test_runs import TINY

# A folder without photographs.
EMPTY = str(Path(__file__).parent / "backends")


@pytest.fixture(scope="module")
def tiny_run(recorded):
    """The folder of runs that holds one tiny run."""
    return recorded.folder.parents[1]


@pytest.fixture(scope="module")
def model(tiny_run):
    """Its network: built once, for Keras compiles each anew."""
    return runs.Run(tiny_run / TINY.path).model()


@pytest.fixture(autouse=True)
def own_runs(tiny_run, model, monkeypatch):
    """Each test sees the tiny run only."""
    monkeypatch.setenv("DENSENET_RUNS", str(tiny_run))
    monkeypatch.setattr(runs.Run, "model", lambda run: model)
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


@pytest.fixture
def folder(photo, tmp_path):
    """A folder with three photographs, one of them deeper, and other files."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("a.png", "b.JPG", "more/c[1].png", ".hidden.png"):
        with Image.open(photo) as image:
            image.save(folder / name)
    (folder / "notes.txt").write_text("no photograph")
    return folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["."], ["a.png", "b.JPG", "more/c[1].png"]),
        (["*.png", "a.png"], ["a.png", "a.png"]),
        (["**/*.png"], ["a.png", "more/c[1].png"]),
        (["m*"], ["more/c[1].png"]),
        (["more/c[1].png"], ["more/c[1].png"]),
    ],
)
def test_predict_finds_photographs_in_folders_and_by_pattern(
    folder, monkeypatch, capsys, words, expected
):
    monkeypatch.chdir(folder)
    assert cli.main(["predict", *words, "--run", TINY.path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit(": ", 1)[0] for line in lines] == expected


def test_predict_answers_more_than_are_in_memory_at_once(
    photo, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(cli, "AT_ONCE", 2)
    asked = []
    answers = Pretrained.answers

    def few(network, images):
        asked.append(len(images))
        return answers(network, images)

    monkeypatch.setattr(Pretrained, "answers", few)
    assert cli.main(["predict", *[photo] * 5, "--run", TINY.path]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert asked == [2, 2, 1]


def test_predict_answers_the_others_where_one_cannot_be_read(
    photo, folder, monkeypatch, capsys
):
    bad = folder / "notes.txt"
    arguments = ["predict", str(bad), photo, "*.none", "--run", TINY.path]
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    [answer] = said.out.splitlines()
    assert answer.startswith(f"{photo}: ")
    pattern, unreadable = said.err.splitlines()
    assert "'*.none'" in pattern
    assert str(bad) in unreadable


def test_predict_goes_on_where_a_file_or_folder_cannot_be_asked(
    photo, folder, monkeypatch, capsys
):
    walk = os.walk

    def refuse(top, onerror):
        onerror(PermissionError(13, "Permission denied", f"{top}/shut"))
        yield from walk(top)

    monkeypatch.setattr(os, "walk", refuse)
    long = "a" * 300 + ".png"
    arguments = ["predict", long, str(folder), photo, "--run", TINY.path]
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 4
    shut, too_long = said.err.splitlines()
    assert shut == f"densenet-lib: {folder}/shut: Permission denied"
    assert "File name too long" in too_long


def test_a_name_that_the_encoding_lacks_is_printed_with_escapes(
    photo, tmp_path, monkeypatch
):
    odd = tmp_path / "h\xfc-\udcff.png"
    shutil.copy(photo, odd)
    written = io.BytesIO()
    narrow = io.TextIOWrapper(written, "ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", narrow)
    assert cli.main(["predict", str(odd), "--run", TINY.path]) == 0
    assert b"/h\\xfc-\\udcff.png: " in written.getvalue()


def test_without_a_run_it_is_the_one_that_comes_with_the_library(
    photo, monkeypatch, capsys
):
    """Also where the user's runs are elsewhere, as in these tests."""
    asked = []
    answers = Pretrained.answers

    def answer(network, images):
        asked.append(network.run.folder)
        return answers(network, images)

    monkeypatch.setattr(Pretrained, "answers", answer)
    # The shape of the tiny network, for that is what these tests build.
    monkeypatch.setattr(Pretrained, "image_size", TINY.image_size)
    assert cli.main(["predict", photo]) == 0
    assert asked == [resources.data_folder() / "runs" / cli.DEFAULT_RUN]


def test_a_run_is_named_by_its_folder_too(tiny_run, photo, capsys):
    folder = str(tiny_run / TINY.path)
    assert cli.main(["predict", photo, "--run", folder]) == 0
    assert cli.main(["runs", "list", folder]) == 0
    assert TINY.path in capsys.readouterr().out.splitlines()[1]


def test_explain_writes_the_figure(photo, tmp_path, monkeypatch, capsys):
    arguments = ["explain", photo, "--run", TINY.path]
    output = tmp_path / "why.JPG"
    more = ["--output", str(output), "--method", "gradient"]
    assert cli.main([*arguments, *more]) == 0
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(output),
        "photo-why.png",
    ]
    for path in (output, "photo-why.png"):
        with Image.open(path) as figure:
            assert figure.width > 300


def test_explain_does_not_write_over_the_photograph(
    photo, tmp_path, monkeypatch, capsys
):
    before = Path(photo).read_bytes()
    link = tmp_path / "link.png"
    link.symlink_to(photo)
    monkeypatch.chdir(tmp_path)
    for output in (photo, str(link), "./photo.png"):
        arguments = ["explain", photo, "--output", output, "--run", TINY.path]
        assert cli.main(arguments) == 2
        assert "another file than the photo" in capsys.readouterr().err
    assert Path(photo).read_bytes() == before


def test_card_prints_the_model_card(capsys):
    assert cli.main(["card"]) == 0
    text = capsys.readouterr().out
    assert text == (resources.data_folder() / "MODEL_CARD.md").read_text()
    assert text.startswith("# Model card")


def test_export_writes_the_network_and_tries_it_out(tmp_path, capsys):
    path = tmp_path / "network.tflite"
    assert cli.main(["export", TINY.path, str(path)]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: 0.0")
    assert float(line.split("within ")[1].split()[0]) < 1e-4
    assert path.stat().st_size > 1000


def test_runs_lists_and_verifies(capsys):
    assert cli.main(["runs", "list"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(TINY.path)
    assert line.endswith(", weights at hand")
    assert cli.main(["runs", "verify"]) == 0
    assert "agrees" in capsys.readouterr().out


def test_a_tampered_run_fails_its_verification(
    tiny_run, tmp_path, monkeypatch
):
    folder = tmp_path / TINY.path
    shutil.copytree(tiny_run / TINY.path, folder)
    table = folder / "predictions.csv.gz"
    lines = gzip.decompress(table.read_bytes())
    table.write_bytes(gzip.compress(lines.replace(b",0,", b",1,", 1)))
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path))
    assert cli.main(["runs", "verify"]) == 2


def test_evaluate_asks_the_weights_about_its_own_data_only(
    tiny_data, monkeypatch, capsys
):
    monkeypatch.setattr(Experiment, "data", lambda self, source: tiny_data)
    assert cli.main(["evaluate", TINY.path]) == 0
    assert "agrees" in capsys.readouterr().out
    few = replace(tiny_data, checksum="other", test=tiny_data.test.subset(8))
    monkeypatch.setattr(Experiment, "data", lambda self, source: few)
    assert cli.main(["evaluate", TINY.path]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "the data are not those of the run" in line
    assert "the test images are not those of the run" in line


@pytest.fixture
def without_weights(tiny_run, tmp_path, monkeypatch):
    """The tiny run, which has kept no weights, is the only one."""
    folder = tmp_path / "runs" / TINY.path
    shutil.copytree(tiny_run / TINY.path, folder)
    (folder / "weights.npz").unlink()
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path / "runs"))


def test_runs_without_weights_are_listed_without_that_mark(
    without_weights, capsys
):
    assert cli.main(["runs", "list"]) == 0
    assert "weights" not in capsys.readouterr().out


def test_evaluate_misses_the_weights_before_it_looks_for_data(
    without_weights, monkeypatch, capsys
):
    monkeypatch.setattr(Experiment, "data", None)
    assert cli.main(["evaluate", TINY.path]) == 2
    assert "one that keeps its weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["predict", "nowhere.jpg", "--run", TINY.path], "nowhere.jpg"),
        (["predict", __file__, "--run", TINY.path], "an image file"),
        (["predict", "any.jpg", "--run", "cpu/none"], TINY.path),
        (["predict", EMPTY, "--run", TINY.path], "photographs in it"),
        (["explain", "nowhere.jpg", "--run", TINY.path], "nowhere.jpg"),
        (["explain", "any.jpg", "--output", "why.doc"], "'.doc'"),
        (["explain", "any.jpg", "--output", "no/why.png"], "'no'"),
        (["train", "nothing", "--scale", "sketch"], "sketch/densenet"),
        (["train", "tiny", "--scale", "huge"], "'huge'"),
        (["data", "find", "nowhere.zip"], "nowhere.zip"),
        (["export", "cpu/none", "network"], TINY.path),
        (["export", TINY.path, "network.h5"], "'.h5'"),
        (["export", TINY.path, ""], "path is ''"),
        (["predict", "", "--run", TINY.path], "PHOTO is ''"),
        (["study", ""], "group is ''"),
        (["train", "sketch/densenet", "--scale", "cpu"], "--scale is 'cpu'"),
        (["train", "sketch/densenet", "--epochs", "1"], "at least 2"),
        (
            ["train", "sketch/densenet", "--epochs", "0", "--folder", "new"],
            "epochs is 0",
        ),
    ],
)
def test_wrong_input_is_one_line_and_status_2(arguments, words, capsys):
    assert cli.main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("densenet-lib: ")
    assert words in line


def test_photographs_that_are_nowhere_are_a_failure(monkeypatch, capsys):
    monkeypatch.setattr(cats_vs_dogs, "find", lambda source: None)
    assert cli.main(["data", "find"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "densenet-lib data download" in said.err


def test_a_warning_is_one_line(monkeypatch, capsys):
    def warn(run, data=None):
        warnings.warn("Missing:\ncat.1.", stacklevel=2)
        return []

    monkeypatch.setattr(runs, "verify", warn)
    assert cli.main(["runs", "verify"]) == 0
    assert capsys.readouterr().err == (
        "densenet-lib: warning: Missing: cat.1.\n"
    )


def test_a_large_photograph_is_answered_without_a_warning(
    photo, monkeypatch, capsys
):
    with Image.open(photo) as image:
        pixels = image.width * image.height
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels - 1)
    assert cli.main(["predict", photo, "--run", TINY.path]) == 0
    assert capsys.readouterr().err == ""


def test_an_interruption_begins_a_line_of_its_own(monkeypatch, capsys):
    def interrupt():
        print("epoch 1/2", end="", file=sys.stderr)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "names", interrupt)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.main(["runs", "list"]) == 130
    assert capsys.readouterr().err == (
        "epoch 1/2\ndensenet-lib: interrupted.\n"
    )


def test_the_version_is_said(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    version = densenet_lib.__version__
    assert capsys.readouterr().out == f"densenet-lib {version}\n"


def test_the_package_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["densenet_lib", "card"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("densenet_lib", run_name="__main__")
    assert capsys.readouterr().out.startswith("# Model card")


def test_explaining_an_unknown_layer_is_one_line(photo, capsys):
    arguments = ["explain", photo, "--run", TINY.path, "--layer", "blok1"]
    assert cli.main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "blok1" in line


def test_train_takes_another_recipe_into_a_folder_of_its_own(
    tiny_run, tiny_data, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(Experiment, "data", lambda self, source: tiny_data)
    before = (tiny_run / TINY.path / "run.json").read_bytes()
    arguments = ["--epochs", "1", "--seed", "3", "--folder", str(tmp_path)]
    assert cli.main(["train", "tiny", "--scale", "sketch", *arguments]) == 0
    run = runs.Run(tmp_path)
    assert run.experiment == TINY.but(epochs=1, seed=3)
    assert len(run.history["loss"]) == 1
    share = f"{run.metrics['test']['accuracy']:.2%} of 16 test images right"
    assert share in capsys.readouterr().out
    assert (tiny_run / TINY.path / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "module", "name", "goes_on"),
    [
        (["train", "tiny", "--scale", "sketch"], runs, "train", True),
        (["study"], study, "missing", True),
        (["data", "download", "."], cats_vs_dogs, "download", True),
        (["data", "verify"], cats_vs_dogs, "verify", False),
        (["evaluate", TINY.path], runs, "verify", False),
        (["runs", "list"], runs, "names", False),
    ],
)
def test_an_interrupted_command_says_whether_it_goes_on(
    tiny_data, monkeypatch, capsys, arguments, module, name, goes_on
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Experiment, "data", lambda self, source: tiny_data)
    monkeypatch.setattr(module, name, interrupt)
    assert cli.main(arguments) == 130
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("densenet-lib: interrupted")
    assert ("goes on" in line) == goes_on


def test_a_reader_who_has_had_enough_is_no_failure(monkeypatch):
    def full(*_, **__):
        raise BrokenPipeError

    closed = []
    monkeypatch.setattr(cli, "_print_metrics", full)
    monkeypatch.setattr(cli.os, "dup2", lambda *ends: closed.append(ends))
    assert cli.main(["runs", "list"]) == 0
    assert len(closed) == 1


def test_trust_measures_what_is_named_or_all_but_the_photographs(
    monkeypatch, capsys
):
    asked = []

    def record(name, *, source):
        asked.append((name, source))
        return f"{name}.json"

    monkeypatch.setattr(cli.trust_tables, "record", record)
    assert cli.main(["trust", "photographs", "--data", "here"]) == 0
    assert asked == [("photographs", "here")]
    assert cli.main(["trust"]) == 0
    rest = [name for name in cli.trust_tables.MEASURED if name != asked[0][0]]
    assert [name for name, _ in asked[1:]] == rest
    assert capsys.readouterr().out.split() == [f"{n}.json" for n, _ in asked]


def test_another_recipe_does_not_overwrite_the_recorded_run(capsys):
    arguments = ["train", "tiny", "--scale", "sketch", "--epochs", "1"]
    assert cli.main(arguments) == 2
    assert "--folder" in capsys.readouterr().err


def test_photographs_do_not_overwrite_the_recorded_run_of_drawings(capsys):
    arguments = ["train", "tiny", "--scale", "sketch", "--data", "photos.zip"]
    assert cli.main(arguments) == 2
    assert "--folder" in capsys.readouterr().err


def test_a_file_in_the_place_of_a_folder_is_one_line(
    tiny_data, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(Experiment, "data", lambda self, source: tiny_data)
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / "file/run")
    arguments = ["train", "tiny", "--scale", "sketch", "--folder", folder]
    assert cli.main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"densenet-lib: {tmp_path / 'file'}")
    assert "Not a directory" in line


def test_any_other_failure_of_the_system_is_one_line(monkeypatch, capsys):
    def full(_):
        raise OSError("no space\nleft")

    monkeypatch.setattr(runs, "load", full)
    assert cli.main(["evaluate", TINY.path]) == 2
    assert capsys.readouterr().err == "densenet-lib: no space left\n"


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    listed = capsys.readouterr().out.partition("COMMAND\n")[2]
    [commands] = [
        action.choices
        for action in cli._parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    assert len(commands) > 8
    for name in commands:
        assert re.search(rf"^ +{name} ", listed, re.MULTILINE), name


def test_study_trains_what_is_missing_and_shows_a_group(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path))
    asked = []

    def record(experiment, *, data):
        """In the place of a training: a record with an accuracy."""
        asked.append((experiment.path, data))
        folder = tmp_path / experiment.path
        folder.mkdir(parents=True)
        test = {"accuracy": 0.5, "images": 10, "interval": [0.2, 0.8]}
        fields = {
            "experiment": experiment.to_dict(),
            "seconds": 1.0,
            "metrics": {"test": test},
        }
        (folder / "run.json").write_text(json.dumps(fields))
        return runs.Run(folder)

    monkeypatch.setattr(runs, "train", record)
    monkeypatch.setattr(Experiment, "data", lambda self, source: source)
    assert cli.main(["study", "--data", "here"]) == 0
    assert {data for _, data in asked} == {"here"}
    assert "cpu/study-base" in [path for path, _ in asked]
    first = len(asked)
    assert cli.main(["study"]) == 0
    assert len(asked) == first  # nothing was missing any more
    capsys.readouterr()
    assert cli.main(["study", "pooling"]) == 0
    assert "max, not augmented" in capsys.readouterr().out
    assert cli.main(["study", "colour"]) == 2

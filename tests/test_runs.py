"""Recorded runs: complete, consistent, replayed exactly, redone by a flag."""

import ast
import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from densenet_lib import experiments, resources, runs, training
from densenet_lib.densenet import DenseNetConfig
from densenet_lib.errors import InputError
from densenet_lib.experiments import EXPERIMENTS, Experiment
from densenet_lib.training import Recipe

TINY = Experiment(
    "tiny",
    "sketch",
    "densenet",
    DenseNetConfig((1, 1), 4, stem="light"),
    Recipe(epochs=2, batch_size=8, mixed_precision=False),
)


@pytest.fixture
def own_runs(recorded, monkeypatch):
    """The library's runs are those of this test's folder only."""
    monkeypatch.setenv("DENSENET_RUNS", str(recorded.folder.parents[1]))
    monkeypatch.setitem(EXPERIMENTS, TINY.path, TINY)
    monkeypatch.delenv("DENSENET_RETRAIN", raising=False)


def test_a_run_is_complete(recorded):
    assert {file.name for file in recorded.folder.iterdir()} == {
        "run.json",
        "history.csv",
        "predictions.csv.gz",
        "weights.npz",
    }
    record = recorded.record
    assert record["hardware"]["backend"] == keras.backend.backend()
    assert record["seconds"] > 0
    assert "sittings" not in record
    assert record["code"]["checksum"] == runs.code_checksum()
    assert recorded.experiment == TINY
    assert len(recorded.history["val_accuracy"]) == TINY.recipe.epochs


def test_the_weights_give_the_recorded_predictions(recorded, tiny_data):
    logits = training.evaluate(recorded.model(), tiny_data.test)
    np.testing.assert_allclose(logits, recorded.predictions.logits, atol=1e-4)
    assert recorded.predictions.names == tiny_data.test.names
    assert runs.verify(recorded, tiny_data) == []


@pytest.fixture
def copied(recorded, tmp_path):
    """The run, in a folder that a test may change."""
    shutil.copytree(recorded.folder, tmp_path / "copied")
    return runs.Run(tmp_path / "copied")


def test_a_figure_that_is_not_the_predictions_own_is_found(copied):
    file = copied.folder / "run.json"
    record = json.loads(file.read_text())
    record["metrics"]["test"]["accuracy"] = 0.999
    file.write_text(json.dumps(record))
    [fault] = runs.verify(copied)
    assert "0.999" in fault


def _with_answers(run, test, logits):
    """The run, its recorded answers replaced."""
    table = runs._table_of_predictions(test, logits)
    (run.folder / "predictions.csv.gz").write_bytes(table)
    return runs.Run(run.folder)


def test_an_answer_that_is_not_the_weights_own_is_found(copied, tiny_data):
    said = copied.predictions.logits
    # So that no decision changes.
    away = _with_answers(
        copied, tiny_data.test, said + np.where(said > 0, 0.1, -0.1)
    )
    assert runs.verify(away, tiny_data) == ["a logit differs by 0.1000"]
    other = _with_answers(copied, tiny_data.test, -said)
    assert f"{len(said)} decisions differ" in runs.verify(other, tiny_data)


def test_other_images_are_found_before_they_are_asked_about(
    recorded, tiny_data
):
    few = replace(tiny_data, test=tiny_data.test.subset(8))
    [fault] = runs.verify(recorded, few)
    assert "test images are not those" in fault
    faults = runs.verify(recorded, replace(few, checksum="other"))
    assert faults == ["the data are not those of the run", fault]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (None, "weights.npz"),
        (None, "predictions.csv.gz"),
        (slice(100), "predictions.csv.gz"),
        (gzip.compress(b"name,label\nb,1\n"), "predictions.csv.gz"),
        (gzip.compress(b"name,label,logit\nb,1\n"), "predictions.csv.gz"),
        (gzip.compress(b"name,label,logit\n"), "predictions.csv.gz"),
        (b"no archive", "predictions.csv.gz"),
    ],
    ids=[
        "no weights",
        "no answers",
        "cut off",
        "no logits",
        "half a line",
        "no line",
        "no archive",
    ],
)
def test_a_missing_or_broken_file_is_found(copied, tiny_data, content, name):
    file = copied.folder / name
    if content is None:
        file.unlink()
    else:
        if isinstance(content, slice):
            content = file.read_bytes()[content]
        file.write_bytes(content)
    [fault] = runs.verify(copied, tiny_data)
    assert name.partition(".")[0] in fault


def test_broken_weights_are_wrong_input(copied):
    cut = copied.weights.read_bytes()[:1000]
    copied.weights.write_bytes(cut)
    with pytest.raises(InputError, match="whole file of weights"):
        runs.load_weights(TINY.build(), copied.weights)


def test_a_replay_trains_nothing(own_runs, recorded, monkeypatch):
    monkeypatch.setattr(runs, "train", None)
    run = runs.replay_or_train("tiny", scale="sketch")
    assert run.folder == recorded.folder


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_one_flag_trains_anew(own_runs, monkeypatch, by):
    asked = []
    monkeypatch.setattr(
        runs, "train", lambda experiment, **_: asked.append(experiment)
    )
    if by == "environment":
        monkeypatch.setenv("DENSENET_RETRAIN", "1")
    retrain = True if by == "argument" else None
    runs.replay_or_train("tiny", scale="sketch", retrain=retrain)
    assert asked == [TINY]


def test_a_run_of_another_configuration_is_not_replayed(own_runs, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, TINY.path, TINY.but(epochs=5))
    with pytest.raises(InputError, match="DENSENET_RETRAIN"):
        runs.replay_or_train("tiny", scale="sketch")


def test_a_training_starts_from_the_weights_of_another(
    own_runs, recorded, tiny_data, tmp_path
):
    # With no rate the kernels stay what they were.
    on = replace(TINY, start=TINY.path).but(epochs=1, learning_rate=0.0)
    run = runs.train(on, data=tiny_data, folder=tmp_path, progress=False)
    assert run.experiment.start == TINY.path
    assert runs.verify(run) == []
    for before, after in zip(
        recorded.model().trainable_variables,
        run.model().trainable_variables,
        strict=True,
    ):
        np.testing.assert_array_equal(before.numpy(), after.numpy())


def test_a_start_with_other_weights_than_then_is_found(own_runs, tmp_path):
    recorded = runs.load(TINY.path)
    fields = recorded.record | {"sources": {TINY.path: "0" * 16}}
    fields["experiment"] = fields["experiment"] | {"start": TINY.path}
    shutil.copytree(recorded.folder, tmp_path / "on")
    (tmp_path / "on/run.json").write_text(json.dumps(fields))
    [fault] = runs.verify(runs.Run(tmp_path / "on"))
    assert "other weights" in fault


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"start": "sketch/nothing"}, "sketch/nothing"),
        ({"config": DenseNetConfig((1, 2), 4)}, "Add layers to the blocks"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(
    own_runs, tiny_data, tmp_path, changes, expected
):
    on = replace(TINY, **{"start": TINY.path} | changes)
    with pytest.raises(InputError, match=expected):
        runs.train(on, data=tiny_data, folder=tmp_path, progress=False)
    assert not any(tmp_path.iterdir())


def test_weights_of_another_network_are_refused(recorded):
    other = experiments.Experiment.from_dict(
        TINY.to_dict()
        | {"config": DenseNetConfig((2, 1), 4, stem="light").to_dict()}
    )
    with pytest.raises(InputError, match="block1_layer02"):
        runs.load_weights(other.build(), recorded.folder / "weights.npz")


def test_weights_of_other_shapes_are_refused(recorded):
    wider = replace(TINY, config=replace(TINY.config, growth_rate=8))
    with pytest.raises(InputError, match="'stem_conv/kernel'.*and not"):
        runs.load_weights(wider.build(), recorded.weights)


def test_an_unknown_run_lists_those_that_are(own_runs):
    with pytest.raises(InputError, match="sketch/tiny"):
        runs.load("sketch/tinny")
    with pytest.raises(InputError, match="sketch/densenet"):
        experiments.get("densnet", "sketch")


def test_an_unknown_run_lists_only_the_nearest(tmp_path, monkeypatch):
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path))
    with pytest.raises(InputError, match="of which there is none"):
        runs.load("cpu/k24-seed3")
    for name in ("k8", "k12", "k24-seed1", "k24-seed2", "max"):
        (tmp_path / "cpu" / name).mkdir(parents=True)
        (tmp_path / "cpu" / name / "run.json").write_text("{}")
    with pytest.raises(InputError, match="one of 5.*runs list") as raised:
        runs.load("cpu/k24-seed3")
    assert "k24-seed1" in str(raised.value)
    assert "max" not in str(raised.value)


def test_a_run_is_found_by_its_folder(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path / "none"))
    folder = recorded.folder
    monkeypatch.chdir(folder.parent)
    for path in (folder, str(folder), folder.name, f"./{folder.name}"):
        assert runs.load(path).folder.samefile(folder)


def test_half_precision_moves_no_kernel_by_more_than_a_half_does(
    recorded, tmp_path
):
    model = recorded.model()
    runs.save_weights(model, tmp_path / "weights.npz")
    before = [value.copy() for value in model.get_weights()]
    runs.load_weights(model, tmp_path / "weights.npz")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2**-11, atol=1e-7)


def _interrupted(*_, **__):
    raise KeyboardInterrupt


def _broken_off(monkeypatch, experiment, data, folder):
    """Begin a training, and end it before its first step."""
    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            runs.train(experiment, data=data, folder=folder)


def test_an_interrupted_training_goes_on_and_of_no_other_configuration(
    tiny_data, tmp_path, monkeypatch
):
    _broken_off(monkeypatch, TINY, tiny_data, tmp_path)
    with pytest.raises(InputError, match="unfinished.*Remove the folder"):
        runs.train(TINY.but(seed=9), data=tiny_data, folder=tmp_path)
    run = runs.train(TINY, data=tiny_data, folder=tmp_path, progress=False)
    assert run.experiment == TINY
    assert not (tmp_path / "unfinished").exists()
    sittings = run.record["sittings"]
    assert len(sittings) == 2
    assert sittings[1]["hardware"] == run.record["hardware"]
    spent = sum(sitting["seconds"] for sitting in sittings)
    assert run.record["seconds"] == round(spent, 1)


def test_an_unfinished_training_goes_on_with_its_own_data_only(
    tiny_data, tmp_path, monkeypatch
):
    _broken_off(monkeypatch, TINY, tiny_data, tmp_path)
    other = replace(tiny_data, checksum="other")
    with pytest.raises(InputError, match="same data. Remove the folder"):
        runs.train(TINY, data=other, folder=tmp_path)


def test_an_unfinished_training_goes_on_from_its_own_start_only(
    own_runs, recorded, tiny_data, tmp_path, monkeypatch
):
    on, folder = replace(TINY, name="on", start=TINY.path), tmp_path / "on"
    _broken_off(monkeypatch, on, tiny_data, folder)
    # Where it goes on, the start has been trained anew.
    start = tmp_path / "runs" / TINY.path
    shutil.copytree(recorded.folder, start)
    runs.save_weights(TINY.build(), start / "weights.npz")
    checksum = resources.checksum(start / "weights.npz")
    contents = json.dumps(recorded.record | {"weights": checksum})
    (start / "run.json").write_text(contents)
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path / "runs"))
    with pytest.raises(InputError, match="same sources. Remove the folder"):
        runs.train(on, data=tiny_data, folder=folder)


def test_what_cannot_be_built_leaves_nothing(tiny_data, tmp_path):
    wrong = TINY.but(memory="none")
    with pytest.raises(InputError, match="memory"):
        runs.train(wrong, data=tiny_data, folder=tmp_path / "run")
    assert not any(tmp_path.iterdir())


def test_a_sitting_that_is_killed_counts(tiny_data, tmp_path, monkeypatch):
    keep_state = training._keep_state
    with monkeypatch.context() as patch:
        # A killed process does not come to the end of its blocks.
        patch.setattr(runs._Stopwatch, "__exit__", lambda self, *_: None)
        patch.setattr(
            training, "_keep_state", lambda at: [*keep_state(at), _Lost()]
        )
        with pytest.raises(KeyboardInterrupt):
            runs.train(TINY, data=tiny_data, folder=tmp_path, progress=False)
    kept = json.loads((tmp_path / "unfinished/sittings.json").read_text())
    [sitting] = kept
    assert sitting["seconds"] > 0
    run = runs.train(TINY, data=tiny_data, folder=tmp_path, progress=False)
    assert run.record["sittings"][:1] == kept
    assert len(run.record["sittings"]) == 2


@pytest.mark.parametrize(
    ("module", "name", "remains"),
    [
        (training, "evaluate", True),
        (runs, "_table_of_predictions", False),
    ],
)
def test_a_run_is_never_made_of_parts_of_two(
    copied, tiny_data, monkeypatch, module, name, remains
):
    folder, other = copied.folder, TINY.but(seed=7)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, _interrupted)
        with pytest.raises(KeyboardInterrupt):
            runs.train(other, data=tiny_data, folder=folder, progress=False)
    assert (folder / "run.json").exists() == remains
    if remains:
        assert runs.verify(runs.Run(folder), tiny_data) == []
    run = runs.train(other, data=tiny_data, folder=folder, progress=False)
    assert run.experiment == other
    assert runs.verify(run, tiny_data) == []
    assert not (folder / "unfinished").exists()


class _Lost(keras.callbacks.Callback):
    """The connection to Colab, lost in the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_a_lost_session_goes_on_from_what_it_kept_on_a_drive(
    recorded, tiny_data, tmp_path, monkeypatch
):
    """As chapter 8 says: DENSENET_CACHE, in the library that is installed."""
    monkeypatch.setattr(resources, "is_checkout", lambda: False)
    monkeypatch.delenv("DENSENET_RUNS", raising=False)
    keep_state = training._keep_state
    with monkeypatch.context() as patch:
        patch.setenv("DENSENET_CACHE", str(tmp_path / "drive"))
        patch.setattr(
            training, "_keep_state", lambda at: [*keep_state(at), _Lost()]
        )
        with pytest.raises(KeyboardInterrupt):
            runs.train(TINY, data=tiny_data, progress=False)
    # The next session mounts the drive somewhere else.
    (tmp_path / "drive").rename(tmp_path / "mounted")
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "mounted"))
    epochs = []
    kept = training._FollowEpoch.on_epoch_begin

    def follow(callback, epoch, logs=None):
        epochs.append(epoch)
        kept(callback, epoch, logs)

    monkeypatch.setattr(training._FollowEpoch, "on_epoch_begin", follow)
    run = runs.train(TINY, data=tiny_data, progress=False)
    assert epochs == [1]  # the first is not done again
    assert run.folder.is_relative_to(tmp_path / "mounted")
    for name, values in recorded.history.items():
        np.testing.assert_allclose(run.history[name], values, atol=1e-5)


# What is published.


@pytest.mark.parametrize("path", runs.names())
def test_a_published_run_agrees_with_its_predictions(path):
    run = runs.load(path)
    assert runs.verify(run) == []
    if run.experiment.keep_weights:
        assert run.record["weights"] == resources.checksum(run.weights)


DRAWN = [path for path in runs.names() if path.startswith("sketch/")]


@pytest.mark.parametrize("path", DRAWN)
def test_a_published_network_gives_its_answers_to_the_drawings(path):
    run = runs.load(path)
    if not run.experiment.keep_weights:
        pytest.skip("its weights are not kept")
    assert runs.verify(run, run.experiment.data()) == []


@pytest.mark.parametrize("path", runs.names())
def test_a_published_run_is_one_that_the_table_gives(path):
    assert runs.load(path).experiment == EXPERIMENTS[path]


def test_the_published_runs_are_small():
    size = sum(
        file.stat().st_size
        for path in runs.names()
        for file in runs.load(path).folder.iterdir()
    )
    assert size < 16 * 2**20


def test_the_code_of_a_run_is_all_that_it_is_computed_with():
    """Of the modules that are imported from there, none is left out."""
    package = Path(runs.__file__).parent
    known = {(package / name).resolve() for name in runs._CODE}
    known |= {package / name for name in NOT_COMPUTING}
    for name in runs._CODE:
        for imported in _imported(package / name):
            assert imported in known, f"{name}: {imported.name}"


# What decides no number of a run, or one that is in its configuration.
NOT_COMPUTING = (
    "__init__.py",
    "budget.py",
    "datasets/__init__.py",
    "datasets/records.py",
    "errors.py",
    "hardware.py",
    "progress.py",
)


def _imported(path):
    """The library's modules that a module imports."""
    package = Path(runs.__file__).parent.parent
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        place = package.joinpath(*node.module.split("."))
        for name in node.names:
            for file in (place / name.name, place):
                if (found := file.with_suffix(".py")).exists():
                    yield found
                    break


def test_a_run_need_not_keep_its_weights(tiny_data, tmp_path, monkeypatch):
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "cache"))
    light = replace(TINY, keep_weights=False, mirror=True)
    folder = tmp_path / "run"
    run = runs.train(light, data=tiny_data, folder=folder, progress=False)
    assert not (folder / "weights.npz").exists()
    assert run.experiment == light
    assert runs.verify(run) == []
    # The machine that trained it still has them; no other does.
    assert runs.verify(run, tiny_data) == []
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "another"))
    assert runs.verify(run) == []
    with pytest.raises(InputError, match="lib train tiny --scale sketch"):
        run.model()


def test_runs_in_two_folders_have_their_own_weights_in_one_cache(
    tiny_data, tmp_path, monkeypatch
):
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "cache"))
    light = replace(TINY, keep_weights=False)
    published, other = (
        runs.train(
            each, data=tiny_data, folder=tmp_path / name, progress=False
        )
        for name, each in (("one", light), ("other", light.but(epochs=1)))
    )
    assert published.weights != other.weights
    for run in (published, other):
        assert resources.checksum(run.weights) == run.record["weights"]
        assert runs.verify(run, tiny_data) == []


def test_weights_that_are_not_the_recorded_ones_are_found(recorded, tmp_path):
    shutil.copytree(recorded.folder, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    runs.save_weights(run.experiment.build(), run.weights)
    assert "the weights are not those that were recorded" in runs.verify(run)
    with pytest.raises(InputError, match="as recorded"):
        run.model()


def test_the_published_answers_are_mirrored_where_the_experiment_says(
    tiny_data, tmp_path
):
    both = replace(TINY, mirror=True)
    run = runs.train(both, data=tiny_data, folder=tmp_path, progress=False)
    model = run.model()
    mean = training.evaluate(model, tiny_data.test, mirror=True)
    np.testing.assert_allclose(run.predictions.logits, mean, atol=1e-4)
    np.testing.assert_allclose(
        run.logits(model, tiny_data.test.images), mean, atol=1e-6
    )


def test_a_network_with_dropout_is_loaded_and_goes_on(
    own_runs, recorded, tiny_data, monkeypatch
):
    """Its generators of random numbers have other names in each process."""
    config = replace(TINY.config, dropout=0.2)
    first = replace(TINY, name="dropped", config=config)
    monkeypatch.setitem(experiments.EXPERIMENTS, first.path, first)
    run = runs.train(first, data=tiny_data, progress=False)
    on = replace(first, name="dropped-on", start=first.path)
    mean = replace(
        first, name="dropped-mean", average=(first.path, first.path)
    )
    for later in (on, mean):
        found = runs.train(later, data=tiny_data, progress=False)
        assert runs.verify(found, tiny_data) == []
    assert runs.verify(run, tiny_data) == []


# --- the same network, asked in another way ---------------------------------

AGAIN = replace(
    TINY,
    name="again",
    mirror=True,
    zooms=(1.0, 0.75),
    asks=TINY.path,
    keep_weights=False,
)


def test_a_network_is_asked_in_another_way_and_not_trained(
    own_runs, recorded, tiny_data
):
    run = runs.train(AGAIN, data=tiny_data, progress=False)
    assert runs.load(AGAIN.path).experiment == AGAIN
    assert run.weights == recorded.weights
    assert run.weights_checksum == recorded.weights_checksum
    assert run.history == {}
    assert {path.name for path in run.folder.iterdir()} == {
        "predictions.csv.gz",
        "run.json",
    }
    model = recorded.model()
    expected = training.evaluate(
        model, tiny_data.test, zooms=AGAIN.zooms, mirror=True
    )
    np.testing.assert_allclose(run.predictions.logits, expected, atol=1e-4)
    other = recorded.predictions.logits
    assert not np.allclose(run.predictions.logits, other, atol=1e-3)
    assert runs.verify(run, tiny_data) == []


def test_to_ask_costs_no_training(own_runs, recorded, monkeypatch):
    monkeypatch.setitem(experiments.EXPERIMENTS, TINY.path, TINY)
    assert [each.path for each in AGAIN.lineage] == [TINY.path, AGAIN.path]
    assert AGAIN.multiply_adds(100) == TINY.multiply_adds(100)
    assert not AGAIN.trains
    # Each answer does: of the whole and of the middle, mirrored, too.
    assert (TINY.passes, AGAIN.passes) == (1, 4)


def test_what_asks_trained_weights_does_not_start_from_others():
    with pytest.raises(InputError, match="start and asks"):
        replace(AGAIN, start=TINY.path)


def test_views_survive_as_plain_values():
    fields = json.loads(json.dumps(AGAIN.to_dict()))
    assert experiments.Experiment.from_dict(fields) == AGAIN
    del fields["zooms"], fields["asks"]
    assert experiments.Experiment.from_dict(fields).zooms == (1.0,)

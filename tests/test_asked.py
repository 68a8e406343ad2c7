"""A network asked at several sizes: measured, kept, read, compared."""

import json
import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest

from densenet_lib import asked, cli, datasets, resources, runs, training
from densenet_lib.errors import InputError
from tests.brightness import brightness
from tests.test_runs import TINY

SIDES = (32, 64)


@pytest.fixture(scope="module")
def run(recorded):
    return recorded


@pytest.fixture(autouse=True)
def own_data(run, monkeypatch):
    """Each size has images that are drawn at it; runs are this file's."""
    monkeypatch.setenv("DENSENET_RUNS", str(run.folder.parents[1]))
    monkeypatch.setattr(
        datasets,
        "load",
        lambda scale, *, source, image_size: brightness(image_size),
    )


@pytest.fixture
def unrecorded(run):
    """The run, of which nothing is recorded any more."""
    (run.folder / "asked.json").unlink(missing_ok=True)
    return run


@pytest.fixture
def record(unrecorded):
    return asked.record(unrecorded, sides=SIDES)


def test_at_its_own_size_it_answers_as_the_run_does(run, record, tiny_data):
    part = tiny_data.validation
    for way, mirror in (("plain", False), ("mirrored", True)):
        logits = training.evaluate(run.model(), part, mirror=mirror)
        right = (logits > 0) == part.labels
        assert (record.right[64, way] == right).all()
        assert record.accuracy(64, way) == pytest.approx(right.mean())


def test_the_run_s_own_size_is_always_among_them(run, monkeypatch):
    monkeypatch.setattr(asked, "SIDES", (32,))
    assert asked.measure(run).sides == [32, run.experiment.image_size]


def test_what_is_kept_is_what_was_measured(run, record):
    kept = asked.load(TINY.path)
    assert kept.sides == list(SIDES)
    assert kept.right.keys() == record.right.keys()
    for way, right in record.right.items():
        assert (kept.right[way] == right).all()


def test_a_record_of_other_weights_is_refused(run, record):
    path = run.folder / "asked.json"
    contents = json.loads(path.read_text()) | {"weights": "0" * 16}
    path.write_text(json.dumps(contents))
    with pytest.raises(InputError, match="run's weights.*lib sizes sketch"):
        asked.load(run)


def test_a_run_without_a_record_says_how_to_make_one(unrecorded):
    with pytest.raises(InputError, match="densenet-lib sizes sketch/tiny"):
        asked.load(unrecorded)


def test_a_run_without_weights_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "empty"))
    fields = run.record["experiment"] | {"keep_weights": False}
    (tmp_path / "run.json").write_text(json.dumps({"experiment": fields}))
    with pytest.raises(InputError, match="keeps its weights"):
        asked.measure(runs.Run(tmp_path), sides=SIDES)


def test_a_record_is_read_where_the_weights_are_not(
    run, record, tmp_path, monkeypatch
):
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "empty"))
    shutil.copytree(run.folder, tmp_path / "run")
    elsewhere = runs.Run(tmp_path / "run")
    fields = run.record["experiment"] | {"keep_weights": False}
    contents = json.dumps(run.record | {"experiment": fields})
    (elsewhere.folder / "run.json").write_text(contents)
    assert not elsewhere.weights.exists()
    assert asked.load(elsewhere).sides == list(SIDES)


def test_a_torn_record_is_named(run, record):
    path = run.folder / "asked.json"
    whole = path.read_text("utf-8")
    try:
        path.write_text(whole[: len(whole) // 2], "utf-8")
        with pytest.raises(InputError, match="asked.json'; .*whole JSON"):
            asked.load(run)
    finally:
        path.write_text(whole, "utf-8")


def test_two_ways_are_compared_where_they_differ():
    plain = np.array([1, 1, 0, 0, 1, 1, 1, 0], bool)
    other = np.array([1, 1, 1, 1, 1, 1, 0, 1], bool)
    found = asked.Asked({(64, "plain"): other, (32, "plain"): plain})
    only, only_other, chance = found.against((64, "plain"), (32, "plain"))
    assert (only, only_other) == (3, 1)
    assert chance == pytest.approx(2 * (1 + 4) / 16)
    assert found.accuracy(64, "plain") == 7 / 8
    # The same of two networks.
    first = asked.Asked({(32, "plain"): other})
    second = asked.Asked({(32, "plain"): plain})
    way = (32, "plain")
    assert first.against(way, way, second) == (3, 1, chance)


def test_the_table_has_a_line_a_side(record):
    lines = asked.table(record).splitlines()
    assert [line.split()[0] for line in lines] == ["side", "32", "64"]
    share = f"{record.accuracy(32, 'mirrored'):.2%}"
    assert lines[1].endswith(share)


def test_the_command_line_measures_and_keeps(run, monkeypatch, capsys):
    wanted = {}

    def record(run, **options):
        wanted.update(options)
        ways = asked.WAYS + (asked.NEARER if options["zoom"] else ())
        right = {(32, way): np.ones(4, bool) for way in ways}
        return asked.Asked(right, options["zoom"])

    monkeypatch.setattr(asked, "record", record)
    assert cli.main(["sizes", TINY.path]) == 0
    assert "100.00%" in capsys.readouterr().out
    assert wanted == {"source": None, "sides": None, "zoom": None}
    options = ["--sides", "32", "64", "--zoom", "0.9"]
    assert cli.main(["sizes", TINY.path, *options]) == 0
    assert "both" in capsys.readouterr().out
    assert wanted == {"source": None, "sides": [32, 64], "zoom": 0.9}
    assert cli.main(["sizes", "sketch/none"]) == 2
    assert "sketch/tiny" in capsys.readouterr().err


def test_tensorflow_does_not_complain_of_tracing_over_and_over(run):
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    try:
        asked.measure(run, sides=(32, 40, 48, 56, 64, 72))
    finally:
        logger.removeHandler(handler)
    assert said == []


@pytest.fixture
def installed(unrecorded, tmp_path, monkeypatch):
    """The run as one that an installed library carries."""
    carried = tmp_path / "package/_data/runs" / TINY.path
    shutil.copytree(unrecorded.folder, carried)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "package")
    monkeypatch.delenv("DENSENET_RUNS")
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "cache"))
    return carried


def test_an_installed_library_s_run_is_recorded_in_the_cache(
    installed, tmp_path
):
    asked.record(runs.load(TINY.path), sides=[32])
    own = tmp_path / "cache/runs" / TINY.path / "asked.json"
    assert own.exists() and not (installed / "asked.json").exists()
    assert runs.load(TINY.path).folder == installed
    assert asked.load(TINY.path).sides == [32]
    # Of another version's weights it is of no use, but the carried one is.
    shutil.copy(own, installed)
    contents = json.loads(own.read_text()) | {"weights": "0" * 16}
    own.write_text(json.dumps(contents))
    assert asked.load(TINY.path).sides == [32]


def test_where_nothing_can_be_written_nothing_is_measured(
    installed, tmp_path, monkeypatch
):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(asked, "measure", None)
    with pytest.raises(InputError, match="cache/.*Make it writable"):
        asked.record(runs.load(TINY.path), sides=[32])


def test_weights_do_not_ask_for_a_size(run):
    small = replace(run.experiment, image_size=32).build()
    runs.load_weights(small, run.folder / "weights.npz")
    assert small.input_shape[1:3] == (32, 32)


def test_a_record_is_not_replaced_by_one_that_holds_less(unrecorded):
    run = unrecorded
    kept = asked.record(run, sides=[32], zoom=0.75)
    for sides, zoom, told in (
        ([64], 0.75, r"sides is \[64\]; expected \[32\] among them"),
        ([32], None, "zoom is None; expected 0.75"),
    ):
        with pytest.raises(InputError, match=f"{told}. Else remove the rec"):
            asked.record(run, sides=sides, zoom=zoom)
    assert asked.load(run).right.keys() == kept.right.keys()
    more = asked.record(run, sides=[32, 64], zoom=0.75)
    assert asked.load(run).sides == more.sides == [32, 64]
    # What was made with other weights is of no use.
    path = run.folder / "asked.json"
    contents = json.loads(path.read_text()) | {"weights": "0" * 16}
    path.write_text(json.dumps(contents))
    asked.record(run, sides=[32])
    assert asked.load(run).zoom is None


def test_a_side_too_small_for_the_network_is_refused(unrecorded, capsys):
    assert cli.main(["sizes", TINY.path, "--sides", "0"]) == 2
    assert "at least 32" in capsys.readouterr().err
    assert not (unrecorded.folder / "asked.json").exists()


def test_the_middle_is_asked_about_where_a_share_is_given(
    unrecorded, tiny_data
):
    run = unrecorded
    found = asked.record(run, sides=[32], zoom=0.75)
    assert set(found.right) == {(32, way) for way in asked.WAYS + asked.NEARER}
    part, options = tiny_data.validation, {"mirror": True}
    for way, zooms in (("middle", (0.75,)), ("both", (1.0, 0.75))):
        logits = training.evaluate(run.model(), part, zooms=zooms, **options)
        right = (logits > 0) == (part.labels > 0)
        np.testing.assert_array_equal(found.right[32, way], right)
    kept = asked.load(run)
    assert kept.zoom == 0.75
    assert (kept.right[32, "both"] == found.right[32, "both"]).all()
    assert asked.table(kept).splitlines()[0].split() == ["side", *kept.ways]


@pytest.mark.parametrize("zoom", ["0", "1.5"])
def test_what_is_no_share_is_refused_before_anything_is_asked(
    run, monkeypatch, capsys, zoom
):
    monkeypatch.setattr(training, "logits", None)
    assert cli.main(["sizes", TINY.path, "--zoom", zoom]) == 2
    assert f"zoom is {float(zoom)}" in capsys.readouterr().err

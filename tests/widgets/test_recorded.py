"""The curves that are shown are those that are recorded."""

import json

import numpy as np
import pytest

from densenet_lib import runs, study
from densenet_lib.errors import InputError
from densenet_lib.widgets.recorded import (
    MEASURES,
    MOST,
    curves_state,
    multiply_adds,
    trained,
)


@pytest.fixture(scope="module")
def state():
    return curves_state("cpu/densenet", "cpu/densenet-max")


def test_every_recorded_run_is_there_and_a_page_can_hold_it(state):
    assert [run["name"] for run in state["runs"]] == trained()
    assert len(json.dumps(state, separators=(",", ":"))) <= 150e3


def test_curves_and_final_figures_are_the_run_s_own(state):
    for shown in state["runs"]:
        run = runs.load(shown["name"])
        for measure in MEASURES:
            np.testing.assert_allclose(
                shown["history"][measure], run.history[measure], atol=5.1e-5
            )
        for part in ("validation", "test"):
            own = run.metrics[part]["accuracy"]
            assert shown[part] == f"{100 * own:.2f} %"
        low, high = run.metrics["test"]["interval"]
        assert shown["interval"] == f"{100 * low:.2f} % to {100 * high:.2f} %"
        assert shown["seconds"] == run.seconds


def test_the_cost_of_all_epochs_is_the_training_s_own(state):
    for shown in state["runs"]:
        run = runs.load(shown["name"])
        cost = multiply_adds(run)
        images = run.record["data"]["train"]
        assert cost[-1] == run.experiment.multiply_adds(images)
        assert len(cost) == len(run.history["loss"])
        before = sum(
            len(each.history.get("loss", ())) for each in run.lineage[:-1]
        )
        assert shown["before"]["epochs"] == before
        assert np.all(np.diff(cost) > 0)
        np.testing.assert_allclose(shown["multiply_adds"], cost, rtol=1e-3)


def test_larger_images_make_a_dearer_epoch():
    each = np.diff([0, *multiply_adds(runs.load("cpu/densenet"))])
    assert len(set(each)) == 3
    assert np.all(np.diff(each) >= 0)


def test_groups_are_those_of_the_study(state):
    assert [group["name"] for group in state["groups"]] == [*study.GROUPS]
    pooling = next(g for g in state["groups"] if g["name"] == "pooling")
    found = {
        state["runs"][int(index)]["name"]: label
        for index, label in pooling["runs"].items()
    }
    assert found["cpu/study-base"] == "average"
    assert found["cpu/study-max-seed2"] == "max"


@pytest.mark.parametrize(
    "chosen", [("cpu/none",), tuple(runs.names()[: MOST + 1])]
)
def test_unknown_or_too_many_runs_are_refused(chosen):
    with pytest.raises(InputError, match=f"at most {MOST}"):
        curves_state(*chosen)


def test_filters_let_through_what_fits_all_of_them(state, run_module):
    everything = {"scale": "", "family": "", "group": "", "text": ""}
    filters = {
        "all": {},
        "family": {"scale": "sketch", "family": "resnet"},
        "group": {"group": "pooling"},
        "text": {"group": "pooling", "text": "NOT augmented seed1"},
        "nothing": {"scale": "sketch", "group": "pooling"},
    }
    found = run_module(
        "curves",
        "data.filters.map((filter) => module.filtered(data.state, filter)"
        ".map(([index, run]) => run.name))",
        {
            "state": state,
            "filters": [everything | one for one in filters.values()],
        },
    )
    found = dict(zip(filters, found, strict=True))
    assert found["all"] == trained()
    assert found["family"]
    assert all(name.startswith("sketch/resnet") for name in found["family"])
    assert set(found["text"]) == {
        "cpu/study-average-bare-seed1",
        "cpu/study-max-bare-seed1",
    }
    assert set(found["text"]) < set(found["group"])
    assert found["nothing"] == []


def test_a_run_goes_on_where_the_one_it_started_from_ended(state, run_module):
    shown = {run["name"]: run for run in state["runs"]}
    restarted = [run for run in shown.values() if run["before"]["epochs"]]
    starts = [runs.load(run["name"]).experiment.start for run in restarted]
    assert len(set(starts) & set(shown)) > 1
    for run, start in zip(restarted, starts, strict=True):
        if start not in shown:  # a mean, which has no curve to go on from
            assert runs.load(start).experiment.average
            continue
        before = shown[start]
        for axis in ("epochs", "seconds", "multiply_adds"):
            earlier, later = (
                run_module("curves", f"module.along(data, '{axis}')", each)
                for each in (before, run)
            )
            assert later[0] > earlier[-1]
        epochs = run_module("curves", "module.along(data, 'epochs')", run)
        gone = before["before"]["epochs"] + len(before["multiply_adds"])
        assert epochs[0] == gone + 1


def test_what_was_not_trained_has_no_curves(state):
    others = set(runs.names()) - {run["name"] for run in state["runs"]}
    assert others
    assert not any(runs.load(name).experiment.trains for name in others)
    for name in others:
        with pytest.raises(InputError, match="not trained has no curves"):
            curves_state(name)


def test_time_is_shared_out_as_the_multiply_adds_are(state, run_module):
    run = state["runs"][state["chosen"][0]]
    epochs, seconds = (
        np.array(run_module("curves", f"module.along(data, '{axis}')", run))
        for axis in ("epochs", "seconds")
    )
    assert epochs.tolist() == [*range(1, len(epochs) + 1)]
    cost = np.array(run["multiply_adds"])
    np.testing.assert_allclose(seconds, run["seconds"] * cost / cost[-1])


@pytest.mark.parametrize(
    ("low", "high"), [(0, 16), (0.48, 0.99), (0.1, 1.3), (0, 4.6e13)]
)
def test_ticks_cover_the_values_at_round_steps(low, high, run_module):
    found = np.array(
        run_module("curves", "module.ticks(...data, 5)", [low, high])
    )
    assert found[0] <= low and high <= found[-1] and 3 <= len(found) <= 8
    step = np.diff(found)[0]
    np.testing.assert_allclose(np.diff(found), step)
    assert f"{step:.0e}"[0] in "125"


def test_logarithmic_ticks_lie_between_the_ends(run_module):
    narrow, wide = (
        run_module("curves", "module.logTicks(...data)", ends)
        for ends in ([3, 60], [7e10, 5e13])
    )
    assert narrow == [5, 10, 20, 50]
    np.testing.assert_allclose(wide, [1e11, 1e12, 1e13])


def test_an_axis_of_one_octave_has_marks_as_well(run_module):
    """A training that went on has spent half of it before its first epoch."""
    marks = "module.logMarks(...data, 4)"
    for low, high in ((8.9e3, 17.8e3), (2.2e3, 4.4e3)):
        found = run_module("curves", marks, [low, high])
        assert len(found) > 2
        assert low <= found[0] and found[-1] <= high
    wide = [3, 60]
    assert run_module("curves", marks, wide) == (
        run_module("curves", "module.logTicks(...data)", wide)
    )


def test_marks_of_half_a_percent_are_told_apart(run_module):
    said = run_module("curves", "data.map(module.rounded)", [0.94, 0.945, 1])
    assert said == ["94 %", "94.5 %", "100 %"]

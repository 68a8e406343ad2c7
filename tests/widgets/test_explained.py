"""The viewer's heatmaps are attribution's own, to the steps of a byte."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from densenet_lib import attribution
from densenet_lib.attribution.maps import LUMA
from densenet_lib.errors import InputError
from densenet_lib.faithfulness import location
from densenet_lib.widgets import explained
from tests.widgets.subject import subject

METHODS = ("grad-cam", "layer-cam", "occlusion")


@pytest.fixture(scope="module")
def asked():
    return subject()


@pytest.fixture(scope="module")
def state(asked):
    return explained.heatmaps_state(asked, methods=METHODS)


def _decoded(url):
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


def _cases(asked, state):
    """(picture, method, layer, target), and what explain gives for it."""
    names = [*explained.layers(asked.model, asked.images)]
    for number, method in enumerate(METHODS):
        layered = state["methods"][number]["layered"]
        for place, layer in enumerate(names if layered else [None]):
            options = {"layer": layer} if layered else {}
            for target in range(2):
                heat = attribution.explain(
                    asked.model,
                    asked.images,
                    method,
                    target=target,
                    **options,
                )
                for picture in range(len(asked.images)):
                    yield (picture, number, place, target), heat[picture]


@pytest.fixture(scope="module")
def cases(asked, state):
    return dict(_cases(asked, state))


@pytest.fixture(scope="module")
def shown(state, cases, run_module):
    """The maps that the front end makes of its state."""
    sheets = [
        _decoded(picture["sheet"]).ravel().tolist()
        for picture in state["pictures"]
    ]
    found = run_module(
        "heatmaps",
        """data.cases.map(([picture, method, layer, target]) => {
          const { state, sheets } = data;
          const one = state.pictures[picture];
          const { start, side } = module.locate(
            state, one, method, layer, target);
          const map = sheets[picture].slice(start, start + side * side);
          return [...module.heatOf(map, side, one.side)];
        })""",
        {"state": state, "sheets": sheets, "cases": [*cases]},
    )
    sizes = [state["pictures"][case[0]]["side"] for case in cases]
    return [
        np.reshape(heat, (side, side))
        for heat, side in zip(found, sizes, strict=True)
    ]


def test_the_maps_shown_are_those_of_explain(cases, shown):
    assert len(cases) == len(shown) >= 20
    assert any(heat.any() for heat in cases.values())
    for expected, heat in zip(cases.values(), shown, strict=True):
        # Half a step of 255, and as much again for the peak it is scaled by,
        # of a map whose peak falls between the pixels that are shown.
        np.testing.assert_allclose(heat, expected, atol=2 / 255)


def test_pictures_and_masks_are_shown_as_they_are(asked, state):
    for index, picture in enumerate(state["pictures"]):
        assert np.array_equal(
            _decoded(picture["picture"]), asked.images[index]
        )
        assert np.array_equal(
            _decoded(picture["mask"]) > 0, asked.masks[index]
        )


def test_layers_are_block_ends_transitions_and_the_last(state):
    names = [layer["name"] for layer in state["pictures"][0]["layers"]]
    assert names == ["block 1", "transition 1", "block 2", "the last map"]


def test_the_overlay_is_that_of_the_figures(asked, state, cases, run_module):
    heat = next(heat for heat in cases.values() if heat.any())
    rgba = np.dstack([asked.images[0], np.full_like(heat, 255)])
    colours = base64.b64decode(state["colours"])
    found = run_module(
        "heatmaps",
        "[...module.overlay(data.image, data.heat, data.colours, "
        "data.luma, 0.6)]",
        {
            "image": rgba.astype(int).ravel().tolist(),
            "heat": heat.ravel().tolist(),
            "colours": [*colours],
            "luma": LUMA,
        },
    )
    ours = np.reshape(found, rgba.shape)[..., :3]
    expected = attribution.overlay(asked.images[0], heat)
    assert np.abs(ours - expected.astype(int)).max() <= 1


def test_the_share_on_the_animal_is_the_energy_inside(
    asked, cases, run_module
):
    heat = next(heat for heat in cases.values() if heat.any())
    found = run_module(
        "heatmaps",
        "module.inside(data.heat, data.mask)",
        {
            "heat": heat.ravel().tolist(),
            "mask": asked.masks[0].ravel().tolist(),
        },
    )
    located = location.energy_inside(heat[None], {"animal": asked.masks[:1]})
    assert found["heat"] == pytest.approx(located["animal"].scores[0])
    assert found["area"] == pytest.approx(located["animal"].areas[0])


def test_the_strongest_place_is_named(run_module):
    places = np.eye(9).reshape(9, 9).tolist()
    found = run_module(
        "heatmaps", "data.map((heat) => module.strongest(heat, 3))", places
    )
    assert found[0] == "at the upper left"
    assert found[4] == "in the centre"
    assert found[5] == "at the middle right"
    assert found[7] == "at the lower centre"


def test_the_state_is_fit_for_json_and_says_what_each_method_does(state):
    assert json.loads(json.dumps(state, allow_nan=False)) == state
    for method in state["methods"]:
        assert method["note"].startswith(
            method["name"][0].upper() + method["name"][1:]
        )


def test_a_method_without_words_is_refused(asked):
    with pytest.raises(InputError, match="method"):
        explained.heatmaps_state(asked, methods=("score-cam",))


def test_a_picture_without_a_name_is_refused_before_it_is_explained(asked):
    few = replace(asked, names=asked.names[:-1])
    with pytest.raises(InputError, match="names of the pictures"):
        explained.heatmaps_state(few)


@pytest.mark.parametrize("methods", [(), ("grad-cam",)])
def test_nothing_to_show_is_refused(asked, methods):
    subjects = () if methods else (asked,)
    with pytest.raises(InputError, match="at least one"):
        explained.heatmaps_state(*subjects, methods=methods)


def test_what_a_browser_reads_of_a_sheet_can_be_checked(state):
    """Some browsers change what a page reads of its own pictures."""
    for picture in state["pictures"]:
        content = base64.b64decode(picture["sheet"].partition(",")[2])
        sheet = np.asarray(Image.open(io.BytesIO(content)))
        assert picture["sum"] == sheet.sum(dtype=int)

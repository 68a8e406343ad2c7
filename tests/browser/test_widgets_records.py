"""The playground of pooling, the curves and the heatmaps in a browser."""

import numpy as np
import pytest

from densenet_lib import attribution
from densenet_lib.attribution.maps import overlay
from densenet_lib.widgets import explained, pooling, recorded
from tests.browser import front_end
from tests.widgets.subject import subject

RUNS = ("cpu/densenet", "cpu/densenet-max")


@pytest.fixture(scope="module")
def asked():
    return subject()


@pytest.fixture(scope="module")
def states(asked):
    return {
        "transition": pooling.transition_state(),
        "curves": recorded.curves_state(*RUNS),
        "heatmaps": explained.heatmaps_state(
            asked, methods=("grad-cam", "occlusion")
        ),
    }


@pytest.fixture(scope="module")
def address(tmp_path_factory, states):
    """Where a page for each front end is served."""
    pages = {name: (state, "In words.") for name, state in states.items()}
    with front_end.served(tmp_path_factory.mktemp("site"), pages) as address:
        yield address


def _said(page):
    return page.locator("p[role=status]").inner_text()


def _values(page, name):
    """The numbers in a grid, row by row."""
    cells = page.get_by_role("grid", name=name).get_by_role("gridcell")
    return np.array([float(text) for text in cells.all_text_contents()])


def _menu(page, name):
    return page.get_by_role("combobox", name=name, exact=True)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["transition", "curves", "heatmaps"])
def test_it_comes_to_life_and_fits_the_window(name, visit, width):
    page = visit(name, width=width)
    assert page.locator(".dn-alt").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Drawings are not shrunk on a phone, so their letters keep their size.
    sizes = page.eval_on_selector_all(
        ".dn svg text",
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize)"
        " * one.getScreenCTM().a)",
    )
    assert not sizes or min(sizes) >= 12


def test_a_map_is_edited_with_the_keyboard_alone(visit):
    page = visit("transition")
    _menu(page, "Start from").select_option("nothing")
    cells = page.get_by_role("grid", name="The map, editable").get_by_role(
        "gridcell"
    )
    cells.first.focus()
    for key in ("ArrowRight", "ArrowDown", "6", "+", "ArrowDown", " "):
        page.keyboard.press(key)
    # 7 in the first window, and the brush's 9 in the one below.
    assert _values(page, "Average pooling")[[0, 4]].tolist() == [1.75, 2.25]
    assert _values(page, "Max pooling")[[0, 4]].tolist() == [7, 9]
    assert "average 2.25, maximum 9." in _said(page)
    page.keyboard.press(" ")
    assert _values(page, "Max pooling").sum() == 7


def test_the_way_back_is_shown_on_demand(visit):
    page = visit("transition")
    grids = page.get_by_role("grid", name="way back")
    assert grids.count() == 0  # hidden
    _menu(page, "Gradient's way back").select_option("of the framed output")
    page.get_by_role("grid", name="Max pooling").get_by_role(
        "gridcell"
    ).first.focus()
    shown = [
        grid.get_by_role("gridcell").all_text_contents()
        for grid in grids.all()
    ]
    assert [shown[0].count("¼"), shown[1].count("1")] == [4, 1]
    assert "a quarter to each cell, the maximum all to row 1" in _said(page)


def test_a_line_is_drawn_with_the_mouse(visit):
    page = visit("transition")
    _menu(page, "Start from").select_option("nothing")
    box = page.get_by_role("grid", name="The map, editable").bounding_box()
    y = box["y"] + box["height"] / 16  # the first row
    page.mouse.move(box["x"] + 10, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, y, steps=20)
    page.mouse.up()
    page.mouse.move(box["x"] + 10, y + box["height"] / 2)  # draws no more
    values = _values(page, "The map, editable").reshape(8, 8)
    assert values[0].tolist() == [9] * 8 and values[1:].sum() == 0


# A finger's pointer: what it does, one event after another, at a cell.
TOUCH = """
(grid, names) => {
  const { left, top } = grid.getBoundingClientRect();
  for (const name of names) {
    grid.dispatchEvent(new PointerEvent(name, {
      pointerType: "touch", button: 0, bubbles: true, cancelable: true,
      clientX: left + 12, clientY: top + 12,
    }));
  }
}
"""


def test_a_finger_draws_where_it_taps_and_not_where_it_scrolls(visit):
    page = visit("transition", width=390)
    _menu(page, "Start from").select_option("nothing")
    grid = page.get_by_role("grid", name="The map, editable")
    grid.evaluate(TOUCH, ["pointerdown", "pointercancel"])
    assert _values(page, "The map, editable").sum() == 0
    grid.evaluate(TOUCH, ["pointerdown", "pointerup", "pointerleave"])
    assert _values(page, "The map, editable")[0] == 9
    grid.evaluate(TOUCH, ["pointerdown", "pointermove", "pointercancel"])
    assert _values(page, "The map, editable").sum() == 0


def test_curves_are_read_with_the_arrow_keys(visit, states):
    page = visit("curves")
    page.get_by_role("application").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    runs = {run["name"]: run for run in states["curves"]["runs"]}
    first, second = (runs[name]["history"]["val_accuracy"] for name in RUNS)
    assert f"{RUNS[0]}, validation images, epoch 3" in _said(page)
    assert f"accuracy {100 * first[2]:.1f} %" in _said(page)
    page.keyboard.press("ArrowDown")
    assert f"{RUNS[1]}, validation images, epoch 3" in _said(page)
    assert f"accuracy {100 * second[2]:.1f} %" in _said(page)
    page.keyboard.press("End")
    assert f"epoch {len(second)}" in _said(page)


def test_runs_are_filtered_and_six_at_most_compared(visit):
    page = visit("curves")
    page.locator("summary").click()
    _menu(page, "Group of the study").select_option("pooling")
    page.get_by_role("searchbox").fill("max")
    boxes = page.get_by_role("checkbox", name="study-max")
    assert boxes.count() == 6
    for number in range(4):
        boxes.nth(number).check()
    rows = page.locator(".dn-curves tbody tr")
    assert rows.count() == 6
    boxes.nth(4).click()
    assert not boxes.nth(4).is_checked()
    assert "6 curves are the most" in _said(page)
    # Each with a line and a mark of its own.
    looks = page.eval_on_selector_all(
        "tbody .dn-sample", "all => all.map(one => one.innerHTML)"
    )
    assert len(set(looks)) == 6


def test_the_table_holds_what_the_runs_recorded(visit, states):
    page = visit("curves")
    for name, row in zip(
        RUNS, page.locator(".dn-curves tbody tr").all(), strict=True
    ):
        (run,) = [r for r in states["curves"]["runs"] if r["name"] == name]
        text = row.inner_text()
        assert name in text
        for figure in ("validation", "test", "interval"):
            assert run[figure] in text


def test_every_axis_and_measure_draws_the_chosen_curves(visit):
    page = visit("curves")
    for axis in ("epochs", "seconds", "multiply-adds"):
        for measure in ("accuracy", "loss"):
            _menu(page, "Over").select_option(axis)
            _menu(page, "Draw").select_option(measure)
            paths = page.eval_on_selector_all(
                ".dn-chart path", "all => all.map(one => one.outerHTML)"
            )
            assert not any("NaN" in path for path in paths)
            lines = [path for path in paths if 'stroke-width="2.5"' in path]
            assert len(lines) == len(RUNS)


def _pixels(page, label):
    """RGB of a canvas, (side, side, 3)."""
    flat, side = page.get_by_role("img", name=label).evaluate(
        "one => [[...one.getContext('2d').getImageData("
        "0, 0, one.width, one.height).data], one.width]"
    )
    return np.reshape(flat, (side, side, 4))[..., :3]


def test_the_heat_on_the_page_is_that_of_explain(visit, asked):
    page = visit("heatmaps")
    _menu(page, "Picture").select_option("noise 2")
    page.get_by_role("radio", name="dog").check()
    page.get_by_role("radio", name="block 1").check()
    layer = next(iter(explained.layers(asked.model, asked.images)))
    heat = attribution.explain(
        asked.model, asked.images[1:], "grad-cam", layer=layer, target=1
    )[0]
    assert heat.any()
    found = _pixels(page, "noise 2 in grey")
    expected = overlay(asked.images[1], heat).astype(int)
    # A step of the heat may be several of a colour.
    assert np.abs(found - expected).mean() <= 1
    assert np.abs(found - expected).max() <= 8
    assert "Grad-CAM at block 1, for dog" in _said(page)


def test_heatmaps_answer_to_the_keyboard(visit):
    page = visit("heatmaps")
    before = _said(page)
    page.get_by_role("radio", name="the last map").focus()
    page.keyboard.press("ArrowLeft")
    assert "at block 2" in _said(page) != before
    strength = page.get_by_role("slider")
    strength.focus()
    page.keyboard.press("Home")
    grey = _pixels(page, "noise 1 in grey")
    assert np.ptp(grey, axis=-1).max() <= 1  # no heat: no colour
    _menu(page, "Method").select_option("occlusion")
    assert page.get_by_role("radio", name="block").count() == 0
    assert "occlusion, for" in _said(page)

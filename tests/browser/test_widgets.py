"""The front ends in a real browser, on a page without a kernel."""

import re

import pytest

from densenet_lib import budget, get_config, widgets
from densenet_lib.widgets import activations, architecture
from tests.browser import front_end

SHOWN = {
    "composite": (activations, widgets.composite),
    "explorer": (architecture, widgets.explorer),
    "stepper": (architecture, widgets.stepper),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where a page for each front end is served."""
    pages = {}

    def keep(name, state, *, alt):
        pages[name] = state, alt

    with pytest.MonkeyPatch.context() as patch:
        for module, function in SHOWN.values():
            patch.setattr(module, "show", keep)
            function()
    with front_end.served(tmp_path_factory.mktemp("site"), pages) as address:
        yield address


def _said(page):
    return page.locator(".dn-status").inner_text()


def _press(page, control, *keys):
    control.focus()
    for key in keys:
        page.keyboard.press(key)


def _number(number):
    return f"{number:,}"


@pytest.mark.parametrize("width", [1280, 390])  # a desk's, and a phone's
@pytest.mark.parametrize("name", SHOWN)
def test_it_comes_to_life_and_fits_the_window(name, width, visit):
    page = visit(name, width=width)
    assert page.locator(".dn-alt").count() == 0
    across = page.evaluate("document.documentElement.scrollWidth")
    assert across <= width
    sizes = page.eval_on_selector_all(
        ".dn *",
        "all => all.filter(one => one.textContent && one.checkVisibility())"
        ".map(one => parseFloat(getComputedStyle(one).fontSize))",
    )
    assert min(sizes) >= 12


@pytest.mark.parametrize("name", SHOWN)
def test_the_keyboard_alone_reaches_and_changes_it(name, visit):
    page = visit(name)
    before = _said(page)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "range":
            break
    page.keyboard.press("ArrowRight")
    assert _said(page) != before


@pytest.mark.parametrize("name", SHOWN)
def test_all_that_can_be_used_has_a_name(name, visit):
    page = visit(name)
    tree = page.locator(".dn").aria_snapshot()
    assert not re.search(r"- (slider|combobox|button|spinbutton)(:|$)", tree)
    for drawing in page.locator(".dn svg").all():
        assert drawing.get_attribute("role") in ("group", "img")
        assert len(drawing.get_attribute("aria-label")) > 10


def test_the_explorer_says_what_budget_says(visit):
    page = visit("explorer")
    for rate, keys in ((32, ()), (40, ("ArrowRight",))):
        _press(page, page.get_by_role("slider", name="growth rate"), *keys)
        cost = budget.closed_form(get_config("densenet121", growth_rate=rate))
        said = _said(page)
        assert f"{_number(cost.parameters)} parameters" in said
        assert f"{_number(cost.multiply_adds)} multiply-adds" in said
        assert "121 layers deep" in said
    cells = page.get_by_role("row", name="… trainable").get_by_role("cell")
    assert cells.first.inner_text() == _number(cost.trainable)


def test_the_explorers_controls_make_the_net_that_they_name(visit):
    page = visit("explorer")
    page.get_by_label("Start from").select_option("DenseNet-40-12")
    page.get_by_role("button", name="Add a block").click()
    page.get_by_role("spinbutton", name="block 4").fill("7")
    page.get_by_label("bottleneck").check()
    _press(page, page.get_by_role("slider", name="image side"), "ArrowRight")
    page.get_by_role("combobox", name="classes").select_option("1")
    config = get_config("densenet-40-12", blocks=(12, 12, 12, 7), bottleneck=4)
    cost = budget.closed_form(config, input_shape=(64, 64, 3), classes=1)
    said = _said(page)
    assert f"{_number(cost.parameters)} parameters" in said
    assert f"{_number(cost.multiply_adds)} multiply-adds" in said
    assert page.locator('[data-key^="block"]').count() == 4


def test_the_explorer_goes_back_to_the_net_it_started_from(visit):
    page = visit("explorer")
    before = _said(page)
    growth = page.get_by_role("slider", name="growth rate")
    _press(page, growth, "ArrowRight")
    menu = page.get_by_label("Start from")
    assert menu.input_value() == "your own"
    _press(page, growth, "ArrowLeft")
    assert menu.input_value() == "DenseNet-121"
    assert _said(page) == before


def test_an_image_too_small_for_the_net_grows(visit):
    page = visit("explorer")
    _press(page, page.get_by_role("slider", name="image side"), "Home")
    page.get_by_role("button", name="Add a block").click()
    side = page.get_by_role("slider", name="image side")
    assert side.get_attribute("aria-valuetext") == "64"


def test_a_control_that_is_made_anew_keeps_the_focus(visit):
    """The side of the images goes back up: that slider is another one."""
    page = visit("explorer")
    _press(page, page.get_by_role("slider", name="image side"), "Home")
    page.get_by_role("button", name="Add a block").click()
    side = page.get_by_role("slider", name="image side")
    _press(page, side, "ArrowLeft")
    assert side.get_attribute("aria-valuetext") == "64"
    assert side.evaluate("one => one === document.activeElement")
    page.keyboard.press("ArrowRight")
    assert side.get_attribute("aria-valuetext") == "96"


def test_your_own_net_is_not_chosen_before_it_is_one(visit):
    page = visit("explorer")
    menu = page.get_by_label("Start from")
    chosen = menu.input_value()
    menu.select_option("your own")
    assert menu.input_value() == chosen


def test_the_browser_keeps_its_own_keys(visit):
    page = visit("stepper")
    before = _said(page)
    drawing = page.locator('[data-key="1"]')
    for key in ("Alt+ArrowRight", "Control+ArrowRight", "Meta+ArrowRight"):
        _press(page, drawing, key)
    assert _said(page) == before


def test_a_part_of_the_net_is_chosen_by_keyboard(visit):
    page = visit("explorer")
    _press(page, page.locator('[data-key="block3"]'), "Enter")
    assert "Block 3: 24 layers on maps of 14 × 14; 256 channels" in (
        page.locator(".dn-detail").inner_text()
    )
    part = page.locator('[data-key="block3"]')
    assert part.get_attribute("aria-pressed") == "true"
    # Drawn anew, and the focus is still there.
    assert part.evaluate("one => one === document.activeElement")


def test_the_stepper_counts_as_it_goes(visit):
    page = visit("stepper")
    drawing = page.locator('[data-key="1"]')
    _press(page, drawing, "ArrowRight", "ArrowRight", "ArrowRight")
    said = _said(page)
    assert "Layer 4 reads 24 + 12 · 3 = 60 channels" in said
    assert "1 + 2 + 3 + 4 = 4 · 5 / 2 = 10 connections" in said
    assert page.locator(".dn-arc-chosen").count() == 4
    _press(page, page.locator('[data-key="2"]'), "Enter")
    assert "Layer 2 reads 24 + 12 · 1 = 36 channels" in _said(page)
    assert "10 connections" in _said(page)
    _press(page, page.locator('[data-key="2"]'), "ArrowLeft")
    assert "6 connections" in _said(page)


def test_the_steppers_ends_are_ends(visit):
    page = visit("stepper")
    forward = page.get_by_role("button", name="Next layer")
    _press(page, forward, *["Enter"] * 7)
    assert forward.get_attribute("aria-disabled") == "true"
    assert "In the whole block 1 + 2 + 3 + 4 + 5" in _said(page)
    assert "15 connections" in _said(page)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_what_is_new_moves_only_where_motion_is_wanted(motion, visit):
    page = visit("stepper")
    page.emulate_media(reduced_motion=motion)
    page.get_by_role("button", name="Next layer").click()
    new = page.locator("[data-fresh] .dn-new").last
    name = new.evaluate("one => getComputedStyle(one).animationName")
    assert (name == "none") == (motion == "reduce")


def test_only_what_comes_before_the_normalisation_feels_the_spread(visit):
    page = visit("composite")

    def spreads():
        rows = page.get_by_role("row", name="spread").all()
        return [row.get_by_role("cell").all_inner_texts() for row in rows]

    before = spreads()
    _press(page, page.get_by_role("slider", name="its spread"), "ArrowRight")
    after = spreads()
    # input, BN, ReLU, Conv: the last is what a dense layer appends.
    assert after[0][0] != before[0][0] and after[0][1:] == before[0][1:]
    # input, Conv, BN, ReLU.
    assert after[1][1] != before[1][1] and after[1][2:] == before[1][2:]

"""Every front end of the built book, used with the keyboard alone.

Tab goes through the page from its top. In the front end it has to come to
all that can be used, each with a name and with a ring that shows where the
focus is, and then out of it again.
"""

from dataclasses import dataclass, field

import pytest

DESK = {"width": 1280, "height": 900}
MOST = 700  # Tabs through a page
GROUPED = ("radio", "gridcell")
WIDGET = ".dn-widget[data-widget={}]"


@dataclass(frozen=True)
class FrontEnd:
    """One on a page of the book, and what the keyboard does in it.

    Attributes:
        page: of the book, less ".html".
        place: selector of the front end.
        control: role and beginning of the name of something that is used.
        keys: that are pressed on it.
        shown: an expression of ``root``, the place, that they change.
        opens: the same as ``control`` and ``keys``, for what brings more to
            come to.
        opened: an expression that is true when that is there.
    """

    page: str
    place: str
    control: tuple[str, str]
    keys: tuple[str, ...]
    shown: str = "root.querySelector('[role=status]').textContent"
    opens: tuple = ()
    opened: str = "true"


FRONT_ENDS = {
    "stepper": FrontEnd(
        "chapters/01_why_dense", WIDGET.format("stepper"),
        ("slider", "layers L"), ("ArrowRight",),
    ),
    "composite": FrontEnd(
        "chapters/02_composite_function", WIDGET.format("composite"),
        ("slider", "mean of the input"), ("ArrowRight",),
    ),
    "frames": FrontEnd(
        "chapters/03_growth_rate", ".explore",
        ("slider", ""), ("ArrowRight",),
        "root.querySelector('img:not([hidden])').alt",
    ),
    "transition": FrontEnd(
        "chapters/05_transition", WIDGET.format("transition"),
        ("button", "Move one column right"), ("Space",),
        opens=("combobox", "Gradient's way back", "ArrowDown"),
        opened="root.querySelectorAll('.dn-panel:not([hidden])').length > 4",
    ),
    "explorer": FrontEnd(
        "chapters/06_densenet", WIDGET.format("explorer"),
        ("slider", "growth rate k"), ("ArrowRight",),
    ),
    "curves": FrontEnd(
        "chapters/08_cats_and_dogs", WIDGET.format("curves"),
        ("application", "Curves"), ("ArrowRight",),
    ),
    "heatmaps": FrontEnd(
        "chapters/10_grad_cam", WIDGET.format("heatmaps"),
        ("slider", "Strength of the heat"), ("Home",),
        "root.querySelectorAll('.dn-picture')[1].toDataURL()",
    ),
    "try it": FrontEnd(
        "chapters/try_it", "#try-it",
        ("slider", "Strength of the colours"), ("Home",),
        "root.querySelector('[data-part=heat]').toDataURL()",
        opens=("button", "Chelsea", "Enter"),
        opened="root.querySelector('[data-part=results]').offsetHeight > 0",
    ),
}  # fmt: skip

# What the walk needs in the page. A radio button stands for its group and a
# cell for its grid: arrow keys lead to the others.
SCRIPT = """
(place) => {
  const root = document.querySelector(place);
  const usable = "button, input, select, textarea, summary, a[href], "
    + "[tabindex='0'], :is([role=button], [role=gridcell], [role=slider])";
  const group = (one) => one.type === "radio" ? `radio ${one.name}`
    : one.closest("[role=grid]") ?? one;
  const isMember = (one) => one.type === "radio"
    || one.getAttribute("role") === "gridcell";
  const look = (one) => JSON.stringify([one, ...one.querySelectorAll("*")].map(
    (part) => {
      const style = getComputedStyle(part);
      const { outlineStyle, outlineWidth, outlineColor, boxShadow } = style;
      const ring = outlineStyle === "none" ? "" :
        [outlineStyle, outlineWidth, outlineColor];
      return [ring, boxShadow, style.stroke, style.strokeWidth];
    }));
  const reached = new Set();
  const ringless = [];
  let last = null;
  let lastLook = null;

  // Where the focus is, after a Tab: before, inside or behind the place.
  function step() {
    const now = document.activeElement;
    if (last?.isConnected && last !== now && look(last) === lastLook) {
      ringless.push(last.outerHTML.slice(0, 120));
    }
    const inside = root.contains(now);
    last = inside ? now : null;
    lastLook = last && look(last);
    if (inside) {
      reached.add(group(now));
      return now.tagName === "SUMMARY" && !now.parentNode.open
        ? "closed" : "inside";
    }
    const behind = root.compareDocumentPosition(now)
      & Node.DOCUMENT_POSITION_FOLLOWING;
    return behind ? "behind" : "before";
  }

  // All that can be used and was not reached, in a few letters each.
  const missed = () => [...root.querySelectorAll(usable)].filter((one) =>
    one.checkVisibility({ visibilityProperty: true }) && !one.disabled
    && !reached.has(group(one))
  ).map((one) => one.outerHTML.slice(0, 120));

  // The members of the group that has the focus, and how many are reached.
  const visited = new Set();
  const visit = () => {
    const now = document.activeElement;
    visited.add(now);
    const own = [...root.querySelectorAll("input, [role=gridcell]")].filter(
      (one) => isMember(one) && group(one) === group(now));
    const columns = now.closest("[role=row]")?.children.length ?? own.length;
    const isDone = own.every((one) => visited.has(one));
    return { members: own.length, columns, isDone };
  };
  window.walk = { root, step, missed, visit, ringless };
}
"""


class Walk:
    """Tab by Tab through a page, from its top."""

    def __init__(self, page, place):
        self.page = page
        self.devtools = page.context.new_cdp_session(page)
        page.evaluate(SCRIPT, place)

    def ask(self, expression):
        """The value of an expression of ``root``."""
        return self.page.evaluate(f"(({{ root }}) => {expression})(walk)")

    def wait_for(self, expression):
        """Until an expression of ``root`` is true."""
        self.page.wait_for_function(
            f"() => (({{ root }}) => {expression})(walk)"
        )

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def named(self):
        """(role, name) of what has the focus, as a screen reader is told."""
        focused = self.devtools.send(
            "Runtime.evaluate", {"expression": "document.activeElement"}
        )["result"]["objectId"]
        tree = self.devtools.send(
            "Accessibility.getPartialAXTree",
            {"objectId": focused, "fetchRelatives": False},
        )
        return tuple(
            tree["nodes"][0].get(key, {}).get("value", "")
            for key in ("role", "name")
        )

    def stops(self):
        """Tab on; yields (role, name) wherever the focus is inside."""
        for _ in range(MOST):
            self.press("Tab")
            where = self.ask("walk.step()")
            if where == "behind":
                return
            if where == "closed":
                self.press("Enter")
            if where != "before":
                yield self.named()
        raise AssertionError(f"after {MOST} Tabs the focus is {where} it")

    def reaches_the_group(self):
        """Do arrow keys lead to every radio button, or cell, of a group?"""
        group = self.ask("walk.visit()")
        for number in range(1, group["members"]):
            row, column = divmod(number, group["columns"])
            across = "ArrowLeft" if row % 2 else "ArrowRight"
            self.press(across if column else "ArrowDown")
            group = self.ask("walk.visit()")
        return group["isDone"]


@dataclass
class Found:
    """What came of a walk through one front end."""

    stops: list = field(default_factory=list)  # (role, name) of each
    missed: list = field(default_factory=list)  # what Tab did not come to
    ringless: list = field(default_factory=list)  # where no focus is seen
    out_of_reach: list = field(default_factory=list)  # groups, by arrow keys
    shown: list = field(default_factory=list)  # before and after a change


@pytest.fixture(scope="module", params=FRONT_ENDS)
def found(request, browser, strict_site):
    """What came of the walk through each front end's page."""
    front_end = FRONT_ENDS[request.param]
    page = browser.new_page(viewport=DESK, reduced_motion="reduce")
    page.set_default_timeout(15_000)
    page.goto(f"{strict_site}/{front_end.page}.html")
    page.wait_for_selector(f"{front_end.place} :is(svg, canvas, img)")
    yield _walked(front_end, Walk(page, front_end.place))
    page.close()


def _walked(front_end, walk):
    found = Found()
    for role, name in walk.stops():
        found.stops.append((role, name))
        if role in GROUPED and not walk.reaches_the_group():
            found.out_of_reach.append(name)
        if _is(front_end.control, role, name) and not found.shown:
            found.shown = [walk.ask(front_end.shown)]
            walk.press(*front_end.keys)
            found.shown.append(walk.ask(front_end.shown))
        if front_end.opens and _is(front_end.opens, role, name):
            walk.press(*front_end.opens[2:])
            walk.wait_for(front_end.opened)
    found.missed = walk.ask("walk.missed()")
    found.ringless = walk.ask("walk.ringless")
    return found


def _is(control, role, name):
    return role == control[0] and name.startswith(control[1])


def test_tab_comes_to_all_that_can_be_used_and_out_again(found):
    assert len(found.stops) > 0
    assert found.missed == []


def test_arrow_keys_come_to_every_member_of_a_group(found):
    assert found.out_of_reach == []


def test_all_has_a_name(found):
    assert [role for role, name in found.stops if not name.strip()] == []


def test_the_focus_can_be_seen_wherever_it_is(found):
    assert found.ringless == []


def test_something_is_changed(found):
    before, after = found.shown
    assert after != before

"""Every page of the built book, opened in a real browser.

Each is visited once, with a strict policy, at two widths and in light and
dark; the tests then ask what was found.

Colours take axe long, and a page has thousands of words of code. So axe asks
about colours where a look is new: about two elements of each, on the first
page that has it.
"""

import functools
import gzip
import re
from dataclasses import dataclass, field

import pytest

from tools.front_ends import install

DESK, PHONE = (
    {"width": 1280, "height": 900},
    {"width": 390, "height": 844},
)
# Pages of source differ in nothing but their source.
SOURCES = "_modules/"
TOKEN = re.compile(r'<span class="(\w{1,3})">')  # of code: its kind
LIMIT = 500_000  # bytes before the reader does anything
COMPRESSED = (".html", ".css", ".js", ".svg", ".json", ".txt")
WATCH = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) window.shift += entry.value;
  }
}).observe({ type: "layout-shift", buffered: true });
"""
THEMED = "theme => document.documentElement.dataset.theme === theme"
# Of what a selector chooses, one is given another colour.
DULL = """
([place, colour]) => {
  const all = [...document.querySelectorAll(place)].filter((one) =>
    // About a single letter axe says nothing.
    one.checkVisibility() && one.innerText.trim().length > 1);
  window.dulled = all[Math.floor(all.length / 2)];
  window.dulled.style.color = colour;
}
"""
# Equations whose number is not at the margin, or not clear of the formula.
ASTRAY = """
() => [...document.querySelectorAll("div.numbered")].filter((box) => {
  const place = (name) => box.querySelector(name).getBoundingClientRect();
  const [formula, number] = [place("mjx-container"), place("a.eqno")];
  const margin = box.getBoundingClientRect().right;
  const clear = number.left >= formula.right || number.top >= formula.bottom;
  return !clear || Math.abs(number.right - margin) > 1 || margin > innerWidth;
}).map((box) => box.id)
"""
# Every element would change its colours little by little.
STILL = "*, ::before, ::after { transition: none !important }"
# Rules of axe that ask about colours, and all others.
COLOURS = ["color-contrast", "link-in-text-block"]
REST = """
(colours) => axe.run({
  resultTypes: ["violations"],
  rules: Object.fromEntries(colours.map((name) => [name, { enabled: false }])),
}).then(window.faults)
"""
# Takes the looks that are known; gives the new ones, and what is wrong there.
LOOKS = """
async ([colours, known]) => {
  // What is painted behind an element, and how it is veiled.
  const behind = new Map([[null, ""]]);
  const ground = (one) => {
    if (!behind.has(one)) {
      const style = getComputedStyle(one);
      const own = [
        style.backgroundColor, style.backgroundImage, style.opacity,
        style.filter, style.mixBlendMode,
      ].join();
      const isClear = own === "rgba(0, 0, 0, 0),none,1,none,normal";
      behind.set(one, ground(one.parentElement) + (isClear ? "" : own));
    }
    return behind.get(one);
  };
  const says = (one) => one.matches("input, select, textarea")
    || [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE
      && node.data.trim() !== "");
  const look = (one) => {
    const style = getComputedStyle(one);
    return [
      one.closest("a")?.parentElement.tagName,
      one.closest("button, input, select, label")?.tagName,
      one.closest(":disabled, [aria-disabled=true]") !== null,
      getComputedStyle(one.parentElement).color,
      style.color, style.fontSize, style.fontWeight, style.textShadow,
      style.textDecorationLine, style.position, style.clipPath, ground(one),
    ].join();
  };
  const looks = new Map();
  for (const one of document.querySelectorAll("body *")) {
    if (says(one) && one.checkVisibility({ visibilityProperty: true })) {
      const key = look(one);
      const [first, longest] = looks.get(key) ?? [one, one];
      // About a single letter axe says nothing.
      const isLonger = one.textContent.length > longest.textContent.length;
      looks.set(key, [first, isLonger ? one : longest]);
    }
  }
  known.forEach((key) => looks.delete(key));
  if (looks.size === 0) return [[], []];
  const chosen = [...looks.values()].flat();
  const include = [...new Set(chosen.flatMap((one) =>
    [one, one.closest("a")].filter(Boolean)))];
  const exclude = include.flatMap((one) => [...one.children]).filter(
    (one) => !include.includes(one));
  const found = await axe.run({ include, exclude }, {
    resultTypes: ["violations"], runOnly: { type: "rule", values: colours },
  });
  return [[...looks.keys()], window.faults(found)];
}
"""
FAULTS = """
window.faults = ({ violations }) => violations.flatMap(({ id, nodes }) =>
  nodes.map(({ target }) => `${id}: ${target.join(" ")}`));
"""


@dataclass
class Visit:
    """What one page did."""

    elsewhere: list = field(default_factory=list)  # requests to other hosts
    said: list = field(default_factory=list)  # errors, warnings on the console
    files: list = field(default_factory=list)  # of this host, before a scroll
    axe: list = field(default_factory=list)
    wide: int = 0  # pixels by which a phone's page can be pushed sideways
    shift: float = 0.0


@pytest.fixture(scope="module")
def visits(browser, book, strict_site):
    """dict from page to Visit."""
    names = [path.relative_to(book).as_posix() for path in _pages(book)]
    pages = sorted(name for name in names if not name.startswith(SOURCES))
    sources = [name for name in names if name.startswith(SOURCES)]
    pages += _of_all_kinds(book, pages, sources)
    known = {"light": [], "dark": []}
    return {page: _visit(browser, strict_site, page, known) for page in pages}


def _pages(book):
    for path in book.rglob("*.html"):
        # index.html only leads on to intro.html.
        if "_static" not in path.parts and path != book / "index.html":
            yield path


def _of_all_kinds(book, pages, sources):
    """Pages of source, at least one, with all kinds of words of code.

    First that with most kinds which the pages before it have not, or else
    with most kinds.
    """

    def kinds(name):
        return set(TOKEN.findall((book / name).read_text("utf-8")))

    of = {name: kinds(name) for name in sources}
    seen = set().union(*map(kinds, pages))
    chosen = []
    while not chosen or any(of[name] - seen for name in sources):
        new = {name: (len(of[name] - seen), len(of[name])) for name in of}
        chosen.append(max(new, key=new.get))
        seen |= of[chosen[-1]]
    return chosen


@functools.cache
def _axe():
    return FAULTS + (install() / "axe-core/axe.min.js").read_text("utf-8")


def _visit(browser, site, name, known):
    visit = Visit()
    context = browser.new_context(
        viewport=DESK, color_scheme="light", reduced_motion="reduce"
    )
    context.add_init_script(WATCH)
    context.route("**/*", functools.partial(_let_in, site, visit))
    page = context.new_page()
    page.on("console", functools.partial(_listen, visit))
    page.on("pageerror", lambda error: visit.said.append(str(error)))
    page.goto(f"{site}/{name}", wait_until="load")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(100)
    visit.shift = page.evaluate("window.shift")
    visit.files = list(dict.fromkeys(visit.files))
    page.add_style_tag(content=STILL)
    page.evaluate(_axe())
    schemes = ("light", "dark")
    for viewport in (DESK, PHONE):
        page.set_viewport_size(viewport)
        found = page.evaluate(REST, COLOURS)
        for scheme in schemes:
            found += _colour_faults(page, scheme, known[scheme])
        schemes = schemes[::-1]
        width = viewport["width"]
        visit.axe += [f"{width} {fault}" for fault in found]
    visit.wide = page.evaluate(
        "document.documentElement.scrollWidth - innerWidth"
    )
    context.close()
    return visit


def _colour_faults(page, scheme, known):
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(THEMED, arg=scheme)
    looks, faults = page.evaluate(LOOKS, [COLOURS, known])
    known += looks
    return [f"{scheme} {fault}" for fault in faults]


def _let_in(site, visit, route):
    address = route.request.url
    if address.startswith((f"{site}/", "data:", "blob:")):
        if address.startswith(site):
            visit.files.append(address.removeprefix(site).split("?")[0])
        route.continue_()
    else:
        visit.elsewhere.append(address)
        route.abort()


def _listen(visit, message):
    if message.type in ("error", "warning"):
        visit.said.append(message.text)


def _found(visits, what):
    """dict of the pages where ``what`` is not as it should be: empty."""
    return {
        page: getattr(visit, what)
        for page, visit in visits.items()
        if getattr(visit, what)
    }


def test_no_page_asks_another_host_for_anything(visits):
    assert len(visits) > 20
    assert _found(visits, "elsewhere") == {}


def test_a_strict_policy_leaves_the_console_clean(visits):
    assert _found(visits, "said") == {}


def test_axe_finds_no_violation_in_light_and_dark_at_both_widths(visits):
    assert _found(visits, "axe") == {}


@pytest.mark.parametrize("scheme, pale", [("light", "#bbb"), ("dark", "#555")])
def test_one_pale_word_among_thousands_is_found(
    scheme, pale, page, strict_site
):
    page.goto(f"{strict_site}/chapters/06_densenet.html")
    page.evaluate(_axe())
    page.add_style_tag(content=STILL)
    known = []
    assert _colour_faults(page, scheme, known) == []
    assert len(known) > 30
    for place in (".highlight pre span", "article p"):
        page.evaluate(DULL, [place, pale])
        [fault] = _colour_faults(page, scheme, known)
        assert fault.startswith(f"{scheme} color-contrast: ")
        page.evaluate("dulled.removeAttribute('style')")


def test_no_page_scrolls_sideways_on_a_phone(visits):
    assert _found(visits, "wide") == {}


def test_nothing_moves_while_a_page_loads(visits):
    moved = {page: visit.shift for page, visit in visits.items()}
    assert max(moved.values()) < 0.05, moved


def _bytes(book, files, *, compressed):
    total = 0
    for file in files:
        content = (book / file.lstrip("/")).read_bytes()
        if compressed and file.endswith(COMPRESSED):
            content = gzip.compress(content)
        total += len(content)
    return total


def test_the_first_page_is_light_even_where_nothing_is_compressed(
    visits, book
):
    files = visits["intro.html"].files
    assert len(files) > 10
    assert _bytes(book, files, compressed=False) <= LIMIT


def test_every_page_is_light_where_text_is_compressed(visits, book):
    sizes = {
        page: _bytes(book, visit.files, compressed=True)
        for page, visit in visits.items()
    }
    assert {p: size for p, size in sizes.items() if size > LIMIT} == {}


@pytest.fixture
def page(browser):
    """A new page of the size of a desk's."""
    context = browser.new_context(viewport=DESK, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def test_the_keyboard_comes_first_to_the_skip_link_which_shows(
    page, strict_site
):
    page.goto(f"{strict_site}/intro.html")
    page.keyboard.press("Tab")
    link = page.locator("#pst-skip-link a")
    assert link.evaluate("link => link === document.activeElement")
    box = link.bounding_box()
    assert box["y"] >= 0 and box["height"] > 10
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")


def test_the_keyboard_moves_a_slider_and_its_picture(page, strict_site):
    page.goto(f"{strict_site}/chapters/03_growth_rate.html")
    group = page.locator(".explore").first
    shown = group.locator("img:not([hidden])")
    before = shown.get_attribute("alt")
    group.locator("input").first.focus()
    page.keyboard.press("ArrowRight")
    assert shown.count() == 1
    assert shown.get_attribute("alt") != before
    shown.evaluate("frame => frame.decode()")  # its file is in the build


def test_a_box_that_scrolls_can_be_reached_with_the_keyboard(
    page, strict_site
):
    page.set_viewport_size(PHONE)
    page.goto(f"{strict_site}/chapters/03_growth_rate.html")
    page.wait_for_timeout(200)
    missed = page.evaluate(
        """() => [...document.querySelectorAll("article pre")].filter(
             (box) => box.scrollWidth > box.clientWidth + 1
               && box.tabIndex !== 0).length"""
    )
    assert missed == 0
    assert page.locator("article pre[tabindex='0']").count() > 0


def test_search_finds_a_chapter_without_a_network(page, strict_site):
    page.goto(f"{strict_site}/search.html?q=bottleneck")
    result = page.locator("#search-results li a", has_text="Bottleneck")
    result.first.wait_for(timeout=20_000)


def test_the_theme_can_be_switched_and_is_kept(page, strict_site):
    page.goto(f"{strict_site}/intro.html")
    modes = set()
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        modes.add(page.evaluate("document.documentElement.dataset.mode"))
    assert modes == {"light", "dark", "auto"}


def test_shown_source_leads_to_its_lines(page, strict_site):
    page.goto(f"{strict_site}/chapters/02_composite_function.html")
    link = page.locator(".cell_output pre a[href*='_modules']").first
    link.click()
    place = page.url.split("#")[1]
    assert page.locator(f"[id='{place}']").count() == 1
    assert "def " in page.locator(f"[id='{place}']").inner_text()


def test_formulas_are_typeset_without_a_script(browser, strict_site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{strict_site}/chapters/notation.html")
    formulas = page.locator("mjx-container")
    assert formulas.count() > 10
    assert page.locator("mjx-merror").count() == 0
    assert r"\(" not in page.locator("article").inner_text()
    context.close()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(
    "name", ["03_growth_rate", "04_bottleneck", "05_transition"]
)
def test_numbers_of_equations_are_at_the_margin_clear_of_the_formula(
    page, strict_site, viewport, name
):
    page.set_viewport_size(viewport)
    page.goto(f"{strict_site}/chapters/{name}.html")
    page.evaluate("document.fonts.ready")
    assert page.locator("a.eqno").count() > 1
    assert page.evaluate(ASTRAY) == []


def test_a_reference_leads_to_its_equation_on_another_page(page, strict_site):
    page.goto(f"{strict_site}/chapters/notation.html")
    link = page.get_by_role("link", name="(3.1)", exact=True).first
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/03_growth_rate.html#equation-channels-read")
    number = page.get_by_role("link", name="Link to equation (3.1)")
    top = page.locator(".bd-header-article").bounding_box()
    box = number.bounding_box()
    assert top["y"] + top["height"] <= box["y"] < DESK["height"] / 2
    page.keyboard.press("Tab")  # from the equation on
    assert number.evaluate("link => link === document.activeElement")

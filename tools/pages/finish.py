"""The last hand on every page: what the theme leaves to be desired.

Sphinx passes each page through :class:`Bridge` when it is rendered. A page
that leaves it

- runs no script that stands in the page, so that a strict Content-Security-
  Policy does not break it,
- loads only the styles and scripts that it needs, and pictures when they come
  near the window, into room that is kept for them,
- has names and roles where a screen reader looks for them,
- links the library's source, where it is shown, to where it stands.
"""

import base64
import hashlib
import io
import re
from pathlib import Path

from bs4 import BeautifulSoup
from PIL import Image
from sphinx.jinja2glue import BuiltinTemplateLoader

from tools.pages import front_ends

# What a page loads only if something on it matches; None: never.
LOADED_FOR = {
    "vendor/fontawesome": None,  # icons.css has the few that are used
    "sphinx-thebe": None,
    "sphinx-design": '[class^="sd-"], [class*=" sd-"]',
    "design-tabs": ".sd-tab-set",
    "togglebutton": ".toggle, .admonition.dropdown",
    "mystnb": ".cell",
    "pygments.css": "div.highlight",
    "clipboard": "div.highlight",
    "copybutton": "div.highlight",
    "mathematics": "mjx-container",
}
# Inline scripts: the theme's early.js says the same, or nothing needs them.
_WRITTEN = re.compile(r"document\.write\(`(.*?)`\);", re.DOTALL)
_DATA = re.compile(r"data:image/(png|webp);base64,(.+)", re.DOTALL)
_SIZE = re.compile(rb'<svg[^>]*?\swidth="([\d.]+)"[^>]*?\sheight="([\d.]+)"')
_SHOWN = re.compile(r"# (densenet_lib/[\w/]+)\.py$", re.MULTILINE)
_DEFINED = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)


class Bridge(BuiltinTemplateLoader):
    """Sphinx's own templates, with a last hand on the pages."""

    def init(self, builder, *arguments, **options):
        """Remember the builder: it knows where files go."""
        super().init(builder, *arguments, **options)
        self.builder = builder

    def render(self, template, context):
        """The finished page."""
        text = super().render(template, context)
        if not text.lstrip().startswith("<!DOCTYPE html"):
            return text  # a part of a page
        soup = BeautifulSoup(text, "html.parser")
        page = Page(soup, self.builder, context["pathto"])
        finish(page)
        return str(soup)


class Page:
    """A page at work: its tree, and where its files are."""

    def __init__(self, soup, builder, pathto):
        self.soup = soup
        self.builder = builder
        self.out = Path(builder.outdir)
        self.pathto = pathto

    def resource(self, path):
        """``path`` of the book as this page has to name it."""
        return self.pathto(path, resource=True)

    def new(self, name, **attributes):
        """A new element."""
        return self.soup.new_tag(name, attrs=attributes)


def finish(page):
    """Put all right."""
    # First what is written by script: later steps look at it.
    for step in (write_out, name_parts, mend_lists_and_tables):
        step(page.soup)
    for step in (keep_pictures_apart, leave_room, link_source, load):
        step(page)


def write_out(soup):
    """Put what inline scripts would write, or do, into the page itself."""
    for script in soup.find_all("script", src=False):
        # JSON is data; it runs nothing.
        if script.get("type", "").endswith("json"):
            continue
        written = _WRITTEN.search(script.string or "")
        if written:
            fragment = BeautifulSoup(written[1], "html.parser")
            script.insert_before(fragment)
        script.decompose()
    for button in soup.select("[onclick]"):
        print_it = "print" in button["onclick"]
        button["data-action"] = "print" if print_it else "fullscreen"
        del button["onclick"]
    for group in soup.select(".explore[oninput]"):
        del group["oninput"]


def name_parts(soup):
    """Names for whoever listens to the page, and landmarks for all of it."""
    for select, attributes in (
        # Its text names it; the theme's label leaves the text out.
        (".search-button-field", {"aria-label": None, "title": None}),
        (".search-button-field kbd", {"aria-hidden": "true"}),
        (".primary-toggle", {"aria-label": "Contents of the book"}),
        (".secondary-toggle", {"aria-label": "Contents of this page"}),
        (".btn-fullscreen-button", {"aria-label": "Fullscreen"}),
        (".theme-switch-button", {"aria-label": "Light or dark"}),
        (".bd-toc-nav", {"aria-label": "On this page"}),
        (
            ".bd-sidebar-primary",
            {"role": "region", "aria-label": "Book"},
        ),
        ("i[class*=fa-], span[class*=fa-]", {"aria-hidden": "true"}),
        ("details.hide summary", {"aria-label": None}),
        (".bd-sidenav summary", {"aria-label": "Show or hide its pages"}),
    ):
        for element in soup.select(select):
            for name, value in attributes.items():
                if value is None:
                    del element[name]
                else:
                    element[name] = value


def mend_lists_and_tables(soup):
    """Roles that a browser knows; no header cell without a word in it."""
    for entry in soup.select("[role=doc-biblioentry]"):
        del entry["role"]
    for entries in soup.select(".citation-list[role=list]"):
        del entries["role"]
    for cell in soup.find_all("th"):
        if not cell.get_text(strip=True):
            cell.name = "td"
    # The theme gives every table a box to scroll in; some come with one.
    for table in soup.select("article table"):
        if not table.find_parent(class_="pst-scrollable-table-container"):
            box = {"class": "pst-scrollable-table-container"}
            table.wrap(soup.new_tag("div", attrs=box))


def keep_pictures_apart(page):
    """Move pictures out of the page, so that they load when needed."""
    for image in page.soup.find_all("img", src=_DATA):
        suffix, coded = _DATA.match(image["src"]).groups()
        content = base64.b64decode(coded)
        name = hashlib.sha256(content).hexdigest()[:32]
        name = f"_images/{name}.{suffix}"
        target = page.out / name
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            target.write_bytes(content)
        image["src"] = page.resource(name)


def leave_room(page):
    """Sizes of pictures: nothing moves when they arrive, near the window."""
    for number, image in enumerate(page.soup.select("article img")):
        if number:
            image["loading"] = "lazy"
        image["decoding"] = "async"
    for image in page.soup.find_all("img", width=False):
        size = _size(page, image["src"])
        if size and "width" not in image.get("style", ""):
            image["width"], image["height"] = size
        elif size and "max-width" in image.get("style", ""):
            image["width"], image["height"] = size


def _size(page, source):
    """(width, height) in pixels, or None of what is not the book's own."""
    name = source.rsplit("/", 1)[-1]
    copied = {to: frm for frm, to in page.builder.images.items()}
    for path in (
        Path(page.builder.srcdir) / copied.get(name, ""),
        page.out / "_images" / name,
        Path(page.builder.srcdir) / "_static" / name,
    ):
        if path.is_file():
            content = path.read_bytes()
            break
    else:
        return None
    if path.suffix == ".svg":
        size = _SIZE.search(content)
        return size and tuple(round(float(side)) for side in size.groups())
    return Image.open(io.BytesIO(content)).size


def link_source(page):
    """Link ``# densenet_lib/layers.py`` above shown source to the source."""
    sources = getattr(page.builder.env, "_viewcode_modules", {})
    for code in page.soup.select(".cell_output div.highlight pre"):
        comment = code.find(class_=re.compile(r"^c1?$"))
        shown = comment and _SHOWN.match(code.get_text())
        if not shown or shown[1].replace("/", ".") not in sources:
            continue
        name = _DEFINED.search(code.get_text())
        tags = sources[shown[1].replace("/", ".")][1]
        place = f"#{name[1]}" if name and name[1] in tags else ""
        target = page.resource(f"_modules/{shown[1]}.html") + place
        comment.string.wrap(page.new("a", href=target))


def load(page):
    """Load what the page needs, and let no script hold it up."""
    head = page.soup.head
    for element in page.soup.select("link[href], script[src]"):
        address = element.get("href") or element.get("src")
        if "preload" in element.get("rel", ()):
            element.decompose()
            continue
        for part, needed in LOADED_FOR.items():
            if part in address and not (
                needed and page.soup.select_one(needed)
            ):
                element.decompose()
                break
    early = page.soup.find("script", src=re.compile(r"early\.js"))
    for script in page.soup.select("script[src]"):
        if script is not early:
            del script["async"]
            script["defer"] = "defer"
            head.append(script.extract())
    # Before anything is drawn: the reader's choice of light or dark.
    head.insert(0, early.extract())
    head.insert(0, head.find("meta", charset=True).extract())
    if page.soup.select_one(".explore"):
        script = page.resource(front_ends.EXPLORE)
        head.append(page.new("script", defer="defer", src=script))
    if page.soup.select_one(".dn-widget"):
        style = page.resource("widgets/widgets.css")
        head.append(page.new("link", rel="stylesheet", href=style))
        script = page.resource("widgets/mount.js")
        head.append(page.new("script", type="module", src=script))

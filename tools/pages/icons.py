"""The icons of the pages: those that are used, and no others.

The theme brings all of Font Awesome (icons CC BY 4.0, fonts SIL OFL 1.1), 1.9
MB for a page that shows a dozen of them. This makes a font of that dozen.
"""

import io
import re

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

STYLE = "icons.css"
VENDOR = "_static/vendor/fontawesome"
# name in a class: (file, family, weight)
FACES = {
    "solid": ("fa-solid-900", "Font Awesome 6 Free", 900),
    "regular": ("fa-regular-400", "Font Awesome 6 Free", 400),
    "brands": ("fa-brands-400", "Font Awesome 6 Brands", 400),
}
# What the icons' own style sheet says of all of them, in our words.
COMMON = """\
.fas, .far, .fab, .fa-solid, .fa-regular, .fa-brands {
  display: inline-block;
  font-style: normal;
  font-variant: normal;
  line-height: 1;
  text-rendering: auto;
}
.fa-lg { font-size: 1.25em; line-height: 0.05em; vertical-align: -0.075em; }
"""

_RULE = re.compile(r"([^{}]+)\{content:\"\\(f[0-9a-f]{3}|e[0-9a-f]{3})\"\}")
_NAME = re.compile(r"\.(fa-[\w-]+):before")
_CLASSES = re.compile(r'class="([^"]*\bfa[srb]?[ -][^"]*)"')
_IN_STYLE = re.compile(r"\"\\(f[0-9a-f]{3})\"")


def write(app, out):
    """Write ``_static/icons.css`` and the fonts that it names."""
    vendor = next(out.glob(f"{VENDOR}/*"))
    points = _points((vendor / "css/all.min.css").read_text("utf-8"))
    used = _used(out) & points.keys()
    wanted = {points[name] for name in used} | _named_in_styles(out)
    style = [_face(name, vendor, wanted, out) for name in FACES]
    style += [COMMON]
    style += [
        f'.{name}::before {{ content: "\\{points[name]:x}"; }}\n'
        for name in sorted(used)
    ]
    (out / "_static" / STYLE).write_text("".join(style), "utf-8")


def _points(style):
    """dict from class name to code point, as the vendor's style has it."""
    return {
        name: int(point, 16)
        for selectors, point in _RULE.findall(style)
        for name in _NAME.findall(selectors)
    }


def _used(out):
    """Names of the classes that some page gives to an icon."""
    used = set()
    for page in out.rglob("*.html"):
        for classes in _CLASSES.findall(page.read_text("utf-8")):
            used |= set(classes.split())
    return used


def _named_in_styles(out):
    """Code points that a style sheet of the theme writes itself."""
    sheets = [*out.glob("_static/styles/*.css"), *out.glob("_static/*.css")]
    return {
        int(point, 16)
        for sheet in sheets
        if sheet.name != STYLE
        for point in _IN_STYLE.findall(sheet.read_text("utf-8"))
    }


def _face(name, vendor, wanted, out):
    """Write one font with the wanted glyphs; gives back its style."""
    file, family, weight = FACES[name]
    font = TTFont(vendor / f"webfonts/{file}.ttf")
    subsetter = Subsetter(Options(notdef_outline=True, hinting=False))
    subsetter.populate(unicodes=wanted)
    subsetter.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    (out / f"_static/icons-{name}.woff").write_bytes(buffer.getvalue())
    short = {"solid": "fas", "regular": "far", "brands": "fab"}[name]
    return (
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; '
        f'font-display: block; src: url("icons-{name}.woff"); }}\n'
        f":root {{ --fa-font-{name}: normal {weight} 1em/1 "
        f'"{family}"; }}\n'
        f".{short}, .fa-{name} {{ font-family: "
        f'"{family}"; font-weight: {weight}; }}\n'
    )

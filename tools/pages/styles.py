"""Bootstrap's styles: the rules that some page uses, and no others.

The theme brings all of Bootstrap, 209 kB, most of it for components that a
book has none of.
"""

import re

SHEET = "_static/styles/bootstrap.css"

_RULE = re.compile(r"([^{}]+)\{[^{}]*\}")
_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_NEGATED = re.compile(r":not\([^)]*\)")
_WORD = re.compile(r"[A-Za-z_-][\w-]*")


def write(app, out):
    """Write the sheet anew, less what no page and no script names."""
    sheet = out / SHEET
    files = [*out.rglob("*.html"), *out.glob("_static/**/*.js")]
    used = set()
    for file in files:
        if "vendor" not in file.parts:
            used |= set(_WORD.findall(file.read_text("utf-8")))
    sheet.write_text(cut(sheet.read_text("utf-8"), used), "utf-8")


def cut(style, used):
    """``style`` less the rules of which every selector asks an unused class.

    Args:
        style: a style sheet.
        used: the words that may be classes.
    """

    def keep(rule):
        selectors = rule[1]
        if ":is(" in selectors or ":where(" in selectors:
            return rule[0]
        parts = _NEGATED.sub("", selectors).split(",")
        wanted = any(set(_CLASS.findall(part)) <= used for part in parts)
        return rule[0] if wanted else ""

    return _RULE.sub(keep, style)

"""Displaying a front end: one output for Jupyter, Colab and the book's page.

A front end is an ES module, ``NAME.js`` in this folder, that exports
``render({ model, el })``, as anywidget wants it, and reads all that it shows
from ``model.get("state")``. What it imports lies in this folder, too.
"""

import html
import json
import re
from functools import cache
from pathlib import Path

from IPython.display import display

FOLDER = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

_IMPORT = re.compile(
    r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE
)
_EXPORT = re.compile(
    r"^export (?=(?:async )?(?:const|class|function) (\w+))", re.MULTILINE
)


def names():
    """The front ends that there are: the modules that export render."""
    paths = sorted(FOLDER.glob("*.js"))
    return tuple(
        path.stem
        for path in paths
        if "render" in _EXPORT.findall(_text(path.name))
    )


@cache
def module(name):
    """The source of a front end as one ES module without imports.

    A widget is one string of code for anywidget. So what a module imports is
    put before it, each in a scope of its own. The one export is the default,
    an object with ``render``.
    """
    *imported, own = _with_imports(name)
    scopes = [_scope(part) for part in imported]
    return "\n".join([*scopes, _body(own), "export default { render };\n"])


def _with_imports(name):
    """Names of the modules that one needs, each after what it imports."""
    needed = {}
    for _, imported in _IMPORT.findall(_text(f"{name}.js")):
        needed |= dict.fromkeys(_with_imports(imported))
    return [*needed, name]


def _scope(name):
    """A module as a constant that holds what it exports."""
    exported = ", ".join(_EXPORT.findall(_text(f"{name}.js")))
    return (
        f"const {name}Module = (() => {{\n{_body(name)}\n"
        f"return {{ {exported} }};\n}})();"
    )


def _body(name):
    code = _IMPORT.sub(r"const \1 = \2Module;", _text(f"{name}.js"))
    return _EXPORT.sub("", code)


@cache
def style():
    """The style sheet of all front ends."""
    return _text("widgets.css")


def show(name, state, *, alt):
    """Display a front end.

    Args:
        name: one of :func:`names`.
        state: what it shows, fit for JSON; numbers must be finite.
        alt: in words, for whoever cannot see it, and where neither a kernel
            nor the book's page is at hand.
    """
    bundle = {"text/plain": alt, "text/html": page(name, state, alt=alt)}
    view, metadata = _live(name, state)
    display(view | bundle, metadata=metadata, raw=True)


def page(name, state, *, alt):
    """The HTML that ``mount.js`` brings to life on the book's page."""
    # "</script" and "<!--" mean something inside a script element; "\u003c"
    # is the same "<" in JSON alone.
    data = json.dumps(
        state, sort_keys=True, allow_nan=False, separators=(",", ":")
    ).replace("<", "\\u003c")
    return (
        f'<div class="dn-widget" data-widget="{name}">\n'
        f'<p class="dn-alt">{html.escape(alt)}</p>\n'
        f'<script type="application/json">{data}</script>\n</div>'
    )


def write(folder):
    """Write what the book's page loads: every front end, mount.js, style.

    Args:
        folder: is made where it is missing.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        (folder / f"{name}.js").write_text(module(name), "utf-8")
    for file in ("mount.js", "widgets.css"):
        (folder / file).write_text(_text(file), "utf-8")


def _live(name, state):
    """(mime bundle, its metadata) of the Jupyter widget; empty without."""
    try:
        import anywidget
        import traitlets
    except ImportError:
        return {}, {}

    class FrontEnd(anywidget.AnyWidget):
        _esm = module(name)
        _css = style()
        state = traitlets.Dict().tag(sync=True)

    # anywidget's own: in Colab it also says where the widget's manager is.
    data, metadata = FrontEnd(state=state)._repr_mimebundle_()
    return {WIDGET_VIEW: data[WIDGET_VIEW]}, metadata


def _text(file):
    return (FOLDER / file).read_text("utf-8")

"""What moves on a page without a kernel: front ends, and their data.

A front end is an ES module, ``NAME.js`` in this folder, whose logic runs in
the browser. One cell's output carries it in two forms: a Jupyter widget,
where a kernel runs, and HTML with the same data, which the book's page brings
to life with the same module. So what a reader touches is the same object in
Jupyter, in Colab and on the built page.

A module exports ``render({ model, el })``, as anywidget wants it, and reads
all that it shows from ``model.get("state")``.
"""

import html
import json
import re
from functools import cache
from pathlib import Path

from IPython.display import display

FOLDER = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# A widget is one string of code for anywidget, so what all of them share is
# put before it in the place of the import.
_IMPORT = re.compile(
    r'^import \{[^}]*\} from "\./common\.js";\n', re.MULTILINE
)


def names():
    """The front ends that there are."""
    shared = {"common", "mount"}
    found = {path.stem for path in FOLDER.glob("*.js")}
    return tuple(sorted(found - shared))


@cache
def module(name):
    """The source of a front end as one ES module without imports."""
    common = _text("common.js").replace("\nexport ", "\n")
    own, count = _IMPORT.subn("", _text(f"{name}.js"))
    assert count == 1, f"{name}.js imports once, from ./common.js"
    return f"{common}\n{own}"


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
    # "</" would end the script element; in JSON, "<\\/" means the same.
    data = json.dumps(
        state, sort_keys=True, allow_nan=False, separators=(",", ":")
    ).replace("</", "<\\/")
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

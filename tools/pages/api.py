"""The pages of ``densenet_lib``, from its docstrings and its source."""

from sphinx.util.nodes import make_refnode


def setup(app):
    """Load what reads docstrings, and short names in them."""
    for extension in ("autodoc", "napoleon", "viewcode"):
        app.setup_extension(f"sphinx.ext.{extension}")
    app.connect("autodoc-process-docstring", escape)
    app.connect("missing-reference", resolve)


def escape(app, what, name, obj, options, lines):
    """|weight| is an absolute value here, not reStructuredText."""
    lines[:] = [_bars(line) for line in lines]


def _bars(line):
    # Outside of `code` only: there, a backslash would be seen.
    parts = line.split("`")
    parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
    return "`".join(parts)


def resolve(app, env, node, content):
    """Find :func:`budget.counted`, which is densenet_lib.budget.counted.

    What a package hands on is found there, and so is a module of which the
    package hands on all that is public.
    """
    if node.get("refdomain") != "py":
        return None
    package, _, last = node["reftarget"].rpartition(".")
    for target in (node["reftarget"], last, package):
        found = env.get_domain("py").find_obj(
            env, None, None, target, node["reftype"], 1
        )
        if target and found:
            # Of an object's names, the shortest is the one for readers.
            name, entry = min(found, key=lambda pair: len(pair[0]))
            return make_refnode(
                app.builder,
                node["refdoc"],
                entry.docname,
                entry.node_id,
                content,
                name,
            )
    return None

"""What the book's pages are made of, beyond Sphinx and its theme.

A Sphinx extension, named in ``_config.yml``:

- ``mathematics``: formulas typeset while the book is built,
- ``equations``: their numbers, and references to them,
- ``icons``: a font of the icons that are used,
- ``styles``: of Bootstrap's rules, those that are used,
- ``finish``: the last hand on every page,
- ``api``: the pages of the library,
- ``address``: where the book is published, from where its repository is,
- ``card``: the picture beside a link to the book,
- ``front_ends``: what moves on a page without a kernel.
"""

from pathlib import Path

from tools import fresh
from tools.pages import (
    address,
    api,
    card,
    equations,
    front_ends,
    icons,
    mathematics,
    styles,
)

# What they write goes beside the pages, once all of these are there.
WRITING = (card, front_ends, icons, mathematics, styles)


def setup(app):
    """Sphinx calls this."""
    for part in (address, api, equations, mathematics):
        part.setup(app)
    # Pages that this has made are made again when it has changed.
    own = fresh.checksum(sorted(Path(__file__).parent.glob("*.*")))
    app.add_config_value("pages_made_by", own, "html", str)
    app.connect("build-finished", write)
    app.add_css_file(icons.STYLE)
    app.add_css_file(mathematics.STYLE)
    return {"parallel_read_safe": True, "parallel_write_safe": False}


def write(app, exception):
    """Let each part write what the finished pages load."""
    if exception or app.builder.format != "html":
        return
    for part in WRITING:
        part.write(app, Path(app.outdir))

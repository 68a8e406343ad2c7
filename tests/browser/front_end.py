"""A page with one front end and nothing else, as strict as a page can be."""

import functools
from contextlib import contextmanager

from densenet_lib import widgets
from tests.browser.conftest import Quiet, serve

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"
PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light"><head><title>{name}</title>
<meta charset="utf-8"><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="{policy}; img-src data: blob:">
<link rel="stylesheet" href="widgets/widgets.css">
<script type="module" src="widgets/mount.js"></script>
</head><body><main>{body}</main></body></html>
"""


@contextmanager
def served(folder, front_ends):
    """Write a page for each front end into a folder; gives their address.

    Args:
        folder: an empty one.
        front_ends: {name: (its state, in words)}.
    """
    widgets.write(folder / "widgets")
    for name, (state, alt) in front_ends.items():
        body = widgets.page(name, state, alt=alt)
        text = PAGE.format(name=name, policy=POLICY, body=body)
        (folder / f"{name}.html").write_text(text, "utf-8")
    server, address = serve(functools.partial(Quiet, directory=str(folder)))
    yield address
    server.shutdown()

"""The front ends of ``densenet_lib.widgets``, where the pages load them."""

from pathlib import Path


def setup(app):
    """Write them when the pages are there."""
    app.connect("build-finished", write)


def write(app, exception):
    """Write the modules, what mounts them, and their style."""
    if exception or app.builder.format != "html":
        return
    # Imported here: it takes TensorFlow, and seconds.
    from densenet_lib import widgets

    widgets.write(Path(app.outdir) / "widgets")

"""What moves without a kernel, where the pages load it."""

EXPLORE = "_static/explore.js"
# The handler that a notebook's output carries, as a script of the page: where
# a strict Content-Security-Policy holds, what stands in a page does not run.
LISTENING = """\
for (const group of document.querySelectorAll(".explore")) {{
  group.addEventListener("input", function () {{{handler}}});
}}
"""


def write(app, out):
    """Write the front ends of the library, and the sliders' handler."""
    # Imported here: it takes TensorFlow, and seconds.
    from densenet_lib import notebook, widgets

    widgets.write(out / "widgets")
    script = LISTENING.format(handler=notebook.ON_INPUT)
    (out / EXPLORE).write_text(script, "utf-8")

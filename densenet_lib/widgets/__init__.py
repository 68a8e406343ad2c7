"""What moves on a page without a kernel: front ends, and their data.

The logic of a front end runs in the browser. One cell's output carries it in
two forms: a Jupyter widget, where a kernel runs, and HTML with the same data,
which the book's page brings to life with the same module. So what a reader
touches is the same object in Jupyter, in Colab and on the built page.
"""

from densenet_lib.widgets.frontend import (
    module,
    names,
    page,
    show,
    style,
    write,
)

# isort: split
# Each gathers the data of its front ends, and shows them with the above.
from densenet_lib.widgets.activations import composite
from densenet_lib.widgets.architecture import explorer, stepper
from densenet_lib.widgets.explained import Subject, heatmaps
from densenet_lib.widgets.pooling import transition
from densenet_lib.widgets.recorded import curves

__all__ = [
    "Subject",
    "composite",
    "curves",
    "explorer",
    "heatmaps",
    "module",
    "names",
    "page",
    "show",
    "stepper",
    "style",
    "transition",
    "write",
]

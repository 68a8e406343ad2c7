"""What a chapter's cells say: source, sliders, scale, exercises.

A slider has two forms in one output. Where a kernel runs, it is a Jupyter
widget. Where none does (the book's page, a notebook just opened), it is plain
HTML that carries every picture with it, so that it still moves.
"""

import ast
import base64
import html
import inspect
import itertools
import json
import math
import numbers
import textwrap

from IPython.display import display

from densenet_lib import scales
from densenet_lib.errors import expect

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MAX_FRAMES = 24  # pictures behind one slider: each adds to the page's weight
LINE = 79  # columns that a printed line may fill


def show_source(*objects, docstring=True):
    """Show the source of functions, methods or classes, as the library has it.

    Args:
        *objects: what to show, in this order.
        docstring: False leaves the docstrings out.
    """
    for item in objects:
        code = textwrap.dedent(inspect.getsource(item)).rstrip()
        if not docstring:
            code = without_docstrings(code)
        where = item.__module__.replace(".", "/") + ".py"
        plain = f"# {where}\n{code}"
        markdown = f"```python\n{plain}\n```"
        display({"text/markdown": markdown, "text/plain": plain}, raw=True)


def without_docstrings(code):
    """``code`` less every docstring that is not all of its body."""
    cut = set()
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        if ast.get_docstring(node) is None or len(node.body) == 1:
            continue
        # Up to the next statement: a comment between them belongs to it.
        first, last = node.body[0].lineno, node.body[0].end_lineno
        cut |= set(range(first, last + 1))
        if not code.splitlines()[last].strip():
            cut.add(last + 1)
    kept = enumerate(code.splitlines(), start=1)
    return "\n".join(line for number, line in kept if number not in cut)


def explore(function, **choices):
    """Show a control for each choice, and the picture that they make.

    Args:
        function: takes one keyword for each choice, gives an Illustration.
        **choices: the values of each keyword. Numbers become a slider, other
            values a list to pick from. The first of each is shown first.

    Raises:
        InputError: no choice, a choice without values, or more than
            ``MAX_FRAMES`` pictures.
    """
    choices = {name: list(values) for name, values in choices.items()}
    count = math.prod(len(values) for values in choices.values())
    expect(
        choices and 1 <= count <= MAX_FRAMES,
        "the number of pictures",
        count,
        f"1 to {MAX_FRAMES}: the product of the numbers of values",
        "Give each keyword a list of values, and fewer of them.",
    )
    frames = [
        function(**dict(zip(choices, values, strict=True)))
        for values in itertools.product(*choices.values())
    ]
    bundle = {
        "text/plain": _in_words(choices, frames),
        "text/html": _static_page(choices, frames),
    }
    display(_live_view(choices, frames) | bundle, raw=True)


def where(scale):
    """Say in one line at which scale a chapter runs, and how to change it.

    Where there is a GPU, which one it is comes after.
    """
    from densenet_lib import hardware  # imports Keras, as a slider need not

    scale = scales.get(scale)
    gpu = hardware.describe()["accelerator"]
    device = f" On {gpu}, in mixed precision." if gpu else ""
    others = " or ".join(name for name in scales.SCALES if name != scale.name)
    data = scale.dataset.replace("-", " ")
    side = scale.image_size
    return (
        f"Scale {scale.name}: {data}, {side} x {side} pixels. "
        f"DENSENET_SCALE changes it to {others}.{device}"
    )


def check(answer, condition, hint):
    """Tell a reader whether an answer is right, never what it is.

    Args:
        answer: the reader's; None while there is none.
        condition: function of the answer, true if it is right.
        hint: what to think of, printed if it is wrong.
    """
    if answer is None:
        print("Your turn.")
    elif _holds(condition, answer):
        print("Right.")
    else:
        print(textwrap.fill(f"Not yet. {hint}", LINE))


def _holds(condition, answer):
    # An answer of a wrong kind is a wrong answer, not a broken notebook.
    try:
        return bool(condition(answer))
    except Exception:
        return False


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_scale(values):
    """Whether a slider suits these values better than a list."""
    return all(_is_number(value) for value in values)


def _label(name):
    return name.replace("_", " ")


def _in_words(choices, frames):
    controls = "; ".join(
        f"{_label(name)}: {', '.join(map(str, values))}"
        for name, values in choices.items()
    )
    return f"Choose {controls}.\nAt first: {frames[0].alt}"


def _live_view(choices, frames):
    """The mime bundle of a Jupyter widget; empty without ipywidgets."""
    try:
        import ipywidgets
    except ImportError:
        return {}
    controls = {}
    for name, values in choices.items():
        kind = (
            ipywidgets.SelectionSlider
            if _is_scale(values)
            else ipywidgets.Dropdown
        )
        controls[name] = kind(
            options=[(str(v), index) for index, v in enumerate(values)],
            description=_label(name),
            style={"description_width": "initial"},
            layout={"max_width": "100%"},
        )
    picture = ipywidgets.HTML()

    def redraw(change=None):
        index = 0
        for name, control in controls.items():
            index = index * len(choices[name]) + control.value
        picture.value = _picture(frames[index])

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    box = ipywidgets.VBox([*controls.values(), picture])
    # By hand: in ipywidgets 7, which Colab has, a widget cannot say it.
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    return {WIDGET_VIEW: view}


# The handler stands on the box itself and finds everything inside it: no
# identifiers, so that a page may hold many, and nothing to load. The frames
# lie in the order of itertools.product: the last control runs fastest.
ON_INPUT = """
let index = 0;
for (const control of this.querySelectorAll('input, select')) {
  const count = Number(control.dataset.count);
  index = index * count + Number(control.value);
  const said = JSON.parse(control.dataset.labels)[control.value];
  const output = control.parentElement.querySelector('output');
  if (output) {
    output.textContent = said;
    control.setAttribute('aria-valuetext', said);
  }
}
this.querySelectorAll('img').forEach((frame, number) => {
  frame.hidden = number !== index;
});
"""


def _static_page(choices, frames):
    """The controls and every frame as HTML that needs no kernel."""
    controls = "\n".join(
        _slider(name, values) if _is_scale(values) else _menu(name, values)
        for name, values in choices.items()
    )
    pictures = "\n".join(
        _picture(frame, hidden=number > 0)
        for number, frame in enumerate(frames)
    )
    handler = html.escape(" ".join(ON_INPUT.split()))
    names = html.escape(", ".join(map(_label, choices)))
    return (
        f'<div class="explore" role="group" aria-label="Choose {names}" '
        f'oninput="{handler}">\n{controls}\n'
        f'<div aria-live="polite">\n{pictures}\n</div>\n</div>'
    )


def _slider(name, values):
    return (
        f'<label style="display: block; margin: 0.3em 0">{_label(name)} '
        f'<input type="range" min="0" max="{len(values) - 1}" value="0" '
        f'step="1" autocomplete="off" aria-valuetext="{values[0]}" '
        f'style="width: 14em; max-width: 50%; vertical-align: middle" '
        f"{_data(values)}> <output>{values[0]}</output></label>"
    )


def _menu(name, values):
    options = "".join(
        f'<option value="{index}">{html.escape(str(value))}</option>'
        for index, value in enumerate(values)
    )
    return (
        f'<label style="display: block; margin: 0.3em 0">{_label(name)} '
        f'<select autocomplete="off" style="max-width: 100%" '
        f"{_data(values)}>{options}</select></label>"
    )


def _data(values):
    labels = html.escape(json.dumps([str(value) for value in values]))
    return f'data-count="{len(values)}" data-labels="{labels}"'


def _picture(illustration, *, hidden=False):
    data = base64.b64encode(illustration.webp()).decode()
    return (
        f'<img alt="{html.escape(illustration.alt)}" '
        f'style="max-width: 100%; height: auto"{" hidden" * hidden} '
        f'src="data:image/webp;base64,{data}">'
    )

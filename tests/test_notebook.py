"""What a chapter's cells say, with a kernel and without one."""

import base64
import html
import io
import re
import sys
from dataclasses import dataclass

import pytest
from ipywidgets.widgets.widget import _instances
from matplotlib.figure import Figure
from PIL import Image

from densenet_lib import hardware, notebook
from densenet_lib.errors import InputError
from densenet_lib.figures import Illustration

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shown(monkeypatch):
    """The bundles that were displayed."""
    bundles = []
    monkeypatch.setattr(
        notebook, "display", lambda bundle, raw: bundles.append(bundle)
    )
    return bundles


def documented():
    """Say what it is."""
    return "a function"  # with a comment


@dataclass
class Documented:
    """Say what it is."""

    count: int = 1

    def method(self):
        """Say it again."""
        # Why it does so.
        return self.count


class OnlyWords(Exception):
    """Nothing but this."""


def test_source_is_shown_as_the_library_has_it(shown):
    notebook.show_source(documented, Documented.method)
    function, method = (bundle["text/plain"] for bundle in shown)
    assert '    """Say what it is."""\n    return "a function"' in function
    assert "\ndef method(self):\n" in method  # dedented
    assert shown[0]["text/markdown"] == f"```python\n{function}\n```"


def test_docstrings_can_be_left_out(shown):
    notebook.show_source(documented, Documented, docstring=False)
    function, whole = (bundle["text/plain"] for bundle in shown)
    assert function.endswith(
        'def documented():\n    return "a function"  # with a comment'
    )
    assert whole.endswith(
        "@dataclass\nclass Documented:\n    count: int = 1\n\n"
        "    def method(self):\n        # Why it does so.\n"
        "        return self.count"
    )


def test_a_body_of_a_docstring_alone_is_left_whole(shown):
    notebook.show_source(OnlyWords, docstring=False)
    assert '    """Nothing but this."""' in shown[0]["text/plain"]


def _square(side, colour="red"):
    figure = Figure(figsize=(side, side), facecolor=colour)
    return Illustration(figure, f'A "{colour}" square of side {side}.')


def _images(text):
    """(alternative text, hidden, size in pixels) of the images in HTML."""
    found = []
    for tag in re.findall(r"<img [^>]*>", text):
        alt = html.unescape(re.search(r'alt="([^"]*)"', tag)[1])
        coded = re.search(r"base64,([^\"]*)", tag)[1]
        with Image.open(io.BytesIO(base64.b64decode(coded))) as image:
            found.append((alt, " hidden " in tag, image.size))
    return found


def test_the_static_page_holds_every_picture_and_shows_the_first(shown):
    notebook.explore(_square, side=[1, 2], colour=["red", "blue"])
    images = _images(shown[0]["text/html"])
    assert [alt for alt, _, _ in images] == [
        'A "red" square of side 1.',
        'A "blue" square of side 1.',
        'A "red" square of side 2.',
        'A "blue" square of side 2.',
    ]
    assert [hidden for _, hidden, _ in images] == [False, True, True, True]
    assert [size for _, _, size in images] == [(110, 110)] * 2 + [
        (220, 220)
    ] * 2


def test_numbers_get_a_slider_and_words_a_list(shown):
    notebook.explore(_square, side=[1, 2], colour=["red", "blue"])
    page = shown[0]["text/html"]
    slider = re.search(r'<label[^>]*>side <input type="range"[^>]*>', page)[0]
    assert 'min="0" max="1"' in slider
    assert re.search(r"<label[^>]*>colour <select", page)
    assert page.count("<option") == 2


def test_two_on_a_page_share_no_identifier(shown):
    notebook.explore(_square, side=[1])
    assert not re.search(r"\bid=|<script", shown[0]["text/html"])


def test_the_output_is_the_same_each_time_but_for_the_widgets_name(shown):
    for _ in range(2):
        notebook.explore(_square, side=[1, 2])
    first, second = shown
    assert first.pop(WIDGET_VIEW) != second.pop(WIDGET_VIEW)
    assert first == second


def test_the_live_widget_changes_its_picture(shown):
    notebook.explore(_square, side=[1, 2], colour=["red", "blue"])
    box = _instances[shown[0][WIDGET_VIEW]["model_id"]]
    side, colour, picture = box.children
    assert _images(picture.value)[0][0] == 'A "red" square of side 1.'
    colour.value = 1
    assert _images(picture.value)[0][0] == 'A "blue" square of side 1.'
    side.value = 1
    assert _images(picture.value)[0][0] == 'A "blue" square of side 2.'
    assert _images(picture.value)[0][2] == (220, 220)


def test_without_ipywidgets_the_page_still_moves(shown, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    notebook.explore(_square, side=[1, 2])
    assert set(shown[0]) == {"text/html", "text/plain"}


@pytest.mark.parametrize("choices", [{}, {"side": []}, {"side": range(99)}])
def test_no_picture_or_too_many_is_an_input_error(choices):
    with pytest.raises(InputError, match="number of pictures"):
        notebook.explore(_square, **choices)


def test_where_names_the_scale_and_the_others(monkeypatch):
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    line = notebook.where("sketch")
    assert line.startswith("Scale sketch: sketches, 64 x 64 pixels.")
    assert line.endswith("changes it to cpu or gpu.")


def test_where_names_the_gpu_that_is_there(monkeypatch):
    found = {"accelerator": "Tesla T4"}
    monkeypatch.setattr(hardware, "describe", lambda: found)
    assert notebook.where("gpu").endswith(" On Tesla T4, in mixed precision.")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Your turn.\n"),
        (3, "Right.\n"),
        (4, "Not yet. Count again.\n"),
        ("three", "Not yet. Count again.\n"),
        (0, "Not yet. Count again.\n"),
    ],
)
def test_an_exercise_says_right_or_a_hint_and_never_fails(
    answer, said, capsys
):
    notebook.check(answer, lambda a: 2 < a < 4, hint="Count again.")
    assert capsys.readouterr().out == said

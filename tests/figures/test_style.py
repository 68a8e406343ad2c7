"""How a figure becomes bytes: small, the same each time, and not spoilt."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from densenet_lib.figures import Illustration


def _pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), int), image.mode


def _drawing():
    figure = Figure(figsize=(5, 3))
    figure.subplots().plot([0, 1, 2], [1, 3, 2], "o-", label="a line")
    return Illustration(figure, "A line.")


def _photograph():
    """More colours than any palette holds."""
    noise = np.random.default_rng(0).random((60, 90, 3))
    figure = Figure(figsize=(3, 2))
    figure.subplots().imshow(noise)
    return Illustration(figure, "Noise.")


def _raw(illustration):
    """What matplotlib itself writes."""
    buffer = io.BytesIO()
    illustration.figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def test_a_drawing_gets_a_palette_that_no_one_can_see():
    small, raw = _drawing().png(), _raw(_drawing())
    assert len(small) < 0.6 * len(raw)
    pixels, mode = _pixels(small)
    assert mode == "P"
    assert abs(pixels - _pixels(raw)[0]).max() <= 2


def test_a_photograph_keeps_its_colours():
    pixels, mode = _pixels(_photograph().png())
    assert mode == "RGB"
    assert (pixels == _pixels(_raw(_photograph()))[0]).all()


def test_a_palette_that_could_be_seen_is_not_taken():
    """2,500 colours, fewer than are refused at once, far apart."""
    steps = np.linspace(0, 1, 50)
    red, green = np.meshgrid(steps, steps)
    figure = Figure(figsize=(3, 3))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(np.stack([red, green, 0 * red], -1), interpolation="nearest")
    illustration = Illustration(figure, "Two colours, mixed.")
    pixels, mode = _pixels(illustration.png())
    assert mode == "RGB"
    assert (pixels == _pixels(_raw(illustration))[0]).all()


@pytest.mark.parametrize("make", [_drawing, _photograph])
def test_webp_loses_nothing_and_is_smaller(make):
    data, raw = make().webp(), _raw(make())
    assert (_pixels(data)[0] == _pixels(raw)[0]).all()
    assert len(data) < len(raw)


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_the_same_drawing_gives_the_same_bytes(kind):
    assert getattr(_drawing(), kind)() == getattr(_drawing(), kind)()

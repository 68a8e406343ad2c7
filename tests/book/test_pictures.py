"""nbval's comparison of pictures: what passes, what fails."""

import base64
import importlib.util
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from densenet_lib.figures import Illustration
from tools import chapters

spec = importlib.util.spec_from_file_location(
    "chapters_conftest", chapters.CHAPTERS / "conftest.py"
)
comparison = importlib.util.module_from_spec(spec)
spec.loader.exec_module(comparison)


def _plot(heights=(1.0, 2.0, 3.0), slope=1.0, title="Accuracy 0.93"):
    figure = Figure(figsize=(7.2, 3.4))
    bars, line = figure.subplots(1, 2)
    bars.bar(range(len(heights)), heights)
    bars.set_ylim(0, 4)
    line.plot([0, 1], [0, slope])
    line.set(title=title, xlim=(0, 1), ylim=(0, 2))
    return base64.b64encode(Illustration(figure, "").png()).decode()


def _output(picture, alt="A plot."):
    return new_output(
        "display_data", {"image/png": picture, "text/plain": alt}
    )


def _frame(picture):
    webp = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image.save(webp, "WEBP", lossless=True)
    coded = base64.b64encode(webp.getvalue()).decode()
    html = f'<img alt="A frame." src="data:image/webp;base64,{coded}">'
    return new_output("display_data", {"text/html": html})


def _difference(new, old):
    return comparison.differences(
        comparison.pictures([new]), comparison.pictures([old])
    )


@pytest.mark.parametrize("wrap", [_output, _frame])
def test_the_same_picture_passes(wrap):
    assert not _difference(wrap(_plot()), wrap(_plot()))


@pytest.mark.parametrize("wrap", [_output, _frame])
def test_a_rounding_error_of_the_data_passes(wrap):
    noise = _plot(heights=(1.0001, 2.0001, 2.9999), slope=1.0001)
    assert noise != _plot()
    assert not _difference(wrap(noise), wrap(_plot()))


def test_noise_of_one_step_passes():
    old = comparison.pictures([_output(_plot())])[0]
    noise = np.random.default_rng(0).integers(-1, 2, old.shape)
    new = np.clip(old.astype(int) + noise, 0, 255).astype("uint8")
    assert (new != old).any()
    # Half of MEAN_TOLERANCE's room is enough: most of a plot is white.
    assert comparison.compare(new, old) is None


@pytest.mark.parametrize("wrap", [_output, _frame])
@pytest.mark.parametrize(
    "change",
    [
        {"slope": 1.1},
        {"heights": (1.0, 2.0, 3.1)},
        {"title": "Accuracy 0.94"},
    ],
    ids=["line", "bar", "digit"],
)
def test_another_picture_fails(wrap, change):
    assert _difference(wrap(_plot(**change)), wrap(_plot()))


def test_a_missing_picture_fails():
    assert comparison.differences([], comparison.pictures([_output(_plot())]))


def test_another_size_fails():
    old = comparison.pictures([_output(_plot())])[0]
    assert "shape" in comparison.compare(old[:-1], old)


def _run(pytester, monkeypatch, *cells, options=()):
    """pytest --nbval's result on a notebook of (code, outputs)."""
    monkeypatch.setenv("PYTHONPATH", str(chapters.ROOT))
    pytester.syspathinsert(chapters.ROOT)
    pytester.makeconftest(
        (chapters.CHAPTERS / "conftest.py").read_text("utf-8")
    )
    notebook = new_notebook(metadata=chapters.METADATA)
    for number, (code, outputs) in enumerate(cells, start=1):
        notebook.cells.append(
            new_code_cell(code, execution_count=number, outputs=outputs)
        )
    path = pytester.path / "chapter.ipynb"
    path.write_text(chapters.to_text(notebook), "utf-8")
    return pytester.runpytest("--nbval", *options, path)


def _shows(picture):
    return (
        "from IPython.display import display\n"
        f"bundle = {{'image/png': '{picture}', 'text/plain': 'A plot.'}}\n"
        "display(bundle, raw=True)"
    )


def test_nbval_fails_on_a_changed_picture_only(pytester, monkeypatch):
    old, new = _plot(), _plot(slope=1.1)
    result = _run(
        pytester,
        monkeypatch,
        (_shows(old), [_output(old)]),
        (_shows(new), [_output(old)]),
        (_shows(old), [_output(old, alt="Another plot.")]),
    )
    result.assert_outcomes(passed=1, failed=2)


def test_a_run_with_a_time_out_has_no_expected_failures(pytester, monkeypatch):
    result = _run(
        pytester,
        monkeypatch,
        ("import time; time.sleep(30)", []),
        ("1 / 0", []),
        options=["--nbval-cell-timeout=2"],
    )
    result.assert_outcomes(failed=2)

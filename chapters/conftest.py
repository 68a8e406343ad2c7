"""How ``pytest --nbval chapters`` compares: strictly, and pictures too.

nbval compares every output but pictures. Here pictures are compared by their
pixels, with room for the rounding of another processor and no more: a line
that moved, a bar of another height or a digit of another value fails.
"""

import base64
import copy
import io
import re

import numpy as np
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile
from PIL import Image

from tools.execute import set_environment

# Both in steps of 255, of the three colours. A picture may differ by so much
# on average, and an 8 x 8 block, about a letter, by so much at the worst.
MEAN_TOLERANCE = 0.5
BLOCK_TOLERANCE = 20.0
BLOCK = 8  # pixels

STARTUP_TIMEOUT = 300  # seconds

FRAME = re.compile(r"data:image/(?:png|webp);base64,([A-Za-z0-9+/=]+)")


def pytest_configure(config):
    """Start kernels in the environment in which chapters are executed."""
    set_environment()
    # A kernel may take longer than nbval's minute on a busy machine.
    config.option.nbval_kernel_startup_timeout = STARTUP_TIMEOUT


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Let nbval find the notebooks, and ours compare them."""
    found = yield
    return [
        Chapter.from_parent(parent, path=file_path)
        if isinstance(collector, IPyNbFile)
        else collector
        for collector in found
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Report as failed what nbval only expects to fail after a time-out."""
    report = yield
    if isinstance(item, IPyNbCell) and hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.name}: {report.wasxfail}"
        del report.wasxfail
    return report


class Chapter(IPyNbFile):
    """A notebook whose cells compare pictures."""

    def collect(self):
        for cell in super().collect():
            yield ChapterCell.from_parent(
                self,
                name=cell.name,
                cell_num=cell.cell_num,
                cell=cell.cell,
                options=cell.options,
            )


class ChapterCell(IPyNbCell):
    """A cell that compares pictures with a tolerance, all else strictly."""

    def compare_outputs(self, test, ref, skip_compare=None):
        if not super().compare_outputs(
            without_frames(test), without_frames(ref), skip_compare
        ):
            return False
        self.comparison_traceback = differences(pictures(test), pictures(ref))
        return not self.comparison_traceback


def without_frames(outputs):
    """The outputs with each picture inside HTML replaced by a word."""
    outputs = copy.deepcopy(outputs)
    for output in outputs:
        data = output.get("data", {})
        if "text/html" in data:
            data["text/html"] = FRAME.sub("frame", data["text/html"])
    return outputs


def pictures(outputs):
    """All pictures, shown or inside HTML, as uint8 (height, width, 3)."""
    coded = []
    for output in outputs:
        data = output.get("data", {})
        coded += FRAME.findall(data.get("text/html", ""))
        if "image/png" in data:
            coded.append(data["image/png"])
    return [_decode(text) for text in coded]


def _decode(text):
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
    return np.asarray(canvas.convert("RGB"))


def differences(test, reference):
    """What differs between two lists of pictures, in words."""
    if len(test) != len(reference):
        return [f"{len(test)} pictures instead of {len(reference)}"]
    found = []
    for number, (new, old) in enumerate(zip(test, reference, strict=True), 1):
        difference = compare(new, old)
        if difference:
            found.append(f"picture {number}: {difference}")
    return found


def compare(new, old):
    """How two pictures differ beyond the tolerances, or None."""
    if new.shape != old.shape:
        return f"shape {new.shape} instead of {old.shape}"
    gap = np.abs(new.astype(float) - old).mean(axis=-1)
    mean, block = gap.mean(), _worst_block(gap)
    if mean <= MEAN_TOLERANCE and block <= BLOCK_TOLERANCE:
        return None
    return (
        f"differs by {mean:.2f} on average (at most {MEAN_TOLERANCE}) and by "
        f"{block:.0f} in the worst block (at most {BLOCK_TOLERANCE})"
    )


def _worst_block(gap):
    height, width = (-(-side // BLOCK) * BLOCK for side in gap.shape)
    padded = np.zeros((height, width))
    padded[: gap.shape[0], : gap.shape[1]] = gap
    blocks = padded.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return blocks.mean(axis=(1, 3)).max()

"""Put the trained network where a page runs it: _build/extra/try_it.

    python tools/try_it.py

Beside the network, as ONNX, there is ``about.json`` with all that the page
says of it or computes with, so that the page repeats no number of the
library, and a few pictures to begin with. The scripts of the page itself are
in _extra/try_it. What is up to date is not made again: it takes half a
minute, most of it to load TensorFlow.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import fresh
from tools.front_ends import EXTRA, ROOT, pack

SCRIPTS = ROOT / "_extra"
FOLDER = EXTRA / "try_it"
RUNS = ROOT / "data/runs/cpu"
# The files that what is made here depends on.
SOURCES = (
    RUNS / "densenet-cycles/weights.npz",
    RUNS / "densenet-cycles/run.json",
    RUNS / "densenet-cycles/predictions.csv.gz",
    ROOT / "tools/npm/package-lock.json",
    ROOT / "tools/front_ends.py",
    # Colours, samples, the network's parts: nearly all of it is asked.
    *sorted((ROOT / "densenet_lib").rglob("*.py")),
    Path(__file__),
)
NAME = "cats-vs-dogs"
LAST = "final_relu"

# Drawn animals: kind and seed of each. Not all are answered rightly.
DRAWINGS = (("cat", 2), ("cat", 6), ("dog", 0), ("dog", 7))
DRAWN_SIZE, THUMBNAIL = 256, 112


def main():
    """Make everything anew if something that it depends on has changed."""
    fresh.made(FOLDER, SOURCES, _make)


def _make():
    network = _network()
    images = _probe(network.image_size)[None]
    [answer] = network.answers(images)
    _write_model(network, images)
    _write_samples()
    about = describe(network) | {"probe": answer.logit}
    (FOLDER / "about.json").write_text(json.dumps(about) + "\n", "utf-8")


def describe(network):
    """What the page has to know of the network.

    Args:
        network: a :class:`densenet_lib.pretrained.Pretrained`.

    Returns:
        Plain values, fit for JSON.
    """
    from densenet_lib import features
    from densenet_lib.attribution import maps
    from densenet_lib.figures import style

    model = network.model
    ends = features.block_ends(model)
    [kernel] = model.get_layer("logits").kernel.numpy().T
    return {
        "classes": network.classes,
        "imageSize": network.image_size,
        "zooms": network.run.experiment.zooms,
        "mirror": network.run.experiment.mirror,
        "lastMaps": LAST,
        "lastWeights": kernel.tolist(),
        "blocks": [
            {"maps": end, "sources": features.channel_sources(model, end)}
            for end in ends
        ],
        "record": _record(network.run.predictions),
        "colours": {
            "heat": _colours(maps.HEAT_CMAP),
            "maps": _colours(style.CMAP),
        },
        "luma": maps.LUMA,
        # Of what is loaded first, for a bar that shows how much is there.
        "bytes": {
            path.relative_to(EXTRA).as_posix(): path.stat().st_size
            for path in sorted(EXTRA.glob("*/*.packed"))
        },
    }


def _network():
    import densenet_lib

    return densenet_lib.pretrained(NAME)


def _write_model(network, images):
    """The network as ONNX, with the maps of its blocks beside the logit."""
    from densenet_lib import export, features
    from densenet_lib.errors import expect

    inner = [*features.block_ends(network.model), LAST]
    model = export.with_layers(network.model, inner)
    with tempfile.TemporaryDirectory() as folder:
        path = export.export(model, Path(folder) / "model.onnx")
        difference = export.verify(path, model, images)
        expect(
            difference < 1e-3,
            "the difference of the exported network",
            difference,
            "less than 0.001",
            "Look for what densenet_lib.inference has folded wrongly.",
        )
        pack(path.read_bytes(), FOLDER / path.name)


def _probe(size):
    """A picture that a page can compute, too: is its answer ours?"""
    import numpy as np

    row, column, channel = np.ogrid[:size, :size, :3]
    return ((37 * row + 57 * column + 101 * channel) % 256).astype("uint8")


def _record(predictions):
    """How often answers of each probability were right in the test."""
    import numpy as np

    from densenet_lib import metrics

    right = metrics.predicted(predictions.logits) == predictions.labels
    # As of a class "right", whose logit is the logit's size.
    bins = metrics.calibration(right, np.abs(predictions.logits), bins=20)
    record = []
    for index in np.flatnonzero(bins.counts):
        count = int(bins.counts[index])
        low, high = bins.edges[index : index + 2]
        hits = round(count * float(bins.frequency[index]))
        record.append(
            {
                "from": float(low),
                "to": float(high),
                "answers": count,
                "right": hits,
                "interval": metrics.wilson(hits, count),
            }
        )
    return record


def _colours(name):
    """A colour map as 256 colours, their bytes one after the other."""
    import numpy as np
    from matplotlib import colormaps

    table = colormaps[name](np.arange(256), bytes=True)[:, :3]
    return table.ravel().tolist()


def _write_samples():
    """Pictures to begin with, and small ones that stand for them."""
    import numpy as np
    import skimage
    from PIL import Image

    from densenet_lib.datasets import sketches

    folder = FOLDER / "samples"
    folder.mkdir(exist_ok=True)
    chelsea = Path(skimage.__file__).parent / "data/chelsea.png"
    shutil.copyfile(chelsea, folder / "chelsea.png")
    for kind, seed in DRAWINGS:
        rng = np.random.default_rng(seed)
        image, _ = sketches.draw(kind, rng, DRAWN_SIZE)
        Image.fromarray(image).save(folder / f"{kind}-{seed}.png")
    grey = Image.new("RGB", (DRAWN_SIZE, DRAWN_SIZE), (128, 128, 128))
    grey.save(folder / "grey.png")
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            small = image.convert("RGB").resize((THUMBNAIL, THUMBNAIL))
        small.save(path.with_suffix(".webp"), quality=80)


if __name__ == "__main__":
    main()

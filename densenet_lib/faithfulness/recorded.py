"""What the tables gave, kept as data, and how to measure it anew.

The tables of all methods, networks and images take minutes; so a chapter
reads them from ``data/trust``, and ``densenet-lib trust`` writes them there:

``drawings.json``
    the table of every method on drawings, for one network a seed;
``labels.json``
    how alike the maps of two networks are: of one trained on true and one on
    shuffled labels, and of two trained on true ones from different seeds;
``tag.json``
    networks that were trained with a planted cue, a tag in the background;
``tint.json``
    the same with a cue that has no place, a tint of the whole picture;
``photographs.json``
    the table on photographs, of which no masks are known;
``networks/``
    the weights of the networks that were led astray.

An installed library does not write into itself: there, what is measured goes
to ``trust`` in the cache, and is read before what came with the library.

Each holds the score of every image, the settings, the networks' checksums,
the version of the code and the hardware as it was.
"""

import json
import math
import time
from dataclasses import dataclass, replace

import numpy as np

import densenet_lib
from densenet_lib import (
    attribution,
    datasets,
    experiments,
    hardware,
    resources,
    runs,
    training,
)
from densenet_lib.errors import expect_choice
from densenet_lib.experiments import SEEDS, seeded
from densenet_lib.faithfulness import cue
from densenet_lib.faithfulness.baselines import BASELINES
from densenet_lib.faithfulness.overview import (
    OPTIONS,
    Table,
    named_methods,
    table,
)
from densenet_lib.faithfulness.randomisation import shuffled_labels
from densenet_lib.faithfulness.similarity import spearman

METHODS = tuple(attribution.METHODS)
RUNS = tuple(f"sketch/{seeded('densenet', seed)}" for seed in SEEDS)
PHOTOGRAPHS_RUN = "cpu/densenet-max"
# So few that the network can learn false labels by heart.
FALSE_LABELS = 500


@dataclass(frozen=True)
class Recorded:
    """One file of ``data/trust``.

    Attributes:
        tables: {network: :class:`Table`}, in the order of the seeds. Of the
            cue studies the networks are "1.0/0": share, then seed.
        record: the file's contents as plain values.
    """

    tables: dict[str, Table]
    record: dict

    @property
    def settings(self):
        """With what it was measured."""
        return self.record["settings"]


def load(name):
    """A recorded table.

    Args:
        name: "drawings", "labels", "tag", "tint" or "photographs".

    Returns:
        :class:`Recorded`.

    Raises:
        InputError: no such record.
    """
    expect_choice("the record's name", name, recorded_names())
    record = json.loads(_file(f"{name}.json").read_text("utf-8"))
    tables = {
        network: Table.of(
            {
                method: {
                    metric: np.array(values, "float64")
                    for metric, values in found.items()
                }
                for method, found in entry["scores"].items()
            },
            entry["chances"],
            entry["seconds"],
        )
        for network, entry in record["networks"].items()
    }
    return Recorded(tables, record)


def recorded_names():
    """The names of the files that are there."""
    return _stems("*.json")


def astray(name):
    """A network that was led astray, from its recorded weights.

    Args:
        name: "tag-100-seed0", "tag-90-seed0", "tint-100-seed0" or
            "labels-seed0", and so on for the other seeds.

    Raises:
        InputError: no such network.
    """
    expect_choice("network", name, _stems("networks/*.npz"))
    model = experiments.get("sketch/densenet").build()
    runs.load_weights(model, weights_file(name))
    return model


def weights_file(name):
    """The file of the weights that :func:`astray` reads."""
    return _file(f"networks/{name}.npz")


def record(name, *, source=None, say=print):
    """Measure one of the files anew and write it.

    Networks that were led astray are trained where their weights are
    missing, and then kept.

    Args:
        name: see :func:`load`.
        source: of the photographs; see :func:`datasets.load`.
        say: called with a line when a network is done.

    Returns:
        The path of the file.

    Raises:
        InputError: an unknown name; no photographs, where they are asked
            for; or a folder that cannot be written.
    """
    expect_choice("the record's name", name, MEASURED)
    resources.expect_writable(_own())
    settings, measured = MEASURED[name](source)
    networks, start = {}, time.process_time()
    for network, found in measured:
        networks[network], end = found, time.process_time()
        say(f"{name}, {network}: {end - start:.0f} s of processor time")
        start = end
    return _write(name, settings, networks)


def _write(name, settings, networks):
    contents = {
        "settings": settings,
        "code": densenet_lib.__version__,
        "hardware": hardware.describe(),
        "networks": networks,
    }
    path = _own() / f"{name}.json"
    text = json.dumps(contents, ensure_ascii=False, separators=(",", ":"))
    # A line for each measure of each method: a change can be read.
    resources.write_whole(path, text.replace('],"', '],\n"') + "\n")
    return path


def entry(table, weights, **more):
    """A network's part of a file, as plain values.

    Args:
        table: a :class:`Table`.
        weights: path of the file that holds the network's weights.
        **more: whatever else is to be kept.
    """
    scores = {
        method: {
            metric: [_plain(value) for value in values]
            for metric, values in found.items()
        }
        for method, found in table.scores.items()
    }
    seconds = {
        method: {step: round(each, 1) for step, each in steps.items()}
        for method, steps in table.seconds.items()
    }
    return {
        "weights": resources.checksum(weights),
        **more,
        "seconds": seconds,
        "chances": {k: _plain(v) for k, v in table.chances.items()},
        "scores": scores,
    }


def _plain(value):
    """Four decimals; what is no number becomes null."""
    return None if math.isnan(value) else round(float(value), 4)


def _drawings(source):
    settings = {"images": 100, "recomputed": 25, "steps": 16, "seed": 0}
    return settings | {"options": OPTIONS}, _on_drawings(settings)


def _on_drawings(settings):
    test = datasets.load("sketch").test
    for name in RUNS:
        run = runs.load(name)
        found = table(run.model(), test, METHODS, **settings)
        yield name, entry(found, run.weights)


def _photographs(source):
    # A larger network at four times the pixels: a map costs many times more.
    settings = {"images": 50, "recomputed": 10, "steps": 16, "seed": 0}
    more = {"options": OPTIONS, "parts": []}
    return settings | more, _on_photographs(settings, source)


def _on_photographs(settings, source):
    run = runs.load(PHOTOGRAPHS_RUN)
    test = run.experiment.data(source).test
    found = table(run.model(), test, METHODS, parts=(), **settings)
    yield PHOTOGRAPHS_RUN, entry(found, run.weights)


def _labels(source):
    settings = {"images": 100, "trained on": FALSE_LABELS, "options": OPTIONS}
    return settings, _on_labels(settings["images"])


def _on_labels(images):
    data = datasets.load("sketch")
    honest = {seed: runs.load(name) for seed, name in enumerate(RUNS)}
    for seed, run in honest.items():
        name = f"labels-seed{seed}"
        false = _kept(name, lambda seed=seed: _on_false_labels(data, seed))
        other = honest[(seed + 1) % len(honest)].model()
        others = {"false labels": false, "another seed": other}
        found = alike(run.model(), others, data.test.subset(images))
        train = _by_heart(data, seed)
        right = training.evaluate(false, train) > 0
        yield (
            run.experiment.path,
            entry(
                found, weights_file(name),
                by_heart=float((right == train.labels).mean()),
            ),
        )  # fmt: skip


def alike(model, others, split):
    """How alike a network's maps are to those of other networks.

    Args:
        model: the network, which chooses the classes.
        others: {measure: the other network}.
        split: whose images are looked at.

    Returns:
        A :class:`Table` of rank correlations.
    """
    images = split.images
    targets = (training.logits(model, images) > 0).astype(int)
    scores = {}
    for name, method in {**named_methods(METHODS), **BASELINES}.items():
        maps = method(model, images, targets)
        scores[name] = {
            measure: spearman(maps, method(other, images, targets))
            for measure, other in others.items()
        }
    return Table.of(scores, dict.fromkeys(others, 0.0), {})


def _by_heart(data, seed):
    return shuffled_labels(data.train.subset(FALSE_LABELS), seed)


def _on_false_labels(data, seed):
    """Trained until it has learnt false labels by heart.

    As many steps as on all the drawings, and none of them mirrored: the same
    few come again and again.
    """
    recipe = replace(experiments.SKETCH_RECIPE, seed=seed, augmentation=None)
    model = replace(experiments.get("sketch/densenet"), recipe=recipe).build()
    again = np.resize(np.arange(FALSE_LABELS), len(data.train))
    few = _by_heart(data, seed).subset(again)
    training.fit(model, replace(data, train=few), recipe)
    return model


def _tag(source):
    return _with_cues("tag", (1.0, 0.9, 0.0))


def _tint(source):
    return _with_cues("tint", (1.0, 0.0))


def _with_cues(form, shares):
    settings = {"images": 100, "kind": "dog", "form": form, "options": OPTIONS}
    return settings, _on_cues(form, shares, settings["images"])


def _on_cues(form, shares, images):
    for share in shares:
        for seed in SEEDS:
            model, weights = _with_cue(form, share, seed)
            found = cue.cue_study(
                METHODS, share, seed, form=form, images=images, model=model
            )
            yield (
                f"{share}/{seed}",
                entry(
                    found.table, weights, effect=_plain(found.effect),
                    accuracies=found.accuracies,
                ),
            )  # fmt: skip


def _with_cue(form, share, seed):
    """The network and the file of its weights.

    Without a cue the training is that of the recorded run.
    """
    if share == 0:
        run = runs.load(RUNS[seed])
        return run.model(), run.weights
    name = f"{form}-{round(100 * share)}-seed{seed}"
    model = _kept(name, lambda: cue.train(share, seed, form=form))
    return model, weights_file(name)


def _kept(name, train):
    """The network of that name; trained and written down if it is missing."""
    path = weights_file(name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        runs.save_weights(train(), path)
    return astray(name)


def _carried():
    return resources.data_folder() / "trust"


def _own():
    """The folder that is written."""
    return resources.own(_carried())


def _file(name):
    return resources.find(_carried() / name)


def _stems(pattern):
    """The names of the files that are there, without their suffix."""
    places = _own(), _carried()
    return sorted({path.stem for top in places for path in top.glob(pattern)})


MEASURED = {
    "drawings": _drawings,
    "labels": _labels,
    "tag": _tag,
    "tint": _tint,
    "photographs": _photographs,
}

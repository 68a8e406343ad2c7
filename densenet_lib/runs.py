"""Recorded runs: what a training was, what came out, and the proof of it.

A run is a folder:

``run.json``
    the experiment, the data's and the split's checksums, those of the weights
    it started from or is the mean of, the code's version, the hardware as it
    was, the seconds taken and the final metrics; of a training that was
    interrupted hardware and seconds for each sitting, the hardware of the last
    one also as that of the run;
``history.csv``
    one line an epoch: loss and accuracy, in training and validation; there is
    none of a mean;
``predictions.csv.gz``
    one line a test image: name, label and logit, from which every published
    figure is computed;
``weights.npz``
    the weights, kernels in half precision; of some runs they are not kept
    here. Those stay in the cache of the machine that trained them.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import shutil
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import densenet_lib
from densenet_lib import (
    averaging,
    experiments,
    growing,
    hardware,
    metrics,
    resources,
    training,
)
from densenet_lib.datasets.pipeline import Batches
from densenet_lib.errors import InputError, expect
from densenet_lib.networks import (
    named_weights,
    set_named_weights,
    variable_name,
)
from densenet_lib.progress import Progress, Watched

# A run's own modules: where one of them changes, a run may come out otherwise.
_CODE = (
    "layers.py",
    "lean.py",
    "statistics.py",
    "gradients.py",
    "averaging.py",
    "growing.py",
    "networks.py",
    "optimizers.py",
    "densenet.py",
    "resnet.py",
    "training.py",
    "datasets/on_device.py",
    "datasets/pipeline.py",
)


@dataclass(frozen=True)
class Run:
    """A recorded run, read from its folder when it is asked for something."""

    folder: Path

    @cached_property
    def record(self):
        """The contents of ``run.json``."""
        return json.loads((self.folder / "run.json").read_text())

    @cached_property
    def experiment(self):
        """What was trained, as a :class:`experiments.Experiment`."""
        return experiments.Experiment.from_dict(self.record["experiment"])

    @cached_property
    def lineage(self):
        """The runs that made its weights: :attr:`Experiment.lineage`'s."""
        before = self.experiment.lineage[:-1]
        return (*(load(each.path) for each in before), self)

    @property
    def seconds(self):
        """Of its training and of all in its lineage, one after the other."""
        return sum(run.record["seconds"] for run in self.lineage)

    @property
    def metrics(self):
        """The final figures: validation and test accuracy, test interval."""
        return self.record["metrics"]

    @cached_property
    def history(self):
        """A list of floats, one an epoch, under each measure's name.

        Empty of a run that was not trained but averaged.
        """
        if self.experiment.average:
            return {}
        return training.read_history(self.folder / "history.csv")

    @cached_property
    def predictions(self):
        """The test images' names, labels (n,) and logits (n,)."""
        path = self.folder / "predictions.csv.gz"
        with gzip.open(path, "rt", newline="") as lines:
            rows = list(csv.DictReader(lines))
        return Predictions(
            names=tuple(row["name"] for row in rows),
            labels=np.array([int(row["label"]) for row in rows], np.uint8),
            logits=np.array([float(row["logit"]) for row in rows]),
        )

    def model(self):
        """The trained network, a Keras model from images to logits.

        Raises:
            InputError: the run did not keep its weights.
        """
        self.expect_weights()
        model = self.experiment.build()
        load_weights(model, self.weights)
        return model

    @property
    def weights(self):
        """The file of its weights: in its folder if it keeps them there."""
        if self.experiment.keep_weights:
            return self.folder / "weights.npz"
        return _cached_weights(self.experiment)

    @cached_property
    def weights_checksum(self):
        """Of its weights as they were recorded."""
        recorded = self.record.get("weights")
        return recorded or resources.checksum(self.weights)

    def expect_weights(self):
        """Refuse, with InputError, a run whose weights are not at hand."""
        name, scale = self.experiment.name, self.experiment.scale
        at_hand = self.weights.exists() and (
            resources.checksum(self.weights) == self.weights_checksum
        )
        expect(
            at_hand,
            "run",
            self.experiment.path,
            "one that keeps its weights, as recorded, or was trained here",
            f"Train it anew: densenet-lib train {name} --scale {scale}.",
        )

    def logits(self, model, images):
        """The published way to ask the model: as its experiment says.

        Args:
            model: what :meth:`model` gave.
            images: uint8 (n, height, width, 3).

        Returns:
            float32 (n,): above 0 where the network sees a dog.
        """
        mirror = self.experiment.mirror
        return training.logits(model, images, mirror=mirror)


@dataclass(frozen=True)
class Predictions:
    """What a network said of each test image.

    Attributes:
        names: of the images.
        labels: uint8 (n,): 0 is a cat, 1 a dog.
        logits: float64 (n,): above 0 where the network says dog.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    logits: np.ndarray


def replay_or_train(name, *, scale=None, retrain=None, progress="auto"):
    """The run of an experiment: replayed where recorded, trained where not.

    Args:
        name: of the experiment; see :func:`experiments.get`.
        scale: a name, a Scale, or None for the current one.
        retrain: True trains in any case; None asks the environment variable
            ``DENSENET_RETRAIN``, which says so with a 1.
        progress: see :func:`training.fit`.

    Returns:
        A :class:`Run`, the same object either way.

    Raises:
        InputError: no such experiment, or the recorded run is of another
            configuration than the one asked for.
    """
    experiment = experiments.get(name, scale)
    if retrain is None:
        retrain = os.environ.get("DENSENET_RETRAIN") == "1"
    folder = _recorded(experiment.path)
    if retrain or folder is None:
        return train(experiment, progress=progress)
    run = Run(folder)
    if run.experiment != experiment:
        raise InputError(
            "recorded run",
            experiment.path,
            "the configuration that experiments.py now has",
            "Set DENSENET_RETRAIN=1 to train it anew.",
        )
    return run


def train(experiment, *, data=None, folder=None, progress="auto"):
    """Train an experiment, or average those it names, and record it.

    An interrupted training goes on where it stopped when it is called again:
    its state is kept beside the run until that is complete.

    Args:
        experiment: an :class:`experiments.Experiment`.
        data: a :class:`datasets.Data`; None loads what the scale asks for.
        folder: of the run; None for its place among the runs.
        progress: see :func:`training.fit`.

    Returns:
        The recorded :class:`Run`.

    Raises:
        InputError: the folder holds an unfinished training of another
            configuration; or what the experiment starts from or averages
            is not recorded, has no weights at hand or is another network,
            but for a start that can be grown to this one.
    """
    sources = _sources(experiment)
    if data is None:
        data = experiment.data()
    folder = Path(folder or roots()[0] / experiment.path)
    checkpoint = folder / "unfinished"
    _claim(checkpoint, experiment)
    stopwatch = _Stopwatch(checkpoint / "sittings.json")
    code = code_checksum()
    model = experiment.build(training=True)
    with stopwatch:
        if experiment.average:
            _average(model, sources, data, experiment.recipe, progress)
        else:
            for start in sources:
                _begin(model, experiment, start)
            training.fit(
                model,
                data,
                experiment.recipe,
                checkpoint=checkpoint,
                progress=progress,
            )
    record = {
        "experiment": experiment.to_dict(),
        "data": _identity(data),
        "code": {"version": densenet_lib.__version__, "checksum": code},
        "hardware": hardware.describe(),
        "seconds": stopwatch.seconds,
    }
    if sources:
        record["sources"] = {
            run.experiment.path: resources.checksum(run.weights)
            for run in sources
        }
    if len(stopwatch.sittings) > 1:
        record["sittings"] = stopwatch.sittings
    _write(folder, record, model, data, checkpoint)
    if not experiment.keep_weights:
        cached = _cached_weights(experiment)
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / "weights.npz", cached)
    shutil.rmtree(checkpoint)
    return Run(folder)


def load(path):
    """The recorded run at ``path``, "cpu/densenet" for instance.

    Raises:
        InputError: no run is recorded there.
    """
    folder = _recorded(path)
    if folder is None:
        raise InputError(
            "run",
            path,
            f"one of {', '.join(names()) or 'none recorded'}",
            "Record it with: densenet-lib train NAME --scale SCALE.",
        )
    return Run(folder)


def names():
    """The paths of all recorded runs, in order."""
    found = {
        str(file.parent.relative_to(root))
        for root in roots()
        for file in root.glob("*/*/run.json")
    }
    return sorted(found)


def roots():
    """The folders that hold runs; new ones go to the first.

    ``DENSENET_RUNS`` where it is set; else the checkout's ``data/runs``; in
    an installed library the user's cache, then the runs that came with it.
    """
    chosen = os.environ.get("DENSENET_RUNS")
    if chosen:
        return [Path(chosen)]
    recorded = resources.data_folder() / "runs"
    if resources.is_checkout():
        return [recorded]
    return [resources.cache_folder() / "runs", recorded]


def verify(run, data=None):
    """Compare a run's figures with what its files, and its weights, give.

    Args:
        run: a :class:`Run`.
        data: the :class:`datasets.Data` to evaluate the weights on; None
            checks only that the predictions give the recorded metrics.

    Returns:
        A list of what does not agree, in words; empty where all does.
    """
    faults = []
    said = run.predictions
    computed = summary(said.labels, said.logits)
    for name, value in computed.items():
        recorded = run.metrics["test"][name]
        if not np.allclose(value, recorded, atol=1e-6):
            faults.append(f"{name}: recorded {recorded}, computed {value}")
    kept = run.experiment.keep_weights
    if kept and resources.checksum(run.weights) != run.weights_checksum:
        faults.append("the weights are not those that were recorded")
    recorded = run.record.get("sources", {})
    for source in run.experiment.sources:
        if load(source).weights_checksum != recorded.get(source):
            faults.append(
                f"{run.experiment.path} was made from other weights than "
                f"{source} now has"
            )
    if data is not None:
        if data.checksum != run.record["data"]["checksum"]:
            faults.append("the data are not those of the run")
        logits = run.logits(run.model(), data.test.images)
        worst = float(np.abs(logits - said.logits).max())
        if worst > 1e-2:
            faults.append(f"a logit differs by {worst:.4f}")
        flips = int(((logits > 0) != (said.logits > 0)).sum())
        if flips:
            faults.append(f"{flips} decisions differ")
    return faults


def summary(labels, logits):
    """The figures that a run publishes of its test images.

    Args:
        labels: (n,) of 0 and 1.
        logits: (n,).

    Returns:
        "images", "accuracy" and "interval", the accuracy's 95 % interval.
    """
    correct = int(((logits > 0) == (labels > 0)).sum())
    return {
        "images": len(labels),
        "accuracy": correct / len(labels),
        "interval": list(metrics.wilson(correct, len(labels))),
    }


def save_weights(model, path):
    """Write a model's weights: kernels as float16, vectors as float32.

    A half keeps eleven bits, far more than a decision hangs on. Vectors stay
    whole: they are small, and a variance may leave the range of a half.
    """
    arrays = {
        name: value.astype(np.float16) if value.ndim > 1 else value
        for name, value in named_weights(model).items()
    }
    np.savez_compressed(path, **arrays)


def load_weights(model, path):
    """Give ``model`` the weights that :func:`save_weights` wrote.

    Raises:
        InputError: the file is of another network.
    """
    arrays = _read_weights(path)
    expected = {variable_name(variable) for variable in model.variables}
    if arrays.keys() != expected:
        odd = min(expected.symmetric_difference(arrays))
        raise InputError(
            "weights",
            Path(path).name,
            f"those of {model.name}, but {odd!r} is in only one of them",
            "Build the network with the run's own configuration.",
        )
    set_named_weights(model, arrays)


def _read_weights(path):
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key].astype(np.float32) for key in arrays.files}


def _begin(model, experiment, run):
    """Give ``model`` the run's weights, grown where it is the larger one."""
    smaller = run.experiment.config
    if smaller == experiment.config:
        load_weights(model, run.weights)
        return
    weights = growing.grow(
        _read_weights(run.weights),
        smaller,
        named_weights(model),
        experiment.config,
    )
    set_named_weights(model, weights)


def _cached_weights(experiment):
    """Where a run that does not keep its weights leaves them."""
    return resources.cache_folder() / "weights" / f"{experiment.path}.npz"


def _sources(experiment):
    """The runs whose weights an experiment takes: a list, mostly empty."""
    sources = [load(path) for path in experiment.sources]
    for run in sources:
        run.expect_weights()
        if experiment.start and run.experiment.config != experiment.config:
            growing.expect_growth(run.experiment.config, experiment.config)
            continue
        expect(
            run.experiment.config == experiment.config,
            "source",
            run.experiment.path,
            "a run of the same network",
            "Give both experiments one configuration.",
        )
    return sources


def _average(model, sources, data, recipe, progress):
    """Give ``model`` the mean of the runs' weights, and its own statistics.

    They are counted on images as the recipe's last phase shows them.
    """
    weights = []
    for run in sources:
        load_weights(model, run.weights)
        weights.append(model.get_weights())
    model.set_weights(averaging.blend(weights))
    batches = Batches(
        data.train,
        recipe.batch_size,
        seed=recipe.seed,
        augment=recipe.augmentation,
        size=recipe.phases()[-1][1],
    )
    if not progress:
        averaging.recount(model, batches)
        return
    with Progress("statistics", len(batches), unit="batches") as line:
        averaging.recount(model, Watched(batches, line))


def _claim(checkpoint, experiment):
    """Mark an unfinished training as this experiment's, or refuse it."""
    note = checkpoint / "experiment.json"
    if note.exists():
        expect(
            experiments.Experiment.from_dict(json.loads(note.read_text()))
            == experiment,
            "the unfinished training in",
            str(checkpoint),
            "one of the same configuration",
            "Remove the folder to begin anew.",
        )
    checkpoint.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(experiment.to_dict()))


def _recorded(path):
    for root in roots():
        if (root / path / "run.json").exists():
            return root / path
    return None


def _identity(data):
    """What says which data these were, as plain values."""
    return {
        "name": data.name,
        "image_size": data.image_size,
        "checksum": data.checksum,
        "split_checksum": data.split_checksum,
        "train": len(data.train),
        "validation": len(data.validation),
        "test": len(data.test),
    }


def _write(folder, record, model, data, checkpoint):
    """Write the run's files; ``run.json`` last, for it makes the run valid."""
    save_weights(model, folder / "weights.npz")
    # What is published is what the stored weights say, not those in memory.
    load_weights(model, folder / "weights.npz")
    predictions = {
        part: training.evaluate(
            model, data[part], mirror=record["experiment"]["mirror"]
        )
        for part in ("validation", "test")
    }
    _write_predictions(
        folder / "predictions.csv.gz", data.test, predictions["test"]
    )
    if (checkpoint / "history.csv").exists():
        # With the line ends of other files: Keras writes those of Windows.
        history = (checkpoint / "history.csv").read_text()
        (folder / "history.csv").write_text(history)
    record["weights"] = resources.checksum(folder / "weights.npz")
    record["metrics"] = {
        part: summary(data[part].labels, logits)
        for part, logits in predictions.items()
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (folder / "run.json").write_text(text + "\n")


def _write_predictions(path, split, logits):
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(("name", "label", "logit"))
    for name, label, logit in zip(
        split.names, split.labels, logits, strict=True
    ):
        table.writerow((name, int(label), f"{logit:.5f}"))
    # Without the time of writing: the same answers give the same bytes.
    path.write_bytes(gzip.compress(lines.getvalue().encode(), mtime=0))


def code_checksum():
    """SHA-256 of the modules that a run's result depends on, shortened."""
    digest = hashlib.sha256()
    for name in _CODE:
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()[:16]


class _Stopwatch:
    """Seconds spent and on what, one entry for each sitting, in a file.

    A training that was interrupted may go on elsewhere.
    """

    def __init__(self, path):
        self.path = path
        self.sittings = json.loads(path.read_text()) if path.exists() else []

    @property
    def seconds(self):
        """Of all sittings."""
        return round(sum(each["seconds"] for each in self.sittings), 1)

    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, *error):
        spent = round(time.perf_counter() - self.start, 1)
        self.sittings.append(
            {"seconds": spent, "hardware": hardware.describe()}
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.sittings))

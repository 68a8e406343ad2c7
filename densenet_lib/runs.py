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
    here. Those stay in the cache of the machine that trained them, in a file
    that has their checksum in its name.
"""

import csv
import difflib
import gzip
import hashlib
import io
import json
import os
import shutil
import time
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
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

# The files of a run. Without the first there is none.
_FILES = ("run.json", "history.csv", "predictions.csv.gz", "weights.npz")

# What reading a file can raise that is not what it should be.
_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    csv.Error,
    ArithmeticError,
    KeyError,
    TypeError,
    ValueError,
)

# A run's own modules: where one of them changes, a run may come out otherwise.
_CODE = (
    "layers.py",
    "lean.py",
    "statistics.py",
    "torch_speed.py",
    "gradients.py",
    "averaging.py",
    "growing.py",
    "networks.py",
    "optimizers.py",
    "pictures.py",
    "densenet.py",
    "resnet.py",
    "training.py",
    "views.py",
    "datasets/on_device.py",
    "datasets/pipeline.py",
)


@dataclass(frozen=True)
class Run:
    """A recorded run, read from its folder when it is asked for something."""

    folder: Path

    @cached_property
    def record(self):
        """The contents of ``run.json``.

        Raises:
            InputError: it is not whole.
        """
        return resources.read_json(
            self.folder / "run.json",
            "the record of a run",
            "Fetch it again, or train the network anew.",
        )

    @cached_property
    def experiment(self):
        """What was trained, as a :class:`experiments.Experiment`."""
        return experiments.Experiment.from_dict(self.record["experiment"])

    @cached_property
    def lineage(self):
        """The runs that made its weights: :attr:`Experiment.lineage`'s."""
        before = [
            run
            for source in self.experiment.sources
            for run in load(source).lineage
        ]
        return (*dict.fromkeys(before), self)

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

        Empty of a run that was not trained.
        """
        if not self.experiment.trains:
            return {}
        return training.read_history(self.folder / "history.csv")

    @cached_property
    def predictions(self):
        """The test images' names, labels (n,) and logits (n,)."""
        path = self.folder / "predictions.csv.gz"
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
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
        if self.experiment.asks:
            return load(self.experiment.asks).weights
        recorded = self.record.get("weights", "unknown")
        return _weights_file(self.folder, self.experiment, recorded)

    @cached_property
    def weights_checksum(self):
        """Of its weights as they were recorded; None where none is."""
        if self.experiment.asks:
            return self.record["sources"][self.experiment.asks]
        return self.record.get("weights")

    @property
    def has_weights(self):
        """Whether its weights are at hand, as they were recorded."""
        return self.weights.exists() and (
            resources.checksum(self.weights) == self.weights_checksum
        )

    def expect_weights(self):
        """Refuse, with InputError, a run whose weights are not at hand."""
        name, scale = self.experiment.name, self.experiment.scale
        expect(
            self.has_weights,
            "run",
            self.experiment.path,
            "one that keeps its weights, as recorded, or was trained here",
            f"Train it anew: densenet-lib train {name} --scale {scale} "
            "--with-sources.",
        )

    def logits(self, model, images):
        """The published way to ask the model: as its experiment says.

        Args:
            model: what :meth:`model` gave.
            images: uint8 (n, height, width, 3).

        Returns:
            float32 (n,): above 0 where the network sees a dog.
        """
        zooms, mirror = self.experiment.zooms, self.experiment.mirror
        return training.logits(model, images, zooms=zooms, mirror=mirror)


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

    Before a training, that which it starts from is trained, where the weights
    are not at hand: see :func:`missing`.

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
        for before in missing(experiment):
            train(before, progress=progress)
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


def missing(experiment):
    """What has to be trained before an experiment can be.

    Returns:
        A list of the experiments that it starts from, averages or asks, and
        those that these start from, whose weights are not at hand; in the
        order of their training.
    """
    found = []
    for path in experiment.sources:
        folder = _recorded(path)
        if folder is None or not Run(folder).has_weights:
            before = experiments.get(path)
            found += [*missing(before), before]
    return list(dict.fromkeys(found))


def train(experiment, *, data=None, folder=None, progress="auto"):
    """Train an experiment, or average or ask those it names, and record it.

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
            configuration, on other data or from other weights; or what the
            experiment starts from, averages or asks is not recorded, has no
            weights at hand or is another network, but for a start that can
            be grown to this one.
    """
    sources = _sources(experiment)
    if data is None:
        data = experiment.data()
    # What cannot be built leaves nothing behind.
    model = experiment.build(training=not experiment.asks)
    folder = Path(folder or roots()[0] / experiment.path)
    checkpoint = folder / "unfinished"
    record = {"experiment": experiment.to_dict(), "data": _identity(data)}
    if sources:
        record["sources"] = {
            run.experiment.path: run.weights_checksum for run in sources
        }
    _claim(checkpoint, record)
    record["code"] = {
        "version": densenet_lib.__version__,
        "checksum": code_checksum(),
    }
    with _Stopwatch(checkpoint / "sittings.json") as stopwatch:
        if experiment.average:
            _average(model, sources, data, experiment.recipe, progress)
        elif sources:
            _begin(model, experiment, sources[0])
        if experiment.trains:
            training.fit(
                model,
                data,
                experiment.recipe,
                checkpoint=checkpoint,
                progress=progress,
                callbacks=[stopwatch],
            )
    record["hardware"] = hardware.describe()
    record["seconds"] = stopwatch.seconds
    if len(stopwatch.sittings) > 1:
        record["sittings"] = stopwatch.sittings
    _write(folder, experiment, record, model, data, checkpoint)
    shutil.rmtree(checkpoint)
    return Run(folder)


def load(path):
    """The recorded run at ``path``.

    Args:
        path: among the runs, as "cpu/densenet"; or a run's folder, wherever
            it is.

    Raises:
        InputError: no run is recorded there.
    """
    folder, place = _recorded(path), Path(path).expanduser()
    if folder is None and path and (place / "run.json").is_file():
        folder = place
    if folder is None:
        recorded = names()
        alike = difflib.get_close_matches(str(path), recorded, 3, cutoff=0)
        raise InputError(
            "run",
            str(path),
            f"one of {len(recorded)} recorded, such as {', '.join(alike)}"
            if recorded
            else "a recorded one, of which there is none",
            "The others: densenet-lib runs list. To record one: densenet-lib "
            "train NAME --scale SCALE.",
        )
    return Run(folder)


def names():
    """The paths of all recorded runs, in order."""
    found = {
        file.parent.relative_to(root).as_posix()
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
    part = "record"
    try:
        published = run.metrics["test"]
        part = "predictions"
        said = run.predictions
        computed = summary(said.labels, said.logits)
    except _UNREADABLE as error:
        return [f"the {part} cannot be read ({error})"]
    faults = []
    for name, value in computed.items():
        recorded = published.get(name, np.nan)
        if not np.allclose(value, recorded, atol=1e-6):
            faults.append(f"{name}: recorded {recorded}, computed {value}")
    of_weights = _faults_of_weights(run)
    faults += of_weights
    recorded = run.record.get("sources", {})
    for source in run.experiment.sources:
        if load(source).weights_checksum != recorded.get(source):
            faults.append(
                f"{run.experiment.path} was made from other weights than "
                f"{source} now has"
            )
    if data is not None and not of_weights:
        faults += _faults_of_answers(run, data)
    return faults


def _faults_of_weights(run):
    """What is wrong with the file of a run that keeps its weights."""
    if run.experiment.asks or not run.experiment.keep_weights:
        return []
    if not run.weights.exists():
        return ["the weights are missing"]
    if resources.checksum(run.weights) != run.weights_checksum:
        return ["the weights are not those that were recorded"]
    return []


def _faults_of_answers(run, data):
    """What differs when the weights are asked about the test images."""
    said, faults = run.predictions, []
    if data.checksum != run.record["data"]["checksum"]:
        faults.append("the data are not those of the run")
    if tuple(data.test.names) != said.names:
        # An answer to one image says nothing of that to another.
        return [*faults, "the test images are not those of the run"]
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
        InputError: the file is of another network, or not whole.
    """
    arrays = _read_weights(path)
    expected = {
        variable_name(variable): tuple(variable.shape)
        for variable in model.weights
    }
    remedy = "Build the network with the run's own configuration."
    if arrays.keys() != expected.keys():
        odd = min(expected.keys() ^ arrays.keys())
        raise InputError(
            "weights",
            Path(path).name,
            f"those of {model.name}, but {odd!r} is in only one of them",
            remedy,
        )
    for name, shape in expected.items():
        expect(
            arrays[name].shape == shape,
            "weights",
            Path(path).name,
            f"those of {model.name}, whose {name!r} is {shape} and not "
            f"{arrays[name].shape}",
            remedy,
        )
    set_named_weights(model, arrays)


def _read_weights(path):
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {
                key: arrays[key].astype(np.float32) for key in arrays.files
            }
    except _UNREADABLE as error:
        raise InputError(
            "weights",
            str(path),
            f"a whole file of weights ({error})",
            "Fetch it again, or train the network anew.",
        ) from error


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


def _weights_file(folder, experiment, checksum):
    """Where a run's weights lie: in its folder, if it keeps them there.

    The cache serves runs in many folders. The checksum tells theirs apart.
    """
    if experiment.keep_weights:
        return folder / "weights.npz"
    name = f"{experiment.path}-{checksum}.npz"
    return resources.cache_folder() / "weights" / name


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


def _claim(checkpoint, record):
    """Mark an unfinished training as this one, or refuse another's.

    Args:
        checkpoint: folder of its state.
        record: what decides the training: experiment, data, sources.
    """
    note = checkpoint / "experiment.json"
    text = json.dumps(record, indent=1, ensure_ascii=False)
    if not note.exists():
        resources.write_whole(note, text + "\n")
        return
    claimed, ours = json.loads(note.read_text("utf-8")), json.loads(text)
    others = [
        part
        for part in ("experiment", "data", "sources")
        if claimed.get(part) != ours.get(part)
    ]
    expect(
        not others,
        "the unfinished training in",
        str(checkpoint),
        f"one of the same {' and '.join(others)}",
        "Remove the folder to begin anew.",
    )


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


def _write(folder, experiment, record, model, data, checkpoint):
    """Write the run's files; ``run.json`` last, for it makes the run valid."""
    if not experiment.asks:
        stored = checkpoint / "weights.npz"
        save_weights(model, stored)
        # What is published is what the stored weights say, not those in
        # memory, and in the precision in which they are asked.
        model = experiment.build()
        load_weights(model, stored)
        record["weights"] = resources.checksum(stored)
    predictions = {
        part: training.evaluate(
            model,
            data[part],
            zooms=experiment.zooms,
            mirror=experiment.mirror,
        )
        for part in ("validation", "test")
    }
    record["metrics"] = {
        part: summary(data[part].labels, logits)
        for part, logits in predictions.items()
    }
    # A run that lay here ends before its first file is another's.
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
    if not experiment.asks:
        resources.write_whole(
            _weights_file(folder, experiment, record["weights"]),
            stored.read_bytes(),
        )
    resources.write_whole(
        folder / "predictions.csv.gz",
        _table_of_predictions(data.test, predictions["test"]),
    )
    if (checkpoint / "history.csv").exists():
        # With the line ends of other files: Keras writes those of Windows,
        # and there twice.
        lines = (checkpoint / "history.csv").read_text("utf-8").splitlines()
        history = "".join(f"{line}\n" for line in lines if line)
        resources.write_whole(folder / "history.csv", history)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    resources.write_whole(folder / "run.json", text + "\n")


def _table_of_predictions(split, logits):
    """A line an image, compressed: the bytes of ``predictions.csv.gz``."""
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(("name", "label", "logit"))
    for name, label, logit in zip(
        split.names, split.labels, logits, strict=True
    ):
        table.writerow((name, int(label), f"{logit:.5f}"))
    # Without the time of writing: the same answers give the same bytes.
    return gzip.compress(lines.getvalue().encode(), mtime=0)


def code_checksum():
    """SHA-256 of the modules that a run's result depends on, shortened."""
    digest = hashlib.sha256()
    for name in _CODE:
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()[:16]


class _Stopwatch(keras.callbacks.Callback):
    """Seconds spent and on what, one entry for each sitting, in a file.

    A training that was interrupted may go on elsewhere. An entry is there
    from the beginning and is brought up to date after each epoch, so that a
    sitting counts that nobody ended.
    """

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.sittings = json.loads(path.read_text()) if path.exists() else []

    @property
    def seconds(self):
        """Of all sittings."""
        return round(sum(each["seconds"] for each in self.sittings), 1)

    def __enter__(self):
        self.start = time.perf_counter()
        self.sittings.append({"seconds": 0.0, "hardware": hardware.describe()})
        self._note()
        return self

    def __exit__(self, *error):
        self._note()

    def on_epoch_end(self, epoch, logs=None):
        self._note()

    def _note(self):
        spent = round(time.perf_counter() - self.start, 1)
        self.sittings[-1]["seconds"] = spent
        resources.write_whole(self.path, json.dumps(self.sittings))

"""From a recipe to a trained network: optimiser, schedule, fit, resume."""

import csv
import sys
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np

from densenet_lib import torch_speed
from densenet_lib.datasets.on_device import Augmented
from densenet_lib.datasets.pipeline import PLACES, Augmentation, Batches
from densenet_lib.errors import expect, expect_choice
from densenet_lib.hardware import has_gpu
from densenet_lib.networks import is_count, under_policy
from densenet_lib.optimizers import CoupledSGD, Muon
from densenet_lib.progress import is_watched, wanted
from densenet_lib.views import WHOLE, views

SCHEDULES = ("cosine", "step")
PRECISIONS = (None, False, True, "bfloat16")

# More masks of dropout than one layer draws in an epoch.
_MASKS = 2**20

# The state after so many epochs, in a file of that name.
_STATE = "epoch{:05}.weights.h5"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training, apart from network and data.

    Attributes:
        epochs: passes through the training images.
        batch_size: images a step.
        learning_rate: the highest; the schedule scales it.
        schedule: "cosine" (Loshchilov and Hutter 2017) or "step" (the
            paper's: divided by 10 after 50 % and 75 % of the epochs).
        warmup_epochs: linear rise from zero before the cosine begins; 0 where
            the schedule is "step".
        momentum: of Nesterov's method, below 1; 0 for none.
        weight_decay: coupled, on every trainable variable.
        kernel_rate: None trains the kernels of the convolutions as all else.
            A number trains them by Muon, with this as the highest rate: the
            share of its length by which a step turns a kernel, or less where
            a kernel reads fewer numbers than it writes. They are not
            decayed then, and momentum must not be 0.
        label_smoothing: share of each label that is spread over the classes
            (Szegedy et al. 2016).
        augmentation: what is done to a training image, or None.
        augment_on: "host", ahead of the step, or "device", inside it, which
            a GPU fed by few cores needs. The images are the same but for
            rounding.
        sizes: progressive resizing: pairs (share, side), in order; until that
            share of the epochs, images are shown at that side, in pixels, and
            after the last, if it is not 1, at their own. Validation follows;
            what is tested has its own side. Empty for that throughout.
        memory: of a DenseNet while it trains, see
            :func:`densenet_lib.densenet.densenet`.
        mixed_precision: True for float16 arithmetic with float32 weights;
            "bfloat16" for arithmetic of that type, in which some processors
            multiply far faster; None for float16 where there is a GPU, and
            float32 elsewhere.
        seed: of initialisation, order and augmentation, below 2 ** 32.

    Raises:
        InputError: a value outside its range.

    Source: section 4.2 of the paper for batch size 64, rate 0.1, momentum
    0.9 and decay 1e-4.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.1
    schedule: str = "cosine"
    warmup_epochs: float = 0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    kernel_rate: float | None = None
    label_smoothing: float = 0.0
    augmentation: Augmentation | None = None
    augment_on: str = "host"
    sizes: tuple[tuple[float, int], ...] = ()
    memory: str = "naive"
    mixed_precision: bool | str | None = None
    seed: int = 0

    def __post_init__(self):
        sizes = tuple((share, side) for share, side in self.sizes)
        object.__setattr__(self, "sizes", sizes)
        expect_choice("augment_on", self.augment_on, PLACES)
        expect(
            any(self.mixed_precision is each for each in PRECISIONS[:-1])
            or self.mixed_precision == PRECISIONS[-1],
            "mixed_precision",
            self.mixed_precision,
            f"one of {', '.join(map(repr, PRECISIONS))}",
            "None leaves it to the device.",
        )
        self._check_counts()
        self._check_optimiser()
        self._check_schedule()
        self._check_sizes()

    def _check_counts(self):
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            expect(
                is_count(value),
                name,
                value,
                "a positive whole number",
                "Give at least 1.",
            )
        expect(
            isinstance(self.seed, int) and 0 <= self.seed < 2**32,
            "seed",
            self.seed,
            "a whole number of at least 0 and below 2 ** 32",
            "Generators of random numbers take no other.",
        )

    def _check_optimiser(self):
        for name in ("learning_rate", "weight_decay"):
            value = getattr(self, name)
            expect(
                0 <= value < 100,
                name,
                value,
                "a number that is not negative",
                "The paper has 0.1 and 1e-4.",
            )
        expect(
            0 <= self.momentum < 1,
            "momentum",
            self.momentum,
            "a number of at least 0 and below 1",
            "The paper has 0.9.",
        )
        expect(
            self.kernel_rate is None or 0 < self.kernel_rate < 1,
            "kernel_rate",
            self.kernel_rate,
            "a number between 0 and 1, or None",
            "A kernel that turns by 0.05 of its length a step turns fast.",
        )
        for name, why in (
            ("learning_rate", "Both follow one schedule."),
            ("momentum", "Muon steps along the kernels' momentum."),
        ):
            value = getattr(self, name)
            expect(
                self.kernel_rate is None or value > 0,
                name,
                value,
                "more than 0, where there is a kernel_rate",
                why,
            )
        expect(
            0 <= self.label_smoothing < 1,
            "label_smoothing",
            self.label_smoothing,
            "a share of at least 0 and below 1",
            "0.1 is common.",
        )

    def _check_schedule(self):
        expect_choice("schedule", self.schedule, SCHEDULES)
        expect(
            0 <= self.warmup_epochs < self.epochs,
            "warmup_epochs",
            self.warmup_epochs,
            f"at least 0 and fewer than the {self.epochs} epochs",
            "A tenth of the epochs is plenty.",
        )
        expect(
            self.schedule == "cosine" or not self.warmup_epochs,
            "warmup_epochs",
            self.warmup_epochs,
            f"0, where the schedule is {self.schedule!r}",
            "Only the cosine has a warm-up.",
        )

    def _check_sizes(self):
        shares = [0, *(share for share, _ in self.sizes)]
        expect(
            all(a < b <= 1 for a, b in pairwise(shares))
            and all(
                isinstance(side, int) and side > 0 for _, side in self.sizes
            ),
            "sizes",
            self.sizes,
            "pairs (share of the epochs, side in pixels), the shares rising "
            "from above 0 to at most 1",
            "((0.5, 64),) shows 64 pixels for half of the epochs.",
        )

    def phases(self):
        """[(epoch to stop before, side in pixels or None)], in order.

        Where epochs are few, a size may get none of them. It is left out.
        """
        ends = [
            (round(share * self.epochs), side) for share, side in self.sizes
        ]
        ends.append((self.epochs, None))
        begins = [0, *(end for end, _ in ends)]
        return [
            phase
            for begin, phase in zip(begins, ends, strict=False)
            if phase[0] > begin
        ]

    def to_dict(self):
        """The fields as plain values, fit for JSON."""
        return asdict(self) | {"sizes": [list(pair) for pair in self.sizes]}

    @classmethod
    def from_dict(cls, fields):
        """The recipe that :meth:`to_dict` wrote."""
        augmentation = fields["augmentation"]
        if augmentation is not None:
            augmentation = Augmentation.from_dict(augmentation)
        return cls(**fields | {"augmentation": augmentation})


def learning_rates(recipe, steps_per_epoch):
    """The recipe's schedule, as Keras' function of the step."""
    total = recipe.epochs * steps_per_epoch
    highest = float(recipe.learning_rate)  # of a 1, Keras makes integers
    if recipe.schedule == "step":
        rates = [highest * share for share in (1, 0.1, 0.01)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(
            [total // 2, total * 3 // 4], rates
        )
    # However few the steps, one is left for the cosine.
    warmup = min(round(recipe.warmup_epochs * steps_per_epoch), total - 1)
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(highest, total)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        total - warmup,
        warmup_target=highest,
        warmup_steps=warmup,
    )


def optimizer(recipe, steps_per_epoch):
    """The recipe's optimiser: SGD, or Muon for the kernels beside it."""
    options = {
        "learning_rate": learning_rates(recipe, steps_per_epoch),
        "momentum": float(recipe.momentum),  # Keras takes no integer
        "nesterov": True,
        "coupled_decay": recipe.weight_decay,
    }
    if recipe.kernel_rate is None:
        return CoupledSGD(**options)
    share = recipe.kernel_rate / recipe.learning_rate
    return Muon(kernel_share=share, **options)


def precision(recipe, *, training=True):
    """Build a network inside of this to give it the recipe's precision.

    What is not to be trained does without bfloat16, whose eight bits are too
    few for an answer.
    """
    mixed = recipe.mixed_precision
    if mixed == "bfloat16":
        return under_policy("mixed_bfloat16" if training else "float32")
    if mixed is None:
        mixed = has_gpu()
    return under_policy("mixed_float16" if mixed else "float32")


def fit(
    model, data, recipe, *, checkpoint=None, progress="auto", callbacks=()
):
    """Train ``model`` on ``data.train`` and follow it on ``data.validation``.

    Args:
        model: a Keras model from images (batch, height, width, 3) of 0 to 255
            to one logit (batch, 1).
        data: a :class:`densenet_lib.datasets.Data`.
        recipe: a :class:`Recipe`.
        checkpoint: folder for the state after each epoch, or None. Where it
            holds the state of an interrupted training, that one goes on; its
            result is the same as if it had not been interrupted.
        progress: True, False, or "auto": a line on standard error unless
            ``DENSENET_PROGRESS`` is 0.
        callbacks: of Keras, to be called after the state has been kept.

    Returns:
        History: a list of floats, one an epoch, under each of "loss",
        "accuracy", "val_loss" and "val_accuracy".
    """
    steps = -(-len(data.train) // recipe.batch_size)
    trained = Augmented(model) if recipe.augment_on == "device" else model
    compile_for(trained, recipe, steps)
    histories, begin, ours = [], 0, []
    if checkpoint is not None:
        begin = _restore(trained, Path(checkpoint))
        ours += _keep_state(Path(checkpoint))
    if wanted() if progress == "auto" else progress:
        ours.append(_Progress(recipe.epochs, steps))
    for end, size in recipe.phases():
        if end <= begin:
            continue  # done before an interruption
        train, validation = _batches(data, recipe, size)
        with torch_speed.direct():
            result = trained.fit(
                train,
                initial_epoch=begin,
                epochs=end,
                validation_data=validation,
                callbacks=[_FollowEpoch(train), *ours, *callbacks],
                shuffle=False,  # Batches' own order can be resumed
                verbose=0,
            )
        histories.append(result.history)
        begin = end
    if checkpoint is None:
        return {
            name: [float(value) for part in histories for value in part[name]]
            for name in histories[0]
        }
    return read_history(Path(checkpoint) / "history.csv")


def compile_for(model, recipe, steps_per_epoch):
    """Give ``model`` the loss, the optimiser and the metric of ``recipe``."""
    model.compile(
        optimizer=optimizer(recipe, steps_per_epoch),
        loss=keras.losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        # The network gives logits: the decision falls at 0, not at 0.5.
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
        # On a CPU, XLA makes a DenseNet's step slower on TensorFlow. JAX has
        # no other way: without, it runs operation by operation.
        jit_compile=(
            "auto" if has_gpu() or keras.backend.backend() == "jax" else False
        ),
    )


def evaluate(model, split, *, zooms=WHOLE, mirror=False, batch_size=256):
    """The logits that ``model`` gives to the images of ``split``.

    Args:
        model: from images to one logit.
        split: a :class:`densenet_lib.datasets.Split`.
        zooms: the shares of the image that the model is shown, one after
            the other; see :func:`densenet_lib.views.views`.
        mirror: True shows it the mirror image of each as well.
        batch_size: images to run at a time.

    Returns:
        float32 (n,): above 0 where the network sees a dog. Of several views,
        the mean of their logits.
    """
    return logits(
        model, split.images, zooms=zooms, mirror=mirror, batch_size=batch_size
    )


def logits(model, images, *, zooms=WHOLE, mirror=False, batch_size=256):
    """The same for images that are not a split's: an array (n, h, w, 3)."""
    if not len(images):
        return np.empty(0, np.float32)
    with torch_speed.direct():
        answers = [
            model.predict(seen, batch_size=batch_size, verbose=0)[:, 0]
            for seen in views(images, zooms=zooms, mirror=mirror)
        ]
    return np.mean(answers, axis=0)


def _batches(data, recipe, size):
    """What a phase trains on and what follows it, with images of ``size``."""
    own = data.train.images.shape[1]
    train = Batches(
        data.train,
        recipe.batch_size,
        seed=recipe.seed,
        augment=recipe.augmentation,
        augment_on=recipe.augment_on,
        size=size,
    )
    validation = Batches(
        data.validation,
        recipe.batch_size,
        shuffle=False,
        # Nothing to augment: a byte a number, unless they are resized.
        augment_on="device" if size in (None, own) else "host",
        size=size,
    )
    return train, validation


def _keep_state(folder):
    folder.mkdir(parents=True, exist_ok=True)
    # History first: a line too many does no harm, a missing one would.
    return [
        keras.callbacks.CSVLogger(folder / "history.csv", append=True),
        _KeepState(folder),
    ]


class _KeepState(keras.callbacks.Callback):
    """After each epoch, the weights and the optimiser's state, in a file.

    Its name says how many epochs are done. It gets that name when it is
    whole, and only then is the one before removed: there is a whole state
    whenever a training is killed. (``keras.callbacks.BackupAndRestore``
    overwrites the one it has, and keeps the number in another file.)
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        part = self.folder / "part.weights.h5"
        self.model.save_weights(part)
        part.replace(self.folder / _STATE.format(epoch + 1))
        for older in _states(self.folder)[:-1]:
            older.unlink()


def _restore(model, folder):
    """Give ``model`` the newest state that is kept, if there is one.

    Returns:
        The number of epochs that are done.
    """
    states = _states(folder)
    done = int(states[-1].name[len("epoch") :].split(".")[0]) if states else 0
    _cut_history(folder / "history.csv", done)
    if not done:
        return 0
    # What is built has variables to be given values.
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    model.load_weights(states[-1])
    return done


def _cut_history(path, epochs):
    """Leave the lines of the first so many epochs, and those that are whole.

    The last one may have been cut short; what is appended would go on in it.
    """
    if not path.exists():
        return
    header, *lines = path.read_text("utf-8").splitlines() or [""]
    if not header:
        path.unlink()
        return
    whole = [
        line
        for line in lines
        if line.count(",") == header.count(",")
        and int(line.split(",")[0]) < epochs
    ]
    path.write_text("".join(f"{line}\n" for line in (header, *whole)))


def _states(folder):
    """The files of :class:`_KeepState`, the newest last."""
    return sorted(folder.glob("epoch*.weights.h5"))


def read_history(path):
    """The columns of a history file; of an epoch done twice, the last."""
    with open(path, newline="") as lines:
        rows = {int(row.pop("epoch")): row for row in csv.DictReader(lines)}
    names = next(iter(rows.values()))
    return {
        name: [float(rows[epoch][name]) for epoch in sorted(rows)]
        for name in names
    }


class _FollowEpoch(keras.callbacks.Callback):
    """Tell what is drawn by chance the epoch: a resumed one is not the first.

    That is the batches, and the masks of dropout. Keras does not keep the
    states of the latter's generators: pairs of a seed and a count, that each
    use raises by one.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch
        for variable in self.model.variables:
            if variable.name == "seed_generator_state":
                seed = keras.ops.convert_to_numpy(variable)[0]
                variable.assign([seed, epoch * _MASKS])


class _Progress(keras.callbacks.Callback):
    """One line an epoch on standard error; where watched, it moves."""

    def __init__(self, epochs, steps):
        super().__init__()
        self.epochs, self.steps, self.epoch = epochs, steps, 0
        self.moves = is_watched()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if self.moves and batch % 10 == 0:
            self._say(f"step {batch + 1}/{self.steps}", logs)

    def on_epoch_end(self, epoch, logs=None):
        self._say("done", logs, end="\n")

    def _say(self, where, logs, end=""):
        values = "  ".join(f"{k} {v:.4f}" for k, v in (logs or {}).items())
        line = f"epoch {self.epoch}/{self.epochs}  {where}  {values}"
        # A log is no place to go back to the beginning of a line.
        line = f"\r{line:<78}" if self.moves else line
        print(line, end=end, file=sys.stderr, flush=True)

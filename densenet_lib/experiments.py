"""The trainings that the book publishes: which network, by which recipe.

A chapter names an experiment and a scale; sizes and recipes stand here only.
"""

import difflib
from dataclasses import dataclass, replace

import keras
import numpy as np

from densenet_lib import budget, datasets, scales, views
from densenet_lib.datasets.pipeline import Augmentation
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError, expect
from densenet_lib.networks import is_count
from densenet_lib.resnet import ResNetConfig, matching_resnet, resnet
from densenet_lib.training import Recipe, precision

FAMILIES = {
    "densenet": (DenseNetConfig, densenet),
    "resnet": (ResNetConfig, resnet),
}


@dataclass(frozen=True)
class Experiment:
    """One training: a network, a recipe and a scale, under a name.

    Attributes:
        name: as a chapter asks for it, "densenet" for instance.
        scale: name of the :class:`densenet_lib.scales.Scale`.
        family: "densenet" or "resnet".
        config: the family's configuration record.
        recipe: a :class:`densenet_lib.training.Recipe`.
        image_size: side of the images, in pixels; None for the scale's own.
        images: how many training images are used, half of them cats; None
            for all. They are repeated until an epoch is as long as with all,
            so that a training on few is not a short one.
        mirror: True if its answer is the mean of the logits that the network
            gives to an image and to its mirror image.
        zooms: which shares of the image's side the network is shown, 1 the
            whole image and less the middle of it; of several, its answer is
            the mean of the logits. See :mod:`densenet_lib.views`.
        start: path of the experiment with whose trained weights it begins,
            "cpu/densenet" for instance, of this network or of a smaller one
            (see :mod:`densenet_lib.growing`); None for weights drawn by
            chance.
        average: paths of the experiments of whose trained weights it is the
            mean, in the place of a training. Its recipe then says on which
            images batch normalisation counts its statistics, once through.
        asks: path of the experiment whose trained network it asks in a way
            of its own, by ``image_size``, ``mirror`` and ``zooms``. It trains
            nothing, and has no weights beside those.
        keep_weights: whether its recorded run keeps the weights; else they
            stay in the cache of the machine that trained it.
    """

    name: str
    scale: str
    family: str
    config: DenseNetConfig | ResNetConfig
    recipe: Recipe
    image_size: int | None = None
    images: int | None = None
    mirror: bool = False
    zooms: tuple[float, ...] = views.WHOLE
    start: str | None = None
    average: tuple[str, ...] = ()
    asks: str | None = None
    keep_weights: bool = True

    def __post_init__(self):
        given = [
            name
            for name in ("start", "average", "asks")
            if getattr(self, name)
        ]
        expect(
            len(given) < 2,
            "where the weights come from",
            " and ".join(given),
            "only one of start, average and asks",
            "Make an experiment of each.",
        )
        expect(
            self.images is None
            or (is_count(self.images) and self.images % 2 == 0),
            "images",
            self.images,
            "None or a positive even number, half of them of cats",
            "None trains on all.",
        )
        own = scales.get(self.scale).image_size
        if self.image_size is None:
            object.__setattr__(self, "image_size", own)

    @property
    def path(self):
        """Where the run is kept, relative to the runs: "cpu/densenet"."""
        return f"{self.scale}/{self.name}"

    @property
    def sources(self):
        """Paths of the experiments whose weights it takes."""
        one = self.start or self.asks
        return (one,) if one else self.average

    @property
    def trains(self):
        """False of a mean, and of another way to ask a trained network."""
        return not (self.average or self.asks)

    @property
    def passes(self):
        """Through the network, for an answer: one for each view."""
        return len(self.zooms) * (2 if self.mirror else 1)

    @property
    def lineage(self):
        """The experiments that its weights come from, each once, in order.

        A tuple, the first training first and this experiment last; of most,
        it alone.
        """
        before = [each for path in self.sources for each in get(path).lineage]
        return (*dict.fromkeys(before), self)

    def but(self, **changes):
        """The same experiment with some fields of its recipe changed."""
        return replace(self, recipe=replace(self.recipe, **changes))

    def data(self, source=None):
        """What it trains on and is measured by.

        Args:
            source: of the photographs; see :func:`datasets.load`.

        Raises:
            InputError: of :func:`datasets.load`; or fewer images are there
                than it trains on.
        """
        data = datasets.load(
            self.scale, source=source, image_size=self.image_size
        )
        if self.images is None:
            return data
        expect(
            self.images <= len(data.train),
            "images",
            self.images,
            f"at most the {len(data.train)} that there are to train on",
            "None trains on all.",
        )
        few = np.resize(np.arange(self.images), len(data.train))
        return replace(data, train=data.train.subset(few))

    def multiply_adds(self, images):
        """Of its whole training on so many images an epoch.

        A step costs about three times the forward pass: forward, back to the
        activations, back to the weights. Counting statistics is a forward
        pass. What it starts from is paid for, too.
        """
        return sum(each._own_multiply_adds(images) for each in self.lineage)

    def _own_multiply_adds(self, images):
        if self.asks:
            return 0
        total, begin = 0, 0
        for end, side in self.recipe.phases():
            shape = (side or self.image_size,) * 2 + (3,)
            cost = budget.closed_form(
                self.config, input_shape=shape, classes=1
            )
            total += cost.multiply_adds * images * (end - begin)
            begin = end
        return total if self.average else 3 * total

    def build(self, *, training=False, any_side=False):
        """The network, with the initial weights that the seed gives.

        Args:
            training: True builds it as its recipe trains it: with that
                memory, and open to images of any side if they change.
                bfloat16 is for training alone.
            any_side: True opens it to images of any side.
        """
        any_side = any_side or (training and self.recipe.sizes)
        side = None if any_side else self.image_size
        options = {}
        if training and self.family == "densenet":
            options["memory"] = self.recipe.memory
        keras.utils.set_random_seed(self.recipe.seed)
        with precision(self.recipe, training=training):
            return FAMILIES[self.family][1](
                self.config,
                input_shape=(side, side, 3),
                classes=1,
                rescale=True,
                name=self.name,
                **options,
            )

    def to_dict(self):
        """The fields as plain values, fit for JSON."""
        return {
            "name": self.name,
            "scale": self.scale,
            "family": self.family,
            "config": self.config.to_dict(),
            "recipe": self.recipe.to_dict(),
            "image_size": self.image_size,
            "images": self.images,
            "mirror": self.mirror,
            "zooms": list(self.zooms),
            "start": self.start,
            "average": list(self.average),
            "asks": self.asks,
            "keep_weights": self.keep_weights,
        }

    @classmethod
    def from_dict(cls, fields):
        """The experiment that :meth:`to_dict` wrote."""
        config = FAMILIES[fields["family"]][0](**fields["config"])
        recipe = Recipe.from_dict(fields["recipe"])
        several = {
            name: tuple(fields[name])
            for name in ("zooms", "average")
            if name in fields
        }
        return cls(**fields | {"config": config, "recipe": recipe} | several)


SKETCH_NET = DenseNetConfig((2, 3, 3), 8, stem="light")
# The pooling of the stem comes early: the same arithmetic buys twice the side.
CPU_NET = DenseNetConfig((2, 4, 8, 8), 24)
GPU_NET = DenseNetConfig((6, 12, 24, 16), 24)

SKETCH_RECIPE = Recipe(
    epochs=16,
    batch_size=32,
    learning_rate=0.1,
    warmup_epochs=1,
    augmentation=Augmentation(flip=True),
)
# From where that ended, at a tenth of the rate and twice: see BRANCH_RECIPE.
SKETCH_BRANCH_RECIPE = replace(
    SKETCH_RECIPE, epochs=6, learning_rate=0.05, warmup_epochs=0.5
)
# Small images first: an epoch at 64 pixels costs less than half of one at 96,
# and what is learned there carries over (Tan and Le 2021). The network is
# asked at 128, for zooming in has made the animals of training look larger
# than life (Touvron et al. 2019).
CPU_RECIPE = Recipe(
    epochs=16,
    learning_rate=0.1,
    warmup_epochs=1,
    weight_decay=5e-4,
    label_smoothing=0.05,
    augmentation=Augmentation(
        flip=True,
        scale=(0.6, 1.0),
        stretch=0.15,
        brightness=0.1,
        contrast=0.1,
        saturation=0.1,
    ),
    sizes=((0.375, 64), (0.6875, 80), (1.0, 96)),
    memory="shared",
)
# The kernels by Muon, to which an epoch teaches more; so it may cost more, and
# the images may grow further. The rate: of 0.015 and 0.05 in three epochs at
# 48 pixels neither was better.
MUON_RECIPE = replace(
    CPU_RECIPE,
    epochs=20,
    kernel_rate=0.03,
    sizes=((0.4, 64), (0.8, 96), (1.0, 128)),
)
# And once more, from where that ended: a warm restart (Loshchilov and Hutter
# 2017), on larger images. The rate sets out at 0.4 of its height; a cosine
# over the epochs of both would stand at 0.3 by then.
RESTART_RECIPE = replace(
    MUON_RECIPE,
    epochs=12,
    learning_rate=0.04,
    kernel_rate=0.012,
    warmup_epochs=0.25,
    sizes=((0.7, 128), (1.0, 160)),
)
# Several trainings that branch off from there, each by its own seed; what they
# learn is averaged. The photographs are cropped further, for by now those of
# training are answered better than those of validation.
BRANCH_RECIPE = replace(
    RESTART_RECIPE,
    epochs=9,
    learning_rate=0.02,
    kernel_rate=0.006,
    augmentation=replace(
        RESTART_RECIPE.augmentation, scale=(0.5, 1.0), stretch=0.2
    ),
)
# The share of the side that their mean is shown of each image, besides the
# whole: what is usual of ImageNet, 224 of 256.
MIDDLE = 0.875
# A larger network that begins as their mean: further layers in the last two
# blocks, where a layer costs little arithmetic and most of the weights are.
GROWN_BLOCKS = (2, 4, 14, 10)
GROWN_RECIPE = replace(
    BRANCH_RECIPE,
    epochs=11,
    learning_rate=0.03,
    kernel_rate=0.01,
    warmup_epochs=0.5,
    sizes=((0.64, 128), (1.0, 160)),
)
# The larger one once more, at the branches' gentler rate and on still larger
# images: our guess is that by the rate above it had not used its room.
FURTHER_RECIPE = replace(
    GROWN_RECIPE,
    learning_rate=0.02,
    kernel_rate=0.006,
    sizes=((0.55, 160), (1.0, 192)),
)
# And once more, the images larger again. The arithmetic is bfloat16's, which
# some processors do several times as fast.
AGAIN_RECIPE = replace(
    FURTHER_RECIPE,
    sizes=((0.7, 192), (1.0, 224)),
    memory="naive",
    mixed_precision="bfloat16",
)
GPU_RECIPE = replace(
    MUON_RECIPE,
    epochs=30,
    batch_size=128,
    augment_on="device",
    sizes=((0.4, 96), (1.0, 128)),
    memory="linear",
)


def _as_resnet(config, by, side=64):
    """The ResNet of the same depth and nearest budget."""
    shape = (side, side, 3)
    return matching_resnet(config, by=by, input_shape=shape, classes=1)


def _table(*experiments):
    return {experiment.path: experiment for experiment in experiments}


# DenseNet beside two ResNets, from three seeds each: one training of each
# would not tell a better network from a luckier start.
SKETCH_NETS = {
    "densenet": ("densenet", SKETCH_NET),
    "resnet": ("resnet", _as_resnet(SKETCH_NET, "parameters")),
    "resnet-equal-multiply-adds": (
        "resnet",
        _as_resnet(SKETCH_NET, "multiply_adds"),
    ),
}
# Without bottleneck and compression: the kind of network whose reuse of
# features the paper shows.
SKETCH_NEITHER = replace(SKETCH_NET, bottleneck=None, theta=1.0)
SEEDS = (0, 1, 2)


def seeded(name, seed):
    """The name of an experiment's repetition; seed 0 is the experiment."""
    return f"{name}-seed{seed}" if seed else name


# By how many seeds a training branches off.
BRANCHES = (0, 1)


def _branches(scale, config, recipe, *, start, keep_weights=True, **options):
    """Trainings that branch off from one network, and the mean of them.

    ``keep_weights`` is of the branches; the mean keeps its own.
    """
    branches = [
        Experiment(
            seeded("densenet-branch", seed),
            scale,
            "densenet",
            config,
            replace(recipe, seed=seed),
            start=start,
            keep_weights=keep_weights,
            **options,
        )
        for seed in BRANCHES
    ]
    return (*branches, _mean("densenet-soup", *branches, keep_weights=True))


def _mean(name, *experiments, **changes):
    """The mean of what experiments trained, and what else is to be changed.

    Its statistics are counted on images as the last of them saw them last.
    """
    last = experiments[-1]
    side = last.recipe.phases()[-1][1]
    recipe = replace(
        last.recipe,
        epochs=1,
        warmup_epochs=0,
        sizes=((1.0, side),) if side else (),
        memory="naive",
        mixed_precision=None,
        seed=experiments[0].recipe.seed,
    )
    return replace(
        last,
        name=name,
        recipe=recipe,
        start=None,
        average=tuple(one.path for one in experiments),
        **changes,
    )


# The study: one network, small enough to be trained dozens of times, and what
# differs from it in one thing. A name tells the difference.
STUDY_NET = DenseNetConfig((1, 3, 5), 8, stem="light", stem_filters=24)
STUDY_RECIPE = Recipe(
    epochs=5,
    batch_size=128,
    learning_rate=0.4,
    warmup_epochs=0.5,
    weight_decay=5e-4,
    augmentation=Augmentation(flip=True, scale=(0.75, 1.0)),
)
STUDY_SIZE = 32
STUDY_KERNEL_RATE = 0.04
_SLOW = {"learning_rate": STUDY_RECIPE.learning_rate / 10}
STUDY = {
    "base": {},
    **{f"k{k}": {"growth_rate": k} for k in (4, 12, 24, 32)},
    "b": {"theta": 1.0},
    "c": {"bottleneck": None},
    "neither": {"bottleneck": None, "theta": 1.0},
    "max": {"pooling": "max"},
    "average-bare": {"augmentation": None},
    "max-bare": {"pooling": "max", "augmentation": None},
    "post-activation": {"order": "post-activation"},
    "no-norm": {"order": "no-norm"},
    "no-norm-slow": {"order": "no-norm"} | _SLOW,
    "base-slow": _SLOW,
    # Of either optimiser the rate that was chosen, half and twice of it.
    "base-half": {"learning_rate": STUDY_RECIPE.learning_rate / 2},
    "base-twice": {"learning_rate": STUDY_RECIPE.learning_rate * 2},
    "muon": {"kernel_rate": STUDY_KERNEL_RATE},
    "muon-half": {"kernel_rate": STUDY_KERNEL_RATE / 2},
    "muon-twice": {"kernel_rate": STUDY_KERNEL_RATE * 2},
    "steps": {"schedule": "step", "warmup_epochs": 0},
    # More epochs for the same multiply-adds.
    "growing": {"epochs": 7, "sizes": ((2 / 7, 20), (4 / 7, 24), (1.0, 32))},
    "resnet-parameters": {"resnet": "parameters"},
    "resnet-multiply-adds": {"resnet": "multiply_adds"},
    # In as many epochs as took the DenseNet's time on the machine on which
    # both were recorded; the runs hold the seconds.
    "resnet-time": {"resnet": "parameters", "epochs": 9},
    **{f"images{n}": {"images": n} for n in (500, 2000, 8000)},
}


# Whose weights chapter 9 looks into, one training of each.
_KEEPS_WEIGHTS = ("base", "b", "c", "neither", "max", "post-activation")


def _study(name, seed):
    """One training of the study: the base with that name's changes."""
    changes = STUDY[name] | {"seed": seed}
    config = _changed(STUDY_NET, changes)
    by = changes.get("resnet")
    return Experiment(
        seeded(f"study-{name}", seed),
        "cpu",
        "resnet" if by else "densenet",
        _as_resnet(config, by, STUDY_SIZE) if by else config,
        _changed(STUDY_RECIPE, changes),
        image_size=STUDY_SIZE,
        images=changes.get("images"),
        keep_weights=seed == 0 and name in _KEEPS_WEIGHTS,
    )


def _changed(record, changes):
    """The record with those of the changes that are fields of it."""
    own = changes.keys() & record.__dataclass_fields__.keys()
    return replace(record, **{field: changes[field] for field in own})


CPU_BRANCHES = _branches(
    "cpu",
    replace(CPU_NET, pooling="max"),
    BRANCH_RECIPE,
    start="cpu/densenet-muon-restart",
    image_size=192,
    mirror=True,
    keep_weights=False,
)
CPU_MEAN = CPU_BRANCHES[-1]
CPU_GROWN = replace(
    CPU_MEAN,
    name="densenet-grown",
    config=replace(CPU_MEAN.config, blocks=GROWN_BLOCKS),
    recipe=GROWN_RECIPE,
    average=(),
    start=CPU_MEAN.path,
    keep_weights=False,
)
CPU_FURTHER = replace(
    CPU_GROWN,
    name="densenet-further",
    recipe=FURTHER_RECIPE,
    image_size=224,
    zooms=(1.0, MIDDLE),
    start=CPU_GROWN.path,
)
CPU_AGAIN = replace(
    CPU_FURTHER,
    name="densenet-again",
    recipe=AGAIN_RECIPE,
    image_size=256,
    zooms=(MIDDLE,),
    start=CPU_FURTHER.path,
)
# Both have come to rest, each at the end of a cosine, and are about as good:
# between them it should be better (Izmailov et al. 2018, section 3.1).
CPU_CYCLES = _mean(
    "densenet-cycles",
    CPU_FURTHER,
    CPU_AGAIN,
    zooms=(1.0, MIDDLE),
    keep_weights=True,
)

EXPERIMENTS = _table(
    *(_study(name, seed) for seed in SEEDS for name in STUDY),
    *(
        Experiment(
            seeded("densenet", seed),
            "cpu",
            "densenet",
            CPU_NET,
            replace(CPU_RECIPE, seed=seed),
            mirror=True,
            keep_weights=seed == 0,
        )
        for seed in SEEDS
    ),
    # The change that costs nothing, and of which the study speaks well.
    Experiment(
        "densenet-max",
        "cpu",
        "densenet",
        replace(CPU_NET, pooling="max"),
        CPU_RECIPE,
        mirror=True,
    ),
    Experiment(
        "densenet-muon",
        "cpu",
        "densenet",
        replace(CPU_NET, pooling="max"),
        MUON_RECIPE,
        image_size=160,
        mirror=True,
        keep_weights=False,
    ),
    Experiment(
        "densenet-muon-restart",
        "cpu",
        "densenet",
        replace(CPU_NET, pooling="max"),
        RESTART_RECIPE,
        image_size=192,
        mirror=True,
        start="cpu/densenet-muon",
    ),
    *CPU_BRANCHES,
    # The mean, asked twice.
    replace(
        CPU_MEAN,
        name="densenet-views",
        zooms=(1.0, MIDDLE),
        average=(),
        asks=CPU_MEAN.path,
        keep_weights=False,
    ),
    CPU_GROWN,
    CPU_FURTHER,
    # And that one, asked about the middle alone.
    replace(
        CPU_FURTHER,
        name="densenet-middle",
        zooms=(MIDDLE,),
        start=None,
        asks=CPU_FURTHER.path,
        keep_weights=False,
    ),
    CPU_AGAIN,
    CPU_CYCLES,
    Experiment("densenet", "gpu", "densenet", GPU_NET, GPU_RECIPE),
    *(
        Experiment(
            seeded(name, seed),
            "sketch",
            family,
            config,
            replace(SKETCH_RECIPE, seed=seed),
            # Of the largest one's repetitions, only the answers are asked.
            keep_weights=name != "resnet-equal-multiply-adds" or seed == 0,
        )
        for name, (family, config) in SKETCH_NETS.items()
        for seed in SEEDS
    ),
    *_branches(
        "sketch", SKETCH_NET, SKETCH_BRANCH_RECIPE, start="sketch/densenet"
    ),
    *(
        Experiment(
            seeded("densenet-neither", seed),
            "sketch",
            "densenet",
            SKETCH_NEITHER,
            replace(SKETCH_RECIPE, seed=seed),
        )
        for seed in SEEDS[:2]
    ),
)


def get(name, scale=None):
    """The experiment of that name at a scale.

    Args:
        name: "densenet" for the one at ``scale``, or "cpu/densenet" in full.
        scale: a name, a Scale, or None for the current one.

    Raises:
        InputError: no such experiment.
    """
    path = name if "/" in name else f"{scales.get(scale).name}/{name}"
    if path not in EXPERIMENTS:
        alike = difflib.get_close_matches(path, EXPERIMENTS, 3, cutoff=0)
        raise InputError(
            "experiment",
            path,
            f"one of {len(EXPERIMENTS)} names, such as {', '.join(alike)}",
            "Choose one of experiments.EXPERIMENTS, or add it there.",
        )
    return EXPERIMENTS[path]

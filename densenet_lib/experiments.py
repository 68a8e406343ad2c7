"""The trainings that the book publishes: which network, by which recipe.

A chapter names an experiment and a scale; sizes and recipes stand here only.
"""

from dataclasses import dataclass, replace

import keras

from densenet_lib import scales
from densenet_lib.datasets.pipeline import Augmentation
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError
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
    """

    name: str
    scale: str
    family: str
    config: DenseNetConfig | ResNetConfig
    recipe: Recipe

    @property
    def path(self):
        """Where the run is kept, relative to the runs: "cpu/densenet"."""
        return f"{self.scale}/{self.name}"

    @property
    def image_size(self):
        """Side of the images, in pixels."""
        return scales.SCALES[self.scale].image_size

    def but(self, **changes):
        """The same experiment with some fields of its recipe changed."""
        return replace(self, recipe=replace(self.recipe, **changes))

    def build(self):
        """The network, with the initial weights that the seed gives."""
        keras.utils.set_random_seed(self.recipe.seed)
        with precision(self.recipe):
            return FAMILIES[self.family][1](
                self.config,
                input_shape=(self.image_size, self.image_size, 3),
                classes=1,
                rescale=True,
                name=self.name,
            )

    def to_dict(self):
        """The fields as plain values, fit for JSON."""
        return {
            "name": self.name,
            "scale": self.scale,
            "family": self.family,
            "config": self.config.to_dict(),
            "recipe": self.recipe.to_dict(),
        }

    @classmethod
    def from_dict(cls, fields):
        """The experiment that :meth:`to_dict` wrote."""
        config = FAMILIES[fields["family"]][0](**fields["config"])
        recipe = Recipe.from_dict(fields["recipe"])
        return cls(**fields | {"config": config, "recipe": recipe})


SKETCH_NET = DenseNetConfig((2, 3, 3), 8, stem="light")
CPU_NET = DenseNetConfig((1, 4, 8, 8), 16, stem="light", stem_filters=24)
GPU_NET = DenseNetConfig((6, 12, 24, 16), 24)

SKETCH_RECIPE = Recipe(
    epochs=16,
    batch_size=32,
    learning_rate=0.1,
    warmup_epochs=1,
    augmentation=Augmentation(flip=True),
)
CPU_RECIPE = Recipe(
    epochs=24,
    learning_rate=0.1,
    warmup_epochs=1,
    weight_decay=5e-4,
    label_smoothing=0.05,
    augmentation=Augmentation(
        flip=True,
        scale=(0.75, 1.0),
        stretch=0.1,
        brightness=0.1,
        contrast=0.1,
        saturation=0.1,
    ),
)
GPU_RECIPE = replace(
    CPU_RECIPE,
    epochs=30,
    batch_size=128,
    augmentation=replace(CPU_RECIPE.augmentation, scale=(0.6, 1.0)),
    augment_on="device",
)


def _as_resnet(config, by):
    """The ResNet of the same depth and nearest budget, at 64 pixels."""
    return matching_resnet(config, by=by, input_shape=(64, 64, 3), classes=1)


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
SEEDS = (0, 1, 2)


def seeded(name, seed):
    """The name of an experiment's repetition; seed 0 is the experiment."""
    return f"{name}-seed{seed}" if seed else name


EXPERIMENTS = _table(
    Experiment("densenet", "cpu", "densenet", CPU_NET, CPU_RECIPE),
    Experiment("densenet", "gpu", "densenet", GPU_NET, GPU_RECIPE),
    *(
        Experiment(
            seeded(name, seed),
            "sketch",
            family,
            config,
            replace(SKETCH_RECIPE, seed=seed),
        )
        for name, (family, config) in SKETCH_NETS.items()
        for seed in SEEDS
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
        raise InputError(
            "experiment",
            path,
            f"one of {', '.join(EXPERIMENTS)}",
            "Choose one of them, or add it to experiments.py.",
        )
    return EXPERIMENTS[path]

"""Builds a Keras network and runs steps of it, on any back end."""

import keras
import numpy as np

from benchmarks import nets, remat
from densenet_lib import densenet as family
from densenet_lib import layers, training


def _ours(memory):
    def build(net):
        return family.densenet(
            net.config,
            input_shape=net.input_shape,
            classes=nets.CLASSES,
            memory=memory,
        )

    return build


def _folded(net):
    from densenet_lib.inference import optimize_for_inference

    return optimize_for_inference(_ours("linear")(net))


def _applications(net):
    # Only its DenseNet-121 is among our networks.
    return keras.applications.DenseNet121(
        weights=None,
        input_shape=net.input_shape,
        classes=nets.CLASSES,
        classifier_activation=None,
    )


family.MEMORIES["remat"] = (remat.dense_block, layers.transition)

NETWORKS = {
    "naive": _ours("naive"),
    "shared": _ours("shared"),
    "linear": _ours("linear"),
    "remat": _ours("remat"),
    "folded": _folded,
    "applications": _applications,
}


class Engine:
    """One Keras network, ready to train and to infer.

    Args:
        network: a name from ``NETWORKS``.
        gpu: True for mixed precision.
    """

    packages = ("keras", keras.backend.backend())
    # With oneDNN, its allocator for the CPU gives nothing back.
    keeps_memory = keras.backend.backend() == "tensorflow"

    def __init__(self, network, gpu):
        self._build = NETWORKS[network]
        self._recipe = training.Recipe(
            epochs=1, learning_rate=0.01, mixed_precision=gpu
        )
        self.model = None

    def build(self, net):
        """Build the network for ``net``, a :class:`benchmarks.nets.Net`."""
        self.model = None
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        self._shape = net.input_shape
        with training.precision(self._recipe):
            self.model = self._build(net)

    def load(self, batch):
        """Take images of noise, and a training step not yet traced."""
        self.feed(batch)
        training.compile_for(self.model, self._recipe, steps_per_epoch=1000)

    def feed(self, batch):
        """Take images of noise."""
        rng = np.random.default_rng(0)
        shape = (batch, *self._shape)
        self._images = rng.normal(size=shape).astype("float32")
        self._labels = rng.integers(0, 2, (batch, 1)).astype("float32")

    def train(self):
        """Forward, backward, update; returns when all is done."""
        self.model.train_on_batch(self._images, self._labels)
        # The loss may be there before the update is: the first kernel is
        # the last that a backward pass comes to.
        keras.ops.convert_to_numpy(self.model.trainable_variables[0].value)

    def infer(self):
        """The logits of the batch, as an array."""
        return self.model.predict_on_batch(self._images)

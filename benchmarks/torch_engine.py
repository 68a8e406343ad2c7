"""Builds the PyTorch network and runs steps of it."""

import numpy as np
import torch

from benchmarks import nets, torch_densenet
from densenet_lib import hardware
from densenet_lib.training import Recipe

FORMATS = {
    "channels_first": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


class Engine:
    """One PyTorch network, ready to train and to infer.

    Args:
        network: the layout of its feature maps, a key of ``FORMATS``.
        gpu: True for a GPU and mixed precision.
    """

    packages = ("torch",)
    keeps_memory = False

    def __init__(self, network, gpu):
        self._format = FORMATS[network]
        self._device = "cuda" if gpu else "cpu"
        if not gpu:
            torch.set_num_threads(hardware.cores())
        self._mixed = torch.autocast(
            self._device, dtype=torch.float16, enabled=gpu
        )
        self._scaler = torch.amp.GradScaler(self._device, enabled=gpu)

    def build(self, net):
        """Build the network for ``net``, a :class:`benchmarks.nets.Net`."""
        torch.manual_seed(0)
        self._shape = net.input_shape
        self.model = torch_densenet.densenet(net.config, classes=nets.CLASSES)
        self.model.to(self._device, memory_format=self._format)

    def load(self, batch):
        """Take images of noise, and a new optimiser."""
        self.feed(batch)
        recipe = Recipe(epochs=1, learning_rate=0.01)
        self._optimizer = torch.optim.SGD(
            self.model.parameters(),
            recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=True,
            weight_decay=recipe.weight_decay,
        )
        self._loss = torch.nn.BCEWithLogitsLoss()

    def feed(self, batch):
        """Take images of noise."""
        rng = np.random.default_rng(0)
        height, width, channels = self._shape
        images = rng.normal(size=(batch, channels, height, width))
        self._images = torch.tensor(images, dtype=torch.float32).contiguous(
            memory_format=self._format
        )
        labels = rng.integers(0, 2, (batch, 1))
        self._labels = torch.tensor(labels, dtype=torch.float32)

    def train(self):
        """Forward, backward, update; returns when all is done."""
        self.model.train()
        self._optimizer.zero_grad(set_to_none=True)
        with self._mixed:
            logits = self.model(self._images.to(self._device))
            loss = self._loss(logits, self._labels.to(self._device))
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        loss.item()
        next(self.model.parameters()).detach().cpu()

    def infer(self):
        """The logits of the batch, as an array."""
        self.model.eval()
        with torch.inference_mode(), self._mixed:
            return self.model(self._images.to(self._device)).cpu().numpy()

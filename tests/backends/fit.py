"""Run by test_fit.py, under the back end that KERAS_BACKEND names.

    python fit.py FOLDER WAY

Trains a small network from FOLDER/first.weights.h5 (which it makes where it
is missing), by the recipe with the changes of WAY, and writes its history and
its answers to FOLDER/BACKEND.json: as trained, and with its statistics counted
anew.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import keras

from densenet_lib import averaging, training
from densenet_lib.datasets.pipeline import Augmentation, Batches
from densenet_lib.densenet import DenseNetConfig, densenet
from tests.brightness import brightness

RECIPE = training.Recipe(
    epochs=2,
    batch_size=8,
    learning_rate=0.02,
    label_smoothing=0.1,
    augmentation=Augmentation(flip=True, scale=(0.8, 1.0)),
    mixed_precision=False,
)
WAYS = {
    "host": {"augment_on": "host"},
    "device": {"augment_on": "device"},
    "muon": {"kernel_rate": 0.05},
}


def main(folder, way):
    """Train and write down how it went."""
    folder = Path(folder)
    data = brightness(32)
    keras.utils.set_random_seed(0)
    model = densenet(
        DenseNetConfig((2, 2), 4, stem="light"),
        input_shape=(32, 32, 3),
        classes=1,
        rescale=True,
    )
    first = folder / "first.weights.h5"
    if not first.exists():
        model.save_weights(first)
    model.load_weights(first)
    backend = keras.backend.backend()
    history = training.fit(
        model,
        data,
        replace(RECIPE, **WAYS[way]),
        checkpoint=folder / backend,
        progress=False,
    )
    history["logits"] = training.evaluate(model, data.test).tolist()
    averaging.recount(model, Batches(data.train, RECIPE.batch_size))
    history["recounted"] = training.evaluate(model, data.test).tolist()
    (folder / f"{backend}.json").write_text(json.dumps(history))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Run by test_backends.py, under the back end that KERAS_BACKEND names.

    python logits.py NAME FOLDER

Loads FOLDER/NAME.weights.h5, as TensorFlow wrote them, into our network NAME
and writes its outputs for FOLDER/image.npy to FOLDER/NAME-BACKEND.npz.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from densenet_lib.densenet import CONFIGS, densenet
from densenet_lib.keras_applications import load_weights


def main(name, folder):
    folder = Path(folder)
    image = np.load(folder / "image.npy")
    model = densenet(name, input_shape=image.shape[1:])
    load_weights(model, folder / f"{name}.weights.h5")
    ends = [
        f"block{block}_layer{layers:02d}_concat"
        for block, layers in enumerate(CONFIGS[name].blocks, start=1)
    ] + ["logits"]
    outputs = [model.get_layer(end).output for end in ends]
    results = keras.Model(model.input, outputs).predict_on_batch(image)
    path = folder / f"{name}-{keras.backend.backend()}.npz"
    np.savez(path, **dict(zip(ends, results, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])

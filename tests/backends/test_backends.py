"""The witness of test_keras_applications.py on JAX and on PyTorch.

TensorFlow makes the reference here; the others load its weights.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from densenet_lib.keras_applications import their_name
from tests.witnesses import stir

APPLICATIONS = {
    "densenet121": keras.applications.DenseNet121,
    "densenet169": keras.applications.DenseNet169,
    "densenet201": keras.applications.DenseNet201,
}
SHAPE = (67, 64, 3)


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """Folder of an image and, by name, keras.applications' network."""
    folder = tmp_path_factory.mktemp("reference")
    rng = np.random.default_rng(1)
    image = rng.normal(size=(1, *SHAPE)).astype("float32")
    np.save(folder / "image.npy", image)
    networks = {}

    def network(name):
        if name not in networks:
            keras.utils.set_random_seed(0)
            networks[name] = stir(
                APPLICATIONS[name](
                    weights=None,
                    input_shape=SHAPE,
                    classifier_activation=None,
                )
            )
            networks[name].save_weights(folder / f"{name}.weights.h5")
        return networks[name], image

    return folder, network


@pytest.mark.parametrize("name", APPLICATIONS)
def test_outputs_agree_with_tensorflows_keras_applications(
    run, backend, reference, name
):
    folder, network = reference
    theirs, image = network(name)
    process = run(Path(__file__).with_name("logits.py"), name, folder)
    assert process.returncode == 0, process.stderr[-2000:]
    ours = np.load(folder / f"{name}-{backend}.npz")
    ends = [theirs.get_layer(their_name(end)).output for end in ours]
    expected = keras.Model(theirs.input, ends)(image)
    for end, other in zip(ours, expected, strict=True):
        difference = np.abs(ours[end] - np.asarray(other)).max()
        print(f"{backend} {name} {end}: {difference:.1e}")
        assert difference < 1e-4, end

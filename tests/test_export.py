"""densenet_lib.export: the same network in three other formats."""

import importlib.util
import sys

import keras
import numpy as np
import pytest
from keras import layers

from densenet_lib import export, features
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError

CONFIG = DenseNetConfig((1, 1), 4, stem="light")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), "uint8")

needs_onnx = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("tf2onnx", "onnxruntime"))),
    reason="the packages for ONNX are not installed",
)


@pytest.fixture(scope="module")
def model():
    return densenet(CONFIG, input_shape=(32, 32, 3), classes=2, rescale=True)


@pytest.fixture(
    scope="module",
    params=[
        "savedmodel",
        "network.tflite",
        pytest.param("network.onnx", marks=needs_onnx),
    ],
)
def exported(request, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "new"
    return export.export(model, folder / request.param)


def test_the_outputs_are_those_of_the_model(exported, model):
    assert export.verify(exported, model, IMAGES) < 1e-5


def test_a_batch_has_any_size(exported, model):
    run = export.load(exported)
    one, three = run(IMAGES[:1]), run(IMAGES)
    assert one.shape == (1, 2) and three.shape == (3, 2)
    np.testing.assert_allclose(one, three[:1], atol=1e-5)


def test_an_artefact_takes_at_least_the_bytes_of_its_weights(exported, model):
    weights = 4 * model.count_params()
    assert 0.8 * weights < export.size(exported) < 10 * weights + 500_000


def test_verify_sees_another_network(exported, model):
    other = keras.models.clone_model(model)
    other.set_weights([weight + 0.1 for weight in model.get_weights()])
    assert export.verify(exported, other, IMAGES) > 1e-2


def test_without_folding_the_normalisations_are_exported(model, tmp_path):
    import tensorflow as tf

    def normalisations(**options):
        path = export.export(model, tmp_path / "network", **options)
        names = [weight.name for weight in tf.saved_model.load(path).variables]
        return sum("moving_mean" in name for name in names)

    assert normalisations(optimize=False) == 6
    assert normalisations() == 0


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("network.h5", {}, "suffix of path is '.h5'"),
        ("network", {"format": "keras"}, "format is 'keras'"),
    ],
)
def test_an_unknown_format_is_refused(name, options, words, model, tmp_path):
    with pytest.raises(InputError, match=words):
        export.export(model, tmp_path / name, **options)


def test_a_folder_below_a_file_is_refused(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        export.export(model, tmp_path / "file" / "network.onnx")


def test_a_format_that_is_named_needs_no_suffix(model, tmp_path):
    named = {"format": "litert"}
    path = export.export(model, tmp_path / "network.bin", **named)
    assert export.verify(path, model, IMAGES, **named) < 1e-5


def test_two_inputs_are_refused(tmp_path):
    inputs = keras.Input((2,)), keras.Input((2,))
    model = keras.Model(inputs, layers.Add()(inputs))
    with pytest.raises(InputError, match="inputs is 2; expected one"):
        export.export(model, tmp_path / "network")


def test_outputs_without_names_are_refused(tmp_path):
    image = keras.Input((2,))
    model = keras.Model(image, [image, layers.ReLU()(image)])
    with pytest.raises(InputError, match="outputs is 2; expected one, or"):
        export.export(model, tmp_path / "network")
    with pytest.raises(InputError, match="outputs is 2; expected one"):
        export.with_layers(model, [])


@pytest.fixture(scope="module")
def outspoken(model):
    """The network with the maps of its blocks and of its last ReLU."""
    names = [*features.block_ends(model), "final_relu"]
    return export.with_layers(model, names)


def test_layers_put_out_what_they_do_in_the_network(model, outspoken):
    outputs = outspoken(IMAGES.astype("float32"))
    inner = list(outputs)[1:]
    maps = features.feature_maps(model, IMAGES, inner)
    assert list(outputs) == ["logits", *maps]
    for name in inner:
        np.testing.assert_allclose(outputs[name], maps[name], atol=1e-5)


def test_an_unknown_layer_is_refused(model):
    with pytest.raises(InputError, match="layer is 'block9'"):
        export.with_layers(model, ["block9"])


@pytest.mark.parametrize(
    "name",
    [
        "savedmodel",
        "network.tflite",
        pytest.param("network.onnx", marks=needs_onnx),
    ],
)
def test_several_outputs_keep_their_names(name, outspoken, tmp_path):
    path = export.export(outspoken, tmp_path / name)
    assert set(export.load(path)(IMAGES)) == set(outspoken.output)
    assert export.verify(path, outspoken, IMAGES) < 1e-4


def test_what_was_not_exported_cannot_be_loaded(tmp_path):
    with pytest.raises(InputError, match="nothing.onnx"):
        export.load(tmp_path / "nothing.onnx")


def test_a_missing_package_is_named_with_its_remedy(tmp_path, monkeypatch):
    (tmp_path / "network.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"onnxruntime.*densenet-lib\[export"):
        export.load(tmp_path / "network.onnx")


class Own(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    "strange", [Own(name="own"), keras.Sequential(name="own")]
)
def test_a_model_without_a_graph_is_refused(strange, tmp_path):
    for optimize in (True, False):
        with pytest.raises(InputError, match="model is 'own'; expected a fun"):
            export.export(strange, tmp_path / "network", optimize=optimize)


@pytest.mark.parametrize("format", ["savedmodel", "litert"])
def test_what_is_in_the_way_is_wrong_input(model, tmp_path, format):
    path = tmp_path / "taken"
    if format == "savedmodel":
        path.write_text("a file")
    else:
        path.mkdir()
    with pytest.raises(InputError, match="taken'; expected one that can be"):
        export.export(model, path, format=format)


def test_a_folder_of_other_things_is_left_as_it_is(model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="a new or an empty folder"):
        export.export(model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_path_without_a_name_is_refused(model):
    with pytest.raises(InputError, match="path is ''"):
        export.export(model, "")


def test_litert_runs_without_a_word(model, tmp_path, capfd):
    path = export.export(model, tmp_path / "network.tflite")
    export.verify(path, model, IMAGES)
    said = capfd.readouterr()
    assert said.out + said.err == ""

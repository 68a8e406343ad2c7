"""Take a network out of Keras: SavedModel, ONNX, LiteRT.

Whatever the format, the exported network has one input, float32 (batch,
height, width, channels) under the name that the Keras model gives it, and a
batch of any size. It needs nothing of this library to run. What layers inside
it put out can be exported with it, see :func:`with_layers`.

ONNX needs packages that the library does not: ``pip install
densenet-lib[export]``. LiteRT can run with TensorFlow's own interpreter, but
its small runtime, which the same command installs, is what a device has.
"""

import os
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import ops

from densenet_lib.errors import InputError, expect, expect_choice
from densenet_lib.inference import expect_graph, optimize_for_inference
from densenet_lib.quiet import without_greeting

# The suffix of each format; a SavedModel is a folder.
FORMATS = {"savedmodel": "", "onnx": ".onnx", "litert": ".tflite"}


def export(model, path, *, format=None, optimize=True):
    """Write a network in a format that others can run.

    Args:
        model: a ``keras.Model`` with one input, and one output or a
            dictionary of several, which keep their names.
        path: of the folder, for a SavedModel, or of the file. Folders on the
            way are made. A file, or an earlier SavedModel, is overwritten; a
            folder that holds anything else is not.
        format: "savedmodel", "onnx" or "litert"; None goes by the suffix:
            none, ``.onnx`` or ``.tflite``.
        optimize: True folds first what
            :func:`densenet_lib.inference.optimize_for_inference` can fold.

    Returns:
        The ``Path``.

    Raises:
        InputError: an unknown format or suffix, a path that cannot be
            written, a missing package, or a model that cannot be exported.
    """
    expect(
        os.fspath(path), "path", path, "that of a file or folder", "Name it."
    )
    path = Path(path)
    format = _format(path, format)
    _expect_exportable(model)
    if format == "savedmodel":
        with _writing(path):
            _expect_no_loss(path)
    if optimize:
        model = optimize_for_inference(model)
    with (
        _optional_packages(),
        _writing(path),
        warnings.catch_warnings(),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Keras asks NumPy for names that NumPy has announced to change.
        warnings.simplefilter("ignore", FutureWarning)
        _WRITERS[format](model, path)
    return path


def load(path, *, format=None):
    """An exported network as a function, run by the format's own runtime.

    Args:
        path: of what :func:`export` wrote.
        format: as it was given there.

    Returns:
        A function from images, an array (N, height, width, channels), to the
        output, an array (N, ...) of float32; where there are several, to
        {name: array}. It uses all cores.

    Raises:
        InputError: nothing there, an unknown suffix or a missing package.
    """
    path = Path(path)
    format = _format(path, format)
    expect(
        path.exists(), "path", str(path), "an exported network", "Export it."
    )
    with _optional_packages():
        run = _READERS[format](path)
    return lambda images: run(np.asarray(images, "float32"))


def verify(path, model, images, *, format=None):
    """How far an exported network is from the Keras model.

    Args:
        path: of what :func:`export` wrote.
        model: the ``keras.Model`` that it was made of.
        images: array (N, height, width, channels), as the model reads them.
        format: as it was given to :func:`export`.

    Returns:
        The greatest absolute difference of their outputs, of all if there
        are several.

    Raises:
        InputError: as :func:`load`.
    """
    images = np.asarray(images, "float32")
    expected = _by_name(model(images, training=False))
    found = _by_name(load(path, format=format)(images))
    return max(
        float(np.abs(found[name] - ops.convert_to_numpy(output)).max())
        for name, output in expected.items()
    )


def with_layers(model, names):
    """The same network, with what some of its layers put out beside it.

    Args:
        model: a functional ``keras.Model`` with one output.
        names: of layers of the model itself, not of one nested in it.

    Returns:
        A ``keras.Model`` to {name: output}: the model's own output under the
        name that Keras gives it, then the layers'.

    Raises:
        InputError: a model with several outputs, or no layer of a name.
    """
    expect(
        len(model.outputs) == 1,
        "the model's outputs",
        len(model.outputs),
        "one",
        "Give the model of which the layers are part.",
    )
    every = {layer.name: layer for layer in model.layers}
    for name in names:
        expect_choice("layer", name, every)
    inner = {name: every[name].output for name in names}
    outputs = {model.output_names[0]: model.outputs[0]} | inner
    return keras.Model(model.inputs[0], outputs, name=model.name)


def size(path):
    """Bytes of an exported network: of the file, or of all in the folder."""
    path = Path(path)
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _expect_exportable(model):
    expect_graph(model)
    expect(
        len(model.inputs) == 1,
        "the model's inputs",
        len(model.inputs),
        "one",
        "Export a model of that kind.",
    )
    expect(
        len(model.outputs) == 1 or isinstance(model.output, dict),
        "the model's outputs",
        len(model.outputs),
        "one, or several in a dictionary, under their names",
        "Give keras.Model its outputs as {name: tensor}.",
    )


def _expect_no_loss(path):
    """Refuse a folder that holds something else than a SavedModel."""
    others = path.is_dir() and not (path / "saved_model.pb").exists()
    expect(
        not (others and any(path.iterdir())),
        "path",
        str(path),
        "a new or an empty folder, or an earlier SavedModel's",
        "Name another.",
    )


def _by_name(outputs):
    """Outputs as {name: output}; a single one has no name."""
    return outputs if isinstance(outputs, dict) else {"": outputs}


def _one_or_all(outputs):
    """What :func:`load` promises, of {name: output}."""
    return outputs if len(outputs) > 1 else next(iter(outputs.values()))


def _format(path, format):
    if format is None:
        suffixes = {suffix: name for name, suffix in FORMATS.items()}
        expect(
            path.suffix in suffixes,
            "the suffix of path",
            path.suffix,
            "none for a SavedModel's folder, '.onnx' or '.tflite'",
            "Or name the format.",
        )
        return suffixes[path.suffix]
    expect_choice("format", format, FORMATS)
    return format


# TensorFlow's errors for it, which are not those of the system.
_OF_A_PATH = (
    "AlreadyExistsError",
    "FailedPreconditionError",
    "NotFoundError",
    "PermissionDeniedError",
)


@contextmanager
def _writing(path):
    """Say that nothing can be written there, whoever finds out."""
    try:
        yield
    except Exception as error:
        of_a_path = type(error).__name__ in _OF_A_PATH
        if not of_a_path and not isinstance(error, OSError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            "path",
            str(path),
            f"one that can be written ({' '.join(reason.split())})",
            "Name another.",
        ) from error


@contextmanager
def _optional_packages():
    """Say how to install a package that is missing."""
    try:
        yield
    except ImportError as error:
        raise InputError(
            "package",
            error.name or str(error),
            "one that is installed, for this format needs it",
            "pip install densenet-lib[export] installs what is missing.",
        ) from error


def _write_savedmodel(model, path):
    model.export(path, format="tf_saved_model", verbose=False)


def _write_onnx(model, path):
    # Keras knows the signature by itself only of a model that has run.
    model.export(
        path, format="onnx", input_signature=model.inputs, verbose=False
    )


def _write_litert(model, path):
    # Not by model.export(format="litert"), which the oldest Keras that the
    # library runs on does not have.
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        _write_savedmodel(model, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        path.write_bytes(converter.convert())


def _read_savedmodel(path):
    import tensorflow as tf

    network = tf.saved_model.load(path)
    # The network must live as long as its function.
    return lambda images: tf.nest.map_structure(
        ops.convert_to_numpy, network.serve(images)
    )


def _read_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    [image] = session.get_inputs()
    names = [output.name for output in session.get_outputs()]

    def run(images):
        outputs = session.run(names, {image.name: images})
        return _one_or_all(dict(zip(names, outputs, strict=True)))

    return run


def _read_litert(path):
    with warnings.catch_warnings(), without_greeting():
        # TensorFlow's interpreter says that the other one is to be preferred.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = _interpreter()(str(path), num_threads=os.cpu_count())
        interpreter.allocate_tensors()  # else at the first call, and aloud
        run = interpreter.get_signature_runner()
    [image] = run.get_input_details()
    return lambda images: _one_or_all(run(**{image: images}))


def _interpreter():
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        return tf.lite.Interpreter
    return Interpreter


_WRITERS = {
    "savedmodel": _write_savedmodel,
    "onnx": _write_onnx,
    "litert": _write_litert,
}
_READERS = {
    "savedmodel": _read_savedmodel,
    "onnx": _read_onnx,
    "litert": _read_litert,
}

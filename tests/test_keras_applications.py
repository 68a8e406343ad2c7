"""Same weights, same outputs as keras.applications, block by block."""

import keras
import numpy as np
import pytest
from keras.applications import DenseNet121, DenseNet169, DenseNet201
from keras.src.applications.densenet import DenseNet  # of any blocks

from densenet_lib.budget import closed_form, counted
from densenet_lib.densenet import CONFIGS, DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.keras_applications import load_weights, their_name
from tests.witnesses import stir

SHAPE = (67, 64, 3)  # one side odd: padding and rounding count
TINY = (2, 1, 1, 2)


def block_ends(name):
    """Our names of the last layer of each block and transition."""
    blocks = CONFIGS[name].blocks
    ends = [f"block{b}_layer{n:02d}_concat" for b, n in enumerate(blocks, 1)]
    pools = [f"transition{t}_pool" for t in range(1, len(blocks))]
    return [*ends, *pools, "final_relu", "logits"]


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("densenet121", DenseNet121),
        ("densenet169", DenseNet169),
        ("densenet201", DenseNet201),
    ],
)
def test_outputs_agree_at_the_end_of_every_block(name, application):
    keras.utils.set_random_seed(0)
    theirs = stir(
        application(
            weights=None, input_shape=SHAPE, classifier_activation=None
        )
    )
    ours = load_weights(densenet(name, input_shape=SHAPE), theirs)
    for model in (ours, theirs):
        count, form = counted(model), closed_form(name, input_shape=SHAPE)
        assert count.parameters == form.parameters
        assert count.trainable == form.trainable
        assert count.multiply_adds == form.multiply_adds
        assert count.activations == form.activations
    ends = block_ends(name)
    rng = np.random.default_rng(1)
    image = rng.normal(size=(1, *SHAPE)).astype("float32")
    results = [
        keras.Model(model.input, [model.get_layer(n).output for n in names])(
            image
        )
        for model, names in (
            (ours, ends),
            (theirs, [their_name(end) for end in ends]),
        )
    ]
    for end, mine, other in zip(ends, *results, strict=True):
        mine, other = np.asarray(mine), np.asarray(other)
        assert other.std() > 0.01, end  # else agreement would say nothing
        assert np.abs(mine - other).max() < 1e-4, end


@pytest.fixture(scope="module")
def source():
    """A small network of keras.applications, with three classes."""
    return stir(
        DenseNet(
            TINY,
            weights=None,
            input_shape=(32, 32, 3),
            classes=3,
            classifier_activation=None,
        )
    )


def ours(**options):
    options = {"input_shape": (32, 32, 3), "classes": 3} | options
    return densenet(DenseNetConfig(TINY, 32), **options)


IMAGE = np.random.default_rng(2).normal(size=(1, 32, 32, 3)).astype("float32")


def write_legacy(model, path):
    """The format of Keras 2, as the downloads have it: weights alone."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


@pytest.mark.parametrize(
    ("file", "write"),
    [
        ("model.h5", keras.Model.save),
        ("model.keras", keras.Model.save),
        ("model.weights.h5", keras.Model.save_weights),
        ("weights.h5", write_legacy),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_every_kind_of_file_is_read(tmp_path, source, file, write):
    write(source, str(tmp_path / file))
    model = load_weights(ours(), tmp_path / file)
    assert np.allclose(model(IMAGE), source(IMAGE), atol=1e-5)


def test_the_classifier_may_be_left_out_on_either_side(source):
    features = keras.Model(source.input, source.get_layer("relu").output)
    headless = load_weights(ours(include_top=False), source)
    assert np.allclose(headless(IMAGE), features(IMAGE), atol=1e-5)
    other = ours(classes=1)
    own = other.get_layer("logits").get_weights()
    load_weights(other, features, include_top=False)
    assert np.array_equal(other.get_layer("logits").get_weights()[0], own[0])
    inner = keras.Model(other.input, other.get_layer("final_relu").output)
    assert np.allclose(inner(IMAGE), features(IMAGE), atol=1e-5)


def refused(words, model, source, **options):
    before = model.get_weights()
    with pytest.raises(InputError, match=words):
        load_weights(model, source, **options)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(old, new)  # an error leaves the model as it was


def test_weights_that_do_not_fit_are_refused(source):
    refused(
        r"predictions is \[\(104, 3\), .*own, use include_top=False",
        ours(classes=2),
        source,
    )
    bare = keras.Model(source.input, source.get_layer("relu").output)
    refused("predictions is 'missing'; .*include_top=False", ours(), bare)
    deeper = densenet(
        DenseNetConfig((2, 1, 1, 3), 32), input_shape=(32, 32, 3), classes=3
    )
    refused("conv5_block3_0_bn is 'missing'; .* blocks", deeper, source)
    shallow = densenet(
        DenseNetConfig((2, 1, 1, 1), 32), input_shape=(32, 32, 3), classes=3
    )
    # A shorter net fits layer for layer, up to its last normalisation.
    refused(r"layer bn is \[\(104,\), .* blocks", shallow, source)


def test_a_network_of_another_kind_is_refused(source):
    dense = keras.layers.Dense(2, name="mine")
    other = keras.Sequential([keras.Input((3,)), dense])
    refused("layer is 'mine'; .* DenseNet-121", other, source)


def test_files_that_cannot_be_read_are_refused(tmp_path, source):
    refused("is '.*none.h5'; .* cannot be read", ours(), tmp_path / "none.h5")
    for name in ("text.h5", "text.keras"):
        (tmp_path / name).write_text("no weights")
        refused(f"'.*{name}'; .* cannot be read", ours(), tmp_path / name)

"""A training: its schedule, its optimiser, its resumption."""

import io
import shutil
import sys
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from densenet_lib import training, views
from densenet_lib.datasets.pipeline import Augmentation
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.optimizers import Muon
from densenet_lib.training import Recipe

RECIPE = Recipe(
    epochs=3,
    batch_size=8,
    learning_rate=0.02,
    augmentation=Augmentation(flip=True),
    mixed_precision=False,
    seed=5,
)


def _net():
    keras.utils.set_random_seed(0)
    return densenet(
        DenseNetConfig((1, 1), 4, stem="light"),
        input_shape=(64, 64, 3),
        classes=1,
        rescale=True,
    )


def _rates(recipe, steps_per_epoch):
    rates = training.learning_rates(recipe, steps_per_epoch)
    total = recipe.epochs * steps_per_epoch
    return [float(rates(step)) for step in range(total)]


def test_the_step_schedule_divides_by_ten_at_half_and_three_quarters():
    recipe = Recipe(epochs=4, schedule="step", learning_rate=0.1)
    rates = _rates(recipe, 10)
    assert rates[19] == pytest.approx(0.1)
    assert rates[21] == pytest.approx(0.01)
    assert rates[31] == pytest.approx(0.001)


def test_the_cosine_schedule_rises_in_the_warm_up_and_ends_near_zero():
    rates = _rates(Recipe(epochs=10, warmup_epochs=1, learning_rate=0.1), 20)
    assert rates[0] == 0
    assert rates[10] == pytest.approx(0.05)
    assert max(rates) == rates[20] == pytest.approx(0.1)
    # Half way through the cosine: half the rate.
    assert rates[20 + 90] == pytest.approx(0.05)
    assert rates[-1] < 1e-4


def test_whole_numbers_are_rates_and_momenta_as_well():
    recipe = Recipe(epochs=2, learning_rate=1, momentum=0)
    assert _rates(recipe, 2)[:3:2] == pytest.approx([1, 0.5])
    assert training.optimizer(recipe, 2).momentum == 0.0


@pytest.mark.parametrize("steps", [1, 2])
def test_the_longest_warm_up_leaves_a_step_for_the_cosine(steps):
    recipe = Recipe(epochs=1, warmup_epochs=0.9, learning_rate=0.1)
    rates = _rates(recipe, steps)
    assert rates == pytest.approx([0.1] if steps == 1 else [0, 0.1])


def test_a_training_learns_and_reports_each_epoch(whole):
    history = whole.history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(values) == 3 for values in history.values())
    assert history["loss"][-1] < history["loss"][0]


def test_the_same_seed_gives_the_same_training(whole, tiny_data):
    net = _net()
    history = training.fit(net, tiny_data, RECIPE, progress=False)
    _expect_the_same(whole, net, whole.history)
    # One went through a file.
    for name, values in whole.history.items():
        assert history[name] == pytest.approx(values, rel=1e-6)


def test_what_is_said_of_validation_is_what_it_gives(whole, tiny_data):
    net, part = _net(), tiny_data.validation
    net.set_weights(whole.weights)
    right = (training.evaluate(net, part) > 0) == part.labels
    assert whole.history["val_accuracy"][-1] == pytest.approx(right.mean())


def test_the_recipe_s_loss_and_the_decision_are_those_of_logits():
    itself = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    recipe = replace(RECIPE, label_smoothing=0.2)
    training.compile_for(itself, recipe, 1)
    logits = np.array([[0.3], [-0.3], [2.0]])
    labels = np.array([[1.0], [0.0], [0.0]])
    loss, accuracy = itself.test_on_batch(logits, labels)
    smooth = labels * 0.8 + 0.1
    chance = 1 / (1 + np.exp(-logits))
    entropy = smooth * np.log(chance) + (1 - smooth) * np.log(1 - chance)
    assert loss == pytest.approx(-entropy.mean(), rel=1e-5)
    assert accuracy == pytest.approx(2 / 3)  # above 0 is a dog, not above 0.5


@pytest.mark.parametrize("kernel_rate", [None, 0.05])
def test_the_momentum_is_nesterov_s(kernel_rate):
    recipe = replace(RECIPE, kernel_rate=kernel_rate)
    assert training.optimizer(recipe, 10).nesterov


@pytest.mark.parametrize(("size", "side"), [(None, 64), (32, 32)])
def test_validation_follows_at_the_side_of_training(tiny_data, size, side):
    for batches in training._batches(tiny_data, RECIPE, size):
        assert batches[0][0].shape[1:3] == (side, side)


def test_augmenting_on_the_device_gives_the_same_training(tiny_data):
    augmentation = Augmentation(scale=(0.7, 1.0), brightness=0.2, cutout=0.2)
    histories = [
        training.fit(
            _net(),
            tiny_data,
            replace(RECIPE, augmentation=augmentation, augment_on=place),
            progress=False,
        )
        for place in ("host", "device")
    ]
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, atol=1e-4)


class _Interrupt(keras.callbacks.Callback):
    """Ends the training at the end of that epoch, counted from 0."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tiny_data, tmp_path_factory):
    """A training that is not interrupted, and what it leaves."""
    net, folder = _net(), tmp_path_factory.mktemp("whole")
    history = _fit(net, tiny_data, RECIPE, folder)
    return SimpleNamespace(
        weights=net.get_weights(), history=history, folder=folder
    )


def _fit(net, data, recipe, folder):
    return training.fit(net, data, recipe, checkpoint=folder, progress=False)


def _expect_the_same(whole, net, history):
    assert history == whole.history
    for ours, theirs in zip(net.get_weights(), whole.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def _fit_one_epoch(monkeypatch, net, data, recipe, folder):
    """A training that is interrupted when the first epoch is kept."""
    keep_state = training._keep_state
    with monkeypatch.context() as patch:
        patch.setattr(
            training,
            "_keep_state",
            lambda folder: [*keep_state(folder), _Interrupt(0)],
        )
        with pytest.raises(KeyboardInterrupt):
            _fit(net, data, recipe, folder)


@pytest.mark.parametrize(
    "changes",
    [{}, {"augment_on": "device"}, {"kernel_rate": 0.05}],
    ids=["host", "device", "muon"],
)
def test_an_interrupted_training_ends_as_if_it_had_not_been(
    whole, tiny_data, tmp_path, monkeypatch, changes
):
    recipe = replace(RECIPE, **changes)
    if changes:
        net = _net()
        history = _fit(net, tiny_data, recipe, tmp_path / "whole")
        whole = SimpleNamespace(weights=net.get_weights(), history=history)
    _fit_one_epoch(monkeypatch, _net(), tiny_data, recipe, tmp_path / "part")
    resumed = _net()
    history = _fit(resumed, tiny_data, recipe, tmp_path / "part")
    _expect_the_same(whole, resumed, history)


def test_one_state_is_kept_and_says_how_far_it_is(whole):
    names = sorted(file.name for file in whole.folder.iterdir())
    assert names == ["epoch00003.weights.h5", "history.csv"]


def test_killed_between_history_and_state_the_epoch_is_done_again(
    whole, tiny_data, tmp_path, monkeypatch
):
    keep_state = training._keep_state

    def killed(folder):
        history, state = keep_state(folder)
        return [history, _Interrupt(1), state]

    with monkeypatch.context() as patch:
        patch.setattr(training, "_keep_state", killed)
        with pytest.raises(KeyboardInterrupt):
            _fit(_net(), tiny_data, RECIPE, tmp_path)
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3
    net = _net()
    _expect_the_same(whole, net, _fit(net, tiny_data, RECIPE, tmp_path))


def test_killed_while_a_state_is_written_the_one_before_is_taken(
    whole, tiny_data, tmp_path, monkeypatch
):
    save, asked = keras.Model.save_weights, []

    def killed(model, path, **options):
        """The second state is cut off in its middle."""
        save(model, path, **options)
        asked.append(path)
        if len(asked) == 2:
            path.write_bytes(path.read_bytes()[:1000])
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "save_weights", killed)
        with pytest.raises(KeyboardInterrupt):
            _fit(_net(), tiny_data, RECIPE, tmp_path)
    assert asked[1].stat().st_size == 1000
    net = _net()
    _expect_the_same(whole, net, _fit(net, tiny_data, RECIPE, tmp_path))


def test_of_two_states_the_newer_one_is_taken(whole, tiny_data, tmp_path):
    folder = tmp_path / "whole"
    shutil.copytree(whole.folder, folder)
    # Killed before the older one was removed, here one of no use.
    (folder / "epoch00002.weights.h5").write_bytes(b"")
    net = _net()
    _expect_the_same(whole, net, _fit(net, tiny_data, RECIPE, folder))


def test_a_kernel_rate_asks_for_muon_at_that_highest_rate():
    recipe = replace(RECIPE, kernel_rate=0.05, weight_decay=0.01)
    muon = training.optimizer(recipe, 10)
    assert isinstance(muon, Muon)
    highest = muon.kernel_share * max(_rates(recipe, 10))
    assert highest == pytest.approx(0.05)
    assert (muon.momentum, muon.coupled_decay) == (0.9, 0.01)
    assert not isinstance(training.optimizer(RECIPE, 10), Muon)


def test_precision_is_put_back():
    before = keras.config.dtype_policy().name
    with training.precision(Recipe(epochs=1, mixed_precision=True)):
        assert keras.config.dtype_policy().name == "mixed_float16"
    assert keras.config.dtype_policy().name == before


def test_logits_stay_whole_under_mixed_precision(tiny_data):
    with training.precision(Recipe(epochs=1, mixed_precision=True)):
        model = _net()
    assert model.get_layer("block1_layer01_conv").compute_dtype == "float16"
    assert training.evaluate(model, tiny_data.test).dtype == np.float32


def test_muon_trains_in_mixed_precision(tiny_data):
    recipe = replace(RECIPE, kernel_rate=0.05, mixed_precision=True)
    with training.precision(recipe):
        model = _net()
    kernels = [v for v in model.trainable_variables if len(v.shape) == 4]
    before = [kernel.numpy() for kernel in kernels]
    history = training.fit(model, tiny_data, recipe, progress=False)
    assert np.isfinite(history["loss"]).all()
    for kernel, old in zip(kernels, before, strict=True):
        assert keras.backend.standardize_dtype(kernel.dtype) == "float32"
        new = kernel.numpy()
        assert np.abs(new - old).max() > 1e-3
        # Kept at that length, and turned once more.
        length = kernel.shape[-1] ** 0.5
        assert np.linalg.norm(new) == pytest.approx(length, rel=0.06)


def test_progress_is_one_line_an_epoch_on_standard_error(tiny_data, capfd):
    training.fit(_net(), tiny_data, RECIPE, progress=True)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == RECIPE.epochs
    assert lines[-1].startswith("epoch 3/3  done")
    assert "val_accuracy" in lines[-1]


def test_on_a_terminal_the_line_says_the_step_as_well(tiny_data, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    training.fit(_net(), tiny_data, RECIPE, progress=True)
    lines = terminal.getvalue().split("\n")
    assert lines.pop() == "" and len(lines) == RECIPE.epochs
    for line in lines:
        *steps, done = line.split("\r")[1:]
        assert steps and all("  step " in each for each in steps)
        assert "  done  " in done


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"batch_size": 2.5},
        {"learning_rate": -1},
        {"schedule": "linear"},
        {"warmup_epochs": 3},
        {"warmup_epochs": 1, "schedule": "step"},
        {"momentum": 1},
        {"momentum": -0.1},
        {"momentum": 0, "kernel_rate": 0.05},
        {"seed": -1},
        {"seed": 2**32},
        {"seed": 0.5},
        {"label_smoothing": 1.5},
        {"augment_on": "gpu"},
        {"kernel_rate": 0},
        {"kernel_rate": 1.5},
        {"learning_rate": 0, "kernel_rate": 0.05},
    ],
)
def test_a_wrong_recipe_names_the_field_and_the_value(changes):
    name, value = next(iter(changes.items()))
    with pytest.raises(InputError, match=name) as error:
        Recipe(**{"epochs": 3} | changes)
    assert repr(value) in str(error.value)


def test_a_recipe_survives_as_plain_values():
    assert Recipe.from_dict(RECIPE.to_dict()) == RECIPE


# --- progressive resizing -------------------------------------------------


def test_the_phases_divide_the_epochs():
    recipe = Recipe(epochs=8, sizes=((0.5, 32), (0.75, 48)))
    assert recipe.phases() == [(4, 32), (6, 48), (8, None)]
    assert Recipe(epochs=8, sizes=((1.0, 48),)).phases() == [(8, 48)]
    assert Recipe(epochs=8).phases() == [(8, None)]
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_a_size_that_gets_no_epoch_is_left_out(tiny_data):
    sizes = ((0.375, 64), (0.6875, 80), (1.0, 96))
    assert Recipe(epochs=1, sizes=sizes).phases() == [(1, 80)]
    assert Recipe(epochs=3, sizes=((0.1, 32),)).phases() == [(3, None)]
    assert Recipe(epochs=3, sizes=((0.9, 32),)).phases() == [(3, 32)]
    recipe = replace(RECIPE, epochs=1, sizes=((0.1, 32), (1.0, 64)))
    history = training.fit(_net(), tiny_data, recipe, progress=False)
    assert len(history["loss"]) == 1


@pytest.mark.parametrize(
    "sizes", [((0.5, 32), (0.5, 48)), ((0, 32),), ((1.2, 32),), ((0.5, 0),)]
)
def test_phases_that_cannot_be_are_refused(sizes):
    with pytest.raises(InputError, match="sizes"):
        Recipe(epochs=8, sizes=sizes)


@pytest.mark.parametrize("place", ["host", "device"])
def test_images_grow_during_a_training_and_it_can_be_resumed(
    place, tiny_data, tmp_path
):
    recipe = replace(RECIPE, sizes=((0.34, 32), (0.67, 48)), augment_on=place)
    sides = []

    def net():
        keras.utils.set_random_seed(0)
        return densenet(
            DenseNetConfig((1, 1), 4, stem="light"),
            input_shape=(None, None, 3),
            classes=1,
            rescale=True,
        )

    class Stop(Exception):
        pass

    class Watched(training._FollowEpoch):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            sides.append(self.batches.size)
            if len(sides) == 3:
                raise Stop

    whole, broken = net(), net()
    training.fit(whole, tiny_data, recipe, progress=False)
    follow, training._FollowEpoch = training._FollowEpoch, Watched
    try:
        with pytest.raises(Stop):
            training.fit(
                broken, tiny_data, recipe, checkpoint=tmp_path, progress=False
            )
    finally:
        training._FollowEpoch = follow
    assert sides == [32, 48, None]
    again = net()
    history = training.fit(
        again, tiny_data, recipe, checkpoint=tmp_path, progress=False
    )
    assert len(history["loss"]) == 3
    for one, other in zip(whole.weights, again.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)


def test_of_several_views_the_answer_is_the_mean(tiny_data):
    net, test = _net(), tiny_data.test
    found = training.evaluate(net, test, zooms=(1.0, 0.5), mirror=True)
    near = views.middle(test.images, 0.5)
    each = [
        training.logits(net, seen)
        for seen in (
            test.images,
            test.images[:, :, ::-1],
            near,
            near[:, :, ::-1],
        )
    ]
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-5)


def test_the_mirrored_answer_is_the_mean_of_two(tiny_data):
    net = _net()
    images = tiny_data.test.images
    there, back = (
        training.logits(net, seen) for seen in (images, images[:, :, ::-1])
    )
    both = training.evaluate(net, tiny_data.test, mirror=True)
    np.testing.assert_allclose(both, (there + back) / 2, atol=1e-5)
    again = training.logits(net, images[:, :, ::-1], mirror=True)
    np.testing.assert_allclose(both, again, atol=1e-5)


@pytest.mark.parametrize("memory", ["naive", "linear"])
def test_the_masks_of_dropout_are_those_of_a_whole_training(
    tiny_data, tmp_path, monkeypatch, memory
):
    def net():
        keras.utils.set_random_seed(0)
        return densenet(
            DenseNetConfig((1, 1), 4, stem="light", dropout=0.3),
            input_shape=(64, 64, 3),
            classes=1,
            rescale=True,
            memory=memory,
        )

    whole, again = net(), net()
    _fit(whole, tiny_data, RECIPE, tmp_path / "whole")
    _fit_one_epoch(monkeypatch, net(), tiny_data, RECIPE, tmp_path / "part")
    _fit(again, tiny_data, RECIPE, tmp_path / "part")
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_line_of_history_that_was_cut_short_is_written_anew(
    whole, tiny_data, tmp_path
):
    recipe = RECIPE
    shutil.copytree(whole.folder, tmp_path / "cut")
    (state,) = (tmp_path / "cut").glob("epoch*")
    state.rename(state.with_name("epoch00002.weights.h5"))
    path = tmp_path / "cut" / "history.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1][:5]]))
    history = _fit(_net(), tiny_data, recipe, tmp_path / "cut")
    assert path.read_text().splitlines()[:3] == lines[:3]
    assert all(len(values) == 3 for values in history.values())
    assert history["loss"][:2] == whole.history["loss"][:2]


def test_no_images_have_no_answers():
    assert training.logits(_net(), np.empty((0, 64, 64, 3))).shape == (0,)


@pytest.mark.parametrize("value", ["float16", 1, 1.0, "bf16"])
def test_another_precision_is_refused(value):
    with pytest.raises(InputError, match="bfloat16"):
        Recipe(epochs=1, mixed_precision=value)


def test_bfloat16_is_for_training_alone():
    recipe = Recipe(epochs=1, mixed_precision="bfloat16")
    for training_, name in ((True, "mixed_bfloat16"), (False, "float32")):
        with training.precision(recipe, training=training_):
            assert keras.config.dtype_policy().name == name


def test_pictures_are_scaled_in_float32_under_any_policy():
    with training.precision(Recipe(epochs=1, mixed_precision="bfloat16")):
        model = _net()
    assert model.get_layer("rescale").compute_dtype == "float32"
    assert model.get_layer("block1_layer01_conv").compute_dtype == "bfloat16"

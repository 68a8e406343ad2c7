"""The mean of several networks' weights, and the statistics that it needs."""

import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from densenet_lib import averaging, budget, cli, experiments, runs
from densenet_lib.datasets.pipeline import Batches
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.experiments import EXPERIMENTS, Experiment, seeded
from densenet_lib.layers import NORM_MOMENTUM
from densenet_lib.lean import plain_layers
from densenet_lib.networks import named_weights, set_named_weights
from tests.test_runs import TINY

BRANCHES = tuple(
    replace(
        TINY,
        name=seeded("branch", seed),
        start=TINY.path,
        recipe=replace(TINY.recipe, epochs=1, seed=seed),
    )
    for seed in (0, 1)
)
MEAN = replace(
    TINY,
    name="soup",
    average=tuple(branch.path for branch in BRANCHES),
    recipe=replace(TINY.recipe, epochs=1),
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def some(rng):
    """The weights of three small networks."""
    return [
        [rng.normal(size=shape).astype(np.float32) for shape in ((3, 4), (5,))]
        for _ in range(3)
    ]


def test_the_mean_of_equal_weights_is_those_to_the_bit(some):
    for one, other in zip(
        averaging.blend([some[0]] * 3), some[0], strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_mean_takes_all_alike_or_as_it_is_told(some):
    alike = averaging.blend(some)
    np.testing.assert_allclose(
        alike[1], np.mean([own[1] for own in some], axis=0), atol=1e-6
    )
    # Beyond one end of the line as well.
    beyond = averaging.blend(some[:2], [1.5, -0.5])
    np.testing.assert_allclose(
        beyond[0], 1.5 * some[0][0] - 0.5 * some[1][0], atol=1e-6
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda some: ([], None),
        lambda some: ([some[0], some[1][::-1]], None),
        lambda some: ([some[0], some[1][:1]], None),
        lambda some: (some, [0.5, 0.5]),
        lambda some: (some, [0.5, 0.5, 0.5]),
    ],
    ids=["nothing", "shapes", "arrays", "too few shares", "not a mean"],
)
def test_what_has_no_mean_is_refused(some, change):
    weights, shares = change(some)
    with pytest.raises(InputError, match="weights|shares"):
        averaging.blend(weights, shares)


def _two_norms():
    image = x = keras.Input((None, None, 3))
    for number in (1, 2):
        x = layers.BatchNormalization(momentum=0.7, name=f"norm{number}")(x)
        x = layers.Conv2D(4, 1, name=f"conv{number}")(x)
    return keras.Model(image, x)


def test_statistics_are_the_averages_over_all_batches(rng):
    model = _two_norms()
    batches = [
        (rng.uniform(0, 9, (4, 8, 8, 3)).astype(np.float32), None)
        for _ in range(5)
    ]
    first, second = (model.get_layer(f"norm{n}") for n in (1, 2))
    first.moving_mean.assign([1e3] * 3)  # of what was before, nothing stays
    averaging.recount(model, batches)
    for moving, moment in (("mean", np.mean), ("variance", np.var)):
        np.testing.assert_allclose(
            getattr(first, f"moving_{moving}").numpy(),
            np.mean([moment(x, axis=(0, 1, 2)) for x, _ in batches], axis=0),
            rtol=1e-4,
        )
    # The second sees batches that the first has normalised by their own.
    normed = [
        (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + first.epsilon)
        for x, _ in batches
    ]
    between = [model.get_layer("conv1")(x).numpy() for x in normed]
    np.testing.assert_allclose(
        second.moving_variance.numpy(),
        np.mean([x.var(axis=(0, 1, 2)) for x in between], axis=0),
        rtol=1e-3,
    )
    assert first.momentum == second.momentum == 0.7


@pytest.mark.parametrize("memory", ["linear", "shared"])
def test_statistics_inside_the_blocks_are_counted_as_well(rng, memory):
    config = DenseNetConfig((2, 1), 4, stem="light")
    plain, lean = (
        densenet(config, input_shape=(32, 32, 3), classes=1, memory=each)
        for each in ("naive", memory)
    )
    lean.set_weights(plain.get_weights())
    batches = [
        (rng.normal(each, 1, (4, 32, 32, 3)).astype(np.float32), None)
        for each in range(3)
    ]
    for model in (plain, lean):
        averaging.recount(model, batches)
    expected, found = named_weights(plain), named_weights(lean)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name], value, rtol=1e-4, atol=1e-5, err_msg=name
        )
    # As before, for what is trained next.
    assert {
        layer.momentum
        for layer in plain_layers(lean)
        if isinstance(layer, layers.BatchNormalization)
    } == {NORM_MOMENTUM}


def test_networks_with_dropout_have_a_mean(rng):
    one, other, mean = (
        densenet(TINY.config, input_shape=(32, 32, 3), classes=1, dropout=0.2)
        for _ in range(3)
    )
    weights = []
    for model in (one, other):
        set_named_weights(mean, named_weights(model))
        weights.append(mean.get_weights())
    mean.set_weights(averaging.blend(weights))
    images = rng.normal(size=(4, 32, 32, 3)).astype(np.float32)
    averaging.recount(mean, [(images, None)])
    first, second, both = map(named_weights, (one, other, mean))
    np.testing.assert_allclose(
        both["logits/kernel"],
        (first["logits/kernel"] + second["logits/kernel"]) / 2,
        atol=1e-6,
    )
    assert both["final_norm/moving_mean"].any()


def test_a_network_without_statistics_is_refused():
    config = replace(TINY.config, order="no-norm")
    with pytest.raises(InputError, match="with batch normalisation"):
        averaging.recount(densenet(config, input_shape=(32, 32, 3)), [])


def test_the_line_begins_with_the_one_and_ends_with_the_other(rng):
    model = _two_norms()
    ends = [
        [rng.normal(size=value.shape) for value in model.get_weights()]
        for _ in range(2)
    ]
    batches = [(rng.normal(size=(2, 4, 4, 3)).astype(np.float32), None)]
    shares, measured = averaging.along(
        model,
        *ends,
        batches,
        lambda model: model.get_layer("conv2").bias.numpy()[0],
        points=3,
    )
    np.testing.assert_array_equal(shares, [0, 0.5, 1])
    one, other = (end[-1][0] for end in ends)
    np.testing.assert_allclose(
        measured, [one, (one + other) / 2, other], rtol=1e-5
    )


@pytest.fixture(scope="module")
def branched(tiny_data, tmp_path_factory):
    """A network, two that branched off from it, and their mean."""
    family = (TINY, *BRANCHES, MEAN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENSENET_RUNS", str(tmp_path_factory.mktemp("runs")))
        for each in family:
            patch.setitem(EXPERIMENTS, each.path, each)
        yield [
            runs.train(each, data=tiny_data, progress=False) for each in family
        ]


def test_a_recorded_mean_is_the_mean_and_says_of_what(branched, tiny_data):
    *_, one, other, mean = branched
    for first, second, both in zip(
        *(run.model().trainable_variables for run in (one, other, mean)),
        strict=True,
    ):
        half = (first.numpy() + second.numpy()) / 2
        np.testing.assert_allclose(both.numpy(), half, rtol=2**-10, atol=1e-7)
    # And the statistics are its own, counted on the images of its recipe.
    anew, stored = mean.experiment.build(training=True), mean.model()
    weights = [run.model().get_weights() for run in (one, other)]
    anew.set_weights(averaging.blend(weights))
    recipe = MEAN.recipe
    averaging.recount(
        anew,
        Batches(
            tiny_data.train,
            recipe.batch_size,
            seed=recipe.seed,
            augment=recipe.augmentation,
        ),
    )
    expected = named_weights(anew)
    for name, value in named_weights(stored).items():
        np.testing.assert_allclose(
            value, expected[name], rtol=2e-3, atol=1e-5, err_msg=name
        )
    assert mean.experiment == MEAN
    assert set(mean.record["sources"]) == set(MEAN.average)
    assert mean.history == {}
    assert not (mean.folder / "history.csv").exists()
    assert runs.verify(mean, tiny_data) == []


def test_a_source_with_other_weights_than_then_is_found(branched):
    _, one, _, mean = branched
    file = one.folder / "run.json"
    kept = file.read_text()
    file.write_text(json.dumps(one.record | {"weights": "0" * 16}))
    try:
        [fault] = runs.verify(mean)
    finally:
        file.write_text(kept)
    assert f"other weights than {one.experiment.path}" in fault


def test_what_branches_share_is_counted_once(branched):
    start, one, other, mean = branched
    assert [run.experiment for run in mean.lineage] == [TINY, *BRANCHES, MEAN]
    seconds = [run.record["seconds"] for run in branched]
    assert mean.seconds == pytest.approx(sum(seconds))
    assert one.seconds == pytest.approx(seconds[0] + seconds[1])
    # One forward pass for the statistics; a training step is three.
    step = TINY.multiply_adds(1) / TINY.recipe.epochs
    assert mean.experiment.multiply_adds(1) == pytest.approx(
        step * (TINY.recipe.epochs + 2 + 1 / 3)
    )


def _without(branched, folder, monkeypatch, *lost):
    """The runs in a folder of their own, some without their weights."""
    for run in branched:
        own = folder / run.experiment.path
        shutil.copytree(run.folder, own)
        if run.experiment.path in lost:
            (own / "weights.npz").unlink()
    monkeypatch.setenv("DENSENET_RUNS", str(folder))


def test_only_what_is_needed_and_not_there_is_missing(
    branched, tmp_path, monkeypatch
):
    one, other = BRANCHES
    assert runs.missing(MEAN) == []
    # Of the first training nothing is needed: the branches have theirs.
    _without(branched, tmp_path, monkeypatch, TINY.path)
    assert runs.missing(MEAN) == []
    assert runs.missing(one) == [TINY]
    (tmp_path / other.path / "weights.npz").write_bytes(b"others")
    assert runs.missing(MEAN) == [TINY, other]
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path / "none"))
    assert runs.missing(MEAN) == [TINY, one, other]


@pytest.mark.parametrize("by", ["chapter", "command line"])
def test_one_flag_trains_what_comes_before_as_well(
    branched, tiny_data, tmp_path, monkeypatch, by
):
    _without(branched, tmp_path, monkeypatch, *MEAN.average)
    monkeypatch.setattr(Experiment, "data", lambda *_: tiny_data)
    trained, train = [], runs.train

    def note(experiment, **options):
        trained.append(experiment)
        return train(experiment, **options)

    monkeypatch.setattr(runs, "train", note)
    if by == "chapter":
        runs.replay_or_train("soup", scale="sketch", retrain=True)
    else:
        arguments = ["train", "soup", "--scale", "sketch"]
        assert cli.main(arguments) == 2
        trained.clear()
        assert cli.main([*arguments, "--with-sources"]) == 0
    assert trained == [*BRANCHES, MEAN]
    assert runs.load(MEAN.path).has_weights


def test_a_mean_of_runs_that_are_not_there_is_refused(
    tiny_data, tmp_path, monkeypatch
):
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path))
    with pytest.raises(InputError, match="sketch/branch"):
        runs.train(MEAN, data=tiny_data, progress=False)


def test_an_average_does_not_start_from_anything():
    with pytest.raises(InputError, match="only one of start, average"):
        replace(MEAN, start=TINY.path)


@pytest.mark.parametrize("scale", ["sketch", "cpu"])
def test_the_published_mean_is_of_branches_of_one_network(scale):
    mean = experiments.get("densenet-soup", scale)
    branches = [experiments.get(path) for path in mean.average]
    assert len(branches) == len(experiments.BRANCHES)
    assert len({branch.start for branch in branches}) == 1
    for branch in branches:
        assert branch.start
        assert branch.config == mean.config
        # Statistics are counted on images as training showed them last.
        last = branch.recipe.phases()[-1][1]
        assert mean.recipe.phases() == [(1, last)]
        assert mean.recipe.augmentation == branch.recipe.augmentation
    assert Experiment.from_dict(mean.to_dict()) == mean


def test_the_published_mean_of_ends_is_of_one_training_after_another():
    mean = experiments.get("cpu/densenet-cycles")
    earlier, later = (experiments.get(path) for path in mean.average)
    assert later.start == earlier.path
    assert earlier.config == later.config == mean.config
    # Counted on what was seen last, and not in sixteen bits.
    assert mean.recipe.phases() == [(1, later.recipe.phases()[-1][1])]
    assert later.recipe.mixed_precision and not mean.recipe.mixed_precision
    # What both come from has been paid for once.
    images = 10
    own = mean.multiply_adds(images) - later.multiply_adds(images)
    side = mean.recipe.phases()[0][1]
    cost = budget.closed_form(
        mean.config, input_shape=(side, side, 3), classes=1
    )
    assert own == images * cost.multiply_adds
    assert Experiment.from_dict(mean.to_dict()) == mean

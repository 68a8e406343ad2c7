"""The table of experiments: each can be built, found and written down."""

import json
from dataclasses import replace

import numpy as np
import pytest

from densenet_lib import budget, experiments
from densenet_lib.errors import InputError
from densenet_lib.experiments import EXPERIMENTS, SEEDS, SKETCH_NETS
from densenet_lib.scales import SCALES


@pytest.mark.parametrize("path", EXPERIMENTS)
def test_an_experiment_survives_as_plain_values(path):
    experiment = EXPERIMENTS[path]
    text = json.dumps(experiment.to_dict())
    again = experiments.Experiment.from_dict(json.loads(text))
    assert again == experiment
    assert again.path == path


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_has_a_densenet_for_its_images(scale):
    experiment = experiments.get("densenet", scale)
    model = experiment.build()
    side = experiment.image_size
    images = np.zeros((1, side, side, 3), np.uint8)
    assert model.predict(images, verbose=0).shape == (1, 1)


def test_the_seed_decides_the_first_weights():
    def kernel(name):
        model = experiments.get(name, "sketch").build()
        return model.get_layer("stem_conv").get_weights()[0]

    np.testing.assert_array_equal(kernel("densenet"), kernel("densenet"))
    assert (kernel("densenet") != kernel("densenet-seed1")).any()


def test_the_networks_that_are_compared_have_equal_budgets():
    counts = {
        name: budget.closed_form(config, input_shape=(64, 64, 3), classes=1)
        for name, (_, config) in SKETCH_NETS.items()
    }
    ours = counts["densenet"]
    assert counts["resnet"].parameters == pytest.approx(
        ours.parameters, rel=0.03
    )
    equal = counts["resnet-equal-multiply-adds"]
    assert equal.multiply_adds == pytest.approx(ours.multiply_adds, rel=0.03)


def test_repetitions_differ_in_their_seed_alone():
    for name in SKETCH_NETS:
        first, *others = [
            experiments.get(experiments.seeded(name, seed), "sketch")
            for seed in SEEDS
        ]
        for other in others:
            assert other.config == first.config
            assert first.but(seed=other.recipe.seed).recipe == other.recipe


def test_an_unknown_experiment_lists_those_that_are():
    with pytest.raises(InputError, match="cpu/densnet.*cpu/densenet"):
        experiments.get("densnet", "cpu")


def test_few_images_are_repeated_to_a_whole_epoch(tiny_data, monkeypatch):
    monkeypatch.setattr(
        experiments.datasets, "load", lambda *_, **__: tiny_data
    )
    few = replace(experiments.get("cpu/densenet"), images=4)
    train = few.data().train
    assert len(train) == len(tiny_data.train)
    assert set(train.names) == set(tiny_data.train.names[:4])
    assert train.labels[:4].sum() == 2


@pytest.mark.parametrize("images", [0, 3, 2.0, True, "4"])
def test_images_that_are_not_half_cats_are_refused(images):
    with pytest.raises(InputError, match="images is .*positive even number"):
        replace(experiments.get("cpu/densenet"), images=images)


def test_more_images_than_there_are_are_refused(tiny_data, monkeypatch):
    monkeypatch.setattr(
        experiments.datasets, "load", lambda *_, **__: tiny_data
    )
    many = len(tiny_data.train) + 2
    greedy = replace(experiments.get("cpu/densenet"), images=many)
    with pytest.raises(InputError, match=f"images is {many}; .*at most the"):
        greedy.data()


@pytest.mark.parametrize("size", [None, 64])
def test_a_scale_that_is_none_is_refused(size):
    known = experiments.get("cpu/densenet")
    with pytest.raises(InputError, match="scale is 'tpu'.*'sketch'"):
        replace(known, scale="tpu", image_size=size)


def test_a_training_costs_three_forward_passes_of_each_image():
    plain = experiments.get("cpu/study-base")
    side = plain.image_size
    cost = budget.closed_form(
        plain.config, input_shape=(side, side, 3), classes=1
    ).multiply_adds
    assert plain.multiply_adds(10) == 3 * cost * 10 * plain.recipe.epochs
    # Half of the epochs at half the side cost less.
    grown = plain.but(sizes=((0.5, side // 2), (1.0, side)))
    assert grown.multiply_adds(10) < plain.multiply_adds(10)
    # What it starts from has been paid for, too.
    on = replace(grown, start=plain.path)
    both = plain.multiply_adds(10) + grown.multiply_adds(10)
    assert on.multiply_adds(10) == both


# Of the study, what differs in more than one thing, and in which.
SEVERAL = {
    "neither": {"bottleneck", "theta"},
    "max-bare": {"pooling", "augmentation"},
    # What cannot be trained at the rate of the others, and its control.
    "no-norm-slow": {"order", "learning_rate"},
    # A schedule without a warm-up; epochs for the same multiply-adds.
    "steps": {"schedule", "warmup_epochs"},
    "growing": {"epochs", "sizes"},
    # Another family altogether.
    "resnet-parameters": {"family"},
    "resnet-multiply-adds": {"family"},
    "resnet-time": {"family", "epochs"},
}


@pytest.mark.parametrize("name", experiments.STUDY)
def test_each_variant_of_the_study_differs_in_one_thing(name):
    variant, base = (
        experiments.get(f"cpu/study-{each}") for each in (name, "base")
    )
    pairs = [
        (getattr(variant, part).to_dict(), getattr(base, part).to_dict())
        for part in ("config", "recipe")
    ]
    if variant.family != base.family:
        pairs = pairs[1:]
    own = ("family", "image_size", "images", "mirror", "zooms", "start")
    pairs.append([{f: getattr(e, f) for f in own} for e in (variant, base)])
    changed = {
        field
        for ours, theirs in pairs
        for field in ours
        if ours[field] != theirs[field]
    }
    if name in SEVERAL:
        assert changed == SEVERAL[name]
    else:
        assert len(changed) == (name != "base")


def test_what_is_trained_in_bfloat16_answers_in_float32():
    experiment = experiments.get("cpu/densenet-again")
    conv = "block1_layer01_conv"
    trained = experiment.build(training=True).get_layer(conv)
    asked = experiment.build().get_layer(conv)
    assert trained.compute_dtype == "bfloat16"
    assert asked.compute_dtype == "float32"

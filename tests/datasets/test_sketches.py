"""densenet_lib.datasets.sketches: the drawn animals and their truth.

The claims on what can be learnt are tested small here: linear models on
colours and on pixels fail, and masks and traits hold what tells.
"""

import hashlib
from collections import Counter

import numpy as np
import pytest

from densenet_lib import figures
from densenet_lib.datasets import animals, sketches
from densenet_lib.datasets.records import PARTS
from densenet_lib.errors import InputError

COUNTS = (24, 8, 8)
# Of the 40 images of COUNTS, at 64 px and seed 0; the same on each machine.
CHECKSUM = "e82cb18236215664dd1175c90a75588ff6622e6abec54813fed7c03ec2869aaa"
MASKED = "a1f4be6329e35bfd258dc54c086c21ee0f32b3d3f0421ce1483d4764cf3a1db1"


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """A cache of this module's own, so that what it tests is drawn anew.

    Of the fixtures that all tests of the module share; beyond these, each
    test has one for itself.
    """
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("DENSENET_CACHE", str(folder))
        sketches._load.cache_clear()
        yield
        sketches._load.cache_clear()


@pytest.fixture(scope="module")
def data():
    return sketches.load(counts=COUNTS)


@pytest.fixture(scope="module")
def many():
    """Half of 600 images for fitting; coarse ones, as they are as telling."""
    return sketches.load(image_size=32, counts=(300, 0, 300))


def accuracy_of_ridge(features, data, strength):
    """Test accuracy of a linear model, fitted by ridge regression."""
    train, test = features(data.train.images), features(data.test.images)
    mean, spread = train.mean(0), train.std(0) + 1e-6
    train, test = (train - mean) / spread, (test - mean) / spread
    targets = 2.0 * data.train.labels - 1
    kernel = train @ train.T + strength * np.eye(len(train))
    scores = test @ (train.T @ np.linalg.solve(kernel, targets))
    return np.mean((scores > 0) == data.test.labels)


def test_the_pixels_are_the_same_on_every_machine(data):
    assert data.checksum == CHECKSUM
    digest = hashlib.sha256()
    for part in PARTS:
        for name in sketches.MASKS:
            digest.update(np.packbits(data[part].masks[name]).tobytes())
    assert digest.hexdigest() == MASKED


def test_what_is_kept_is_what_was_drawn(monkeypatch):
    counts, loaded = (2, 2, 4), []
    for _ in range(2):
        sketches._load.cache_clear()
        loaded.append(sketches.load(counts=counts))
        monkeypatch.setattr(sketches, "_drawn", None)  # nothing any more
    drawn, kept = loaded
    assert kept is not drawn
    assert kept.checksum == drawn.checksum
    for name, mask in drawn.test.masks.items():
        assert mask.any() or name in ("whiskers", "tongue")
        np.testing.assert_array_equal(kept.test.masks[name], mask)


def test_an_image_does_not_depend_on_how_many_are_drawn(data):
    fewer = sketches.load(counts=(4, 2, 2))
    np.testing.assert_array_equal(fewer.test.images, data.test.images[:2])
    np.testing.assert_array_equal(
        fewer.train.masks["ears"], data.train.masks["ears"][:4]
    )


def test_another_seed_draws_other_animals(data):
    other = sketches.load(counts=COUNTS, seed=1)
    same = other.train.images == data.train.images
    assert not same.all((1, 2, 3)).any()


def test_a_larger_picture_shows_the_same_animal():
    small, _ = sketches.draw("dog", np.random.default_rng(5), 64)
    large, _ = sketches.draw("dog", np.random.default_rng(5), 256)
    reduced = large.reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert abs(reduced - small).mean() < 8


def test_classes_are_balanced_and_take_turns(data):
    for part, count in zip(PARTS, COUNTS, strict=True):
        assert data.counts()[part] == {"cat": count // 2, "dog": count // 2}
        assert list(data[part].labels[:4]) == [0, 1, 0, 1]
    assert data.test.names[1] == "test/dog.0001"


def test_parts_lie_in_the_animal_and_the_face_in_the_head(data):
    masks = data.train.masks
    assert set(masks) == set(sketches.MASKS)
    for mask in masks.values():
        assert mask.dtype == bool
        assert not (mask & ~masks["animal"]).any()
    for name in ("ears", "eyes", "muzzle", "nose", "tongue"):
        assert not (masks[name] & ~masks["head"]).any()
    assert not (masks["nose"] & ~masks["muzzle"]).any()


def test_masks_show_what_the_traits_say():
    for seed in range(24):
        kind = animals.KINDS[seed % 2]
        traits = animals.Animal(kind, np.random.default_rng(seed)).traits
        _, masks = sketches.draw(kind, np.random.default_rng(seed), 96)
        for name in ("head", "ears", "eyes", "muzzle", "nose"):
            assert masks[name].any()
        assert masks["whiskers"].any() == (traits.whiskers == "cat")
        assert traits.tongue or not masks["tongue"].any()


def test_three_of_four_cues_are_right_and_no_one_is_always():
    rng = np.random.default_rng(0)
    wrong = Counter()
    for _ in range(800):
        traits = animals.draw_traits("cat", rng)
        odd = [cue for cue in animals.CUES if getattr(traits, cue) == "dog"]
        assert len(odd) <= 1
        wrong.update(odd)
    # One in eight of 800, give or take three standard deviations.
    assert all(72 <= wrong[cue] <= 128 for cue in animals.CUES)


def test_the_traits_of_an_image_can_be_looked_up(data):
    whiskers = data.train.masks["whiskers"].any((1, 2))
    for name, seen in zip(data.train.names, whiskers, strict=True):
        assert seen <= (sketches.traits(name).whiskers == "cat")


def test_colours_do_not_tell_the_classes(many):
    def histograms(images):
        levels = (images // 16).reshape(len(images), -1, 3)
        return np.concatenate(
            [(levels == level).mean(1) for level in range(16)], axis=1
        )

    assert accuracy_of_ridge(histograms, many, 10) <= 0.6


@pytest.mark.parametrize("strength", [1e2, 1e3, 1e4])
def test_a_linear_model_on_pixels_hardly_tells_them(many, strength):
    def pixels(images):
        return images.reshape(len(images), -1).astype(float)

    assert accuracy_of_ridge(pixels, many, strength) <= 0.65


def test_a_cue_is_planted_in_one_class_and_changes_nothing_else(data):
    planted = sketches.load(counts=COUNTS, cue="dog", share=0.75)
    cue = planted.train.masks["cue"]
    marked = cue.any((1, 2))
    assert not marked[planted.train.labels == 0].any()
    assert 6 <= marked.sum() < 12
    np.testing.assert_array_equal(
        planted.train.images[~marked], data.train.images[~marked]
    )
    for name, mask in data.train.masks.items():
        np.testing.assert_array_equal(planted.train.masks[name], mask)
    assert not (cue & planted.train.masks["animal"]).any()


@pytest.mark.parametrize(
    "options",
    [
        {"counts": (4, 2)},
        {"counts": (4, 2, -2)},
        {"cue": "bird"},
        {"cue": "cat", "share": 1.5},
        {"image_size": 8, "counts": (2, 0, 0)},
        {"image_size": -1},
        {"image_size": 10**9},
        {"image_size": 64.5},
    ],
)
def test_what_cannot_be_drawn_is_named(options):
    with pytest.raises(InputError):
        sketches.load(**options)


def test_a_contact_sheet_shows_every_image(data):
    sheet = figures.contact_sheet(
        data.test.images[:5], ["a", "b", "c", "d", "e"], columns=3
    )
    assert sheet.alt == "5 images of 64 by 64 pixels: a, b, c, d, e."
    assert [len(axes.images) for axes in sheet.figure.axes] == [1] * 5 + [0]
    assert sheet.figure.axes[4].get_title() == "e"


def test_part_masks_show_the_part_and_pale_the_rest(data):
    image = data.test.images[0]
    half = np.zeros((64, 64), bool)
    half[:32] = True
    sheet = figures.part_masks(image, {"upper": half, "none": half & ~half})
    assert sheet.alt.endswith("upper 50.0%, none not visible.")
    shown = sheet.figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(shown[:32], image[:32])
    assert shown[32:].min() > 200

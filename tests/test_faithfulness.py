"""densenet_lib.faithfulness: cases whose score is known beforehand."""

from dataclasses import replace
from math import log

import keras
import numpy as np
import pytest
from keras import layers

from densenet_lib import attribution, experiments, faithfulness, training
from densenet_lib.datasets import sketches
from densenet_lib.densenet import DenseNetConfig, densenet
from densenet_lib.errors import InputError
from densenet_lib.faithfulness import cue, outputs
from densenet_lib.faithfulness.imputation import imputed

RNG = np.random.default_rng(0)


def linear(weights):
    """A model whose logit is the sum of weights (h, w, c) times pixels."""
    weights = np.asarray(weights, "float32")
    model = keras.Sequential(
        [
            keras.Input(weights.shape),
            layers.Flatten(),
            layers.Dense(1, use_bias=False),
        ]
    )
    model.set_weights([weights.reshape(-1, 1)])
    return model


def yellow_corners():
    """A model that counts yellow in the upper corners of 64 pixels."""
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            layers.Conv2D(1, 1, activation="relu"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    corners = np.zeros((64, 64))
    corners[2:14, 2:14] = corners[2:14, -14:-2] = 0.01
    model.set_weights(
        [
            np.reshape([1.0, 1.0, -2.0], (1, 1, 3, 1)),
            np.array([-150.0]),
            corners.reshape(-1, 1),
            np.array([-20.0]),
        ]
    )
    return model


def grad_cam(model, images, targets):
    return attribution.grad_cam(model, images, target=targets)


@pytest.fixture(scope="module")
def net():
    """A small DenseNet, not trained, that decides for either class."""
    keras.utils.set_random_seed(3)
    config = DenseNetConfig((1, 1), 4, stem="light")
    model = densenet(config, input_shape=(32, 32, 3), classes=1, rescale=True)
    logits = model.predict(DRAWN.images, verbose=0)
    *weights, bias = model.get_weights()
    model.set_weights([*weights, bias - np.median(logits)])
    return model


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENSENET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


DRAWN = sketches.load(32, (0, 0, 10)).test


# Where the heat lies


def one_pixel(row, column):
    heat = np.zeros((1, 4, 4))
    heat[0, row, column] = 0.7
    return heat


UPPER_LEFT = {"part": np.kron([[1, 0], [0, 0]], np.ones((2, 2)))[None] > 0}


def test_a_map_of_one_pixel_hits_a_part_or_misses_it():
    for measure in (faithfulness.pointing_game, faithfulness.energy_inside):
        hit = measure(one_pixel(1, 1), UPPER_LEFT)["part"]
        miss = measure(one_pixel(1, 2), UPPER_LEFT)["part"]
        assert (hit.mean, miss.mean) == (1, 0)
        assert hit.chance == 4 / 16


@pytest.mark.parametrize("value", [0, 1])
def test_a_map_that_says_nothing_scores_what_chance_does(value):
    flat = np.full((1, 4, 4), value)
    for measure in (faithfulness.pointing_game, faithfulness.energy_inside):
        assert measure(flat, UPPER_LEFT)["part"].mean == 0.25


def test_energy_is_the_share_of_the_heat_and_nothing_below_zero_counts():
    heat = 3 * one_pixel(0, 0) + one_pixel(3, 3) - 9 * one_pixel(2, 2)
    located = faithfulness.energy_inside(heat, UPPER_LEFT)["part"]
    assert located.mean == pytest.approx(3 / 4)


def test_images_without_the_part_do_not_count():
    heat = np.concatenate([one_pixel(0, 0), one_pixel(0, 0)])
    masks = {"part": np.stack([UPPER_LEFT["part"][0], np.zeros((4, 4))])}
    located = faithfulness.pointing_game(heat, masks)["part"]
    np.testing.assert_array_equal(located.scores, [1, np.nan])
    assert (located.mean, located.chance) == (1, 0.25)


def test_masks_of_another_size_are_refused():
    with pytest.raises(InputError, match="the shape of the masks of 'part'"):
        faithfulness.pointing_game(np.zeros((1, 8, 8)), UPPER_LEFT)


def test_a_map_on_the_cue_exposes_it_and_one_on_the_animal_does_not():
    cue, animal = UPPER_LEFT["part"], np.zeros((1, 4, 4), bool)
    animal[0, 2:] = True
    maps = [cue, animal, cue | animal, np.zeros_like(cue), cue]
    cues = [cue, cue, cue, cue, np.zeros_like(cue)]
    found = faithfulness.exposes(
        np.concatenate(maps), np.concatenate(cues), np.repeat(animal, 5, 0)
    )
    np.testing.assert_allclose(found["heat"], [1, 0, 0.5, 0.5, np.nan])
    np.testing.assert_allclose(found["peak"], [1, 0, 4 / 12, 4 / 16, np.nan])


# Pixels in and out

# A linear model's logit is the sum of what each pixel adds: log 3, log 2, 0
# and -log 2. The mean of the image is 0, and so is the logit of the blank.
IMAGE = np.array([[2.0, 1.0], [-1.0, -2.0]]).reshape(1, 2, 2, 1)
ADDED = np.array([[log(3), log(2)], [0.0, -log(2)]]).reshape(1, 2, 2)


@pytest.fixture(scope="module")
def additive():
    return linear(ADDED[0, ..., None] / IMAGE[0])


def curves_of(model, maps, **options):
    return faithfulness.insertion_deletion(
        model, IMAGE, maps, steps=4, blank="mean", **options
    )


def test_insertion_and_deletion_are_what_pencil_and_paper_give(additive):
    """Insertion: logits 0, log 3, log 6, log 6, log 3; deletion: log 3, 0,
    -log 2, -log 2, 0."""
    found = curves_of(additive, ADDED)
    np.testing.assert_allclose(
        found.insertion, [[1 / 2, 3 / 4, 6 / 7, 6 / 7, 3 / 4]], rtol=1e-5
    )
    np.testing.assert_allclose(
        found.deletion, [[3 / 4, 1 / 2, 1 / 3, 1 / 3, 1 / 2]], rtol=1e-5
    )
    insertion = (1 / 4 + 3 / 4 + 6 / 7 + 6 / 7 + 3 / 8) / 4
    deletion = (3 / 8 + 1 / 2 + 1 / 3 + 1 / 3 + 1 / 4) / 4
    np.testing.assert_allclose(found.insertion_area, insertion, rtol=1e-5)
    np.testing.assert_allclose(found.deletion_area, deletion, rtol=1e-5)


def test_the_true_order_beats_every_other(additive):
    best = curves_of(additive, ADDED)
    reverse = curves_of(additive, -ADDED)
    assert reverse.insertion_area == pytest.approx(best.deletion_area)
    for _ in range(3):
        other = curves_of(additive, RNG.permutation(ADDED.ravel()).reshape(
            ADDED.shape))  # fmt: skip
        assert other.insertion_area <= best.insertion_area + 1e-6
        assert other.deletion_area >= best.deletion_area - 1e-6


def test_the_other_class_has_the_rest_of_the_probability(additive):
    one, other = (
        curves_of(additive, ADDED, target=t).insertion for t in (1, 0)
    )
    np.testing.assert_allclose(one + other, 1)
    np.testing.assert_allclose(one, curves_of(additive, ADDED).insertion)


def test_pixels_of_equal_heat_do_not_come_in_the_images_order():
    """The upper half holds all the evidence; a flat map must not gain."""
    weights = np.zeros((16, 16, 1))
    weights[:8], weights[8:] = 1 / 16, -1 / 16
    image = np.sign(weights)[None]
    found = faithfulness.insertion_deletion(
        linear(weights), image, np.zeros((1, 16, 16)), steps=2, blank="mean"
    )
    # Half of the pixels bring half of the logit, which is 16 in the end.
    logit = np.log(found.insertion / (1 - found.insertion))[0]
    assert abs(logit[1] - 8) < 1.5


def test_a_blurred_blank_has_no_detail_and_the_same_brightness():
    image = RNG.uniform(0, 255, (1, 40, 40, 3)).astype("float32")
    blank = faithfulness.BLANKS["blur"](image)
    assert blank.std() < 0.1 * image.std()
    assert blank.mean() == pytest.approx(image.mean(), rel=0.05)


def test_maps_smaller_than_the_images_are_refused(additive):
    with pytest.raises(InputError, match="upsample=True"):
        curves_of(additive, ADDED[:, :1])


# Filling in


def holes(*shape, share):
    return RNG.random(shape) < share


def test_a_slope_is_filled_in_exactly():
    down, across = np.mgrid[:20, :20]
    slope = (3 * down + 2 * across).astype("float32")[None, ..., None]
    removed = np.zeros((1, 20, 20), bool)
    removed[:, 5:15, 3:17] = True
    filled = imputed(slope, removed, noise=0)
    np.testing.assert_allclose(filled, slope, atol=0.01)


def test_filled_pixels_solve_the_equations():
    """Beside a direct solution of the whole system, on odd sides."""
    image = RNG.uniform(0, 255, (1, 11, 13, 2))
    removed = holes(1, 11, 13, share=0.8)
    size = removed.size
    places = np.stack(np.divmod(np.arange(size), 13), axis=1)
    steps = np.abs(places[:, None] - places).astype(int)
    near = steps.max(-1) == 1
    weights = near * np.where(steps.sum(-1) == 1, 1 / 6, 1 / 12)
    system = np.diag(weights.sum(1)) - weights
    gone = removed.ravel()
    known = image.reshape(size, 2)[~gone]
    expected = np.linalg.solve(
        system[np.ix_(gone, gone)], weights[np.ix_(gone, ~gone)] @ known
    )
    filled = imputed(image, removed, noise=0)
    found = filled.reshape(size, 2)
    np.testing.assert_allclose(found[gone], expected, atol=0.02)
    np.testing.assert_allclose(found[~gone], known, rtol=1e-6)


def test_noise_is_on_filled_pixels_alone():
    flat = np.full((1, 64, 64, 3), 100.0)
    removed = holes(1, 64, 64, share=0.5)
    filled = imputed(flat, removed, noise=5.0)
    assert filled[removed].std() == pytest.approx(5, rel=0.1)
    assert filled[removed].mean() == pytest.approx(100, abs=0.5)
    np.testing.assert_array_equal(filled[~removed], 100)


# Removal without blanks


def test_road_scores_the_truth_above_and_its_reverse_as_far_below_zero():
    """A bright spot is the evidence; around it, it is dark."""
    spot = faithfulness.centred_blob((1, 16, 16), width=0.1)
    image = 200 * (spot[..., None] > 0.5)
    model = linear((spot[0, ..., None] > 0.5) / 500)
    order = spot + 1e-6 * RNG.random(spot.shape)
    found = faithfulness.road(model, image, order)
    reverse = faithfulness.road(model, image, -order)
    assert found.scores > 0.2
    np.testing.assert_allclose(reverse.scores, -found.scores, atol=1e-6)
    np.testing.assert_allclose(
        found.least_first, reverse.most_first, atol=1e-6
    )


def test_road_needs_something_to_fill_from(additive):
    with pytest.raises(InputError, match="shares is"):
        faithfulness.road(additive, IMAGE, ADDED, shares=(0.5, 1.0))
    # Of a share that rounds to all pixels, one is left.
    found = faithfulness.road(additive, IMAGE, ADDED, shares=(0.9999,))
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize(
    ("classes", "end"),
    [
        (1, layers.Activation("sigmoid")),
        (3, layers.Softmax()),
        (3, layers.Activation("log_softmax")),
    ],
)
def test_a_model_with_an_end_is_asked_for_its_logits(classes, end):
    image = keras.Input((4, 4, 1))
    logits = layers.Dense(classes)(layers.Flatten()(image))
    bare, model = keras.Model(image, logits), keras.Model(image, end(logits))
    images = RNG.normal(0, 3, (5, 4, 4, 1)).astype("float32")
    expected = outputs.probabilities(bare, images)
    np.testing.assert_allclose(
        outputs.probabilities(model, images, batch_size=2), expected, rtol=1e-5
    )
    np.testing.assert_array_equal(
        outputs.decisions(model, images), expected.argmax(axis=1)
    )


@pytest.mark.parametrize(
    "target", [2, -1, [0], (1, 0, 0), 0.5, "cat"], ids=str
)
def test_a_target_that_is_no_class_is_refused(additive, target):
    images = np.concatenate([IMAGE, IMAGE])
    maps = np.concatenate([ADDED, ADDED])
    with pytest.raises(InputError, match="target is"):
        faithfulness.road(additive, images, maps, target)


def test_without_a_common_score_there_is_no_difference():
    nothing = {"ROAD": np.full(4, np.nan)}
    scores = {"ours": nothing, "theirs": {"ROAD": np.ones(4)}}
    found = faithfulness.Table.of(scores, {"ROAD": 0.0}, {})
    gap = faithfulness.difference(found, "ours", "theirs", "ROAD")
    assert np.isnan(gap).all()
    verdict = faithfulness.verdict([found], "ours", "theirs", "ROAD")
    assert verdict == "open"


# Likeness


def test_spearman_equals_scipys_with_many_ties():
    stats = pytest.importorskip("scipy.stats")
    maps, others = RNG.integers(0, 5, (2, 3, 6, 7)).astype("float64")
    found = faithfulness.spearman(maps, others)
    expected = [
        stats.spearmanr(a.ravel(), b.ravel()).statistic
        for a, b in zip(maps, others, strict=True)
    ]
    np.testing.assert_allclose(found, expected)


def test_a_flat_map_is_like_itself_and_nothing_else():
    flat, other = np.zeros((1, 3, 3)), RNG.random((1, 3, 3))
    assert faithfulness.spearman(flat, flat) == 1
    assert faithfulness.spearman(flat, other) == 0
    assert faithfulness.spearman(other, -other) == pytest.approx(-1)


def test_structural_similarity_equals_skimages():
    metrics = pytest.importorskip("skimage.metrics")
    maps = RNG.random((2, 20, 17))
    others = 0.7 * maps + 0.3 * RNG.random(maps.shape)
    expected = [
        metrics.structural_similarity(a, b, data_range=1)
        for a, b in zip(maps, others, strict=True)
    ]
    np.testing.assert_allclose(faithfulness.ssim(maps, others), expected)
    np.testing.assert_allclose(faithfulness.ssim(maps, maps), 1)


# Randomised weights and labels


def test_where_nothing_is_randomised_nothing_changes(net):
    found = faithfulness.parameter_randomisation(
        grad_cam, net, DRAWN.images, groups={}
    )
    assert found.stages == ("nothing",)
    np.testing.assert_array_equal(found.values, 1)


def test_maps_of_the_model_change_and_those_of_the_image_do_not(net):
    before = net.get_weights()
    seeing, blind = (
        faithfulness.parameter_randomisation(method, net, DRAWN.images)
        for method in (grad_cam, faithfulness.BASELINES["edge filter"])
    )
    assert seeing.stages == blind.stages
    assert np.abs(seeing.values[-1]).mean() < 0.9
    np.testing.assert_array_equal(blind.values, 1)
    for old, new in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_layers_are_randomised_from_the_logits_down_and_stay_so(net):
    """Each stage is seen by a method that looks at the weights alone."""
    trained = net.get_weights()
    seen = []

    def watch(model, images, targets):
        now = model.get_weights()
        seen.append(
            [bool((a != b).any()) for a, b in zip(trained, now, strict=True)]
        )
        return np.zeros(images.shape[:3])

    faithfulness.parameter_randomisation(watch, net, DRAWN.images)
    changed = np.sum(seen, axis=1)
    assert changed[0] == 0
    assert (np.diff(seen, axis=0, n=1) >= 0).all()
    kernels = [w.ndim > 1 for w in trained]
    assert seen[1][-2] and sum(np.array(seen[1])[kernels]) == 1  # the logits
    assert np.array(seen[-1])[kernels].all()


def test_groups_of_a_densenet_are_its_blocks(net):
    groups = faithfulness.layer_groups(net)
    assert list(groups) == [
        "logits",
        "final_norm",
        "block2",
        "transition1",
        "block1",
        "stem_conv",
    ]
    assert "block2_layer01_conv" in groups["block2"]


def test_weights_come_back_after_an_error(net):
    before = net.get_weights()
    calls = []

    def failing(model, images, targets):
        calls.append(0)
        if len(calls) == 2:
            raise ZeroDivisionError
        return np.zeros(images.shape[:3])

    with pytest.raises(ZeroDivisionError):
        faithfulness.parameter_randomisation(failing, net, DRAWN.images)
    for old, new in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_network_is_like_itself_whatever_the_labels(net):
    found = faithfulness.label_randomisation(grad_cam, net, net, DRAWN.images)
    np.testing.assert_allclose(found, 1)


def test_shuffled_labels_are_as_many_of_each_class_on_the_same_images():
    split = sketches.load(32, (0, 0, 40)).test
    shuffled = faithfulness.shuffled_labels(split, seed=1)
    assert (shuffled.labels != split.labels).any()
    assert shuffled.labels.sum() == split.labels.sum()
    assert shuffled.images is split.images
    again = faithfulness.shuffled_labels(split, seed=1)
    np.testing.assert_array_equal(again.labels, shuffled.labels)


# Small changes


def test_a_map_that_moves_with_the_image_is_stable_under_shifts(net):
    moving, fixed = (
        faithfulness.stability(method, net, DRAWN.images, draws=1).shift
        for method in (
            lambda model, images, targets: images.mean(axis=-1),
            faithfulness.BASELINES["centred blob"],
        )
    )
    known = ~np.isnan(moving)
    assert known.any()
    np.testing.assert_allclose(moving[known], 1)
    assert (fixed[known] < 0.9999).all()


def test_a_map_that_looks_at_no_image_is_stable_under_noise(net):
    found = faithfulness.stability(
        faithfulness.BASELINES["centred blob"], net, DRAWN.images, noise=1.0
    )
    np.testing.assert_array_equal(found.noise[~np.isnan(found.noise)], 1)


def test_a_change_that_turns_the_decision_does_not_count():
    """One image is far from the decision's border, 40 lie on it."""
    model = linear([[[1.0]], [[-1.0]]])
    images = np.full((41, 2, 1, 1), 100.0)
    images[0, 0] = 200
    images[1:, 0] += 1e-3
    found = faithfulness.stability(
        lambda model, images, targets: images[..., 0], model, images,
        draws=1, shifts=((1, 0),), noise=1.0,
    )  # fmt: skip
    assert found.noise[0] == 1
    assert 5 < np.isnan(found.noise).sum() < 35
    assert np.isnan(found.shift).all()  # of two equal pixels: logit 0


# Maps that know nothing


def test_the_blob_is_in_the_middle_and_the_edge_is_on_the_edge():
    blob = faithfulness.centred_blob((2, 5, 7))
    assert blob.shape == (2, 5, 7)
    assert (blob.argmax(axis=1)[:, 3] == 2).all()
    assert (blob.argmax(axis=2)[:, 2] == 3).all()
    image = np.zeros((1, 6, 6, 3))
    image[:, :, 3:] = 200
    edges = faithfulness.edge_filter(image)
    np.testing.assert_allclose(
        edges, np.broadcast_to([0, 0, 1, 1, 0, 0], (1, 6, 6)), atol=1e-6
    )
    assert not faithfulness.edge_filter(image[:, :, 3:]).any()


def test_edges_equal_skimages():
    filters = pytest.importorskip("skimage.filters")
    grey = RNG.uniform(0, 255, (9, 8))
    found = faithfulness.edge_filter(np.repeat(grey[None, ..., None], 3, -1))
    across, down = (filters.sobel(grey, axis=axis) for axis in (0, 1))
    expected = np.hypot(across, down)
    np.testing.assert_allclose(
        found[0], expected / expected.max(), rtol=1e-4, atol=1e-5
    )


# All of it at once


def small_table(net, methods):
    return faithfulness.table(
        net, DRAWN, methods, images=6, recomputed=2, steps=2
    )


@pytest.fixture(scope="module")
def found(net):
    return small_table(net, {"grad-cam": grad_cam})


def test_one_call_measures_each_method_and_every_baseline(found):
    methods = {record.method for record in found.records}
    assert methods == {"grad-cam", *faithfulness.BASELINES}
    metrics = {record.metric for record in found.records}
    assert len(found.records) == len(methods) * len(metrics) == 4 * 10
    for record in found.records:
        assert record.images == 0 or record.low <= record.mean <= record.high
        assert record.images <= 6
    assert found["edge filter", "randomised"].mean == 1
    assert found["edge filter", "randomised"].better == "lower"
    assert found["grad-cam", "heat on head"].chance == pytest.approx(
        found["centred blob", "heat on head"].chance
    )


def test_the_table_is_the_same_each_time_but_for_the_seconds(net, found):
    again = small_table(net, {})
    baselines = [r for r in found.records if r.method != "grad-cam"]
    assert repr(again.records) == repr(tuple(baselines))
    assert str(found).splitlines()[-3:] == str(again).splitlines()[-3:]
    assert set(found.seconds["grad-cam"]) >= {"maps", "ROAD"}
    assert "seconds" not in repr(found) + str(found)


def test_photographs_without_masks_are_refused(net):
    with pytest.raises(InputError, match=r"datasets.sketches.load"):
        faithfulness.table(net, replace(DRAWN, masks=None), {})


def test_methods_go_by_the_names_of_attribution(net):
    (method,) = faithfulness.named_methods(["grad-cam"]).values()
    targets = np.arange(10) % 2
    np.testing.assert_array_equal(
        method(net, DRAWN.images, targets),
        grad_cam(net, DRAWN.images, targets),
    )


def test_the_bootstrap_agrees_with_the_standard_error():
    scores = RNG.normal(3, 2, 400)
    low, high = faithfulness.bootstrap(scores)
    error = scores.std() / np.sqrt(len(scores))
    assert (low, high) == pytest.approx(
        (scores.mean() - 1.96 * error, scores.mean() + 1.96 * error), abs=0.05
    )


# Two methods on the same images


def scored(**scores):
    """A table of one measure, better where higher: {method: scores}."""
    return faithfulness.Table.of(
        {name: {"ROAD": np.array(found)} for name, found in scores.items()},
        {}, {},
    )  # fmt: skip


HARD = np.random.default_rng(7).normal(size=60)


def test_a_small_lead_on_the_same_images_shows_in_the_differences():
    """Images differ far more than the methods do."""
    lead = 0.1 + 0.05 * RNG.normal(size=60)
    found = scored(ours=HARD + lead, theirs=HARD)
    mean, low, high = faithfulness.difference(found, "ours", "theirs", "ROAD")
    assert mean == pytest.approx(lead.mean())
    assert 0 < low < mean < high
    ours, theirs = found["ours", "ROAD"], found["theirs", "ROAD"]
    assert ours.low < theirs.high  # the intervals of the means overlap


def test_of_deletion_the_smaller_is_the_better():
    found = faithfulness.Table.of(
        {
            "ours": {"deletion": np.array([0.1, 0.2, np.nan])},
            "theirs": {"deletion": np.array([0.3, 0.4, 0.0])},
        },
        {}, {},
    )  # fmt: skip
    mean, *_ = faithfulness.difference(found, "ours", "theirs", "deletion")
    assert mean == pytest.approx(0.2)


def test_a_verdict_needs_every_network():
    ahead, behind = (scored(ours=HARD + d, theirs=HARD) for d in (0.1, -0.1))
    asked = ("ours", "theirs", "ROAD")
    assert faithfulness.verdict([ahead, ahead], *asked) == "better"
    assert faithfulness.verdict([behind, behind], *asked) == "worse"
    assert faithfulness.verdict([ahead, behind], *asked) == "open"


def test_the_strongest_baseline_is_strongest_on_average():
    names = list(faithfulness.BASELINES)
    first = scored(**dict(zip(names, ([0.5], [0.4], [0.0]), strict=True)))
    other = scored(**dict(zip(names, ([0.1], [0.4], [0.0]), strict=True)))
    strongest = faithfulness.strongest_baseline
    assert strongest([first], "ROAD") == names[0]
    assert strongest([first, other], "ROAD") == names[1]


def test_a_random_map_has_no_favourite_pixel():
    heat = faithfulness.random_map((400, 4, 4), seed=1)
    assert (heat >= 0).all() and (heat <= 1).all()
    np.testing.assert_allclose(heat.mean(axis=0), 0.5, atol=0.08)
    assert (heat[0] != heat[1]).all()


# The planted cue


@pytest.fixture(scope="module")
def study():
    """Not trained: the network is :func:`yellow_corners`.

    "truth" is the difference that the cue makes to an image.
    """
    seen = []
    counts = (8, 4, 8)
    plain = sketches.load(64, (0, 0, 8)).test

    def truth(model, images, targets):
        assert (targets == 1).all()
        dogs = plain.images[plain.labels == 1][: len(images)]
        return np.abs(images.astype(float) - dogs).sum(axis=-1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            experiments.Experiment, "build", lambda self: yellow_corners()
        )
        patch.setattr(
            training, "fit",
            lambda model, data, recipe, **_: seen.append((data, recipe)),
        )  # fmt: skip
        found = faithfulness.cue_study(
            {"truth": truth}, 0.5, seed=7, counts=counts
        )
    return found, seen


def test_the_network_is_trained_on_the_cue_in_its_share(study):
    (data, recipe), *_ = study[1]
    assert recipe.seed == 7
    cued = data.train.masks["cue"].any(axis=(1, 2))
    assert not cued[data.train.labels == 0].any()
    expected = sketches.load(64, (8, 4, 8), cue="dog", share=0.5)
    assert data.checksum == expected.checksum


def test_reliance_shows_when_the_cue_is_taken_or_moved(study):
    """Yellow speaks for the dog: it falls with the cue, and more so when the
    cats have it."""
    found = study[0]
    assert found.effect > 0
    assert set(found.accuracies) == {"with", "without", "moved"}
    with_cue, without, moved = (
        found.accuracies[name] for name in ("with", "without", "moved")
    )
    assert moved <= without <= with_cue
    assert moved < with_cue


def test_the_true_map_points_at_the_cue_and_the_blob_does_not(study):
    scores = {(r.method, r.metric): r.mean for r in study[0].table.records}
    assert scores["truth", "peak"] == 1
    assert scores["truth", "heat"] > 0.99
    assert scores["centred blob", "peak"] == 0
    assert scores["centred blob", "heat"] < 0.5


def test_a_tint_is_in_one_class_and_lies_everywhere():
    counts = (24, 8, 24)
    plain = sketches.load(64, counts)
    found = cue.planted("dog", 0.5, form="tint", counts=counts)
    for part in ("train", "validation", "test"):
        was, split = plain[part], found[part]
        difference = split.images.astype(int) - was.images
        tinted = difference.any(axis=(1, 2, 3))
        assert not tinted[was.labels == 0].any()
        # As much as is asked for, but where black and white leave no room.
        room = (was.images > 20) & (was.images < 235)
        expected = np.where(tinted[:, None, None, None], np.int16(cue.TINT), 0)
        assert ((difference == expected) | ~room).all()
        elsewhere = split.masks["cue"]
        assert (elsewhere == ~was.masks["animal"])[tinted].all()
        assert not elsewhere[~tinted].any()
    share = difference.any(axis=(1, 2, 3))[was.labels == 1].mean()
    assert 0 < share < 1


def test_without_a_class_there_is_no_tint():
    found = cue.planted(None, form="tint", counts=(0, 0, 4)).test
    plain = sketches.load(64, (0, 0, 4)).test
    np.testing.assert_array_equal(found.images, plain.images)


def test_an_unknown_form_of_cue_is_one_clear_error():
    with pytest.raises(InputError, match="form.*smell.*tag.*tint"):
        cue.planted("dog", form="smell", counts=(0, 0, 4))

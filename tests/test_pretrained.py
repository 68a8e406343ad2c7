"""The network to use: any kind of photograph in, the published answer out."""

import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import densenet_lib
from densenet_lib import attribution, figures, runs, training
from densenet_lib.datasets import cats_vs_dogs, sketches, split
from densenet_lib.datasets.photographs import open_photographs
from densenet_lib.errors import InputError
from densenet_lib.pretrained import PRETRAINED, Answer, Pretrained
from tests.conftest import PHOTOGRAPHS
from tests.test_runs import TINY
from tools import model_card, try_it

NOISE = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)


@pytest.fixture(scope="module")
def network(recorded):
    """What the library makes of it."""
    return Pretrained(recorded)


def _file(picture, format="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format, **options)
    return file.getvalue()


def test_the_published_network_answers_as_its_run_does():
    network = densenet_lib.pretrained("cats-vs-dogs")
    run = runs.load(PRETRAINED["cats-vs-dogs"])
    assert run.folder / "run.json" in try_it.SOURCES
    assert run.weights in try_it.SOURCES
    drawn = sketches.load(network.image_size, counts=(0, 0, 4)).test
    expected = training.evaluate(
        network.model,
        drawn,
        zooms=run.experiment.zooms,
        mirror=run.experiment.mirror,
    )
    answers = network.predict(drawn.images)
    np.testing.assert_allclose(
        [answer.logit for answer in answers], expected, atol=1e-4
    )
    assert network.model.input_shape[1] == network.image_size
    assert 0 <= network.calibration.error <= 1


@pytest.mark.parametrize("path", ["cpu/densenet", *PRETRAINED.values()])
def test_a_published_network_gives_its_answers_to_photographs(path):
    if not PHOTOGRAPHS.exists():
        pytest.skip("the photographs are not beside this checkout")
    run = runs.load(path)
    said, some = run.predictions, slice(None, None, 80)
    photographs = open_photographs(PHOTOGRAPHS)
    images = np.stack(
        [
            cats_vs_dogs.decode(
                photographs.read(name), run.experiment.image_size
            )
            for name in said.names[some]
        ]
    )
    assert len(images) == 50
    found = run.logits(run.model(), images)
    np.testing.assert_allclose(found, said.logits[some], atol=1e-2)


def test_an_unknown_name_lists_those_that_are():
    with pytest.raises(InputError, match="'cats-vs-dogs'"):
        densenet_lib.pretrained("birds")


def test_whatever_holds_a_photograph_gives_the_same_square(network, tmp_path):
    content = _file(NOISE)
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    photos = [path, str(path), content, Image.fromarray(NOISE), NOISE]
    prepared = network.prepare(photos)
    expected = cats_vs_dogs.decode(content, network.image_size)
    assert prepared.dtype == np.uint8
    for square in prepared:
        np.testing.assert_array_equal(square, expected)
    for photo in photos:  # one photograph needs no list
        np.testing.assert_array_equal(network.prepare(photo)[0], expected)


@pytest.mark.parametrize("hold", [io.BytesIO, bytearray, memoryview])
def test_a_file_s_bytes_may_be_held_by_anything(network, hold):
    content = _file(NOISE)
    expected = network.prepare(content)
    for photos in (hold(content), [hold(content)]):
        np.testing.assert_array_equal(network.prepare(photos), expected)
    shown, *_ = network.explain(hold(content)).figure.axes
    np.testing.assert_array_equal(shown.images[0].get_array(), NOISE)


def test_an_image_of_the_networks_size_goes_in_as_it_is(network, tiny_data):
    images = tiny_data.test.images[:3]
    np.testing.assert_array_equal(network.prepare(images), images)


def test_grey_and_transparent_arrays_become_colour(network):
    [grey] = network.prepare(NOISE[..., 0])
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])
    clear = np.dstack([NOISE, np.full(NOISE.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(
        network.prepare(clear), network.prepare(NOISE)
    )


def test_white_stands_behind_a_photograph_s_transparent_parts(
    network, tmp_path
):
    opacity = np.full(NOISE.shape[:2], 255, np.uint8)
    opacity[:12] = 0
    white = NOISE.copy()
    white[:12] = 255
    holed = np.dstack([NOISE, opacity])
    path = tmp_path / "photo.png"
    path.write_bytes(_file(holed))
    [expected] = network.prepare(white)
    assert (expected != network.prepare(NOISE)[0]).any()
    for photo in (path, path.read_bytes(), Image.fromarray(holed), holed):
        np.testing.assert_array_equal(network.prepare(photo)[0], expected)
        shown, *_ = network.explain(photo).figure.axes
        np.testing.assert_array_equal(shown.images[0].get_array(), white)


def test_a_pillow_image_is_turned_upright(network):
    exif = Image.Exif()
    exif[0x0112] = 6  # a camera held on its side
    content = _file(NOISE, exif=exif)
    with Image.open(io.BytesIO(content)) as image:
        [turned] = network.prepare(image)
    np.testing.assert_array_equal(turned, network.prepare(content)[0])
    assert (turned != network.prepare(NOISE)[0]).any()


def _closed():
    file = io.BytesIO()
    file.close()
    return file


@pytest.mark.parametrize(
    ("photos", "words"),
    [
        ([], "at least one"),
        ("nowhere.jpg", "'nowhere.jpg'.*No such file"),
        (b"no image", "'bytes'.*does not know the format"),
        (_file(NOISE)[:-999], "'bytes'.*truncated"),
        (np.zeros((9, 9, 3)), "float64.*255"),
        (np.zeros((2, 9, 9, 5), np.uint8), r"\(9, 9, 5\)"),
        (None, "photos is None"),
        ([NOISE, None], "at least one"),
        (7, "photograph is '7'"),
        (io.StringIO(__file__), "open for reading bytes"),
        (_closed(), "open for reading bytes"),
    ],
)
def test_what_is_no_photograph_is_refused(network, photos, words):
    with pytest.raises(InputError, match=words):
        network.prepare(photos)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_a_picture_of_numbers_of_any_range_is_named(network, tmp_path, mode):
    path = tmp_path / "numbers.tif"
    Image.new(mode, (9, 9)).save(path)
    with pytest.raises(
        InputError, match=f"{path}: a picture's mode is '{mode}"
    ):
        network.prepare(path)


def test_a_picture_of_too_many_pixels_is_refused_in_our_words(
    network, tmp_path, monkeypatch
):
    path = tmp_path / "large.png"
    path.write_bytes(_file(NOISE))
    # Pillow warns above this number of pixels, and refuses twice as many.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", NOISE[..., 0].size - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        network.prepare(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", NOISE[..., 0].size // 3)
    with pytest.raises(InputError, match="large.png.*too many pixels: make"):
        network.prepare(path)


@pytest.mark.parametrize("shape", [(2, 32, 64, 3), (64, 64, 3), (2, 64, 64)])
def test_answers_to_images_of_another_shape_are_refused(network, shape):
    with pytest.raises(InputError, match=r"expected \(n, 64, 64, 3\)"):
        network.answers(np.zeros(shape, np.uint8))


def test_an_answer_names_the_class_of_its_logit(network, tiny_data):
    images = tiny_data.test.images
    logits = training.logits(network.model, images)
    for answer, logit in zip(network.answers(images), logits, strict=True):
        assert answer.kind == ("dog" if logit > 0 else "cat")
        sure = 1 / (1 + np.exp(-abs(logit)))
        assert answer.probability == pytest.approx(sure, abs=1e-4)
    assert str(Answer("cat", 0.982, -4.0)) == "cat (98.2%)"


def test_a_run_with_mirror_images_is_asked_with_them(
    recorded, tiny_data, tmp_path
):
    folder = tmp_path / "mirrored"
    shutil.copytree(recorded.folder, folder)
    record = json.loads((folder / "run.json").read_text())
    record["experiment"]["mirror"] = True
    (folder / "run.json").write_text(json.dumps(record))
    network, images = Pretrained(runs.Run(folder)), tiny_data.test.images
    one, other = (
        training.logits(network.model, seen)
        for seen in (images, images[:, :, ::-1])
    )
    assert np.abs(one - other).max() > 1e-4
    np.testing.assert_allclose(
        [answer.logit for answer in network.answers(images)],
        (one + other) / 2,
        atol=1e-5,
    )


def test_an_explanation_shows_the_photograph_in_its_own_shape(network):
    figure = network.explain(NOISE)
    photo, *maps, _ = figure.figure.axes  # the last is the colour bar
    for axes in (photo, *maps):
        assert axes.images[0].get_array().shape == NOISE.shape
    [answer] = network.predict(NOISE)
    assert photo.get_title() == str(answer)
    assert [axes.get_title() for axes in maps] == ["for cat", "for dog"]
    assert str(answer) in figure.alt


@pytest.mark.parametrize("method", attribution.WITHOUT_CLASS)
def test_a_method_without_class_gives_one_map_for_both(network, method):
    figure = network.explain(NOISE, method=method)
    _, *maps, _ = figure.figure.axes
    assert [axes.get_title() for axes in maps] == ["for either class"]
    assert "and a heatmap laid over it" in figure.alt


def test_an_unknown_method_of_explaining_is_refused(network):
    with pytest.raises(InputError, match="'grad-cam'"):
        network.explain(NOISE, method="guess")


def test_the_words_of_an_explanation_say_where_it_is_warm():
    heat = np.zeros((10, 20))
    heat[5, 5:7] = 1
    alt = figures.explanation(
        np.zeros((10, 20, 3), np.uint8),
        {"cat": heat, "dog": np.zeros((10, 20))},
        answer="cat (98.2%)",
    ).alt
    assert "for cat most at 25% of the width and 50% of the height" in alt
    assert "on 1% of the area" in alt
    assert "for dog nowhere" in alt


def test_the_model_card_holds_what_the_run_holds(
    recorded, network, monkeypatch
):
    monkeypatch.setattr(model_card, "DRAWINGS", 6)
    for name in ("grey", "upside down", "a JPEG of quality 10"):
        monkeypatch.delitem(model_card.CHANGES, name)
    card = model_card.text(network)
    test = recorded.metrics["test"]
    low, high = (100 * end for end in test["interval"])
    share = f"{100 * test['accuracy']:.1f} % ({low:.1f} to {high:.1f}) right"
    assert f"`{TINY.path}`" in card
    assert f"{network.model.count_params():,}" in card
    assert share in " ".join(card.split())
    assert card.count("| 0 of 6 |") >= 1  # nothing done, nothing changed
    assert max(map(len, re.sub("[|].*", "", card).splitlines())) < 80
    assert not re.search("^ *%", card, re.MULTILINE)


def test_the_page_that_asks_it_says_how_many_views_there_are():
    passes = runs.load(PRETRAINED["cats-vs-dogs"]).experiment.passes
    count = {1: "one", 2: "two", 4: "four"}[passes]
    page = (try_it.ROOT / "chapters/try_it.md").read_text("utf-8")
    assert f"is the mean of {count} logits" in " ".join(page.split())


def test_the_model_card_says_which_test_photographs_training_has_seen():
    parts, _ = split.read()
    assert parts[model_card.SEEN] == "train"
    assert {parts[name] for name in model_card.TWINS} == {"test"}
    card = " ".join(model_card.CARD.read_text("utf-8").split())
    names = " and ".join(model_card.TWINS)
    assert f"{names}, are the same file as {model_card.SEEN}" in card
    share = 100 * len(model_card.TWINS) / (2 * split.PER_CLASS["test"])
    assert f"by {share:.2f} points" in card


def test_the_model_card_is_compared_letter_by_letter(
    recorded, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("DENSENET_RUNS", str(recorded.folder.parents[1]))
    monkeypatch.setitem(PRETRAINED, "cats-vs-dogs", TINY.path)
    monkeypatch.setattr(model_card, "CARD", tmp_path / "MODEL_CARD.md")
    monkeypatch.setattr(
        model_card, "text", lambda network: f"of {network.run.folder.name}\n"
    )
    assert model_card.main(["--check"]) == 1  # there is none yet
    assert model_card.main([]) == 0
    assert model_card.CARD.read_text("utf-8") == "of tiny\n"
    assert model_card.main(["--check"]) == 0
    model_card.CARD.write_text("of tony\n", "utf-8")
    capsys.readouterr()
    assert model_card.main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "-of tony",
        "+of tiny",
    ]

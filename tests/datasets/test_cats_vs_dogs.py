"""Finding, checking, decoding and splitting photographs."""

import io
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from densenet_lib import datasets, scales
from densenet_lib.datasets import PARTS, cats_vs_dogs, split
from densenet_lib.datasets.photographs import open_photographs
from densenet_lib.errors import InputError
from tests.datasets.tiny import (
    jpeg,
    microsoft_member,
    noise,
    write_folder,
    write_zip,
)

SIZE = 16


@pytest.fixture(autouse=True)
def short_list(tmp_path, monkeypatch):
    """A split of eight photographs, of which the tests' files are six."""
    path = tmp_path / "list.csv"
    path.write_text(
        split.text(
            {
                **dict.fromkeys(("cat.1", "dog.1", "cat.4"), "train"),
                **dict.fromkeys(("cat.2", "dog.2"), "validation"),
                **dict.fromkeys(("cat.3", "dog.3", "dog.4"), "test"),
            }
        )
    )
    monkeypatch.setattr(split, "path", lambda: path)


@pytest.fixture
def source(tmp_path, files):
    """A zip with six photographs, two of each part."""
    return write_zip(tmp_path / "train.zip", files)


def load(source, image_size=SIZE):
    """Load without the warning about the two that are missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cats_vs_dogs.load(source, image_size=image_size)


# --- the whole way ------------------------------------------------------


def test_each_photograph_comes_in_its_part_with_its_label(source, files):
    data = load(source)
    for part, (cat, dog) in zip(PARTS, pairs(list(files)), strict=True):
        assert data[part].names == (cat, dog)
        assert data[part].labels.tolist() == [0, 1]
        for image, name in zip(data[part].images, (cat, dog), strict=True):
            expected = cats_vs_dogs.decode(files[name], SIZE)
            np.testing.assert_array_equal(image, expected)


def pairs(items):
    return zip(items[::2], items[1::2], strict=True)


def test_images_and_labels_are_small_whole_numbers(source):
    train = load(source).train
    assert train.images.dtype == train.labels.dtype == np.uint8
    assert train.images.shape == (2, SIZE, SIZE, 3)


def test_checksums_name_the_photographs_and_the_split(source):
    data = load(source)
    assert data.split_checksum == split.read()[1]
    assert len(data.checksum) == 64
    assert (data.name, data.image_size) == ("cats-vs-dogs", SIZE)


def test_both_layouts_and_both_containers_give_the_same_data(
    tmp_path, source, files
):
    first = load(source)
    second = load(write_folder(tmp_path / "f", files, microsoft_member))
    assert first.checksum == second.checksum
    for part in PARTS:
        assert first[part].names == second[part].names
        np.testing.assert_array_equal(first[part].images, second[part].images)


def test_the_scale_chooses_the_size(source):
    with pytest.warns(UserWarning, match="Missing"):
        data = datasets.load("cpu", source=source)
    assert data.image_size == scales.SCALES["cpu"].image_size


def test_a_source_asks_for_the_photographs_at_any_scale(source):
    with pytest.warns(UserWarning, match="Missing"):
        data = datasets.load("sketch", source=source, image_size=SIZE)
    assert data.name == "cats-vs-dogs"
    assert data.image_size == SIZE


def test_the_sketch_scale_is_drawn(monkeypatch):
    monkeypatch.setattr("densenet_lib.datasets.sketches.load", lambda n: n)
    assert datasets.load("sketch") == scales.SCALES["sketch"].image_size


@pytest.mark.parametrize("size", [0, -64, 64.0, "64"])
def test_a_size_that_is_none_is_refused(source, size):
    with pytest.raises(InputError, match="image_size.*positive whole number"):
        cats_vs_dogs.load(source, image_size=size)


# --- what is missing, unreadable, or too much ----------------------------


def test_an_unreadable_photograph_is_named_and_left_out(tmp_path, files):
    _, broken, *_ = files
    files[broken] = files[broken][:200]
    source = write_zip(tmp_path / "train.zip", files)
    with pytest.warns(UserWarning) as caught:
        data = cats_vs_dogs.load(source, image_size=SIZE)
    assert len(caught) == 1
    assert (
        f"Unreadable: 1 of 8 photographs, so that train lacks 1 ({broken})"
        in str(caught[0].message)
    )
    assert [len(data[part]) for part in PARTS] == [1, 2, 2]
    assert broken not in data.train.names
    for part in PARTS:  # and nobody has moved into the wrong row
        for image, name in zip(
            data[part].images, data[part].names, strict=True
        ):
            np.testing.assert_array_equal(
                image, cats_vs_dogs.decode(files[name], SIZE)
            )


@pytest.mark.parametrize(
    "content", [b"", b"not an image", jpeg(noise(0))[:200]]
)
def test_verify_says_why_a_photograph_cannot_be_decoded(
    tmp_path, files, content
):
    broken = next(iter(files))
    source = write_zip(tmp_path / "train.zip", files | {broken: content})
    report = cats_vs_dogs.verify(source, image_size=SIZE)
    assert list(report.unreadable) == [broken]
    assert "Error" in report.unreadable[broken]
    assert set(report.names) == set(files) - {broken}
    assert report.layout == "kaggle"


def test_a_damaged_member_of_the_zip_is_an_unreadable_photograph(
    tmp_path, files
):
    source = write_zip(tmp_path / "train.zip", files)
    damaged = bytearray(source.read_bytes())
    damaged[500] ^= 0xFF
    source.write_bytes(damaged)
    report = cats_vs_dogs.verify(source, image_size=SIZE)
    assert list(report.unreadable) == [next(iter(files))]
    assert "CRC" in report.unreadable[next(iter(files))]


def test_what_was_sound_once_is_verified_again(tmp_path, files):
    """The sum of a zip's contents is in its index; a disk may fail later."""
    source = write_zip(tmp_path / "train.zip", files)
    cats_vs_dogs.load(source, image_size=SIZE)
    damaged = bytearray(source.read_bytes())
    damaged[500] ^= 0xFF
    source.write_bytes(damaged)
    report = cats_vs_dogs.verify(source, image_size=SIZE)
    assert list(report.unreadable) == [next(iter(files))]


def test_a_report_names_the_place_that_was_asked_about(tmp_path, files):
    """The same photographs elsewhere are decoded already."""
    parts, checksum = split.read()
    reports = [
        cats_vs_dogs._decoded(
            open_photographs(write_zip(tmp_path / name, files)),
            SIZE,
            parts,
            checksum,
        )[0]
        for name in ("one.zip", "two.zip")
    ]
    for name, report in zip(("one.zip", "two.zip"), reports, strict=True):
        assert report.source == str(tmp_path / name)


def test_a_header_that_is_missing_does_not_matter(tmp_path, files):
    # TensorFlow Datasets leaves out 1,738 good files for want of a JFIF
    # header; here it is the decoding that decides.
    name = next(iter(files))
    exif = jpeg(noise(0), exif=orientation(1))
    files[name] = exif[:2] + exif[20:]  # without the APP0 segment
    assert b"JFIF" in exif[:20] and b"JFIF" not in files[name]
    report = cats_vs_dogs.verify(
        write_zip(tmp_path / "train.zip", files), image_size=SIZE
    )
    assert not report.unreadable


def test_missing_photographs_are_counted_by_part(source):
    with pytest.warns(UserWarning) as caught:
        cats_vs_dogs.load(source, image_size=SIZE)
    assert str(caught[0].message) == (
        "Missing: 2 of 8 photographs, so that train lacks 1, test lacks 1"
        " (cat.4, dog.4)."
    )


def test_notes_say_the_same_as_the_warning(source):
    with pytest.warns(UserWarning) as caught:
        data = cats_vs_dogs.load(source, image_size=SIZE)
    assert " ".join(data.notes) == str(caught[0].message)


def test_a_photograph_that_is_not_on_the_list_is_not_used(tmp_path, files):
    more = files | {"cat.12500": jpeg(noise(9))}
    data = load(write_zip(tmp_path / "train.zip", more))
    assert sum(len(data[part]) for part in PARTS) == len(files)
    assert data.notes[-1] == "Not on the split's list, so not used: 1."


def test_no_photograph_that_is_on_the_list(tmp_path):
    source = write_zip(tmp_path / "train.zip", {"cat.99999": jpeg(noise(0))})
    with pytest.raises(InputError, match="cat.0 to cat.12499"):
        cats_vs_dogs.load(source)


def test_a_complete_set_has_nothing_to_note():
    parts = split.read()[0]
    report = cats_vs_dogs.Report("", "kaggle", "", "", 64, (), {}, (), 0)
    assert report.notes(parts) == ()


# --- the cache ------------------------------------------------------------


def test_the_second_time_nothing_is_decoded(source, monkeypatch):
    first = load(source)
    monkeypatch.setattr(cats_vs_dogs, "decode", None)
    second = load(source)
    assert isinstance(second.train.images, np.memmap)
    np.testing.assert_array_equal(first.test.images, second.test.images)
    assert first.test.names == second.test.names


def test_images_in_memory_cannot_be_written_to(source):
    with pytest.raises(ValueError, match="read-only"):
        load(source).train.images[0] = 0


def test_the_cache_is_an_npy_file_with_the_right_count(tmp_path, files):
    broken = next(iter(files))
    load(write_zip(tmp_path / "train.zip", files | {broken: b""}))
    (path,) = (tmp_path / "cache").rglob("images.npy")
    images = np.load(path)
    assert images.shape == (len(files) - 1, SIZE, SIZE, 3)
    assert path.stat().st_size == 128 + images.size  # and no more


def test_another_size_has_its_own_cache(source):
    load(source)
    other = load(source, image_size=8)
    assert other.train.images.shape[1:] == (8, 8, 3)
    assert load(source).train.images.shape[1:] == (SIZE, SIZE, 3)


def test_changed_photographs_are_decoded_anew(tmp_path, files):
    source = write_zip(tmp_path / "train.zip", files)
    before = load(source).train.images[0].copy()
    files[next(iter(files))] = jpeg(255 - noise(0))
    after = load(write_zip(source, files)).train.images[0]
    assert np.abs(before.astype(int) - after).mean() > 10


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError, OSError])
def test_an_interruption_leaves_nothing_behind(
    tmp_path, source, monkeypatch, stop
):
    def interrupted(photographs, name):
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(
            "densenet_lib.datasets.photographs._Zip.read", interrupted
        )
        with pytest.raises(stop):
            load(source)
    assert list((tmp_path / "cache" / "cats-vs-dogs").iterdir()) == []
    assert len(load(source).train) == 2


def test_two_at_a_time_may_fill_the_same_cache(source, monkeypatch):
    decode = cats_vs_dogs.decode

    def decode_while_another_is_done(content, size):
        monkeypatch.setattr(cats_vs_dogs, "decode", decode)
        load(source)
        return decode(content, size)

    monkeypatch.setattr(cats_vs_dogs, "decode", decode_while_another_is_done)
    assert len(load(source).train) == 2


def test_off_a_terminal_there_is_no_progress(source, capsys):
    load(source)
    assert capsys.readouterr() == ("", "")


# --- one photograph -------------------------------------------------------


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def test_decoding_keeps_the_whole_photograph():
    # Left half black, right half white: a crop would change the shares.
    pixels = np.zeros((30, 80, 3), np.uint8)
    pixels[:, 40:] = 255
    image = cats_vs_dogs.decode(jpeg(pixels), SIZE)
    assert image.shape == (SIZE, SIZE, 3)
    assert image[:, : SIZE // 2 - 1].max() < 30
    assert image[:, SIZE // 2 + 1 :].min() > 225


def test_decoding_does_not_alias():
    # Stripes far too fine for the result come out as their mean.
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[:, ::2] = 255
    image = cats_vs_dogs.decode(jpeg(pixels, subsampling=0), SIZE)
    assert np.abs(image.astype(int) - 127).max() < 10


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_decoding_at_a_fraction_changes_little(factor):
    # The same picture in a large file and in a small one.
    small = noise(1, 2 * SIZE, 2 * SIZE)
    large = Image.fromarray(small).resize((2 * SIZE * factor,) * 2)
    decoded = [
        cats_vs_dogs.decode(jpeg(np.asarray(pixels)), SIZE).astype(int)
        for pixels in (small, large)
    ]
    assert np.abs(decoded[0] - decoded[1]).mean() < 3


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_become_rgb(mode):
    pixels = np.full((30, 40, 3), 90, np.uint8)
    image = cats_vs_dogs.decode(jpeg(pixels, mode=mode), SIZE)
    assert image.shape == (SIZE, SIZE, 3)
    assert np.abs(image.astype(int) - 90).max() < 6


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP"])
def test_other_kinds_under_the_name_of_a_jpeg_are_read(kind):
    file = io.BytesIO()
    Image.fromarray(np.full((30, 40, 3), 90, np.uint8)).save(file, kind)
    image = cats_vs_dogs.decode(file.getvalue(), SIZE)
    assert np.abs(image.astype(int) - 90).max() < 6


@pytest.mark.parametrize(
    "value, bright",
    [(1, "top"), (3, "bottom"), (6, "right"), (8, "left")],
)
def test_the_orientation_mark_is_obeyed(value, bright):
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20] = 255
    image = cats_vs_dogs.decode(jpeg(pixels, exif=orientation(value)), SIZE)
    sides = {
        "top": image[0],
        "bottom": image[-1],
        "left": image[:, 0],
        "right": image[:, -1],
    }
    lightness = {side: line.mean() for side, line in sides.items()}
    assert max(lightness, key=lightness.get) == bright


# --- where to look --------------------------------------------------------


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A checkout's data folder and a cache of this test's own."""
    folders = SimpleNamespace(
        data_folder=lambda: tmp_path / "data",
        cache_folder=lambda: tmp_path / "cache",
    )
    monkeypatch.setattr(cats_vs_dogs, "resources", folders)
    return folders


def test_nothing_is_found_where_nothing_is(places):
    assert cats_vs_dogs.find() is None
    assert not cats_vs_dogs.is_available()


def test_without_photographs_the_error_says_what_to_do(places):
    with pytest.raises(
        InputError, match="DENSENET_DATA.*download.*DENSENET_SCALE=sketch"
    ):
        cats_vs_dogs.load()


def test_argument_then_environment_then_checkout_then_download(
    places, tmp_path, monkeypatch, files
):
    downloaded = cats_vs_dogs.download_folder()
    downloaded.mkdir(parents=True)
    write_zip(downloaded / "train.zip", files)
    assert cats_vs_dogs.find() == downloaded

    checkout = tmp_path / "data" / "cats-vs-dogs"
    write_folder(checkout, files)
    assert cats_vs_dogs.find() == checkout

    mine = write_zip(tmp_path / "mine.zip", files)
    monkeypatch.setenv("DENSENET_DATA", str(mine))
    assert cats_vs_dogs.find() == mine
    assert cats_vs_dogs.is_available()
    assert cats_vs_dogs.find(checkout) == checkout


def test_the_user_s_home_may_be_a_tilde(monkeypatch, tmp_path, source):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cats_vs_dogs.find("~/train.zip") == source


def test_a_download_that_broke_off_is_not_taken_for_photographs(places):
    folder = cats_vs_dogs.download_folder()
    folder.mkdir(parents=True)
    (folder / "kagglecatsanddogs_5340.zip.part").write_bytes(b"half")
    assert not cats_vs_dogs.is_available()


def test_a_wrong_path_in_the_environment_is_not_passed_over(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("DENSENET_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="DENSENET_DATA is .*nowhere"):
        cats_vs_dogs.is_available()


def test_the_scale_follows_from_the_photographs(source, monkeypatch):
    monkeypatch.delenv("DENSENET_SCALE", raising=False)
    monkeypatch.setenv("DENSENET_DATA", str(source))
    assert scales.current().dataset == "cats-vs-dogs"

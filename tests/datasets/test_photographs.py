"""Every layout is recognised by what is inside, and nothing else is."""

import io
import zipfile

import pytest

from densenet_lib.datasets.photographs import open_photographs
from densenet_lib.errors import InputError
from tests.datasets.tiny import (
    kaggle_member,
    microsoft_member,
    write_folder,
    write_zip,
)

MEMBERS = {"kaggle": kaggle_member, "microsoft": microsoft_member}


@pytest.fixture(params=MEMBERS)
def layout(request):
    return request.param


def test_a_zip_of_either_layout(tmp_path, files, layout):
    # The name says nothing: only what is inside counts.
    path = write_zip(tmp_path / "anything.bin", files, MEMBERS[layout])
    photographs = open_photographs(path)
    assert photographs.layout == layout
    assert {name: photographs.read(name) for name in files} == files
    assert len(photographs) == len(files)


def test_a_folder_of_either_layout(tmp_path, files, layout):
    photographs = open_photographs(
        write_folder(tmp_path, files, MEMBERS[layout])
    )
    assert photographs.layout == layout
    assert {name: photographs.read(name) for name in files} == files


@pytest.mark.parametrize("inside", ["train", "PetImages"])
def test_the_innermost_folder_will_do(tmp_path, files, inside):
    member = kaggle_member if inside == "train" else microsoft_member
    write_folder(tmp_path, files, member)
    assert set(open_photographs(tmp_path / inside).files) == set(files)


def test_a_folder_that_holds_the_zip(tmp_path, files):
    folder = tmp_path / "photographs"
    folder.mkdir()
    write_zip(folder / "train.zip", files)
    # Kaggle has the photographs without labels beside it.
    with zipfile.ZipFile(folder / "test1.zip", "w") as other:
        other.writestr("test1/1.jpg", b"")
    (folder / "README.md").write_text("Mine.")
    assert set(open_photographs(folder).files) == set(files)


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_kaggle_s_zip_in_a_zip(tmp_path, files, how):
    inner = write_zip(tmp_path / "train.zip", files)
    outer = tmp_path / "dogs-vs-cats.zip"
    with zipfile.ZipFile(outer, "w", how) as archive:
        archive.writestr("sampleSubmission.csv", "id,label\n")
        archive.write(inner, "train.zip")
    direct = open_photographs(inner)
    nested = open_photographs(outer)
    assert {name: nested.read(name) for name in files} == files
    assert nested.checksum == direct.checksum


def test_the_checksum_is_of_the_photographs_not_of_how_they_are_kept(
    tmp_path, files
):
    backwards = dict(reversed(files.items()))
    kept = [
        write_zip(tmp_path / "a.zip", files),
        write_zip(tmp_path / "b.zip", backwards, microsoft_member),
        write_folder(tmp_path / "c", files),
        write_folder(tmp_path / "d", files, microsoft_member),
    ]
    assert len({open_photographs(path).checksum for path in kept}) == 1


@pytest.mark.parametrize("change", ["content", "name", "count"])
def test_other_photographs_have_another_checksum(tmp_path, files, change):
    other = dict(files)
    first, second, *_ = files
    if change == "content":
        other[first] = files[first][:-1] + b"?"
    elif change == "name":
        other[first], other[second] = files[second], files[first]
    else:
        del other[first]
    checksums = [
        open_photographs(write_zip(tmp_path / f"{n}.zip", these)).checksum
        for n, these in enumerate((files, other))
    ]
    assert checksums[0] != checksums[1]


def test_the_litter_in_real_zips_is_not_taken_for_photographs(tmp_path, files):
    path = write_zip(tmp_path / "cats.zip", files, microsoft_member)
    with zipfile.ZipFile(path, "a") as archive:
        for litter in (
            "PetImages/Cat/Thumbs.db",
            "__MACOSX/PetImages/Cat/._1.jpg",
            "readme[1].txt",
            "test1/1.jpg",
        ):
            archive.writestr(litter, b"litter")
    assert set(open_photographs(path).files) == set(files)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="nowhere.*Check the path"):
        open_photographs(tmp_path / "nowhere")


def test_a_file_that_is_no_zip(tmp_path):
    path = tmp_path / "train.zip"
    path.write_bytes(b"<html>Sign in</html>")
    with pytest.raises(InputError, match="complete zip.*fetch it again"):
        open_photographs(path)


def test_a_zip_that_has_been_cut_off(tmp_path, files):
    path = write_zip(tmp_path / "train.zip", files)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="complete zip.*fetch it again"):
        open_photographs(path)


def test_a_zip_of_something_else(tmp_path):
    path = tmp_path / "train.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("iris.csv", "5.1,3.5")
    with pytest.raises(InputError, match="train/cat.0.jpg.*PetImages"):
        open_photographs(path)


def test_an_inner_zip_of_something_else(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("iris.csv", "5.1,3.5")
    path = tmp_path / "outer.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.zip", inner.getvalue())
    with pytest.raises(InputError, match="train/cat.0.jpg.*PetImages"):
        open_photographs(path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(InputError, match="train/cat.0.jpg.*PetImages"):
        open_photographs(tmp_path)


def test_two_files_of_one_name(tmp_path, files):
    write_folder(tmp_path / "one", files)
    write_folder(tmp_path / "copy", files)
    with pytest.raises(InputError, match="one copy only"):
        open_photographs(tmp_path)

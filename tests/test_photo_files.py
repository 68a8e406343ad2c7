"""The photographs that a word stands for: each once, and no others."""

import pytest
from PIL import Image

from densenet_lib import photo_files
from densenet_lib.errors import InputError

NAMES = ("a.png", "b.JPG", "more/c.png", "more/notes.txt", "z.avif")
HIDDEN = (".git/d.png", "more/.thumbnails/e.png", ".f.png")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    for name in (*NAMES, *HIDDEN):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "none").mkdir()
    monkeypatch.chdir(tmp_path)
    known = {**Image.registered_extensions(), ".avif": "AVIF"}
    monkeypatch.setattr(Image, "registered_extensions", lambda: known)


def find(word):
    faults = []
    return photo_files.find(word, faults.append), faults


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (".", ["a.png", "b.JPG", "more/c.png", "z.avif"]),
        ("./more/", ["more/c.png"]),
        (".git", [".git/d.png"]),
        ("**/*.png", ["a.png", "more/c.png"]),
        ("[mn]o*", ["more/c.png"]),
        ("mor[e]/**", ["more/c.png", "more/notes.txt"]),
        ("./[m]*/", ["./more/c.png"]),
        ("nowhere.png", ["nowhere.png"]),
    ],
)
def test_a_word_stands_for_each_photograph_once(word, expected):
    assert find(word) == (expected, [])


@pytest.mark.parametrize("word", ["", "none", "n*e", "*.tif"])
def test_a_word_that_stands_for_none_is_refused(word):
    with pytest.raises(
        InputError, match=f"PHOTO is '{word}'".replace("*", ".")
    ):
        find(word)


def test_only_what_pillow_reads_is_taken_from_a_folder(monkeypatch):
    monkeypatch.setattr(Image, "registered_extensions", lambda: {".png": ""})
    assert find(".")[0] == ["a.png", "more/c.png"]


def test_a_folder_that_cannot_be_read_is_told_and_no_more(monkeypatch):
    denied = PermissionError(13, "Permission denied", "none")

    def walk(top, onerror):
        onerror(denied)
        return iter(())

    monkeypatch.setattr(photo_files.os, "walk", walk)
    assert find("none") == ([], [denied])

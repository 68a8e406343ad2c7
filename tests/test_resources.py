"""Where files lie, in a checkout and in an installed library."""

from pathlib import Path

import pytest

from densenet_lib import resources
from densenet_lib.errors import InputError


def test_a_checkout_has_its_data_beside_the_package():
    checkout = Path(__file__).resolve().parents[1]
    assert resources.is_checkout()
    assert resources.data_folder() == checkout / "data"


def test_an_installed_library_carries_its_data_inside(tmp_path, monkeypatch):
    (tmp_path / "_data").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    assert not resources.is_checkout()
    assert resources.data_folder() == tmp_path / "_data"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The data of an installed library, with one file; the cache beside."""
    carried = tmp_path / "package/_data"
    resources.write_whole(carried / "trust/a.json", "carried")
    monkeypatch.setattr(resources, "_PACKAGE", carried.parent)
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "cache"))
    return carried


def test_an_installed_library_does_not_write_into_itself(installed, tmp_path):
    carried, own = installed / "trust/a.json", tmp_path / "cache/trust/a.json"
    assert resources.own(carried) == own
    assert resources.own(tmp_path / "elsewhere") == tmp_path / "elsewhere"
    assert resources.find(carried) == carried
    resources.write_whole(own, "own")
    assert resources.find(carried) == own
    none = carried.with_name("b.json")
    assert resources.find(none) == own.with_name("b.json")


def test_a_checkout_writes_to_its_own_data():
    path = resources.data_folder() / "trust/a.json"
    assert resources.own(path) == path


def test_a_folder_that_takes_no_file_is_refused(tmp_path):
    resources.expect_writable(tmp_path / "new/folder")
    assert list((tmp_path / "new/folder").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/folder.*Not a directory"):
        resources.expect_writable(tmp_path / "file/folder")


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path))
    assert resources.cache_folder() == tmp_path


def test_else_the_cache_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("DENSENET_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resources.cache_folder() == tmp_path / ".cache" / "densenet_lib"


@pytest.mark.parametrize("content", ["text, «whole»\n", b"\x00bytes\r\n"])
def test_a_file_is_written_whole_and_its_folder_made(tmp_path, content):
    path = tmp_path / "new/folder/file"
    resources.write_whole(path, "what was there before, and longer")
    resources.write_whole(path, content)
    expected = content if isinstance(content, bytes) else content.encode()
    assert path.read_bytes() == expected
    assert list(path.parent.iterdir()) == [path]


def test_who_is_killed_while_writing_leaves_the_file_before(
    tmp_path, monkeypatch
):
    path = tmp_path / "run.json"
    resources.write_whole(path, "before")

    def killed(self, content):
        with open(self, "wb") as file:
            file.write(content[:2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        resources.write_whole(path, "after")
    assert path.read_text() == "before"

"""Where files lie, in a checkout and in an installed library."""

from pathlib import Path

import pytest

from densenet_lib import resources


def test_a_checkout_has_its_data_beside_the_package():
    checkout = Path(__file__).resolve().parents[1]
    assert resources.is_checkout()
    assert resources.data_folder() == checkout / "data"


def test_an_installed_library_carries_its_data_inside(tmp_path, monkeypatch):
    (tmp_path / "_data").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    assert not resources.is_checkout()
    assert resources.data_folder() == tmp_path / "_data"


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

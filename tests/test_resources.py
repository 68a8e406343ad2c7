"""Where files lie, in a checkout and in an installed library."""

from pathlib import Path

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

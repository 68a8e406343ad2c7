"""What the tests of the photographs share."""

import pytest

from densenet_lib.datasets import split
from tests.datasets.tiny import jpeg, noise


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """No test sees the reader's photographs, or writes to their cache."""
    monkeypatch.delenv("DENSENET_DATA", raising=False)
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def names():
    """Six of the split's names: a cat and a dog of each part."""
    parts = split.by_part(split.read()[0])
    return [name for part in parts.values() for name in part[:2]]


@pytest.fixture
def files(names):
    """{name: bytes of a JPEG}."""
    return {name: jpeg(noise(seed)) for seed, name in enumerate(names)}

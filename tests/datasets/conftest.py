"""What the tests of the photographs share."""

import pytest

from tests.datasets.tiny import jpeg, noise


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """No test sees the reader's photographs, or writes to their cache."""
    monkeypatch.delenv("DENSENET_DATA", raising=False)
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def files():
    """{name: bytes of a JPEG}: cats and dogs, taking turns."""
    names = [f"{kind}.{n}" for n in (1, 2, 3) for kind in ("cat", "dog")]
    return {name: jpeg(noise(seed)) for seed, name in enumerate(names)}

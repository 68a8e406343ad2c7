"""What all tests share: one environment, whatever the reader has set."""

from pathlib import Path

import numpy as np
import pytest

from tools.execute import set_environment

# Where a checkout's neighbour holds the photographs, as in continuous
# integration. Elsewhere the tests that measure on them are skipped.
PHOTOGRAPHS = (
    Path(__file__).resolve().parents[2] / "shared/data/cats-vs-dogs/train.zip"
)


def pytest_configure():
    """Let tests see neither the reader's data nor the reader's runs."""
    set_environment()


@pytest.fixture(scope="session")
def photographs():
    """Cats-vs-Dogs at 64 px, where the photographs are at hand."""
    from densenet_lib import datasets

    if not PHOTOGRAPHS.exists():
        pytest.skip("the photographs are not beside this checkout")
    return datasets.load("cpu", source=PHOTOGRAPHS)


@pytest.fixture(scope="session")
def tiny_data():
    """72 images of 64 px: bright ones are dogs, dark ones cats."""
    from densenet_lib.datasets import Data

    return Data(
        name="brightness",
        image_size=64,
        train=_bright_and_dark(40, 0),
        validation=_bright_and_dark(16, 1),
        test=_bright_and_dark(16, 2),
        checksum="none",
        split_checksum="none",
    )


def _bright_and_dark(count, seed):
    from densenet_lib.datasets import Split

    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.uint8) % 2
    level = np.where(labels, 150, 100)[:, None, None, None]
    noise = rng.normal(0, 30, (count, 64, 64, 3))
    images = np.clip(level + noise, 0, 255).astype(np.uint8)
    return Split(images, labels, tuple(f"i{n}" for n in range(count)))

"""What all tests share: one environment, whatever the reader has set."""

from pathlib import Path

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
def tiny_data():
    """72 images of 64 px: bright ones are dogs, dark ones cats."""
    from tests.brightness import brightness

    return brightness(64)

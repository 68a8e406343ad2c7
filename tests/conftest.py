"""What all tests share: one environment, whatever the reader has set."""

import shutil
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


@pytest.fixture(scope="session")
def _trained(tiny_data, tmp_path_factory):
    """The experiment TINY, trained for its two epochs."""
    from densenet_lib import runs
    from tests.test_runs import TINY

    folder = tmp_path_factory.mktemp("trained")
    return runs.train(TINY, data=tiny_data, folder=folder, progress=False)


@pytest.fixture(scope="module")
def recorded(_trained, tmp_path_factory):
    """Its run, the only one in a folder of runs of the module's own."""
    from densenet_lib import runs

    folder = tmp_path_factory.mktemp("runs") / _trained.experiment.path
    shutil.copytree(_trained.folder, folder)
    return runs.Run(folder)

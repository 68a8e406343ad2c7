"""The scale is chosen once: by the reader, or by what is there."""

import pytest

from densenet_lib import hardware, scales
from densenet_lib.datasets import cats_vs_dogs
from densenet_lib.errors import InputError


@pytest.mark.parametrize(
    "photographs, gpu, expected",
    [
        (False, False, "sketch"),
        (False, True, "sketch"),
        (True, False, "cpu"),
        (True, True, "gpu"),
    ],
)
def test_the_scale_follows_from_what_is_there(
    monkeypatch, photographs, gpu, expected
):
    monkeypatch.delenv("DENSENET_SCALE")
    monkeypatch.setattr(cats_vs_dogs, "is_available", lambda: photographs)
    monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
    assert scales.current().name == expected


def test_the_environment_decides_before_anything_is_asked(monkeypatch):
    monkeypatch.setenv("DENSENET_SCALE", "gpu")
    monkeypatch.setattr(cats_vs_dogs, "is_available", None)
    assert scales.current() is scales.SCALES["gpu"]


def test_a_wrong_scale_names_the_right_ones(monkeypatch):
    monkeypatch.setenv("DENSENET_SCALE", "huge")
    with pytest.raises(InputError, match="'huge'.*'sketch', 'cpu', 'gpu'"):
        scales.current()


def test_the_hardware_is_described_as_it_is():
    found = hardware.describe()
    assert found["cores"] >= 1
    assert found["backend"] == "tensorflow"
    assert (found["accelerator"] is not None) == hardware.has_gpu()

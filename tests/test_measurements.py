"""The recorded benchmark, and what the budget predicts of it."""

import pytest

from densenet_lib import budget, measurements
from densenet_lib.densenet import DenseNetConfig
from densenet_lib.errors import InputError


def test_the_record_says_on_what_it_was_measured():
    record = measurements.load("cpu")
    assert record["hardware"]["processor"]
    assert record["hardware"]["accelerator"] is None
    assert record["contestants"]["linear"]["versions"]["keras"]


@pytest.mark.parametrize(
    ("memory", "contestant"),
    [("naive", "stock-onednn"), ("linear", "linear")],
)
def test_the_predicted_memory_is_within_a_tenth_of_the_peak(
    memory, contestant
):
    record = measurements.load("cpu")
    batch = record["depth"]["block"]["batch"]
    peaks = measurements.peaks_over_depth(record)[contestant]
    assert len(peaks) >= 3
    for layers, peak in peaks.items():
        predicted = budget.training_bytes(
            DenseNetConfig((layers,), 12, stem="cifar"),
            input_shape=(32, 32, 3),
            batch=batch,
            memory=memory,
        )
        assert predicted == pytest.approx(peak, rel=0.1), layers


@pytest.mark.parametrize(
    ("memory", "contestant"), [("naive", "stock-onednn"), ("linear", "linear")]
)
def test_it_holds_for_a_whole_network_too(memory, contestant):
    # An image's share, which is free of what does not depend on the batch.
    rows = measurements.load("cpu")["memory"]["bc-100-12"]["rows"]
    predicted = budget.training_bytes(
        "densenet-bc-100-12", input_shape=(32, 32, 3), memory=memory
    )
    peak = rows[contestant]["bytes_per_image"]
    assert predicted == pytest.approx(peak, rel=0.1)


def test_milliseconds_an_image_are_those_of_the_median():
    results = {
        "step": {
            "net/4": {
                "batch": 4,
                "train": {"ours": {"median": 0.2}, "theirs": {"missing": "x"}},
            }
        }
    }
    found = measurements.milliseconds(results, "net/4", "train")
    assert found == {"ours": 50}


def test_an_unknown_record_is_refused():
    with pytest.raises(InputError, match=r"'abacus'.*cpu.*make bench"):
        measurements.load("abacus")

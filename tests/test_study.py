"""The study: its groups, its table and its intervals."""

import json

import numpy as np
import pytest

from densenet_lib import experiments, study
from densenet_lib.errors import InputError


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Records of the pooling group with invented accuracies."""
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path))
    accuracies = {"base": (0.80, 0.82, 0.81), "max": (0.83, 0.84, 0.85)}
    for name, values in accuracies.items():
        for seed, accuracy in enumerate(values):
            path = f"cpu/{experiments.seeded(f'study-{name}', seed)}"
            record = {
                "experiment": experiments.get(path).to_dict(),
                "seconds": 10.0 + seed,
                "metrics": {"test": {"accuracy": accuracy}},
            }
            folder = tmp_path / path
            folder.mkdir(parents=True)
            (folder / "run.json").write_text(json.dumps(record))
    return study.results("pooling")


def test_every_variant_of_every_group_is_an_experiment():
    for variants in study.GROUPS.values():
        for name in variants.values():
            for seed in experiments.SEEDS:
                experiments.get(study._path(name, seed))


def test_every_experiment_of_the_study_is_in_a_group():
    used = {name for group in study.GROUPS.values() for name in group.values()}
    assert used == set(experiments.STUDY)


def test_only_what_is_recorded_is_found(recorded):
    assert list(recorded) == ["average", "max"]
    np.testing.assert_allclose(
        recorded["average"].accuracies, [0.80, 0.82, 0.81]
    )
    assert recorded["average"].seconds == 11
    assert recorded["max"].experiment.config.pooling == "max"


def test_what_is_missing_comes_seed_by_seed(recorded):
    missing = study.missing()
    assert "cpu/study-base" not in missing
    seeds = [path.partition("-seed")[2] or "0" for path in missing]
    assert seeds == sorted(seeds)


def test_the_difference_is_students_paired_interval(recorded):
    mean, low, high = study.difference(recorded["max"], recorded["average"])
    # Gaps 3, 2 and 4 points: mean 3, deviation 1, t = 4.303 on 2 degrees.
    reach = 4.302653 * 0.01 / 3**0.5
    assert mean == pytest.approx(0.03)
    assert (low, high) == pytest.approx((0.03 - reach, 0.03 + reach))


def test_one_seed_makes_no_interval(recorded):
    one = study.Variant("max", {0: recorded["max"].runs[0]})
    with pytest.raises(InputError, match="at least two"):
        study.difference(one, recorded["average"])


def test_the_table_has_the_mean_and_the_spread(recorded):
    rows = study.table(recorded).splitlines()
    assert "81.00%" in rows[1] and "2.00%" in rows[1]
    assert "84.00%" in rows[2]


def test_what_is_not_a_group_is_said(recorded):
    with pytest.raises(InputError, match="pooling"):
        study.results("colour")


def test_a_group_without_runs_says_how_to_record_them(tmp_path, monkeypatch):
    monkeypatch.setenv("DENSENET_RUNS", str(tmp_path))
    with pytest.raises(InputError, match="densenet-lib study"):
        study.results("pooling")

"""The recorded tables of trust: do the files still say what the code does?

A few images of each are measured again, on the same networks. Another
processor rounds otherwise, hence the tolerances.
"""

import json
import re
import shutil

import numpy as np
import pytest

from densenet_lib import (
    attribution,
    datasets,
    faithfulness,
    resources,
    runs,
    training,
)
from densenet_lib.errors import InputError
from densenet_lib.faithfulness import cue, recorded
from densenet_lib.faithfulness.overview import OPTIONS

FEW = 3


@pytest.fixture(scope="module")
def drawings():
    return recorded.load("drawings")


def test_every_method_and_baseline_is_recorded_for_three_networks(drawings):
    assert list(drawings.tables) == list(recorded.RUNS)
    assert len(recorded.RUNS) >= 3
    for table in drawings.tables.values():
        assert table.methods == [
            *attribution.METHODS,
            *faithfulness.BASELINES,
        ]
        assert len(table.metrics) == 10


@pytest.mark.parametrize("name", recorded.MEASURED)
def test_the_networks_are_those_that_were_measured(name):
    networks = recorded.load(name).record["networks"]
    assert networks
    for network, entry in networks.items():
        assert entry["weights"] == resources.checksum(_weights(name, network))


def _weights(name, network):
    """The file of the network that a record calls so."""
    if name in ("drawings", "photographs"):
        return runs.load(network).weights
    if name == "labels":
        astray = f"labels-seed{recorded.RUNS.index(network)}"
    else:
        share, seed = network.split("/")
        if not float(share):
            return runs.load(recorded.RUNS[int(seed)]).weights
        astray = f"{name}-{100 * float(share):.0f}-seed{seed}"
    return recorded.weights_file(astray)


def test_a_few_drawings_measured_again_give_the_recorded_scores(drawings):
    settings = {name: drawings.settings[name] for name in ("steps", "seed")}
    name = recorded.RUNS[0]
    again = faithfulness.table(
        runs.load(name).model(), datasets.load("sketch").test,
        ["grad-cam", "gradient"], images=FEW, recomputed=FEW, **settings,
    )  # fmt: skip
    for method, found in again.scores.items():
        for metric, scores in found.items():
            np.testing.assert_allclose(
                scores, drawings.tables[name].scores[method][metric][:FEW],
                atol=0.03, err_msg=f"{method}, {metric}",
            )  # fmt: skip


@pytest.mark.parametrize("form", cue.FORMS)
def test_the_network_led_astray_gives_the_recorded_scores(form):
    found = recorded.load(form)
    again = cue.cue_study(
        ["grad-cam"], 1.0, form=form, images=FEW,
        model=recorded.astray(f"{form}-100-seed0"),
    )  # fmt: skip
    entry = found.record["networks"]["1.0/0"]
    assert again.effect == pytest.approx(entry["effect"], abs=0.05)
    for where, share in again.accuracies.items():
        assert share == pytest.approx(entry["accuracies"][where], abs=0.006)
    for metric, scores in again.table.scores["grad-cam"].items():
        np.testing.assert_allclose(
            scores,
            found.tables["1.0/0"].scores["grad-cam"][metric][:FEW],
            atol=0.03,
        )


def test_false_labels_were_learnt_by_heart_and_nothing_else():
    data = datasets.load("sketch")
    networks = recorded.load("labels").record["networks"].values()
    assert len(networks) == len(recorded.RUNS)
    for seed, entry in enumerate(networks):
        model = recorded.astray(f"labels-seed{seed}")
        seen = recorded._by_heart(data, seed)
        share = {
            name: ((training.evaluate(model, each) > 0) == each.labels).mean()
            for name, each in (("seen", seen), ("new", data.test))
        }
        assert share["seen"] == entry["by_heart"] > 0.95
        assert 0.4 < share["new"] < 0.6


def test_quick_integrated_gradients_are_those_of_the_fine_tolerance():
    model = runs.load(recorded.RUNS[0]).model()
    images = datasets.load("sketch").test.images[:2]
    quick, fine = (
        attribution.explain(
            model, images, "integrated-gradients", signed=True,
            batch_size=128, **options,
        )
        for options in (OPTIONS["integrated-gradients"], {})
    )  # fmt: skip
    for one, other in zip(quick, fine, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99


def test_what_is_measured_is_said_written_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "_carried", lambda: tmp_path)
    weights = tmp_path / "weights.npz"
    weights.write_bytes(b"weights")
    scores = {"grad-cam": {"ROAD": np.array([0.12345, np.nan])}}
    table = faithfulness.Table.of(scores, {"ROAD": 0.0}, {})
    entry = recorded.entry(table, weights, effect=2.5)
    few = {"images": 2}, [("net", entry)]
    monkeypatch.setitem(recorded.MEASURED, "few", lambda source: few)
    said = []
    recorded.record("few", say=said.append)
    assert re.fullmatch(r"few, net: \d+ s of processor time", *said)
    found = recorded.load("few")
    np.testing.assert_array_equal(
        found.tables["net"].scores["grad-cam"]["ROAD"], [0.1235, np.nan]
    )
    assert found.tables["net"]["grad-cam", "ROAD"].chance == 0
    assert found.record["networks"]["net"]["effect"] == 2.5
    assert found.settings == {"images": 2}
    assert "NaN" not in json.dumps(found.record)


def test_an_unknown_record_is_refused():
    with pytest.raises(InputError, match=r"'dreams'.*drawings"):
        recorded.load("dreams")


def test_an_installed_library_records_in_the_cache(tmp_path, monkeypatch):
    carried = tmp_path / "package/_data/trust"
    (carried / "networks").mkdir(parents=True)
    shutil.copy(resources.data_folder() / "trust/labels.json", carried)
    (carried / "networks/tag.npz").write_bytes(b"")
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "package")
    monkeypatch.setenv("DENSENET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(recorded.MEASURED, "tag", lambda source: ({}, []))
    own = tmp_path / "cache/trust"
    assert recorded.record("tag") == own / "tag.json"
    assert recorded.recorded_names() == ["labels", "tag"]
    assert recorded.load("tag").tables == {}
    assert recorded.load("labels").tables
    assert recorded.weights_file("tag").parent == carried / "networks"
    assert recorded.weights_file("tint").parent == own / "networks"


def test_where_nothing_can_be_written_nothing_is_measured(
    tmp_path, monkeypatch
):
    (tmp_path / "data").write_text("a file")
    monkeypatch.setattr(resources, "data_folder", lambda: tmp_path / "data")
    monkeypatch.setitem(recorded.MEASURED, "tag", None)
    with pytest.raises(InputError, match="data/trust.*Make it writable"):
        recorded.record("tag")

"""The benchmark: its arithmetic, its contestants, its file and its table.

What it measures is not tested: times differ from machine to machine.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as driver
from benchmarks import contestants, exports, memory, plan, report, worker
from densenet_lib import export, runs
from densenet_lib.densenet import DenseNetConfig, densenet

ROOT = Path(__file__).parents[1]
BACKENDS = os.environ.get("DENSENET_BACKENDS_PYTHON", sys.executable)
ONEDNN = contestants.on_cpu().contestants[1]
TINY = plan.Plan(
    steps=(plan.Case("block-1", 2),),
    memory=(),
    depths=(1,),
    depth_batch=4,
    deepest_batch=4,
)


def test_ratios_are_taken_round_by_round():
    # The machine was half as fast in the second round; the ratio is not.
    assert report.ratios([2.0, 4.0, 3.0], [1.0, 2.0, 1.5]) == [2, 2, 2]


def test_the_spread_is_that_of_the_quartiles():
    assert report.spread([5.0, 1.0, 3.0, 2.0, 4.0]) == {
        "low": 2,
        "median": 3,
        "high": 4,
    }
    assert report.spread([7.0]) == {"low": 7, "median": 7, "high": 7}


def test_speedups_leave_out_who_has_no_times():
    rows = {
        "stock": {"seconds": [4.0, 6.0]},
        "ours": {"seconds": [2.0, 3.0]},
        "absent": {"missing": "torch"},
    }
    report.add_speedups(rows, ("stock", "absent"))
    assert rows["ours"]["median"] == 2.5
    assert list(rows["ours"]["speedup"]) == ["stock"]
    assert rows["ours"]["speedup"]["stock"]["median"] == 2
    assert rows["absent"] == {"missing": "torch"}


def test_the_floor_takes_the_best_rates_and_three_passes_to_train():
    rates = {
        "slow": {"multiply_adds": 10, "bytes": 80},
        "fast": {"multiply_adds": 20, "bytes": 40},
    }
    cost = {"multiply_adds": 100, "activations": 200}
    assert report.bounds(cost, 2, "train", rates) == {
        "arithmetic": 3 * 2 * 100 / 20,
        "activations": 4 * 2 * 200 / 80,
    }
    assert report.bounds(cost, 2, "infer", rates)["arithmetic"] == 10


def test_r_squared_tells_a_line_from_a_square():
    layers = [4, 8, 16, 32, 64]
    assert memory.r_squared(layers, [3 * n + 7 for n in layers]) > 0.9999
    assert memory.r_squared(layers, [n * n for n in layers]) < 0.97


def test_memory_an_image_is_the_slope_between_two_batches():
    # 100 bytes of weights do not count.
    peaks = {"16": [100 + 16 * 5] * 3, "32": [0, 100 + 32 * 5, 1000]}
    assert memory.per_image(peaks) == 5


def test_too_deep_is_where_the_naive_network_needs_a_quarter_more():
    costs = {8: 100, 16: 400, 24: 900}
    options = {"batch": 2, "bytes_per_activation": 4}
    # 16 layers need 3,200 bytes, 24 need 7,200.
    assert memory.too_deep(costs, 2000, **options) == 16
    assert memory.too_deep(costs, 3000, **options) == 24
    assert memory.too_deep(costs, 9000, **options) is None


def test_names_of_contestants_are_unique_and_references_are_among_them():
    for lineup in (contestants.on_cpu(), contestants.on_gpu("jax")):
        names = [each.name for each in lineup.contestants]
        assert len(set(names)) == len(names)
        assert {*lineup.references, *lineup.deep} <= set(names)
    assert all(each.gpu for each in contestants.on_gpu("jax").contestants)


def test_each_plan_names_networks_and_contestants_that_there_are():
    from benchmarks import nets

    names = {each.name for each in contestants.on_cpu().contestants}
    for each in plan.PLANS.values():
        for net in plan.nets(each):
            assert nets.cost(net)["multiply_adds"] > 0
        assert set(each.without) <= names
        assert all(set(case.untrained) <= names for case in each.steps)


def test_a_missing_package_is_reported_as_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "benchmarks.torch_engine", raising=False)
    stranger = worker.Worker("torch", "channels_first", gpu=False)
    answer = worker.answer(stranger, {"do": "hello"})
    assert answer == {"missing": "torch"}
    lines = report.table(_results(answer)).split("\n")
    assert any("missing: torch" in line for line in lines)


def test_a_failure_is_reported_without_paths_and_colours():
    class Stranger:
        def hello(self):
            raise ValueError("Somewhere:\n\x1b[1mno /a/path/to/it.py\x1b[0m")

    answer = worker.answer(Stranger(), {"do": "hello"})
    assert answer == {"failed": "ValueError: no it.py"}


def _results(contestant):
    return {
        "hardware": {
            "processor": "abacus",
            "accelerator": None,
            "cores": 1,
            "python": "3",
        },
        "memory_bytes": 2**30,
        "references": ["stock"],
        "contestants": {"stock": {"what": "plain"} | contestant},
    } | {section: {} for section in driver.SECTIONS}


ARGUMENTS = ["--contestants=stock,stock-onednn", "--rounds=2"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The file of two contestants' run over a tiny network."""
    path = tmp_path_factory.mktemp("benchmarks") / "cpu.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(plan.PLANS, "full", TINY)
        only = "--only=floor,step"
        assert driver.main([*ARGUMENTS, only, f"--out={path}"]) == 0
    return path


def test_a_run_measures_each_contestant_in_each_round(measured):
    results = json.loads(measured.read_text("utf-8"))
    assert results["complete"]
    entry = results["step"]["block-1/2"]
    for measure in ("train", "infer"):
        for row in entry[measure].values():
            assert len(row["seconds"]) == 2
            assert all(seconds > 0 for seconds in row["seconds"])
            assert row["first"] > 0
            assert set(row["speedup"]) == {"stock", "stock-onednn"}
        assert entry["floor"][measure]["arithmetic"] > 0
    assert entry["train"]["stock"]["speedup"]["stock"]["median"] == 1
    assert set(results["floor"]) == {"stock", "stock-onednn"}


def test_the_file_names_versions_and_hardware_but_no_place(measured):
    text = measured.read_text("utf-8")
    results = json.loads(text)
    assert set(results["contestants"]["stock"]["versions"]) == {
        "keras",
        "tensorflow",
    }
    assert (
        results["contestants"]["stock"]["variables"]
        != (results["contestants"]["stock-onednn"]["variables"])
    )
    assert results["hardware"]["cores"] >= 1
    assert str(ROOT) not in text
    assert platform.node() not in results["hardware"].values()


def test_the_table_has_a_line_for_each_contestant_and_floor(measured):
    results = json.loads(measured.read_text("utf-8"))
    lines = report.table(results).split("\n")
    start = lines.index("block-1, batch 2: training step")
    block = [line.split()[0] for line in lines[start + 1 : start + 6]]
    assert block == ["contestant", "stock", "stock-onednn", "floor:", "floor:"]


class _Answers:
    """In the place of processes: what they said."""

    def __init__(self, results):
        self._results = results

    def greet(self):
        return {
            name: {
                "versions": contestant["versions"],
                "hardware": self._results["hardware"],
            }
            for name, contestant in self._results["contestants"].items()
        }


def _begun(results, path, *arguments):
    """What a run with these arguments finds done already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(plan.PLANS, "full", TINY)
        options = driver._options([*ARGUMENTS, f"--out={path}", *arguments])
    report.write(path, results)
    return driver._begin(_Answers(results), path, options)


def test_an_interrupted_run_goes_on_and_a_complete_one_begins_again(
    measured, tmp_path
):
    path = tmp_path / "cpu.json"
    results = json.loads(measured.read_text("utf-8"))
    interrupted = results | {"complete": False}
    assert _begun(interrupted, path) == interrupted
    again = _begun(results, path, "--only=step")
    assert again["step"] == {}
    assert again["floor"] == results["floor"] != {}


def test_results_of_other_versions_are_not_mixed(measured, tmp_path):
    path = tmp_path / "cpu.json"
    results = json.loads(measured.read_text("utf-8"))
    old = json.loads(json.dumps(results)) | {"complete": False}
    old["contestants"]["stock"]["versions"]["keras"] = "3.0.0"
    report.write(path, old)
    options = driver._options([*ARGUMENTS, f"--out={path}"])
    assert driver._begin(_Answers(results), path, options)["step"] == {}
    # Of a part of them there would be no whole file any more.
    options.only = ("export",)
    with pytest.raises(driver.Impossible, match="other hardware or versions"):
        driver._begin(_Answers(results), path, options)


def test_a_part_of_the_contestants_is_not_for_the_recorded_file(capsys):
    with pytest.raises(SystemExit, match="2"):
        driver.main(ARGUMENTS)
    assert "--out" in capsys.readouterr().err.splitlines()[-1]


def test_a_floor_that_is_there_stands_for_all_of_its_kind(tmp_path):
    lineup = contestants.on_cpu()
    kinds = {}
    for each in lineup.contestants:
        if each.takes_part(None, "infer"):
            kind = (each.backend, *each.variables.items())
            kinds.setdefault(kind, each.name)
    results = {
        "contestants": {n.name: {"versions": {}} for n in lineup.contestants},
        "floor": dict.fromkeys(kinds.values(), {}),
    }
    assert len(kinds) < len(lineup.contestants)
    options = SimpleNamespace(lineup=lineup)
    driver._floor(None, results, options, tmp_path / "cpu.json")
    assert list(results["floor"]) == list(kinds.values())


def test_a_run_of_a_gpu_without_one_says_so_in_one_line(capsys, tmp_path):
    path = tmp_path / "gpu.json"
    arguments = ["--gpu", "--contestants=stock", f"--out={path}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        assert driver.main(arguments) == 2
    lines = capsys.readouterr().err.strip().split("\n")
    assert lines[-1].startswith("No GPU for Keras on tensorflow here")
    assert not path.exists()


def test_a_step_takes_memory_for_the_naive_activations():
    from benchmarks import nets

    row = memory.over_batch([ONEDNN], "block-2", (32, 64))["stock-onednn"]
    activations = 4 * nets.cost("block-2")["activations"]
    assert 0.5 < row["bytes_per_image"] / activations < 1.5


def test_a_limit_on_memory_stops_a_step_and_not_the_driver():
    found = memory.within(ONEDNN, 2, 256, 50e6)
    assert not found["trained"] and found["why"]


def test_keras_own_rematerialisation_computes_the_same_step():
    import numpy as np

    from benchmarks import keras_engine, nets

    weights = []
    for network in ("naive", "remat"):
        engine = keras_engine.Engine(network, gpu=False)
        engine.build(nets.find("block-2"))
        engine.load(4)
        engine.train()
        weights.append(
            [
                np.asarray(weight.value)
                for weight in engine.model.trainable_variables
            ]
        )
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


AGREE = """
import keras, numpy as np, torch
from benchmarks import nets, torch_densenet
from densenet_lib.densenet import densenet
from tests.witnesses import stir
net = nets.find("sketch-net")
ours = stir(densenet(net.config, input_shape=net.input_shape, classes=1))
theirs = torch_densenet.densenet(net.config, classes=1).eval()
for name, source in nets.NETS.items():
    count = sum(
        p.numel()
        for p in torch_densenet.densenet(source.config, classes=1).parameters()
    )
    moving = 2 * sum(
        m.num_features
        for m in torch_densenet.densenet(source.config, classes=1).modules()
        if isinstance(m, torch.nn.BatchNorm2d)
    )
    assert count + moving == nets.cost(name)["parameters"], name
layers = [layer for layer in ours.layers if layer.weights]
modules = [m for m in theirs.modules() if len(list(m.children())) == 0]
modules = [m for m in modules if list(m.parameters())]
for layer, module in zip(layers, modules, strict=True):
    values = [torch.tensor(w) for w in layer.get_weights()]
    if isinstance(module, torch.nn.BatchNorm2d):
        names = ("weight", "bias", "running_mean", "running_var")
        state = dict(zip(names, values), num_batches_tracked=torch.tensor(1))
    elif isinstance(module, torch.nn.Conv2d):
        state = {"weight": values[0].permute(3, 2, 0, 1)}
    else:
        state = {"weight": values[0].T, "bias": values[1]}
    module.load_state_dict(state)
images = np.random.default_rng(0).normal(size=(2, 64, 64, 3))
images = images.astype("float32")
with torch.inference_mode():
    logits = theirs(torch.tensor(images).permute(0, 3, 1, 2)).numpy()
np.testing.assert_allclose(ours.predict_on_batch(images), logits, atol=1e-4)
"""


def test_the_pytorch_network_is_ours():
    find = (
        "import sys, importlib.util as u; sys.exit(not u.find_spec('torch'))"
    )
    if subprocess.run([BACKENDS, "-c", find]).returncode:
        pytest.skip("torch is not installed")
    process = subprocess.run(
        [BACKENDS, "-c", AGREE],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-2000:]


# --- exported networks ----------------------------------------------------


def test_every_format_is_weighed_checked_and_timed(monkeypatch):
    class Run:
        def model(self):
            return densenet(
                DenseNetConfig((1, 1), 4, stem="light"),
                input_shape=(32, 32, 3),
                classes=1,
            )

    monkeypatch.setattr(runs, "load", lambda name: Run())
    monkeypatch.setattr(exports, "ROUNDS", 2)
    rows = exports.rows("any")
    assert set(rows) == {"keras", *export.FORMATS}
    for name, row in rows.items():
        assert [len(row["seconds"][batch]) for batch in exports.BATCHES] == [
            2,
            2,
        ]
        if name != "keras":
            assert row["error"] < 1e-3
            assert row["bytes"] > 4 * 2000  # float32, and 2,000 weights
    lines = report._export("any", {"rows": json.loads(json.dumps(rows))})
    assert [line.split()[0] for line in lines[2:]] == list(rows)


def test_a_failed_export_is_said_in_the_table():
    [line] = report._export("any", {"failed": "no room"})
    assert line == "export of any: failed: no room"

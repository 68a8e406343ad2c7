"""Measure, print one table, and write it as data.

    python -m benchmarks [--quick] [--gpu] [--only step,memory] …

Without --gpu on the CPU. Results go to data/benchmarks/cpu.json, with --gpu to
gpu-BACKEND.json there, with --quick into _build/benchmarks. They are written
as they come: what was interrupted goes on where it stopped when the same is
asked for again. Once a file is complete, what is asked for is measured anew
and the rest of the file is kept.
"""

import argparse
import os
import sys
from pathlib import Path
from statistics import median

from benchmarks import contestants, exports, memory, plan, report
from benchmarks.race import ROOT, Field, Refusal, race, say

SECTIONS = ("floor", "step", "memory", "depth", "deepest", "export")


def main(arguments=None):
    """Run the benchmark; the exit status is 2 where it cannot be run."""
    options = _options(arguments)
    path = options.out or _default_path(options)
    if options.show:
        results = report.read(path)
        print(report.table(results) if results else f"no results in {path}")
        return 0 if results else 2
    field = Field(options.lineup.contestants)
    try:
        results = _begin(field, path, options)
        for section in options.only:
            _SECTIONS[section](field, results, options, path)
    except Impossible as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        say(f"interrupted; results so far are in {path}")
        return 130
    finally:
        field.close()
    results["complete"] = True
    report.write(path, results)
    print(report.table(results))
    say(f"written to {path}")
    return 0


class Impossible(Exception):
    """There is nothing to compute on, or no place for what is asked for."""


def _options(arguments):
    parser = _parser()
    options = parser.parse_args(arguments)
    options.backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    options.plan_name = (
        "quick" if options.quick else "gpu" if options.gpu else "full"
    )
    options.plan = plan.PLANS[options.plan_name]
    lineup = (
        contestants.on_gpu(options.backend)
        if options.gpu
        else contestants.on_cpu()
    )
    known = [each.name for each in lineup.contestants]
    nets = plan.nets(options.plan)
    for what, names, choices in (
        ("only", options.only, SECTIONS),
        ("contestants", options.contestants, known),
        ("nets", options.nets, nets),
    ):
        for name in set(names or ()) - set(choices):
            parser.error(
                f"--{what}: {name!r} is not one of {', '.join(choices)}"
            )
    if options.contestants and not (options.out or options.quick):
        parser.error(
            "--contestants: the recorded file compares all of them; "
            "for a part, name another with --out"
        )
    options.lineup = lineup.only(
        options.contestants or set(known) - set(options.plan.without)
    )
    options.nets = options.nets or nets
    return options


def _parser():
    def names(text):
        return tuple(text.split(","))

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument(
        "--gpu",
        action="store_true",
        help="on the GPU of the back end that KERAS_BACKEND names",
    )
    parser.add_argument(
        "--only",
        type=names,
        default=SECTIONS,
        help=f"sections, of {','.join(SECTIONS)}",
    )
    parser.add_argument("--nets", type=names, help="as in plan.py")
    parser.add_argument("--contestants", type=names, help="as in the table")
    parser.add_argument("--rounds", type=int, default=9, help="at most")
    parser.add_argument("--out", type=Path, help="the file of the results")
    parser.add_argument(
        "--show", action="store_true", help="print the file, measure nothing"
    )
    return parser


def _default_path(options):
    name = f"gpu-{options.backend}" if options.gpu else "cpu"
    folder = "_build/benchmarks" if options.quick else "data/benchmarks"
    return ROOT / folder / f"{name}.json"


def _begin(field, path, options):
    """Results with their header, as far as an earlier run has come."""
    say("starting the contestants")
    answers = field.greet()
    ready = [
        each
        for each in options.lineup.contestants
        if "versions" in answers[each.name]
        # PyTorch may see a GPU that the back end in question does not.
        and (not options.gpu or each.engine == "keras")
    ]
    if not ready:
        raise Impossible(_nothing(answers, options))
    fresh = {
        "complete": False,
        "plan": options.plan_name,
        "hardware": answers[ready[0].name]["hardware"],
        "memory_bytes": os.sysconf("SC_PAGE_SIZE")
        * os.sysconf("SC_PHYS_PAGES"),
        "references": list(options.lineup.references),
        "contestants": {
            each.name: _described(each, answers[each.name])
            for each in options.lineup.contestants
        },
    }
    fresh |= {section: {} for section in SECTIONS}
    old = report.read(path)
    if old is None:
        return fresh
    if not _alike(old, fresh):
        if set(options.only) != set(SECTIONS):
            raise Impossible(
                f"{path.name} is of other hardware or versions. Measure all "
                "sections, or write to another file with --out."
            )
        say(f"{path.name} is of other hardware or versions: all anew")
        return fresh
    old["contestants"] |= fresh["contestants"]
    for section in SECTIONS:
        old.setdefault(section, {})
    if old["complete"]:
        _forget(old, options)
    old["complete"] = False
    return old


def _nothing(answers, options):
    why = report.excuse(next(iter(answers.values())))
    if options.gpu:
        return (
            f"No GPU for Keras on {options.backend} here ({why}). Run this "
            "with a Python whose back end sees one."
        )
    return f"No contestant could be started ({why})."


def _described(contestant, answer):
    described = {
        "what": contestant.what,
        "backend": contestant.backend,
        "variables": contestant.variables,
    }
    answer = {k: v for k, v in answer.items() if k != "hardware"}
    return described | answer


def _alike(old, fresh):
    return all(
        old[field] == fresh[field]
        for field in ("plan", "hardware", "memory_bytes", "references")
    ) and all(
        old["contestants"].get(name, contestant) == contestant
        for name, contestant in fresh["contestants"].items()
    )


def _forget(old, options):
    """Drop what is to be measured anew."""
    for section in options.only:
        old[section] = {
            key: entry
            for key, entry in old[section].items()
            if "net" in entry and entry["net"] not in options.nets
        }


def _present(results, options, measure, net=None):
    """The contestants that are there, and can do ``measure``."""
    return [
        each
        for each in options.lineup.contestants
        if "versions" in results["contestants"][each.name]
        and each.takes_part(net, measure)
    ]


def _floor(field, results, options, path):
    """One rate for each back end and set of variables."""
    seen = set()
    for each in _present(results, options, "infer"):
        kind = each.backend, *each.variables.items()
        if kind in seen:
            continue
        seen.add(kind)
        if each.name in results["floor"]:
            continue  # measured before an interruption
        say(f"floor by {each.name}")
        try:
            results["floor"][each.name] = field.ask(each.name, "floor")
        except Refusal as refusal:
            results["floor"][each.name] = refusal.why
    report.write(path, results)


def _step(field, results, options, path):
    keep = results["memory_bytes"] / 2 / len(options.lineup.contestants)
    for case in options.plan.steps:
        if case.net not in options.nets or case.name in results["step"]:
            continue
        entry = {"net": case.net, "batch": case.batch}
        for measure in contestants.MEASURES:
            names = [
                each.name
                for each in _present(results, options, measure, case.net)
                if measure == "infer" or each.name not in case.untrained
            ]
            if case.untrained:
                field.close(keep=names)  # memory is short
            rows = race(
                field, names, measure, case, rounds=options.rounds, keep=keep
            )
            report.add_speedups(rows, results["references"])
            entry[measure] = rows
        results["step"][case.name] = entry
        _add_cost(field, results, options, entry)
        report.write(path, results)


def _add_cost(field, results, options, entry):
    entry["cost"] = _cost(field, results, options, entry["net"])
    rates = {n: r for n, r in results["floor"].items() if "bytes" in r}
    if rates:
        entry["floor"] = {
            measure: report.bounds(
                entry["cost"], entry["batch"], measure, rates
            )
            for measure in contestants.MEASURES
        }


def _cost(field, results, options, net):
    """Arithmetic, for which any contestant will do."""
    first = next(
        each.name
        for each in options.lineup.contestants
        if "versions" in results["contestants"][each.name]
    )
    return field.ask(first, "cost", net=net)


def _memory(field, results, options, path):
    field.close()  # they hold memory
    for net, batches in options.plan.memory:
        if net not in options.nets or net in results["memory"]:
            continue
        lineup = _present(results, options, "train", net)
        results["memory"][net] = {
            "net": net,
            "batches": list(batches),
            "rows": memory.over_batch(lineup, net, batches),
        }
        report.write(path, results)


def _deep(results, options):
    return [
        each
        for each in _present(results, options, "train")
        if each.name in options.lineup.deep
    ]


def _depth(field, results, options, path):
    if "block" in results["depth"]:
        return
    depths, batch = options.plan.depths, options.plan.depth_batch
    activations = {
        str(layers): _cost(field, results, options, f"block-{layers}")[
            "activations"
        ]
        for layers in depths
    }
    field.close()
    results["depth"]["block"] = {
        "batch": batch,
        "activations": activations,
        "rows": memory.over_depth(_deep(results, options), depths, batch),
    }
    report.write(path, results)


def _deepest(field, results, options, path):
    """A depth beyond the naive network, tried by all within one limit."""
    naive = _naive_bytes(results, options)
    if options.gpu or naive is None or "block" in results["deepest"]:
        return
    plan = options.plan
    costs = {
        layers: _cost(field, results, options, f"block-{layers}")[
            "activations"
        ]
        for layers in range(8, 257, 8)
    }
    field.close()
    limit = memory.SHARE_OF_FREE * memory.free_bytes()
    limit = min(limit, plan.deepest_limit or limit)
    layers = memory.too_deep(
        costs, limit, batch=plan.deepest_batch, bytes_per_activation=naive
    )
    if layers is None:
        say("no depth up to 256 is beyond the naive network here")
        return
    results["deepest"]["block"] = {
        "layers": layers,
        "batch": plan.deepest_batch,
        "limit": limit,
        "rows": {
            each.name: memory.within(each, layers, plan.deepest_batch, limit)
            for each in _deep(results, options)
            if each.name in options.lineup.deepest
        },
    }
    report.write(path, results)


def _export(field, results, options, path):
    """Of the recorded network that :data:`exports.RUN` names, on the CPU."""
    if options.gpu or exports.RUN in results["export"]:
        return
    field.close()
    say(f"exporting {exports.RUN}")
    try:
        entry = {"rows": exports.measure()}
    except RuntimeError as error:
        entry = {"failed": str(error)}
    results["export"][exports.RUN] = entry
    report.write(path, results)


def _naive_bytes(results, options):
    """Measured bytes an activation of the naive network, at its deepest."""
    entry = results["depth"].get("block")
    row = entry and entry["rows"].get(options.lineup.references[-1])
    if not row or not row["bytes"]:
        return None
    layers, peaks = list(row["bytes"].items())[-1]
    return median(peaks) / (entry["activations"][layers] * entry["batch"])


_SECTIONS = {
    "floor": _floor,
    "step": _step,
    "memory": _memory,
    "depth": _depth,
    "deepest": _deepest,
    "export": _export,
}


if __name__ == "__main__":
    sys.exit(main())

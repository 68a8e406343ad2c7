"""Statistics of the results, their file, and their table."""

import json
from statistics import median, quantiles


def ratios(reference, seconds):
    """How many times as fast as the reference, in each round they share."""
    return [r / s for r, s in zip(reference, seconds, strict=False)]


def spread(values):
    """{"low", "median", "high"}: the quartiles; of one value, the value."""
    if len(values) < 2:
        low = middle = high = values[0]
    else:
        low, middle, high = quantiles(values, n=4, method="inclusive")
    return {"low": low, "median": middle, "high": high}


def add_speedups(rows, references):
    """Give each row of a race its paired ratios to each reference.

    Args:
        rows: {name: row}, as :func:`benchmarks.race.race` gives them.
        references: names.
    """
    for row in rows.values():
        if not row.get("seconds"):
            continue
        row["median"] = median(row["seconds"])
        row["speedup"] = {
            name: spread(ratios(rows[name]["seconds"], row["seconds"]))
            for name in references
            if rows.get(name, {}).get("seconds")
        }


def bounds(cost, batch, measure, rates):
    """Seconds that a step takes at least.

    Args:
        cost: of the network, for one image: see :func:`benchmarks.nets.cost`.
        batch: images.
        measure: "train" or "infer".
        rates: {name: {"multiply_adds": a second, "bytes": a second}}.

    Returns:
        {"arithmetic": s, "activations": s}: the multiply-adds at the best
        rate seen, three times as many in training (forward, gradient of the
        features, gradient of the kernels); and the activations of the naive
        network at the best bandwidth, each moved once.
    """
    best = {
        what: max(rate[what] for rate in rates.values())
        for what in ("multiply_adds", "bytes")
    }
    passes = 3 if measure == "train" else 1
    return {
        "arithmetic": passes
        * batch
        * cost["multiply_adds"]
        / best["multiply_adds"],
        "activations": 4 * batch * cost["activations"] / best["bytes"],
    }


def write(path, results):
    """Write results as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    part.replace(path)


def read(path):
    """What :func:`write` wrote, or None."""
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def table(results):
    """The results as text."""
    lines = _header(results)
    for entry in results["step"].values():
        for measure in ("train", "infer"):
            if measure in entry:
                lines += ["", *_race(entry, measure, results)]
    for entry in results["memory"].values():
        lines += ["", *_memory(entry, results["references"][-1])]
    for entry in results["depth"].values():
        lines += ["", *_depth(entry)]
    for entry in results["deepest"].values():
        lines += ["", *_deepest(entry)]
    for run, entry in results.get("export", {}).items():
        lines += ["", *_export(run, entry)]
    return "\n".join(lines)


def _header(results):
    hardware = results["hardware"]
    lines = [
        f"{hardware['accelerator'] or hardware['processor']}, "
        f"{hardware['cores']} cores, "
        f"{results['memory_bytes'] / 2**30:.0f} GiB; "
        f"Python {hardware['python']}",
        "",
    ]
    rows = []
    for name, contestant in results["contestants"].items():
        found = contestant.get("versions")
        details = (
            ", ".join(f"{package} {v}" for package, v in found.items())
            if found
            else excuse(contestant)
        )
        rows.append([name, contestant["what"], details])
    lines += _columns(["contestant", "what it is", "versions"], rows, words=3)
    for name, rates in results["floor"].items():
        lines.append(
            f"floor by {name}: {rates['multiply_adds'] / 1e9:.1f} G "
            f"multiply-adds/s, {rates['bytes'] / 1e9:.1f} GB/s"
            if "bytes" in rates
            else f"floor by {name}: {excuse(rates)}"
        )
    return lines


def _race(entry, measure, results):
    references = results["references"]
    title = {"train": "training step", "infer": "inference"}[measure]
    lines = [f"{entry['net']}, batch {entry['batch']}: {title}"]
    heading = ["contestant", "first s", "step s", "ms/image"]
    heading += [f"times {name} (quartiles)" for name in references]
    rows = []
    for name, row in entry[measure].items():
        if "median" not in row:
            rows.append([name, excuse(row)])
            continue
        rows.append(
            [
                name,
                f"{row['first']:.1f}",
                f"{row['median']:.3f}",
                f"{row['median'] / entry['batch'] * 1e3:.2f}",
                *(
                    _spread(row["speedup"].get(reference))
                    for reference in references
                ),
            ]
        )
    for what, seconds in entry.get("floor", {}).get(measure, {}).items():
        rows.append([f"floor: {what}", "", f"{seconds:.3f}"])
    return lines + _columns(heading, rows)


def _memory(entry, reference):
    lines = [f"{entry['net']}: memory of a training step, beyond the rest"]
    base = entry["rows"].get(reference, {})
    heading = ["contestant"]
    heading += [f"MB at batch {batch}" for batch in entry["batches"]]
    heading += ["MB/image", f"share of {reference}"]
    rows = []
    for name, row in entry["rows"].items():
        if "bytes" not in row:
            rows.append([name, excuse(row)])
            continue
        share = ""
        if base.get("bytes_per_image"):
            share = row["bytes_per_image"] / base["bytes_per_image"]
            share = f"{share:.0%}"
        rows.append(
            [
                name,
                *(f"{median(v) / 1e6:.0f}" for v in row["bytes"].values()),
                f"{row['bytes_per_image'] / 1e6:.2f}",
                share,
            ]
        )
    return lines + _columns(heading, rows)


def _depth(entry):
    depths = list(entry["activations"])
    lines = [
        f"one dense block, batch {entry['batch']}: memory of a training step, "
        "in MB, over its layers"
    ]
    rows = [
        ["activations"]
        + [
            f"{4 * entry['batch'] * count / 1e6:.0f}"
            for count in entry["activations"].values()
        ]
    ]
    for name, row in entry["rows"].items():
        cells = [
            f"{median(row['bytes'][layers]) / 1e6:.0f}"
            if layers in row["bytes"]
            else "-"
            for layers in depths
        ]
        line = f"{row['r_squared']:.4f}" if "r_squared" in row else ""
        why = excuse(row) if {"missing", "failed"} & set(row) else ""
        rows.append([name, *cells, line, why])
    return lines + _columns(["contestant", *depths, "R² of a line", ""], rows)


def _deepest(entry):
    lines = [
        f"a block of {entry['layers']} layers, batch {entry['batch']}, within "
        f"{entry['limit'] / 1e9:.1f} GB"
    ]
    for name, row in entry["rows"].items():
        if row.get("trained"):
            outcome = "trains"
        else:
            outcome = row.get("why") or excuse(row)
        lines.append(f"  {name}: {outcome}")
    return lines


def _export(run, entry):
    if "rows" not in entry:
        return [f"export of {run}: {excuse(entry)}"]
    batches = list(entry["rows"]["keras"]["seconds"])
    heading = ["format", "MB", "error"]
    heading += [f"ms/image at batch {batch}" for batch in batches]
    rows = []
    for name, row in entry["rows"].items():
        times = [
            f"{median(row['seconds'][batch]) / int(batch) * 1e3:.2f}"
            for batch in batches
        ]
        about = ["", ""]
        if "bytes" in row:
            about = [f"{row['bytes'] / 1e6:.2f}", f"{row['error']:.0e}"]
        rows.append([name, *about, *times])
    lines = [f"{run}, exported: error of a logit, and inference"]
    return lines + _columns(heading, rows)


def _spread(quartiles):
    if quartiles is None:
        return ""
    return (
        f"{quartiles['median']:.2f} "
        f"({quartiles['low']:.2f}-{quartiles['high']:.2f})"
    )


def excuse(row):
    """Why a row has no numbers, in words."""
    if "missing" in row:
        return f"missing: {row['missing']}"
    return f"failed: {row.get('failed', 'it gave up in a later round')}"


def _columns(heading, rows, *, words=1):
    """Text in columns, the first ``words`` of them to the left.

    A row of two cells in a wider table is a remark: it has no columns.
    """
    whole = [heading] + [row for row in rows if len(row) > 2]
    widths = [0] * len(heading)
    for row in whole:
        for index, cell in enumerate(row):
            widths[index] = max(widths[index], len(cell))
    widths[0] = max(len(row[0]) for row in [heading, *rows])
    lines = []
    for row in [heading, *rows]:
        cells = [
            cell.ljust(width) if index < words else cell.rjust(width)
            for index, (cell, width) in enumerate(
                zip(row, widths, strict=False)
            )
        ]
        if len(row) == 2:
            cells[1] = row[1]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines

"""The benchmark's recorded results, for those who want to read them."""

import json
from statistics import median

from densenet_lib.errors import expect
from densenet_lib.resources import data_folder


def load(name="cpu"):
    """The results that ``python -m benchmarks`` has recorded.

    Args:
        name: of the file under ``data/benchmarks``, without its suffix.

    Returns:
        The results as plain values: "hardware"; "contestants"; and the
        sections "floor", "step", "memory", "depth", "deepest" and "export".

    Raises:
        InputError: no such record.
    """
    folder = data_folder() / "benchmarks"
    names = sorted(path.stem for path in folder.glob("*.json"))
    expect(
        name in names,
        "the benchmark's name",
        name,
        f"one of {', '.join(names) or 'none'}",
        "make bench measures anew.",
    )
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


def milliseconds(results, case, measure):
    """{contestant: milliseconds an image}, of those that have times.

    Args:
        results: of :func:`load`.
        case: network and batch, as in "bc-100-12/32".
        measure: "train" or "infer".
    """
    entry = results["step"][case]
    return {
        name: 1e3 * row["median"] / entry["batch"]
        for name, row in entry[measure].items()
        if "median" in row
    }


def peaks_over_depth(results):
    """{contestant: {layers: bytes}}: the median peak of a training step."""
    return {
        name: {int(n): median(each) for n, each in row["bytes"].items()}
        for name, row in results["depth"]["block"]["rows"].items()
    }

"""Peaks of memory: over the batch, over the depth, and against a limit.

Every number comes from a process of its own. What counts is what a training
step takes beyond what the process holds at rest: see :mod:`.meters`. The
difference between two batch sizes, divided by the images between them, is
free of all that does not depend on the batch: gradients of the weights,
workspaces.
"""

from statistics import correlation, median

from benchmarks.race import Process, Refusal, say

REPETITIONS = 3
SHARE_OF_FREE = 0.9


def step_peaks(contestant, net, batches):
    """Bytes of a training step at each batch size, several times.

    Args:
        contestant: a :class:`benchmarks.contestants.Contestant`.
        net: name of the network.
        batches: images a step, the smallest first.

    Returns:
        {"bytes": {batch: [each time]}}, or what is missing or failed.
    """
    found = {}
    try:
        for batch in batches:
            with Process(contestant) as process:
                process.ask("hello")
                found[str(batch)] = process.ask(
                    "peak", net=net, batch=batch, repetitions=REPETITIONS
                )
    except Refusal as refusal:
        say(f"  {refusal}")
        return refusal.why
    return {"bytes": found}


def over_batch(contestants, net, batches):
    """Rows {name: row} of :func:`step_peaks`, with "bytes_per_image"."""
    rows = {}
    for contestant in contestants:
        say(f"{net}, memory at batches {batches}: {contestant.name}")
        row = rows[contestant.name] = step_peaks(contestant, net, batches)
        if "bytes" in row:
            row["bytes_per_image"] = per_image(row["bytes"])
    return rows


def per_image(peaks):
    """Slope of the median peak between the least and the largest batch."""
    batches = sorted(peaks, key=int)
    low, high = (median(peaks[batch]) for batch in (batches[0], batches[-1]))
    return (high - low) / (int(batches[-1]) - int(batches[0]))


def over_depth(contestants, depths, batch):
    """Peaks of networks of one dense block, over its number of layers.

    A contestant that fails at one depth does not try the next.

    Returns:
        {name: row}; a row has "bytes" {layers: [each time]} and, for three
        depths or more, "r_squared" of a straight line through their medians;
        and what failed, if anything did.
    """
    rows = {}
    for contestant in contestants:
        row = rows[contestant.name] = {"bytes": {}}
        for layers in depths:
            say(f"memory of a block of {layers} layers: {contestant.name}")
            peaks = step_peaks(contestant, f"block-{layers}", (batch,))
            if "bytes" not in peaks:
                row |= peaks
                break
            row["bytes"][str(layers)] = peaks["bytes"][str(batch)]
        if len(row["bytes"]) > 2:
            row["r_squared"] = r_squared(
                [int(layers) for layers in row["bytes"]],
                [median(peaks) for peaks in row["bytes"].values()],
            )
    return rows


def r_squared(x, y):
    """Share of the variance of ``y`` that a straight line in ``x`` takes."""
    return correlation(x, y) ** 2


def free_bytes():
    """Memory that the machine can still give, by Linux's reckoning."""
    with open("/proc/meminfo") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    raise KeyError("MemAvailable")


def too_deep(costs, bytes_at_hand, *, batch, bytes_per_activation):
    """The least depth whose naive step needs 1.25 times what is at hand.

    Args:
        costs: {layers: activations of one image}.
        bytes_at_hand: what a step may take.
        batch: images a step.
        bytes_per_activation: as the naive network was measured.

    Returns:
        Layers, or None if no depth in ``costs`` is enough.
    """
    for layers, activations in sorted(costs.items()):
        needed = activations * batch * bytes_per_activation
        if needed > 1.25 * bytes_at_hand:
            return layers
    return None


def within(contestant, layers, batch, limit):
    """Whether a block of ``layers`` trains in ``limit`` bytes.

    The process first takes steps of one and of two images, so that libraries
    are loaded, the step is traced, and a failure has no other reason than
    memory. Then it gives itself the limit and takes two steps in full.

    Returns:
        {"trained": True}, or {"trained": False, "why": …}, or why not even
        one image was trained.
    """
    net = f"block-{layers}"
    say(
        f"{net}, batch {batch}, within {limit / 1e9:.1f} GB: {contestant.name}"
    )
    with Process(contestant) as process:
        try:
            process.ask("hello")
            process.ask("warm_up", net=net)
            process.ask("allow_more", bytes_more=limit)
        except Refusal as refusal:
            return refusal.why
        try:
            process.ask("train", batch=batch, steps=2)
        except Refusal as refusal:
            return {"trained": False, "why": str(refusal)}
    return {"trained": True}

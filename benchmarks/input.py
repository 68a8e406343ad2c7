"""Images a second of the input, beside what the network takes.

    python -m benchmarks.input

Each way to make batches feeds a consumer that does nothing with them, through
Keras' own adapter, on images that lie decoded in memory. Beside it stands
the training step of the same experiment, measured on batches that are ready.
The goal: at least twice as many images as the step takes, and at least 20,000
a second at 64 pixels where they are not augmented on the host.

At the scale "gpu" what the network takes is an estimate. On one RTX 3090, in
mixed precision with channels last, DenseNet-121 trains on 913.65 images a
second of 224 pixels (timm's results, benchmark-train-amp-nhwc-pt112-cu113-
rtx3090.csv). A DenseNet is bound by bandwidth, so that is multiplied by the
ratio of the activations and, for an H100, by that of the memories' bandwidths,
3,350 over 936 GB/s by their data sheets.

A round measures every way once, so that all see the same disturbances; of the
rounds the median counts, and the extremes are given. Where other programs
keep the cores busy, the processor time is the better measure: the time that
all threads together computed, in microseconds an image.
"""

import os
import time
from statistics import median

from densenet_lib.quiet import without_greeting

with without_greeting():
    import keras

import numpy as np

from densenet_lib import budget, experiments, training
from densenet_lib.datasets import Split
from densenet_lib.datasets.on_device import Augmented
from densenet_lib.datasets.pipeline import Batches

ROUNDS = 3
STEPS = {"sketch": 10, "cpu": 4}

# Bytes of the images: many times what a processor's cache holds.
STORE = 17_000 * 64 * 64 * 3

# Name: (augmented, where, images in a measurement at most).
WAYS = {
    "float32": (False, "host", 8_000),
    "bytes": (False, "device", 17_000),
    "augmented on host": (True, "host", 3_000),
    "augmented on device": (True, "device", 17_000),
}
GOAL = 2
GOAL_64 = 20_000

RTX_3090 = 913.65
H100_OVER_RTX_3090 = 3350 / 936


class Consumer(keras.Model):
    """Takes a batch and gives nothing that costs."""

    def call(self, inputs):
        """One number an image, so that Keras has an output."""
        images = inputs["images"] if isinstance(inputs, dict) else inputs
        return keras.ops.cast(images[:, 0, 0, :1], "float32")


class Clock(keras.callbacks.Callback):
    """When the second batch began and the last one ended."""

    def on_test_batch_begin(self, batch, logs=None):
        if batch == 1:
            self.begin = _now()

    def on_test_batch_end(self, batch, logs=None):
        self.end = _now()


def _now():
    """Seconds by the clock, and seconds computed by all threads."""
    return np.array([time.perf_counter(), time.process_time()])


def delivered(batches):
    """Images a second that arrive, and microseconds computed for each.

    The first batch is left out.
    """
    consumer, clock = Consumer(), Clock()
    consumer.compile(loss="mse", jit_compile=False)
    consumer.evaluate(batches, verbose=0, callbacks=[clock])
    images = batches.batch_size * (len(batches) - 1)
    seconds, computed = (clock.end - clock.begin).tolist()
    return images / seconds, 1e6 * computed / images


def store(size):
    """A split of random images, so many that no cache holds them."""
    count = STORE // (size * size * 3)
    images = np.random.default_rng(0).integers(
        0, 256, (count, size, size, 3), np.uint8
    )
    labels = (np.arange(count) % 2).astype(np.uint8)
    return Split(images, labels, tuple(map(str, range(count))))


def batches(experiment, split, way, workers=1):
    """The experiment's batches, made that way; whole ones only."""
    augmented, place, most = WAYS[way]
    recipe = experiment.recipe
    count = min(len(split), most)
    whole = count // recipe.batch_size * recipe.batch_size
    return Batches(
        split.subset(whole),
        recipe.batch_size,
        augment=recipe.augmentation if augmented else None,
        augment_on=place,
        workers=workers,
    )


def inputs(experiment, split, worker_counts=(1, 2)):
    """{(way, workers): [what was delivered in each round]}."""
    found = {}
    for _ in range(ROUNDS):
        for way in WAYS:
            for workers in worker_counts:
                made = batches(experiment, split, way, workers)
                found.setdefault((way, workers), []).append(delivered(made))
    return found


def steps(experiment, split):
    """Images a second of the training step, on a batch that is ready.

    Returns:
        {way: [images a second in each round]}, for the ways that differ in
        what the step does: plain bytes, and augmentation in the step.
    """
    ready, rates = {}, {}
    for way in ("bytes", "augmented on device"):
        model = experiment.build()
        if way == "augmented on device":
            model = Augmented(model)
        training.compile_for(model, experiment.recipe, 100)
        ready[way] = model, batches(experiment, split, way)[0]
        model.train_on_batch(*ready[way][1])
    count = STEPS[experiment.scale]
    for _ in range(ROUNDS):
        for way, (model, batch) in ready.items():
            begin = time.perf_counter()
            for _ in range(count):
                model.train_on_batch(*batch)
            seconds = time.perf_counter() - begin
            images = count * experiment.recipe.batch_size
            rates.setdefault(way, []).append(images / seconds)
    return rates


def estimated():
    """{device: images a second that the "gpu" experiment should take}."""
    net = budget.closed_form(
        experiments.GPU_NET, input_shape=(128, 128, 3), classes=1
    )
    known = budget.closed_form("densenet121", input_shape=(224, 224, 3))
    rate = RTX_3090 * known.activations / net.activations
    return {"RTX 3090": [rate], "H100": [rate * H100_OVER_RTX_3090]}


def measure(scale):
    """The rates at one scale, as plain values."""
    experiment = experiments.get("densenet", scale)
    split = store(experiment.image_size)
    takes = steps(experiment, split) if scale in STEPS else estimated()
    return {
        "scale": scale,
        "image_size": experiment.image_size,
        "batch_size": experiment.recipe.batch_size,
        "takes": takes,
        "gives": [
            {
                "way": way,
                "workers": workers,
                "rates": [rate for rate, _ in rounds],
                "microseconds": [computed for _, computed in rounds],
            }
            for (way, workers), rounds in inputs(experiment, split).items()
        ],
    }


def lines(part):
    """The rates at one scale as text: taken, given, and the ratio."""
    yield (
        f"\n{part['scale']}: {part['image_size']} px, "
        f"batches of {part['batch_size']}"
    )
    for name, rates in part["takes"].items():
        yield f"  the step takes ({name}): {_rate(rates)} images/s"
    for row in part["gives"]:
        yield (
            f"  {row['way']:<20} {row['workers']} worker(s)"
            f" {_rate(row['rates'])} images/s,"
            f" {median(row['microseconds']):.0f} us computed;"
            f" {_verdict(part, row)}"
        )


def _rate(rates):
    text = f"{median(rates):>8,.0f}"
    if len(rates) > 1:
        text += f" ({min(rates):,.0f} to {max(rates):,.0f})"
    return text


def _verdict(part, row):
    """The ratios to what is taken, and whether the goals are met."""
    given = median(row["rates"])
    ratios = {
        name: given / median(rates)
        for name, rates in part["takes"].items()
        if name != "augmented on device" or name == row["way"]
    }
    text = ", ".join(
        f"{ratio:.1f} x {name}: {'met' if ratio >= GOAL else 'MISSED'}"
        for name, ratio in ratios.items()
    )
    if part["image_size"] == 64 and row["way"] != "augmented on host":
        met = "met" if given >= GOAL_64 else "MISSED"
        text += f"; {GOAL_64:,} images/s: {met}"
    return text


def main():
    """Measure all scales, print the table and return its data."""
    print(
        f"{os.cpu_count()} cores, {keras.backend.backend()}, "
        f"Keras {keras.__version__}, NumPy {np.__version__}; "
        f"median of {ROUNDS} rounds (lowest to highest)"
    )
    results = []
    for scale in ("sketch", "cpu", "gpu"):
        results.append(measure(scale))
        print("\n".join(lines(results[-1])), flush=True)
    return results


if __name__ == "__main__":
    main()

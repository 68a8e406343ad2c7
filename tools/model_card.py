"""Write the model card, data/MODEL_CARD.md: all its numbers are computed.

    python tools/model_card.py [--check]

``--check`` writes nothing; its exit status is 1 if the card that is there
differs from what comes out. No photograph of the training set is needed: what
the network is asked about is drawn by the library or comes with scikit-image.
"""

import argparse
import difflib
import io
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import skimage
from PIL import Image, ImageOps

import densenet_lib
from densenet_lib import budget, metrics, runs
from densenet_lib.datasets import sketches
from densenet_lib.errors import expect
from tools.chapters import ROOT

CARD = ROOT / "data/MODEL_CARD.md"
NAME = "cats-vs-dogs"
DRAWINGS = 400

# Two test photographs that are one file with a third, which is in training:
# see densenet_lib/datasets/split.py.
TWINS = ("dog.2877", "dog.10401")
SEEN = "dog.10797"

# What scikit-image carries in its wheel, under its own file names.
PICTURES = Path(skimage.__file__).parent / "data"
CAT = "chelsea.png"
OTHERS = {
    "an astronaut, portrait": "astronaut.png",
    "a man behind a camera, grey": "camera.png",
    "a cup of coffee": "coffee.png",
    "a motorcycle in a garage": "motorcycle_left.png",
    "a rocket": "rocket.jpg",
    "a wall clock, blurred": "clock_motion.png",
    "Greek coins, grey": "coins.png",
    "galaxies, Hubble's deep field": "hubble_deep_field.jpg",
    "the surface of the moon": "moon.png",
    "a retina": "retina.jpg",
    "a cell under a microscope": "cell.png",
    "bricks": "brick.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "a printed page": "page.png",
    "a horse, black silhouette": "horse.png",
}


def main(arguments=None):
    """Write the card, or compare it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args(arguments).check
    computed = text(densenet_lib.pretrained(NAME))
    if not check:
        CARD.write_text(computed, "utf-8")
        print(CARD.relative_to(ROOT) if CARD.is_relative_to(ROOT) else CARD)
        return 0
    committed = CARD.read_text("utf-8") if CARD.exists() else ""
    changes = difflib.unified_diff(
        committed.splitlines(),
        computed.splitlines(),
        "committed",
        "computed",
        lineterm="",
    )
    print("\n".join(changes) or "the model card agrees")
    return int(committed != computed)


def text(network):
    """The card of a :class:`densenet_lib.pretrained.Pretrained`.

    Raises:
        InputError: the run was recorded at another size of image.
    """
    size = network.image_size
    expect(
        network.run.record["data"]["image_size"] == size,
        f"the image size of {network.run.experiment.path}",
        size,
        f"{network.run.record['data']['image_size']}, that of its test images",
        "Train the run anew.",
    )
    drawn = sketches.load(size, counts=(0, 0, DRAWINGS)).test
    return "\n\n".join(
        (
            what_it_is(network),
            uses(network),
            what_it_knows(network),
            calibration(network),
            "## What it was not trained on\n\nAll of this is measured.",
            drawings(network, drawn),
            neither(network),
            several(network, drawn),
            robustness(network, drawn),
            LICENCE + "\n",
        )
    )


def what_it_is(network):
    """Network, training, size."""
    first, second = network.classes
    asked = _shown(network.run.experiment)
    return _section(
        f"# Model card: {NAME}",
        "<!-- Made by tools/model_card.py, all numbers included. -->",
        _fill(f"""
            It says of a photograph whether it shows a {first} or a {second},
            and with what probability. {asked}
        """),
        f"""```python
import densenet_lib

network = densenet_lib.pretrained("{NAME}")
print(network.predict("photo.jpg")[0])
```""",
        _fill("""
            On the command line: `densenet-lib predict photo.jpg`, and
            `densenet-lib explain photo.jpg` for a figure of where the
            evidence lies.
        """),
        _table(("", ""), _facts(network).items()),
    )


def _shown(experiment):
    """Which views of a photograph the answer is the mean of."""
    seen = [
        "the photograph"
        if share == 1
        else f"the middle of it ({_percent(share)} of each side) at the "
        "same size"
        for share in experiment.zooms
    ]
    if not experiment.mirror and len(seen) == 1:
        return f"It is asked once, about {seen[0]}."
    if experiment.mirror:
        seen.append(
            "the mirror image of each" if seen[1:] else "its mirror image"
        )
    *before, last = seen
    logits = f"of {', of '.join(before)} and of {last}"
    return f"The answer is the mean of the logits {logits}."


def _facts(network):
    run, experiment = network.run, network.run.experiment
    data, side = run.record["data"], network.image_size
    cost = budget.closed_form(
        experiment.config,
        input_shape=(side, side, 3),
        classes=1,
        rescale=True,
    )
    answer = experiment.passes * cost.multiply_adds
    config = ", ".join(
        f"{name} {value}"
        for name, value in experiment.config.to_dict().items()
    )
    return {
        "run": f"`{experiment.path}`, {_origin(experiment)}",
        "network": f"{experiment.family}: {config}",
        "parameters": f"{cost.parameters:,}",
        "multiply-adds for an answer": f"{answer:,}",
        "image": f"{side} x {side} pixels, to which the whole photograph is "
        "resized",
        "trained on": f"{data['train']:,} images of {data['name']}, from "
        f"random weights; epochs: {_epochs(run)}",
        "training": _time(run),
    }


def uses(network):
    """What it is for, and not for."""
    first, second = network.classes
    return _section(
        "## What it is for",
        _fill(f"""
            Learning how such a network is built, trained, measured and looked
            into; and sorting photographs that are known to show one {first}
            or one {second}, where a wrong answer does no harm.
        """),
        _fill("""
            Not for deciding whether there is an animal at all, nor which of
            several; not for other animals, nor for breeds; not for lost pets,
            for treatment, or for anything else in which an animal or a person
            has a stake. What it has seen is photographs of pets that animal
            shelters had put on Petfinder by 2007 (Elson et al. 2007).
        """),
    )


def what_it_knows(network):
    """Accuracy and confusion on the run's own test images."""
    said = network.run.predictions
    right = metrics.predicted(said.logits) == said.labels
    counts = metrics.confusion(said.labels, said.logits).tolist()
    rows = [
        (f"a {name}", *counts[label], _share(counts[label][label], count))
        for label, name in enumerate(network.classes)
        if (count := sum(counts[label]))
    ]
    head = ("shown", *(f"says {name}" for name in network.classes), "right")
    return _section(
        "## What it knows",
        _fill(f"""
            On {len(right):,} test images of the same source whose names were
            in no training: {_share(right.sum(), len(right))} right. (Two of
            them, {" and ".join(TWINS)}, are the same file as {SEEN}, which
            was; they can move this by {100 * len(TWINS) / len(right):.2f}
            points.) Here and below, what stands in brackets is the 95 %
            interval (Wilson's).
        """),
        _table(head, rows),
    )


def calibration(network):
    """Whether the probability means what it says, on the test images."""
    said = network.run.predictions
    right = metrics.predicted(said.logits) == said.labels
    sure = metrics.probabilities(np.abs(said.logits)).mean()
    gap = 100 * (sure - right.mean())
    return _section(
        "### Does the probability mean what it says?",
        _fill(f"""
            The probability is the sigmoid of the logit, as training has left
            it; nothing was fitted to it afterwards. On the test images the
            answers have a mean probability of {_percent(sure, 2)}, and
            {_percent(right.mean(), 2)} of them are right: on average they
            claim {abs(gap):.2f} percentage points too
            {"much" if gap > 0 else "little"}. The expected calibration error,
            over ten bins of the probability of a {network.classes[1]}, is
            {100 * network.calibration.error:.1f} percentage points; the Brier
            score is {metrics.brier(said.labels, said.logits):.3f}, where 0 is
            best and always saying one half gives 0.25.
        """),
        _table(
            ("probability of the answer", "answers", "mean", "right"),
            _by_probability(right, said.logits),
        ),
    )


def _by_probability(right, logits):
    """A row for each bin, from 50 %, of the answer's probability."""
    # As of a class "right", whose logit is the logit's size.
    bins = metrics.calibration(right, np.abs(logits), bins=20)
    return [
        (
            f"{100 * low:.0f} to {100 * high:.0f} %",
            count,
            _percent(mean),
            _share(round(count * share), count),
        )
        for low, high, count, mean, share in zip(
            bins.edges[:-1],
            bins.edges[1:],
            bins.counts.tolist(),
            bins.probability,
            bins.frequency,
            strict=True,
        )
        if count
    ]


def drawings(network, drawn):
    """Accuracy on animals drawn by the library."""
    answers = ask(network, drawn.images)
    rows = []
    for label, name in enumerate(network.classes):
        own = answers.subset(drawn.labels == label)
        right = int((own.labels == label).sum())
        rows.append(
            (
                f"a drawn {name}",
                len(own.labels),
                _share(right, len(own.labels)),
                _percent(own.certainty.mean()),
            )
        )
    right = int((answers.labels == drawn.labels).sum())
    head = ("shown", "pictures", "right", "mean probability of the answer")
    return _section(
        "### Drawings",
        _fill(f"""
            {len(drawn)} cats and dogs drawn by
            `densenet_lib.datasets.sketches` at the network's own size:
            {_share(right, len(drawn))} right. Guessing gives 50 %.
        """),
        _table(head, rows),
    )


def neither(network):
    """What it says of pictures with neither animal."""
    files = [PICTURES / file for file in OTHERS.values()]
    answers = ask(network, network.prepare(files))
    sure = answers.certainty
    rows = [
        (name, network.classes[label], _chance(probability))
        for name, label, probability in zip(
            OTHERS, answers.labels, sure, strict=True
        )
    ]
    return _section(
        "### Neither cat nor dog",
        _fill(f"""
            It has two answers and no third, so it gives one of them to
            anything. Of these {len(files)} pictures, which come with
            scikit-image and show no cat and no dog, it gave
            {_count(sure >= 0.9)} a probability of at least 90 %, and
            {_count(sure >= 0.75)} one of at least 75 %; the lowest was
            {_chance(sure.min())}, the highest {_chance(sure.max())}. The
            horse is the only other animal among them: about photographs of
            other animals, nothing is measured here.
        """),
        _table(("shown", "says", "probability"), rows),
    )


def several(network, drawn):
    """What it says of two animals side by side."""
    cats, dogs = (drawn.images[drawn.labels == label] for label in (0, 1))
    photo = np.broadcast_to(network.prepare(PICTURES / CAT), dogs.shape)
    pairs = {
        "two drawn cats": (cats, np.roll(cats, 1, axis=0)),
        "two drawn dogs": (dogs, np.roll(dogs, 1, axis=0)),
        "a drawn cat left of a drawn dog": (cats, dogs),
        "a drawn dog left of a drawn cat": (dogs, cats),
        "Chelsea left of a drawn dog": (photo, dogs),
        "a drawn dog left of Chelsea": (dogs, photo),
    }
    rows = []
    for name, sides in pairs.items():
        pictures = np.concatenate(sides, axis=2)
        answers = ask(network, network.prepare(pictures))
        said = np.bincount(answers.labels, minlength=2).tolist()
        rows.append((name, *said, _percent(answers.certainty.mean())))
    head = (
        "shown",
        *(f"says {name}" for name in network.classes),
        "mean probability of the answer",
    )
    return _section(
        "### Several animals",
        _fill(f"""
            It gives one answer to a picture, whoever is in it. Here two
            pictures, side by side, are one, which is then resized to the
            square as any other, so that the animals become narrow. There are
            {len(dogs)} of each kind. Chelsea is the photographed cat that
            comes with scikit-image.
        """),
        _table(head, rows),
    )


def _half(image):
    small = image.resize([side // 2 for side in image.size])
    return small.resize(image.size)


def _jpeg(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=10)
    return Image.open(file)


def _middle(image):
    width, height = image.size
    box = (width // 4, height // 4, width - width // 4, height - height // 4)
    return image.crop(box).resize(image.size)


# What is done to a picture -> the function of a Pillow image that does it.
CHANGES = {
    "nothing": lambda image: image,
    "mirrored": ImageOps.mirror,
    "grey": lambda image: image.convert("L").convert("RGB"),
    "upside down": lambda image: image.rotate(180),
    "half the resolution": _half,
    "a JPEG of quality 10": _jpeg,
    "the middle half of each side, enlarged": _middle,
}


def robustness(network, drawn):
    """What becomes of the answers when the pictures are changed."""
    images = np.concatenate([drawn.images, network.prepare(PICTURES / CAT)])
    plain = ask(network, images)
    rows = []
    for name, change in CHANGES.items():
        answers = ask(network, _changed(images, change))
        right = (answers.labels[:-1] == drawn.labels).sum()
        other = (answers.labels != plain.labels)[:-1]
        chelsea = network.classes[answers.labels[-1]]
        sure = _chance(answers.certainty[-1])
        rows.append(
            (
                name,
                _share(right, len(drawn)),
                _count(other),
                f"{chelsea}, {sure}",
            )
        )
    return _section(
        "### Changed pictures",
        _fill(f"""
            The same {len(drawn)} drawings, and Chelsea, changed at the
            network's own size. One photograph is an example, not a
            measurement of photographs.
        """),
        _table(
            (
                "done to it",
                "drawings right",
                "drawings with another answer",
                "Chelsea",
            ),
            rows,
        ),
    )


LICENCE = """
## Licence

The weights, as the code, are under the MIT License. The photographs of the
training set are not passed on, and we know of no licence that would allow it:
see `data/README.md`. Nor are scikit-image's pictures: they are read from the
installed package.

J. Elson, J. Douceur, J. Howell, J. Saul, "Asirra: a CAPTCHA that exploits
interest-aligned manual image categorization", CCS 2007.
""".strip()


@dataclass(frozen=True)
class Answers:
    """What the network says of images: logits (n,)."""

    logits: np.ndarray

    @property
    def labels(self):
        """(n,): 0 or 1."""
        return metrics.predicted(self.logits)

    @property
    def certainty(self):
        """(n,): the probability of the answer, from 0.5."""
        return metrics.probabilities(np.abs(self.logits))

    def subset(self, which):
        """The answers that the mask (n,) chooses."""
        return Answers(self.logits[which])


def ask(network, images):
    """The :class:`Answers` to prepared images, as published."""
    return Answers(network.run.logits(network.model, images))


def _changed(images, change):
    return np.stack(
        [np.asarray(change(Image.fromarray(image))) for image in images]
    )


def _origin(experiment):
    """The seed of a training and its start, or whose weights it has."""
    if experiment.asks:
        return f"the network of `{experiment.asks}`"
    if experiment.start:
        return f"seed {experiment.recipe.seed}, from `{experiment.start}`"
    if not experiment.average:
        return f"seed {experiment.recipe.seed}"
    paths = " and ".join(f"`{path}`" for path in experiment.average)
    return f"the mean of {paths}"


def _epochs(run):
    """Of each training that it is made of, in words."""
    sources = [runs.load(path) for path in run.experiment.sources]
    if run.experiment.asks:
        return _epochs(sources[0])
    if run.experiment.average:
        *earlier, last = sources
        passed = {each.experiment.path for each in last.lineage}
        names = {each.experiment.path for each in earlier}
        if names and names <= passed:
            return f"{_epochs(last)}; the mean of the last {len(sources)} ends"
        first = sources[0].lineage[:-1]
        before = f"{_epochs(first[-1])}, then " if first else ""
        each = " and ".join(
            str(source.experiment.recipe.epochs) for source in sources
        )
        return f"{before}{each} side by side, whose mean it is"
    before = f"{_epochs(sources[0])}, then " if sources else ""
    return f"{before}{run.experiment.recipe.epochs}"


def _time(run):
    """How long it was trained and on what: each sitting, if several."""
    return ", then ".join(
        f"{sitting['seconds'] / 60:.0f} min on "
        f"{_hardware(sitting['hardware'])}"
        for each in run.lineage
        if not each.experiment.asks
        for sitting in each.record.get("sittings", [each.record])
    )


def _hardware(record):
    device = record["accelerator"] or f"{record['cores']} core(s) of a CPU"
    return f"{device}, Keras {record['keras']} on {record['backend']}"


def _share(right, total):
    digits = 2 if total >= 1000 else 1
    low, high = metrics.wilson(int(right), int(total))
    interval = f"{100 * low:.{digits}f} to {100 * high:.{digits}f}"
    return f"{_percent(right / total, digits)} ({interval})"


def _percent(share, digits=1):
    return f"{100 * share:.{digits}f} %"


def _chance(probability):
    """Whole per cents; no network is certain, whatever rounding says."""
    if probability > 0.99:
        return "over 99 %"
    return f"{100 * probability:.0f} %"


def _count(flags):
    return f"{int(flags.sum())} of {len(flags)}"


def _section(*blocks):
    return "\n\n".join(blocks)


def _fill(paragraph):
    # A per cent sign stays on the line of its number.
    text = " ".join(paragraph.split()).replace(" %", "\N{NO-BREAK SPACE}%")
    filled = textwrap.fill(text, 78, break_on_hyphens=False)
    return filled.replace("\N{NO-BREAK SPACE}", " ")


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())

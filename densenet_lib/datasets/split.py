"""Which photograph is for training, which for validation, which for test.

The list is committed, as ``data/splits/cats-vs-dogs.csv``. It follows from
the names alone, through SHA-256, so that it comes out the same on every
machine, in every language and whatever the random numbers of NumPy are.

It does not look at the pictures. Five photographs are there twice or three
times under different names (equal in size and CRC-32 in Kaggle's layout at
160 px). Three of the five lie in training and validation, and one in training
and test: two of the 4,000 test photographs, dog.2877 and dog.10401, equal
dog.10797 in training. That can move the test accuracy by 0.05 points.
"""

import csv
import hashlib

from densenet_lib import resources
from densenet_lib.datasets.records import CLASSES, PARTS

PER_CLASS = {"train": 8500, "validation": 2000, "test": 2000}


def make():
    """Split the 25,000 photographs; half of each part are cats.

    The names "cat.0" to "cat.12499" are put in the order of the SHA-256 of
    their ASCII bytes; the first 8,500 are for training, the next 2,000 for
    validation, the last 2,000 for test. The same for the dogs. In each part
    cats and dogs take turns, so that any first n of it are balanced.

    Returns:
        {name: part}, in the order of the committed list.
    """
    ordered = [_ordered(class_name) for class_name in CLASSES]
    parts = {}
    start = 0
    for part, count in PER_CLASS.items():
        chosen = [names[start : start + count] for names in ordered]
        turns = zip(*chosen, strict=True)
        parts |= {name: part for turn in turns for name in turn}
        start += count
    return parts


def _ordered(class_name):
    names = [f"{class_name}.{number}" for number in range(12500)]
    return sorted(
        names, key=lambda name: hashlib.sha256(name.encode()).digest()
    )


def path():
    """Where the committed list is."""
    return resources.data_folder() / "splits" / "cats-vs-dogs.csv"


def text(parts):
    """The list as it is committed: a head, then a line a photograph."""
    return "".join(
        f"{name},{part}\n" for name, part in {"name": "split", **parts}.items()
    )


def read():
    """The committed list.

    Returns:
        {name: part}, and the SHA-256 of the list.
    """
    with path().open(newline="", encoding="ascii") as lines:
        _head, *rows = csv.reader(lines)
    parts = dict(rows)
    # Of the text, not of the file's bytes: line ends do not matter.
    return parts, hashlib.sha256(text(parts).encode()).hexdigest()


def by_part(parts):
    """The names of each part: {part: [name, ...]}."""
    return {
        part: [name for name in parts if parts[name] == part] for part in PARTS
    }


if __name__ == "__main__":
    path().parent.mkdir(parents=True, exist_ok=True)
    path().write_text(text(make()), encoding="ascii", newline="\n")

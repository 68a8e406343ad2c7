"""The committed split: its sizes, its balance, and that it can be remade."""

import hashlib
from collections import Counter

import pytest

from densenet_lib.datasets import split
from densenet_lib.datasets.photographs import open_photographs
from tests.conftest import PHOTOGRAPHS


@pytest.fixture(scope="module")
def committed():
    """{name: part}, as committed."""
    return split.read()[0]


def test_the_committed_list_is_what_the_function_makes(committed):
    assert list(split.make().items()) == list(committed.items())
    assert split.path().read_text("ascii") == split.text(committed)


def test_parts_have_the_sizes_and_half_of_each_are_cats(committed):
    counts = Counter(
        (part, name.split(".")[0]) for name, part in committed.items()
    )
    assert counts == {
        ("train", "cat"): 8500,
        ("train", "dog"): 8500,
        ("validation", "cat"): 2000,
        ("validation", "dog"): 2000,
        ("test", "cat"): 2000,
        ("test", "dog"): 2000,
    }


def test_every_photograph_is_in_one_part_only(committed):
    names = [
        name for part in split.by_part(committed).values() for name in part
    ]
    assert len(names) == len(set(names)) == 25_000
    assert set(names) == {
        f"{kind}.{n}" for kind in ("cat", "dog") for n in range(12_500)
    }


def test_a_photograph_s_part_follows_from_the_hashes_of_the_names(committed):
    def digest(name):
        return hashlib.sha256(name.encode()).hexdigest()

    cats = [name for name in committed if name.startswith("cat")]
    train = [digest(name) for name in cats if committed[name] == "train"]
    others = [digest(name) for name in cats if committed[name] != "train"]
    assert max(train) < min(others)


def test_cats_and_dogs_take_turns(committed):
    kinds = [name.split(".")[0] for name in committed]
    assert kinds == ["cat", "dog"] * 12_500


def test_the_list_has_the_checksum_that_recorded_runs_name():
    # A changed list is another split: runs recorded on it do not compare.
    assert split.read()[1] == (
        "b5ac4b88ac36133f0cfc11c57a156f4c87cef479c404f121efe1d3bf9ceb8fdd"
    )


def test_the_list_is_small_enough_to_commit():
    assert split.path().stat().st_size < 500_000


@pytest.mark.skipif(
    not PHOTOGRAPHS.exists(), reason="no photographs beside this checkout"
)
def test_the_list_names_the_photographs_of_kaggle_s_zip(committed):
    photographs = open_photographs(PHOTOGRAPHS)
    assert photographs.layout == "kaggle"
    assert set(photographs.files) == set(committed)

"""Data and Split: parts, subsets, counts."""

import numpy as np
import pytest

from densenet_lib.datasets import Data, Split
from densenet_lib.errors import InputError


def made_split(count, *, masks=False):
    images = np.arange(count, dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(images, (count, 4, 4, 3))
    labels = np.arange(count, dtype=np.uint8) % 2
    names = tuple(f"image {n}" for n in range(count))
    parts = {"ears": images[..., 0] > 1} if masks else None
    return Split(images, labels, names, parts)


@pytest.fixture
def data():
    return Data(
        "made", 4, made_split(5), made_split(3), made_split(2), "a", "b"
    )


def test_a_part_is_reached_by_name_and_by_key(data):
    assert data["train"] is data.train
    assert data["test"] is data.test


def test_an_unknown_part_is_refused(data):
    with pytest.raises(InputError, match="'train', 'validation', 'test'"):
        data["training"]


def test_counts_are_by_part_and_class(data):
    assert data.counts() == {
        "train": {"cat": 3, "dog": 2},
        "validation": {"cat": 2, "dog": 1},
        "test": {"cat": 1, "dog": 1},
    }


def test_summary_is_a_table_of_the_counts(data):
    assert data.summary().splitlines() == [
        "part           cat     dog     all",
        "train            3       2       5",
        "validation       2       1       3",
        "test             1       1       2",
    ]


@pytest.mark.parametrize(
    "which", [[4, 1], np.array([4, 1]), np.array([4, 1], dtype=np.uint8)]
)
def test_subset_takes_images_labels_names_and_masks_together(which):
    subset = made_split(6, masks=True).subset(which)
    assert len(subset) == 2
    assert subset.images[:, 0, 0, 0].tolist() == [4, 1]
    assert subset.labels.tolist() == [0, 1]
    assert subset.names == ("image 4", "image 1")
    assert subset.masks["ears"][:, 0, 0].tolist() == [True, False]


def test_subset_of_a_count_is_the_first_ones():
    subset = made_split(6).subset(3)
    assert subset.names == ("image 0", "image 1", "image 2")
    assert subset.masks is None


def test_subset_by_booleans():
    whole = made_split(6)
    assert whole.subset(whole.labels == 1).names == (
        "image 1",
        "image 3",
        "image 5",
    )


def test_subset_of_more_than_there_are_is_refused():
    with pytest.raises(InputError, match="from 0 to 6"):
        made_split(6).subset(7)


@pytest.mark.parametrize("count", [2, np.int64(2), np.uint8(2)])
def test_a_count_is_a_count_whoever_has_counted(count):
    few = made_split(5).subset(count)
    assert few.names == ("image 0", "image 1")
    assert few.images.shape == (2, 4, 4, 3)

"""How many channels of a layer work: dead ones, constant ones, doubles."""

from dataclasses import dataclass

import numpy as np

from densenet_lib import features, taps

# How many numbers are made float64 at a time: few enough for a core's cache.
CHUNK = 2**16


@dataclass(frozen=True)
class Census:
    """What was counted of one layer's channels.

    Attributes:
        layer: the layer's name, as it was asked for.
        images: how many images were looked at.
        places: at how many places each.
        active: (channels,), the share of images and places at which a
            channel is above the threshold.
        active_images: (channels,), the share of images in which it is so
            anywhere.
        dead: numbers of the channels that never are.
        constant: numbers of the channels that have one value everywhere; a
            channel that a ReLU has shut is dead and constant.
        duplicates: (pairs, 2), numbers of two channels that say the same, or
            the opposite; the smaller number first. No constant is among them.
        correlations: (pairs,), of each pair, over images and places.
    """

    layer: str
    images: int
    places: int
    active: np.ndarray
    active_images: np.ndarray
    dead: np.ndarray
    constant: np.ndarray
    duplicates: np.ndarray
    correlations: np.ndarray

    @property
    def channels(self):
        """How many channels the layer has."""
        return len(self.active)

    @property
    def redundant(self):
        """Numbers of the channels of which an earlier one is a double."""
        return np.unique(self.duplicates[:, 1])


def channel_census(
    model, images, layers=None, *, threshold=0.0, alike=0.99, batch_size=32
):
    """Count the channels that are dead, constant or there twice.

    Where a convolution reads a normalisation and a ReLU, as in a DenseNet,
    the value 0 means nothing before them: look for dead channels after the
    ReLUs, ``features.layer_names(model, "relu")``, and for doubles at the
    ends of the blocks, where each channel is there once for all its readers.

    Images run a batch at a time. What is kept of a layer of c channels is c
    * c sums of products, not its maps; 1,000 channels take 8 MB.

    Args:
        model: any Keras model.
        images: array (N, height, width, channels), as the model reads them.
        layers: a layer's name or several; None for every block's end.
        threshold: a channel is active where its value is above this.
        alike: two channels are doubles from this |correlation| on.
        batch_size: images to run at a time.

    Returns:
        {name: :class:`Census`}.

    Raises:
        InputError: a model without dense blocks if ``layers`` is None, and as
            for :func:`densenet_lib.features.feature_maps`.
    """
    if layers is None:
        layers = features.block_ends(model)
    tallies = {}
    for batch in features.maps_by_batch(
        model, images, layers, batch_size=batch_size
    ):
        for name, maps in batch.items():
            rows = maps.reshape(len(maps), -1, maps.shape[-1])
            if name not in tallies:
                tallies[name] = _Tally(rows, threshold)
            tallies[name].add(rows)
    return {name: tally.census(name, alike) for name, tally in tallies.items()}


class _Tally:
    """Running counts and sums of one layer's channels.

    Args:
        rows: (images, places, channels), the first batch.
        threshold: see :func:`channel_census`.
    """

    def __init__(self, rows, threshold):
        self.threshold = threshold
        _, self.places, channels = rows.shape
        # Sums of squares lose digits to a large mean: start near it.
        self.origin = rows[0].mean(axis=0, dtype="float64")
        self.images = 0
        self.above = np.zeros(channels, int)
        self.images_above = np.zeros(channels, int)
        self.low = np.full(channels, np.inf)
        self.high = np.full(channels, -np.inf)
        self.sum = np.zeros(channels)
        self.products = np.zeros((channels, channels))

    def add(self, rows):
        """Count a batch."""
        above = np.count_nonzero(rows > self.threshold, axis=1)
        self.images += len(rows)
        self.above += above.sum(axis=0)
        self.images_above += np.count_nonzero(above, axis=0)
        self.low = np.minimum(self.low, rows.min(axis=(0, 1)))
        self.high = np.maximum(self.high, rows.max(axis=(0, 1)))
        flat = rows.reshape(-1, rows.shape[-1])
        for part in taps.slices(len(flat), max(256, CHUNK // flat.shape[1])):
            moved = flat[part] - self.origin
            self.sum += moved.sum(axis=0)
            self.products += moved.T @ moved

    def census(self, name, alike):
        """What all batches together say."""
        total = self.images * self.places
        size = np.maximum(np.abs(self.low), np.abs(self.high))
        # What rounding leaves of a constant is not a signal.
        constant = self.high - self.low <= 1e-6 * size
        correlation = self._correlation(total, constant)
        pairs = np.argwhere(np.triu(np.abs(correlation) >= alike, 1))
        return Census(
            layer=name,
            images=self.images,
            places=self.places,
            active=self.above / total,
            active_images=self.images_above / self.images,
            dead=np.flatnonzero(self.above == 0),
            constant=np.flatnonzero(constant),
            duplicates=pairs,
            correlations=correlation[tuple(pairs.T)],
        )

    def _correlation(self, total, constant):
        """(channels, channels); 0 with a constant."""
        mean = self.sum / total
        covariance = self.products / total - np.outer(mean, mean)
        deviation = np.sqrt(np.maximum(covariance.diagonal(), 0))
        deviation[constant | (deviation == 0)] = np.inf
        covariance /= deviation
        covariance /= deviation[:, None]
        return covariance

"""Batches of a split, in an order and with changes that can be repeated."""

import functools
from dataclasses import asdict, dataclass

import keras
import numpy as np

from densenet_lib.errors import expect, expect_choice

PLACES = ("host", "device")

# Shares of red, green and blue in what the eye sees as brightness.
# Source: Recommendation ITU-R BT.601.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

_AT_A_TIME = 8

# TensorFlow and JAX take an array that begins at a multiple of this many
# bytes as it is, and copy any other.
_ALIGNMENT = 64


@dataclass(frozen=True)
class Augmentation:
    """Random changes to a training image that leave its class as it is.

    Every image draws its own. Beyond the image's edge its mirror image goes
    on.

    Attributes:
        flip: mirror left and right, half of the time.
        shift: move by up to this share of the side, each way.
        scale: (least, most) share of the side that is shown. (1, 1) does not
            zoom; (0.7, 1) zooms in on a random place; more than 1 zooms out.
        stretch: change the aspect ratio by up to this share.
        brightness, contrast, saturation: multiply each by a factor between
            1 - x and 1 + x.
        cutout: side of a square that is greyed out, as a share of the
            image's (DeVries and Taylor 2017); 0 for none.

    Raises:
        InputError: a value outside its range.
    """

    flip: bool = True
    shift: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    stretch: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    cutout: float = 0.0

    def __post_init__(self):
        object.__setattr__(self, "scale", tuple(self.scale))
        expect(
            len(self.scale) == 2 and 0 < self.scale[0] <= self.scale[1] <= 2,
            "scale",
            self.scale,
            "two shares of the side, 0 < least <= most <= 2",
            "(0.7, 1) zooms in by up to 1 / 0.7; (1, 1) does not zoom.",
        )
        for name, most in (
            ("shift", 0.5),
            ("stretch", 0.5),
            ("brightness", 1),
            ("contrast", 1),
            ("saturation", 1),
            ("cutout", 1),
        ):
            value = getattr(self, name)
            expect(
                0 <= value <= most,
                name,
                value,
                f"a share from 0 to {most}",
                "0 leaves the image as it is.",
            )

    def to_dict(self):
        """The fields as plain values, fit for JSON."""
        return asdict(self) | {"scale": list(self.scale)}

    @classmethod
    def from_dict(cls, fields):
        """The augmentation that :meth:`to_dict` wrote."""
        return cls(**fields)

    def __call__(self, images, rng, *, size=None):
        """Changed copies of the images.

        Args:
            images: uint8 or float32 (N, height, width, channels), 0 to 255.
            rng: numpy.random.Generator that decides.
            size: side of the copies, in pixels; None for the images' own.

        Returns:
            float32 (N, height, width, channels), 0 to 255.
        """
        return _change(images, **self.draw(images.shape, rng, size=size))

    def draw(self, shape, rng, *, size=None):
        """What is decided by chance: all that :meth:`__call__` does not see.

        :func:`densenet_lib.datasets.on_device.augment` takes the same.

        Args:
            shape: of the images: (N, height, width, channels).
            rng: numpy.random.Generator that decides.
            size: side of the changed images, in pixels; None for their own.

        Returns:
            A dictionary. "rows", float64 (N, height), and "columns", float64
            (N, width): where in the image each row and column comes from, in
            pixels. Where colours change, "factors", float32 (N, 3): of
            brightness, contrast and saturation. Where there is a cutout,
            "cut_rows", bool (N, height), and "cut_columns", bool (N, width):
            its square is where both are true.
        """
        sides = (size, size) if size else shape[1:3]
        rows, columns = self._positions(shape, sides, rng)
        drawn = {
            "rows": _mirrored(rows, shape[1] - 1),
            "columns": _mirrored(columns, shape[2] - 1),
        }
        if self.brightness or self.contrast or self.saturation:
            drawn["factors"] = self._factors(shape[0], rng)
        if self.cutout:
            for axis, side in zip(("rows", "columns"), sides, strict=True):
                drawn[f"cut_{axis}"] = self._cut(shape[0], side, rng)
        return drawn

    def _positions(self, shape, sides, rng):
        """Where in the source each row and each column comes from, in pixels.

        Args:
            shape: of the images.
            sides: (height, width) of the changed images.

        Returns:
            Two float arrays, (N, height) and (N, width).
        """
        count = shape[0]
        zoom = np.exp(rng.uniform(*np.log(self.scale), count))
        stretch = np.exp(rng.uniform(-1, 1, count) * np.log1p(self.stretch))
        axes = []
        for old, new, share in zip(
            shape[1:3],
            sides,
            (zoom / stretch**0.5, zoom * stretch**0.5),
            strict=True,
        ):
            # What is shown stays inside the image, but for the shift.
            play = self.shift + np.abs(1 - share) / 2
            centre = old * (0.5 + rng.uniform(-1, 1, count) * play)
            step = share[:, None] * (old / new)
            offsets = (np.arange(new) + 0.5 - new / 2) * step
            axes.append(centre[:, None] + offsets - 0.5)
        if not self._zooms and tuple(sides) == tuple(shape[1:3]):
            # Whole pixels: nothing is blurred, and it is faster.
            axes = [np.rint(positions) for positions in axes]
        rows, columns = axes
        if self.flip:
            flipped = rng.random(count) < 0.5
            columns[flipped] = columns[flipped, ::-1]
        return rows, columns

    @property
    def _zooms(self):
        return self.scale != (1, 1) or self.stretch > 0

    def _factors(self, count, rng):
        """Of brightness, contrast and saturation: float32 (N, 3)."""
        strengths = np.array((self.brightness, self.contrast, self.saturation))
        drawn = rng.uniform(-1, 1, (3, count)).T
        return (1 + strengths * drawn).astype(np.float32)

    def _cut(self, count, side, rng):
        """Which of a side's pixels the cutout covers: bool (N, side)."""
        centre = rng.random((count, 1))
        away = np.abs((np.arange(side) + 0.5) / side - centre)
        return away < self.cutout / 2


def _change(
    images, rows, columns, factors=None, cut_rows=None, cut_columns=None
):
    """The images, changed as :meth:`Augmentation.draw` says."""
    shape = (len(images), rows.shape[1], columns.shape[1], images.shape[3])
    changed = _aligned(shape, np.float32)
    # A few at a time: what is between the steps stays in the processor's
    # cache, and memory is used again instead of asked for anew.
    for start in range(0, len(images), _AT_A_TIME):
        few = slice(start, start + _AT_A_TIME)
        turned = _transposed(_sample(images[few], rows[few]))
        # Sideways is the same on the transposed images.
        changed[few] = _transposed(_sample(turned, columns[few]))
        if factors is not None:
            _recolour(changed[few], *factors[few].T[..., None, None, None])
        if cut_rows is not None:
            squares = cut_rows[few, :, None] & cut_columns[few, None, :]
            _grey_out(changed[few], squares[..., None])
    return changed


def _recolour(images, brightness, contrast, saturation):
    """Multiply each of the three by its factors, in place.

    Contrast is about the image's mean, saturation about the pixel's grey.
    """
    if (saturation != 1).any():
        grey = np.einsum("nhwc,c->nhw", images, LUMA)[..., None]
        images *= saturation
        images += (1 - saturation) * grey
    mean = images.mean((1, 2, 3), keepdims=True)
    images *= brightness * contrast
    images += brightness * (1 - contrast) * mean
    np.clip(images, 0, 255, out=images)


def _grey_out(images, squares):
    """Give the pixels of the squares the image's mean colour, in place."""
    # On three channels einsum is four times as fast as the method `mean`.
    sums = np.einsum("nhwc->nc", images)
    mean = sums / (images.shape[1] * images.shape[2])
    np.copyto(images, mean[:, None, None], where=squares)


def _mirrored(positions, last):
    """Positions beyond the pixels 0 and ``last``, brought inside."""
    if last == 0:
        return np.zeros_like(positions)
    # Mirrored at the centres of the outermost pixels, as often as needed.
    return np.abs((positions + last) % (2 * last) - last)


def _sample(images, positions):
    """Rows of each image at the given positions, linear between two rows.

    Args:
        images: (N, height, width, channels).
        positions: float (N, rows), in pixels, all inside the image.
    """
    last = images.shape[1] - 1
    low = positions.astype(np.intp)
    which = np.arange(len(images))[:, None]
    weights = (positions - low).astype(np.float32)[:, :, None, None]
    near = images[which, low]
    if not weights.any():
        return near
    # far - near, then in place: these arrays are large.
    mixed = images[which, np.minimum(low + 1, last)].astype(np.float32)
    mixed -= near
    mixed *= weights
    mixed += near
    return mixed


def _transposed(images):
    """The images with rows and columns exchanged, as a new array."""
    channels = images.shape[-1]
    # A pixel is moved as one thing: three times as fast as by channels.
    pixels = images.view(np.dtype((np.void, channels * images.itemsize)))
    turned = np.ascontiguousarray(pixels.swapaxes(1, 2))
    return turned.view(images.dtype)


def _aligned(shape, dtype):
    """An empty array that no back end copies before it computes with it."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


@functools.lru_cache(maxsize=4)
def _permutation(count, seed, epoch):
    """The order of an epoch, made once and not once a batch."""
    order = np.random.default_rng((seed, epoch)).permutation(count)
    order.flags.writeable = False  # all batches share it
    return order


class Batches(keras.utils.PyDataset):
    """A split in batches, for Keras to train or predict on.

    A batch depends on seed, epoch and index alone, so that a training that
    is taken up again at some epoch sees what it would have seen. Two things
    are up to the caller of ``fit``: ``shuffle=False``, as Keras would mix the
    batches once more; and, where the very epoch matters, a callback that
    sets :attr:`epoch`, as Keras also ends one before the first begins.

    Args:
        split: a :class:`densenet_lib.datasets.Split`.
        batch_size: images in a batch; the last one may have fewer.
        seed: of order and augmentation.
        augment: an :class:`Augmentation`, or None.
        augment_on: "host" changes the images here; "device" leaves it to
            the training step, see :mod:`densenet_lib.datasets.on_device`.
        shuffle: a new order in each epoch.
        size: side of the images in a batch, in pixels; None for their own.
        epoch: the epoch to begin with; the next follows by itself.
        workers: threads that prepare batches ahead.

    A batch is (images, labels): float32 (n, height, width, channels), 0 to
    255, and float32 (n, 1). On the device, images are as they are stored, a
    byte a number; and where they are to be augmented, their place is taken
    by a dictionary of "images" and of what :meth:`Augmentation.draw` gives.

    Raises:
        InputError: an empty split, a batch size below 1, or an unknown place.
    """

    def __init__(
        self,
        split,
        batch_size,
        *,
        seed=0,
        augment=None,
        augment_on="host",
        shuffle=True,
        size=None,
        epoch=0,
        workers=1,
    ):
        super().__init__(workers=workers)
        expect(
            len(split) > 0,
            "split",
            len(split),
            "at least one image",
            "Give more.",
        )
        expect(
            isinstance(batch_size, int) and batch_size > 0,
            "batch_size",
            batch_size,
            "a positive whole number",
            "The paper uses 64.",
        )
        expect_choice("augment_on", augment_on, PLACES)
        # A plain view: indexing a memmap object costs more.
        self._images = np.asarray(split.images)
        if size is not None and (size, size) != self._images.shape[1:3]:
            # Resized as training images are, with nothing left to chance.
            augment = augment or Augmentation(flip=False)
        self._labels = split.labels.astype(np.float32)[:, None]
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self.augment_on = augment_on
        self.shuffle = shuffle
        self.size = size
        self.epoch = epoch

    def __len__(self):
        return -(-len(self._labels) // self.batch_size)

    def __getitem__(self, index):
        start = index * self.batch_size
        chosen = self.order()[start : start + self.batch_size]
        return self._prepared(chosen, index), self._labels[chosen]

    def _prepared(self, chosen, index):
        """The chosen images in the form that the network is given."""
        if self.augment is None:
            return self._gathered(chosen)
        rng = np.random.default_rng((self.seed, self.epoch, index, 1))
        if self.augment_on == "host":
            return self.augment(self._images[chosen], rng, size=self.size)
        images = self._gathered(chosen)
        drawn = self.augment.draw(images.shape, rng, size=self.size)
        for axis in ("rows", "columns"):
            drawn[axis] = drawn[axis].astype(np.float32)
        return {"images": images} | drawn

    def _gathered(self, chosen):
        """The chosen images as they are, in memory that is not copied."""
        dtype = np.float32 if self.augment_on == "host" else self._images.dtype
        images = _aligned((len(chosen), *self._images.shape[1:]), dtype)
        if dtype == self._images.dtype:
            # Any mode but the default writes to `out` with no copy between.
            np.take(self._images, chosen, axis=0, out=images, mode="clip")
        else:
            images[:] = self._images[chosen]
        return images

    def order(self):
        """Indices of the images in the order of this epoch."""
        count = len(self._labels)
        if not self.shuffle:
            return np.arange(count)
        return _permutation(count, self.seed, self.epoch)

    def on_epoch_end(self):
        """Go on to the next epoch; Keras calls this."""
        self.epoch += 1

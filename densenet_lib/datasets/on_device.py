"""Augmentation inside the training step, by Keras, on what it trains on.

The batch travels to the device a byte a number, with a few numbers an image
that say how it is to be changed. They are drawn as ever, by
:meth:`densenet_lib.datasets.pipeline.Augmentation.draw`; so a training that
augments on the device sees the images of one that augments on the host, but
for rounding, on every back end, and also when it is taken up again.

Moving, mirroring and zooming do not mix rows with columns. So rows are picked
and mixed two by two, then columns, as rows of the transposed image: a row is
read from memory in one piece. Products with matrices that have two numbers in
each row would do the same; on TensorFlow and a CPU they take 1.1 to 2 times as
long, and a GPU may round their factors to eleven bits.
"""

import keras
from keras import ops

from densenet_lib.datasets.pipeline import LUMA


class Augmented(keras.Model):
    """``model`` with the augmentation before it, for training only.

    It has the model's own layers and weights, nothing else: train this one
    and use, or save, the other. A dictionary from
    :class:`densenet_lib.datasets.pipeline.Batches` is augmented; images alone,
    as in validation, go to the model as they are.
    """

    def __init__(self, model):
        # The policy decides whether the loss is scaled. No casts here: in
        # half precision a position would be off by a sixteenth of a pixel.
        super().__init__(dtype=model.dtype_policy, autocast=False)
        self.model = model
        self.built = True

    def call(self, inputs, training=None):
        """The model's output for a batch, augmented where it asks for it."""
        if isinstance(inputs, dict):
            inputs = augment(**inputs)
        return self.model(inputs, training=training)


def augment(
    images, rows, columns, factors=None, cut_rows=None, cut_columns=None
):
    """The images, changed as was drawn for them.

    Args:
        images: uint8 or float32 tensor (N, height, width, channels), 0 to
            255; three channels where colours change.
        rows, columns, factors, cut_rows, cut_columns: tensors, see
            :meth:`densenet_lib.datasets.pipeline.Augmentation.draw`; the
            first three float32.

    Returns:
        float32 tensor (N, height, width, channels), 0 to 255.
    """
    # Sideways first: then half of the turning is done on bytes.
    turned = _sample(_transposed(images), columns)
    images = _sample(_transposed(turned), rows)
    if factors is not None:
        images = _recolour(images, factors)
    if cut_rows is not None:
        square = ops.logical_and(cut_rows[:, :, None], cut_columns[:, None])
        mean = ops.mean(images, (1, 2), keepdims=True)
        images = ops.where(square[..., None], mean, images)
    return images


def _sample(images, positions):
    """Rows of each image at the given positions, linear between two rows."""
    # Numbers where they are known, else tensors: sides may change.
    count, height, width, channels = ops.shape(images)
    # The rows of all images in one list.
    rows = ops.reshape(images, (-1, width * channels))
    first = height * ops.arange(count)[:, None]
    low = ops.floor(positions)
    weights = (positions - low)[..., None]
    low = ops.cast(low, "int32")
    near, far = (
        ops.cast(ops.take(rows, first + which, axis=0), "float32")
        for which in (low, ops.minimum(low + 1, height - 1))
    )
    mixed = near + weights * (far - near)
    return ops.reshape(
        mixed, (count, ops.shape(positions)[1], width, channels)
    )


def _transposed(images):
    return ops.transpose(images, (0, 2, 1, 3))


def _recolour(images, factors):
    """Multiply brightness, contrast and saturation by their factors."""
    brightness, contrast, saturation = (
        factors[:, which, None, None, None] for which in range(3)
    )
    grey = ops.sum(images * LUMA, -1, keepdims=True)
    images = grey + saturation * (images - grey)
    mean = ops.mean(images, (1, 2, 3), keepdims=True)
    images = brightness * (mean + contrast * (images - mean))
    return ops.clip(images, 0, 255)

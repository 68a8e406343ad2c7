"""A dense block by Keras' own rematerialisation.

What a Keras user can do without a mechanism of our own: each dense layer
reads a list of feature maps and is wrapped, its concatenation included, in
``keras.remat``. What is kept then grows in a straight line with the depth, as
in Pleiss et al. 2017.

``keras.RematScope`` would be shorter. On TensorFlow it fails as soon as a
layer is called with ``training=``: its custom gradient takes no keywords in a
graph. The weights and their order are those of the plain block. The moving
statistics are not: recomputation moves them a second time.
"""

import keras
from keras import layers

from densenet_lib.layers import composite


class RematDenseLayer(keras.layers.Layer):
    """The new channels of a dense layer, all between computed again."""

    def __init__(self, growth_rate, *, bottleneck, dropout, **options):
        super().__init__(**options)
        self.growth_rate = growth_rate
        self.bottleneck = bottleneck
        self.dropout = dropout

    def build(self, shapes):
        inputs = [
            keras.Input(shape[1:], dtype=self.compute_dtype)
            for shape in shapes
        ]
        x = _joined(inputs, f"{self.name}_concat")
        if self.bottleneck is not None:
            x = composite(
                x,
                self.bottleneck * self.growth_rate,
                1,
                dropout=self.dropout,
                name=f"{self.name}_bottleneck",
            )
        x = composite(
            x, self.growth_rate, 3, dropout=self.dropout, name=self.name
        )
        self.inside = keras.Model(inputs, x, name="inside")
        self.built = True

    def call(self, inputs, training=None):
        @keras.remat
        def again(*inputs):
            return self.inside(list(inputs), training=training)

        return again(*inputs)

    def compute_output_shape(self, shapes):
        return (*shapes[0][:-1], self.growth_rate)


def dense_block(x, num_layers, growth_rate, *, bottleneck, dropout, name):
    """:func:`densenet_lib.layers.dense_block`, by ``keras.remat``."""
    features = [x]
    for index in range(1, num_layers + 1):
        layer = RematDenseLayer(
            growth_rate,
            bottleneck=bottleneck,
            dropout=dropout,
            name=f"{name}_layer{index:02d}",
        )
        features.append(layer(features))
    return _joined(features, f"{name}_concat")


def _joined(features, name):
    if len(features) == 1:
        return features[0]
    return layers.Concatenate(axis=-1, name=name)(features)

"""Run by test_inside.py: gradients, feature maps and heatmaps, checked."""

import keras
import numpy as np
from keras import layers, ops

from densenet_lib import attribution, features, gradients
from densenet_lib.densenet import DenseNetConfig, densenet

keras.utils.set_random_seed(0)
x = np.array([1.0, -2.0, 3.0], "float32")
value, gradient = gradients.value_and_gradient(lambda x: ops.sum(x**3), x)
assert value == 20
np.testing.assert_allclose(gradient, 3 * x**2)

config = DenseNetConfig((2, 2), 4, stem="light")
images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), "uint8")
net = densenet(config, input_shape=(32, 32, 3), classes=3, rescale=True)
before = net.get_weights()

# CAM: the dense weights, without a gradient.
for target in (None, 0, [0, 1, 2]):
    np.testing.assert_allclose(
        attribution.grad_cam(net, images, target=target, batch_size=2),
        attribution.cam(net, images, target=target),
        atol=1e-5,
    )

# Finite differences: all pixels of a channel moved up and down.
name, step = "block2_layer01_concat", 1e-2
maps = features.feature_maps(net, images[:1], name)[name]
upper = keras.Model(net.get_layer(name).output, net.output)
moves = step * np.eye(maps.shape[-1], dtype="float32")[:, None, None]
both = [
    ops.convert_to_numpy(upper(maps + sign * moves, training=False))
    for sign in (1, -1)
]
rise = (both[0] - both[1]) / (2 * step)
for target in range(3):
    heat = np.maximum(maps[0] @ rise[:, target], 0)
    found = attribution.grad_cam(
        net, images[:1], layer=name, target=target, upsample=False
    )
    np.testing.assert_allclose(
        found[0], heat / max(heat.max(), 1e-9), atol=0.02
    )

# Nested, sequential, with softmax, in mixed precision, and from a file.
keras.config.set_dtype_policy("mixed_bfloat16")
body = densenet(
    config, input_shape=(32, 32, 3), include_top=False, name="body"
)
keras.config.set_dtype_policy("float32")
whole = keras.Sequential(
    [
        keras.Input((32, 32, 3)),
        layers.Rescaling(1 / 127.5, offset=-1),
        body,
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ]
)
whole.set_weights(before)
whole.save("whole.keras")
loaded = keras.models.load_model("whole.keras")
expected = attribution.grad_cam(net, images, target=1)
for model in (whole, loaded):
    assert attribution.last_feature_map(model, images) == "body/final_relu"
    np.testing.assert_allclose(
        attribution.grad_cam(model, images, target=1), expected, atol=1e-4
    )


# A subclass whose first call is the one that is looked into.
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = [
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


model = Net()
found = attribution.grad_cam(model, images, layer="conv", target=0)
np.testing.assert_allclose(
    found, attribution.cam(model, images, target=0), atol=1e-5
)

for old, new in zip(before, net.get_weights(), strict=True):
    np.testing.assert_array_equal(old, new)

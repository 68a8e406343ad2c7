"""Where in an image the evidence for a class lies: eleven ways to ask.

:func:`explain` takes any of them by its name in :data:`METHODS`. Each is also
a function of its own, with options of its own:

- in :mod:`~densenet_lib.attribution.cams`, methods that weight the channels
  of a feature map: Grad-CAM and its relatives;
- in :mod:`~densenet_lib.attribution.pixels`, methods that look at the image's
  own pixels: gradients, and what a covered pixel costs.

All of them explain the same number, the *score*: a class's logit, or the
difference of two. All run the model at inference, with frozen statistics and
in float32, and leave no trace in it.
"""

from functools import partial

import numpy as np

from densenet_lib.attribution.cams import (
    by_source,
    cam,
    eigen_cam,
    grad_cam,
    grad_cam_plus_plus,
    hires_cam,
    last_feature_map,
    layer_cam,
    score_cam,
)
from densenet_lib.attribution.maps import (
    HEAT_CMAP,
    as_heat,
    enlarge,
    overlay,
)
from densenet_lib.attribution.pixels import (
    gradient,
    guided_backprop,
    integrated_gradients,
    occlusion,
    smooth_grad,
)
from densenet_lib.errors import expect, expect_choice

__all__ = [
    "HEAT_CMAP",
    "METHODS",
    "ON_FEATURES",
    "ON_IMAGE",
    "WITHOUT_CLASS",
    "as_heat",
    "by_source",
    "cam",
    "eigen_cam",
    "enlarge",
    "explain",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient",
    "guided_backprop",
    "hires_cam",
    "integrated_gradients",
    "last_feature_map",
    "layer_cam",
    "occlusion",
    "overlay",
    "score_cam",
    "smooth_grad",
]

# Methods that read a layer, and methods that do not.
ON_FEATURES = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "layer-cam": layer_cam,
    "hires-cam": hires_cam,
    "score-cam": score_cam,
    "eigen-cam": eigen_cam,
}
ON_IMAGE = {
    "gradient": gradient,
    "integrated-gradients": integrated_gradients,
    "smooth-grad": smooth_grad,
    "guided-backprop": guided_backprop,
    "occlusion": occlusion,
}
METHODS = ON_FEATURES | ON_IMAGE
# Those whose heat is the same for both classes of one logit: they ask for no
# class, or take the gradient without its sign.
WITHOUT_CLASS = ("eigen-cam", "gradient", "smooth-grad")


def explain(
    model,
    images,
    method,
    *,
    layer=None,
    target=None,
    signed=False,
    upsample=True,
    batch_size=32,
    **options,
):
    """Heatmaps by any method.

    Args:
        model, images, batch_size: see :func:`grad_cam`.
        method: a name in :data:`METHODS`.
        layer: see :func:`grad_cam`; or a list of layers, whose maps are fused:
            each is scaled to a largest value of 1, and their mean is taken.
            ``features.block_ends(model)`` lists the ends of dense blocks. The
            methods of ``ON_IMAGE`` have no layer.
        target: the class to explain, for all images, or a list with one for
            each; a tuple (a, b) for what speaks for a and against b; None for
            the class predicted.
        signed: True for the map as the method's equation has it: neither cut
            off nor scaled. Of fused maps each is scaled, from -1 to 1.
        upsample: False leaves the map of a layer at that layer's size.
        **options: of the method's own function.

    Returns:
        float32 array (N, height, width), unless ``signed`` from 0 to 1, where
        each map's largest value is 1, or all 0 where nothing is positive.

    Raises:
        InputError: an unknown method, a layer for a method that has none,
            layers of several sizes without ``upsample``, and what the
            method's own function refuses.
    """
    expect_choice("method", method, METHODS)
    run = partial(
        METHODS[method],
        model,
        images,
        target=target,
        signed=signed,
        batch_size=batch_size,
        **options,
    )
    if method in ON_IMAGE:
        expect(
            layer is None,
            "layer",
            layer,
            f"None with {method!r}",
            f"A layer is read by {', '.join(ON_FEATURES)}.",
        )
        return run()
    if isinstance(layer, (list, tuple)):
        maps = [run(layer=name, upsample=upsample) for name in layer]
        return _fused(maps, signed)
    return run(layer=layer, upsample=upsample)


def _fused(maps, signed):
    """The mean of several layers' maps, each scaled to 1."""
    sizes = {part.shape[1:] for part in maps}
    expect(
        len(sizes) == 1,
        "the sizes of the layers' maps",
        sorted(sizes),
        "one size",
        "Name at least one layer, and use upsample=True.",
    )
    if not signed:
        return as_heat(np.mean(maps, axis=0), None)
    scaled = [np.sign(part) * as_heat(np.abs(part), None) for part in maps]
    return np.mean(scaled, axis=0)

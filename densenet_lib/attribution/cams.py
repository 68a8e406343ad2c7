"""Heatmaps from a feature map: Grad-CAM, its ancestor and its relatives.

Each method weights what the channels of one layer have found. Below, A is the
layer's output (h, w, channels) for one image, A_k its channel k, and g the
gradient of the score with respect to A.
"""

from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import ops
from scipy.special import softmax

from densenet_lib import features, taps
from densenet_lib.attribution import scores
from densenet_lib.attribution.maps import as_heat, enlarge
from densenet_lib.errors import expect

# {model: {(shape of an image, its layers' paths): the last feature map}}
_KNOWN = WeakKeyDictionary()


def grad_cam(
    model,
    images,
    *,
    layer=None,
    target=None,
    signed=False,
    upsample=True,
    batch_size=32,
):
    """Grad-CAM heatmaps.

    The channels of a feature map, each weighted by the mean gradient of the
    class's logit with respect to it, are summed; what is negative is cut off:
    relu(sum_k mean(g_k) A_k). It takes one forward pass and the part of a
    backward pass that leads from the logit to the feature map, at inference
    and in float32.

    Args:
        model: any Keras model with one output (N, classes); (N, 1) is one
            logit for two classes. Logits are differentiated: if the model
            ends with softmax or sigmoid, as a layer or as the activation of
            one, what goes into it is. Any other output is taken as logits.
        images: array (N, height, width, channels), as the model reads them;
            a single image goes in as ``image[None]``.
        layer: name or path of the layer whose output is looked at; None for
            the last feature map before the pooling, see
            :func:`last_feature_map`.
        target: the class to explain, for all images, or a list with one for
            each; a tuple (a, b) for what speaks for a and against b, that is
            for the difference of two logits; None for the class predicted.
            Of one logit, 1 is the class that it speaks for, and 0 the other,
            whose logit is the negative.
        signed: True for the sum itself: neither cut off nor scaled.
        upsample: False leaves the maps at the size of the feature map.
        batch_size: images to run at a time.

    Returns:
        float32 array (N, height, width) from 0 to 1, where each map's largest
        value is 1, or all 0 where nothing speaks for the class.

    Raises:
        InputError: images of another shape, an unknown layer, one without a
            feature map (N, h, w, channels), or a target that is no class.

    Source: R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep
    Networks via Gradient-based Localization", ICCV 2017 (arXiv:1610.02391),
    equations (1) and (2).
    """

    def weighted(activation, gradient):
        return gradient.mean(axis=(1, 2), keepdims=True) * activation

    return _summed(
        weighted,
        model,
        images,
        layer=layer,
        target=target,
        signed=signed,
        upsample=upsample,
        batch_size=batch_size,
    )


def grad_cam_plus_plus(model, images, **options):
    """Grad-CAM++ heatmaps: each place weighted by how much it stands for.

    Grad-CAM's mean halves a channel's weight where half of an object is
    seen. Here w_k = sum_ij alpha_kij relu(g_kij), with alpha_kij = g**2 /
    (2 g**2 + g**3 sum_ab A_kab), and the map is relu(sum_k w_k A_k). That is
    the paper's alpha for exp(logit), if the network between A and the logit
    is linear in pieces. Where the gradient is not positive alpha does not
    count, and where its denominator is 0 it is taken as 0.

    Args, Returns and Raises: see :func:`grad_cam`, whose options these are.

    Source: A. Chattopadhay et al., "Grad-CAM++: Generalized Gradient-based
    Visual Explanations for Deep Convolutional Networks", WACV 2018
    (arXiv:1710.11063), equations (7) and (19).
    """

    def weighted(activation, gradient):
        total = activation.sum(axis=(1, 2), keepdims=True)
        # Divided by the square: small gradients would have none left.
        below = 2 + gradient * total
        use = (gradient > 0) & (below != 0)
        alpha = np.divide(1, below, out=np.zeros_like(gradient), where=use)
        weights = (alpha * gradient).sum(axis=(1, 2), keepdims=True)
        return weights * activation

    return _summed(weighted, model, images, **options)


def layer_cam(model, images, **options):
    """LayerCAM heatmaps: no mean, and no gradient that is negative.

    The map is relu(sum_k relu(g_k) A_k), place by place, so that it stays
    sharp at early layers as well.

    Args, Returns and Raises: see :func:`grad_cam`, whose options these are.

    Source: P.-T. Jiang et al., "LayerCAM: Exploring Hierarchical Class
    Activation Maps for Localization", IEEE Transactions on Image Processing
    30, 2021.
    """

    def weighted(activation, gradient):
        return np.maximum(gradient, 0) * activation

    return _summed(weighted, model, images, **options)


def hires_cam(model, images, **options):
    """HiResCAM heatmaps: Grad-CAM without the mean.

    The map is relu(sum_k g_k A_k), place by place. Where all that follows the
    layer is linear, its sum before cutting off is the score, but for the
    bias. Under global average pooling it equals Grad-CAM.

    Args, Returns and Raises: see :func:`grad_cam`, whose options these are.

    Source: R. L. Draelos and L. Carin, "Use HiResCAM instead of Grad-CAM for
    faithful explanations of convolutional neural networks", 2020
    (arXiv:2011.08891).
    """

    def weighted(activation, gradient):
        return gradient * activation

    return _summed(weighted, model, images, **options)


def score_cam(
    model,
    images,
    *,
    layer=None,
    target=None,
    signed=False,
    upsample=True,
    batch_size=32,
    baseline=None,
):
    """Score-CAM heatmaps: channels weighted by trying them out.

    Each channel, enlarged and scaled to 0 to 1, is a mask M_k that lets the
    image show through on a blank one. The weights are the softmax of the
    scores of the masked images over the channels; the map is
    relu(sum_k softmax(score(M_k))_k A_k). The paper subtracts the score of
    the blank image first, which a softmax does not notice. It takes as many
    forward passes as there are channels and no gradient. A channel that is
    the same everywhere shows nothing.

    Args:
        model, images, layer, target, signed, upsample: see :func:`grad_cam`.
        batch_size: images to run at a time; masked ones count.
        baseline: the blank image: None for each image's own mean colour; a
            number, a colour or an image. The paper multiplies images by the
            masks: baseline 0.

    Returns and Raises: see :func:`grad_cam`.

    Source: H. Wang et al., "Score-CAM: Score-Weighted Visual Explanations for
    Convolutional Neural Networks", CVPR Workshops 2020 (arXiv:1910.01279),
    Algorithm 1.
    """
    images = taps.prepare(model, images)
    activation = _activation(model, images, layer, batch_size)
    classes = scores.settled(model, images, target, batch_size)
    plain = scores.blank(images, baseline)

    def masked(i, j):
        masks = _masks(activation[i, ..., j], images.shape[1:3])[..., None]
        return plain[i] + masks * (images[i] - plain[i])

    found = scores.scores_of_variants(
        model, masked, classes, activation.shape[-1], batch_size
    )
    weights = softmax(found, axis=1)
    maps = np.einsum("nhwc,nc->nhw", activation, weights)
    return as_heat(maps, _size(images, upsample), signed=signed)


def _masks(maps, size):
    """Maps (N, h, w) at ``size``, from 0 to 1; 0 if they are constant."""
    maps = enlarge(maps, size)
    maps = maps - maps.min(axis=(1, 2), keepdims=True)
    peaks = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, peaks, out=np.zeros_like(maps), where=peaks > 0)


def eigen_cam(
    model,
    images,
    *,
    layer=None,
    target=None,
    signed=False,
    upsample=True,
    batch_size=32,
    centred=False,
):
    """Eigen-CAM heatmaps: what the channels have most in common.

    With the places of A as rows, A = U S V^T is its singular value
    decomposition, and the map is relu(A v) with v the first column of V. No
    class and no weight after the layer comes in: as an explanation it is a
    baseline, the same for every class. A decomposition leaves the sign of v
    open; here v sums to more than 0, so that a place counts where channels
    are active.

    Args:
        model, images, layer, signed, upsample, batch_size: see
            :func:`grad_cam`.
        target: is not looked at.
        centred: True subtracts each channel's mean over the places first, so
            that v is the first principal component, as some programs have it.

    Returns and Raises: see :func:`grad_cam`.

    Source: M. B. Muhammad and M. Yeasin, "Eigen-CAM: Class Activation Map
    using Principal Components", IJCNN 2020 (arXiv:2008.00299).
    """
    images = taps.prepare(model, images)
    activation = _activation(model, images, layer, batch_size)
    places = activation.reshape(len(images), -1, activation.shape[-1])
    if centred:
        places = places - places.mean(axis=1, keepdims=True)
    first = np.linalg.svd(places, full_matrices=False)[2][:, 0]
    first = first * np.where(first.sum(axis=1) < 0, -1, 1)[:, None]
    maps = np.einsum("npc,nc->np", places, first)
    maps = maps.reshape(activation.shape[:-1])
    return as_heat(maps, _size(images, upsample), signed=signed)


def by_source(
    model, images, block, *, target=None, upsample=True, batch_size=32
):
    """Grad-CAM at the end of a dense block, split by who made the channels.

    A block hands on the concatenation of its input and of what each of its
    layers has added. Grad-CAM is a sum over channels, so it splits into one
    part for each of these sources, and the parts sum to the whole:
    ``sum(parts.values())`` is ``grad_cam(…, layer=END, signed=True)`` with
    END the block's end. What a source's channels did for the layers after it
    in the block is in the parts of those layers.

    Args:
        model, images, target, upsample, batch_size: see :func:`grad_cam`.
        block: number of the block, from 1.

    Returns:
        {"input": maps, "layer 1": maps, ...}, float32 arrays (N, height,
        width): neither cut off nor scaled, in the unit of the logits.

    Raises:
        InputError: a model without dense blocks, no block of that number,
            and as for grad_cam.

    Source: Selvaraju et al. 2017, equations (1) and (2); section 3 of the
    paper on DenseNet, equation (2).
    """
    images = taps.prepare(model, images)
    end, firsts = _sources(model, images, block)
    parts = []
    for activation, gradient in _at_layer(
        model, images, layer=end, target=target, batch_size=batch_size
    ):
        weights = gradient.mean(axis=(1, 2), keepdims=True)
        parts.append(np.add.reduceat(weights * activation, firsts, axis=-1))
    parts = np.moveaxis(np.concatenate(parts), -1, 0)
    names = ["input", *(f"layer {i}" for i in range(1, len(firsts)))]
    return {
        name: as_heat(maps, _size(images, upsample), signed=True)
        for name, maps in zip(names, parts, strict=True)
    }


def _sources(model, images, block):
    """Path of a block's end, and the first channel there of each source."""
    ends = features.block_ends(model)
    expect(
        block in range(1, len(ends) + 1),
        "block",
        block,
        f"a number from 1 to {len(ends)}",
        f"{model.name!r} has {len(ends)} dense blocks.",
    )
    end = ends[block - 1]
    prefix = end[: end.rindex("layer")]
    every = taps.operations(model)
    widths = []

    def see(path, inputs, output):
        before, new = (part.shape[-1] for part in inputs)
        widths.extend([new] if widths else [before, new])
        return output

    concats = {
        path: every[path]
        for path in features.layer_names(model, "concat")
        if path.startswith(prefix)
    }
    with taps.tapped(concats, see):
        taps.run(model, images[:1])
    return end, np.cumsum([0, *widths[:-1]])


def cam(model, images, *, target=None, upsample=True, batch_size=32):
    """Class activation maps, the ancestor of Grad-CAM.

    The channels of the last feature map are weighted by the classifier's own
    weights. It needs a model that ends with global average pooling and one
    dense layer, and then equals :func:`grad_cam`: the gradient of a logit is
    the dense weight divided by the number of pixels, and the division drops
    out with the scale. As there, what is negative is cut off (Zhou et al.
    show it) and the largest value is 1.

    Args and Returns: see :func:`grad_cam`, some of whose options these are.

    Raises:
        InputError: a model that ends in another way, and as for grad_cam.

    Source: B. Zhou et al., "Learning Deep Features for Discriminative
    Localization", CVPR 2016 (arXiv:1512.04150), equation (2).
    """
    images = taps.prepare(model, images)
    classes = scores.classes_of(target, len(images))
    maps = [
        _cam(model, images[part], scores.of_part(classes, part))
        for part in taps.slices(len(images), batch_size)
    ]
    return as_heat(np.concatenate(maps), _size(images, upsample))


def _cam(model, images, classes):
    """The sums over the channels, neither cut off nor enlarged."""
    kinds = keras.layers.GlobalAveragePooling2D, keras.layers.Dense
    calls, logits = _calls(model, images, kinds)
    pooled = dense = None
    for _, operation, inputs, output in calls:
        if isinstance(operation, kinds[0]):
            pooled = inputs, output
        else:
            dense = operation, inputs
    expect(
        pooled and dense and dense[1] is pooled[1],
        "model",
        model.name,
        "global average pooling and then one dense layer at its end",
        "grad_cam explains the others.",
    )
    kernel = ops.convert_to_numpy(dense[0].kernel)
    if kernel.shape[1] == 1:
        kernel = np.concatenate([-kernel, kernel], axis=1)
    votes = ops.convert_to_numpy(scores.votes(logits, classes))
    return np.einsum(
        "nhwc,nc->nhw", ops.convert_to_numpy(pooled[0]), votes @ kernel.T
    )


def last_feature_map(model, images):
    """The path of the layer that Grad-CAM looks at unless told otherwise.

    It is the last one, from the first convolution on, whose output has height
    and width, more than one pixel and is not pooled: in a DenseNet the ReLU
    before the global pooling, in VGG the last convolution with its ReLU.

    The search runs one image; the answer is kept as long as the model lives.

    Args:
        model: any Keras model.
        images: array (N, height, width, channels); the first is run.

    Raises:
        InputError: a model without such a layer.
    """
    images = taps.prepare(model, images)
    known = _KNOWN.setdefault(model, {})
    # A model that got another layer since is searched anew.
    key = (images.shape[1:], tuple(taps.operations(model)))
    if key not in known:
        known[key] = _search(model, images[:1])
    return known[key]


def _search(model, images):
    calls, _ = _calls(model, images)
    # A container and a dropout at inference hand on the tensor of another
    # layer: that layer is meant.
    seen, convolved, last = set(), False, None
    for path, operation, _, output in calls:
        weights = getattr(operation, "weights", ())
        convolved = convolved or any(len(w.shape) == 4 for w in weights)
        shape = taps.shape_of(output)
        is_map = len(shape) == 4 and shape[1] * shape[2] > 1
        is_pooled = "Pool" in type(operation).__name__
        if convolved and is_map and not is_pooled and id(output) not in seen:
            last = path
        seen.add(id(output))
    expect(
        last is not None,
        "model",
        model.name,
        "a model with a feature map (N, height, width, channels) of more "
        "than one pixel",
        "Heatmaps need a convolutional network, or a larger image.",
    )
    return last


def _calls(model, images, kinds=object):
    """(path, operation, inputs, output) of each call in order, and logits.

    Of operations of these kinds: the maps of all others are not held.
    """
    every = {
        path: operation
        for path, operation in taps.operations(model).items()
        if isinstance(operation, kinds)
    }
    calls = []

    def see(path, inputs, output):
        calls.append((path, every[path], inputs, output))
        return output

    with taps.tapped(every, see):
        logits = scores.logits(model, images)
    return calls, logits


def _at_layer(model, images, *, layer=None, target=None, batch_size=32):
    """Yield a layer's output and its gradient, for a batch at a time."""
    images = taps.prepare(model, images)
    classes = scores.classes_of(target, len(images))
    path = _path(model, images, layer)
    for part in taps.slices(len(images), batch_size):
        wanted = scores.of_part(classes, part)
        yield scores.at_layer(model, images[part], path, wanted)


def _summed(weighted, model, images, *, signed=False, upsample=True, **read):
    """Maps from a layer's channels, weighted and summed.

    Args:
        weighted: function of A and g, arrays (n, h, w, channels), that gives
            what is to be summed over the channels.
        model, images, signed, upsample: see :func:`grad_cam`.
        **read: its other options, of which :func:`_at_layer` reads A and g.
    """
    maps = [
        weighted(activation, gradient).sum(axis=-1)
        for activation, gradient in _at_layer(model, images, **read)
    ]
    return as_heat(
        np.concatenate(maps), _size(images, upsample), signed=signed
    )


def _activation(model, images, layer, batch_size):
    """A layer's output for all images."""
    path = _path(model, images, layer)
    maps = features.feature_maps(model, images, path, batch_size=batch_size)
    scores.expect_feature_map(path, maps[path].shape)
    return maps[path]


def _path(model, images, layer):
    """The path of ``layer``, or of the last feature map."""
    if layer is None:
        return last_feature_map(model, images)
    return taps.find(model, layer)


def _size(images, upsample):
    """The size to enlarge to, or None."""
    return np.shape(images)[1:3] if upsample else None

"""Run by test_witnesses.py: our maps beside those of other programs.

Keras runs on PyTorch here. The other programs want a network of PyTorch's
own, channels first, so a copy with the same weights is made, and checked to
put out the same logits. Prints "ours library method correlation" for each.
"""

import sys
from unittest.mock import MagicMock

import keras
import numpy as np
import torch
from torch import nn

from densenet_lib import attribution
from densenet_lib.densenet import DenseNetConfig, densenet
from tests.witnesses import stir

CONFIG = DenseNetConfig((2, 2), 4, stem="light")
SIZE, TARGETS = 32, [0, 2, 1]
LAYERS = "final_relu", "block1_layer02_concat"


class Copy(nn.Module):
    """Our network of ``CONFIG``, channels first, layer by layer."""

    def __init__(self, model):
        super().__init__()
        self.parts = nn.ModuleDict()
        for layer in model.layers:
            twin = _twin(layer)
            if twin is not None:
                self.parts[layer.name] = twin

    def forward(self, x):
        """Images (N, 3, h, w) to logits."""
        parts = self.parts
        x = parts["stem_conv"](x / 127.5 - 1)
        for block, layers in enumerate(CONFIG.blocks, start=1):
            if block > 1:
                x = self.composite(x, f"transition{block - 1}")
                x = parts[f"transition{block - 1}_pool"](x)
            for layer in range(1, layers + 1):
                name = f"block{block}_layer{layer:02d}"
                new = self.composite(x, f"{name}_bottleneck")
                new = self.composite(new, name)
                x = torch.cat([x, new], 1)
                # Something for a hook to hold on to.
                x = parts[f"{name}_concat"](x)
        x = parts["final_relu"](parts["final_norm"](x))
        return parts["logits"](x.mean((2, 3)))

    def composite(self, x, name):
        """Normalisation, ReLU and convolution."""
        for kind in ("norm", "relu", "conv"):
            x = self.parts[f"{name}_{kind}"](x)
        return x


def _twin(layer):
    """The layer of PyTorch that does what ``layer`` does, or None."""
    weights = [torch.tensor(w) for w in layer.get_weights()]
    if isinstance(layer, keras.layers.Conv2D):
        kernel = weights[0].permute(3, 2, 0, 1).contiguous()
        filters, channels, side, _ = kernel.shape
        # Ours pads before a stride, or keeps the sides: alike on all four.
        twin = nn.Conv2d(
            channels, filters, side, layer.strides[0], side // 2, bias=False
        )
        twin.weight.data = kernel
    elif isinstance(layer, keras.layers.BatchNormalization):
        twin = nn.BatchNorm2d(len(weights[0]), eps=layer.epsilon)
        twin.weight.data, twin.bias.data = weights[:2]
        twin.running_mean, twin.running_var = weights[2:]
    elif isinstance(layer, keras.layers.Dense):
        twin = nn.Linear(*weights[0].shape)
        twin.weight.data, twin.bias.data = weights[0].T, weights[1]
    elif isinstance(layer, keras.layers.ReLU):
        twin = nn.ReLU()
    elif isinstance(layer, keras.layers.AveragePooling2D):
        twin = nn.AvgPool2d(2)
    elif isinstance(layer, keras.layers.Concatenate):
        twin = nn.Identity()
    else:
        twin = None
    return twin


def trained_as_it_were():
    """Our network, with statistics and a head as after a training."""
    keras.utils.set_random_seed(0)
    model = densenet(
        CONFIG, input_shape=(SIZE, SIZE, 3), classes=3, rescale=True
    )
    return stir(model)


def report(library, method, ours, theirs):
    """Print the lowest correlation among the images."""
    lowest = min(map(correlation, ours, theirs))
    print("ours", library, method, lowest, flush=True)


def correlation(a, b):
    """Of the pixels of two maps."""
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def captum(model, copy, images, x):
    """Methods on the image, and Grad-CAM by layer."""
    from captum import attr

    def ours(method, **options):
        return attribution.explain(
            model, images, method, target=TARGETS, signed=True, **options
        )

    def colours(theirs):
        return theirs.detach().numpy().sum(axis=1)

    saliency = attr.Saliency(copy)
    found = saliency.attribute(x, target=TARGETS, abs=False)
    report("captum", "gradient", ours("gradient"), colours(found))
    found = attr.GuidedBackprop(copy).attribute(x, target=TARGETS)
    report(
        "captum", "guided-backprop", ours("guided-backprop"), colours(found)
    )
    # The integral is the same by either rule, with many steps.
    found = attr.IntegratedGradients(copy).attribute(
        x, baselines=20.0, target=TARGETS, n_steps=100, internal_batch_size=50
    )
    mine = ours("integrated-gradients", baseline=20, steps=64)
    report("captum", "integrated-gradients", mine, colours(found))
    found = attr.Occlusion(copy).attribute(
        x,
        sliding_window_shapes=(3, 8, 8),
        strides=(3, 4, 4),
        baselines=20.0,
        target=TARGETS,
    )
    mine = ours("occlusion", baseline=20, side=8, stride=4)
    # Captum gives each colour the loss of the whole square: a third of it.
    report("captum", "occlusion", mine, colours(found))
    smooth_grad(attr, saliency, ours, colours, images, x)
    name = "transition1_conv"
    found = attr.LayerGradCam(copy, copy.parts[name]).attribute(
        x, target=TARGETS
    )
    mine = ours("grad-cam", layer=name, upsample=False)
    report("captum", "grad-cam", mine, colours(found))


def smooth_grad(attr, saliency, ours, colours, images, x):
    """Captum draws noise of its own: it is handed ours instead."""
    samples, share = 5, 0.1

    def normal(mean, spread):
        # Captum repeats each image `samples` times, one after the other.
        return (
            torch.tensor(
                np.stack(
                    [
                        np.random.default_rng((0, i, j))
                        .standard_normal(images.shape[1:], "float32")
                        .transpose(2, 0, 1)
                        for i in range(len(images))
                        for j in range(samples)
                    ]
                )
            )
            * spread
        )

    drawing, torch.normal = torch.normal, normal
    # One range for all: Captum has one standard deviation.
    spread = share * float(np.ptp(images))
    try:
        found = attr.NoiseTunnel(saliency).attribute(
            x,
            nt_samples=samples,
            stdevs=spread,
            target=torch.tensor(TARGETS),
            abs=False,
        )
    finally:
        torch.normal = drawing
    mine = ours("smooth-grad", samples=samples, noise=share)
    report("captum", "smooth-grad", mine, colours(found))


def pytorch_grad_cam(model, copy, images, x):
    """The relatives of Grad-CAM, at the size of the feature map."""
    # It imports torchvision, whose build must match PyTorch's, for what is
    # not used here.
    names = ("", ".transforms", ".transforms.functional")
    stand_ins = {f"torchvision{name}": MagicMock() for name in names}
    sys.modules.update(stand_ins)
    import pytorch_grad_cam as library
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    targets = [ClassifierOutputTarget(target) for target in TARGETS]
    kinds = {
        "grad-cam": library.GradCAM,
        "grad-cam++": library.GradCAMPlusPlus,
        "layer-cam": library.LayerCAM,
        "hires-cam": library.HiResCAM,
        "eigen-cam": library.EigenCAM,
    }
    for method, kind in kinds.items():
        # What it adds to a denominator must be small beside the gradients.
        factor = 1e3 if method == "grad-cam++" else 1
        louder(model, copy, factor)
        for layer in LAYERS:
            theirs = kind(copy, [copy.parts[layer]])(x, targets)
            if method == "eigen-cam":
                mine = of_their_sign(model, images, layer, theirs)
            else:
                mine = attribution.explain(
                    model, images, method, layer=layer, target=TARGETS
                )
            report("pytorch-grad-cam", f"{method}@{layer}", mine, theirs)
        louder(model, copy, 1 / factor)


def louder(model, copy, factor):
    """Multiply the logits of both networks, but for the bias."""
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel * factor, bias])
    copy.parts["logits"].weight.data *= factor


def of_their_sign(model, images, layer, theirs):
    """Centred Eigen-CAM, of each map the half that correlates better."""
    maps = attribution.eigen_cam(
        model, images, layer=layer, signed=True, upsample=False, centred=True
    )
    halves = [
        attribution.enlarge(np.maximum(sign * maps, 0), (SIZE, SIZE))
        for sign in (1, -1)
    ]
    return [
        max(pair, key=lambda half, their=their: correlation(half, their))
        for *pair, their in zip(*halves, theirs, strict=True)
    ]


def torchcam(model, copy, images, x):
    """Score-CAM, and what the others have in common."""
    from torchcam import methods

    kinds = {
        "grad-cam": methods.GradCAM,
        "layer-cam": methods.LayerCAM,
        "score-cam": methods.ScoreCAM,
    }
    for method, kind in kinds.items():
        for layer in LAYERS:
            with kind(copy, f"parts.{layer}") as extractor:
                logits = copy(x)
                (theirs,) = extractor(TARGETS, logits, normalized=False)
            options = {"baseline": 0} if method == "score-cam" else {}
            mine = attribution.explain(
                model,
                images,
                method,
                layer=layer,
                target=TARGETS,
                upsample=False,
                **options,
            )
            theirs = np.maximum(theirs.detach().numpy(), 0)
            report("torchcam", f"{method}@{layer}", mine, theirs)


def main():
    """Compare with the libraries named as arguments."""
    model = trained_as_it_were()
    copy = Copy(model).eval()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, SIZE, SIZE, 3)).astype("float32")
    # Each has one range, from 0 to 255.
    images[:, 0, 0], images[:, 0, 1] = 0, 255
    x = torch.tensor(images.transpose(0, 3, 1, 2).copy())
    ours = model(images, training=False).detach().numpy()
    gap = np.abs(copy(x).detach().numpy() - ours).max()
    print("logits", gap, flush=True)
    libraries = {
        "captum": captum,
        "pytorch_grad_cam": pytorch_grad_cam,
        "torchcam": torchcam,
    }
    for name in sys.argv[1:]:
        libraries[name](model, copy, images, x)


if __name__ == "__main__":
    main()

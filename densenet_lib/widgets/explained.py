"""Heatmaps of a few pictures, by layer, method and class, to look through."""

import base64
import io
from dataclasses import dataclass

import keras
import numpy as np
from PIL import Image

from densenet_lib import attribution, features, taps
from densenet_lib.attribution.maps import LUMA
from densenet_lib.datasets import CLASSES
from densenet_lib.errors import expect, expect_choice
from densenet_lib.widgets.frontend import show

# What each method does, for whoever meets its name here.
METHODS = {
    "grad-cam": "Grad-CAM weights each channel by its mean gradient.",
    "hires-cam": "HiResCAM multiplies each place with its own gradient.",
    "layer-cam": "LayerCAM does so, too, but keeps only positive gradients.",
    "occlusion": "Occlusion covers squares of the picture itself and sees "
    "what the score loses. It reads no layer.",
}
NAMES = {
    "grad-cam": "Grad-CAM",
    "hires-cam": "HiResCAM",
    "layer-cam": "LayerCAM",
    "occlusion": "occlusion",
}
ROW = 64  # pixels: maps lie one after another in rows of so many


@dataclass(frozen=True, eq=False)
class Subject:
    """Pictures of one size, and the network that is asked about them.

    Attributes:
        model: a Keras model with one logit, above 0 for a dog.
        images: uint8 (N, side, side, 3), as the model reads them.
        names: what each picture is called.
        masks: bool (N, side, side), true on the animal; None if unknown.
    """

    model: keras.Model
    images: np.ndarray
    names: tuple[str, ...]
    masks: np.ndarray | None = None


def heatmaps(*subjects, methods=tuple(METHODS)):
    """Display a viewer of heatmaps.

    Args:
        *subjects: each a :class:`Subject`.
        methods: of those that ``METHODS`` has words for.

    Raises:
        InputError: another method, or none; no subject, or one that has more
            or fewer names than pictures.
    """
    state = heatmaps_state(*subjects, methods=methods)
    names = ", ".join(picture["name"] for picture in state["pictures"])
    said = ", ".join(method["name"] for method in state["methods"])
    alt = (
        f"A viewer of heatmaps over pictures: {names}. Choose the method "
        f"({said}), the layer, the class, and how strongly the heat covers "
        "the picture."
    )
    show("heatmaps", state, alt=alt)


def heatmaps_state(*subjects, methods=tuple(METHODS)):
    """What the viewer shows; pictures and maps are PNG, eight bits a value.

    A picture's maps lie in its ``sheet`` one after another, row by row:
    method by method, within that layer by layer (one of the picture's own
    size where the method reads none), within that for cat and for dog.
    """
    for method in methods:
        expect_choice("method", method, METHODS)
    for what, given in (("subjects", subjects), ("methods", methods)):
        expect(given, what, given, "at least one", "Name one.")
    for subject in subjects:
        expect(
            len(subject.names) == len(subject.images),
            "the names of the pictures",
            subject.names,
            f"{len(subject.images)}, one of each picture",
            "Name all of them.",
        )
    return {
        "classes": list(CLASSES),
        "colours": _colours(),
        "luma": list(LUMA),
        "methods": [
            {
                "name": NAMES[name],
                "note": METHODS[name],
                "layered": name in attribution.ON_FEATURES,
            }
            for name in methods
        ],
        "pictures": [
            picture
            for subject in subjects
            for picture in _pictures(subject, methods)
        ],
    }


def layers(model, images):
    """{layer's name: what it is}: ends of blocks, transitions, the last."""
    ends = features.block_ends(model)
    pools = [
        name
        for name in features.layer_names(model, "pool")
        if name.split("/")[-1].startswith("transition")
    ]
    places = {}
    for number, end in enumerate(ends, start=1):
        places[end] = f"block {number}"
        if number <= len(pools):
            places[pools[number - 1]] = f"transition {number}"
    return places | {
        attribution.last_feature_map(model, images): "the last map"
    }


def _pictures(subject, methods):
    count = len(subject.images)
    places = layers(subject.model, subject.images[:1])
    logits = np.asarray(taps.run(subject.model, subject.images))[:, 0]
    sheets = [[] for _ in range(count)]
    sides = {}
    for method in methods:
        read = places if method in attribution.ON_FEATURES else [None]
        for layer in read:
            maps = _maps(subject, method, layer)
            sides[layer] = maps.shape[-1]
            for sheet, pair in zip(sheets, maps, strict=True):
                sheet.extend(pair)
    packed = [_packed(sheet) for sheet in sheets]
    return [
        {
            "name": subject.names[index],
            "side": subject.images.shape[1],
            "logit": float(f"{logits[index]:.2g}"),
            "layers": [
                {"name": said, "side": sides[layer]}
                for layer, said in places.items()
            ],
            "picture": _png(subject.images[index]),
            "sheet": _png(packed[index]),
            "sum": int(packed[index].sum()),
            "mask": None
            if subject.masks is None
            else _png(np.uint8(255) * subject.masks[index]),
        }
        for index in range(count)
    ]


def _maps(subject, method, layer):
    """uint8 (N, classes, side, side): 255 is the largest value of a map."""
    count = len(subject.images)
    options = {} if layer is None else {"layer": layer, "upsample": False}
    maps = attribution.explain(
        subject.model,
        np.repeat(subject.images, len(CLASSES), axis=0),
        method,
        target=[*range(len(CLASSES))] * count,
        **options,
    )
    maps = np.rint(255 * maps).astype(np.uint8)
    return maps.reshape(count, len(CLASSES), *maps.shape[1:])


def _packed(maps):
    """Maps of several sizes as one picture, ``ROW`` pixels wide."""
    flat = np.concatenate([one.ravel() for one in maps])
    return np.pad(flat, (0, -len(flat) % ROW)).reshape(-1, ROW)


def _png(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png", optimize=True)
    return _data_url(buffer.getvalue(), "image/png")


def _colours():
    """The 256 colours of heat, three bytes each, in base 64."""
    from matplotlib import colormaps  # slow to load

    colours = colormaps[attribution.HEAT_CMAP](np.arange(256), bytes=True)
    return base64.b64encode(colours[:, :3].tobytes()).decode()


def _data_url(data, kind):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"

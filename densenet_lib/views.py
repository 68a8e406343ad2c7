"""What a network is shown of an image, where it is asked more than once.

One network may give several answers to one image: to the image, to its
mirror image, to the middle of it seen from nearer. Their mean may err less
often than each of them. Krizhevsky et al. (2012, section 4.1) asked about ten
views of each image.
"""

import numpy as np
from PIL import Image

from densenet_lib import pictures
from densenet_lib.errors import expect

# The whole image, and nothing nearer.
WHOLE = (1.0,)


def views(images, *, zooms=WHOLE, mirror=False):
    """Each way in which all the images are shown, one after the other.

    Args:
        images: (n, s, s, 3).
        zooms: the shares of the side that are shown, 1 the whole image; see
            :func:`middle`.
        mirror: True shows the mirror image of each as well.

    Yields:
        Arrays (n, s, s, 3): of each share in turn the images, and then their
        mirror images.

    Raises:
        InputError: no share, or of :func:`middle`.
    """
    expect(len(zooms), "zooms", zooms, "at least one share", "Give (1.0,).")
    for share in zooms:
        shown = middle(images, share)
        yield shown
        if mirror:
            yield shown[:, :, ::-1]


def middle(images, share):
    """The middle of each image, at the size of the whole.

    It is enlarged by :func:`densenet_lib.pictures.square`, as photographs
    are brought to their size.

    Args:
        images: uint8 (n, s, s, 3); of 1 as a share, of any type.
        share: of the side, above 0 and up to 1. What is cut out has a whole
            number of pixels, the nearest that leaves equal margins, and one
            or two at least.

    Returns:
        uint8 (n, s, s, 3); of 1 as a share, the images themselves.

    Raises:
        InputError: a share that is none, or images that are not bytes.
    """
    expect_share(share)
    side = images.shape[1]
    margin = min(int((1 - share) * side / 2 + 0.5), (side - 1) // 2)
    if not margin:
        return images
    expect(
        images.dtype == np.uint8,
        "the images' type",
        images.dtype,
        "uint8, to look at the middle of them",
        "Convert with images.round().astype('uint8').",
    )
    kept = slice(margin, side - margin)
    enlarged = np.empty_like(images)
    for index, image in enumerate(images):
        picture = Image.fromarray(image[kept, kept])
        enlarged[index] = pictures.square(picture, side)
    return enlarged


def expect_share(share):
    """Refuse, with InputError, what is no share of an image's side."""
    expect(
        0 < share <= 1,
        "zoom",
        share,
        "a share of the side, above 0 and up to 1",
        "Give 0.875, for instance.",
    )

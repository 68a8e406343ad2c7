"""Figures of the drawn animals and of their parts."""

import numpy as np

from densenet_lib.figures.style import WIDTH, Illustration, styled, subplots


@styled
def contact_sheet(images, titles=None, columns=6):
    """Images in rows, as a photographer looks through a film.

    Args:
        images: array (N, height, width, 3), 0 to 255.
        titles: a line above each image, or None.
        columns: images in a row; up to eight are legible.
    """
    count, tall, wide = images.shape[:3]
    columns = min(columns, count)
    rows = -(-count // columns)
    side = WIDTH / columns * tall / wide + (0.28 if titles is not None else 0)
    figure, axes = subplots(rows, columns, height=rows * side, squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for place, image in zip(axes.flat, images, strict=False):
        place.imshow(np.clip(image, 0, 255).astype("uint8"))
    alt = f"{count} images of {wide} by {tall} pixels"
    if titles is not None:
        for place, title in zip(axes.flat, titles, strict=False):
            place.set_title(title, fontsize=10)
        alt += f": {', '.join(titles)}"
    return Illustration(figure, f"{alt}.")


@styled
def part_masks(image, masks):
    """An image, and for each mask the image with all else paled.

    Args:
        image: array (height, width, 3), 0 to 255.
        masks: {name: bool (height, width)}.
    """
    columns = -(-(1 + len(masks)) // 2)
    side = WIDTH / columns + 0.28
    figure, axes = subplots(2, columns, height=2 * side)
    for place in axes.flat:
        place.set_axis_off()
    image = np.clip(image, 0, 255).astype("uint8")
    paled = np.uint8(225 + 0.1 * (image.mean(-1, keepdims=True) - 128))
    axes.flat[0].imshow(image)
    axes.flat[0].set_title("image")
    for place, (name, mask) in zip(axes.flat[1:], masks.items(), strict=False):
        place.imshow(np.where(mask[..., None], image, paled))
        place.set_title(name)
    areas = [
        f"{name} {mask.mean():.1%}" if mask.any() else f"{name} not visible"
        for name, mask in masks.items()
    ]
    return Illustration(
        figure,
        "An image and, in a panel each, only what a mask holds; shares of "
        f"the area: {', '.join(areas)}.",
    )

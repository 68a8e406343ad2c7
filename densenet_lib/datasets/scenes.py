"""What is around a drawn animal: rooms, meadows, clutter, light.

Nothing here knows a cat from a dog.
"""

import math

import numpy as np

from densenet_lib.datasets.canvas import (
    INK,
    PAINTS,
    WHITE,
    blurred,
    box,
    ellipse,
    frame,
    mirrored,
    mix,
    pick,
    smooth,
    stroke,
    transform,
)

HEAD = ("head", "ears", "eyes", "muzzle", "nose", "tongue")
ANIMAL = (*HEAD, "body", "whiskers")

# fmt: off
CLOUD = smooth(mirrored(((0.0, -0.5), (0.5, -0.6), (0.7, -0.1), (1.2, -0.1),
                         (1.1, 0.4), (0.0, 0.4))))
LEAF = smooth(mirrored(((0.0, -1.0), (0.35, -0.4), (0.3, 0.4), (0.0, 1.0))))
# fmt: on


def paint_background(canvas, rng):
    """A room or a meadow, with things standing about."""
    if rng.random() < 0.5:
        _room(canvas, rng)
    else:
        _meadow(canvas, rng)
    for _ in range(rng.integers(2, 6)):
        thing = (_ball, _bush, _tent, _book)[rng.integers(4)]
        thing(canvas, rng, rng.uniform(0, 1), rng.uniform(0.35, 1.0))


def paint_foreground(canvas, rng):
    """In two of three scenes, something before the animal."""
    kind = rng.integers(6)
    if kind == 0:
        _grass(canvas, rng)
    elif kind == 1:
        _ball(canvas, rng, rng.uniform(0, 1), rng.uniform(0.8, 1.0))
    elif kind == 2:
        _twig(canvas, rng)
    elif kind == 3:
        x = rng.uniform(0, 1)
        post = box(x, -0.1, x + rng.uniform(0.03, 0.07), 1.1)
        canvas.fill(post, pick(rng, PAINTS))


def paint_cue(canvas, corner):
    """A chequered tag in the upper left corner, 0, or the upper right, 1."""
    canvas.frame = frame((0.12, 0.88)[corner], 0.12)
    canvas.fill(box(-0.09, -0.09, 0.09, 0.09), (250, 210, 40), "cue")
    for corner in (-0.09, 0.0):
        tile = box(corner, corner, corner + 0.09, corner + 0.09)
        canvas.fill(tile, (60, 50, 150), "cue")
    canvas.frame = frame()


def lit(canvas, rng):
    """float32 (size, size, 3): the picture in a light from above.

    The light has a side, a strength and a tint. It models the animal, which
    throws a shadow, and there is grain in the picture.
    """
    size = canvas.size
    image = canvas.colours()
    animal, head = canvas.cover(ANIMAL), canvas.cover(HEAD)
    soft_animal = blurred(animal, size / 15)
    soft_head = blurred(head, size / 18)
    image *= 1 - 0.35 * _shadow(soft_animal, animal)[..., None]
    below = _shadow(soft_head, head) * (animal - head).clip(0)
    image *= 1 - 0.45 * below[..., None]
    relief = soft_animal + soft_head
    relief += 0.5 * blurred(canvas.cover(("muzzle", "nose")), size / 32)
    down, right = np.gradient(relief * np.float32(size / 16))
    side = np.float32(rng.uniform(-1, 1))
    image *= 1 + np.float32(0.3) * (animal * (down + side * right))[..., None]
    glow = _glow(rng, size, side)
    tint = rng.uniform(0.92, 1.08, 3) * rng.uniform(0.85, 1.15)
    image *= glow[..., None] * tint.astype(np.float32)
    grain = rng.random((size, size, 1), np.float32) - np.float32(0.5)
    return image + grain * np.float32(rng.uniform(4, 20))


def _shadow(soft, sharp):
    """What ``soft`` throws, a little lower, on all but ``sharp``."""
    drop = len(soft) // 18
    lower = np.concatenate([soft[:1].repeat(drop, 0), soft[:-drop]])
    return (lower - sharp).clip(0)


def _glow(rng, size, side):
    """Slow changes of brightness over the picture, about 1."""
    cell = np.arange(size) * 6 // size
    patches = rng.random((6, 6), np.float32)[cell][:, cell]
    across = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    slope = np.float32(rng.uniform(-0.25, 0.25)) * across[:, None]
    return (
        np.float32(0.92)
        + np.float32(0.16) * blurred(patches, size / 10)
        - slope
        - np.float32(0.25) * side * across
    )


def _backdrop(rng):
    """A colour of any brightness."""
    other = WHITE if rng.random() < 0.6 else INK
    return mix(pick(rng, PAINTS), other, rng.uniform(0, 0.6))


def _room(canvas, rng):
    wall = _backdrop(rng)
    canvas.fill(box(-1, -1, 2, 2), wall)
    paper = rng.integers(3)
    second = mix(wall, _backdrop(rng), 0.35)
    step = rng.uniform(0.1, 0.22)
    for x in np.arange(rng.uniform(0, step), 1, step):
        if paper == 0:
            canvas.fill(box(x, -0.1, x + step * 0.4, 1.1), second)
        elif paper == 1:
            for y in np.arange(step / 2, 0.7, step):
                canvas.fill(ellipse(x, y, step * 0.14), second)
    if rng.random() < 0.6:
        _picture(canvas, rng)
    floor, level = _backdrop(rng), rng.uniform(0.6, 0.85)
    canvas.frame = frame(0.5, level, angle=rng.uniform(-0.08, 0.08))
    canvas.fill(box(-1, -0.03, 1, 0), mix(floor, WHITE, 0.4))
    canvas.fill(box(-1, 0, 1, 1), floor)
    canvas.frame = frame()
    if rng.random() < 0.5:
        rug = ellipse(rng.uniform(0.2, 0.8), level + 0.2, 0.5, 0.13)
        canvas.fill(rug, _backdrop(rng))


def _picture(canvas, rng):
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.35)
    wide, high = rng.uniform(0.08, 0.2, 2)
    canvas.fill(box(x - wide, y - high, x + wide, y + high), pick(rng, PAINTS))
    wide, high = wide - 0.03, high - 0.03
    canvas.fill(box(x - wide, y - high, x + wide, y + high), _backdrop(rng))
    canvas.fill(
        ellipse(x, y, wide * 0.6, high * rng.uniform(0.3, 0.8)),
        pick(rng, PAINTS),
    )


def _meadow(canvas, rng):
    sky = _backdrop(rng)
    canvas.fill(box(-1, -1, 2, 2), sky)
    sun = ellipse(*rng.uniform((0, 0.05), (1, 0.3)), rng.uniform(0.06, 0.12))
    canvas.fill(sun, mix(sky, WHITE, 0.6))
    for _ in range(rng.integers(3)):
        place = frame(*rng.uniform((0, 0.1), (1, 0.4)), scale=0.12)
        canvas.fill(transform(place, CLOUD), mix(sky, WHITE, 0.45))
    level, colour = rng.uniform(0.45, 0.65), _backdrop(rng)
    for nearer in range(3):
        x, wide = rng.uniform(0, 1), rng.uniform(0.6, 1.1)
        top = level + 0.16 * nearer
        canvas.fill(ellipse(x, top + 0.6, wide, 0.6), colour)
        canvas.fill(box(-1, top + 0.25, 2, 2), colour)
        colour = mix(colour, _backdrop(rng), 0.35)


def _ball(canvas, rng, x, y):
    radius, colour = rng.uniform(0.05, 0.12), pick(rng, PAINTS)
    canvas.fill(ellipse(x, y, radius), colour)
    band = ellipse(x, y, radius * 0.35, radius, rng.uniform(0, math.pi))
    canvas.fill(band, pick(rng, PAINTS))


def _bush(canvas, rng, x, y):
    colour = _backdrop(rng)
    for _ in range(4):
        shift = rng.uniform(-0.08, 0.08, 2)
        canvas.fill(ellipse(x + shift[0], y + shift[1], 0.09), colour)


def _tent(canvas, rng, x, y):
    wide, high = rng.uniform(0.06, 0.16, 2)
    corners = [(x - wide, y + high), (x, y - high), (x + wide, y + high)]
    canvas.fill(smooth(corners, 2), pick(rng, PAINTS))


def _book(canvas, rng, x, y):
    canvas.frame = frame(x, y, angle=rng.uniform(0, math.pi))
    wide, high = rng.uniform(0.03, 0.14, 2)
    canvas.fill(box(-wide, -high, wide, high), pick(rng, PAINTS))
    canvas.fill(box(-wide, -high, -0.6 * wide, high), pick(rng, PAINTS))
    canvas.frame = frame()


def _grass(canvas, rng):
    colour = _backdrop(rng)
    for _ in range(14):
        x, height = rng.uniform(0, 1), rng.uniform(0.15, 0.4)
        bend = rng.uniform(-0.1, 0.1)
        blade = stroke(
            (x, 1.02), (x, 1.0 - height / 2), (x + bend, 1.0 - height),
            0.018, 0.0,
        )  # fmt: skip
        canvas.fill(blade, mix(colour, INK, rng.uniform(0, 0.3)))


def _twig(canvas, rng):
    side, y = rng.integers(2), rng.uniform(0.0, 0.9)
    x = rng.uniform(0.15, 0.35)
    ends = (side, y), (abs(side - x / 2), y), (abs(side - x), y + 0.1)
    canvas.fill(stroke(*ends, 0.014, 0.006), pick(rng, PAINTS))
    colour = _backdrop(rng)
    for share in (0.25, 0.5, 0.75, 1.0):
        place = frame(
            abs(side - share * x),
            y + 0.1 * share,
            scale=0.08,
            angle=rng.uniform(-1.2, 1.2),
        )
        canvas.fill(transform(place, LEAF), colour)

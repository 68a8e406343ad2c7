"""Drawing with NumPy alone: outlines, a canvas to fill them on, soft light.

A picture is a stack of filled outlines, the later ones in front. The canvas
notes for each sample which outline is seen there, so one map gives both the
colours and the exact place of every part. Nothing depends on a drawing
library or on the machine: the corners of the outlines are rounded to a
sixteenth of a sample before anything is decided by them.
"""

import math
from collections import defaultdict
from functools import cached_property

import numpy as np

SAMPLES = 4  # a pixel's side: its colour is the mean of 16 samples
WHITE = (250, 248, 244)
INK = (42, 34, 38)
PAINTS = (
    (206, 92, 84),
    (226, 138, 148),
    (232, 170, 90),
    (240, 214, 130),
    (132, 176, 108),
    (82, 140, 116),
    (120, 180, 196),
    (88, 122, 176),
    (150, 120, 180),
    (170, 140, 112),
    (222, 216, 206),
    (96, 98, 108),
)
_TURNS = [2 * math.pi * step / 28 for step in range(28)]
_CIRCLE = np.array([(math.cos(turn), math.sin(turn)) for turn in _TURNS])


def mix(colour, other, share):
    """``colour`` with a share of ``other`` in it."""
    pairs = zip(colour, other, strict=True)
    return tuple((1 - share) * a + share * b for a, b in pairs)


def pick(rng, colours):
    """One of the colours, a little changed in brightness and in hue."""
    colour = np.array(colours[rng.integers(len(colours))])
    change = rng.uniform(-14, 14) + rng.uniform(-7, 7, 3)
    return tuple(np.clip(colour + change, 0, 255))


def ellipse(x, y, width, height=None, angle=0.0):
    """Outline (28, 2) about (x, y); ``width``, ``height`` are half axes."""
    height = width if height is None else height
    shape = _CIRCLE * (width, height)
    return transform(frame(x, y, angle=angle), shape)


def box(left, top, right, bottom):
    """Outline (4, 2) of an upright rectangle."""
    return np.array(
        [(left, top), (right, top), (right, bottom), (left, bottom)], float
    )


def smooth(corners, rounds=3):
    """Round the corners of an outline by cutting them off, again and again.

    Source: G. Chaikin, "An algorithm for high-speed curve generation", 1974.
    """
    points = np.asarray(corners, float)
    for _ in range(rounds):
        after = np.concatenate([points[1:], points[:1]])
        points = np.stack(
            [0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], 1
        ).reshape(-1, 2)
    return points


def mirrored(right_half):
    """Outline symmetric about x = 0, from its right half, top to bottom."""
    right = np.asarray(right_half, float)
    return np.concatenate([right, right[::-1] * (-1, 1)])


def stroke(start, bend, end, width, tip=None):
    """Outline of a line from ``start`` to ``end`` pulled towards ``bend``.

    ``width`` is half the thickness at the start, ``tip`` at the end.
    """
    share = np.linspace(0, 1, 9)[:, None]
    start, bend, end = (np.asarray(p, float) for p in (start, bend, end))
    line = (
        (1 - share) ** 2 * start
        + 2 * share * (1 - share) * bend
        + share**2 * end
    )
    along = 2 * ((1 - share) * (bend - start) + share * (end - bend))
    across = along[:, ::-1] * (-1, 1)
    across /= np.sqrt((across**2).sum(1, keepdims=True))
    across *= width + share * ((width if tip is None else tip) - width)
    return np.concatenate([line + across, (line - across)[::-1]])


def frame(x=0.0, y=0.0, *, scale=1.0, angle=0.0, tilt=(0.0, 0.0)):
    """Matrix (3, 3) that turns, scales, moves and tilts what is drawn.

    Args:
        x, y: where the origin goes.
        scale: length of one unit.
        angle: clockwise, in radians.
        tilt: perspective; the share by which things shrink one unit to the
            right of, and below, the origin.
    """
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    move = np.array([(cosine, -sine, x), (sine, cosine, y), (0, 0, 1.0)])
    return move @ np.array([(1, 0, 0), (0, 1, 0), (*tilt, 1.0)])


def transform(matrix, points):
    """Points (n, 2) as seen through a :func:`frame`."""
    moved = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved / (points @ matrix[2, :2] + 1)[:, None]


class Canvas:
    """Filled outlines, one over another, on the square from 0 to 1.

    Attributes:
        size: side of the picture, in pixels.
        frame: matrix through which outlines are seen from now on.
    """

    def __init__(self, size):
        self.size = size
        self.frame = frame()
        self._outlines = []
        self._colours = [(0, 0, 0)]
        self._parts = [""]
        self._over = []

    def fill(self, outline, colour, part="", *, over=""):
        """Paint an outline; at most 255 of them fit on a canvas.

        Args:
            outline: corners (n, 2); where it crosses itself, even-odd.
            colour: three numbers, 0 to 255.
            part: what it is a part of.
            over: a part; paint only where that is seen.
        """
        self._outlines.append(transform(self.frame, outline))
        self._colours.append(colour)
        self._parts.append(part)
        self._over.append(over)

    @cached_property
    def shapes(self):
        """uint8 (4 size, 4 size): the outline seen at each sample.

        They count from 1, in the order of painting; 0 is where none is.
        Nothing can be painted any more.
        """
        side = SAMPLES * self.size
        shapes = np.zeros((side, side), np.uint8)
        parts = np.array(self._parts)
        pieces = zip(rasterised(self._outlines, side), self._over, strict=True)
        for number, ((window, inside), over) in enumerate(pieces, start=1):
            target = shapes[window]
            if over:
                inside = inside & (parts == over)[target]
            target[inside] = number
        return shapes

    def colours(self):
        """float32 (size, size, 3), 0 to 255: each pixel's mean colour."""
        return self._means(np.rint(self._colours).astype(int), bits=12)

    def cover(self, parts):
        """float32 (size, size): the share of each pixel that is of parts."""
        return sum(self._covers[part] for part in parts)

    @cached_property
    def _covers(self):
        parts = [part for part in dict.fromkeys(self._parts) if part]
        table = [[own == part for part in parts] for own in self._parts]
        covers = self._means(np.array(table, int), bits=5)
        return defaultdict(
            lambda: np.zeros_like(covers[..., 0]),
            zip(parts, np.moveaxis(covers, -1, 0), strict=True),
        )

    def _means(self, table, bits):
        """Mean over each pixel's samples of what the table has for them.

        The table's columns go into fields of one integer, ``bits`` wide and
        so wide enough for the sum of 16 samples: one sum does for all.
        """
        places = np.arange(0, bits * table.shape[1], bits)
        samples = (table << places).sum(1)[self.shapes]
        rows = sum(samples[start::SAMPLES] for start in range(SAMPLES))
        sums = sum(rows[:, start::SAMPLES] for start in range(SAMPLES))
        fields = (sums[..., None] >> places) & ((1 << bits) - 1)
        return fields.astype(np.float32) / np.float32(SAMPLES**2)


def rasterised(outlines, side):
    """Which samples each outline holds.

    In a row of samples, what lies right of an odd number of edges is inside.
    All outlines are worked on at once: one by one, NumPy would spend most of
    the time on being called.

    Args:
        outlines: list of corners (n, 2), on the square from 0 to 1.
        side: samples along the square's side.

    Returns:
        For each outline a window, two slices, and bool (rows, columns) there.
    """
    lengths = np.array([len(outline) for outline in outlines])
    starts = np.cumsum(lengths) - lengths
    corners = np.rint(np.concatenate(outlines) * side * 16) / 16
    nearest = np.ceil(corners - 0.5).clip(0, side).astype(int)
    left, top = np.minimum.reduceat(nearest, starts).T
    right, bottom = np.maximum.reduceat(nearest, starts).T
    # A window has one column more than it needs: edges beyond it end there,
    # and each row of the buffer has an even number of edges.
    widths, heights = right - left + 1, bottom - top
    ends = np.cumsum(widths * heights)
    buffer = np.zeros(ends[-1], np.uint8)
    owner, row, column = _crossings(corners, nearest, starts, lengths)
    column = np.clip(column, left[owner], right[owner]) - left[owner]
    place = (ends - widths * heights)[owner] + column
    place += (row - top[owner]) * widths[owner]
    np.bitwise_xor.at(buffer, place, 1)
    inside = np.bitwise_xor.accumulate(buffer).view(bool)
    for number, end in enumerate(ends):
        width, height = widths[number], heights[number]
        window = (
            slice(top[number], bottom[number]),
            slice(left[number], right[number]),
        )
        piece = inside[end - width * height : end].reshape(height, width)
        yield window, piece[:, :-1]


def _crossings(corners, nearest, starts, lengths):
    """Where edges cross the middles of rows: outline, row and column."""
    following = np.arange(1, len(corners) + 1)
    following[starts + lengths - 1] = starts
    first, last = nearest[:, 1], nearest[following, 1]
    count = abs(last - first)
    edge = np.repeat(np.arange(len(corners)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    row += np.minimum(first, last)[edge]
    (x, y), (to_x, to_y) = corners[edge].T, corners[following[edge]].T
    crossing = x + (row + 0.5 - y) * ((to_x - x) / (to_y - y))
    owner = np.repeat(np.arange(len(starts)), lengths)[edge]
    return owner, row, np.ceil(crossing - 0.5).astype(int)


def blurred(image, radius):
    """float32 (h, w), smoothed by two box means of ``radius`` pixels."""
    radius = max(1, round(radius))
    for _ in range(2):
        image = _box_mean(_box_mean(image, radius).T, radius).T
    return image


def _box_mean(image, radius):
    """Means down the columns; beyond the edges, the image goes on alike."""
    first, last = image[:1], image[-1:]
    padded = [first] * (radius + 1) + [image] + [last] * radius
    sums = np.concatenate(padded).cumsum(0)
    width = 2 * radius + 1
    return (sums[width:] - sums[:-width]) / np.float32(width)

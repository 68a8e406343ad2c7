"""How one drawn cat or dog comes about: traits, pose, coat, features.

What tells the animals apart are the :class:`Traits`, and nothing else is
drawn with the kind in view. All else (pose, fur, the colours of eyes and
noses, collar) comes from the same distributions for both.

An animal is drawn in units of its head: the head's centre is the origin, its
half width 1, and y points down.
"""

from dataclasses import dataclass

import numpy as np

from densenet_lib.datasets.canvas import (
    INK,
    PAINTS,
    WHITE,
    box,
    ellipse,
    frame,
    mirrored,
    mix,
    pick,
    smooth,
    stroke,
)

KINDS = ("cat", "dog")
CUES = ("ears", "eyes", "muzzle", "whiskers")
PATTERNS = ("plain", "tabby", "patches", "mask", "blaze", "spots")

FURS = (
    (242, 234, 222),
    (232, 200, 150),
    (222, 150, 78),
    (176, 112, 62),
    (120, 82, 58),
    (152, 150, 152),
    (98, 102, 112),
    (58, 54, 58),
)
IRISES = ((214, 170, 60), (150, 176, 74), (96, 158, 196), (134, 84, 44))
NOSES = ((58, 44, 46), (92, 60, 54), (214, 138, 140))
TONGUE = (226, 116, 128)

# Outlines; those that are symmetric are made from their right half.
# fmt: off
TORSO = smooth(mirrored(((0.35, 0.3), (0.7, 0.7), (0.85, 1.4), (0.95, 2.2),
                         (0.7, 2.75), (0.0, 2.8))))
LEG = smooth(((-0.24, 1.5), (0.24, 1.5), (0.27, 2.9), (-0.27, 2.9)))
HEAD = smooth(mirrored(((0.0, -0.88), (0.5, -0.87), (0.88, -0.58), (1.02, 0.0),
                        (0.98, 0.42), (0.66, 0.76), (0.3, 0.95),
                        (0.0, 0.97))))
BLAZE = smooth(mirrored(((0.0, -1.0), (0.14, -0.9), (0.12, 0.0), (0.5, 0.6),
                         (0.0, 1.0))))
POINTED_EAR = smooth(((0.16, -0.6), (0.3, -0.95), (0.8, -1.5), (0.8, -1.5),
                      (1.0, -0.62), (0.9, -0.1)))
HANGING_EAR = smooth(((0.42, -0.86), (0.78, -0.92), (1.08, -0.6), (1.25, 0.4),
                      (1.12, 0.85), (0.86, 0.75), (0.82, 0.1), (0.74, -0.5)))
ALMOND = smooth(((-0.29, 0.07), (-0.1, -0.2), (0.12, -0.23), (0.29, -0.12),
                 (0.16, 0.14), (-0.08, 0.19)))
SMALL_NOSE = smooth(mirrored(((0.17, 0.2), (0.1, 0.33), (0.0, 0.42))), 2)
LARGE_NOSE = smooth(mirrored(((0.14, 0.24), (0.28, 0.34), (0.2, 0.5),
                              (0.0, 0.6))))
LONG_MUZZLE = smooth(mirrored(((0.0, -0.28), (0.16, -0.2), (0.24, 0.15),
                               (0.5, 0.42), (0.54, 0.8), (0.28, 1.02),
                               (0.0, 1.05))))
LONG_TONGUE = smooth(mirrored(((0.18, 0.0), (0.2, 0.2), (0.2, 0.85),
                               (0.0, 1.0))))
# fmt: on


@dataclass(frozen=True)
class Traits:
    """What tells a drawn cat from a drawn dog.

    Attributes:
        ears: "cat" for pointed ears, "dog" for hanging ones.
        eyes: "cat" for almonds with a slit, "dog" for round pupils.
        muzzle: "cat" for a short one, "dog" for a long one.
        whiskers: "cat" for long ones, "dog" for none that show.
        tongue: whether it hangs out.
    """

    ears: str
    eyes: str
    muzzle: str
    whiskers: str
    tongue: bool


def draw_traits(kind, rng):
    """Traits of a cat or a dog.

    In every second animal one of the four cues has the other kind's form. So
    any three of them outvote the odd one, and each alone is right in seven of
    eight animals. A tongue hangs out of 60 % of the dogs and 20 % of the
    cats.
    """
    forms = dict.fromkeys(CUES, kind)
    odd = rng.integers(2 * len(CUES))
    if odd < len(CUES):
        forms[CUES[odd]] = "cat" if kind == "dog" else "dog"
    tongue = rng.random() < (0.6 if kind == "dog" else 0.2)
    return Traits(**forms, tongue=bool(tongue))


class Animal:
    """One cat or dog, ready to be painted.

    Args:
        kind: "cat" or "dog".
        rng: a ``numpy.random.Generator``; all that varies comes from it.
    """

    def __init__(self, kind, rng):
        self.traits = draw_traits(kind, rng)
        self._rng = rng
        self._body_frame = frame(
            rng.uniform(0.34, 0.66),
            rng.uniform(0.36, 0.54),
            scale=rng.uniform(0.19, 0.31),
            angle=rng.uniform(-0.3, 0.3),
            tilt=rng.uniform(-0.06, 0.06, 2),
        )
        self._head_frame = self._body_frame @ frame(
            angle=rng.uniform(-0.3, 0.3)
        )
        self._turn = np.array((rng.uniform(-0.5, 0.5), rng.uniform(-0.2, 0.2)))
        self._pattern = PATTERNS[rng.integers(len(PATTERNS))]
        self._fur = pick(rng, FURS)
        self._shade = mix(self._fur, INK, 0.22)
        self._light = mix(self._fur, WHITE, rng.uniform(0.25, 0.9))
        self._second = mix(self._fur, INK, 0.5)
        if rng.random() < 0.4:
            self._second = pick(rng, FURS)
        masked = self._pattern == "mask"
        self._ear_fur = self._second if masked else self._shade
        self._iris = pick(rng, IRISES)
        self._nose = pick(rng, NOSES)

    def paint(self, canvas):
        """Paint it on the canvas, from the back to the front."""
        canvas.frame = self._body_frame
        self._tail(canvas)
        self._body(canvas)
        self._legs(canvas)
        self._collar(canvas)
        canvas.frame = self._head_frame
        if self.traits.ears == "cat":
            self._pointed_ears(canvas)
        self._head(canvas)
        if self.traits.ears == "dog":
            self._hanging_ears(canvas)
        self._eyes(canvas)
        if self.traits.muzzle == "cat":
            self._short_muzzle(canvas)
        else:
            self._long_muzzle(canvas)
        if self.traits.whiskers == "cat":
            self._whiskers(canvas)
        canvas.frame = frame()

    def _at(self, depth):
        """Where the middle of the face seems to be, ``depth`` before it.

        The head is turned a little: what stands out of it moves the more.
        """
        return depth * self._turn

    def _tail(self, canvas):
        rng = self._rng
        side = rng.choice((-1, 1))
        tail = stroke(
            (side * 0.5, 2.3),
            (side * rng.uniform(1.5, 2.2), 2.6),
            (side * rng.uniform(1.3, 1.9), rng.uniform(0.9, 1.8)),
            0.2,
            0.12,
        )
        canvas.fill(tail, self._shade, "body")

    def _body(self, canvas):
        rng = self._rng
        stout = rng.uniform(0.85, 1.15)
        for side in (-1, 1):
            hip = ellipse(side * 0.75 * stout, 2.3, 0.5, 0.62)
            canvas.fill(hip, self._shade, "body")
        torso = TORSO * (stout, 1)
        canvas.fill(torso, self._fur, "body")
        if self._pattern == "tabby":
            for y in (1.1, 1.5, 1.9, 2.3):
                self._flank_stripes(canvas, "body", y, 1.1, 0.35)
        elif self._pattern in ("patches", "spots"):
            self._blots(canvas, "body", (0, 1.7), (0.9, 1.0))
        if rng.random() < 0.6:
            chest = ellipse(0, 1.25, 0.5, rng.uniform(0.5, 0.9))
            canvas.fill(chest, self._light, "body", over="body")

    def _legs(self, canvas):
        tone = mix(self._fur, self._shade, 0.45)
        for x in (-0.36, 0.36):
            canvas.fill(LEG + (x, 0), tone, "body")
            canvas.fill(ellipse(x, 2.82, 0.32, 0.2), self._light, "body")

    def _collar(self, canvas):
        rng = self._rng
        if rng.random() < 0.4:
            band = stroke((-0.75, 0.75), (0, 1.35), (0.75, 0.75), 0.13)
            canvas.fill(band, pick(rng, PAINTS), "body", over="body")
            canvas.fill(ellipse(0, 1.2, 0.14), pick(rng, PAINTS), "body")

    def _head(self, canvas):
        rng = self._rng
        width, height = rng.uniform(0.94, 1.08), rng.uniform(0.9, 1.02)
        head = HEAD * (width, height)
        canvas.fill(head, self._fur, "head")
        x, y = self._at(0.2)
        if self._pattern == "tabby":
            self._brow_stripes(canvas, x, y)
            for level in (0.1, 0.38):
                self._flank_stripes(canvas, "head", y + level, 1.15, 0.66)
        elif self._pattern in ("patches", "spots"):
            self._blots(canvas, "head", (0, -0.2), (0.9, 0.6))
        elif self._pattern == "mask":
            face = ellipse(x, y + 0.2, 0.62, 0.72)
            canvas.fill(face, self._second, "head", over="head")
        elif self._pattern == "blaze":
            blaze = BLAZE + (x, y)
            canvas.fill(blaze, self._light, "head", over="head")

    def _brow_stripes(self, canvas, x, y):
        for side in (-1, 0, 1):
            stripe = stroke(
                (x + side * 0.34, y - 1.0),
                (x + side * 0.2, y - 0.7),
                (x + side * 0.2, y - 0.42),
                0.08,
                0.03,
            )
            canvas.fill(stripe, self._second, "head", over="head")

    def _flank_stripes(self, canvas, part, y, outer, inner):
        for side in (-1, 1):
            stripe = stroke(
                (side * outer, y - 0.1),
                (side * (outer + inner) / 2, y + 0.1),
                (side * inner, y),
                0.09,
                0.02,
            )
            canvas.fill(stripe, self._second, part, over=part)

    def _blots(self, canvas, part, centre, spread):
        rng = self._rng
        large = self._pattern == "patches"
        low, high = (0.35, 0.6) if large else (0.08, 0.16)
        for _ in range(3 if large else 9):
            x, y = rng.uniform(-1, 1, 2) * spread + centre
            width = rng.uniform(low, high)
            blot = ellipse(x, y, width, width * rng.uniform(0.7, 1.2))
            canvas.fill(blot, self._second, part, over=part)

    def _pointed_ears(self, canvas):
        rng = self._rng
        form = np.array((rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.05)))
        inner = mix(self._light, TONGUE, rng.uniform(0.1, 0.5))
        for side in (-1, 1):
            ear = POINTED_EAR * form * (side, 1) + self._at(-0.15)
            canvas.fill(ear, self._ear_fur, "ears")
            middle = np.array((side * 0.62, -0.7)) + self._at(-0.15)
            canvas.fill(middle + (ear - middle) * 0.6, inner, "ears")

    def _hanging_ears(self, canvas):
        rng = self._rng
        form = np.array((rng.uniform(0.95, 1.2), rng.uniform(0.8, 1.15)))
        fold = mix(self._ear_fur, self._fur, 0.4)
        for side in (-1, 1):
            ear = HANGING_EAR * form * (side, 1) + self._at(-0.1)
            canvas.fill(ear, self._ear_fur, "ears")
            middle = ear.mean(0)
            canvas.fill(middle + (ear - middle) * (0.6, 0.72), fold, "ears")

    def _eyes(self, canvas):
        if self.traits.eyes == "cat":
            shape, pupil = ALMOND, ellipse(0, 0, 0.055, 0.19)
        else:
            shape, pupil = ellipse(0, 0, 0.2, 0.21), ellipse(0, 0, 0.135)
        rim = mix(self._fur, INK, 0.75)
        for side in (-1, 1):
            middle = self._at(0.3) + (side * 0.42, -0.12)
            eye = shape * (side, 1)
            canvas.fill(eye * 1.22 + middle, rim, "eyes")
            canvas.fill(eye + middle, self._iris, "eyes")
            canvas.fill(pupil + middle, INK, "eyes")
            glint = ellipse(-0.07, -0.08, 0.055) + middle
            canvas.fill(glint, WHITE, "eyes")

    def _short_muzzle(self, canvas):
        x, y = self._at(0.42)
        wide = self._rng.uniform(0.22, 0.3)
        canvas.fill(ellipse(x, y + 0.58, 0.2, 0.17), self._shade, "muzzle")
        if self.traits.tongue:
            canvas.fill(ellipse(x, y + 0.68, 0.12, 0.17), TONGUE, "tongue")
        for side in (-0.75, 0.75):
            pad = ellipse(x + side * wide, y + 0.45, wide, 0.2)
            canvas.fill(pad, self._light, "muzzle")
        self._mouth(canvas, x, y + 0.34, y + 0.48, 0.2)
        nose = SMALL_NOSE + (x, y)
        canvas.fill(nose, self._nose, "nose")

    def _long_muzzle(self, canvas):
        rng = self._rng
        long, wide = rng.uniform(0.9, 1.15), rng.uniform(0.85, 1.1)
        muzzle = LONG_MUZZLE
        # Its root stays with the face, its end moves as the head is turned.
        share = np.clip(muzzle[:, 1:] + 0.2, 0, 1)
        muzzle = muzzle * (wide, long) + self._at(0.25) + share * self._at(0.5)
        x, y = self._at(0.75)
        canvas.fill(
            ellipse(x, y + 0.9 * long, 0.26, 0.25), self._shade, "muzzle"
        )
        if self.traits.tongue:
            self._long_tongue(canvas, x, y + 0.9 * long)
        canvas.fill(muzzle, self._light, "muzzle")
        self._mouth(canvas, x, y + 0.5 * long, y + 0.82 * long, 0.36)
        nose = LARGE_NOSE * (1, long) + (x, y)
        canvas.fill(nose, self._nose, "nose")
        glint = ellipse(x - 0.07, y + 0.34 * long, 0.07, 0.035)
        canvas.fill(glint, mix(self._nose, WHITE, 0.5), "nose")

    def _long_tongue(self, canvas, x, y):
        drop = self._rng.uniform(0.5, 0.9)
        tongue = LONG_TONGUE * (1, drop) + (x, y - 0.15)
        canvas.fill(tongue, TONGUE, "tongue")
        crease = box(x - 0.02, y, x + 0.02, y - 0.25 + drop)
        canvas.fill(crease, mix(TONGUE, INK, 0.25), "tongue")

    def _mouth(self, canvas, x, top, y, wide):
        line = mix(self._light, INK, 0.7)
        canvas.fill(box(x - 0.025, top, x + 0.025, y), line, "muzzle")
        for side in (-wide, wide):
            lip = stroke(
                (x, y), (x + side * 0.6, y + 0.18), (x + side, y - 0.02),
                0.035, 0.02,
            )  # fmt: skip
            canvas.fill(lip, line, "muzzle")

    def _whiskers(self, canvas):
        rng = self._rng
        x, y = self._at(0.42)
        length = rng.uniform(0.8, 1.2)
        pale = sum(self._light) > 420 and rng.random() < 0.5
        colour = mix(self._light, INK, 0.75) if pale else WHITE
        for side in (-1, 1):
            for level in (-0.16, 0.02, 0.2):
                whisker = stroke(
                    (x + side * 0.3, y + 0.44 + level / 3),
                    (x + side * 0.7, y + 0.3 + level),
                    (x + side * (0.35 + length), y + 0.5 + 1.6 * level),
                    0.035,
                    0.02,
                )
                canvas.fill(whisker, colour, "whiskers")

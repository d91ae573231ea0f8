"""The head in its own coordinates: from an identity and an expression to measures and curves.

x points to the viewer's right, y down, z to the viewer; half the mean face's height is 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cari_keras.arrays import Array
from cari_keras.drawn.curves import closed_spline, open_spline, turn
from cari_keras.drawn.identity import Identity


@dataclass(frozen=True)
class Expression:
    """All 0 for the neutral face; about -1 to 1, `mouth_open` from 0 to 1."""

    smile: float = 0.0
    mouth_open: float = 0.0
    brow_raise: float = 0.0
    eye_open: float = 0.0
    gaze_right: float = 0.0
    gaze_down: float = 0.0


class HeadShape:
    """The head's measures and its curves in space."""

    def __init__(self, who: Identity, how: Expression) -> None:
        self.who, self.how = who, how
        grow = math.exp
        self.width = 0.74 * grow(0.065 * who.face_width)
        self.temple = self.width * 0.95 * grow(0.045 * who.forehead_width)
        self.jaw = self.width * 0.80 * grow(0.085 * who.jaw_width)
        self.chin_width = self.width * 0.38 * grow(0.13 * who.chin_width)
        self.chin = 0.98 + 0.085 * _hold(who.chin_length, -4, 6)
        self.jaw_y = 0.60 + 0.4 * (self.chin - 0.98)
        self.hairline = _hold(-0.63 - 0.085 * who.hairline, -0.98, -0.45)
        self.eye_x = 0.335 * grow(0.075 * who.eye_spacing)
        self.eye_y = -0.08 - 0.035 * _hold(who.eye_height, -5, 4)
        self.eye_width = 0.14 * grow(0.10 * who.eye_size)
        self.eye_rise = 0.42 * self.eye_width * grow(0.17 * who.eye_openness + 0.25 * how.eye_open)
        self.iris_radius = 0.50 * self.eye_width * grow(0.04 * who.eye_openness)
        self.brow_y = self.eye_y - self.eye_rise - 0.10 * grow(0.22 * who.brow_height)
        self.brow_y -= 0.05 * how.brow_raise
        self.brow_thickness = 0.058 * grow(0.28 * who.brow_thickness)
        self.nose_y = 0.32 + 0.055 * _hold(who.nose_length, -4, 5)
        self.nose_width = 0.145 * grow(0.14 * who.nose_width)
        self.nose_z = 0.30 * grow(0.16 * who.nose_depth)
        self.mouth_y = self.nose_y + 0.245 * grow(-0.13 * who.mouth_height)
        self.mouth_y = min(self.mouth_y, self.chin - 0.16)
        self.mouth_width = 0.27 * grow(0.11 * who.mouth_width + 0.12 * how.smile)
        self.lip = 0.062 * grow(0.24 * who.lip_thickness)
        self.volume = 0.13 * grow(0.33 * who.hair_volume)
        self.hair_end = _hold(-0.05 + 0.36 * who.hair_length, -0.45, 1.3)

    def surface(self, x: Array, y: Array) -> Array:
        """Depth of the face's surface, without the nose."""
        rest = 1 - 0.85 * (x / self.width) ** 2 - 0.6 * (y / 1.1) ** 2
        return 0.62 * np.sqrt(np.maximum(rest, 0.0))

    def on_face(self, plane: Array, lift: float = 0.0) -> Array:
        """Lays plane points [n, 2] on the face's surface."""
        return np.concatenate([plane, self.surface(*plane.T)[:, np.newaxis] + lift], 1)

    def crown(self) -> Array:
        return np.array([[0.0, -1.0 - 0.5 * self.volume, 0.0]])

    def irises(self) -> Array:
        move = 0.3 * self.eye_width
        x = np.array([-self.eye_x, self.eye_x]) + move * self.how.gaze_right
        y = np.full(2, self.eye_y - 0.08 * self.eye_width + 0.5 * move * self.how.gaze_down)
        return self.on_face(np.stack([x, y], -1))

    def keypoints(self) -> Array:
        eyes = self.on_face(np.array([[-self.eye_x, self.eye_y], [self.eye_x, self.eye_y]]))
        tip = [[0.0, self.nose_y - 0.06, self.surface(np.zeros(1), np.zeros(1))[0] + self.nose_z]]
        mouth = self.on_face(self._mouth_line()[[0, -1]])
        return np.concatenate([eyes, tip, mouth])

    def bumps(self) -> Array:
        """Hills and hollows of the face: x, y, radii in x and y, height."""
        n, y, z = self.nose_width, self.nose_y, self.nose_z
        age = 0.05 * _hold(0.3 + self.who.wrinkles, 0, 4)
        rows = [(0.0, y - 0.09, 0.55 * n, 0.11, 0.55 * z)]
        for t in (0.25, 0.5, 0.75):
            at = (1 - t) * self.eye_y + t * (y - 0.1)
            rows.append((0.0, at, 0.30 * n + 0.02, 0.12, 0.42 * z * t + 0.04))
        rows.append((0.0, self.mouth_y, 0.8 * self.mouth_width, 1.6 * self.lip, 0.08))
        rows.append((0.0, self.mouth_y + 2.2 * self.lip + 0.02, 0.2, 0.04, -0.05))
        rows.append((0.0, self.chin - 0.13, 0.9 * self.chin_width, 0.12, 0.10))
        for side in (-1, 1):
            rows.append((side * 0.75 * n, y - 0.06, 0.35 * n, 0.06, 0.22 * z))
            rows.append((side * self.eye_x, self.eye_y, 1.25 * self.eye_width, 0.12, -0.11))
            rows.append((side * 0.34, self.brow_y - 0.03, 0.24, 0.07, 0.05))
            rows.append((side * 0.62 * self.width, 0.20, 0.20, 0.16, 0.07))
            rows.append((side * 1.3 * self.mouth_width, y + 0.14, 0.05, 0.16, -age))
        return np.array(rows)

    def curves(self) -> dict[str, Array]:
        """All curves, in space."""
        found = {"outline": _rim(self._outline()), "neck": _rim(self._neck())}
        found["shoulders"] = _rim(self._shoulders())
        found["hair_back"], found["hair_front"] = self._hair()
        found.update(self._mouth())
        for part, points in self._half().items():
            found[f"{part}_left"] = points * [-1.0, 1.0, 1.0]
            found[f"{part}_right"] = points
        return found

    def _outline(self) -> Array:
        half = [
            (0.42 * self.temple, -0.96),
            (0.82 * self.temple, -0.74),
            (self.temple, -0.38),
            (self.width, 0.10),
            (self.jaw, self.jaw_y),
            (0.5 * (self.jaw + self.chin_width), 0.55 * self.jaw_y + 0.45 * self.chin),
            (self.chin_width, 0.94 * self.chin + 0.02),
        ]
        left = [(-x, y) for x, y in half]
        return closed_spline([(0, -1.0), *half, (0, self.chin), *left[::-1]])

    def _neck(self) -> Array:
        w = 0.72 * self.jaw
        return np.array([(-w, 0.4), (w, 0.4), (1.05 * w, 1.9), (-1.05 * w, 1.9)])

    def _shoulders(self) -> Array:
        y = self.chin + 0.22
        half = [(0.62 * self.jaw, y), (1.3, y + 0.22), (1.9, y + 0.5), (2.4, y + 2.2)]
        return closed_spline([*half, *[(-x, y) for x, y in half[::-1]], (0, y + 0.12)])

    def _hair(self) -> tuple[Array, Array]:
        """The hair behind the head, and that over the forehead, above the hairline."""
        v, t, top, end = self.volume, self.temple, -1.0, self.hair_end
        outer = [
            (1.02 * t + 0.5 * v, max(end, -0.42)),
            (1.04 * t + 0.75 * v, -0.40),
            (0.88 * t + 0.8 * v, -0.78 - 0.3 * v),
            (0.50 * t + 0.45 * v, top - 0.62 * v),
        ]
        ring = [*outer, (0, top - 1.1 * v), *[(-x, y) for x, y in outer[::-1]]]
        back = _rim(np.concatenate([open_spline(ring), [(-0.6 * t, end), (0.6 * t, end)]]))
        part = float(np.tanh(0.6 * self.who.hair_parting))
        line = self.hairline
        inner = [
            (-0.99 * t, -0.30),
            (-0.80 * t, 0.55 * line - 0.18 - 0.12 * part),
            (0.55 * t * part, line - 0.05),
            (0.80 * t, 0.55 * line - 0.18 + 0.12 * part),
            (0.99 * t, -0.30),
        ]
        over = open_spline([(x, y) for x, y in ring if y < -0.2])
        edge = self.on_face(open_spline(inner))
        return back, np.concatenate([_rim(over), edge])

    def _half(self) -> dict[str, Array]:
        """Everything there are two of, for x > 0."""
        a, h = self.eye_width, self.eye_rise
        tilt = -0.085 * _hold(self.who.eye_tilt, -5, 5)
        x = np.linspace(-a, a, 13)
        upper = np.stack([x, -h * (1 - (x / a) ** 2) ** 0.75], -1)
        lower = np.stack([x, 0.62 * h * (1 - (x / a) ** 2) ** 0.75], -1)
        center = np.array([self.eye_x, self.eye_y])
        lid = np.concatenate([upper, [[1.22 * a, 0.06 * a]]])
        eye = np.concatenate([upper, lower[::-1]])
        fold = np.stack([0.95 * x, -0.055 - 1.12 * h * (1 - (0.9 * x / a) ** 2)], -1)
        brow_tilt = -0.10 * _hold(self.who.brow_tilt, -5, 5) - 0.10 * self.how.brow_raise
        bx = np.linspace(-0.19, 0.24, 13)
        arch = -0.055 * np.cos((bx - 0.06) * 5.2)
        slim = self.brow_thickness * (1 - 0.72 * np.clip((bx + 0.02) / 0.26, 0, 1))
        brow = np.concatenate(
            [np.stack([bx, arch - slim / 2], -1), np.stack([bx, arch + slim / 2], -1)[::-1]]
        )
        brow_center = np.array([self.eye_x * 0.96, self.brow_y])
        n, y = self.nose_width, self.nose_y
        wing = [(0.62 * n, y - 0.19), (0.98 * n, y - 0.10), (0.92 * n, y + 0.0), (0.55 * n, y)]
        nostril = [(0.22 * n, y - 0.01), (0.5 * n, y - 0.045), (0.66 * n, y), (0.4 * n, y + 0.022)]
        ridge = [(0.42 * n, self.eye_y - 0.04), (0.3 * n, self.eye_y + 0.12), (0.36 * n, y - 0.18)]
        m = self.mouth_width
        crease = [(1.15 * n, y - 0.08), (1.2 * m, y + 0.12), (1.25 * m, self.mouth_y + 0.06)]
        bag = np.stack([0.9 * x, 0.07 + 0.8 * h * (1 - (x / a) ** 2)], -1)
        e = 0.23 * math.exp(0.22 * self.who.ear_size)
        out = self.width - 0.05
        ear = [
            (out, 0.06 - 0.85 * e),
            (out + 0.45 * e, 0.02 - 1.05 * e),
            (out + 0.80 * e, 0.02 - 0.55 * e),
            (out + 0.55 * e, 0.06 + 0.45 * e),
            (out + 0.25 * e, 0.08 + 0.95 * e),
            (out - 0.05, 0.10 + 0.75 * e),
        ]
        ear_line = [
            (out + 0.12, 0.04 - 0.6 * e),
            (out + 0.5 * e, -0.6 * e),
            (out + 0.4 * e, 0.2 * e),
        ]
        cheek = [(0.47 * self.width, 0.22), (0.75 * self.width, 0.2), (0.6 * self.width, 0.4)]
        lift = np.array([0.0, 0.0, 0.55 * self.nose_z])
        return {
            "eye": self.on_face(turn(eye, tilt) + center),
            "lid": self.on_face(turn(lid, tilt) + center),
            "fold": self.on_face(turn(fold, tilt) + center),
            "bag": self.on_face(turn(bag, tilt) + center),
            "brow": self.on_face(turn(brow, brow_tilt) + brow_center),
            "wing": self.on_face(open_spline(wing)) + lift,
            "nostril": self.on_face(closed_spline(nostril)) + 1.3 * lift,
            "ridge": self.on_face(open_spline(ridge)) + lift,
            "crease": self.on_face(open_spline(crease)),
            "ear": _rim(closed_spline(ear)),
            "ear_line": _rim(open_spline(ear_line)),
            "cheek": self.on_face(closed_spline(cheek)),
        }

    def _mouth_line(self) -> Array:
        """The upper edge of the mouth's opening, from corner to corner."""
        x = np.linspace(-1, 1, 17)
        bend = -0.075 * self.how.smile - 0.012
        return np.stack([self.mouth_width * x, self.mouth_y + bend * (x**2 - 0.4)], -1)

    def _mouth(self) -> dict[str, Array]:
        x = np.linspace(-1, 1, 17)
        line = self._mouth_line()
        full = (1 - x**2) ** 0.7
        gap = 0.15 * self.how.mouth_open * full
        bow = self.lip * full * (1 - 0.28 * np.exp(-((x / 0.16) ** 2)))
        under = line + np.stack([0 * x, gap], -1)
        top = line - np.stack([0 * x, bow], -1)
        bottom = under + np.stack([0 * x, 1.25 * self.lip * full], -1)
        y, j = self.mouth_y, self.jaw
        moustache = [
            (-1.15 * self.mouth_width, y + 0.03),
            (-0.6 * self.mouth_width, self.nose_y + 0.06),
            (0, self.nose_y + 0.05),
            (0.6 * self.mouth_width, self.nose_y + 0.06),
            (1.15 * self.mouth_width, y + 0.03),
            (0, y - self.lip),
        ]
        below = float(np.max(bottom[:, 1])) + 0.03
        beard = [
            (-0.96 * self.width, 0.18),
            (-0.98 * j, self.jaw_y),
            (-1.0 * self.chin_width, 0.95 * self.chin),
            (0, 1.0 * self.chin),
            (1.0 * self.chin_width, 0.95 * self.chin),
            (0.98 * j, self.jaw_y),
            (0.96 * self.width, 0.18),
            (0.80 * self.width, 0.42),
            (1.3 * self.mouth_width, y + 0.04),
            (0, below + 0.06),
            (-1.3 * self.mouth_width, y + 0.04),
            (-0.80 * self.width, 0.42),
        ]
        fold = 0.5 * (below + self.chin)
        plane = {
            "mouth_line": line,
            "mouth_gap": np.concatenate([line, under[::-1]]),
            "lip_upper": np.concatenate([top, line[::-1]]),
            "lip_lower": np.concatenate([under, bottom[::-1]]),
            "moustache": closed_spline(moustache),
            "beard": closed_spline(beard),
            "chin_line": open_spline([(-0.2, fold), (0, fold + 0.012), (0.2, fold)]),
            "frown_upper": open_spline([(-0.34, -0.53), (0, -0.55), (0.34, -0.53)]),
            "frown_lower": open_spline([(-0.27, -0.43), (0, -0.45), (0.27, -0.43)]),
        }
        found = {name: self.on_face(points) for name, points in plane.items()}
        n, y = self.nose_width, self.nose_y
        tip = self.surface(np.zeros(1), np.array([y]))[0] + 0.8 * self.nose_z
        base = open_spline([(-0.5 * n, y), (0, y + 0.035), (0.5 * n, y)])
        found["nose_base"] = np.concatenate([base, np.full((len(base), 1), tip)], 1)
        ball = closed_spline([(-0.6 * n, y - 0.1), (0, y - 0.2), (0.6 * n, y - 0.1), (0, y + 0.02)])
        found["nose_ball"] = np.concatenate([ball, np.full((len(ball), 1), tip + 0.05)], 1)
        bridge = np.array([(0.0, self.eye_y - 0.05), (0.0, 0.5 * (self.eye_y + y))])
        high = np.array([0.2, 0.6]) * self.nose_z
        bridge_z = self.surface(*bridge.T) + high
        found["nose_bridge"] = np.concatenate(
            [np.concatenate([bridge, bridge_z[:, np.newaxis]], 1), [[0, y - 0.08, tip + 0.05]]]
        )
        return found


def _rim(plane: Array) -> Array:
    """Plane points at depth 0, where the head's silhouette is."""
    return np.concatenate([plane, np.zeros((len(plane), 1))], 1)


def _hold(value: float, low: float, high: float) -> float:
    """`np.clip` for a single number."""
    return min(max(value, low), high)

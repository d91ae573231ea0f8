"""From an identity, a pose and an expression to the curves of a face on the picture.

The head (`head.py`) is turned, projected in parallel, and fitted to the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cari_keras.arrays import Array
from cari_keras.drawn.curves import turn
from cari_keras.drawn.head import Expression, HeadShape
from cari_keras.drawn.identity import Identity
from cari_keras.vocabulary import Keypoints

#: The outline's box fills this share of the picture's side.
FILL = 0.78
CENTER = np.array([0.5, 0.55])


@dataclass(frozen=True)
class Pose:
    """Angles in radians (yaw to the viewer's right, pitch down, roll clockwise); shift and scale.

    Shifts are fractions of the picture's side.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    right: float = 0.0
    down: float = 0.0


@dataclass(frozen=True)
class FaceShape:
    """A face on the picture; all coordinates are (x, y) fractions of the picture's side.

    Attributes:
        curves: Name -> points [n, 2]. Pairs are `..._left` and `..._right` as the viewer sees them.
        irises: Centers and radius, [2, 3].
        keypoints: Eyes, nose tip, mouth corners.
        bumps: The relief's hills and hollows, [m, 5]: center, both radii, height (lengths in
            units of the picture's side).
        unit: Length of the head's unit on the picture.
    """

    curves: Mapping[str, Array]
    irises: Array
    keypoints: Keypoints
    bumps: Array
    unit: float


def build_face(identity: Identity, pose: Pose, expression: Expression) -> FaceShape:
    """Builds a face; every parameter of the identity has its effect here or in the painting."""
    head = HeadShape(identity, expression)
    curves = head.curves()
    project = _Projection(pose, np.concatenate([curves["outline"], head.crown()]))
    ends = np.cumsum([len(points) for points in curves.values()])[:-1]
    placed = dict(zip(curves, np.split(project(np.concatenate(list(curves.values()))), ends)))
    irises = np.concatenate(
        [project(head.irises()), np.full((2, 1), head.iris_radius * project.unit)], 1
    )
    keypoints = tuple((float(x), float(y)) for x, y in project(head.keypoints()))
    bumps = head.bumps()
    places = project(head.on_face(bumps[:, :2], lift=0.3 * head.nose_z))
    bumps = np.concatenate([places, project.unit * bumps[:, 2:]], 1)
    return FaceShape(placed, irises, keypoints, bumps, project.unit)


class _Projection:
    """Turns the head and fits the outline's box into the picture, as a face detector would."""

    def __init__(self, pose: Pose, outline: Array) -> None:
        self.pose, self.unit, self.shift = pose, 1.0, np.zeros(2)
        box = self(outline)
        low, high = box.min(0), box.max(0)
        self.unit = pose.scale * FILL / max(high[1] - low[1], 1.15 * (high[0] - low[0]))
        self.shift = CENTER + np.array([pose.right, pose.down]) - self.unit * (low + high) / 2

    def __call__(self, points: Array) -> Array:
        x, y, z = points.T
        cos, sin = np.cos(self.pose.yaw), np.sin(self.pose.yaw)
        x, z = x * cos + z * sin, z * cos - x * sin
        y = y * np.cos(self.pose.pitch) + z * np.sin(self.pose.pitch)
        return self.unit * turn(np.stack([x, y], -1), self.pose.roll) + self.shift

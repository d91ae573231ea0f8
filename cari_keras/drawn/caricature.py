"""Caricatures: an identity's deviation from the mean face amplified, and drawn by hand.

Every artist is different: how much they exaggerate, what they get wrong, how they bend the face,
with which pen, on which paper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cari_keras.arrays import Array
from cari_keras.drawn.geometry import FaceShape, build_face
from cari_keras.drawn.identity import Identity, exaggerate, perturb
from cari_keras.drawn.paint import to_uint8
from cari_keras.drawn.photo import CANVAS, sample_expression, sample_pose
from cari_keras.drawn.styles import STYLES

AMOUNT = (1.5, 2.5)

#: Standard deviation of what an artist gets wrong in every parameter, after the amplification.
ARTISTS_ERROR = 0.9


@dataclass(frozen=True)
class CaricaturePlan:
    """All that is chosen before a caricature is drawn; equal plans give equal pictures.

    Attributes:
        identity: The exaggerated person, as this artist sees it.
        face: Where everything is, bent by the artist.
        style: Name in `STYLES`.
        light: Vector to the light, for the styles that shade.
        pen: Relative width of lines.
        hand: Unsteadiness of the hand, a fraction of the picture's side.
        hue: The artist's palette: turn of all hues in degrees.
        saturation: The artist's palette: gain of the saturation.
        seed: For wobble, paper and textures.
    """

    identity: Identity
    face: FaceShape
    style: str
    light: tuple[float, float, float]
    pen: float
    hand: float
    hue: float
    saturation: float
    seed: int


def plan_caricature(identity: Identity, rng: np.random.Generator) -> CaricaturePlan:
    """Chooses an artist: exaggeration in `AMOUNT`, errors, pose, expression, style, palette."""
    amount = rng.uniform(*AMOUNT)
    seen = perturb(exaggerate(identity, amount), rng, ARTISTS_ERROR)
    face = build_face(seen, sample_pose(rng, yaw=0.18), sample_expression(rng))
    return CaricaturePlan(
        seen,
        _bend(face, rng),
        style=str(rng.choice(list(STYLES))),
        light=(float(rng.choice([-1, 1])) * rng.uniform(0.4, 0.9), -rng.uniform(0.2, 0.7), 0.9),
        pen=rng.uniform(0.7, 1.5),
        hand=rng.uniform(0.001, 0.004),
        hue=rng.normal(0, 22),
        saturation=rng.uniform(0.3, 1.5),
        seed=int(rng.integers(2**31)),
    )


def draw_caricature(plan: CaricaturePlan, size: int) -> Array:
    """Draws a planned caricature: uint8 RGB [size, size, 3]."""
    rng = np.random.default_rng(plan.seed)
    return to_uint8(STYLES[plan.style](plan, rng, max(CANVAS, size)), size)


def _bend(face: FaceShape, rng: np.random.Generator) -> FaceShape:
    """Bends the whole face by a few slow waves, as artists stretch and squeeze what they draw."""
    frequency = rng.uniform(2.0, 6.0, (2, 3, 2)) * rng.choice([-1, 1], (2, 3, 2))
    phase, size = rng.uniform(0, 2 * np.pi, (2, 3)), rng.normal(0, 0.013, (2, 3))

    def moved(points: Array) -> Array:
        waves = np.sin(np.einsum("nk,djk->ndj", points, frequency) + phase)
        return points + np.sum(size * waves, -1)

    ends = np.cumsum([len(points) for points in face.curves.values()])[:-1]
    bent = np.split(moved(np.concatenate(list(face.curves.values()))), ends)
    irises = np.concatenate([moved(face.irises[:, :2]), face.irises[:, 2:]], 1)
    keypoints = moved(np.array(face.keypoints))
    return replace(
        face,
        curves=dict(zip(face.curves, bent)),
        irises=irises,
        keypoints=tuple((float(x), float(y)) for x, y in keypoints),
        bumps=np.concatenate([moved(face.bumps[:, :2]), face.bumps[:, 2:]], 1),
    )

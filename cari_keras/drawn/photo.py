"""Photographs: a shaded rendering under varying light, pose, expression, background and camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cari_keras.arrays import Array
from cari_keras.drawn.curves import ribbon
from cari_keras.drawn.geometry import FaceShape, Pose, build_face
from cari_keras.drawn.head import Expression
from cari_keras.drawn.identity import Identity
from cari_keras.drawn.paint import (
    beard_strength,
    clip_to,
    disc,
    eye_color,
    hair_color,
    mask_of,
    paint,
    relief_normals,
    skin_color,
    smooth_noise,
    to_uint8,
)

#: Pictures are drawn at this side or above and then reduced.
CANVAS = 176


@dataclass(frozen=True)
class PhotoPlan:
    """All that is chosen before a photograph is drawn; equal plans give equal pictures.

    Attributes:
        identity: The person.
        face: Where everything is.
        light: Unit vector to the light.
        ambient: Share of light without direction, in [0, 1].
        warmth: Relative gain of red, and loss of blue.
        exposure: Gain of all channels.
        grey: Whether the photograph is black and white.
        blur: The lens's blur as a fraction of the side.
        noise: The sensor's noise, of values in [0, 1].
        seed: For background, clothes and textures.
    """

    identity: Identity
    face: FaceShape
    light: tuple[float, float, float]
    ambient: float
    warmth: float
    exposure: float
    grey: bool
    blur: float
    noise: float
    seed: int


def plan_photo(identity: Identity, rng: np.random.Generator) -> PhotoPlan:
    """Chooses pose, expression, light and camera."""
    pose = sample_pose(rng)
    face = build_face(identity, pose, sample_expression(rng))
    azimuth, elevation = rng.uniform(-np.pi, np.pi), rng.uniform(0.45, 1.45)
    light = (
        float(np.cos(elevation) * np.cos(azimuth)),
        float(-abs(np.cos(elevation) * np.sin(azimuth)) * 0.8 + 0.1),
        float(np.sin(elevation)),
    )
    return PhotoPlan(
        identity,
        face,
        light,
        ambient=rng.uniform(0.25, 0.6),
        warmth=rng.normal(0.0, 0.07),
        exposure=rng.uniform(0.8, 1.2),
        grey=bool(rng.random() < 0.15),
        blur=rng.uniform(0.0, 0.006) if rng.random() < 0.8 else rng.uniform(0.006, 0.012),
        noise=rng.uniform(0.0, 0.035),
        seed=int(rng.integers(2**31)),
    )


def sample_pose(rng: np.random.Generator, yaw: float = 0.20) -> Pose:
    """Mostly frontal, `yaw` radians of deviation sideways."""
    return Pose(
        yaw=float(np.clip(rng.normal(0, yaw), -0.6, 0.6)),
        pitch=float(np.clip(rng.normal(0, 0.12), -0.3, 0.3)),
        roll=float(np.clip(rng.normal(0, 0.08), -0.25, 0.25)),
        scale=rng.uniform(0.92, 1.08),
        right=rng.normal(0, 0.012),
        down=rng.normal(0, 0.012),
    )


def sample_expression(rng: np.random.Generator) -> Expression:
    """Half of the mouths are closed."""
    return Expression(
        smile=rng.uniform(-0.5, 1.3),
        mouth_open=max(0.0, rng.uniform(-1.0, 1.0)),
        brow_raise=rng.uniform(-0.7, 1.0),
        eye_open=rng.normal(0, 0.5),
        gaze_right=rng.uniform(-1, 1),
        gaze_down=rng.uniform(-0.6, 0.6),
    )


def draw_photo(plan: PhotoPlan, size: int) -> Array:
    """Draws a planned photograph: uint8 RGB [size, size, 3]."""
    rng = np.random.default_rng(plan.seed)
    side = max(CANVAS, size)
    background = _background(rng, side)
    clothes = rng.uniform(0.05, 0.95, 3)
    strands = 1 + 0.16 * smooth_noise(rng, side, (6, side // 3))[..., np.newaxis]
    albedo = paint_albedo(plan.identity, plan.face, side, clothes, strands)
    shaded = albedo * shading(plan.face, side, plan.light, plan.ambient)[..., np.newaxis]
    curves = plan.face.curves
    person = mask_of(
        [curves[n] for n in ("shoulders", "neck", "hair_back", "outline", "hair_front")]
        + [curves["ear_left"], curves["ear_right"]],
        side,
    )[..., np.newaxis]
    canvas = background + person * (shaded - background)
    canvas *= plan.exposure * np.array([1 + plan.warmth, 1, 1 - plan.warmth], np.float32)
    if plan.grey:
        canvas[:] = (canvas @ np.array([0.299, 0.587, 0.114], np.float32))[..., np.newaxis]
    if plan.blur * side > 0.3:
        canvas = cv2.GaussianBlur(canvas, (0, 0), plan.blur * side)
    picture = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    picture += plan.noise * rng.standard_normal(picture.shape, np.float32)
    return to_uint8(picture, size)


def paint_albedo(
    identity: Identity, face: FaceShape, side: int, clothes: Array, strands: Array
) -> Array:
    """The person's own colours, without light: float32 [side, side, 3]."""
    c, u = face.curves, face.unit
    skin, hair, lips = skin_color(identity), hair_color(identity), skin_color(identity)
    lips = 0.62 * lips + 0.38 * np.array([0.72, 0.22, 0.24]) * (0.4 + 0.6 * lips.mean())
    dark = 0.45 * skin * np.array([1.0, 0.85, 0.8])
    hair_image = np.clip(hair * strands, 0, 1).astype(np.float32)
    canvas = np.empty((side, side, 3), np.float32)
    canvas[:] = skin
    paint(canvas, c["hair_back"], 0.8 * hair_image)
    paint(canvas, c["neck"], 0.86 * skin, soft=0.006)
    paint(canvas, c["shoulders"], clothes)
    for name in ("left", "right"):
        paint(canvas, c[f"ear_{name}"], 0.94 * skin)
        paint(canvas, ribbon(c[f"ear_line_{name}"], 0.035 * u), dark, 0.6, 0.004)
    paint(canvas, c["outline"], skin)
    blush = skin * np.array([1.06, 0.86, 0.84])
    for name in ("left", "right"):
        paint(canvas, c[f"cheek_{name}"], blush, 0.4, 0.03)
        age = float(np.clip(0.25 + 0.3 * identity.wrinkles, 0, 1))
        paint(canvas, ribbon(c[f"crease_{name}"], 0.035 * u), dark, age, 0.007)
        paint(canvas, ribbon(c[f"bag_{name}"], 0.03 * u), dark, 0.7 * age, 0.006)
    for name in ("frown_upper", "frown_lower"):
        age = float(np.clip(0.35 * identity.wrinkles, 0, 0.8))
        paint(canvas, ribbon(c[name], 0.03 * u), dark, age, 0.006)
    beard = beard_strength(identity)
    coarse = np.clip(0.8 * hair_image + 0.06, 0, 1)
    paint(canvas, c["beard"], coarse, 0.9 * beard, 0.014)
    paint(canvas, c["moustache"], coarse, 0.9 * beard, 0.010)
    for name in ("upper", "lower"):
        paint(canvas, c[f"lip_{name}"], lips * (0.88 if name == "upper" else 1.0), 0.9, 0.003)
    _paint_mouth(canvas, face, skin)
    for i, name in enumerate(("left", "right")):
        _paint_eye(canvas, face, i, name, skin, eye_color(identity))
        paint(canvas, c[f"brow_{name}"], 0.85 * hair_image, 0.9, 0.004)
        paint(canvas, ribbon(c[f"wing_{name}"], 0.035 * u), dark, 0.55, 0.006)
        paint(canvas, c[f"nostril_{name}"], 0.4 * dark, 0.85, 0.004)
    paint(canvas, ribbon(c["nose_base"], 0.03 * u), dark, 0.5, 0.006)
    paint(canvas, c["hair_front"], hair_image, soft=0.004)
    return canvas


def _paint_mouth(canvas: Array, face: FaceShape, skin: Array) -> None:
    gap = face.curves["mouth_gap"]
    paint(canvas, gap, np.array([0.22, 0.06, 0.07]))
    n = len(gap) // 2
    upper, lower = gap[:n], gap[n:][::-1]
    teeth = np.concatenate([upper[2:-2], (upper + 0.5 * (lower - upper))[2:-2][::-1]])
    paint(canvas, teeth, np.array([0.93, 0.91, 0.86]), soft=0.002)
    paint(canvas, ribbon(face.curves["mouth_line"], 0.028 * face.unit), 0.3 * skin, 0.75, 0.003)


def _paint_eye(
    canvas: Array, face: FaceShape, i: int, name: str, skin: Array, color: Array
) -> None:
    eye, u = face.curves[f"eye_{name}"], face.unit
    x, y, r = face.irises[i]
    center = np.array([x, y])
    paint(canvas, eye, 0.75 * skin, 0.5, 0.02)
    paint(canvas, eye, np.array([0.93, 0.92, 0.90]))
    paint(canvas, clip_to(disc(center, r), eye), 0.55 * color)
    paint(canvas, clip_to(disc(center, 0.85 * r), eye), color)
    paint(canvas, clip_to(disc(center, 0.42 * r), eye), np.array([0.03, 0.03, 0.04]))
    paint(canvas, disc(center + np.array([0.3, -0.35]) * r, 0.2 * r), np.ones(3), 0.9)
    paint(canvas, ribbon(face.curves[f"lid_{name}"], 0.034 * u), 0.16 * skin, 0.95, 0.002)
    paint(canvas, ribbon(face.curves[f"fold_{name}"], 0.024 * u), 0.5 * skin, 0.5, 0.004)


def shading(face: FaceShape, side: int, light: tuple[float, float, float], ambient: float) -> Array:
    """How much light the relief throws to the viewer: float32 [side, side], about 0.2 to 1.3."""
    toward = np.asarray(light, np.float32)
    toward = toward / np.linalg.norm(toward)
    cosine = np.maximum(relief_normals(face, side) @ toward, 0)
    return ambient + (1.15 - ambient) * cosine + 0.22 * cosine**18


def _background(rng: np.random.Generator, side: int) -> Array:
    """Out-of-focus colours, some of them with edges."""
    base = rng.uniform(0.15, 0.85) + rng.normal(0, 0.12, 3)
    cells = rng.normal(0, 0.10, (4, 4, 1)) + rng.normal(0, 0.06, (4, 4, 3))
    grid = np.clip(base + cells, 0, 1).astype(np.float32)
    flow = cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_LINEAR
    canvas = cv2.resize(grid, (side, side), interpolation=flow)
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(-0.2, 1.0, 2)
        w, h = rng.uniform(0.1, 0.6, 2)
        box = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        paint(canvas, box, np.clip(base + rng.normal(0, 0.25, 3), 0, 1), 0.7, 0.01)
    return canvas

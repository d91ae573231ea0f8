"""Filling and shading on a float32 canvas: what both kinds of picture are made with.

A canvas is float32 [S, S, 3], RGB in [0, 1]; curves are (x, y) fractions of its side.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cari_keras.arrays import Array
from cari_keras.drawn.geometry import FaceShape
from cari_keras.drawn.identity import Identity

Color = Array

_SKIN = np.array(
    [(255, 226, 206), (244, 204, 176), (222, 172, 134), (176, 122, 84), (116, 74, 52), (72, 46, 34)]
)
_HAIR = np.array([(232, 200, 140), (184, 138, 84), (116, 76, 46), (62, 40, 28), (22, 18, 18)])
_EYES = np.array([(122, 166, 196), (110, 140, 110), (128, 92, 52), (84, 54, 32), (44, 28, 20)])


def tone(palette: Array, value: float, reach: float = 2.4) -> Color:
    """The colour at `value` in a palette that spans [-reach, reach], held within it."""
    at = (np.clip(value, -reach, reach) / reach + 1) / 2 * (len(palette) - 1)
    return np.array([np.interp(at, range(len(palette)), palette[:, c]) for c in range(3)]) / 255


def skin_color(identity: Identity) -> Color:
    return tone(_SKIN, identity.skin_tone)


def hair_color(identity: Identity) -> Color:
    """The hair's colour; `hair_grey` mixes it with grey."""
    grey = 1 / (1 + np.exp(-2.2 * (identity.hair_grey - 0.9)))
    color = tone(_HAIR, identity.hair_tone)
    return color + grey * (0.35 + 0.45 * color.mean() - color)


def eye_color(identity: Identity) -> Color:
    return tone(_EYES, identity.eye_tone)


def beard_strength(identity: Identity) -> float:
    """Opacity of the beard, in (0, 1)."""
    return float(1 / (1 + np.exp(-2.0 * (identity.beard - 0.8))))


def mask_of(curves: Sequence[Array], size: int) -> Array:
    """The union of closed curves as a float32 mask [size, size] in [0, 1], anti-aliased."""
    mask = np.zeros((size, size), np.uint8)
    for curve in curves:
        _fill(mask, curve * size)
    return mask.astype(np.float32) / 255


def paint(canvas: Array, curve: Array, color: Color, alpha: float = 1.0, soft: float = 0.0) -> None:
    """Fills a closed curve, in place.

    Args:
        canvas: Changed.
        curve: [n, 2].
        color: [3], or an image like the canvas to fill with.
        alpha: Opacity.
        soft: Width of the edge's blur, as a fraction of the side.
    """
    size = canvas.shape[0]
    margin = 2 + int(3 * soft * size)
    low = np.maximum(np.floor(curve.min(0) * size).astype(int) - margin, 0)
    high = np.minimum(np.ceil(curve.max(0) * size).astype(int) + margin, size)
    if (low >= high).any() or alpha <= 0:
        return
    region = (slice(low[1], high[1]), slice(low[0], high[0]))
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    _fill(mask, curve * size - low)
    blurred = cv2.GaussianBlur(mask, (0, 0), soft * size) if soft else mask
    share = blurred[..., np.newaxis].astype(np.float32) * np.float32(alpha / 255)
    fill = color[region] if color.ndim == 3 else color.astype(np.float32)
    canvas[region] += share * (fill - canvas[region])


def _fill(mask: Array, pixels: Array) -> None:
    """Fills a curve in pixels, with four fractional bits; pixel centers are at half-integers."""
    points = np.round((pixels - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [points], (255.0,), cv2.LINE_AA, 4)


def disc(center: Array, radius: float, points: int = 20) -> Array:
    """A circle as a closed curve."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return center + radius * np.stack([np.cos(angle), np.sin(angle)], -1)


def clip_to(curve: Array, boundary: Array) -> Array:
    """The part of a convex curve inside another, or of the boundary's own centre if apart."""
    area, points = cv2.intersectConvexConvex(
        cv2.convexHull(curve.astype(np.float32)), cv2.convexHull(boundary.astype(np.float32))
    )
    return np.asarray(points)[:, 0].astype(float) if area > 0 else boundary.mean(0, keepdims=True)


def relief_normals(face: FaceShape, size: int) -> Array:
    """The relief's unit normals, float32 [size, size, 3]: x right, y down, z to the viewer."""
    coarse = max(48, size // 2)
    at = (np.arange(coarse, dtype=np.float32) + 0.5) / coarse
    outline = face.curves["outline"]
    center = (outline.min(0) + outline.max(0)) / 2
    half = (outline.max(0) - outline.min(0)) / 2
    x, y = (at - center[0]) / half[0], (at - center[1]) / half[1]
    rest = 1 - 0.80 * x[np.newaxis] ** 2 - 0.55 * np.abs(y[:, np.newaxis]) ** 2.5
    height = 0.75 * half[0] * np.sqrt(np.maximum(rest, 0.03))
    # Every bump is a product of a function of x and one of y, so that their sum is one product.
    bx, by, rx, ry, rise = (column[:, np.newaxis] for column in face.bumps.T)
    along_x = np.exp(-0.5 * ((at - bx) / rx) ** 2)
    along_y = np.exp(-0.5 * ((at - by) / ry) ** 2) * rise
    height = height + along_y.T @ along_x
    slope_y, slope_x = np.gradient(height * coarse)
    normals = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], -1).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return cv2.resize(normals, (size, size), interpolation=cv2.INTER_LINEAR)


def smooth_noise(rng: np.random.Generator, size: int, cells: tuple[int, int]) -> Array:
    """Standard normal values on a grid of (rows, columns), smoothly enlarged: [size, size]."""
    grid = rng.standard_normal(cells).astype(np.float32)
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)


def to_uint8(canvas: Array, size: int) -> Array:
    """The finished picture: uint8 RGB [size, size, 3]."""
    if canvas.shape[0] != size:
        canvas = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.round(np.clip(canvas, 0, 1) * 255).astype(np.uint8)

"""Smooth plane and space curves as arrays of points, and ribbons of varying width along them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cari_keras.arrays import Array

#: Points between two neighbouring control points of a spline.
STEPS = 6


_T = np.arange(STEPS)[:, np.newaxis] / STEPS
#: Weights of four neighbouring points at the steps between the inner two: [STEPS, 4].
_CATMULL_ROM = 0.5 * np.concatenate(
    [
        -_T + 2 * _T**2 - _T**3,
        2 - 5 * _T**2 + 3 * _T**3,
        _T + 4 * _T**2 - 3 * _T**3,
        -(_T**2) + _T**3,
    ],
    axis=1,
)


def closed_spline(points: Sequence[Sequence[float]]) -> Array:
    """The closed Catmull-Rom curve through points: [n, d] -> [n * STEPS, d]."""
    p = np.asarray(points, float)
    return _between(np.concatenate([p[-1:], p, p[:2]]))


def open_spline(points: Sequence[Sequence[float]]) -> Array:
    """The Catmull-Rom curve from the first point to the last: [n, d] -> [(n-1) * STEPS + 1, d]."""
    p = np.asarray(points, float)
    ends = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    return np.concatenate([_between(ends), p[-1:]])


def _between(p: Array) -> Array:
    windows = np.stack([p[:-3], p[1:-2], p[2:-1], p[3:]], axis=1)  # [n - 3, 4, d]
    return (_CATMULL_ROM @ windows).reshape(-1, p.shape[1])


def wobble(curve: Array, rng: np.random.Generator, size: float) -> Array:
    """Moves a plane curve's points by smooth noise of about `size`, as an unsteady hand would."""
    n = len(curve)
    knots = rng.normal(0.0, size, (max(3, n // 4 + 2), 2))
    at = np.linspace(0, len(knots) - 1, n)
    return curve + np.stack([np.interp(at, range(len(knots)), knots[:, k]) for k in (0, 1)], -1)


def ribbon(curve: Array, width: float, taper: float = 0.7) -> Array:
    """The outline of a brush stroke along an open plane curve: [n, 2] -> [2 n, 2].

    Args:
        curve: The stroke's middle.
        width: Greatest width, in the curve's units.
        taper: How much thinner the ends are: 0 not at all, 1 to nothing.
    """
    tangent = np.gradient(curve, axis=0)
    length = np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], -1) / length
    profile = 1 - taper * np.abs(np.linspace(-1, 1, len(curve))) ** 2
    offset = 0.5 * width * profile[:, np.newaxis] * normal
    return np.concatenate([curve + offset, (curve - offset)[::-1]])


def turn(points: Array, angle: float) -> Array:
    """Rotates plane points about the origin, clockwise on the screen for a positive angle."""
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])

"""Annotated landmarks, where a dataset ships them: WebCaricature's 17 points."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.images.crop import Face

#: The published crop: the points' box, wider and higher by these factors about its middle.
WIDER, HIGHER = 1.5, 1.2


def read_landmarks(path: Path) -> Optional[Array]:
    """Reads a `FacialPoints` file: 17 lines `x y`, also in scientific notation.

    Returns:
        float64 [17, 2] in pixels, or None where the file is missing, not of that form, or its
        points have no width or no height.
    """
    if not path.is_file():  # a pipe, for one, would be waited for
        return None
    try:
        points = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError):
        return None
    if points.shape != (17, 2) or not np.isfinite(points).all() or not np.ptp(points, axis=0).all():
        return None
    return points


def face_of(points: Array) -> Face:
    """A face from 17 points: the published crop's box, and five of MTCNN's keypoints.

    The eyes are the middles of their corners (points 9-10 and 11-12); nose tip, mouth left and
    right are points 13, 15 and 17. Confidence is 1: somebody put them there.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2 * [WIDER, HIGHER]
    left_eye, right_eye = points[8:10].mean(axis=0), points[10:12].mean(axis=0)
    keypoints = np.stack([left_eye, right_eye, points[12], points[14], points[16]])
    return Face(np.concatenate([middle - half, middle + half]), keypoints, 1.0)

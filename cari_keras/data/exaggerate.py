"""Exaggeration: a face's keypoints moved away from the mean face's, and the image with them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.data.warp import find_warp
from cari_keras.errors import DatasetError
from cari_keras.records.schema import parse
from cari_keras.vocabulary import Keypoints

#: The mean face is that of so many images, at most; more would not move it by a pixel.
MOST_IMAGES = 4096


def mean_face(records: Iterable[tf.Tensor], name: str) -> Keypoints:
    """The mean of the faces in records, each put to the same place and size.

    Args:
        records: The training images', serialised.
        name: The dataset's name, for the message.

    Returns:
        Five points, centred on 0, of root-mean-square distance 1 from it.

    Raises:
        DatasetError: No image has keypoints.
    """
    total = np.zeros((5, 2))
    for serialized in islice(records, MOST_IMAGES):
        points = parse(serialized)["keypoints"].numpy()
        if np.isfinite(points).all():
            total += _normalised(points)
    if not total.any():
        raise DatasetError(
            f"{name}: --exaggerate needs keypoints, and none of its training images has them"
        )
    return tuple((float(x), float(y)) for x, y in _normalised(total))


def _normalised(points: Array) -> Array:
    centred = points - points.mean(axis=0)
    return np.asarray(centred / np.sqrt(np.mean(np.sum(centred**2, axis=1))))


def exaggerate(
    image: tf.Tensor, keypoints: tf.Tensor, seed: tf.Tensor, strength: float, mean: Keypoints
) -> tf.Tensor:
    """Moves each keypoint further from the mean face's, by up to `strength` of its distance.

    The mean face is first laid over this one by the similarity transform of least squares, so that
    what is exaggerated is the shape, not the face's place, size or tilt. The image follows by a
    thin-plate spline that holds its corners.

    Args:
        image: float32 [S, S, 3] in [0, 255].
        keypoints: float32 [5, 2], (x, y) as fractions; an image without them (NaN) stays as it is.
        seed: int [2]; the share is uniform in [0, strength].
        strength: 1 doubles the distances at most.
        mean: From `mean_face`.

    Returns:
        float32 [S, S, 3] in [0, 255].
    """
    warp = find_warp()
    size = image.shape[0]
    share = strength * tf.random.stateless_uniform([], seed)

    def warped() -> tf.Tensor:
        moved = keypoints + share * (keypoints - fit(keypoints, mean))
        # Their order is (y, x); pixel centres are at (i + 0.5) / S.
        source, target = (tf.reverse(p, axis=[1]) * size - 0.5 for p in (keypoints, moved))
        result = tf.clip_by_value(warp(image, source, target), 0.0, 255.0)
        return tf.ensure_shape(result, image.shape)

    known = tf.reduce_all(tf.math.is_finite(keypoints))
    return tf.cond(known, warped, lambda: image)


def fit(points: tf.Tensor, mean: Keypoints) -> tf.Tensor:
    """The mean face under the similarity transform that brings it nearest to `points`.

    With points as complex numbers and both sets centred, the best scaling and rotation is the one
    factor sum(conj(mean) * points) / sum(|mean|^2).

    Args:
        points: float32 [5, 2].
        mean: Centred.

    Returns:
        float32 [5, 2].
    """
    centre = tf.reduce_mean(points, axis=0)
    shape = tf.constant(mean, tf.float32)
    a = tf.complex(shape[:, 0], shape[:, 1])
    b = tf.complex(points[:, 0] - centre[0], points[:, 1] - centre[1])
    factor = tf.reduce_sum(tf.math.conj(a) * b) / tf.reduce_sum(tf.math.conj(a) * a)
    fitted = factor * a
    return tf.stack([tf.math.real(fitted), tf.math.imag(fitted)], axis=1) + centre

"""Exaggeration: a face's keypoints moved away from the mean face's, and the image with them.

The only module that uses tensorflow-addons, which exists for TensorFlow 2.15 alone.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from cari_keras.data.base import Keypoints
from cari_keras.data.records import parse
from cari_keras.errors import ConfigError, DatasetError

#: The mean face is that of so many images, at most; more would not move it by a pixel.
MOST_IMAGES = 4096


def sparse_image_warp() -> Any:
    """`tensorflow_addons.image.sparse_image_warp`.

    Raises:
        ConfigError: It is not installed, or not made for this TensorFlow.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its notice that it is at its end of life
            from tensorflow_addons.image import sparse_image_warp as warp
    except ImportError as error:
        raise ConfigError(
            "--exaggerate needs tensorflow-addons, which exists for TensorFlow 2.15 (Python up to "
            f"3.11) only; this is TensorFlow {tf.__version__}. Leave --exaggerate out, or use such "
            "an environment"
        ) from error
    return warp


def mean_face(records: tf.data.Dataset, name: str) -> Keypoints:
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
    for serialized in records.take(MOST_IMAGES):
        points = parse(serialized)["keypoints"].numpy()
        if np.isfinite(points).all():
            total += _normalised(points)
    if not total.any():
        raise DatasetError(
            f"{name}: --exaggerate needs keypoints, and none of its training images has them"
        )
    return tuple((float(x), float(y)) for x, y in _normalised(total))


def _normalised(points: np.ndarray) -> np.ndarray:
    centred = points - points.mean(axis=0)
    return np.asarray(centred / np.sqrt(np.mean(np.sum(centred**2, axis=1))))


def exaggerate(
    image: tf.Tensor, keypoints: tf.Tensor, seed: tf.Tensor, strength: float, mean: Keypoints
) -> tf.Tensor:
    """Moves each keypoint further from the mean face's, by up to `strength` of its distance.

    The mean face is first laid over this one by the similarity transform of least squares, so that
    what is exaggerated is the shape, not the face's place, size or tilt. The image follows by a
    thin-plate spline that holds corners and middles of the borders.

    Args:
        image: float32 [S, S, 3] in [0, 255].
        keypoints: float32 [5, 2], (x, y) as fractions; an image without them (NaN) stays as it is.
        seed: int [2]; the share is uniform in [0, strength].
        strength: 1 doubles the distances at most.
        mean: From `mean_face`.

    Returns:
        float32 [S, S, 3] in [0, 255].
    """
    warp = sparse_image_warp()
    size = image.shape[0]
    share = strength * tf.random.stateless_uniform([], seed)

    def warped() -> tf.Tensor:
        moved = keypoints + share * (keypoints - fit(keypoints, mean))
        # Their order is (y, x); pixel centres are at (i + 0.5) / S.
        source, target = (tf.reverse(p, axis=[1]) * size - 0.5 for p in (keypoints, moved))
        result, _ = warp(
            image[tf.newaxis], source[tf.newaxis], target[tf.newaxis], num_boundary_points=1
        )
        return tf.ensure_shape(tf.clip_by_value(result[0], 0.0, 255.0), image.shape)

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

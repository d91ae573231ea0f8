"""MTCNN's three networks (Zhang et al., 2016) from the `mtcnn` package, arranged to be fast.

The package runs every layer eagerly and shrinks pictures with a slow operation. Here each stage is
one compiled function of any size of picture, and OpenCV shrinks; the arithmetic on boxes is the
package's own, so its boxes come out, within two pixels.
"""

from __future__ import annotations

import os
from typing import Any, Optional

import cv2
import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import AlignError
from cari_keras.images.crop import Face
from cari_keras.process import check_not_forked
from cari_keras.runtime import load_tensorflow

#: The package's: least confidence of the proposal, refinement and output network.
THRESHOLDS = (0.6, 0.7, 0.8)

#: The least face the package looks for, the side of its first network's window, in pixels.
MIN_FACE, WINDOW = 20, 12
_PYRAMID_STEP = 0.709


def use_one_thread() -> None:
    """One thread for TensorFlow and OpenCV in this process; call it before TensorFlow is loaded.

    TensorFlow's oneDNN kernels are left out: they keep something for every new size of picture, so
    that memory grows with the number of sizes, and on one thread they are slower for networks as
    small as these (25.6 against 33.9 images/s).
    """
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    os.environ["OMP_NUM_THREADS"] = "1"
    load_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cv2.setNumThreads(1)


class Detector:
    """Finds the faces of one picture.

    Raises:
        AlignError: The `mtcnn` package is missing or not the one it should be.

    Example:
        >>> Detector()(np.zeros((40, 40, 3), np.uint8))  # nobody
        []
    """

    def __init__(self) -> None:
        check_not_forked()
        load_tensorflow()
        import tensorflow as tf

        from cari_keras.stack import plain_settings

        try:
            from mtcnn import MTCNN
            from mtcnn.utils import bboxes, landmarks

            with plain_settings():  # its networks take Keras' own
                proposal, refinement, output = (stage.model for stage in MTCNN().stages)
        except (ImportError, AttributeError) as error:
            raise AlignError(
                f"cari-align needs mtcnn 1.0 or newer ({error}): pip install 'mtcnn>=1'"
            ) from error
        self._boxes, self._landmarks = bboxes, landmarks
        self._crop_and_resize = tf.image.crop_and_resize

        def compiled(network: Any, side: Optional[int]) -> Any:
            return tf.function(
                network, input_signature=[tf.TensorSpec([None, side, side, 3], tf.float32)]
            )

        self._propose = compiled(proposal, None)
        self._refine = compiled(refinement, 24)
        self._output = compiled(output, 48)

    def __call__(
        self, image: Array, thresholds: tuple[float, float, float] = THRESHOLDS
    ) -> list[Face]:
        """Returns the picture's faces, the surest first.

        Args:
            image: uint8 RGB [height, width, 3].
            thresholds: Least confidence after each network.
        """
        check_not_forked()
        normal = ((image.astype(np.float32) - 127.5) / 128.0)[np.newaxis]
        found = self._proposals(normal, thresholds[0])
        if len(found):
            found = self._refined(normal, found, thresholds[1])
        if len(found):
            found = self._outputs(normal, found, thresholds[2])
        return [
            Face(row[1:5], np.stack([row[6:11], row[11:16]], axis=1), float(row[5]))
            for row in found
        ]

    def _proposals(self, image: Array, threshold: float) -> Array:
        """Rows of (0, left, top, right, bottom, confidence), squares."""
        per_scale = []
        for scale in pyramid(*image.shape[1:3]):
            height, width = (int(side * scale) for side in image.shape[1:3])
            small = cv2.resize(image[0], (width, height), interpolation=cv2.INTER_AREA)
            offsets, scores = self._propose(small[np.newaxis])
            found = self._boxes.generate_bounding_box(offsets, scores, threshold)
            if len(found):
                found = self._boxes.upscale_bboxes(found, np.asarray([scale]))
                per_scale.append(self._without_overlaps(found, 0.5, initial_sort=False))
        if not per_scale:
            return np.empty((0, 6))
        found = self._without_overlaps(np.concatenate(per_scale), 0.7)
        return self._boxes.resize_to_square(found)

    def _refined(self, image: Array, found: Array, threshold: float) -> Array:
        offsets, scores = self._refine(self._patches(image, found, 24))
        found = self._boxes.replace_confidence(found, scores.numpy())
        found = self._boxes.adjust_bboxes(found, offsets.numpy())
        found = self._boxes.pick_matches(found, score_threshold=threshold)
        return self._boxes.resize_to_square(self._without_overlaps(found, 0.7))

    def _outputs(self, image: Array, found: Array, threshold: float) -> Array:
        offsets, points, scores = self._output(self._patches(image, found, 48))
        points = self._landmarks.adjust_landmarks(points, found)
        found = self._boxes.replace_confidence(found, scores.numpy())
        found = self._boxes.adjust_bboxes(found, offsets.numpy())
        found = np.concatenate([found, points], axis=-1)
        found = self._boxes.pick_matches(found, scores_column=5, score_threshold=threshold)
        return self._without_overlaps(found, 0.7, method="min")

    def _patches(self, image: Array, found: Array, side: int) -> Any:
        """The boxes' parts of the picture, float32 [n, side, side, 3]; black outside of it."""
        height, width = image.shape[1:3]
        corners = found[:, [2, 1, 4, 3]] / [height, width, height, width]
        first = np.zeros(len(found), np.int32)
        return self._crop_and_resize(image, corners.astype(np.float32), first, (side, side))

    def _without_overlaps(self, found: Array, threshold: float, **options: Any) -> Array:
        if not len(found):
            return found
        return self._boxes.smart_nms_from_bboxes(found, threshold=threshold, **options)


def pyramid(height: int, width: int) -> Array:
    """The package's scales of a picture: from where MIN_FACE fills the window, by steps of 0.709.

    Example:
        >>> pyramid(40, 100).round(3).tolist()
        [0.6, 0.425, 0.302]
    """
    count = round(-(np.log(min(height, width) / WINDOW) / np.log(_PYRAMID_STEP) + 1))
    return WINDOW / MIN_FACE * _PYRAMID_STEP ** np.arange(max(count, 0))

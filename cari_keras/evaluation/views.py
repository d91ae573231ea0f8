"""Views of one image at test time, whose answers are averaged (test-time augmentation)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import tensorflow as tf

from cari_keras.data.augment import standardize


def views_of(
    images: tf.Tensor,
    *,
    flip_test: bool = False,
    test_crops: Sequence[float] = (1.0,),
    image_size: Optional[int] = None,
) -> list[tf.Tensor]:
    """The views of a batch of images.

    Args:
        images: float32 [N, S, S, 3], standardised.
        flip_test: Whether each view comes with its mirror image.
        test_crops: Sides of central squares, as fractions in (0, 1] of the image's, to the pixel,
            of which one stays at least; each is a view, resized bilinearly to `image_size` and
            standardised anew (so that it does not matter that the images were standardised before).
        image_size: Side of the views; by default S.

    Returns:
        `len(test_crops)` batches of views, twice as many with `flip_test`.
    """
    found = []
    side_in = images.shape[1]
    size = image_size or side_in
    for side in test_crops:
        view = images
        if side < 1 or size != side_in:
            low = min(round((1.0 - side) / 2.0 * side_in), (side_in - 1) // 2)
            cut = images[:, low : side_in - low, low : side_in - low]
            view = standardize(tf.image.resize(cut, [size, size]))
        found += [view, tf.reverse(view, axis=[2])] if flip_test else [view]
    return found

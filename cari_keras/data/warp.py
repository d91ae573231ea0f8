"""The thin-plate warp: an image bent so that points of it come to lie where they should.

The only module that uses tensorflow-addons, which exists for TensorFlow 2.15 alone; elsewhere SciPy
does the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array

#: Image float32 [S, S, C], source and target float32 [n, 2] in pixels, (y, x), pixel centres being
#: whole numbers: the image, float32 [S, S, C], with what was at each source now at its target. The
#: image's corners stay; beyond its borders it goes on as it is at the nearest pixel.
Warp = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

#: Pixels whose flow is worked out at once: so few that BLAS takes one thread. With more,
#: NumPy 2's starts one for every core, and they compete with training: 20 ms instead of 5.
_AT_ONCE = 4096


def find_warp() -> Warp:
    """The addons' where they are installed and made for this TensorFlow, else SciPy's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its notice that it is at its end of life
            import tensorflow_addons.image  # noqa: F401
    except ImportError:
        return scipy_warp
    return addons_warp


def addons_warp(image: tf.Tensor, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """A `Warp` by `tensorflow_addons.image.sparse_image_warp`, which works in float32."""
    from tensorflow_addons.image import sparse_image_warp

    points = (source[tf.newaxis], target[tf.newaxis])
    # One "boundary point" an edge is its corners; there is none between them.
    return sparse_image_warp(image[tf.newaxis], *points, num_boundary_points=1)[0][0]


def scipy_warp(image: tf.Tensor, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """A `Warp` by SciPy, which works in float64.

    The addons in float64 agree with it to 0.001 grey levels; in float32, as `addons_warp` is
    called, they round. On 20 random faces of the demo of 192 pixels, exaggerated by a strength of
    up to 1, the two differ by less than 0.25 grey levels in every value and by less than 0.01 on
    average. Of 120 faces at the full strength four exceed 0.25; one of them, two of whose keypoints
    come within three pixels of each other, reaches 7 (0.12 on average).

    Python runs in the threads of tf.data then. A process that ends while an iterator is still open,
    with images under way, may be aborted or hang; one whose iterators are gone ends as others do.
    """
    # Without state: the same arguments give the same image, which TensorFlow may count on.
    return tf.numpy_function(_warped, [image, source, target], tf.float32, stateful=False)


def _warped(image: Array, source: Array, target: Array) -> Array:
    from scipy.interpolate import RBFInterpolator
    from scipy.ndimage import map_coordinates

    height, width, channels = image.shape
    corners = [(y, x) for y in (0, height - 1) for x in (0, width - 1)]
    points = np.concatenate([target, corners])
    flows = np.concatenate([target - source, np.zeros((4, 2))])
    # Flow is defined where a pixel goes to, and is taken back from there.
    flow = RBFInterpolator(points, flows, kernel="thin_plate_spline", degree=1)
    pixels = np.indices((height, width), float).reshape(2, -1).T
    starts = range(0, len(pixels), _AT_ONCE)
    origins = np.concatenate([at - flow(at) for at in (pixels[i : i + _AT_ONCE] for i in starts)])
    places = origins.T.reshape(2, height, width)
    sampled = [
        map_coordinates(image[..., channel], places, order=1, mode="nearest")
        for channel in range(channels)
    ]
    return np.stack(sampled, axis=-1)

"""A network cut in two, and what its gradients say of two faces: for the report and for serving."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.data.augment import standardize
from cari_keras.evaluation.views import views_of
from cari_keras.explaining.explanation import Explanation
from cari_keras.explaining.gradients import Halves, cut, gradient_map
from cari_keras.runtime import eagerly
from cari_keras.stack import keras
from cari_keras.vocabulary import EXPLAIN_BY

#: The two ways.
GRADIENT, OCCLUSION = EXPLAIN_BY


def halves_of(network: keras.Model) -> Halves:
    """A network, as it looks at whole images in one view.

    Args:
        network: With an output `embedding`.
    """
    first, second = cut(network)

    def features(pixels: tf.Tensor) -> tf.Tensor:
        (view,) = views_of(standardize(pixels), image_size=network.input_shape[1])
        return first(view, training=False)

    def embedding(features: tf.Tensor) -> tf.Tensor:
        found = tf.cast(second(features, training=False), tf.float32)
        return tf.math.l2_normalize(found, axis=-1)

    return Halves(features, embedding)


@eagerly()
def by_gradient(photo: Array, other: Array, halves: Halves, *, seed: int) -> Explanation:
    """Integrated gradients of the cosine of two faces' embeddings.

    Args:
        photo: uint8 RGB [S, S, 3].
        other: What it is compared with, likewise.
        halves: The network.
        seed: As for `gradient_map`: the same seed gives the same maps.
    """
    faces = tf.constant(np.stack([photo, other]), tf.float32)
    one, another = halves.embedding(halves.features(faces)).numpy()
    maps = [
        gradient_map(face, embedding, halves, seed=seed)
        for face, embedding in ((photo, another), (other, one))
    ]
    return Explanation.of(maps, (photo, other), float(one @ another), GRADIENT, seed)

"""Holding photos' features to those of the pretrained network, while caricatures move to them.

Fine-tuned on a few thousand images, the shared layers forget some of what they knew of millions of
photos. A copy of them as they were, the teacher, looks at the same photos, and a term

    R = retain * mean over the batch's photos of (1 - cos(g(Z), g(Z')))

is added to what Theta descends, with Z and Z' the ends of the shared layers of the network and of
the teacher and g the mean over positions. It is distillation of features as in "Learning without
forgetting" (Li and Hoiem, 2017), of one modality: caricatures are left free.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cari_keras import replicas
from cari_keras.data.base import Batch
from cari_keras.model.network import named_weights


class Retention:
    """The term R of a batch.

    Args:
        teacher: Images to Z', never trained: the first of `split_at_shared`, of a network of its
            own.
        weight: `retain`, not negative.
    """

    def __init__(self, teacher: keras.Model, weight: float) -> None:
        self.teacher = teacher
        self.weight = weight

    @property
    def state(self) -> dict[str, Any]:
        """The teacher's variables by name, for a run to go on with the same teacher."""
        return named_weights(self.teacher)

    def __call__(self, batch: Batch, z: tf.Tensor) -> tf.Tensor:
        """R, a float32 scalar, the same on every replica; 0 for a batch without photos.

        Args:
            batch: Images float32 [N, S, S, 3] and their modality.
            z: Z of the same images, [N, H, W, C].
        """
        # The first image goes along without counting: convolutions do not take the empty batch that
        # there may be otherwise, and a condition in the graph would wait for ever (`in_order`).
        photos = tf.where(tf.logical_not(batch.is_caricature))[:, 0]
        rows = tf.concat([[tf.constant(0, tf.int64)], photos], axis=0)
        then = self.teacher(tf.gather(batch.images, rows), training=False)
        cosines = tf.reduce_sum(_direction(tf.gather(z, rows)) * _direction(then), axis=-1)
        own = [tf.reduce_sum(1.0 - cosines[1:]), tf.cast(tf.size(photos), tf.float32)]
        distance, count = replicas.all_sum(own)
        return self.weight * distance / tf.maximum(count, 1.0)


def _direction(z: tf.Tensor) -> tf.Tensor:
    """[N, H, W, C] to its mean over positions, scaled to unit norm, float32 [N, C]."""
    return tf.math.l2_normalize(tf.reduce_mean(tf.cast(z, tf.float32), axis=[1, 2]), axis=-1)

"""Holding photos to what the pretrained network makes of them, while caricatures move to them.

Fine-tuned on a few thousand images, a network forgets some of what it knew of millions of photos. A
copy of it as it was, the teacher, looks at the same photos, and a term

    R = retain * mean over the batch's photos of (1 - cos(g(Z), g(Z')))
        + retain_embedding * mean over the batch's photos of (1 - cos(e, e'))

is added to what Theta descends, with Z and Z' the ends of the shared layers of the network and of
the teacher, g the mean over positions, e and e' their embeddings. It is distillation of features as
in "Learning without forgetting" (Li and Hoiem, 2017), of one modality: caricatures are left free.
"""

from __future__ import annotations

from typing import Any, Optional

import tensorflow as tf

from cari_keras import replicas
from cari_keras.data.base import Batch
from cari_keras.model.network import named_weights
from cari_keras.stack import keras


class Retention:
    """The term R of a batch.

    Args:
        teacher: Images to Z', never trained: the first of `split_at_shared`, of a network of its
            own.
        weight: `retain`, not negative.
        late: What follows the teacher's layers up to `stored_stages`, up to Z'; None where the
            stored outputs are Z' themselves.
        branch: Z' to e', of the teacher's network; None where `embedding_weight` is 0.
        embedding_weight: `retain_embedding`, not negative.
    """

    def __init__(
        self,
        teacher: keras.Model,
        weight: float,
        *,
        late: Optional[keras.Model] = None,
        branch: Optional[keras.Model] = None,
        embedding_weight: float = 0.0,
    ) -> None:
        self.teacher, self.late, self.weight = teacher, late, weight
        self.branch, self.embedding_weight = branch, embedding_weight

    @property
    def state(self) -> dict[str, Any]:
        """The teacher's variables by name, for a run to go on with the same teacher."""
        own = named_weights(self.teacher)
        return own | named_weights(self.branch) if self.branch is not None else own

    def acts(self, frozen: bool) -> bool:
        """Whether there is anything to hold on stored outputs, or on images."""
        return self.branch is not None or self._moves(frozen)

    def _moves(self, frozen: bool) -> bool:
        """Whether Z moves."""
        return not frozen or self.late is not None

    def __call__(
        self,
        batch: Batch,
        z: tf.Tensor,
        embedding: Optional[tf.Tensor] = None,
        *,
        frozen: bool = False,
    ) -> tf.Tensor:
        """R, a float32 scalar, the same on every replica; 0 for a batch without photos.

        Args:
            batch: Images float32 [N, S, S, 3], or stored outputs, and their modality.
            z: Z of the same images, [N, H, W, C].
            embedding: Their embeddings, float32 [N, d] of unit norm; they are held to the teacher's
                where there is a `branch`.
            frozen: Whether the batch holds stored outputs. Where they are Z, Z' is Z.
        """
        # The first image goes along without counting: convolutions do not take the empty batch that
        # there may be otherwise, and a condition in the graph would wait for ever (`in_order`).
        photos = tf.where(tf.logical_not(batch.is_caricature))[:, 0]
        rows = tf.concat([[tf.constant(0, tf.int64)], photos], axis=0)
        now = tf.gather(z, rows)
        teacher, then = (self.late if frozen else self.teacher), now
        if teacher is not None:
            then = teacher(tf.gather(batch.images, rows), training=False)
        own, weights = [tf.cast(tf.size(photos), tf.float32)], []
        if self._moves(frozen) and self.weight:
            own.append(_apart(_direction(now), _direction(then)))
            weights.append(self.weight)
        if self.branch is not None and embedding is not None:
            own.append(_apart(tf.gather(embedding, rows), self.branch(then, training=False)))
            weights.append(self.embedding_weight)
        count, *distances = replicas.all_sum(own)
        terms = [w * d / tf.maximum(count, 1.0) for w, d in zip(weights, distances)]
        return tf.add_n(terms) if terms else tf.constant(0.0)


def _apart(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The sum of 1 - cosine over all rows but the first, of unit vectors [n, d]."""
    return tf.reduce_sum(1.0 - tf.reduce_sum(left * right, axis=-1)[1:])


def _direction(z: tf.Tensor) -> tf.Tensor:
    """[N, H, W, C] to its mean over positions, scaled to unit norm, float32 [N, C]."""
    return tf.math.l2_normalize(tf.reduce_mean(tf.cast(z, tf.float32), axis=[1, 2]), axis=-1)

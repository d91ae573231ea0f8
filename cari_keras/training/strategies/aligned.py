"""Weights by which the tasks' gradients become orthogonal and equally long."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import equal_weights, normalized

#: Machine precision of float32.
EPSILON = 1.2e-7


class Weighting(Strategy):
    """Aligned-MTL, Senushkin et al. (2023), by the gradients on the last shared layer.

    With the eigenvalues l and eigenvectors V of the gradients' products G G^T, of which those of
    no more than 3 EPSILON max(l) are left out, w = sqrt(min(l)) V diag(1 / sqrt(l)) V^T 1. The
    authors' weights do not sum to 1; here they do, so that only their direction is taken. Their sum
    cannot be negative, though a weight may be. Without any gradient the weights are equal.
    """

    needs_gram = True

    def weights(self, observed: Observed) -> tf.Tensor:
        active = tf.cast(observed.active, tf.float32)
        values, vectors = tf.linalg.eigh(observed.gram)
        kept = values > 3.0 * EPSILON * tf.reduce_max(values)
        inverse = tf.where(kept, tf.math.rsqrt(tf.where(kept, values, tf.ones(3))), tf.zeros(3))
        found = (
            tf.linalg.matvec(vectors, inverse * tf.linalg.matvec(vectors, active, True)) * active
        )
        some = tf.reduce_sum(found) > 0
        return tf.where(some, normalized(found, observed.active), equal_weights(observed.active))

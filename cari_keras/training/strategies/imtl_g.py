"""Weights by which the common gradient is as long along every task's gradient."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import equal_weights, normalized

#: Added to the diagonal of the gradients' cosines, which may be singular.
SMALL = 1e-6


class Weighting(Strategy):
    """IMTL-G, Liu et al. (2021), by the gradients g_i on the last shared layer.

    The sum of w_i g_i has equal projections on all g_i / |g_i|, and the weights sum to 1. With
    C the cosines between the gradients, w_i is proportional to (C^-1 1)_i / |g_i|: the authors'
    closed form, w_2.. = g_1 U^T (D U^T)^-1 with D = g_1 - g_k and U of the unit gradients, solves
    the same equations. A weight may be negative. Where the equal projections would be negative,
    so that every loss would rise, and where there is no gradient, the weights are equal.
    """

    needs_gram = True

    def weights(self, observed: Observed) -> tf.Tensor:
        active = tf.cast(observed.active, tf.float32)
        norms = tf.sqrt(tf.linalg.diag_part(observed.gram))
        cosines = tf.math.divide_no_nan(observed.gram, norms[:, None] * norms[None, :])
        # A task without a gradient is on its own, and has no part below.
        cosines = tf.linalg.set_diag(cosines, tf.ones(3) + SMALL)
        along = tf.linalg.solve(cosines, active[:, None])[:, 0]
        found = tf.math.divide_no_nan(along, norms) * active
        descends = tf.reduce_sum(found) > 0
        return tf.where(
            descends, normalized(found, observed.active), equal_weights(observed.active)
        )

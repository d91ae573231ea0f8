"""The paper's equations of the task weights: 2, 10 and 12.

How they are put together is a strategy's business, see `cari_keras.training.strategies`.
"""

from __future__ import annotations

from typing import Optional

import tensorflow as tf


def softmax_weights(
    weight_logits: tf.Tensor, active: tf.Tensor, logit_scale: Optional[float]
) -> tf.Tensor:
    """Equation 10: the task weights, as the mean over the batch of each image's softmax.

    Args:
        weight_logits: float32 [N, 3], equation 11.
        active: bool [3]; the weight of a task that is switched off, or that has no image in the
            batch, is exactly 0 and takes no part: the others sum to one, its logits do not count
            in the normalisation, and no gradient reaches them.
        logit_scale: None uses the logits as they are, equation 10 as printed; its loss L4 then has
            its minimum at all weight on the largest loss. A number s L2-normalises each image's
            logits and multiplies them by s, which bounds the weights of three tasks: s = 0.5 to
            [0.213, 0.480], s = 1 to [0.128, 0.630] (published for CaVI), s = 2 to [0.041, 0.853]
            (published for WebCaricature); those of two: s = 1 to [0.196, 0.804].

    Returns:
        float32 [3], summing to 1 where any task is active.
    """
    if logit_scale is not None:
        counted = tf.where(active, weight_logits, tf.zeros_like(weight_logits))
        weight_logits = logit_scale * tf.math.l2_normalize(counted, axis=-1)
    return tf.reduce_mean(masked_softmax(weight_logits, active), axis=0)


def masked_softmax(logits: tf.Tensor, active: tf.Tensor) -> tf.Tensor:
    """The softmax over the active tasks, float32 [..., 3]; 0 for the others, and where none is."""
    lowest = tf.fill(tf.shape(logits), tf.constant(-1e9, logits.dtype))
    masked = tf.where(active, logits, lowest)
    return tf.nn.softmax(masked, axis=-1) * tf.cast(active, masked.dtype)


def normalized(values: tf.Tensor, active: tf.Tensor) -> tf.Tensor:
    """Values at least 0 as shares of the active ones' sum, float32 [3]; 0 for the others."""
    kept = values * tf.cast(active, values.dtype)
    return tf.math.divide_no_nan(kept, tf.reduce_sum(kept))


def inverse_losses(losses: tf.Tensor, active: tf.Tensor) -> tf.Tensor:
    """1 / L_i of the active tasks with L held constant, 0 for the others: float32 [3].

    What is divided by is at least 1e-7.
    """
    return tf.cast(active, losses.dtype) / tf.maximum(tf.stop_gradient(losses), 1e-7)


def equal_weights(active: tf.Tensor) -> tf.Tensor:
    """1 / (number of active tasks) for the active tasks, 0 for the others: float32 [3]."""
    return normalized(tf.ones(3), active)


def weighted_sum(weights: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """L = sum of w_i L_i with w held constant (equation 2, for the update of equation 3)."""
    return tf.reduce_sum(tf.stop_gradient(weights) * losses)


def hardness(weights: tf.Tensor, losses: tf.Tensor, epsilon: float) -> tf.Tensor:
    """L4 = sum of w_i / (L_i + epsilon) with L held constant (equation 12).

    Args:
        weights: float32 [3]; a task with weight exactly 0 contributes nothing.
        losses: float32 [3].
        epsilon: 0 is the equation as printed; the published code has 0.01. What is divided by is
            at least 1e-7, so that a loss of 0 is the easiest there is and not one left out.
    """
    divisors = tf.maximum(tf.stop_gradient(losses) + epsilon, 1e-7)
    return tf.reduce_sum(weights / divisors)

"""The task losses L1, L2, L3 (paper, section 4, equations 5-9) and the class centers.

Everything is float32, whatever the network's precision. Where several replicas share a batch, each
function takes a replica's images and gives the loss of the whole batch (see `cari_keras.replicas`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from cari_keras import replicas
from cari_keras.vocabulary import TASKS


def masked_cross_entropy(
    labels: tf.Tensor, logits: tf.Tensor, mask: tf.Tensor, smoothing: float = 0.0
) -> tf.Tensor:
    """Mean cross-entropy over the images that the mask keeps (equations 6, 8 and 9).

    Args:
        labels: int [N], each in [0, K).
        logits: float32 [N, K].
        mask: bool [N].
        smoothing: Share of the target that is spread evenly over all K classes (Szegedy et al.,
            2016): the loss is (1 - smoothing) of the cross-entropy plus smoothing times the mean
            over the classes of -log p. 0 is the paper's.

    Returns:
        float32 scalar, in nats; exactly 0, with zero gradient, where the mask keeps nothing.

    Example:
        >>> logits = tf.math.log([[0.5, 0.5], [0.25, 0.75]])
        >>> float(masked_cross_entropy(tf.constant([0, 0]), logits, tf.constant([True, False])))
        0.6931471824645996
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    if smoothing:
        even = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=-1)
        losses = (1.0 - smoothing) * losses + smoothing * even
    kept = tf.cast(mask, losses.dtype)
    total, number = replicas.all_sum([tf.reduce_sum(losses * kept), tf.reduce_sum(kept)])
    return total / tf.maximum(number, 1.0)


def with_angular_margin(
    logits: tf.Tensor, labels: tf.Tensor, scale: float, margin: float
) -> tf.Tensor:
    """Additive angular margin (ArcFace, Deng et al., 2019): s cos(t) becomes s cos(t + m).

    Only each image's own class is changed. Where t + m passes pi and the cosine would rise again,
    s (cos(t) - m sin(m)) takes its place, as in the authors' code.

    Args:
        logits: float32 [N, K], each `scale` times a cosine.
        labels: int [N].
        scale: s.
        margin: m in radians, 0 <= m < pi / 2.

    Returns:
        float32 [N, K].

    Example:
        >>> changed = with_angular_margin(tf.constant([[0.0, 10.0]]), tf.constant([0]), 10.0, 0.5)
        >>> [round(float(x), 3) for x in changed[0]]  # 10 cos(pi / 2 + 0.5)
        [-4.794, 10.0]
    """
    # Held off the ends, where the square root has no finite derivative.
    cosine = tf.clip_by_value(logits / scale, -1.0 + 1e-6, 1.0 - 1e-6)
    sine = tf.sqrt(1.0 - tf.square(cosine))
    moved = cosine * math.cos(margin) - sine * math.sin(margin)
    moved = tf.where(cosine > -math.cos(margin), moved, cosine - margin * math.sin(margin))
    own = tf.one_hot(labels, tf.shape(logits)[1], on_value=True, off_value=False, dtype=tf.bool)
    return tf.where(own, scale * moved, logits)


def center_loss(embeddings: tf.Tensor, centers: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Mean over the batch of half the squared distance to the class center.

    The form of Wen et al. (2016), which the published code uses; equation 7 prints the norm itself.

    Args:
        embeddings: float32 [N, d], unit norm.
        centers: float32 [K, d]; held constant.
        labels: int [N].

    Returns:
        float32 scalar, between 0 and 2 for embeddings and centers in the unit ball.
    """
    own = tf.stop_gradient(tf.gather(centers, labels))
    mean = tf.reduce_mean(tf.reduce_sum(tf.square(embeddings - own), axis=-1))
    return 0.5 * replicas.all_sum(mean) / replicas.count()


def update_centers(
    centers: tf.Variable, embeddings: tf.Tensor, labels: tf.Tensor, rate: float
) -> None:
    """Moves each class's center by `rate` times the mean of (embedding - center) over its images.

    Classes without an image in the batch stay where they are. The cost grows with the batch, not
    with the number of classes.
    """
    classes, position = tf.unique(labels)
    own = tf.gather(centers, classes)
    means = tf.math.unsorted_segment_mean(embeddings, position, tf.size(classes))
    centers.scatter_nd_add(tf.cast(classes, tf.int32)[:, tf.newaxis], rate * (means - own))


def task_losses(
    outputs: Mapping[str, Any],
    labels: tf.Tensor,
    is_caricature: tf.Tensor,
    centers: tf.Tensor,
    *,
    center_weight: float = 0.1,
    label_smoothing: float = 0.0,
    margin: float = 0.0,
    margin_scale: float = 30.0,
    photos_stand: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The three losses of a batch, and which of the tasks are active in it.

    Args:
        outputs: The network's outputs; a task whose logits are absent is switched off.
        labels: int [N].
        is_caricature: bool [N].
        centers: float32 [K, d].
        center_weight: beta of equation 5.
        label_smoothing: Of all three cross-entropies, see `masked_cross_entropy`.
        margin: Of branch 1's cross-entropy, see `with_angular_margin`; 0 is the paper's. With a
            margin the network must have a cosine head of scale `margin_scale`.
        margin_scale: See `margin`.
        photos_stand: Whether branch 1's cross-entropy is over the caricatures alone, as where
            photos make the class vectors (see `class_vectors`).

    Returns:
        losses: float32 [3], in the order of `TASKS`: L1 over all images with the center loss, L2
            over the caricatures, L3 over the photos; 0 for a task that is not active.
        active: bool [3]: the task is switched on and the batch has images for it.
    """
    masks = {
        "verification": is_caricature if photos_stand else tf.ones_like(is_caricature),
        "caricature": is_caricature,
        "photo": tf.logical_not(is_caricature),
    }
    losses, active = [], []
    for task in TASKS:
        logits = outputs.get(f"logits_{task}")
        if logits is None:
            losses.append(tf.constant(0.0))
            active.append(tf.constant(False))
            continue
        if task == "verification" and margin:
            logits = with_angular_margin(logits, labels, margin_scale, margin)
        losses.append(masked_cross_entropy(labels, logits, masks[task], label_smoothing))
        active.append(replicas.all_sum(tf.reduce_sum(tf.cast(masks[task], tf.int32))) > 0)
    if center_weight and "embedding" in outputs:
        losses[0] += center_weight * center_loss(outputs["embedding"], centers, labels)
    return tf.stack(losses), tf.stack(active)

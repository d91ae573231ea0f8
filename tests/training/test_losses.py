"""Every loss against numbers computed by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.training.losses import (
    center_loss,
    masked_cross_entropy,
    task_losses,
    update_centers,
    with_angular_margin,
)

# Three images, two classes; softmax of (ln a, ln b) with a + b = 1 is (a, b).
LOGITS = np.log([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]).astype(np.float32)
LABELS = np.array([0, 0, 1], np.int32)
#: -ln of the probability each image gives its own class.
EACH = [math.log(2), math.log(4), math.log(10)]


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ([True, True, True], sum(EACH) / 3),
        ([True, False, True], (EACH[0] + EACH[2]) / 2),
        ([False, True, False], EACH[1]),
        ([False, False, False], 0.0),
    ],
)
def test_masked_cross_entropy(mask, expected):
    value = masked_cross_entropy(LABELS, tf.constant(LOGITS), tf.constant(mask))
    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_label_smoothing_by_hand():
    """Target (0.9, 0.1) instead of (1, 0): with s = 0.2, two classes, s / 2 goes to the other."""
    value = masked_cross_entropy(
        LABELS, tf.constant(LOGITS), tf.constant([False, True, False]), 0.2
    )
    assert float(value) == pytest.approx(-0.9 * math.log(0.25) - 0.1 * math.log(0.75), rel=1e-6)


def test_angular_margin_by_hand():
    """Angles 60 and 90 degrees, margin 30: the own class's cosine is that of 90, then of 120."""
    logits = tf.constant([[8 * 0.5, 8 * 0.9], [8 * 0.3, 0.0]])
    changed = with_angular_margin(logits, tf.constant([0, 1]), 8.0, math.pi / 6)
    np.testing.assert_allclose(changed, [[0.0, 7.2], [2.4, -4.0]], atol=1e-5)


def test_angular_margin_makes_every_own_cosine_smaller_and_keeps_gradients_finite():
    cosines = np.linspace(-1, 1, 41, dtype=np.float32)[:, np.newaxis]
    logits = tf.Variable(10 * cosines)
    labels = tf.zeros(41, tf.int32)
    with tf.GradientTape() as tape:
        changed = with_angular_margin(logits, labels, 10.0, 0.5)
    assert np.all(changed < logits)
    assert np.all(np.diff(changed[:, 0]) > 0)  # still in the same order
    assert np.isfinite(tape.gradient(changed, logits)).all()
    unchanged = with_angular_margin(logits, labels, 10.0, 0.0)
    np.testing.assert_allclose(unchanged, logits, atol=1e-4)


def test_an_empty_mask_has_zero_gradient():
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = masked_cross_entropy(LABELS, logits, tf.constant([False] * 3))
    np.testing.assert_array_equal(tape.gradient(loss, logits), np.zeros((3, 2)))


def test_center_loss():
    embeddings = tf.constant([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    centers = tf.constant([[0.0, 0.0], [0.6, 0.0]])
    # Squared distances: 1, 1, 0.64; half of their mean.
    assert float(center_loss(embeddings, centers, LABELS)) == pytest.approx(2.64 / 6, rel=1e-6)


def test_update_centers():
    centers = tf.Variable([[0.0, 0.0], [0.6, 0.0], [9.0, 9.0]])
    embeddings = tf.constant([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    update_centers(centers, embeddings, tf.constant(LABELS), rate=0.5)
    # Class 0: half the mean of (1, 0) and (0, 1). Class 1: half of (0, 0.8). Class 2 has no image.
    np.testing.assert_allclose(centers, [[0.25, 0.25], [0.6, 0.4], [9.0, 9.0]], rtol=1e-6)


def test_update_centers_with_rate_one_lands_on_the_mean():
    rng = np.random.default_rng(0)
    centers = tf.Variable(rng.normal(size=(4, 3)).astype(np.float32))
    embeddings = tf.constant(rng.normal(size=(6, 3)), tf.float32)
    update_centers(centers, embeddings, tf.constant([2] * 6), rate=1.0)
    np.testing.assert_allclose(centers[2], np.mean(embeddings, axis=0), rtol=1e-4, atol=1e-6)


def outputs():
    return {
        "embedding": tf.constant([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]),
        "logits_verification": tf.constant(LOGITS),
        "logits_caricature": tf.constant(LOGITS),
        "logits_photo": tf.constant(LOGITS),
    }


CENTERS = tf.constant([[0.0, 0.0], [0.6, 0.0]])


@pytest.mark.parametrize(
    ("is_caricature", "cross_entropies", "active"),
    [
        ([True, False, False], [sum(EACH) / 3, EACH[0], (EACH[1] + EACH[2]) / 2], [1, 1, 1]),
        ([True, True, True], [sum(EACH) / 3, sum(EACH) / 3, 0.0], [1, 1, 0]),
        ([False, False, False], [sum(EACH) / 3, 0.0, sum(EACH) / 3], [1, 0, 1]),
    ],
)
def test_task_losses_see_their_own_modality(is_caricature, cross_entropies, active):
    losses, found = task_losses(outputs(), LABELS, tf.constant(is_caricature), CENTERS)
    expected = [cross_entropies[0] + 0.1 * 2.64 / 6, *cross_entropies[1:]]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_array_equal(found, np.array(active, bool))


def test_photos_that_stand_are_not_in_branch_1s_cross_entropy():
    drawn = tf.constant([True, False, False])
    how = {"center_weight": 0.0, "photos_stand": True}
    losses, active = task_losses(outputs(), LABELS, drawn, CENTERS, **how)
    expected = masked_cross_entropy(LABELS, outputs()["logits_verification"], drawn)
    np.testing.assert_allclose(losses[0], expected)
    assert active.numpy().tolist() == [True, True, True]
    losses, active = task_losses(outputs(), LABELS, tf.constant([False] * 3), CENTERS, **how)
    assert losses[0] == 0
    assert not active[0]


def test_task_losses_smooth_all_three_and_put_the_margin_on_branch_1():
    drawn = tf.constant([True, False, False])
    smooth = {"center_weight": 0.0, "label_smoothing": 0.2}
    losses, _ = task_losses(outputs(), LABELS, drawn, CENTERS, **smooth)
    right = np.array([0.5, 0.25, 0.1])  # each image's probability of its own class
    each = -0.9 * np.log(right) - 0.1 * np.log(1 - right)
    np.testing.assert_allclose(losses, [each.mean(), each[0], each[1:].mean()], rtol=1e-5)
    # Cosines of 60 and 90 degrees, by 8; with a margin of 30 the own class's is that of 90.
    cosines = tf.constant([[4.0, 0.0]] * 3)
    heads = {**outputs(), "logits_verification": cosines, "logits_photo": cosines}
    how = {"center_weight": 0.0, "margin": math.pi / 6, "margin_scale": 8.0}
    losses, _ = task_losses(heads, tf.zeros(3, tf.int32), drawn, CENTERS, **how)
    assert float(losses[0]) == pytest.approx(math.log(2), rel=1e-5)
    assert float(losses[2]) == pytest.approx(math.log(1 + math.exp(-4)), rel=1e-5)


def test_one_image():
    one = {name: value[:1] for name, value in outputs().items()}
    losses, active = task_losses(one, LABELS[:1], tf.constant([True]), CENTERS, center_weight=0.0)
    np.testing.assert_allclose(losses, [EACH[0], EACH[0], 0.0], rtol=1e-6)
    np.testing.assert_array_equal(active, [True, True, False])


def test_a_task_without_logits_is_switched_off():
    some = {k: v for k, v in outputs().items() if k == "logits_photo"}
    losses, active = task_losses(some, LABELS, tf.constant([True, False, False]), CENTERS)
    np.testing.assert_allclose(losses, [0, 0, (EACH[1] + EACH[2]) / 2], rtol=1e-6)
    np.testing.assert_array_equal(active, [False, False, True])

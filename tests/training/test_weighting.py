"""The task weights: equations 10 and 12, their bounds, and the sign of equation 15."""

import math

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies import strategy_class
from cari_keras.training.strategies.base import Observed
from cari_keras.training.weighting import (
    equal_weights,
    hardness,
    softmax_weights,
    weighted_sum,
)

ALL = tf.constant([True, True, True])


def test_equation_10_is_the_mean_of_each_images_softmax():
    logits = tf.constant([[0.0, 0.0, math.log(2)], [math.log(3), 0.0, 0.0]])
    # Softmaxes (1/4, 1/4, 1/2) and (3/5, 1/5, 1/5).
    weights = softmax_weights(logits, ALL, logit_scale=None)
    np.testing.assert_allclose(weights, [0.425, 0.225, 0.35], rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "low", "high"), [(0.5, 0.213, 0.480), (1.0, 0.128, 0.630), (2.0, 0.041, 0.853)]
)
def test_logit_scale_bounds_the_weights(scale, low, high):
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(300):
        logits = tf.constant(rng.normal(size=(1, 3)) * 10 ** rng.uniform(-3, 6), tf.float32)
        weights = softmax_weights(logits, ALL, scale).numpy()
        assert weights.sum() == pytest.approx(1, abs=1e-6)
        seen.append(weights)
    assert low - 5e-4 < np.min(seen) < low + 0.02
    assert high - 0.02 < np.max(seen) < high + 5e-4
    # The extremes of the published settings (spec, section 2), to three digits.
    for sign, extreme in ((1.0, high), (-1.0, low)):
        weights = softmax_weights(tf.constant([[2.0, -1.0, -1.0]]) * 7.0 * sign, ALL, scale)
        assert float(weights[0]) == pytest.approx(extreme, abs=5e-4)


def test_one_logit_alone_is_not_the_largest_weight_but_close():
    """(1, 0, 0) normalised: e / (e + 2)."""
    weights = softmax_weights(tf.constant([[7.0, 0.0, 0.0]]), ALL, 1.0)
    assert float(weights[0]) == pytest.approx(math.e / (math.e + 2), rel=1e-6)


@pytest.mark.parametrize("scale", [None, 1.0])
def test_an_inactive_task_takes_no_part(scale):
    logits = tf.Variable([[1.0, 5.0, 2.0], [0.5, -3.0, 0.1]])
    with tf.GradientTape() as tape:
        weights = softmax_weights(logits, tf.constant([True, False, True]), scale)
        loss = hardness(weights, tf.constant([1.0, 0.0, 2.0]), epsilon=0.0)
    assert float(weights[1]) == 0.0
    assert float(tf.reduce_sum(weights)) == pytest.approx(1)
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[:, 1], 0.0)
    others = softmax_weights(
        tf.constant([[1.0, -9.0, 2.0], [0.5, 0.0, 0.1]]), tf.constant([True, False, True]), scale
    )
    np.testing.assert_allclose(weights, others, rtol=1e-6)  # whatever the inactive logit is


def test_two_tasks_reach_the_bounds_of_two():
    """Logits (1, -1) / sqrt(2): 1 / (1 + e^-sqrt(2))."""
    weights = softmax_weights(
        tf.constant([[3.0, 50.0, -3.0]]), tf.constant([True, False, True]), 1.0
    )
    assert float(weights[0]) == pytest.approx(1 / (1 + math.exp(-math.sqrt(2))), rel=1e-6)


def test_no_active_task_gives_zero_weights():
    weights = softmax_weights(tf.ones([2, 3]), tf.constant([False] * 3), 1.0)
    np.testing.assert_array_equal(weights, np.zeros(3))


@pytest.mark.parametrize(
    ("active", "expected"),
    [([1, 1, 1], [1 / 3] * 3), ([0, 1, 1], [0, 0.5, 0.5]), ([0, 0, 0], [0] * 3)],
)
def test_equal_weights(active, expected):
    np.testing.assert_allclose(equal_weights(tf.constant(np.array(active, bool))), expected)


def test_weighted_sum_and_hardness_by_hand():
    weights, losses = tf.constant([0.5, 0.3, 0.2]), tf.constant([2.0, 1.0, 4.0])
    assert float(weighted_sum(weights, losses)) == pytest.approx(1.0 + 0.3 + 0.8)
    assert float(hardness(weights, losses, 0.0)) == pytest.approx(0.25 + 0.3 + 0.05)
    expected = 0.5 / 2.01 + 0.3 / 1.01 + 0.2 / 4.01
    assert float(hardness(weights, losses, 0.01)) == pytest.approx(expected)


def test_hardness_of_a_zero_loss_with_zero_weight_is_finite():
    assert float(hardness(tf.constant([1.0, 0.0]), tf.constant([2.0, 0.0]), 0.0)) == 0.5


def test_a_solved_task_is_the_easiest_of_all():
    """As a loss goes to 0 its weight's gradient goes to infinity, so that descent takes it away."""
    weights = tf.Variable([0.4, 0.3, 0.3])
    with tf.GradientTape() as tape:
        l4 = hardness(weights, tf.constant([1.0, 0.0, 1.0]), 0.0)
    np.testing.assert_allclose(tape.gradient(l4, weights), [1, 1e7, 1], rtol=1e-5)


def test_what_is_held_constant():
    weights, losses = tf.Variable([0.5, 0.3, 0.2]), tf.Variable([2.0, 1.0, 4.0])
    with tf.GradientTape(persistent=True) as tape:
        total = weighted_sum(weights, losses)
        l4 = hardness(weights, losses, 0.0)
    assert tape.gradient(total, weights) is None
    np.testing.assert_allclose(tape.gradient(total, losses), weights)
    assert tape.gradient(l4, losses) is None
    np.testing.assert_allclose(tape.gradient(l4, weights), [0.5, 1.0, 0.25])


def test_the_sign_of_equation_15():
    """A descent step on L4 raises the weight of the task with the largest loss against that of the
    smallest; a step on the naive strategy's loss does the opposite."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        losses = tf.constant(rng.uniform(0.1, 6.0, 3), tf.float32)
        hardest, easiest = int(np.argmax(losses)), int(np.argmin(losses))
        logits = tf.Variable(rng.normal(size=(1, 3)), dtype=tf.float32)
        for name, sign in (("dynamic", 1), ("naive", -1)):
            strategy = strategy_class(name)(TrainingConfig(logit_scale=None, loss_epsilon=0.0))
            with tf.GradientTape() as tape:
                view = Observed(losses, ALL, logits, tf.constant(0, tf.int64))
                before = strategy.weights(view)
                loss = strategy.psi_loss(before, view)
            after = softmax_weights(logits - 1e-2 * tape.gradient(loss, logits), ALL, None)
            ratio = np.log(after / before)
            assert sign * (ratio[hardest] - ratio[easiest]) > 0


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_bounded_weights_end_in_the_order_of_the_losses(scale):
    """On the sphere a single step may go round about, but where descent ends is the same."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        losses = tf.constant(rng.permutation([0.5, 1.5, 4.0]), tf.float32)
        logits = tf.Variable(rng.normal(size=(1, 3)), dtype=tf.float32)
        for _ in range(300):
            with tf.GradientTape() as tape:
                loss = hardness(softmax_weights(logits, ALL, scale), losses, 0.0)
            logits.assign_sub(0.5 * tape.gradient(loss, logits))
        weights = softmax_weights(logits, ALL, scale).numpy()
        assert np.argmax(weights) == np.argmax(losses)
        assert np.argmin(weights) == np.argmin(losses)


def test_minimum_of_l4_is_all_weight_on_the_largest_loss():
    losses = tf.constant([1.0, 3.0, 2.0])
    logits = tf.Variable(tf.zeros([1, 3]))
    for _ in range(400):
        with tf.GradientTape() as tape:
            loss = hardness(softmax_weights(logits, ALL, None), losses, 0.0)
        logits.assign_sub(20.0 * tape.gradient(loss, logits))
    weights = softmax_weights(logits, ALL, None).numpy()
    assert weights[1] > 0.99

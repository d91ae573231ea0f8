"""The two gradients: what each touches, against finite differences, on every kind of batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data.base import Batch
from cari_keras.model.network import WEIGHT_HEAD, build_network, split_variables
from cari_keras.sections import TrainingConfig
from cari_keras.training.averaging import MovingAverage
from cari_keras.training.losses import task_losses
from cari_keras.training.step import TrainStep
from cari_keras.training.strategies import strategy_class
from cari_keras.training.strategies.base import Observed
from cari_keras.training.weighting import hardness, softmax_weights, weighted_sum
from cari_keras.vocabulary import STRATEGIES
from tests.helpers.steps import (
    KINDS,
    D,
    K,
    losses_of,
    make_batch,
    make_step,
    numbers,
    toy_branches,
    toy_network,
)


def finite_difference(variable, function, index, size=2e-3):
    start = variable.numpy()
    ends = []
    for sign in (1, -1):
        moved = start.copy()
        moved.flat[index] += sign * size
        variable.assign(moved)
        ends.append(float(function()))
    variable.assign(start)
    return (ends[0] - ends[1]) / (2 * size)


@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("strategy", ["dynamic", "naive"])
def test_both_gradients_against_finite_differences(kinds, strategy):
    """Theta's with the weights held at their value, Psi's with the losses held at theirs."""
    step, batch = make_step(weighting=strategy), make_batch(kinds)
    step.centers.assign(np.random.default_rng(1).normal(size=(K, D)))
    found = step.gradients(batch)
    weights, losses = tf.constant(found.weights), tf.constant(found.observed.losses)

    def theta_loss():
        outputs, current, active = losses_of(step, batch)
        if strategy == "dynamic":
            return weighted_sum(weights, current)
        moved = softmax_weights(outputs["weight_logits"], active, 1.0)
        return tf.reduce_sum(moved * current)

    def psi_loss():
        outputs, _, active = losses_of(step, batch)
        moved = softmax_weights(outputs["weight_logits"], active, 1.0)
        if strategy == "dynamic":
            return hardness(moved, losses, 0.01)
        return tf.reduce_sum(moved * losses)

    rng = np.random.default_rng(2)
    for variables, gradients, function in (
        (step.theta, found.theta, theta_loss),
        (step.psi, found.psi, psi_loss),
    ):
        for variable, gradient in zip(variables, gradients):
            for index in rng.choice(gradient.numpy().size, 3, replace=False):
                expected = finite_difference(variable, function, index)
                assert gradient.numpy().flat[index] == pytest.approx(expected, rel=0.02, abs=3e-4)


def test_the_gradient_of_l_is_zero_on_psi_and_that_of_l4_on_theta():
    """On the real network: exactly zero, since no path leads there."""
    model = build_network(K, image_size=80, embedding_size=D)
    images = np.random.default_rng(0).normal(size=(3, 80, 80, 3)).astype(np.float32)
    labels, is_caricature = tf.constant([0, 1, 2]), tf.constant([True, False, True])
    strategy = strategy_class("dynamic")(TrainingConfig(loss_epsilon=0.01))
    with tf.GradientTape(persistent=True) as tape:
        outputs = model(images, training=True)
        losses, active = task_losses(outputs, labels, is_caricature, tf.zeros([K, D]))
        observed = Observed(losses, active, outputs["weight_logits"], tf.constant(0, tf.int64))
        weights = strategy.weights(observed)
        total = strategy.theta_loss(weights, observed)
        l4 = strategy.psi_loss(weights, observed)
    theta, psi = split_variables(model)
    assert all(g is None for g in tape.gradient(total, psi))
    assert all(g is None for g in tape.gradient(l4, theta))
    assert all(np.any(g) for g in tape.gradient(total, theta))
    assert all(np.any(g) for g in tape.gradient(l4, psi))


def test_the_naive_total_reaches_theta_through_the_weights():
    model = build_network(K, image_size=80, embedding_size=D, detach_weights=False)
    images = np.random.default_rng(0).normal(size=(2, 80, 80, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        weights = softmax_weights(
            model(images, training=True)["weight_logits"], tf.constant([True] * 3), 1.0
        )
        loss = tf.reduce_sum(weights * tf.constant([1.0, 2.0, 3.0]))
    assert np.any(tape.gradient(loss, model.get_layer("Conv2d_1a_3x3").kernel))


def test_with_theta_at_rest_only_psi_moves():
    step, batch = make_step(), make_batch(KINDS["mixed"])
    before, psi = ([v.numpy() for v in variables] for variables in (step.theta, step.psi))
    step.theta_optimizer.learning_rate.assign(0.0)
    step(batch)
    for old, variable in zip(before, step.theta):
        np.testing.assert_array_equal(old, variable)
    assert all(np.any(old != variable) for old, variable in zip(psi, step.psi))


def shared_of(step):
    """The toy network's one layer below the branches."""
    return step.model.layers[2].trainable_variables


def test_shared_layers_at_a_rate_of_their_own():
    batch = make_batch(KINDS["mixed"])
    plain, equal, still = (
        make_step(toy_branches(), shared_optimizer=optimizer)
        for optimizer in (None, keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.0))
    )
    before = [v.numpy() for v in shared_of(still)]
    for step in (plain, equal, still):
        step(batch)
    for a, b in zip(plain.theta, equal.theta):  # one rate for both is one optimizer for all
        np.testing.assert_allclose(a, b, atol=1e-7)
    for old, variable in zip(before, shared_of(still)):
        np.testing.assert_array_equal(old, variable)
    heads = [step.model.get_layer("photo_features").kernel for step in (plain, still)]
    np.testing.assert_allclose(heads[0], heads[1], atol=1e-7)


def test_with_psi_at_rest_only_theta_moves():
    step, batch = make_step(), make_batch(KINDS["mixed"])
    before, theta = ([v.numpy() for v in variables] for variables in (step.psi, step.theta))
    step.psi_optimizer.learning_rate.assign(0.0)
    step(batch)
    for old, variable in zip(before, step.psi):
        np.testing.assert_array_equal(old, variable)
    assert all(np.any(old != variable) for old, variable in zip(theta, step.theta))


def test_equation_15_the_weight_moves_to_the_hard_task():
    """Repeated updates of Psi on fixed losses put the largest weight on the largest loss."""
    for scale in (None, 1.0):
        step, batch = make_step(logit_scale=scale, rate=0.5), make_batch(KINDS["mixed"])
        step.theta_optimizer.learning_rate.assign(0.0)
        first = numbers(step, batch)
        for _ in range(300):
            last = numbers(step, batch)
        hardest, easiest = np.argmax(first[:3]), np.argmin(first[:3])
        assert np.argmax(last[3:6]) == hardest
        assert np.argmin(last[3:6]) == easiest
        assert last[6] < first[6]


def test_naive_weights_move_to_the_easy_task():
    step, batch = make_step(weighting="naive", rate=0.5), make_batch(KINDS["mixed"])
    step.theta_optimizer.learning_rate.assign(0.0)
    for _ in range(300):
        last = numbers(step, batch)
    assert np.argmax(last[3:6]) == np.argmin(last[:3])


@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"single"}))
def test_any_batch_gives_finite_numbers_and_no_part_to_absent_tasks(kinds, strategy):
    step = make_step(toy_branches(), weighting=strategy, static_weights=(0.5, 0.3, 0.2))
    batch = make_batch(kinds)
    step(batch)
    step.strategy.after_epoch()
    values = numbers(step, batch)
    assert values.shape == (7,)
    assert np.isfinite(values).all()
    if strategy not in ("uncertainty", "gls"):  # whose weights are free
        assert values[3:6].sum() == pytest.approx(1, abs=1e-6)
    for position, present in ((1, any(kinds)), (2, not all(kinds))):
        assert (values[position] > 0) == present
        assert (values[3 + position] > 0) == present
    for variable in step.theta + step.psi:
        assert np.isfinite(variable).all()


def test_a_task_that_is_off_leaves_its_branch_alone():
    model = toy_network()
    step = make_step(model, tasks=("verification", "caricature"))
    head = model.get_layer("logits_photo")
    before = head.kernel.numpy()
    values = numbers(step, make_batch(KINDS["mixed"]))
    assert values[2] == values[5] == 0
    np.testing.assert_array_equal(head.kernel, before)


def test_one_task_alone_has_all_the_weight():
    step = make_step(tasks=("photo",))
    values = numbers(step, make_batch(KINDS["photos only"]))
    np.testing.assert_allclose(values[3:6], [0, 0, 1])
    np.testing.assert_array_equal(values[:2], 0)


def test_equal_weights_are_those_of_a_sum_of_losses():
    """One step of SGD with equal weights is one step down the mean of the three losses."""
    model = toy_network()
    step, batch = make_step(model, weighting="equal", center_weight=0.0), make_batch([0, 1, 1])
    theta, _ = split_variables(model)
    with tf.GradientTape() as tape:
        _, losses, _ = losses_of(step, batch)
        mean = tf.reduce_mean(losses)
    expected = [v.numpy() - 0.1 * g.numpy() for v, g in zip(theta, tape.gradient(mean, theta))]
    assert numbers(step, batch)[6] == 0
    for variable, value in zip(theta, expected):
        np.testing.assert_allclose(variable, value, atol=1e-6)


def test_the_step_updates_centers_average_and_iteration():
    model = toy_network()
    named = {f"v{i}": v for i, v in enumerate(model.weights)}
    average = MovingAverage(named, 0.9)
    step, batch = make_step(model, average=average), make_batch(KINDS["mixed"])
    outputs = step.model(batch.images)["embedding"].numpy()
    first = [v.numpy() for v in model.weights]
    step(batch)
    label = int(batch.labels[0])
    own = outputs[batch.labels.numpy() == label].mean(0)
    np.testing.assert_allclose(step.centers[label], 0.5 * own, atol=1e-6)  # from 0, at rate 0.5
    assert int(step.iteration) == 1
    # After the optimizers, and with the decay of a first step: min(0.9, (1 + 0) / (10 + 0)).
    for shadow, old, new in zip(average.shadows.values(), first, model.weights):
        np.testing.assert_allclose(shadow, 0.1 * old + 0.9 * new.numpy(), atol=1e-6)


def test_weight_decay_acts_on_theta_only():
    def toy(regularizer):
        keras.utils.set_random_seed(0)
        image = keras.Input((2, 2, 3))
        flat = keras.layers.Flatten()(image)
        z = keras.layers.Dense(4, kernel_regularizer=regularizer, use_bias=False)(flat)
        outputs = {f"logits_{t}": keras.layers.Dense(K)(z) for t in ("caricature", "photo")}
        outputs["logits_verification"] = keras.layers.Dense(K)(z)
        outputs["embedding"] = keras.layers.UnitNormalization()(z)
        outputs["weight_logits"] = keras.layers.Dense(3, name=WEIGHT_HEAD)(z)
        return keras.Model(image, outputs)

    batch = make_batch(KINDS["mixed"])
    decayed, plain = (make_step(toy(r)) for r in (keras.regularizers.L2(0.5), None))
    kernel = plain.theta[0]
    np.testing.assert_array_equal(decayed.theta[0], kernel)
    found, expected = (step.gradients(batch) for step in (decayed, plain))
    np.testing.assert_allclose(found.theta[0], expected.theta[0] + 2 * 0.5 * kernel, atol=1e-5)
    np.testing.assert_allclose(found.psi[0], expected.psi[0], atol=1e-7)


@pytest.mark.slow
@pytest.mark.stacks
def test_the_real_network_learns_one_batch():
    """Both precisions, end to end: the losses of a repeated batch fall."""
    rng = np.random.default_rng(0)
    batch = Batch(
        tf.constant(rng.normal(size=(8, 80, 80, 3)), tf.float32),
        tf.constant(np.arange(8) % K, tf.int32),
        tf.constant(np.arange(8) % 2 == 0),
    )
    for precision in ("float32", "bfloat16"):
        keras.utils.set_random_seed(0)
        model = build_network(K, image_size=80, embedding_size=8, dropout=0.0, precision=precision)
        optimizers = [keras.optimizers.Adam(1e-3) for _ in range(2)]
        step = TrainStep(model, K, TrainingConfig(), *optimizers)
        first = numbers(step, batch)
        for _ in range(12):
            last = numbers(step, batch)
        assert np.all(last[:3] < 0.6 * first[:3])
        assert last.dtype == np.float32

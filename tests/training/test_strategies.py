"""Every weighting strategy against numbers worked out by hand."""

import math
import pkgutil

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.errors import ConfigError
from cari_keras.sections import TrainingConfig
from cari_keras.training import strategies
from cari_keras.training.strategies import strategy_class
from cari_keras.training.strategies.base import Observed, Update
from cari_keras.vocabulary import STRATEGIES
from tests.helpers.steps import KINDS, make_batch, make_step, numbers, toy_branches

ALL = (True, True, True)


def make(name, **settings):
    return strategy_class(name)(TrainingConfig(**settings))


def view(losses, active=ALL, iteration=0, gram=None):
    return Observed(
        tf.constant(losses, tf.float32),
        tf.constant(active),
        tf.zeros([1, 3]),
        tf.constant(iteration, tf.int64),
        None if gram is None else tf.constant(gram, tf.float32),
    )


def after(strategy, seen, *, weights=None, norms=(0.0, 0.0, 0.0), new_losses=None):
    strategy.after_step(
        Update(
            seen,
            strategy.weights(seen) if weights is None else tf.constant(weights),
            tf.constant(norms, tf.float32),
            seen.losses if new_losses is None else tf.constant(new_losses, tf.float32),
        )
    )


def test_the_registry():
    modules = {module.name for module in pkgutil.iter_modules(strategies.__path__)}
    assert set(STRATEGIES) == modules - {"base"}
    for name in STRATEGIES:
        assert strategy_class(name).__doc__
    with pytest.raises(ConfigError, match="weighting must be one of aligned, dwa, dynamic"):
        strategy_class("base")


def test_static():
    strategy = make("static", static_weights=(2.0, 1.0, 1.0))
    np.testing.assert_allclose(strategy.weights(view([1, 2, 3])), [0.5, 0.25, 0.25])
    part = strategy.weights(view([1, 2, 0], (True, True, False)))
    np.testing.assert_allclose(part, [2 / 3, 1 / 3, 0])
    for wrong in ((), (1.0, 2.0), (1.0, -1.0, 1.0), (0.0, 0.0, 0.0)):
        with pytest.raises(ConfigError, match="--static-weights takes 3 numbers"):
            make("static", static_weights=wrong)


def test_single():
    strategy = make("single", tasks=("photo",))
    weights = strategy.weights(view([0, 0, 2], (False, False, True)))
    np.testing.assert_array_equal(weights, [0, 0, 1])
    with pytest.raises(
        ConfigError, match=r"name that task with --tasks\. Received: photo caricature"
    ):
        make("single", tasks=("photo", "caricature"))


def test_uncertainty():
    """At s = log 4: w = 1/4, d/ds (exp(-s) L + s / 2) = -L / 4 + 1/2; at rest where L = 2."""
    strategy = make("uncertainty")
    np.testing.assert_array_equal(strategy.weights(view([1, 2, 3])), [1, 1, 1])
    strategy.log_variance.assign([math.log(4.0)] * 3)
    seen = view([1.0, 2.0, 6.0], (True, True, True))
    with tf.GradientTape() as tape:
        weights = strategy.weights(seen)
        loss = strategy.psi_loss(weights, seen)
    np.testing.assert_allclose(weights, [0.25] * 3, rtol=1e-6)
    assert float(loss) == pytest.approx(9 / 4 + 3 * math.log(4) / 2)
    np.testing.assert_allclose(tape.gradient(loss, strategy.log_variance), [0.25, 0, -1], atol=1e-6)
    with tf.GradientTape() as tape:
        part = view([1.0, 0.0, 6.0], (True, False, True))
        loss = strategy.psi_loss(strategy.weights(part), part)
    assert tape.gradient(loss, strategy.log_variance).numpy()[1] == 0
    assert strategy.parameters == [strategy.log_variance]


def test_log():
    strategy = make("log")
    np.testing.assert_allclose(strategy.weights(view([1, 2, 4])), [4 / 7, 2 / 7, 1 / 7], rtol=1e-6)
    part = strategy.weights(view([1, 0, 4], (True, False, True)))
    np.testing.assert_allclose(part, [0.8, 0, 0.2], rtol=1e-6)


def test_gls():
    """(1 x 2 x 4) ** (1/3) = 2: w = 2 / (3 L); of two, (1 x 4) ** (1/2) = 2: w = 2 / (2 L)."""
    strategy = make("gls")
    np.testing.assert_allclose(strategy.weights(view([1, 2, 4])), [2 / 3, 1 / 3, 1 / 6], rtol=1e-6)
    part = strategy.weights(view([1, 0, 4], (True, False, True)))
    np.testing.assert_allclose(part, [1, 0, 0.25], rtol=1e-6)
    # It is the gradient of the geometric mean.
    losses = tf.Variable([0.5, 3.0, 1.7])
    with tf.GradientTape() as tape:
        mean = tf.reduce_prod(losses) ** (1 / 3)
    np.testing.assert_allclose(
        strategy.weights(view(losses.numpy())), tape.gradient(mean, losses), rtol=1e-5
    )


def test_uw_so():
    e = np.exp([1.0, 0.5, 0.25])
    strategy = make("uw_so")
    np.testing.assert_allclose(strategy.weights(view([1, 2, 4])), e / e.sum(), rtol=1e-6)
    part = strategy.weights(view([1, 0, 4], (True, False, True)))
    np.testing.assert_allclose(part, [e[0] / (e[0] + e[2]), 0, e[2] / (e[0] + e[2])], rtol=1e-6)


def test_stch():
    """First epoch's means z = (2, 4, 1): its weights are those of `log`.

    Later, losses (1, 4, 2): L / z = (1/2, 1, 2), p = (L / z)^2 / sum = (1/4, 1, 4) / 5.25, and
    p / L = (1/4, 1/4, 2) / 5.25: w = (0.1, 0.1, 0.8).
    """
    strategy = make("stch")
    for losses in ([1.0, 4.0, 1.0], [3.0, 4.0, 1.0]):
        seen = view(losses)
        np.testing.assert_allclose(strategy.weights(seen), make("log").weights(seen), rtol=1e-5)
        after(strategy, seen)
    strategy.after_epoch()
    np.testing.assert_allclose(strategy.nadir, [2, 4, 1], rtol=1e-6)
    np.testing.assert_allclose(strategy.weights(view([1, 4, 2])), [0.1, 0.1, 0.8], rtol=1e-5)
    part = strategy.weights(view([1, 0, 2], (True, False, True)))
    np.testing.assert_allclose(part, [1 / 9, 0, 8 / 9], rtol=1e-5)
    after(strategy, view([9.0, 9.0, 9.0]))
    strategy.after_epoch()
    np.testing.assert_allclose(strategy.nadir, [2, 4, 1], rtol=1e-6)
    # It is the gradient's direction.
    losses = tf.Variable([0.7, 3.0, 1.9])
    with tf.GradientTape() as tape:
        smooth = 0.5 * tf.reduce_logsumexp(tf.math.log(losses / strategy.nadir) / 0.5)
    expected = tape.gradient(smooth, losses).numpy()
    np.testing.assert_allclose(
        strategy.weights(view(losses.numpy())), expected / expected.sum(), rtol=1e-5
    )


def test_stch_without_an_image_of_a_task_in_the_first_epoch():
    strategy = make("stch")
    after(strategy, view([1.0, 0.0, 2.0], (True, False, True)))
    strategy.after_epoch()
    seen = view([1, 2, 4])
    np.testing.assert_allclose(strategy.weights(seen), make("log").weights(seen), rtol=1e-5)


def test_dwa():
    """Epoch means (2, 4, 1), then (1, 4, 2): r = (1/2, 1, 2), w = softmax(r / 2)."""
    strategy = make("dwa")
    np.testing.assert_allclose(strategy.weights(view([9, 9, 9])), [1 / 3] * 3, rtol=1e-6)
    for losses in ([1.0, 4.0, 1.0], [3.0, 4.0, 1.0]):
        after(strategy, view(losses))
    strategy.after_epoch()
    np.testing.assert_allclose(strategy.weights(view([9, 9, 9])), [1 / 3] * 3, rtol=1e-6)
    after(strategy, view([1.0, 4.0, 2.0]))
    after(strategy, view([1.0, 4.0, 0.0], (True, True, False)))  # no photo: not counted
    strategy.after_epoch()
    e = np.exp([0.25, 0.5, 1.0])
    np.testing.assert_allclose(strategy.weights(view([9, 9, 9])), e / e.sum(), rtol=1e-6)
    part = strategy.weights(view([9, 9, 0], (True, True, False)))
    np.testing.assert_allclose(part, [e[0] / (e[0] + e[1]), e[1] / (e[0] + e[1]), 0], rtol=1e-6)


def test_rlw():
    """Softmax of normal numbers: each weight is 1/3 in the mean; a function of seed and step."""
    strategy, same, other = make("rlw", seed=1), make("rlw", seed=1), make("rlw", seed=2)
    drawn = np.array([strategy.weights(view([1, 1, 1], iteration=k)) for k in range(600)])
    np.testing.assert_allclose(drawn.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(drawn.mean(axis=0), [1 / 3] * 3, atol=0.04)
    # The logarithms' differences are those of normal numbers: variance 2.
    assert np.var(np.log(drawn[:, 0] / drawn[:, 1])) == pytest.approx(2, rel=0.2)
    np.testing.assert_array_equal(drawn[7], same.weights(view([5, 5, 5], iteration=7)))
    assert np.any(drawn[7] != other.weights(view([1, 1, 1], iteration=7)).numpy())


def test_gradnorm():
    """First losses (2, 2, 2). Later (1, 2, 1): r = (3/4, 3/2, 3/4).

    With weights 1/3 and norms (3, 3, 6), G = (1, 1, 2), mean 4/3; targets 4/3 r^1.5 = (0.866,
    2.449, 0.866): tasks 1 and 3 are above, 2 below.
    """
    strategy = make("gradnorm", weight_learning_rate=0.01)
    after(strategy, view([2.0, 2.0, 2.0]), norms=(1.0, 1.0, 1.0))
    np.testing.assert_allclose(strategy.share, [1 / 3] * 3, rtol=1e-6)  # all on target
    after(strategy, view([1.0, 2.0, 1.0]), norms=(3.0, 3.0, 6.0))
    moved = np.array([1 / 3 - 0.03, 1 / 3 + 0.03, 1 / 3 - 0.06])
    np.testing.assert_allclose(strategy.share, moved / moved.sum(), rtol=1e-5)
    before = strategy.share.numpy()
    after(strategy, view([1.0, 0.0, 1.0], (True, False, True)), norms=(1.0, 0.0, 1.0))
    assert np.isfinite(strategy.share).all()
    assert strategy.share.numpy()[1] == pytest.approx(before[1], rel=0.05)


def test_gradnorm_s_norms_are_those_of_the_last_shared_layer():
    step, batch = make_step(toy_branches(), weighting="gradnorm"), make_batch(KINDS["mixed"])
    kernel = step.model.layers[2].kernel
    with tf.GradientTape(persistent=True) as tape:
        _, seen, _ = step.losses(batch)
        each = tf.unstack(seen.losses)
    expected = [np.linalg.norm(tape.gradient(loss, kernel)) for loss in each]
    np.testing.assert_allclose(step.gradients(batch).norms, expected, rtol=1e-5)
    assert np.all(make_step(toy_branches()).gradients(batch).norms.numpy() == 0)


def test_go4align(monkeypatch):
    """At STEP = log 2, p becomes (1/2, 1/4, 1/16) / sum: p / L is as (8, 2, 1/4).

    The two smaller are closest and become 9/8 each. A step later p is as (1/4, 1/16, 1/256) and
    p / L as (256, 32, 1): the smaller two become 16.5. Without the second task, (256, 0, 1).
    """
    monkeypatch.setattr("cari_keras.training.strategies.go4align.STEP", math.log(2))
    strategy = make("go4align")
    seen = view([1, 2, 4])
    np.testing.assert_allclose(strategy.weights(seen), np.array([8, 1.125, 1.125]) / 10.25, 1e-5)
    after(strategy, seen)
    np.testing.assert_allclose(strategy.weights(seen), np.array([256, 16.5, 16.5]) / 289, 1e-5)
    part = strategy.weights(view([1, 0, 4], (True, False, True)))
    np.testing.assert_allclose(part, np.array([256, 0, 1]) / 257, rtol=1e-5)
    # The two larger are the closest where 1 / L is as (1, 7, 8) and p still even.
    monkeypatch.setattr("cari_keras.training.strategies.go4align.STEP", 0.0)
    upper = make("go4align").weights(view([8, 8 / 7, 1]))
    np.testing.assert_allclose(upper, np.array([1, 7.5, 7.5]) / 16, rtol=1e-5)


def test_ldc():
    """First losses (2, 1, 4): r = (2, 1, 4), so each l is 1 and w_i l_i = 1/3: L = 1.

    Then (1, 1, 4): l = (1/2, 1, 1), the sum of w_i l_i is 5/6, the discrepancy 1/6.
    """
    strategy = make("ldc")
    seen = view([2, 1, 4])
    np.testing.assert_allclose(strategy.weights(seen), [1 / 3] * 3, rtol=1e-6)
    assert float(strategy.theta_loss(strategy.weights(seen), seen)) == pytest.approx(1.0)
    after(strategy, seen)
    losses, logits = tf.Variable([1.0, 1.0, 4.0]), tf.Variable([[0.0, 0.0, 0.0]])
    with tf.GradientTape(persistent=True) as tape:
        now = Observed(losses, tf.constant(ALL), logits, tf.constant(1, tf.int64))
        weights = strategy.weights(now)
        total = strategy.theta_loss(weights, now)
    assert float(total) == pytest.approx(5 / 6 + 0.05 / 6)
    # d / dL_i = w_i / r_i, and LAMBDA times the signs: the first is below the second.
    expected = np.array([0.95 / 6, 1.05 / 3, 1 / 12])
    np.testing.assert_allclose(tape.gradient(total, losses), expected, rtol=1e-5)
    np.testing.assert_allclose(
        tape.gradient(total, weights), [0.95 * 0.5, 1.05 * 1.0, 1.0], rtol=1e-5
    )
    # The router descends the same, to the task with the smaller l.
    with tf.GradientTape() as tape:
        now = Observed(losses, tf.constant(ALL), logits, tf.constant(1, tf.int64))
        psi = strategy.psi_loss(strategy.weights(now), now)
    assert float(psi) == pytest.approx(float(total))
    assert np.argmax(tape.gradient(psi, logits).numpy()) == 1
    # Without the second task, the first and the third are neighbours: 1/4 + 1/2 and 1/4 apart.
    part = view([1, 0, 4], (True, False, True))
    total = strategy.theta_loss(strategy.weights(part), part)
    assert float(total) == pytest.approx(0.75 + 0.05 * 0.25)


def closed_form(gradients):
    """IMTL-G as its authors write it: w_2.. = g_1 U^T (D U^T)^-1."""
    units = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    d, u = gradients[0] - gradients[1:], units[0] - units[1:]
    others = gradients[0] @ u.T @ np.linalg.inv(d @ u.T)
    return np.array([1 - others.sum(), *others])


def test_imtl_g():
    """Orthogonal gradients of lengths 1, 2, 4: w_i |g_i| are equal, so w is as (4, 2, 1)."""
    strategy = make("imtl_g")
    gram = np.diag([1.0, 4.0, 16.0])
    np.testing.assert_allclose(
        strategy.weights(view([1, 1, 1], gram=gram)), np.array([4, 2, 1]) / 7, rtol=1e-5
    )
    gradients = np.random.default_rng(0).normal(size=(3, 7)) * [[1.0], [3.0], [0.5]]
    weights = strategy.weights(view([1, 1, 1], gram=gradients @ gradients.T)).numpy()
    np.testing.assert_allclose(weights, closed_form(gradients), rtol=1e-3)
    along = (weights @ gradients) @ (gradients / np.linalg.norm(gradients, axis=1)[:, None]).T
    np.testing.assert_allclose(along, along[0], rtol=1e-3)
    part = gradients * [[1.0], [0.0], [1.0]]
    weights = strategy.weights(view([1, 0, 1], (True, False, True), gram=part @ part.T)).numpy()
    expected = closed_form(gradients[[0, 2]])
    np.testing.assert_allclose(weights, [expected[0], 0, expected[1]], rtol=1e-3)
    # Cosines 0.9, 0.9, 0.7: C^-1 1 = (5, -5, 5) / 4. With a short second gradient the projections
    # would be negative.
    cosines = np.array([[1, 0.9, 0.7], [0.9, 1, 0.9], [0.7, 0.9, 1]])
    lengths = np.array([1, 0.1, 1])
    gram = cosines * np.outer(lengths, lengths)
    np.testing.assert_allclose(strategy.weights(view([1, 1, 1], gram=gram)), [1 / 3] * 3, rtol=1e-6)


def test_aligned():
    """Orthogonal gradients of lengths 1, 2, 4: w = 1 / length, as (4, 2, 1).

    Products ((2, 1), (1, 5)) of two: w is the inverse square root of them times 1. With the root
    of their determinant 3 and trace 7, the square root is (G + 3 I) / sqrt(7 + 6), its inverse as
    ((8, -1), (-1, 5)), so w is as (7, 4).
    """
    strategy = make("aligned")
    gram = np.diag([1.0, 4.0, 16.0])
    np.testing.assert_allclose(
        strategy.weights(view([1, 1, 1], gram=gram)), np.array([4, 2, 1]) / 7, rtol=1e-5
    )
    gram = [[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 5.0]]
    part = strategy.weights(view([1, 0, 1], (True, False, True), gram=gram))
    np.testing.assert_allclose(part, [7 / 11, 0, 4 / 11], rtol=1e-5)
    # One gradient is another's half: what they have in common counts once.
    gradients = np.array([[1.0, 0.0], [0.5, 0.0], [0.0, 2.0]])
    weights = strategy.weights(view([1, 1, 1], gram=gradients @ gradients.T))
    assert np.isfinite(weights).all()
    nothing = strategy.weights(view([1, 1, 1], gram=np.zeros((3, 3))))
    np.testing.assert_allclose(nothing, [1 / 3] * 3, rtol=1e-6)


@pytest.mark.parametrize("name", ["aligned", "imtl_g"])
def test_the_products_are_of_this_batch_s_gradients_on_the_last_shared_layer(name):
    step, batch = make_step(toy_branches(), weighting=name), make_batch(KINDS["mixed"])
    kernel = step.model.layers[2].kernel
    with tf.GradientTape(persistent=True) as tape:
        _, seen, _ = step.losses(batch)
        each = tf.unstack(seen.losses)
    rows = np.stack([np.ravel(tape.gradient(loss, kernel)) for loss in each])
    found = step.gradients(batch)
    np.testing.assert_allclose(found.observed.gram, rows @ rows.T, rtol=1e-4, atol=1e-7)
    expected = make(name).weights(view([1, 1, 1], gram=rows @ rows.T))
    np.testing.assert_allclose(found.weights, expected, rtol=1e-3)
    # Theta descends by these weights.
    place = [v is kernel for v in step.theta].index(True)
    mixed = np.reshape(found.weights.numpy() @ rows, kernel.shape)
    np.testing.assert_allclose(found.theta[place], mixed, rtol=1e-3, atol=1e-6)


def test_famo():
    """z = 1/3 each and losses (1, 2, 4): w proportional to (1, 1/2, 1/4), so (4, 2, 1) / 7.

    If log losses fall by (0.9, 0.3, 0), z (d - z.d) = (0.5, -0.1, -0.4) / 3: task 1 loses weight.
    Adam's first step is its rate against the gradient's sign.
    """
    strategy = make("famo", weight_learning_rate=0.1)
    seen = view([1.0, 2.0, 4.0])
    np.testing.assert_allclose(strategy.weights(seen), np.array([4, 2, 1]) / 7, rtol=1e-6)
    new = np.array([1.0, 2.0, 4.0]) * np.exp([-0.9, -0.3, 0.0])
    after(strategy, seen, new_losses=new)
    np.testing.assert_allclose(strategy.logits, [-0.1, 0.1, 0.1], rtol=1e-3)
    # The second: z of these logits, the decay with the gradient, both moments corrected.
    z = np.exp([-0.1, 0.1, 0.1]) / np.exp([-0.1, 0.1, 0.1]).sum()
    d = np.array([0.9, 0.3, 0.0])
    first = np.array([0.5, -0.1, -0.4]) / 3
    second = z * (d - z @ d) + 0.01 * np.array([-0.1, 0.1, 0.1])
    mean = (0.9 * 0.1 * first + 0.1 * second) / (1 - 0.9**2)
    square = (0.999 * 0.001 * first**2 + 0.001 * second**2) / (1 - 0.999**2)
    after(strategy, seen, new_losses=new)
    expected = np.array([-0.1, 0.1, 0.1]) - 0.1 * mean / np.sqrt(square)
    np.testing.assert_allclose(strategy.logits, expected, rtol=1e-3)
    # Descending the sum of w_i L_i is descending c times the sum of z_i log L_i.
    losses = tf.Variable([1.0, 2.0, 4.0])
    with tf.GradientTape(persistent=True) as tape:
        fresh = make("famo")
        now = Observed(losses, tf.constant(ALL), tf.zeros([1, 3]), tf.constant(0, tf.int64))
        total = fresh.theta_loss(fresh.weights(now), now)
        logs = tf.reduce_sum(tf.math.log(losses)) / 3
    c = 1 / ((1 + 0.5 + 0.25) / 3)
    np.testing.assert_allclose(
        tape.gradient(total, losses), c * tape.gradient(logs, losses).numpy(), rtol=1e-5
    )


def test_famo_looks_at_the_same_batch_again():
    options = {"weighting": "famo", "weight_learning_rate": 0.1, "center_weight": 0.0}
    step, batch = make_step(toy_branches(), **options), make_batch([0, 1, 1])
    first = step.losses(batch)[1].losses.numpy()
    step(batch)
    second = step.losses(batch)[1].losses.numpy()
    fall = np.log(first) - np.log(second)
    expected = -0.1 * np.sign(fall - fall.mean())
    np.testing.assert_allclose(step.strategy.logits, expected, rtol=1e-2)


@pytest.mark.parametrize("name", ["uncertainty", "gradnorm", "famo", "dynamic", "naive"])
def test_learning_strategies_move_their_weights(name):
    step = make_step(toy_branches(), weighting=name, weight_learning_rate=0.05)
    batch = make_batch(KINDS["mixed"])
    if step.strategy.uses_head:  # so that the shared layers do not move the weight head's input
        step.theta_optimizer.learning_rate.assign(0.0)
    first = numbers(step, batch)[3:6]
    for _ in range(20):
        last = numbers(step, batch)[3:6]
    assert np.any(np.abs(last - first) > 1e-3)
    if name == "famo":  # whose weights move with the losses as well
        assert np.any(np.abs(step.strategy.logits) > 1e-2)

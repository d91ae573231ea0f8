"""Learning rates and the published optimizer."""

import gc
import itertools
import weakref

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.optimizers import (
    apply_gradients,
    learning_rate_factor,
    make_optimizer,
    scheduled_rate,
)


def test_warm_up_and_cosine():
    config = TrainingConfig(warmup=0.1)
    factors = [learning_rate_factor(config, i, 100) for i in range(100)]
    assert factors[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert factors[9:11] == pytest.approx([1.0, 1.0])
    assert factors[55] == pytest.approx(0.5)
    assert 0 < factors[99] < 0.01
    assert all(a >= b for a, b in itertools.pairwise(factors[10:]))


def test_constant_without_warm_up():
    config = TrainingConfig(warmup=0.0, schedule="constant")
    assert {learning_rate_factor(config, i, 7) for i in range(7)} == {1.0}


def test_steps_divide_by_ten():
    config = TrainingConfig(warmup=0.0, schedule="steps", milestones=(3, 5))
    factors = [learning_rate_factor(config, i, 7) for i in range(7)]
    assert factors == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_frozen_epochs_and_those_after_them_have_a_schedule_each():
    """Two frozen epochs of three, of four steps each; warm-up over half of either."""
    config = TrainingConfig(
        learning_rate=2.0, warmup=0.5, schedule="constant", epochs=3, frozen_epochs=2
    )
    rates = [scheduled_rate(config, step // 4, step, 4) for step in range(12)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, 2, 2, 2, 2, 2, 1.0, 2.0, 2, 2])


def test_a_run_of_one_step():
    assert learning_rate_factor(TrainingConfig(), 0, 1) == 1.0


def test_the_published_rmsprop():
    config = TrainingConfig(optimizer="rmsprop", learning_rate=0.1, weight_learning_rate=0.01)
    theta = make_optimizer(config, for_weights=False)
    psi = make_optimizer(config, for_weights=True)
    assert theta is not psi
    assert (theta.rho, theta.momentum, theta.epsilon) == (0.9, 0.9, 1.0)
    assert theta.global_clipnorm == 5.0
    assert float(theta.learning_rate) == pytest.approx(0.1)
    assert float(psi.learning_rate) == pytest.approx(0.01)


def test_clipping_can_be_turned_off():
    assert make_optimizer(TrainingConfig(clip_norm=0.0), for_weights=False).global_clipnorm is None


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_a_compiled_step_that_is_forgotten_leaves_nothing(name):
    """Each would keep all variables of its network until the process ends."""
    optimizer = make_optimizer(TrainingConfig(optimizer=name))
    variable = tf.Variable([1.0, 2.0])
    optimizer.build([variable])
    graphs = []

    def forgotten():
        @tf.function
        def step():
            graphs.append(weakref.ref(tf.compat.v1.get_default_graph()))
            apply_gradients(optimizer, [(tf.ones(2), variable)])

        step()
        step()

    for _ in range(3):
        forgotten()
    gc.collect()
    assert int(optimizer.iterations) == 6
    assert not np.any(variable.numpy() == [1.0, 2.0])
    assert len(graphs) >= 3
    # Keras itself remembers the last graph that it has seen.
    assert sum(graph() is not None for graph in graphs) <= 1

"""Learning rates and the published optimizer."""

import itertools

import pytest

from cari_keras.config import TrainingConfig
from cari_keras.training.optimizers import learning_rate_factor, make_optimizer


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

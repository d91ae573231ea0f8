"""The optimizers of Theta and Psi and their learning rate."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.stack import keras, plain_settings


@plain_settings()
def make_optimizer(config: TrainingConfig, *, for_weights: bool = False) -> Any:
    """An optimizer for the network (Theta) or for the weight head (Psi), by the run's settings.

    `rmsprop` is the published code's: rho 0.9, momentum 0.9 and epsilon 1.0 (Keras' default epsilon
    is 1e-7), which wants a learning rate of 0.1 rather than 1e-3. Gradients are clipped by their
    global norm, each set on its own.
    """
    rate = config.weight_learning_rate if for_weights else config.learning_rate
    clip = config.clip_norm or None
    if config.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(
            rate, rho=0.9, momentum=config.momentum, epsilon=1.0, global_clipnorm=clip
        )
    return keras.optimizers.Adam(rate, global_clipnorm=clip)


@plain_settings()  # of constraints, as their graph is made
def apply_gradients(optimizer: Any, pairs: Sequence[tuple[Any, Any]]) -> None:
    """Applies gradients of the whole batch, whatever the replicas, to their variables.

    Optimizers would sum them over replicas once more. Of one replica this changes no number, but
    the sum registers a gradient of its own, for good: a process would keep the graph of every step
    that it has compiled, with all variables in it.

    Args:
        optimizer: One of Keras.
        pairs: (gradient, variable).
    """
    if "skip_gradients_aggregation" in inspect.signature(optimizer.apply_gradients).parameters:
        optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)
    else:  # Keras 3 leaves it where it is called for all replicas together
        context = tf.distribute.get_replica_context()
        context.merge_call(lambda _: optimizer.apply_gradients(pairs))


def scheduled_rate(config: TrainingConfig, epoch: int, iteration: int, steps: int) -> float:
    """The network's learning rate at an iteration.

    The frozen epochs, and those after them, each run through the whole schedule.

    Args:
        config: The run's settings.
        epoch: The iteration's epoch, from 0.
        iteration: Steps before this one, from the run's beginning.
        steps: Of an epoch.
    """
    first, last = 0, config.frozen_epochs
    if epoch >= last:
        first, last = last, config.epochs
    done, total = iteration - first * steps, (last - first) * steps
    return config.learning_rate * learning_rate_factor(config, done, total)


def learning_rate_factor(config: TrainingConfig, step: int, total: int) -> float:
    """What the base learning rate is multiplied by at a step, 0 <= step < total.

    It rises linearly over the first `warmup` share of the steps, and then stays 1, falls to 0 along
    half a cosine, or is divided by ten at every one of the `milestones`.
    """
    warm = round(config.warmup * total)
    if step < warm:
        return (step + 1) / warm
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "steps":
        return float(0.1 ** sum(step >= milestone for milestone in config.milestones))
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(total - warm, 1)))

"""One training step: two gradients, two optimizers (paper, section 4, equations 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import keras
import tensorflow as tf

from cari_keras.data.base import Batch
from cari_keras.model.network import (
    TASKS,
    restrict_to_tasks,
    shared_variables,
    split_at_shared,
    split_variables,
)
from cari_keras.training.averaging import MovingAverage
from cari_keras.training.losses import task_losses, update_centers
from cari_keras.training.weighting import STRATEGIES, equal_weights, softmax_weights


class Gradients(NamedTuple):
    """What one batch yields, before anything is updated.

    Attributes:
        theta: Gradients of L (and of the weight decay) for Theta; None for unused variables.
        psi: Gradients of L4 for Psi; empty where the weights are not learned.
        losses: float32 [3].
        weights: float32 [3].
        psi_loss: float32 scalar, L4; 0 where the weights are not learned.
        embeddings: float32 [N, d], or None where verification is not trained.
    """

    theta: Sequence[Any]
    psi: Sequence[Any]
    losses: tf.Tensor
    weights: tf.Tensor
    psi_loss: tf.Tensor
    embeddings: Optional[tf.Tensor]


class TrainStep:
    """The step as a callable: `step(batch)` updates everything and returns float32 [7].

    The seven numbers are L1, L2, L3, w1, w2, w3 and L4, all from before the update.

    Args:
        model: From `build_network`.
        num_identities: K, the number of class centers.
        theta_optimizer: Updates Theta.
        psi_optimizer: Updates Psi; a different object.
        strategy: Name in `STRATEGIES`.
        tasks: Names of the tasks that are trained; the weights of the others are exactly 0, and
            their branches are neither computed nor changed.
        logit_scale: See `softmax_weights`.
        loss_epsilon: See `hardness`.
        center_weight: beta, the center loss's share in L1 (equation 5).
        center_rate: alpha, how fast the centers move.
        label_smoothing: See `masked_cross_entropy`.
        margin: See `task_losses`, as `margin_scale`.
        average: Moving average of the network's variables, updated after each step.
        shared_optimizer: Updates the part of Theta that the branches share, where it is to have a
            learning rate of its own; None leaves all of Theta to `theta_optimizer`.
    """

    def __init__(
        self,
        model: keras.Model,
        num_identities: int,
        theta_optimizer: keras.optimizers.Optimizer,
        psi_optimizer: keras.optimizers.Optimizer,
        *,
        strategy: str = "dynamic",
        tasks: Sequence[str] = TASKS,
        logit_scale: Optional[float] = 1.0,
        loss_epsilon: float = 0.01,
        center_weight: float = 0.1,
        center_rate: float = 0.5,
        label_smoothing: float = 0.0,
        margin: float = 0.0,
        margin_scale: float = 30.0,
        average: Optional[MovingAverage] = None,
        shared_optimizer: Optional[keras.optimizers.Optimizer] = None,
    ) -> None:
        self.model = restrict_to_tasks(model, tasks)
        self.theta, self.psi = split_variables(self.model)
        self.theta_optimizer = theta_optimizer
        self.shared_optimizer = shared_optimizer
        self.psi_optimizer = psi_optimizer
        self.strategy = STRATEGIES[strategy]
        self.logit_scale = logit_scale
        self.loss_epsilon = loss_epsilon
        self.center_weight = center_weight
        self.center_rate = center_rate
        self.label_smoothing = label_smoothing
        self.margin = margin
        self.margin_scale = margin_scale
        embedding_size = model.output["embedding"].shape[-1]
        self.centers = tf.Variable(tf.zeros([num_identities, embedding_size]), trainable=False)
        self.average = average
        self.iteration = tf.Variable(0, dtype=tf.int64, trainable=False)
        shared = {id(v) for v in shared_variables(self.model)} if shared_optimizer else set()
        #: Optimizer -> which of Theta it updates, by position.
        self.groups = [
            (theta_optimizer, [i for i, v in enumerate(self.theta) if id(v) not in shared])
        ]
        if shared_optimizer:
            self.groups += [
                (shared_optimizer, [i for i, v in enumerate(self.theta) if id(v) in shared])
            ]
        for optimizer, positions in self.groups:
            optimizer.build([self.theta[i] for i in positions])
        psi_optimizer.build(self.psi)

    def gradients(self, batch: Batch, *, frozen: bool = False) -> Gradients:
        """Both gradients of one batch; changes nothing but BatchNorm's moving statistics.

        Args:
            batch: Images, or outputs Z of the shared layers where these are `frozen`.
            frozen: Leave the shared layers out; there are then no gradients for their variables.
        """
        model = split_at_shared(self.model)[1] if frozen else self.model
        learned = self.strategy.psi is not None
        with tf.GradientTape(persistent=learned) as tape:
            outputs = model(batch.images, training=True)
            losses, active = task_losses(
                outputs,
                batch.labels,
                batch.is_caricature,
                self.centers,
                center_weight=self.center_weight,
                label_smoothing=self.label_smoothing,
                margin=self.margin,
                margin_scale=self.margin_scale,
            )
            if learned:
                logits = outputs["weight_logits"]
                weights = softmax_weights(logits, active, self.logit_scale)
            else:
                weights = equal_weights(active)
            theta_loss = self.strategy.theta(weights, losses, self.loss_epsilon)
            if model.losses:
                theta_loss += tf.add_n(model.losses)
            psi_loss = tf.constant(0.0)
            if self.strategy.psi is not None:
                psi_loss = self.strategy.psi(weights, losses, self.loss_epsilon)
        theta = tape.gradient(theta_loss, self.theta)
        psi = tape.gradient(psi_loss, self.psi) if learned else []
        return Gradients(theta, psi, losses, weights, psi_loss, outputs.get("embedding"))

    @tf.function
    def __call__(self, batch: Batch) -> tf.Tensor:
        return self._update(self.gradients(batch), batch.labels)

    @tf.function
    def update_branches(self, batch: Batch) -> tf.Tensor:
        """The same step on outputs Z of the shared layers, which it leaves as they are."""
        return self._update(self.gradients(batch, frozen=True), batch.labels)

    def _update(self, found: Gradients, labels: tf.Tensor) -> tf.Tensor:
        for optimizer, positions in self.groups:
            gradients = [found.theta[i] for i in positions]
            _apply(optimizer, gradients, [self.theta[i] for i in positions])
        if found.psi:
            _apply(self.psi_optimizer, found.psi, self.psi)
        if self.center_weight and found.embeddings is not None:
            update_centers(self.centers, found.embeddings, labels, self.center_rate)
        if self.average is not None:
            self.average.update(self.iteration)
        self.iteration.assign_add(1)
        return tf.concat([found.losses, found.weights, [found.psi_loss]], axis=0)


def _apply(optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
    """Applies what gradients there are; a branch whose task is off has none."""
    optimizer.apply_gradients([(g, v) for g, v in zip(gradients, variables) if g is not None])

"""What a weighting strategy is: weights for the losses of a batch, and how they learn."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.weighting import weighted_sum


class Observed(NamedTuple):
    """What a strategy sees of a batch.

    Attributes:
        losses: float32 [3], of `TASKS`; 0 for a task without an image in the batch.
        active: bool [3], whether a task is trained and has an image in the batch.
        weight_logits: float32 [N, 3], of the weight head.
        iteration: int64, the number of steps before this one.
        gram: float32 [3, 3], the products of the losses' gradients on the last shared layer,
            unweighted; None unless the strategy `needs_gram`.
    """

    losses: tf.Tensor
    active: tf.Tensor
    weight_logits: tf.Tensor
    iteration: tf.Tensor
    gram: Optional[tf.Tensor] = None


class Update(NamedTuple):
    """What a strategy learns from, once Theta has been updated.

    Attributes:
        observed: As before the update.
        weights: float32 [3], that Theta descended by.
        norms: float32 [3], each loss's gradient's norm on the last shared layer, unweighted; zeros
            unless the strategy `needs_norms`.
        new_losses: float32 [3], of the same batch after the update; those of before unless the
            strategy `needs_new_losses`.
    """

    observed: Observed
    weights: tf.Tensor
    norms: tf.Tensor
    new_losses: tf.Tensor


class Strategy:
    """A rule for the task weights; this one's subclasses say which.

    Attributes:
        uses_head: Whether the network's weight head learns, by descending `psi_loss`.
        detached: Whether Z is held constant in the weights, see `build_network`.
        needs_gram: Whether `weights` wants the products of the gradients of the same batch.
        needs_norms: Whether `after_step` wants gradient norms.
        needs_new_losses: Whether `after_step` wants the losses after the update, which costs
            another forward pass.
        parameters: Variables of its own that descend `psi_loss` with Psi's optimizer.
        state: Every variable of its own by name, for checkpoints.
    """

    uses_head = False
    detached = True
    needs_gram = False
    needs_norms = False
    needs_new_losses = False

    def __init__(self, settings: TrainingConfig) -> None:
        self.check(settings)
        self.settings = settings
        self.parameters: list[tf.Variable] = []
        self.state: dict[str, tf.Variable] = {}

    @classmethod
    def check(cls, settings: TrainingConfig) -> None:
        """Raises ConfigError where the strategy cannot do with the settings."""

    def weights(self, observed: Observed) -> tf.Tensor:
        """The weights of a batch, float32 [3]; exactly 0 for a task that is not active."""
        raise NotImplementedError

    def theta_loss(self, weights: tf.Tensor, observed: Observed) -> tf.Tensor:
        """What Theta descends: by default the sum of w_i L_i with w held constant."""
        return weighted_sum(weights, observed.losses)

    def psi_loss(self, weights: tf.Tensor, observed: Observed) -> Optional[tf.Tensor]:
        """What the weight head or the strategy's own parameters descend; None where nothing."""
        return None

    def after_step(self, update: Update) -> None:
        """Learns from a step; runs inside the compiled step."""

    def after_epoch(self) -> None:
        """Learns from an epoch; runs eagerly."""

    def own(self, name: str, value: Any, *, learned: bool = False) -> tf.Variable:
        """Makes a variable of the strategy's; `learned` ones descend `psi_loss`."""
        variable = tf.Variable(value, trainable=learned, name=f"weighting_{name}")
        self.state[name] = variable
        if learned:
            self.parameters.append(variable)
        return variable

"""One training step: two gradients, two optimizers (paper, section 4, equations 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from cari_keras import replicas
from cari_keras.data.base import Batch
from cari_keras.history import StepValues
from cari_keras.model.dropout import Dropout
from cari_keras.model.network import (
    named_weights,
    restrict_to_tasks,
    shared_variables,
    split_at,
    split_variables,
)
from cari_keras.sections import TrainingConfig
from cari_keras.stack import keras, plain_settings
from cari_keras.training.averaging import MovingAverage
from cari_keras.training.cluster import ALONE, Cluster
from cari_keras.training.losses import task_losses, update_centers
from cari_keras.training.optimizers import apply_gradients
from cari_keras.training.retention import Retention
from cari_keras.training.strategies import strategy_class
from cari_keras.training.strategies.base import Observed, Update
from cari_keras.vocabulary import SHARED


class Gradients(NamedTuple):
    """What one batch yields, before anything is updated.

    Attributes:
        theta: Gradients of L (and of the regularizers) for Theta; None for unused variables.
        psi: Gradients of L4 for Psi, and for the strategy's own parameters; empty where nothing of
            the weights is learned by descent.
        observed: What the strategy saw: losses, active tasks.
        weights: float32 [3].
        psi_loss: float32 scalar, L4; 0 where there is none.
        norms: float32 [3], of each loss's gradient on the last shared layer, where the strategy
            needs them; else zeros.
        embeddings: float32 [N, d], or None where verification is not trained.
        labels: int32 [N].
    """

    theta: Sequence[Any]
    psi: Sequence[Any]
    observed: Observed
    weights: tf.Tensor
    psi_loss: tf.Tensor
    norms: tf.Tensor
    embeddings: Optional[tf.Tensor]
    labels: tf.Tensor


class TrainStep:
    """The step as a callable: `step(batch)` updates everything and returns `StepValues`.

    Args:
        model: From `build_network`.
        num_identities: K, the number of class centers.
        settings: What to train and how. Tasks that are not named have weights of exactly 0, and
            their branches are neither computed nor changed (but for branch 1's head where the
            others add to it, see `build_network`'s `head_decay`).
        theta_optimizer: Updates Theta.
        psi_optimizer: Updates Psi; a different object.
        average: Moving average of the network's variables, updated after each step.
        shared_optimizer: Updates the part of Theta that the branches share, where it is to have a
            learning rate of its own; None leaves all of Theta to `theta_optimizer`.
        retention: Holds photos to what a teacher makes of them.
        cluster: Who shares the batches; a step then takes those of this worker.
    """

    @plain_settings()  # optimizers' variables
    def __init__(
        self,
        model: keras.Model,
        num_identities: int,
        settings: TrainingConfig,
        theta_optimizer: keras.optimizers.Optimizer,
        psi_optimizer: keras.optimizers.Optimizer,
        *,
        average: Optional[MovingAverage] = None,
        shared_optimizer: Optional[keras.optimizers.Optimizer] = None,
        retention: Optional[Retention] = None,
        cluster: Cluster = ALONE,
    ) -> None:
        self.settings = settings
        self.network = model
        self.model = restrict_to_tasks(model, settings.tasks)
        self.theta, self.psi = split_variables(self.model)
        self.theta_optimizer = theta_optimizer
        self.shared_optimizer = shared_optimizer
        self.psi_optimizer = psi_optimizer
        self.strategy = strategy_class(settings.weighting)(settings)
        #: What descends L4, or whatever the strategy has in its place.
        self.psi_descends = (self.psi if self.strategy.uses_head else []) + self.strategy.parameters
        embedding_size = model.output["embedding"].shape[-1]
        self.centers = tf.Variable(tf.zeros([num_identities, embedding_size]), trainable=False)
        self.average = average
        self.retention = retention
        self.cluster = cluster
        self.iteration = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._dropouts = [layer for layer in self.model.layers if isinstance(layer, Dropout)]
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
        psi_optimizer.build(self.psi_descends or self.psi)

    def state(self) -> dict[str, Any]:
        """Every variable of training, by a name that does not depend on the Keras version."""
        state = {f"model/{name}": v for name, v in named_weights(self.network).items()}
        if self.average is not None:
            state.update({f"average/{name}": v for name, v in self.average.shadows.items()})
        if self.retention is not None:
            state.update({f"teacher/{name}": v for name, v in self.retention.state.items()})
        for name, optimizer in (
            ("theta", self.theta_optimizer),
            ("shared", self.shared_optimizer),
            ("psi", self.psi_optimizer),
        ):
            variables = list(optimizer.variables) if optimizer is not None else []
            state.update({f"optimizer_{name}/{i:04d}": v for i, v in enumerate(variables)})
        state.update({f"weighting/{name}": v for name, v in self.strategy.state.items()})
        state["centers"] = self.centers
        state["iteration"] = self.iteration
        return state

    def losses(self, batch: Batch, *, frozen: bool = False) -> tuple[Any, Observed, Any]:
        """One forward pass: outputs by name, what strategies see, and the regularizers' losses."""
        for layer in self._dropouts:
            layer.counter.assign(self.iteration)
        whole = model = self.model
        cuts = [self.settings.stored_stages] if frozen else []
        inputs, held = batch.images, []
        # Keras' one switch for BatchNorm's statistics and for dropout.
        training = not self.settings.keep_statistics
        if frozen:
            whole = model = split_at(model, *cuts)[1]
        if self.retention is not None and cuts != [SHARED]:
            *_, shared, model = split_at(self.model, *cuts, SHARED)
            inputs = shared(batch.images, training=training)
        outputs = model(inputs, training=training)
        if self.retention is not None and self.retention.acts(frozen):
            embedding = outputs.get("embedding")
            held = [self.retention(batch, inputs, embedding, frozen=frozen)]
        losses, active = task_losses(
            outputs,
            batch.labels,
            batch.is_caricature,
            self.centers,
            center_weight=self.settings.center_weight,
            label_smoothing=self.settings.label_smoothing,
            margin=self.settings.margin,
            margin_scale=self.settings.margin_scale,
            photos_stand=self.settings.class_vectors != "trained",
        )
        weight_logits = replicas.all_rows(outputs["weight_logits"])
        observed = Observed(losses, active, weight_logits, self.iteration.value())
        return outputs, observed, [*whole.losses, *held]

    def gradients(self, batch: Batch, *, frozen: bool = False) -> Gradients:
        """Both gradients of one batch; changes nothing but BatchNorm's moving statistics.

        Replicas that share a batch each give the whole batch's gradients.

        Args:
            batch: Images; or, where `frozen`, what the layers up to `stored_stages` make of them.
            frozen: Leave those layers out; there are then no gradients for their variables.
        """
        strategy = self.strategy
        looks = strategy.needs_norms or strategy.needs_gram
        again = bool(self.psi_descends) or looks
        with tf.GradientTape(persistent=again) as tape:
            outputs, observed, regularizers = self.losses(batch, frozen=frozen)
            each = tf.unstack(observed.losses)
            if strategy.needs_gram:
                with tape.stop_recording():
                    rows = self._on_last_shared(tape, each)
                    gram = tf.matmul(rows, rows, transpose_b=True)
                observed = observed._replace(gram=gram)
            weights = strategy.weights(observed)
            theta_loss = strategy.theta_loss(weights, observed)
            if regularizers:
                theta_loss += tf.add_n(regularizers)
            psi_loss = strategy.psi_loss(weights, observed)
        theta = _gradient(tape, theta_loss, self.theta)
        psi: Sequence[Any] = []
        if psi_loss is not None:
            psi = _gradient(tape, psi_loss, self.psi_descends)
        norms = tf.zeros(3)
        if strategy.needs_norms:
            norms = tf.norm(self._on_last_shared(tape, each), axis=1)
        shown = tf.constant(0.0) if psi_loss is None else psi_loss
        embeddings = outputs.get("embedding")
        if embeddings is not None:
            embeddings = replicas.all_rows(embeddings)
        labels = replicas.all_rows(batch.labels)
        return Gradients(theta, psi, observed, weights, shown, norms, embeddings, labels)

    def _on_last_shared(self, tape: tf.GradientTape, losses: Sequence[tf.Tensor]) -> tf.Tensor:
        """Each loss's gradient on the last shared layer, float32 [3, its size]; 0 where unused."""
        last = [v for v in shared_variables(self.model) if len(v.shape) > 1][-1]
        found = [_gradient(tape, loss, [last])[0] for loss in losses]
        return tf.stack([tf.reshape(tf.zeros_like(last) if g is None else g, [-1]) for g in found])

    # Nothing here has Python's control flow over tensors; to look for it takes seconds.
    @tf.function(autograph=False)
    def __call__(self, batch: Batch) -> StepValues:
        return self._update(batch, frozen=False)

    @tf.function(autograph=False)
    def update_branches(self, batch: Batch) -> StepValues:
        """The same step on outputs of the layers up to `stored_stages`, which stay as they are."""
        return self._update(batch, frozen=True)

    def _update(self, batch: Batch, *, frozen: bool) -> StepValues:
        found = self.cluster.run(lambda rows: self.gradients(rows, frozen=frozen), batch)
        for optimizer, positions in self.groups:
            gradients = [found.theta[i] for i in positions]
            _apply(optimizer, gradients, [self.theta[i] for i in positions])
        if found.psi:
            _apply(self.psi_optimizer, found.psi, self.psi_descends)
        new_losses = found.observed.losses
        if self.strategy.needs_new_losses:
            new_losses = self.cluster.run(
                lambda rows: self.losses(rows, frozen=frozen)[1].losses, batch
            )
        self.strategy.after_step(Update(found.observed, found.weights, found.norms, new_losses))
        if self.settings.center_weight and found.embeddings is not None:
            update_centers(self.centers, found.embeddings, found.labels, self.settings.center_rate)
        if self.average is not None:
            self.average.update(self.iteration)
        self.iteration.assign_add(1)
        return StepValues(found.observed.losses, found.weights, found.psi_loss)


def _gradient(tape: tf.GradientTape, loss: tf.Tensor, variables: Sequence[Any]) -> list[Any]:
    """The gradients of a loss that every replica has in full; None for unused variables."""
    share = tf.constant(1.0 / replicas.count())
    found = tape.gradient(loss, variables, output_gradients=share)
    used = iter(replicas.all_sum([g for g in found if g is not None]))
    return [None if g is None else next(used) for g in found]


def _apply(optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
    """Applies what gradients there are; a branch whose task is off has none."""
    pairs = [(g, v) for g, v in zip(gradients, variables) if g is not None]
    if pairs:  # the shared layers' optimizer has none while these are frozen
        apply_gradients(optimizer, pairs)

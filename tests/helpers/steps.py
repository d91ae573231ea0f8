"""A tiny network with the real one's outputs, its steps and batches."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from cari_keras.data.base import Batch
from cari_keras.model.network import WEIGHT_HEAD
from cari_keras.sections import TrainingConfig
from cari_keras.training.losses import task_losses
from cari_keras.training.step import TrainStep

#: Identities, and width of the embedding.
K, D = 4, 3

#: Whether each image of a batch is a caricature.
KINDS = {
    "mixed": [0, 1, 1, 0, 1],
    "photos only": [0, 0, 0],
    "caricatures only": [1, 1, 1],
    "one photo": [0],
    "one caricature": [1],
}


def toy_network(seed=0, prefix=False):
    """Smooth, tiny, with the outputs' names and the weight head of the real one."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((2, 2, 3))
    z = keras.layers.Dense(6, activation="tanh")(keras.layers.Flatten()(image))
    outputs = {}
    for task in ("verification", "caricature", "photo"):
        name = f"{task}_features" if prefix else None
        features = keras.layers.Dense(D, activation="tanh", name=name)(z)
        if task == "verification":
            outputs["embedding"] = keras.layers.UnitNormalization()(features)
        outputs[f"logits_{task}"] = keras.layers.Dense(K, name=f"logits_{task}")(features)
    outputs["weight_logits"] = keras.layers.Dense(3, name=WEIGHT_HEAD)(z)
    return keras.Model(image, outputs)


def toy_branches():
    """Named as the real one: a branch's layers begin with its task."""
    return toy_network(prefix=True)


def make_step(model=None, rate=0.1, **options):
    """A step by gradient descent; `options` are settings of training, or `TrainStep`'s."""
    names = [field.name for field in dataclasses.fields(TrainingConfig)]
    settings = TrainingConfig(**{n: options.pop(n) for n in names if n in options})
    optimizers = keras.optimizers.SGD(rate), keras.optimizers.SGD(rate)
    return TrainStep(model or toy_network(), K, settings, *optimizers, **options)


def numbers(step, batch):
    """What a step tells, float32 [7]: L1 to L3, w1 to w3, L4."""
    return np.array(step(batch).numbers().row(), np.float32)


def make_batch(kinds, seed=0):
    rng = np.random.default_rng(seed)
    n = len(kinds)
    return Batch(
        tf.constant(rng.normal(size=(n, 2, 2, 3)), tf.float32),
        tf.constant(rng.integers(0, K, n), tf.int32),
        tf.constant(np.array(kinds, bool)),
    )


def losses_of(step, batch):
    outputs = step.model(batch.images, training=True)
    return outputs, *task_losses(
        outputs,
        batch.labels,
        batch.is_caricature,
        step.centers,
        center_weight=step.settings.center_weight,
    )

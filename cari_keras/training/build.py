"""From a configuration to the network and its training step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras

from cari_keras.config import Config, TrainingConfig
from cari_keras.data.augment import Augmentation
from cari_keras.data.base import MODALITIES, Keypoints, modalities_of
from cari_keras.data.exaggerate import mean_face, sparse_image_warp
from cari_keras.data.pipeline import split_records, steps_per_epoch
from cari_keras.data.prepare import Prepared
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.model.network import (
    build_network,
    freeze_stages,
    named_weights,
    split_at_shared,
)
from cari_keras.model.transfer import describe_transfer, load_source, transfer
from cari_keras.saved import in_common
from cari_keras.training.averaging import MovingAverage
from cari_keras.training.checkpoints import as_arrays, assign
from cari_keras.training.cluster import ALONE, Cluster
from cari_keras.training.frozen import SharedOutputs
from cari_keras.training.optimizers import make_optimizer
from cari_keras.training.retention import Retention
from cari_keras.training.step import TrainStep
from cari_keras.training.strategies import check_strategy, strategy_class


def build_model(config: Config, num_identities: int, *, seeded: bool = True) -> keras.Model:
    """The network as a configuration describes it.

    Args:
        config: The settings.
        num_identities: K.
        seeded: Whether the seed decides its random weights, which seeds Python, NumPy and
            TensorFlow as a whole; not for a network that is given others anyway.
    """
    if seeded:
        keras.utils.set_random_seed(config.training.seed)
    model = build_network(
        num_identities,
        image_size=config.data.image_size,
        seed=config.training.seed,
        depth=config.model.depth,
        embedding_size=config.model.embedding_size,
        dropout=config.model.dropout,
        weight_decay=config.model.weight_decay,
        bn_momentum=config.model.bn_momentum,
        private_blocks=config.model.private_blocks,
        shared_bottleneck=config.model.shared_bottleneck,
        head_decay=config.model.head_decay,
        precision=config.model.precision,
        detach_weights=strategy_class(config.training.weighting).detached,
        cosine_scale=config.training.margin_scale if config.training.margin else None,
    )
    freeze_stages(model, config.training.frozen_stages)
    return model


def steps_of(config: Config, prepared: Prepared) -> int:
    """The steps of an epoch.

    Raises:
        ConfigError: A task has no image to train on: its branch would guess.
        DatasetError: There are fewer training images than one batch holds.
    """
    for task in config.training.tasks:
        if task in MODALITIES and not prepared.count("train", [task]):
            raise ConfigError(
                f"{prepared.name}: has no {task} to train the task {task} on; name the others "
                "with --tasks"
            )
    modalities = modalities_of(config.training.tasks)
    steps = steps_per_epoch(prepared, config.data.batch_size, modalities)
    if not steps:
        raise DatasetError(
            f"{prepared.name}: {prepared.count('train', modalities)} training images are fewer "
            f"than one batch; lower --batch-size (now {config.data.batch_size})"
        )
    return steps


def load_pretrained(config: Config, model: keras.Model) -> str:
    """Puts the weights that a run starts from into its network; returns one line about them.

    Raises:
        PretrainedError: They are missing, or do not fit.
    """
    if not config.model.pretrained:
        return ""
    source = load_source(config.model.pretrained)
    return describe_transfer(transfer(model, config.model.depth, source), source)


def build_step(
    config: Config, model: keras.Model, num_identities: int, cluster: Cluster = ALONE
) -> TrainStep:
    """The training step of a network.

    The moving average starts at its present weights, and what is retained are those too.

    Raises:
        ConfigError: The weighting strategy cannot do with the other settings.
    """
    training = config.training
    check_strategy(training)
    average = None
    if training.average_decay:
        average = MovingAverage(named_weights(model), training.average_decay)
    retention = None
    if training.retain:
        retention = Retention(_teacher(config, model, num_identities), training.retain)
    return TrainStep(
        model,
        num_identities,
        make_optimizer(training, for_weights=False),
        make_optimizer(training, for_weights=True),
        strategy=training.weighting,
        tasks=training.tasks,
        logit_scale=training.logit_scale,
        loss_epsilon=training.loss_epsilon,
        static_weights=training.static_weights,
        weight_rate=training.weight_learning_rate,
        seed=training.seed,
        center_weight=training.center_weight,
        center_rate=training.center_rate,
        label_smoothing=training.label_smoothing,
        margin=training.margin,
        margin_scale=training.margin_scale,
        average=average,
        shared_optimizer=make_optimizer(training) if _shared_apart(training) else None,
        retention=retention,
        cluster=cluster,
    )


def _shared_apart(training: TrainingConfig) -> bool:
    """Whether the shared layers have an optimizer of their own.

    After frozen epochs as well: Adam's correction for moments that begin at 0 goes by the number of
    steps, which would be that of the branches, and the first steps would be several times too long.
    """
    return training.shared_rate != 1 or training.frozen_epochs > 0


def _teacher(config: Config, model: keras.Model, num_identities: int) -> keras.Model:
    """A copy of the shared layers as they are now, on variables of its own."""
    teacher = split_at_shared(build_model(config, num_identities))[0]
    weights = as_arrays(named_weights(split_at_shared(model)[0]))
    assign(named_weights(teacher), weights, "the network")
    return teacher


def build_shared_outputs(
    config: Config,
    prepared: Prepared,
    model: keras.Model,
    folder: Path,
    *,
    augmentation: Augmentation,
    part: tuple[int, int],
    check: Callable[[], None],
) -> SharedOutputs:
    """What the shared layers of a network give for a run's training images, kept in a folder."""
    return SharedOutputs(
        split_at_shared(model)[0],
        prepared,
        folder,
        views=config.training.frozen_views,
        batch_size=config.data.batch_size,
        seed=config.training.seed,
        augmentation=augmentation,
        modalities=modalities_of(config.training.tasks),
        part=part,
        check=check,
        made_for=f"{describe_inputs(config, prepared)} {config.model.pretrained} {prepared.root}",
    )


def build_augmentation(config: Config, prepared: Prepared) -> Augmentation:
    """How training images are varied.

    Raises:
        ConfigError: Faces are to be exaggerated and tensorflow-addons is not there.
        DatasetError: Faces are to be exaggerated and have no keypoints.
    """
    data = config.data
    mean: Keypoints = ()
    if data.exaggerate:
        sparse_image_warp()
        mean = mean_face(split_records(prepared, "train"), prepared.name)
    return Augmentation(
        flip=data.flip,
        crop=data.crop,
        color=data.color,
        greyscale=data.greyscale,
        drawing=data.drawing,
        rotation=data.rotation,
        erase=data.erase,
        exaggerate=data.exaggerate,
        mean_face=mean,
    )


def describe_inputs(config: Config, prepared: Prepared) -> str:
    """What the workers of a run must have in common, as text: settings and training images."""
    found = [prepared.identities, prepared.counts, prepared.shards, len(prepared.skipped)]
    return json.dumps([in_common(config), *found, prepared.aligned], sort_keys=True)

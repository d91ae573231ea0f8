"""From a configuration to the network and its training step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import numpy as np

from cari_keras.config import Config
from cari_keras.data.augment import Augmentation
from cari_keras.data.exaggerate import mean_face
from cari_keras.data.pipeline import split_records, steps_per_epoch
from cari_keras.data.prepared import Prepared
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.model.build import build_model
from cari_keras.model.checkpoints import as_arrays, assign
from cari_keras.model.network import named_weights, split_at, split_at_shared
from cari_keras.saved import in_common
from cari_keras.sections import TrainingConfig
from cari_keras.stack import keras
from cari_keras.training.averaging import MovingAverage
from cari_keras.training.class_means import Views
from cari_keras.training.cluster import ALONE, Cluster
from cari_keras.training.frozen import SharedOutputs
from cari_keras.training.optimizers import make_optimizer
from cari_keras.training.retention import Retention
from cari_keras.training.step import TrainStep
from cari_keras.training.strategies import check_strategy, strategy_class
from cari_keras.vocabulary import CARICATURE, MODALITIES, SHARED, Keypoints, modalities_of


def build_trainable(config: Config, num_identities: int) -> keras.Model:
    """The network to train: its weight head sees Z as the weighting strategy wants it."""
    detached = strategy_class(config.training.weighting).detached
    return build_model(config, num_identities, detach_weights=detached)


def steps_of(config: Config, prepared: Prepared) -> int:
    """The steps of an epoch.

    Raises:
        ConfigError: A task has no image to train on: its branch would guess, or nothing would move.
        DatasetError: There are fewer training images than one batch holds.
    """
    for task in config.training.tasks:
        if task in MODALITIES and not prepared.count("train", [task]):
            raise ConfigError(
                f"{prepared.name}: has no {task} to train the task {task} on; name the "
                "other tasks with --tasks"
            )
    if config.training.class_vectors != "trained" and not prepared.count("train", [CARICATURE]):
        raise ConfigError(
            f"{prepared.name}: has no caricature to draw towards the photos; add "
            "--class-vectors trained"
        )
    modalities = modalities_of(config.training.tasks)
    steps = steps_per_epoch(prepared, config.data.batch_size, modalities)
    if not steps:
        raise DatasetError(
            f"{prepared.name}: {prepared.count('train', modalities)} training images are fewer "
            f"than one batch; lower --batch-size (now {config.data.batch_size})"
        )
    return steps


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
    if training.retain or training.retain_embedding:
        retention = _retention(config, model, num_identities)
    return TrainStep(
        model,
        num_identities,
        training,
        make_optimizer(training, for_weights=False),
        make_optimizer(training, for_weights=True),
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


def _retention(config: Config, model: keras.Model, num_identities: int) -> Retention:
    """Holds to a copy of the network as it is now, on variables of its own."""
    training, copy = config.training, build_trainable(config, num_identities)
    teacher, branches = split_at_shared(copy)
    late = None
    if training.stored_stages != SHARED:
        _, late, _ = split_at(copy, training.stored_stages, SHARED)
    # The weight head may have been made for another strategy; it is not asked.
    assign(named_weights(copy), as_arrays(named_weights(model)), "the network")
    if not training.retain_embedding:
        return Retention(teacher, training.retain, late=late)
    branch = keras.Model(branches.input, branches.output["embedding"])
    embedding_weight = training.retain_embedding
    return Retention(
        teacher, training.retain, late=late, branch=branch, embedding_weight=embedding_weight
    )


def build_shared_outputs(
    config: Config,
    prepared: Prepared,
    model: keras.Model,
    folder: Path,
    *,
    augmentation: Augmentation,
    check: Callable[[], None],
    progress: bool,
    shared: bool = False,
) -> SharedOutputs:
    """What a network's layers up to `stored_stages` give for a run's images, kept in a folder."""
    trunk = split_at(model, config.training.stored_stages)[0]
    fixed = [
        *_describe_images(prepared),
        prepared.root,
        config.training.stored_stages,
        config.model.precision,
    ]
    return SharedOutputs(
        trunk,
        prepared,
        folder,
        views=config.training.frozen_views,
        batch_size=config.data.batch_size,
        seed=config.training.seed,
        augmentation=augmentation,
        modalities=modalities_of(config.training.tasks),
        check=check,
        made_for=lambda: " ".join(map(str, [*fixed, _hash_of(trunk)])),
        shared=shared,
        progress=progress,
    )


def stored_views(config: Config, outputs: Optional[SharedOutputs]) -> Optional[Views]:
    """The stored outputs as class means take them; None where training goes on without them."""
    training = config.training
    if outputs is None or training.frozen_epochs < training.epochs:
        return None
    return Views(outputs.each_view, training.stored_stages)


def build_augmentation(config: Config, prepared: Prepared) -> Augmentation:
    """How training images are varied.

    Raises:
        DatasetError: Faces are to be exaggerated and have no keypoints.
    """
    data = config.data
    mean: Keypoints = ()
    if data.exaggerate:
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
    return json.dumps([in_common(config), *_describe_images(prepared)], sort_keys=True)


def _describe_images(prepared: Prepared) -> list[Any]:
    found: list[Any] = [prepared.identities, prepared.counts, len(prepared.skipped)]
    found += [[Path(f).name for f in prepared.of(split).files] for split in sorted(prepared.places)]
    return [*found, prepared.aligned]


def _hash_of(layers: keras.Model) -> str:
    """Of the layers' weights, in hexadecimal digits."""
    digest = hashlib.sha256()
    for weight in layers.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()

"""Heads that begin as what the pretrained network makes of the training images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Optional

from cari_keras.config import Config
from cari_keras.data.base import Batch
from cari_keras.data.prepared import Prepared
from cari_keras.model.network import named_weights
from cari_keras.progress import Progress
from cari_keras.stack import keras
from cari_keras.training.build import steps_of, stored_views
from cari_keras.training.class_means import ClassMeans, with_dense_heads
from cari_keras.training.class_vectors import PASSES, fix_class_vectors
from cari_keras.training.frozen import SharedOutputs
from cari_keras.vocabulary import modalities_of


def begin_heads(
    config: Config,
    model: keras.Model,
    prepared: Prepared,
    outputs: Optional[SharedOutputs],
    batches_of: Callable[[int], Iterable[Batch]],
    check: Callable[[], None],
    *,
    progress: bool = False,
) -> None:
    """Puts class vectors and class means into the heads that are to begin with them.

    Args:
        config: The run's settings.
        model: Its network, with the weights that it starts from.
        prepared: The prepared dataset.
        outputs: Stored outputs that the first epochs train on; None where these train on images.
        batches_of: An epoch's batches: stored outputs, or images.
        check: Called before each batch; may raise.
        progress: Show how far this has come: it takes minutes where there are thousands of images.
    """
    training = config.training
    if training.class_vectors != "trained":
        batches = itertools.chain.from_iterable(batches_of(epoch) for epoch in range(PASSES))
        cut = None if outputs is None else training.stored_stages
        total = PASSES * steps_of(config, prepared)
        with Progress(total, "computing class vectors", unit="batch", shown=progress) as bar:
            fix_class_vectors(model, batches, cut=cut, check=_counted(check, bar))
    if training.head_start == "class_means":
        _begin_with_means(config, model, prepared, outputs, check, progress)


def _counted(check: Callable[[], None], bar: Progress) -> Callable[[], None]:
    """Counts the batches before which it is called."""

    def counted() -> None:
        check()
        bar.update()

    return counted


def _begin_with_means(
    config: Config,
    model: keras.Model,
    prepared: Prepared,
    outputs: Optional[SharedOutputs],
    check: Callable[[], None],
    progress: bool,
) -> None:
    training, views = config.training, stored_views(config, outputs)
    batch_size, modalities = config.data.batch_size, modalities_of(training.tasks)
    total = math.ceil(prepared.count("train", modalities) / batch_size)
    if views:
        total += training.frozen_views * steps_of(config, prepared)
    with Progress(total, "computing class means", unit="batch", shown=progress) as bar:
        means = ClassMeans(
            model,
            prepared,
            1.0,
            tasks=[task for task in with_dense_heads(config) if task in training.tasks],
            trained=(),
            cosine_scale=training.margin_scale,
            views=views,
            modalities=modalities,
            batch_size=batch_size,
            check=_counted(check, bar),
        )
        heads = means()
    variables = named_weights(model)
    for name, array in heads.items():
        variables[name].assign(array)

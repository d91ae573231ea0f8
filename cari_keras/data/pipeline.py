"""From records to batches.

Which records an epoch takes, and in which order, is decided on their numbers; then each is read at
its place, parsed once, decoded and varied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.data.augment import Augmentation, augment, standardize
from cari_keras.data.base import Batch
from cari_keras.data.prepared import Prepared
from cari_keras.images.graph import decode
from cari_keras.process import usable_cores
from cari_keras.records.schema import parse
from cari_keras.records.shards import Intact, Places, read_places
from cari_keras.vocabulary import MODALITIES

#: Input work is traced for TensorFlow's own executor, whatever training runs on: the one of
#: `runtime.in_order` waits for ever where a mapped function calls another `tf.function`, as
#: `exaggerate` does, and there are no more images at work than threads.
_own_executor = tf.experimental.function_executor_type("")


def steps_per_epoch(
    prepared: Prepared, batch_size: int, modalities: Sequence[str] = MODALITIES
) -> int:
    """Full batches in one pass over the training images; a remainder is left for other epochs."""
    return prepared.count("train", modalities) // batch_size


@_own_executor
def training_batches(
    prepared: Prepared,
    batch_size: int,
    *,
    epoch: int,
    seed: int,
    augmentation: Augmentation,
    modalities: Sequence[str] = MODALITIES,
    image_size: Optional[int] = None,
    skip: int = 0,
    part: tuple[int, int] = (0, 1),
) -> Intact[Batch]:
    """One epoch of training batches, a pure function of its arguments.

    Photos and caricatures are shuffled apart and then dealt out evenly, so that every batch holds
    both in the dataset's proportion (give or take one image).

    Args:
        prepared: The prepared dataset; its `train` split is read.
        batch_size: N.
        epoch: The epoch's number; changes order and augmentation.
        seed: The run's seed.
        augmentation: How images are varied.
        modalities: Which images take part.
        image_size: S, side of the images that come out; the stored images' by default.
        skip: Batches to leave out at the start, to go on in the middle of an epoch.
        part: (w, W): the w-th of W equal parts of every batch, as worker w of W takes it; the
            others' images are not read.

    Returns:
        `Batch` after `Batch`, N being the batch size over W: images float32 [N, S, S, 3]
        standardised, labels int32 [N], is_caricature bool [N].
    """
    places = [prepared.of("train", [modality]) for modality in modalities]
    order = _epoch_order([len(of) for of in places], seed, epoch)
    worker, workers = part
    size = batch_size // workers
    # Of whole batches, without those that are done, this worker's part.
    steps = np.arange(len(order) // batch_size * batch_size).reshape(-1, batch_size)
    rows = steps[skip:, worker * size : (worker + 1) * size].reshape(-1)
    chosen = Places.join(places).take(order[rows])
    stored, base = prepared.image_size, tf.constant(_mix(seed, epoch, 7), tf.int64)

    @tf.autograph.experimental.do_not_convert
    def example(serialized: tf.Tensor, label: tf.Tensor, number: tf.Tensor) -> Batch:
        fields = parse(serialized)
        image = decode(fields["image"], stored)
        random_seed = tf.stack([base, number])
        image = augment(image, random_seed, augmentation, fields["keypoints"], image_size)
        return Batch(standardize(image), label, fields["is_caricature"])

    numbers = tf.data.Dataset.from_tensor_slices((chosen.label, rows.astype(np.int64)))
    batches = (
        tf.data.Dataset.zip((read_places(chosen, parallel=_cores()), numbers))
        .map(lambda serialized, own: example(serialized, *own), num_parallel_calls=_cores())
        .batch(size, drop_remainder=True)
        .prefetch(2)
        .with_options(_own_threads())
    )
    return Intact(batches, prepared.root)


def _epoch_order(counts: Sequence[int], seed: int, epoch: int) -> Array:
    """The records' numbers, int [sum of counts], as an epoch takes them.

    Each modality's are shuffled as a whole, and the second's dealt evenly among the first's.
    """
    shuffled = [
        _shuffled(count, seed=_mix(seed, epoch, position)) + sum(counts[:position])
        for position, count in enumerate(counts)
    ]
    total = sum(counts)
    order = np.zeros(total, np.int64)
    second = counts[1] if len(counts) > 1 else 0
    k = np.arange(total)
    of_second = (k + 1) * second // max(total, 1) > k * second // max(total, 1)
    order[~of_second] = shuffled[0]
    if second:
        order[of_second] = shuffled[1]
    return order


def _shuffled(count: int, *, seed: int) -> Array:
    """A permutation of so many numbers, by TensorFlow's own shuffling."""
    if not count:
        return np.zeros(0, np.int64)
    numbers = tf.data.Dataset.range(count).shuffle(count, seed=seed, reshuffle_each_iteration=False)
    return np.asarray(numbers.batch(count).get_single_element())


@_own_executor
def evaluation_batches(
    prepared: Prepared, split: str, batch_size: int, modalities: Sequence[str] = MODALITIES
) -> Intact[dict[str, tf.Tensor]]:
    """Every image of some modalities of a split, once, in order, standardised and else unchanged.

    Returns:
        Dicts: `image` float32 [n, S, S, 3] of the stored size S, `label` int32 [n],
        `is_caricature` bool [n], `path` string [n]; the last batch may be smaller.
    """
    size, places = prepared.image_size, prepared.of(split, modalities)

    @tf.autograph.experimental.do_not_convert
    def example(serialized: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        fields = parse(serialized)
        fields["image"] = standardize(decode(fields["image"], size))
        fields["label"] = label
        return {name: fields[name] for name in ("image", "label", "is_caricature", "path")}

    labels = tf.data.Dataset.from_tensor_slices(places.label)
    batches = (
        tf.data.Dataset.zip((read_places(places, parallel=_cores()), labels))
        .map(example, num_parallel_calls=_cores())
        .batch(batch_size)
        .prefetch(2)
        .with_options(_own_threads())
    )
    return Intact(batches, prepared.root)


@_own_executor
def split_records(prepared: Prepared, split: str) -> Intact[tf.Tensor]:
    """The serialised records of a split, in order, one modality after the other."""
    records = read_places(prepared.of(split), parallel=_cores())
    return Intact(records.with_options(_own_threads()), prepared.root)


def _own_threads() -> tf.data.Options:
    """Input work has threads of its own, so that it goes on while the network's operations run.

    Nothing is tuned while running: an iterator that ends would wait for its tuning thread, whose
    naps double from 10 ms, so that 21 seconds of evaluation took 41 (seen with TensorFlow 2.15).
    """
    options = tf.data.Options()
    options.threading.private_threadpool_size = _cores()
    options.autotune.enabled = False
    return options


def _cores() -> int:
    return len(usable_cores())


def _mix(seed: int, epoch: int, stream: int) -> int:
    """A 31-bit seed that differs for every epoch and stream."""
    return (seed * 1_000_003 + epoch * 7_919 + stream * 104_729) % (2**31 - 1)

"""From TFRecord shards to batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Optional

import numpy as np
import tensorflow as tf

from cari_keras.data.augment import Augmentation, augment, standardize
from cari_keras.data.base import MODALITIES, Batch
from cari_keras.data.prepare import Prepared
from cari_keras.data.records import decode, parse

#: From a parsed record to its label, int32.
Label = Callable[[dict[str, tf.Tensor]], tf.Tensor]

#: Input work is traced for TensorFlow's own executor, whatever training runs on: the one of
#: `runtime.in_order` waits for ever where a mapped function calls another `tf.function`, as
#: `exaggerate` does, and there are no more images at work than threads.
_own_executor = tf.experimental.function_executor_type("")

#: Encoded images held for shuffling, per modality; about 100 MB of 160-pixel JPEGs.
SHUFFLE_BUFFER = 8192

#: Shards that are read in turn where the buffer does not hold a modality's images whole.
SHARDS_AT_ONCE = 128


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
) -> tf.data.Dataset:
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
            others' images are passed over before they are decoded.

    Returns:
        A dataset of `Batch`, N being the batch size over W: images float32 [N, S, S, 3]
        standardised, labels int32 [N], is_caricature bool [N].
    """
    label = _labels(prepared, "train")
    streams, counts = [], []
    for position, modality in enumerate(modalities):
        if not prepared.count("train", [modality]):
            continue
        counts.append(prepared.count("train", [modality]))
        streams.append(
            _shuffled(prepared, modality, label, counts[-1], seed=_mix(seed, epoch, position))
        )
    records = streams[0] if len(streams) == 1 else _deal(streams, counts)
    seeds = tf.data.Dataset.range(sum(counts)).map(
        lambda i: tf.stack([tf.constant(_mix(seed, epoch, 7), tf.int64), i])
    )
    stored = prepared.image_size

    def example(serialized: tf.Tensor, random_seed: tf.Tensor) -> Batch:
        fields = parse(serialized)
        image = decode(fields["image"], stored)
        image = augment(image, random_seed, augmentation, fields["keypoints"], image_size)
        return Batch(standardize(image), label(fields), fields["is_caricature"])

    inputs = tf.data.Dataset.zip((records, seeds)).skip(skip * batch_size)
    worker, workers = part
    size = batch_size // workers
    if workers > 1:
        whole = inputs.batch(batch_size, drop_remainder=True)
        own = slice(worker * size, (worker + 1) * size)
        inputs = whole.map(lambda records, seeds: (records[own], seeds[own])).unbatch()
    return (
        inputs.map(example, num_parallel_calls=_cores())
        .batch(size, drop_remainder=True)
        .prefetch(2)
        .with_options(_own_threads())
    )


def _shuffled(
    prepared: Prepared, modality: str, label: Label, count: int, *, seed: int
) -> tf.data.Dataset:
    """The serialised training records of a modality, in an order that the seed gives.

    Shards follow the images' names, so people come one after another. What the buffer holds whole
    is in any order; of more, shards are taken in a random order and many are read at once, since a
    buffer alone would show an epoch's people nearly in the order of their names.
    """
    if count <= SHUFFLE_BUFFER:
        records = _records(prepared, "train", [modality], label)
    else:
        files = prepared.files("train", modality)
        order = np.random.default_rng(seed).permutation(len(files))
        shards = tf.data.Dataset.from_tensor_slices([files[i] for i in order]).interleave(
            tf.data.TFRecordDataset, cycle_length=SHARDS_AT_ONCE, block_length=1
        )
        records = _labelled(shards, prepared, label)
    return records.shuffle(min(SHUFFLE_BUFFER, count), seed=seed, reshuffle_each_iteration=False)


@_own_executor
def evaluation_batches(
    prepared: Prepared, split: str, batch_size: int, modalities: Sequence[str] = MODALITIES
) -> tf.data.Dataset:
    """Every image of some modalities of a split, once, in order, standardised and else unchanged.

    Returns:
        A dataset of dicts: `image` float32 [n, S, S, 3] of the stored size S, `label` int32 [n],
        `is_caricature` bool [n], `path` string [n]; the last batch may be smaller.
    """
    size = prepared.image_size
    label = _labels(prepared, split)

    def example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        fields = parse(serialized)
        fields["image"] = standardize(decode(fields["image"], size))
        fields["label"] = label(fields)
        return {name: fields[name] for name in ("image", "label", "is_caricature", "path")}

    return (
        _records(prepared, split, modalities, label)
        .map(example, num_parallel_calls=_cores())
        .batch(batch_size)
        .prefetch(2)
        .with_options(_own_threads())
    )


@_own_executor
def split_records(prepared: Prepared, split: str) -> tf.data.Dataset:
    """The serialised records of a split, in order, one modality after the other."""
    return _records(prepared, split, MODALITIES, _labels(prepared, split))


def _records(
    prepared: Prepared, split: str, modalities: Sequence[str], label: Label
) -> tf.data.Dataset:
    """The serialised records of some modalities of a split: those that `label` has a label for."""
    files = [name for modality in modalities for name in prepared.files(split, modality)]
    return _labelled(tf.data.TFRecordDataset(files), prepared, label)


def _labelled(records: tf.data.Dataset, prepared: Prepared, label: Label) -> tf.data.Dataset:
    """The records that have a label, where shards hold those of other splits as well."""
    if prepared.labels is None:
        return records
    return records.filter(lambda serialized: label(parse(serialized)) >= 0)


def _labels(prepared: Prepared, split: str) -> Label:
    """From a parsed record to its label: its own, or the one the split gives it, else -1."""
    if prepared.labels is None:
        return lambda fields: fields["label"]
    known = prepared.labels.get(split, {})
    names = [name.encode("utf-8", "surrogateescape") for name in known]
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(names, tf.string), tf.constant(list(known.values()), tf.int32)
        ),
        default_value=-1,
    )
    return lambda fields: table.lookup(fields["path"])


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
    return os.cpu_count() or 1


def _deal(streams: Sequence[tf.data.Dataset], counts: Sequence[int]) -> tf.data.Dataset:
    """Interleaves two finite streams so that each is spread evenly over the whole."""
    total, second = sum(counts), counts[1]
    choice = tf.data.Dataset.range(total).map(
        lambda k: (k + 1) * second // total - k * second // total
    )
    return tf.data.Dataset.choose_from_datasets(list(streams), choice, stop_on_empty_dataset=False)


def _mix(seed: int, epoch: int, stream: int) -> int:
    """A 31-bit seed that differs for every epoch and stream."""
    return (seed * 1_000_003 + epoch * 7_919 + stream * 104_729) % (2**31 - 1)

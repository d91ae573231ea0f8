"""The TFRecord schema: one `tf.train.Example` per image."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from cari_keras.records.sample import Sample
from cari_keras.vocabulary import CARICATURE

_FEATURES = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "is_caricature": tf.io.FixedLenFeature([], tf.int64),
    "identity": tf.io.FixedLenFeature([], tf.string),
    "path": tf.io.FixedLenFeature([], tf.string),
    "keypoints": tf.io.VarLenFeature(tf.float32),
}


def serialize(sample: Sample, encoded: bytes, label: int) -> bytes:
    """One sample as a serialised Example.

    Args:
        sample: Its path, identity, modality and keypoints are kept.
        encoded: JPEG or PNG bytes.
        label: The identity's number.
    """
    points = [coordinate for point in sample.keypoints or () for coordinate in point]
    features = {
        "image": _bytes(encoded),
        "label": _ints(label),
        "is_caricature": _ints(int(sample.modality == CARICATURE)),
        "identity": _bytes(sample.identity.encode("utf-8", "surrogateescape")),
        "path": _bytes(sample.path.encode("utf-8", "surrogateescape")),
        "keypoints": tf.train.Feature(float_list=tf.train.FloatList(value=points)),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # Newer protobufs write a map in an order that differs between processes unless told not to.
    return example.SerializeToString(deterministic=True)


def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """The inverse of `serialize`, the image still encoded.

    Returns:
        `image` string, `label` int32, `is_caricature` bool, `identity` string, `path` string, and
        `keypoints` float32 [5, 2] as (x, y) fractions, NaN where the dataset has none.
    """
    example = tf.io.parse_single_example(serialized, _FEATURES)
    points = tf.sparse.to_dense(example["keypoints"])
    missing = tf.fill([10], float("nan"))
    points = tf.cond(tf.equal(tf.size(points), 10), lambda: points, lambda: missing)
    return {
        "image": example["image"],
        "label": tf.cast(example["label"], tf.int32),
        "is_caricature": tf.cast(example["is_caricature"], tf.bool),
        "identity": example["identity"],
        "path": example["path"],
        "keypoints": tf.reshape(points, [5, 2]),
    }


def _bytes(value: bytes) -> Any:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _ints(value: int) -> Any:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

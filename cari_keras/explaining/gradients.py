"""Integrated gradients (Sundararajan et al., 2017) of the cosine of two embeddings, at a layer.

Pixels would do in the place of features, and would take as many passes of the whole network; their
maps are noise about edges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.explaining.occlusion import BLUR, blurred
from cari_keras.stack import keras

#: The layer that is looked at has at least so many places across, where the network has such one:
#: deeper ones say more of the cosine, but no more where.
LEAST_PLACES = 8

#: Gradients that are taken on the way from the blurred face's features to the face's.
STEPS = 10


class Halves(NamedTuple):
    """A network, cut at a layer.

    Attributes:
        features: From faces, float32 RGB [n, S, S, 3] in [0, 255], to the layer's [n, h, w, c].
        embedding: From these to embeddings of unit norm, float32 [n, d]; can be differentiated.
    """

    features: Callable[[tf.Tensor], tf.Tensor]
    embedding: Callable[[tf.Tensor], tf.Tensor]


def cut(network: keras.Model) -> tuple[keras.Model, keras.Model]:
    """A network's two halves: from its input to a layer's features, from these to the embedding.

    The layer is the last of the widest, of those on the way to the embedding whose feature map has
    the fewest places that are still enough.

    Args:
        network: With an output `embedding`.
    """
    embedding = network.output["embedding"]
    way = [layer.output for layer in keras.Model(network.input, embedding).layers[1:]]
    maps = [each for each in way if len(each.shape) == 4]
    enough = [each for each in maps if each.shape[1] >= LEAST_PLACES] or maps
    places = min(each.shape[1] for each in enough)
    enough = [each for each in enough if each.shape[1] == places]
    widest = max(each.shape[-1] for each in enough)
    features = [each for each in enough if each.shape[-1] == widest][-1]
    return keras.Model(network.input, features), keras.Model(features, embedding)


def gradient_map(face: Array, other: Array, halves: Halves, *, seed: int) -> Array:
    """What each place of a layer adds to the cosine to another embedding.

    Args:
        face: uint8 RGB [S, S, 3].
        other: The other face's embedding, float32 [d], of unit norm.
        halves: The network.
        seed: Where on the way the gradients are taken: at a random place in each of its equal
            parts.

    Returns:
        float32 [S, S], positive where a place raises the cosine. Over the layer's places they add
        up to the cosine of the face less that of the blurred face, as far as `STEPS` gradients
        tell.
    """
    both = np.stack([face, blurred(face, BLUR * len(face))])
    features = halves.features(tf.constant(both, tf.float32))
    seen, without = tf.unstack(tf.cast(features, tf.float32))
    way = seen - without
    parts = (np.arange(STEPS) + np.random.default_rng(seed).uniform(size=STEPS)) / STEPS
    shares = tf.constant(parts.reshape(-1, 1, 1, 1), tf.float32)
    points = tf.cast(without + shares * way, features.dtype)
    with tf.GradientTape() as tape:
        tape.watch(points)
        cosines = tf.linalg.matvec(halves.embedding(points), tf.constant(other))
    gradients = tf.cast(tape.gradient(cosines, points), tf.float32)
    added = tf.reduce_sum(tf.reduce_mean(gradients, axis=0) * way, axis=-1).numpy()
    return cv2.resize(added, (len(face), len(face)), interpolation=cv2.INTER_CUBIC)

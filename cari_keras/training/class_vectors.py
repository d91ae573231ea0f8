"""Fixed class vectors: what the pretrained network makes of each person's photos.

A head that is trained on few people pulls the embedding to whatever tells these few apart. A head
whose class vectors stand where the pretrained network puts the people's photos asks something else:
that drawings come to where the photos are. Only drawings are in its cross-entropy. Photos need not
move, so what the network knew of millions of people stays; `retention` holds them there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Optional

import numpy as np
import tensorflow as tf

from cari_keras.data.base import Batch
from cari_keras.model.heads import HEAD_1
from cari_keras.model.network import split_at
from cari_keras.stack import keras

#: Passes over the training images, each augmented anew, whose embeddings are averaged.
PASSES = 2


def fix_class_vectors(
    model: keras.Model,
    batches: Iterable[Batch],
    *,
    cut: Optional[str] = None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Puts the direction of the mean embedding of each person's photos into branch 1's head.

    Of a person without photos it is that of their caricatures; without any image, a random one.

    Args:
        model: From `build_network`, with `cosine_scale` and the weights that are to be asked.
        batches: Training batches, augmented, so that no mean hangs on one framing.
        cut: Of `vocabulary.CUTS`: the batches hold stored outputs of the layers up to there; None
            where they hold images.
        check: Called before each batch; may raise.
    """
    network = split_at(model, cut)[1] if cut else model
    embed = keras.Model(network.input, network.output["embedding"])
    forward = tf.function(lambda images: embed(images, training=False), reduce_retracing=True)
    kernel = model.get_layer(HEAD_1).kernel
    width, count = kernel.shape
    # By modality: photos count alone wherever a person has any.
    sums = np.zeros((2, count, width))
    for batch in batches:
        check()
        places = batch.is_caricature.numpy().astype(int), batch.labels.numpy()
        np.add.at(sums, places, forward(batch.images).numpy())
    photos, caricatures = sums
    found = np.where(photos.any(axis=1, keepdims=True), photos, caricatures)
    nobody = ~found.any(axis=1)
    found[nobody] = np.random.default_rng(0).normal(size=(int(nobody.sum()), width))
    kernel.assign((found / np.linalg.norm(found, axis=1, keepdims=True)).T.astype(np.float32))

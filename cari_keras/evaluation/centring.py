"""Taking each modality's mean off the embeddings of a collection, with no labels.

Drawings of anybody lie to one side of the photos of anybody: part of every distance between a photo
and a caricature is about the modality, not the person. The mean embedding of a collection's photos,
and that of its caricatures, show which part. Whoever compares all of a collection has those means;
a lone pair of pictures has none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.predictions import Predictions

#: Images of a modality whose mean says something; of fewer it says who they are, and stays.
ENOUGH = 20


def modality_means(embeddings: Array, is_caricature: Array) -> Array:
    """The mean embedding of the photos and that of the caricatures of a collection.

    Args:
        embeddings: float32 [n, d].
        is_caricature: bool [n].

    Returns:
        float32 [2, d], photos first; zeros for a modality of fewer than `ENOUGH` images.
    """
    means = np.zeros((2, embeddings.shape[1]), np.float32)
    for row, chosen in enumerate((~is_caricature, is_caricature)):
        if int(chosen.sum()) >= ENOUGH:
            means[row] = embeddings[chosen].mean(axis=0)
    return means


def take_off(embeddings: Array, is_caricature: Array, means: Array) -> Array:
    """Embeddings without their modality's mean, scaled to unit norm again: float32 [n, d]."""
    found = embeddings - means[is_caricature.astype(int)]
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, 1e-12), np.float32)


def centred(predictions: Predictions) -> Predictions:
    """A network's predictions, less the mean embeddings of these same images."""
    embeddings, drawn = predictions.outputs["embedding"], predictions.is_caricature
    found = take_off(embeddings, drawn, modality_means(embeddings, drawn))
    return replace(predictions, outputs={**predictions.outputs, "embedding": found})

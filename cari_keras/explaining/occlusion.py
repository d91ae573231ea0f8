"""Occlusion: regions of a face are hidden one by one, and the similarity is measured anew."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from cari_keras.arrays import Array
from cari_keras.progress import Progress

#: A hidden region fades out as a Gaussian does: its deviation, and the distance of two regions, as
#: fractions of the face's side. A region is about as wide as an eye; neighbours overlap by half.
RADIUS, STRIDE = 0.085, 0.1

#: How blurred a hidden region is: the deviation of the Gaussian, as a fraction of the side. Colours
#: stay, features go. A grey patch would be a feature of its own, with edges that no face has.
BLUR = 0.1

#: Faces that are embedded at once, between two steps of the progress.
BATCH = 16

#: From faces, uint8 RGB [n, S, S, 3], to embeddings of unit norm, float32 [n, d].
EmbedFaces = Callable[[Array], Array]


def occlusion_map(
    face: Array, other: Array, embed: EmbedFaces, *, seed: int, progress: Progress
) -> Array:
    """By how much the cosine to another embedding falls where a face is hidden.

    Args:
        face: uint8 RGB [S, S, 3].
        other: The other face's embedding, float32 [d], of unit norm.
        embed: The network.
        seed: Where the grid of hidden regions begins.
        progress: Is told of every face that was embedded; there are `1 + len(places(S, seed))`.

    Returns:
        float32 [S, S], each pixel the mean of the hidden regions over it, weighed by how much of
        the pixel each of them hides. Positive where the hidden region raised the cosine.
    """
    side = len(face)
    hidden = blurred(face, BLUR * side)
    similarity = float(embed(face[None])[0] @ other)
    progress.update()
    total, weight = np.zeros((2, side, side))
    centres = places(side, seed)
    for start in range(0, len(centres), BATCH):
        masks = np.stack([_mask(side, *centre) for centre in centres[start : start + BATCH]])
        soft = masks[..., None]
        faces = np.rint(face + soft * (hidden.astype(np.float32) - face)).astype(np.uint8)
        falls = similarity - embed(faces) @ other
        total += np.tensordot(falls, masks, axes=1)
        weight += masks.sum(axis=0)
        progress.update(len(masks))
    return (total / weight).astype(np.float32)


def places(side: int, seed: int) -> Array:
    """Centres of the hidden regions, float [n, 2] as (x, y) in pixels, over the whole face."""
    step = STRIDE * side
    first = np.random.default_rng(seed).uniform(0.0, step, 2)
    axes = [np.arange(start, side, step) for start in first]
    return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)


def blurred(face: Array, deviation: float) -> Array:
    """A uint8 image without its features, by a Gaussian whose deviation is in pixels."""
    return cv2.GaussianBlur(face, (0, 0), deviation, borderType=cv2.BORDER_REFLECT)


def _mask(side: int, x: float, y: float) -> Array:
    """How much a region hides of each pixel: float64 [S, S] in (0, 1], 1 at its centre."""
    line = np.arange(side)
    across, down = (np.exp(-0.5 * ((line - at) / (RADIUS * side)) ** 2) for at in (x, y))
    return np.outer(down, across)

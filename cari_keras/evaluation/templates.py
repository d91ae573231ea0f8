"""The people of a gallery, an embedding each, and up to which distance a face is one of theirs.

A person's template is the mean of the embeddings of all of their faces, photos and caricatures
alike, scaled to unit norm. A face is as far from a person as from their template.

The threshold answers for strangers. A person whose own template is left out is a stranger to the
rest of the gallery; the distance of such a face to the nearest of the others' templates is what a
stranger's face has. The threshold is the largest one that at most the share FPIR of these distances
reach. Strangers find somebody near more easily the more people there are: the threshold is taken
from the gallery as it is, so that it becomes stricter as the gallery grows.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.evaluation.nearest import Nearest, nearest
from cari_keras.evaluation.open_set import FPIR, OpenSet, open_set

#: Faces, evenly over all, that a threshold is taken from at most.
MOST_PROBES = 4_000


class People(NamedTuple):
    """Templates.

    Attributes:
        names: Of the people, in order.
        sums: Of the embeddings of their faces, float64 [p, d].
        faces: How many these are, int [p].
    """

    names: tuple[str, ...]
    sums: Array
    faces: Array

    @property
    def templates(self) -> Array:
        """float32 [p, d] of unit norm."""
        return _unit(self.sums)

    def nearest(self, embeddings: Array, count: int) -> Nearest:
        """The nearest people to some faces, float32 [n, d]; places are those of `names`."""
        return nearest(embeddings, [(np.arange(len(self.names)), self.templates)], count)


def people_of(embeddings: Array, identities: Array) -> People:
    """The people that some faces are of.

    Args:
        embeddings: float32 [n, d] of unit norm.
        identities: Their names, str [n].
    """
    names, of = np.unique(identities, return_inverse=True)
    sums = np.zeros((len(names), embeddings.shape[1]))
    np.add.at(sums, of, embeddings)
    return People(tuple(names.tolist()), sums, np.bincount(of, minlength=len(names)))


def threshold_of(
    people: People, embeddings: Array, identities: Array, fpir: Optional[float] = None
) -> OpenSet:
    """The threshold for faces of one modality, by the rule above, and what it does.

    Scores are negated squared distances. Known people's faces are compared with templates that
    they are not part of.

    Args:
        people: All that the gallery has.
        embeddings: Faces of these people, all of one modality, float32 [n, d].
        identities: Whose they are, str [n].
        fpir: The share of strangers' faces to accept; None for `open_set.FPIR`.

    Raises:
        ConfigError: There are too few faces or people to tell that share.
    """
    fpir = FPIR if fpir is None else fpir
    if len(embeddings) > MOST_PROBES:
        chosen = np.arange(MOST_PROBES) * len(embeddings) // MOST_PROBES
        embeddings, identities = embeddings[chosen], identities[chosen]
    if len(people.names) < 2:
        raise ConfigError(f"{len(people.names)} people have a name")
    own = np.searchsorted(np.array(people.names), identities)
    found = people.nearest(embeddings, 2)
    other = np.where(found.places[:, 0] == own, found.distances[:, 1], found.distances[:, 0])
    several = people.faces[own] > 1
    rest = _unit(people.sums[own[several]] - embeddings[several])
    itself = np.maximum(2 - 2 * np.sum(rest * embeddings[several], axis=1), 0).astype(np.float32)
    right = itself < other[several]
    return open_set(-np.minimum(itself, other[several]), right, -other, identities, fpir)


def _unit(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)

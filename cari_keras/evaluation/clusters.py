"""How well groups of faces are people: B-cubed precision and recall (Bagga and Baldwin, 1998)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cari_keras.arrays import Array


class BCubed(NamedTuple):
    """Shares in [0, 1].

    Attributes:
        precision: Of a face's group, itself included, the share of its person: mean over faces.
        recall: Of a person's faces, the share that is in the face's group: mean over faces.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def b_cubed(labels: Array, identities: Array) -> BCubed:
    """B-cubed precision and recall of groups.

    Args:
        labels: The group of each face, int [n], n > 0; each face of -1 is a group of its own.
        identities: Whose face each is, [n].

    Example:
        >>> b_cubed(np.array([0, 0, 1, -1]), np.array(["a", "a", "b", "b"]))
        BCubed(precision=1.0, recall=0.75)
    """
    labels = np.asarray(labels).copy()
    alone = labels < 0
    labels[alone] = labels.max() + 1 + np.arange(int(alone.sum()))
    _, groups = np.unique(labels, return_inverse=True)
    _, people = np.unique(np.asarray(identities), return_inverse=True)
    pairs = groups.astype(np.int64) * (people.max() + 1) + people
    _, of, both = np.unique(pairs, return_inverse=True, return_counts=True)
    together = both[of]
    return BCubed(
        float(np.mean(together / np.bincount(groups)[groups])),
        float(np.mean(together / np.bincount(people)[people])),
    )

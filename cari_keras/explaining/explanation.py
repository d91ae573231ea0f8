"""What speaks for and against two faces being near, as two maps and as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

import numpy as np

from cari_keras.arrays import Array
from cari_keras.explaining.picture import drawn
from cari_keras.files import user_path
from cari_keras.images.encode import write_png


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which regions of two faces raise their similarity and which lower it.

    Attributes:
        photo: Of the photo, float32 [S, S] in [-1, 1]: positive where a region raises the cosine
            of the two embeddings, negative where it lowers the cosine. One of the two maps reaches
            1 or -1, unless both are 0 everywhere.
        other: The same of the face that the photo is compared with.
        photo_face: What the network sees of the photo, uint8 RGB [S, S, 3].
        other_face: The same of the other one.
        similarity: The cosine that is explained, in [-1, 1].
        strongest: What a value of 1 stands for. By occlusion, the cosine that is lost where the
            region is hidden; by gradient, what one place of the layer adds to the cosine.
        way: `gradient` or `occlusion`.
        seed: What the map was made with: the same seed gives the same map.
    """

    photo: Array
    other: Array
    photo_face: Array
    other_face: Array
    similarity: float
    strongest: float
    way: str
    seed: int

    @staticmethod
    def of(
        maps: Sequence[Array], faces: Sequence[Array], similarity: float, way: str, seed: int
    ) -> Explanation:
        """From two maps in units of the cosine, float32 [S, S]; they are scaled alike."""
        strongest = float(max(np.abs(each).max() for each in maps))
        photo, other = (each / strongest if strongest else each for each in maps)
        one, another = faces
        return Explanation(photo, other, one, another, similarity, strongest, way, seed)

    def __repr__(self) -> str:
        side = len(self.photo)
        return f"<Explanation by {self.way}: cosine {self.similarity:.3f}, {side} x {side} pixels>"

    def picture(self) -> Array:
        """Both faces, and both with their maps over them, with a legend: uint8 RGB [h, w, 3]."""
        told = f"cosine {self.similarity:.3f}, explained by {self.way}"
        return drawn((self.photo_face, self.other_face), (self.photo, self.other), told)

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes `picture` as a PNG file, atomically.

        Raises:
            OSError: The file cannot be written.
        """
        write_png(self.picture(), user_path(path))

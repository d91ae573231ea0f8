"""How `FaceModel` explains why two faces are near or far."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Union

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.evaluation.why import GRADIENT, OCCLUSION, by_gradient, halves_of
from cari_keras.explaining.explanation import Explanation
from cari_keras.explaining.gradients import Halves
from cari_keras.explaining.occlusion import occlusion_map, places
from cari_keras.process import check_not_forked
from cari_keras.progress import Progress
from cari_keras.serving.about import Described
from cari_keras.serving.faces import Faces
from cari_keras.serving.handed import Image
from cari_keras.vocabulary import CARICATURE, EXPLAIN_BY, PHOTO, check_word

if TYPE_CHECKING:
    from cari_keras.serving.asking import Asker


class Explaining(Described):
    """The part of `FaceModel` that explains."""

    _faces: Faces
    _asker: Asker
    embed_faces: Callable[[Array], Array]

    def explain(
        self,
        photo: Image,
        other: Image,
        *,
        modality: str = CARICATURE,
        way: str = GRADIENT,
        seed: int = 0,
        progress: Union[bool, Progress] = False,
    ) -> Explanation:
        """Which regions of two faces raise the cosine of their embeddings, and which lower it.

        Args:
            photo: As for `embed`.
            other: What it is compared with.
            modality: Of `other`, as for `embed`.
            way: `gradient`: integrated gradients at a layer of `keras_model`, which looks at each
                face whole, in one view; about a second.
                `occlusion`: regions are hidden one by one, and the face is embedded as the model
                answers, with all of its views; 202 embeddings.
            seed: The same seed gives the same maps.
            progress: Whether the progress of an occlusion is shown on standard error; or what is
                told of the faces that were embedded, and of their total.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: The network has no verification branch; there is no such modality or way;
                `seed` is no whole number from 0; the way is `gradient`, and the model is an export,
                which is a graph without layers; or this process was forked.
        """
        self._check_explains(way, seed)
        one = self._faces(photo, PHOTO, name="photo")
        another = self._faces(other, modality, name="other")
        return self.explain_faces(one, another, way=way, seed=seed, progress=progress)

    def explain_faces(
        self,
        photo: Array,
        other: Array,
        *,
        way: str = GRADIENT,
        seed: int = 0,
        progress: Union[bool, Progress] = False,
    ) -> Explanation:
        """As `explain`, of what `face` gave: two faces uint8 RGB [size, size, 3].

        Raises:
            ImageError: They are not what `face` gives; see `explain` for the rest.
        """
        self._check_explains(way, seed)
        for face in (photo, other):
            self._faces.check_made(face[None] if isinstance(face, np.ndarray) else face)
        check_not_forked()
        explain = self._by_gradient if way == GRADIENT else self._by_occlusion
        return explain(photo, other, seed, progress)

    def _check_explains(self, way: str, seed: int) -> None:
        check_word("way", way, EXPLAIN_BY)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigError(f"seed must be a whole number from 0. Received: {seed!r}")
        self._asker.check("verification")
        if way == GRADIENT and self._about.network is None:
            raise ConfigError(
                f"{self.name}: exports are graphs, which give no gradients; explain by "
                f"{OCCLUSION} (--explain-by {OCCLUSION}), or load the run that was "
                "exported"
            )

    def _by_occlusion(
        self, photo: Array, other: Array, seed: int, progress: Union[bool, Progress]
    ) -> Explanation:
        one, another = self.embed_faces(np.stack([photo, other]))
        total = 2 * (1 + len(places(self.size, seed)))
        if isinstance(progress, Progress):
            progress.total, told = total, progress
        else:
            told = Progress(total, "hiding regions", unit="face", shown=progress)
        with told:
            maps = [
                occlusion_map(face, embedding, self.embed_faces, seed=seed, progress=told)
                for face, embedding in ((photo, another), (other, one))
            ]
        return Explanation.of(maps, (photo, other), float(one @ another), OCCLUSION, seed)

    def _by_gradient(
        self, photo: Array, other: Array, seed: int, progress: Union[bool, Progress]
    ) -> Explanation:
        return by_gradient(photo, other, self._halves, seed=seed)

    @functools.cached_property
    def _halves(self) -> Halves:
        return halves_of(self.keras_model)

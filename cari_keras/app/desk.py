"""The page's questions to a network and a gallery: from uploaded pictures to answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from cari_keras.app.given import Portraits, no_portraits
from cari_keras.app.looking import Looked, look
from cari_keras.arrays import Array
from cari_keras.errors import CariError, ConfigError, GalleryError, ImageError
from cari_keras.evaluation.probability import ProbabilityCurve
from cari_keras.explaining.explanation import Explanation
from cari_keras.gallery.gallery import Gallery
from cari_keras.gallery.only import Only
from cari_keras.gallery.rows import FaceRow
from cari_keras.progress import Progress
from cari_keras.serving.answers import Verification
from cari_keras.serving.endpoints import EMBEDDING
from cari_keras.serving.lacking import endpoint_of
from cari_keras.vocabulary import CARICATURE, EXPLAIN_BY, PHOTO
from cari_keras.wording import likely

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

#: Pictures whose faces are kept, so that a click does not look for them again.
KEPT = 32

#: The quick way to explain.
GRADIENT = EXPLAIN_BY[0]

#: How many people are named, and how many faces are found.
PEOPLE, FACES = 5, 12

#: Said of a gallery that cannot measure how often strangers are taken for somebody.
TOO_FEW = (
    "The gallery has too few named faces of this modality to tell whether it is one of these people"
)


class Asked(NamedTuple):
    """A face of an uploaded picture.

    Attributes:
        path: The file.
        modality: `photo` or `caricature`.
        face: The number of the face on it, from 0.
    """

    path: Optional[str]
    modality: str
    face: int = 0


class Named(NamedTuple):
    """Somebody whom a face may show.

    Attributes:
        name: Who.
        told: How near.
        picture: A face of theirs as JPEG; None where there is none.
    """

    name: str
    told: str
    picture: Optional[bytes]


class Who(NamedTuple):
    """Who a face shows.

    Attributes:
        people: The nearest, best first.
        known: Whether the best one counts as known; None where no threshold says so.
        rate: How often a stranger is taken for somebody, in a line.
    """

    people: list[Named]
    known: Optional[bool]
    rate: str


class Near(NamedTuple):
    """A face of a gallery.

    Attributes:
        row: Its row.
        distance: Squared L2, 0 to 4.
        picture: The face as JPEG; None where the gallery keeps none.
    """

    row: FaceRow
    distance: float
    picture: Optional[bytes]


class Desk:
    """Answers about uploaded pictures; it stores nothing of one caller for another.

    Args:
        model: The network.
        gallery: Where to look for faces; None for no gallery.
        portraits: Gives the picture of somebody whom the network names.

    Attributes:
        model: The network.
        gallery: Likewise.
    """

    def __init__(
        self,
        model: FaceModel,
        gallery: Optional[Gallery] = None,
        portraits: Portraits = no_portraits,
    ) -> None:
        self.model, self.gallery, self._portraits = model, gallery, portraits
        named = gallery and next(iter(gallery.rows(Only(unnamed=False), ("path",))), None)
        self._names_people = named is not None
        # The name of an uploaded file has the hash of its content, so that it never changes.
        self._looked = lru_cache(KEPT)(partial(look, model))

    def warm_up(self, photo: str, caricature: str) -> None:
        """Asks everything that TensorFlow traces or loads on first use, so that nobody waits later.

        Args:
            photo: A file.
            caricature: Another one.
        """
        pair = Asked(photo, PHOTO), Asked(caricature, CARICATURE)
        for ask in (self.compare, partial(self.explain, way=GRADIENT, tell=lambda share: None)):
            with contextlib.suppress(CariError):  # what it cannot answer is told who asks
                ask(*pair)
        with contextlib.suppress(CariError):
            self.who(pair[0])

    def look(self, asked: Asked) -> Looked:
        """The faces of a picture.

        Raises:
            ImageError: No picture is given, or see `looking.look`.
        """
        if asked.path is None:
            raise ImageError("no picture yet; drop, choose or paste one")
        return self._looked(asked.path, asked.modality)

    def face(self, asked: Asked) -> Array:
        """A face as the network takes it, uint8 RGB [S, S, 3]; see `look`."""
        faces = self.look(asked).faces
        if not 0 <= asked.face < len(faces):
            raise ImageError(f"{Path(asked.path or '').name}: has no face number {asked.face + 1}")
        return faces[asked.face]

    def compare(self, photo: Asked, other: Asked) -> Verification:
        """Whether two faces are one person's.

        Raises:
            ImageError: See `face`.
            ConfigError: The network has no threshold for two such pictures.
        """
        one, another = self._pair(photo, other)
        (answer,) = self.model.verify_faces(one[None], another[None], modality=other.modality)
        return answer

    def curve(self, modality: str) -> Optional[ProbabilityCurve]:
        """From distances of a photo and an image of a modality to probabilities, if known."""
        limit = self.model.thresholds.get(endpoint_of(modality, EMBEDDING))
        return None if limit is None else limit.curve

    def explain(
        self, photo: Asked, other: Asked, way: str, tell: Callable[[float], None]
    ) -> Explanation:
        """Why two faces are near or far.

        Args:
            photo: A face.
            other: Another one.
            way: `gradient` or `occlusion`.
            tell: Is told the share of an occlusion that is done, in [0, 1].

        Raises:
            ImageError: See `face`.
            ConfigError: See `FaceModel.explain`.
        """
        one, another = self._pair(photo, other)
        return self.model.explain_faces(one, another, way=way, progress=_Told(tell))

    def who(self, asked: Asked) -> Who:
        """Whom a face shows: of the gallery's people if it names any, else of the network's.

        Raises:
            ImageError: See `face`.
            GalleryError: The gallery cannot tell.
            ConfigError: The network names nobody, and there is no gallery.
        """
        face = self.face(asked)
        if self.gallery is not None and self._names_people:
            return self._who_of_gallery(self.gallery, face, asked.modality)
        (found,) = self.model.identify_faces(face[None], asked.modality)
        people = [
            Named(one.identity, likely(one.probability), self._portraits(one.identity))
            for one in found.candidates[:PEOPLE]
        ]
        rate = "" if found.fpir is None else _rate(found.fpir, len(self.model.identities))
        return Who(people, found.known, rate)

    def find(self, asked: Asked, modality: Optional[str]) -> list[Near]:
        """The faces of the gallery that are nearest to one, nearest first.

        Args:
            asked: The face.
            modality: Of the faces to be found; None for both.

        Raises:
            ImageError: See `face`.
            GalleryError: The gallery cannot be read.
            ConfigError: There is no gallery.
        """
        if self.gallery is None:
            raise ConfigError("there is no gallery; start cari-app with --gallery DIR")
        embedding = self.model.embed_faces(self.face(asked)[None])
        self.gallery.refresh()  # another process may have added faces, or tidied up
        (hits,) = self.gallery.search(embedding, count=FACES, only=Only(modality=modality))
        kept = self.gallery.thumbnails([hit.row.key for hit in hits])
        return [Near(hit.row, hit.distance, kept.get(hit.row.key)) for hit in hits]

    def _pair(self, photo: Asked, other: Asked) -> tuple[Array, Array]:
        """Two faces as `verify` takes them: of a photo and a caricature, the photo first."""
        if photo.modality != PHOTO:
            raise ConfigError("one of the two pictures must be a photo")
        return self.face(photo), self.face(other)

    def _who_of_gallery(self, gallery: Gallery, face: Array, modality: str) -> Who:
        embedding = self.model.embed_faces(face[None])
        gallery.refresh()
        try:
            (answer,) = gallery.identify(embedding, modality=modality, count=PEOPLE)
            known, told = answer.known, _rate(answer.fpir or 0, answer.people)
        except GalleryError:  # too few faces of this modality to say who is nobody known
            (answer,) = gallery.identify(embedding, modality=modality, threshold=0, count=PEOPLE)
            known, told = None, TOO_FEW
        people = [
            Named(one.identity, f"distance {one.distance:.3f}", self._portrait(one.identity))
            for one in answer.candidates
        ]
        return Who(people, known, told)

    def _portrait(self, name: str) -> Optional[bytes]:
        """A face of a person of the gallery, as JPEG."""
        assert self.gallery is not None
        for row in self.gallery.rows(Only(identities=(name,)), ("path", "face", "thumbnail")):
            if row.thumbnail is not None:
                return row.thumbnail
        return None


class _Told(Progress):
    """Progress that somebody else shows."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        super().__init__(1, "", shown=False)
        self._tell = tell

    def update(self, more: int = 1) -> None:
        super().update(more)
        self._tell(min(1.0, self.done / np.maximum(self.total, 1)))


def _rate(fpir: float, people: int) -> str:
    return f"{100 * fpir:.1f} % of strangers' faces are taken for one of the {people:,} people"

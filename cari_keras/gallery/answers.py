"""A gallery's answers: whom a face shows, and which faces belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from cari_keras.arrays import Array
from cari_keras.evaluation.nearest import Nearest
from cari_keras.evaluation.templates import People
from cari_keras.gallery.groups import Grouping
from cari_keras.gallery.rows import FaceRow

if TYPE_CHECKING:
    from cari_keras.evaluation.open_set import OpenSet


class Person(NamedTuple):
    """A person of the gallery whom a face may show.

    Attributes:
        identity: Their name.
        distance: Squared L2 of the face to the person's template, 0 to 4.
        faces: Number of faces whose mean the template is.
    """

    identity: str
    distance: float
    faces: int


class Answer(NamedTuple):
    """Whom a face shows, or that it is nobody in the gallery.

    Attributes:
        candidates: People, nearest first.
        threshold: The largest squared distance that counts as known.
        fpir: Share of strangers' faces that the threshold takes for a known person, measured on
            strangers whom it was not chosen on; None where the caller gave the threshold.
        fnir: Share of known people's faces that the threshold takes for nobody or for somebody
            else; None where the caller gave the threshold.
        people: How many people the gallery has.
    """

    candidates: list[Person]
    threshold: float
    fpir: Optional[float]
    fnir: Optional[float]
    people: int

    @property
    def known(self) -> bool:
        """Whether the nearest person is near enough."""
        return bool(self.candidates) and self.candidates[0].distance <= self.threshold

    @property
    def identity(self) -> Optional[str]:
        """The nearest person's name; None where the face shows nobody in the gallery."""
        return self.candidates[0].identity if self.known else None


class Grouped(NamedTuple):
    """Faces that were sorted into people.

    Attributes:
        rows: The faces, with their thumbnails.
        embeddings: Theirs, float32 [n, d].
        grouping: Which group each is in.
        names: Whom each group shows; None where the gallery does not know them.
        why: Why some groups could not be named, in one line; else empty.
    """

    rows: list[FaceRow]
    embeddings: Array
    grouping: Grouping
    names: tuple[Optional[str], ...]
    why: str


def answers_of(
    people: People, found: Nearest, threshold: float, measured: Optional[OpenSet]
) -> list[Answer]:
    """The answers for some faces.

    Args:
        people: Of the gallery.
        found: The nearest of them to each face.
        threshold: The largest squared distance that counts as known.
        measured: What the threshold does; None where it was given.
    """
    return [
        Answer(
            [
                Person(people.names[place], float(near), int(people.faces[place]))
                for near, place in zip(*both)
                if place >= 0
            ],
            threshold,
            None if measured is None else measured.fpir_unseen,
            None if measured is None else measured.fnir,
            len(people.names),
        )
        for both in zip(found.distances.tolist(), found.places.tolist())
    ]

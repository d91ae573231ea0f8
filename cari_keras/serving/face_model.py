"""A trained network to use: in one line of Python, from a run or from its exports."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Optional, Union, cast, overload

import numpy as np

from cari_keras.align.config import AlignConfig
from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.serving.about import UNKNOWN, About
from cari_keras.serving.answers import Candidate, Identification, Verification
from cari_keras.serving.asking import Asker, Endpoints
from cari_keras.serving.endpoints import EMBEDDING, PAIRS, PIXELS
from cari_keras.serving.explained import Explaining
from cari_keras.serving.faces import ON_ERROR, Cut, Faces, Seen
from cari_keras.serving.handed import Image, Images, several
from cari_keras.serving.lacking import VERIFY_WITH, check_as_many, check_pair, endpoint_of
from cari_keras.serving.rows import escaped
from cari_keras.vocabulary import CARICATURE, LEFT_WHOLE, PHOTO, check_modality, check_word

#: What branches say of who is known, in the order of `Identification`'s fields.
KNOWN = ("known", "score", "threshold", "fpir")

#: What endpoints say of pairs: fields of `Verification`.
SAID = ("same", "distance", "threshold", "far", "probability")


class FaceModel(Explaining):
    """A trained network, as `load_model` opens it. Several threads may share one.

    A process that was forked from one with a model cannot use TensorFlow: every call raises
    ConfigError there.

    Attributes:
        name: The run, the folder of exports, or `facenet`.
        size: Side in pixels of the squares that the network sees.
        branches: Those of `verification`, `caricature`, `photo` that the network has.
        aligned: The settings by which cari-align cut out the training images; empty for whole
            pictures, None where they are not known.
        key: Identifies the embedding space: the weights, the size and the alignment.
        lacks: Why the network has no thresholds, so that it neither verifies nor calls anybody
            unknown; empty if it is not for want of a dataset.
        identities: Names of the people whom the network was trained on, in the order of its labels.
        thresholds: The thresholds of its decisions: endpoint -> `Limit`.
        keras_model: The `keras.Model` of a run or of `facenet`.
        card: A description of the network in a few lines, as Markdown and for notebooks.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        size: int,
        weights: str,
        about: About = UNKNOWN,
        *,
        align: Optional[bool] = None,
    ) -> None:
        self._asker = Asker(endpoints, about.lacks)
        self._about = about
        self._names = {escaped(name): name for name in about.identities or ()}
        whole = (about.aligned or {}).get(LEFT_WHOLE) if align is None else None
        align = bool(about.aligned) if align is None else align
        config = AlignConfig.of_crops(about.aligned or {}, size) if align else None
        how = f"{config.align}-{config.margin}" if config else "whole"
        self.key = f"{weights}-{size}-{how}" + (f"-{whole}-whole" if whole else "")
        self.size = size
        self.branches = self._asker.branches
        self._faces = Faces(size, config, whole=whole)
        kind = "faces that it finds" if config else "whole pictures"
        kind += f", but {whole}s whole" if whole else ""
        self._looks_at = f"{size} x {size} pixels, {kind}"

    def embed(
        self, images: Union[Image, Images], *, modality: str = PHOTO, errors: str = "raise"
    ) -> Array:
        """Embeddings of unit norm, float32: [d] for one image, [n, d] for several.

        Args:
            images: Paths, files' bytes, open files, Pillow images or uint8 RGB arrays [h, w, 3];
                one, or any iterable of them.
            modality: `photo` or `caricature`, which only the alignment uses. `auto` is for models
                that take whole pictures (`align=False`).
            errors: `raise`, or `skip`: an image of several that cannot be used gets a row of NaN,
                and a warning (UserWarning) gives its index and its name.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: The network has no verification branch; there is no such `modality` or
                `errors`; or this process was forked.
        """
        self._faces.known_modality(modality)
        check_word("errors", errors, ON_ERROR)
        self._asker.check("verification")
        many = several(images)
        if many is None:
            return self.embed_faces(self.face(cast(Image, images), modality)[None])[0]
        seen = self._seen(many, modality, errors)
        embeddings = self.embed_faces(seen.faces)
        found = np.full((seen.total, embeddings.shape[1]), np.nan, np.float32)
        found[seen.rows] = embeddings
        return found

    def embed_faces(self, faces: Array) -> Array:
        """Embeddings float32 [n, d] of what `face` gave, uint8 RGB [n, size, size, 3].

        Raises:
            ImageError: They are not what `face` gives; see `embed` for the rest.
        """
        self._faces.check_made(faces)
        if not len(faces):  # TensorFlow's convolutions refuse an empty batch
            return self.embed_faces(np.zeros((1, *faces.shape[1:]), faces.dtype))[:0]
        return self._asker("verification", "serving_default", image=faces)["embedding"]

    @overload
    def verify(
        self, photo: Image, other: Image, *, modality: str = CARICATURE, by: str = EMBEDDING
    ) -> Verification: ...

    @overload
    def verify(
        self, photo: Images, other: Images, *, modality: str = CARICATURE, by: str = EMBEDDING
    ) -> list[Verification]: ...

    @overload
    def verify(
        self,
        photo: Images,
        other: Images,
        *,
        modality: str = CARICATURE,
        by: str = EMBEDDING,
        errors: str,
    ) -> list[Optional[Verification]]: ...

    def verify(
        self,
        photo: Any,
        other: Any,
        *,
        modality: str = CARICATURE,
        by: str = EMBEDDING,
        errors: str = "raise",
    ) -> Any:
        """Whether two images show one person: for one pair, or for as many photos as others.

        Args:
            photo: As for `embed`.
            other: The image to compare with the photo.
            modality: Of `other`: `caricature`, or `photo` where the network has a threshold for two
                photos, as `facenet` has.
            by: What to compare: `embedding`, for any people; or `identities`, the network's
                predictions of the people that it knows, for pairs of these people only.
                `Verification.by` says what was compared, since older exports have a fixed one.
            errors: As for `embed`; the result of a pair that cannot be used is None.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: There is no such `modality`, branch, threshold, comparison or `errors`, or
                the counts differ.
        """
        check_word("errors", errors, ON_ERROR)
        self._asker.check("verification", endpoint_of(modality, by))
        left, right = several(photo), several(other)
        if (left is None) != (right is None):
            raise ConfigError(f"one photo and one {modality} are compared, or as many of each")
        if left is None or right is None:
            one = self._faces(photo, PHOTO, name="photo")
            another = self._faces(other, modality, name="other")
            return self.verify_faces(one[None], another[None], modality=modality, by=by)[0]
        check_as_many(left, right, modality)
        photos = self._seen(left, PHOTO, errors, "photo")
        others = self._seen(right, modality, errors, "other")
        both, of_photos, of_others = np.intersect1d(photos.rows, others.rows, return_indices=True)
        told = self.verify_faces(
            photos.faces[of_photos], others.faces[of_others], modality=modality, by=by
        )
        answers: list[Optional[Verification]] = [None] * photos.total
        for row, answer in zip(both.tolist(), told):
            answers[row] = answer
        return answers

    def verify_faces(
        self, photos: Array, others: Array, *, modality: str = CARICATURE, by: str = EMBEDDING
    ) -> list[Verification]:
        """As `verify`, of what `face` gave: two arrays uint8 RGB [n, size, size, 3].

        Raises:
            ImageError: They are not what `face` gives; see `verify` for the rest.
        """
        endpoint = endpoint_of(modality, by)
        self._faces.check_made(photos)
        self._faces.check_made(others)
        check_as_many(photos, others, modality)
        if not len(photos):
            return []
        pairs = dict(zip(PAIRS[endpoint], (photos, others)))
        found = self._asker("verification", f"{endpoint}{PIXELS}", **pairs)
        told: dict[str, Any] = {"by": by}
        if limit := self._about.limits.get(endpoint):
            told = {"measured_on": limit.measured_on, "by": limit.by, "why": limit.why}
        said = {name: found[name].tolist() for name in SAID if name in found}
        said.setdefault("same", [None] * len(photos))
        rows = (dict(zip(said, row)) for row in zip(*said.values()))
        return [Verification(**row, **told) for row in rows]

    def verifies(self, modality: str = CARICATURE, by: str = EMBEDDING) -> bool:
        """Whether the network can verify a photo and an image of a modality, compared by `by`.

        Raises:
            ConfigError: There is no such modality or comparison.
        """
        check_pair(modality, by)
        return ("verification", VERIFY_WITH.get((modality, by))) in self._asker.endpoints

    @overload
    def identify(self, image: Image, *, modality: str) -> Identification: ...

    @overload
    def identify(self, image: Images, *, modality: str) -> list[Identification]: ...

    @overload
    def identify(
        self, image: Images, *, modality: str, errors: str
    ) -> list[Optional[Identification]]: ...

    def identify(self, image: Any, *, modality: str, errors: str = "raise") -> Any:
        """Whom an image shows: for one image, or for several.

        Args:
            image: As for `embed`.
            modality: `photo` or `caricature`; the branch of that modality is used.
            errors: As for `embed`; the result of an image that cannot be used is None.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: There is no such `modality`, branch or `errors`.
        """
        check_word("errors", errors, ON_ERROR)
        self.check_identifies(modality)
        many = several(image)
        if many is None:
            return self.identify_faces(self.face(image, modality)[None], modality)[0]
        seen = self._seen(many, modality, errors)
        answers: list[Optional[Identification]] = [None] * seen.total
        for row, answer in zip(seen.rows.tolist(), self.identify_faces(seen.faces, modality)):
            answers[row] = answer
        return answers

    def check_identifies(self, modality: str) -> None:
        """Raises ConfigError if the network cannot identify people on images of a modality."""
        check_modality(modality, "each modality has a branch of its own")
        self._asker.check(modality)

    def identify_faces(self, faces: Array, modality: str) -> list[Identification]:
        """As `identify`, of what `face` gave: uint8 RGB [n, size, size, 3].

        Raises:
            ImageError: They are not what `face` gives; see `identify` for the rest.
        """
        self.check_identifies(modality)
        self._faces.check_made(faces)
        if not len(faces):
            return []
        found = self._asker(modality, "serving_default", image=faces)
        listed = [
            [
                Candidate(self._names.get(n, n.decode("utf-8", "surrogateescape")), float(p))
                for n, p in zip(names, values)
            ]
            for names, values in zip(found["identity"], found["probability"])
        ]
        said = {name: found[name].tolist() for name in KNOWN if name in found}
        return [
            Identification(candidates, **{name: values[i] for name, values in said.items()})
            for i, candidates in enumerate(listed)
        ]

    def face(self, image: Image, modality: str = PHOTO) -> Array:
        """The face that the network sees in an image: uint8 RGB [size, size, 3]. Modality as for
        `embed`.

        Raises:
            ImageError: The image cannot be read, or shows no face to align.
            ConfigError: There is no such modality.
        """
        return self._faces(image, modality)

    def every_face(self, image: Image, modality: str = PHOTO, *, name: str = "image") -> list[Cut]:
        """Every face that the network sees in an image, the main face first; see `Faces.every`."""
        return self._faces.every(image, modality, name=name)

    def look(
        self, images: Sequence[Image], modality: str = PHOTO, *, errors: str = "raise"
    ) -> Seen:
        """What the network sees of several images; see `Faces.all`."""
        return self._faces.all(images, modality, errors=errors)

    def _seen(self, images: Any, modality: str, errors: str, name: str = "images") -> Seen:
        """As `look`, and warns of what was left out."""
        seen = self._faces.all(images, modality, name=name, errors=errors)
        for line in seen.refused.values():
            warnings.warn(f"left out: {line}", stacklevel=3)
        return seen

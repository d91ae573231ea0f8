"""A trained network to use: in one line of Python, from a run or from its exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional, Union, overload

import numpy as np
import tensorflow as tf

from cari_keras.align.config import AlignConfig
from cari_keras.data.base import CARICATURE, MODALITIES, PHOTO
from cari_keras.errors import ConfigError
from cari_keras.serving.branches import PAIRS
from cari_keras.serving.calibration import VALIDATION_PAIRS
from cari_keras.serving.faces import Faces, Image, as_png

#: Images that are answered at once.
BATCH = 32

#: What branches say of who is known, in the order of `Identification`'s fields.
KNOWN = ("known", "score", "threshold", "fpir")

#: A second image's modality -> the endpoint that compares it with a photo.
VERIFY_WITH = {CARICATURE: "verify", PHOTO: "verify_photos"}

#: Several images; an array [n, h, w, 3] is as good.
Images = Union[list[Image], tuple[Image, ...]]

#: (branch, endpoint) -> the function.
Endpoints = dict[tuple[str, str], Callable[..., dict[str, tf.Tensor]]]


class Verification(NamedTuple):
    """Whether two images show one person.

    Attributes:
        same: The decision.
        distance: Squared L2, 0 to 4.
        threshold: The largest distance that is called the same.
        far: Share of the impostor pairs that this threshold accepts, of those in `measured_on`.
        measured_on: Which pairs the threshold was measured on.
    """

    same: bool
    distance: float
    threshold: float
    far: float
    measured_on: str = VALIDATION_PAIRS


class Candidate(NamedTuple):
    """An identity that an image may show.

    Attributes:
        identity: Its name.
        probability: In [0, 1], over the identities that the network knows.
    """

    identity: str
    probability: float


class Identification(NamedTuple):
    """Who is on an image, as far as a network can tell.

    Attributes:
        candidates: Up to five identities, best first.
        known: Whether `score` reaches the threshold; None without one, which is where the dataset
            has no images of strangers.
        score: How far the best one stands out from all identities.
        threshold: The smallest score that counts as known.
        fpir: Share of strangers' images that reach this threshold, of strangers that it was not
            chosen on.
    """

    candidates: list[Candidate]
    known: Optional[bool] = None
    score: Optional[float] = None
    threshold: Optional[float] = None
    fpir: Optional[float] = None

    @property
    def identity(self) -> Optional[str]:
        """The best identity; None where the image shows nobody that the network knows."""
        return None if self.known is False else self.candidates[0].identity


class FaceModel:
    """Answers about faces; see `load_model`. May be used from several threads.

    Attributes:
        size: Side in pixels of the squares that images become.
        branches: Which of `verification`, `caricature`, `photo` it has.
        aligned: How cari-align cut out what the network was trained on; empty where that was whole
            pictures, None where it is not known.
        key: Tells its embeddings from those of other networks, or of other ways to look.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        size: int,
        weights: str,
        *,
        aligned: Optional[Mapping[str, Any]] = None,
        align: Optional[bool] = None,
        measured_on: Optional[Mapping[str, str]] = None,
    ) -> None:
        self._endpoints = endpoints
        self._measured_on = dict(measured_on or {})
        self.aligned = aligned
        align = bool(aligned) if align is None else align
        config = AlignConfig.of_crops(aligned or {}, size) if align else None
        how = f"{config.align}-{config.margin}" if config else "whole"
        self.key = f"{weights}-{size}-{how}"
        self.size = size
        self.branches = tuple(dict.fromkeys(branch for branch, _ in endpoints))
        self._faces = Faces(size, config)

    def embed(self, images: Union[Image, Images], *, modality: str = PHOTO) -> np.ndarray:
        """Embeddings of unit norm, float32: [d] of one image, [n, d] of several.

        Args:
            images: Paths, files' bytes or uint8 RGB arrays [h, w, 3]; one, or a sequence of them.
            modality: `photo` or `caricature`; it matters to alignment alone.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: The network has no verification branch.
        """
        self._check("verification")
        many, pixels = self._pixels(images, modality)
        found = self.embed_faces(pixels)
        return found if many else found[0]

    def embed_faces(self, faces: np.ndarray) -> np.ndarray:
        """Embeddings float32 [n, d] of what `face` gave, uint8 RGB [n, size, size, 3]."""
        if not len(faces):  # TensorFlow's convolutions refuse an empty batch
            return self.embed_faces(np.zeros((1, *faces.shape[1:]), faces.dtype))[:0]
        return self._ask("verification", "serving_default", image=faces)["embedding"]

    @overload
    def verify(self, photo: Image, other: Image, *, modality: str = CARICATURE) -> Verification: ...

    @overload
    def verify(
        self, photo: Images, other: Images, *, modality: str = CARICATURE
    ) -> list[Verification]: ...

    def verify(
        self,
        photo: Union[Image, Images],
        other: Union[Image, Images],
        *,
        modality: str = CARICATURE,
    ) -> Union[Verification, list[Verification]]:
        """Whether two images show one person: one pair, or as many of each.

        Args:
            photo: As for `embed`.
            other: What it is compared with.
            modality: Of `other`: `caricature`, or `photo` where the network has a threshold for two
                photos, as `facenet` has.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: There is no such modality, branch or threshold, or the counts differ.
        """
        _check_modality(modality)
        endpoint = VERIFY_WITH[modality]
        self._check("verification", endpoint)
        many, photos = self._pixels(photo, PHOTO)
        _, others = self._pixels(other, modality)
        if len(photos) != len(others):
            raise ConfigError(
                f"as many photos as {modality}s are compared. Received: {len(photos)} and "
                f"{len(others)}"
            )
        if not len(photos):
            return []
        files = dict(zip(PAIRS[endpoint], (_as_files(photos), _as_files(others))))
        found = self._ask("verification", endpoint, **files)
        columns = (found[name].tolist() for name in ("same", "distance", "threshold", "far"))
        told = self._measured_on.get(endpoint, VALIDATION_PAIRS)
        answers = [Verification(*row)._replace(measured_on=told) for row in zip(*columns)]
        return answers if many else answers[0]

    @overload
    def identify(self, image: Image, *, modality: str) -> Identification: ...

    @overload
    def identify(self, image: Images, *, modality: str) -> list[Identification]: ...

    def identify(
        self, image: Union[Image, Images], *, modality: str
    ) -> Union[Identification, list[Identification]]:
        """Who an image shows: of one image, or of as many as are given.

        Args:
            image: As for `embed`.
            modality: `photo` or `caricature`; the branch of that modality answers.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: There is no such modality or branch.
        """
        _check_modality(modality)
        self._check(modality)
        many, pixels = self._pixels(image, modality)
        if not len(pixels):
            return []
        found = self._ask(modality, "serving_default", image=pixels)
        listed = [
            [
                Candidate(n.decode("utf-8", "surrogateescape"), float(p))
                for n, p in zip(names, values)
            ]
            for names, values in zip(found["identity"], found["probability"])
        ]
        said = {name: found[name].tolist() for name in KNOWN if name in found}
        answers = [
            Identification(candidates, **{name: values[i] for name, values in said.items()})
            for i, candidates in enumerate(listed)
        ]
        return answers if many else answers[0]

    def face(self, image: Image, modality: str = PHOTO) -> np.ndarray:
        """What the network sees of an image: uint8 RGB [size, size, 3]."""
        return self._faces(image, modality)

    def _pixels(self, images: Union[Image, Images], modality: str) -> tuple[bool, np.ndarray]:
        many = isinstance(images, (list, tuple)) or getattr(images, "ndim", 3) == 4
        listed: Any = images if many else [images]
        found = [self._faces(image, modality) for image in listed]
        if not found:
            return many, np.zeros((0, self.size, self.size, 3), np.uint8)
        return many, np.stack(found)

    def _ask(self, branch: str, endpoint: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Asks an endpoint in batches."""
        self._check(branch, endpoint)
        function = self._endpoints[branch, endpoint]
        count = len(next(iter(inputs.values())))
        found: list[dict[str, np.ndarray]] = []
        for start in range(0, count, BATCH):
            rows = {n: tf.constant(v[start : start + BATCH]) for n, v in inputs.items()}
            found.append({name: value.numpy() for name, value in function(**rows).items()})
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}

    def _check(self, branch: str, endpoint: str = "serving_default") -> None:
        """Raises ConfigError where there is no such endpoint, before any image is looked at."""
        if (branch, endpoint) in self._endpoints:
            return
        if branch not in self.branches:
            raise ConfigError(
                f"the network has no branch for {branch}, only for {', '.join(self.branches)}; "
                f"cari-train trains one, with {branch} among its --tasks"
            )
        has = {name: modality for modality, name in VERIFY_WITH.items()}
        others = [has[name] for of, name in self._endpoints if of == branch and name in has]
        if others:
            raise ConfigError(
                f"the network has no threshold for a photo and a {has[endpoint]}, only for a photo "
                f"and a {others[0]} (facenet has both)"
            )
        raise ConfigError(
            f"the network has no {endpoint}, for want of a threshold: its dataset has no "
            "validation pairs, or it was trained on them (name a run by thresholds_of)"
        )


def _check_modality(modality: str) -> None:
    """Raises ConfigError for what is no modality."""
    if modality not in MODALITIES:
        raise ConfigError(
            f"modality must be one of {', '.join(MODALITIES)}. Received: {modality!r}"
        )


def _as_files(pixels: np.ndarray) -> np.ndarray:
    files = np.empty(len(pixels), dtype=object)
    files[:] = [as_png(image) for image in pixels]
    return files

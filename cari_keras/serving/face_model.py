"""A trained network to use: in one line of Python, from a run or from its exports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union, overload

import numpy as np
import tensorflow as tf

from cari_keras.data.base import CARICATURE, MODALITIES, PHOTO
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.evaluation.matcher import load_matcher
from cari_keras.files import write_json
from cari_keras.saved import CONFIG
from cari_keras.serving.branches import branches_of, pixel_side
from cari_keras.serving.calibration import Thresholds, thresholds_of
from cari_keras.serving.export import CARD, hash_of_variables
from cari_keras.serving.faces import Faces, Image, as_png

#: Images that are answered at once.
BATCH = 32

#: A run's thresholds, so that they are taken once.
THRESHOLDS = "thresholds.json"

#: What branches say of who is known, in the order of `Identification`'s fields.
KNOWN = ("known", "score", "threshold", "fpir")

#: Several images; an array [n, h, w, 3] is as good.
Images = Union[list[Image], tuple[Image, ...]]

#: (branch, endpoint) -> the function.
Endpoints = dict[tuple[str, str], Callable[..., dict[str, tf.Tensor]]]


class Verification(NamedTuple):
    """Whether a photo and a caricature show one person.

    Attributes:
        same: The decision.
        distance: Squared L2, 0 to 4.
        threshold: The largest distance that is called the same.
        far: Share of the impostor validation pairs that this threshold accepts.
    """

    same: bool
    distance: float
    threshold: float
    far: float


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
        key: Tells its embeddings from those of other networks, or of other ways to look.
    """

    def __init__(
        self, endpoints: Endpoints, size: int, weights: str, *, align: bool = False
    ) -> None:
        self._endpoints = endpoints
        self.key = f"{weights}-{size}-{'aligned' if align else 'whole'}"
        self.size = size
        self.branches = tuple(dict.fromkeys(branch for branch, _ in endpoints))
        self._faces = Faces(size, align=align)

    def embed(self, images: Union[Image, Images], *, modality: str = PHOTO) -> np.ndarray:
        """Embeddings of unit norm, float32: [d] of one image, [n, d] of several.

        Args:
            images: Paths, files' bytes or uint8 RGB arrays [h, w, 3]; one, or a sequence of them.
            modality: `photo` or `caricature`; it matters to alignment alone.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: The network has no verification branch.
        """
        many, pixels = self._pixels(images, modality)
        found = self.embed_faces(pixels)
        return found if many else found[0]

    def embed_faces(self, faces: np.ndarray) -> np.ndarray:
        """Embeddings float32 [n, d] of what `face` gave, uint8 RGB [n, size, size, 3]."""
        if not len(faces):  # TensorFlow's convolutions refuse an empty batch
            return self.embed_faces(np.zeros((1, *faces.shape[1:]), faces.dtype))[:0]
        return self._ask("verification", "serving_default", image=faces)["embedding"]

    @overload
    def verify(self, photo: Image, caricature: Image) -> Verification: ...

    @overload
    def verify(self, photo: Images, caricature: Images) -> list[Verification]: ...

    def verify(
        self, photo: Union[Image, Images], caricature: Union[Image, Images]
    ) -> Union[Verification, list[Verification]]:
        """Whether they show one person: one pair, or as many of each.

        Raises:
            ImageError: An image cannot be read, or shows no face to align.
            ConfigError: There is no verification branch, or the counts differ.
        """
        many, photos = self._pixels(photo, PHOTO)
        _, drawings = self._pixels(caricature, CARICATURE)
        if len(photos) != len(drawings):
            raise ConfigError(
                f"as many photos as caricatures are compared. Received: {len(photos)} and "
                f"{len(drawings)}"
            )
        if not len(photos):
            return []
        found = self._ask(
            "verification",
            "verify",
            photo_bytes=_as_files(photos),
            caricature_bytes=_as_files(drawings),
        )
        columns = (found[name].tolist() for name in ("same", "distance", "threshold", "far"))
        answers = [Verification(*row) for row in zip(*columns)]
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
        if modality not in MODALITIES:
            raise ConfigError(
                f"modality must be one of {', '.join(MODALITIES)}. Received: {modality!r}"
            )
        many, pixels = self._pixels(image, modality)
        if not len(pixels):
            return []
        found = self._ask(modality, "serving_default", image=pixels)
        listed = [
            [Candidate(n.decode("utf-8", "replace"), float(p)) for n, p in zip(names, values)]
            for names, values in zip(found["identity"], found["probability"])
        ]
        columns = (found[name].tolist() for name in KNOWN if name in found)
        answers = [Identification(*row) for row in zip(listed, *columns)]
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
        function = self._endpoints.get((branch, endpoint))
        if function is None:
            raise ConfigError(
                f"the network has no branch for {branch}; it has {', '.join(self.branches)}"
            )
        count = len(next(iter(inputs.values())))
        found: list[dict[str, np.ndarray]] = []
        for start in range(0, count, BATCH):
            rows = {n: tf.constant(v[start : start + BATCH]) for n, v in inputs.items()}
            found.append({name: value.numpy() for name, value in function(**rows).items()})
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _as_files(pixels: np.ndarray) -> np.ndarray:
    files = np.empty(len(pixels), dtype=object)
    files[:] = [as_png(image) for image in pixels]
    return files


def open_model(path: Path, *, align: bool = False, data_dir: Optional[str] = None) -> FaceModel:
    """See `cari_keras.load_model`."""
    if (path / CONFIG).is_file():
        return _from_run(path, align=align, data_dir=data_dir)
    found = {
        task: max(versions, key=lambda p: int(p.name))
        for task in ("verification", "caricature", "photo")
        if (versions := [p for p in (path / task).glob("*") if p.name.isdigit()])
    }
    if not found:
        raise CheckpointError(f"{path}: neither a run folder nor a folder of exports")
    return _from_exports(found, align=align)


def _from_run(run: Path, *, align: bool, data_dir: Optional[str]) -> FaceModel:
    matcher = load_matcher(str(run), {})
    kept = run / THRESHOLDS
    stored = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    if stored.get("weights_sha256") == matcher.weights:
        thresholds = Thresholds.of_json(stored)
    else:
        thresholds = thresholds_of(matcher, data_dir=data_dir)
        write_json(kept, {"weights_sha256": matcher.weights, **thresholds.as_json()})
    endpoints: Endpoints = {
        (branch.name, name): tf.function(endpoint.function, input_signature=endpoint.inputs)
        for branch in branches_of(matcher, thresholds)
        for name, endpoint in branch.endpoints.items()
    }
    return FaceModel(endpoints, pixel_side(matcher), matcher.weights, align=align)


def _checked(folder: Path) -> str:
    """The hash that an export's card records of its variables, which must have it.

    Raises:
        CheckpointError: There is no card, or the variables are not those it was written for.
    """
    try:
        recorded = json.loads((folder / CARD).read_text(encoding="utf-8"))["variables_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CARD}: not an export's card ({error})") from error
    if hash_of_variables(folder) != recorded:
        raise CheckpointError(f"{folder}: its variables do not have the recorded hash; damaged?")
    return str(recorded)


def _from_exports(folders: dict[str, Path], *, align: bool) -> FaceModel:
    endpoints: Endpoints = {}
    size, weights = 0, []
    for branch, folder in folders.items():
        weights.append(_checked(folder))
        try:
            model = tf.saved_model.load(str(folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"{folder}: not a readable export ({reason})") from error
        for name, function in model.signatures.items():
            endpoints[branch, name] = function
        (spec,) = model.signatures["serving_default"].structured_input_signature[1].values()
        size = spec.shape[1]
    return FaceModel(endpoints, size, "-".join(weights), align=align)

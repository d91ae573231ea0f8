"""The nearest faces of a folder, across modalities; the folder's embeddings are kept."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import cv2
import numpy as np
from tqdm import tqdm

from cari_keras.data.aligned import is_aligned
from cari_keras.data.base import CANNOT_BE_READ
from cari_keras.data.encoding import DECODING
from cari_keras.data.folder import EXTENSIONS, stamp
from cari_keras.data.images import modality_below
from cari_keras.data.walk import pictures
from cari_keras.errors import DatasetError, ImageError
from cari_keras.files import DAMAGED_ARCHIVE, atomic_path, user_cache_dir
from cari_keras.serving.face_model import BATCH, FaceModel
from cari_keras.serving.faces import side_by_side

#: Height of the line of text below a face of a sheet, in pixels.
_TEXT = 22


class Found(NamedTuple):
    """A face of the gallery.

    Attributes:
        path: Its file.
        distance: Squared L2 to the query, 0 to 4.
    """

    path: str
    distance: float


class Gallery(NamedTuple):
    """A folder's faces.

    Attributes:
        paths: Their files.
        embeddings: float32 [n, d].
        refused: Files that show no face or cannot be read, with the reason.
    """

    paths: tuple[str, ...]
    embeddings: np.ndarray
    refused: tuple[str, ...]

    def nearest(self, embedding: np.ndarray, count: int) -> list[Found]:
        """The nearest faces to an embedding [d], nearest first."""
        distances = np.sum((self.embeddings - embedding) ** 2, axis=-1)
        order = np.argsort(distances, kind="stable")[:count]
        return [Found(self.paths[i], float(distances[i])) for i in order]


def open_gallery(
    model: FaceModel, folder: Path, *, cache_dir: Optional[Path] = None, progress: bool = False
) -> Gallery:
    """The faces of all images below a folder, from the cache where no file has changed.

    Args:
        model: The network.
        folder: The gallery.
        cache_dir: Where embeddings are kept; the per-user cache by default.
        progress: Whether to show a progress bar.

    Raises:
        DatasetError: The folder is missing or has no usable image.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    if is_aligned(folder):
        raise DatasetError(
            f"{folder}: cari-align's faces are in records; search the folder of raw pictures"
        )
    paths, closed = pictures(folder, EXTENSIONS)
    files = [(str(path), stamp(path)) for path in paths]
    request = repr((model.key, DECODING, str(folder.resolve()), files, closed))
    name = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    kept = (cache_dir or user_cache_dir()) / "galleries" / f"{name}.npz"
    with contextlib.suppress(*DAMAGED_ARCHIVE), np.load(kept, allow_pickle=False) as stored:
        names, refused = stored["paths"].tolist(), stored["refused"].tolist()
        return Gallery(tuple(names), stored["embeddings"], tuple(refused))
    found = _embed(model, folder, paths, progress)
    found = found._replace(refused=(*closed, *found.refused))
    if not found.paths:
        raise DatasetError(f"{folder}: no usable image in it")
    if any(CANNOT_BE_READ in line for line in found.refused):
        return found  # it may be readable the next time, which its stamp would not show
    with (
        contextlib.suppress(OSError),  # a cache that cannot be written
        atomic_path(kept) as temporary,
        temporary.open("wb") as stream,
    ):
        np.savez(
            stream,
            paths=np.array(found.paths),
            embeddings=found.embeddings,
            refused=np.array(found.refused, dtype=np.str_),
        )
    return found


def _embed(model: FaceModel, folder: Path, paths: Sequence[Path], progress: bool) -> Gallery:
    kept, refused, parts = [], [], []
    bar = tqdm(total=len(paths), unit="image", desc="Looking at the gallery", disable=not progress)
    for start in range(0, len(paths), BATCH):
        faces = []
        for path in paths[start : start + BATCH]:
            try:
                faces.append(model.face(path, modality_below(folder, path)))
                kept.append(str(path))
            except ImageError as error:
                refused.append(str(error))
            bar.update()
        if faces:
            parts.append(model.embed_faces(np.stack(faces)))
    bar.close()
    embeddings = np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
    return Gallery(tuple(kept), embeddings, tuple(refused))


def sheet(query: np.ndarray, faces: Sequence[np.ndarray], found: Sequence[Found]) -> np.ndarray:
    """The query and the faces nearest to it in a row, distances below: uint8 RGB [h, w, 3]."""
    texts = ["query", *(f"{face.distance:.3f}" for face in found)]
    return side_by_side(*(_labelled(*cell) for cell in zip((query, *faces), texts)))


def _labelled(face: np.ndarray, text: str) -> np.ndarray:
    line = np.full((_TEXT, face.shape[1], 3), 255, np.uint8)
    cv2.putText(
        line, text, (2, _TEXT - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA
    )
    return np.concatenate([face, line])

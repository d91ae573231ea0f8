"""The nearest faces of a folder, across modalities; the folder's embeddings are kept."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.data.given import modality_below
from cari_keras.errors import DatasetError, ImageError
from cari_keras.evaluation.centring import ENOUGH, modality_means, take_off
from cari_keras.evaluation.nearest import nearest
from cari_keras.files import DAMAGED_ARCHIVE, atomic_path, cache_name, cache_place, user_path
from cari_keras.images.captions import Captioned, sheet_of
from cari_keras.images.decode import DECODING, may_be_readable_later
from cari_keras.images.walk import pictures, stamp
from cari_keras.model.checkpoints import write_arrays
from cari_keras.progress import Progress
from cari_keras.records.aligned import is_aligned
from cari_keras.serving.answers import Verification
from cari_keras.serving.asking import BATCH
from cari_keras.serving.captions import name_lines, verdict_lines
from cari_keras.serving.face_model import FaceModel
from cari_keras.vocabulary import CARICATURE, PHOTO, check_modality


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
        refused: Files that show no face or cannot be read, with the reason; before them a line for
            each kind of file that was left out by its place or name.
        new: Whether a file was looked at just now; else they are all from the cache.
    """

    paths: tuple[str, ...]
    embeddings: Array
    refused: tuple[str, ...]
    new: bool = False

    def nearest(
        self, embedding: Array, count: int, *, leave_out: Collection[str] = ()
    ) -> list[Found]:
        """The nearest faces to an embedding [d], nearest first; without those to leave out."""
        kept = np.array([i for i, path in enumerate(self.paths) if path not in leave_out], int)
        faces = [(kept, self.embeddings[kept])]
        found = nearest(embedding[None], faces, min(count, max(len(kept), 1)))
        near = zip(found.places[0].tolist(), found.distances[0].tolist())
        return [Found(self.paths[i], distance) for i, distance in near if i >= 0]


def open_gallery(
    model: FaceModel, folder: Path, *, cache_dir: Optional[Path] = None, progress: bool = False
) -> Gallery:
    """The faces of all images below a folder; files that have not changed come from the cache.

    Args:
        model: The network.
        folder: The gallery.
        cache_dir: Where embeddings are kept; the per-user cache by default.
        progress: Whether to show a progress bar.

    Raises:
        DatasetError: The folder is missing or has no usable image.
    """
    folder = user_path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    if is_aligned(folder):
        raise DatasetError(
            f"{folder}: an aligned folder holds records, not pictures; search the folder "
            "of raw pictures"
        )
    listed = pictures(folder)
    closed = [f"{folder}: {line}" for line in listed.lines()]
    files = [(str(path), stamp(path)) for path in listed.paths]
    kept = cache_place(cache_dir, "galleries") / f"{cache_name(_request(model, folder))}.npz"
    before = _read(kept)
    found = _embed(model, folder, files, before, progress)
    found = found._replace(refused=(*closed, *found.refused))
    if not found.paths:
        first = f"; {found.refused[0]}" if found.refused else ""
        raise DatasetError(f"{folder}: no usable image in it{first}")
    if found.new:
        _keep(kept, files, found, len(closed))
    return found


def _request(model: FaceModel, folder: Path) -> list[Any]:
    """What the embeddings of a folder depend on, beside its files."""
    return ["by file", model.key, DECODING, str(folder), str(folder.resolve())]


class _Kept(NamedTuple):
    """What a file gave: its embedding float32 [d], or why it shows no face."""

    embedding: Optional[Array]
    reason: str


#: Path and stamp of a file.
_File = tuple[str, Optional[tuple[int, int]]]


def _read(path: Path) -> dict[_File, _Kept]:
    """What the files of a gallery gave when it was looked at last; nothing where that is lost."""
    with contextlib.suppress(*DAMAGED_ARCHIVE), np.load(path, allow_pickle=False) as stored:
        names, stamps = stored["paths"].tolist(), stored["stamps"].tolist()
        files = [(name, (size, when)) for name, (size, when) in zip(names, stamps)]
        faces = [_Kept(row, "") for row in stored["embeddings"]]
        refused = [_Kept(None, reason) for reason in stored["refused"].tolist()]
        return dict(zip(files, [*faces, *refused]))
    return {}


def _keep(path: Path, files: Sequence[_File], found: Gallery, closed: int) -> None:
    """Keeps what the files gave, but for what may be otherwise the next time."""
    stamps = dict(files)
    faces = [name for name in found.paths if stamps[name] is not None]
    chosen = [row for row, name in enumerate(found.paths) if stamps[name] is not None]
    shown = set(found.paths)
    others = [name for name, _ in files if name not in shown]
    why = [
        (name, reason)
        for name, reason in zip(others, found.refused[closed:])
        # It may be readable the next time, which its stamp would not show.
        if stamps[name] is not None and not may_be_readable_later(reason)
    ]
    names = [*faces, *(name for name, _ in why)]
    arrays = {
        "paths": np.array(names, dtype=np.str_),
        "stamps": np.array([stamps[name] for name in names], np.int64).reshape(-1, 2),
        "embeddings": found.embeddings[chosen],
        "refused": np.array([reason for _, reason in why], dtype=np.str_),
    }
    # A cache that cannot be written costs nothing but time.
    with contextlib.suppress(OSError), atomic_path(path) as temporary:
        write_arrays(temporary, arrays)


def _embed(
    model: FaceModel,
    folder: Path,
    files: Sequence[_File],
    before: dict[_File, _Kept],
    progress: bool,
) -> Gallery:
    """The faces of some files; those that are as they were before are not looked at."""
    found = {file: before[file] for file in files if file in before}
    wanted = [file for file in files if file not in found]
    bar = Progress(len(wanted), "Looking at the gallery", shown=progress and bool(wanted))
    for start in range(0, len(wanted), BATCH):
        faces, shown = [], []
        for file in wanted[start : start + BATCH]:
            path = Path(file[0])
            try:
                faces.append(model.face(path, modality_below(folder, path)))
                shown.append(file)
            except ImageError as error:
                found[file] = _Kept(None, str(error))
            bar.update()
        if faces:
            embeddings = model.embed_faces(np.stack(faces))
            found.update(zip(shown, (_Kept(row, "") for row in embeddings)))
    bar.close()
    parts = [(file[0], found[file].embedding) for file in files]
    kept = [(name, row) for name, row in parts if row is not None]
    refused = [found[file].reason for file in files if found[file].embedding is None]
    embeddings = np.stack([row for _, row in kept]) if kept else np.zeros((0, 0), np.float32)
    names = tuple(name for name, _ in kept)
    return Gallery(names, embeddings, tuple(refused), new=bool(wanted))


def centred_on(
    gallery: Gallery, folder: Path, query: Array, modality: str
) -> tuple[Gallery, Array]:
    """A gallery and what is looked for in it, without the means of the gallery's own faces.

    See `evaluation.centring`: drawings lie to one side of photos, and the means of the gallery's
    photos and of its caricatures say how far.

    Args:
        gallery: From `open_gallery`.
        folder: Its folder, whose subfolders tell the modality of its faces.
        query: The embedding to look for, float32 [d].
        modality: Its modality.

    Raises:
        DatasetError: There are too few faces of a modality that the gallery or the query has.
        ConfigError: There is no such modality.
    """
    check_modality(modality, "the mean embedding of the query's modality is subtracted")
    drawn = np.array([modality_below(folder, Path(p)) == CARICATURE for p in gallery.paths], bool)
    asked = np.array([modality == CARICATURE])
    for kind, count in ((PHOTO, int((~drawn).sum())), (CARICATURE, int(drawn.sum()))):
        if count < ENOUGH and (count or kind == modality):
            raise DatasetError(
                f"{folder}: {count} faces of the modality {kind} are too few for a mean, "
                f"which needs {ENOUGH}; leave --centre out"
            )
    means = modality_means(gallery.embeddings, drawn)
    moved = take_off(gallery.embeddings, drawn, means)
    return gallery._replace(embeddings=moved), take_off(query[None], asked, means)[0]


def same_picture(query: Path, paths: Sequence[str]) -> set[str]:
    """Which files are a picture itself: the file under whatever name, or one of equal content."""
    found: set[str] = set()
    try:
        own = query.stat()
        content = query.read_bytes()
    except OSError:
        return found
    for path in paths:
        with contextlib.suppress(OSError):
            other = Path(path).stat()
            if os.path.samestat(own, other) or (
                other.st_size == own.st_size and Path(path).read_bytes() == content
            ):
                found.add(path)
    return found


def verdicts(
    model: FaceModel, query: Array, modality: str, faces: Sequence[Array], modalities: Sequence[str]
) -> list[Optional[Verification]]:
    """What a network says of a query and each of some faces; None where it has no threshold.

    Args:
        model: The network.
        query: From `FaceModel.face`.
        modality: Its modality.
        faces: Likewise.
        modalities: Theirs.

    Raises:
        ConfigError: One is no modality.
    """
    for each in (modality, *modalities):
        check_modality(each)
    found: list[Optional[Verification]] = []
    for face, other in zip(faces, modalities):
        photo, drawn = (query, face) if modality == PHOTO else (face, query)
        second = other if modality == PHOTO else modality
        can = PHOTO in (modality, other) and model.verifies(second)
        found += model.verify_faces(photo[None], drawn[None], modality=second) if can else [None]
    return found


def sheet(
    query: Captioned, faces: Sequence[Array], found: Sequence[Found], told: Sequence[Any]
) -> Array:
    """The query and the faces nearest to it, with who, how far and the verdict: RGB [h, w, 3].

    Args:
        query: It, with its name.
        faces: From `FaceModel.face`.
        found: Where they lie.
        told: From `verdicts`.
    """
    cells = [
        Captioned(face, [*name_lines(near.path), *verdict_lines(near.distance, answer)])
        for face, near, answer in zip(faces, found, told)
    ]
    return sheet_of([query, *cells])

"""From pictures to the faces on them, as rows of a gallery."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

import numpy as np

from cari_keras.errors import DatasetError, GalleryError, ImageError
from cari_keras.gallery.only import full_path, named
from cari_keras.gallery.rows import NO_FACE, FaceRow
from cari_keras.images.names import modality_of_folder
from cari_keras.vocabulary import AUTO, FROM_FOLDER, FROM_NOWHERE, check_modality

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

#: Side of the thumbnails, in pixels.
THUMBNAIL = 112


class Source(NamedTuple):
    """A picture that is to be in a gallery.

    Attributes:
        path: Its absolute path.
        modality: `photo` or `caricature`.
        identity: Whose its main face is; None where that is not known.
    """

    path: str
    modality: str
    identity: Optional[str]


class Content(NamedTuple):
    """A file as it was read.

    Attributes:
        source: The picture.
        sha256: Of its bytes, in hexadecimal.
        size: In bytes.
        mtime_ns: As it was before it was read.
        encoded: The bytes.
    """

    source: Source
    sha256: str
    size: int
    mtime_ns: int
    encoded: bytes


class Found(NamedTuple):
    """The pictures below some places.

    Attributes:
        places: The folders and files that were named, absolute.
        sources: The pictures.
        refused: A line for each kind of file that was left out.
    """

    places: list[str]
    sources: list[Source]
    refused: list[str]


def sources_of(
    places: Iterable[Union[str, os.PathLike[str]]],
    *,
    modality: str = AUTO,
    identity: Optional[str] = None,
    people: str = FROM_FOLDER,
) -> Found:
    """The pictures below some folders, and those that are named themselves.

    Args:
        places: Folders and pictures.
        modality: Theirs; `auto`: `caricature` where a folder's name says so, else `photo`.
        identity: Whose faces they are; None: by `people`.
        people: `folder`: the folder that a picture lies in names its person, unless that is one of
            `places` or named like a modality. `none`: nobody is named.

    Raises:
        DatasetError: A place is not there, or is an aligned folder.
        ConfigError: There is no such modality.
    """
    from cari_keras.data.given import modality_below
    from cari_keras.images.walk import pictures
    from cari_keras.records.aligned import is_aligned

    if modality != AUTO:
        check_modality(modality)
    tops, found, refused = [], {}, []
    for place in places:
        top = Path(full_path(place))
        tops.append(str(top))
        if not top.exists():
            raise DatasetError(f"{place}: no such file or folder")
        if top.is_dir() and is_aligned(top):
            raise DatasetError(
                f"{place}: an aligned folder holds records, not pictures; name the folder "
                "of raw pictures"
            )
        listed = pictures(top) if top.is_dir() else None
        if listed is not None:
            refused += [f"{place}: {line}" for line in listed.lines()]
        for path in [top] if listed is None else listed.paths:
            if not named(path):
                refused.append(f"{path}: its name is not UTF-8; rename the file")
                continue
            folder = top.parent if listed is None else top
            kind = modality_below(folder, path) if modality == AUTO else modality
            who = identity if identity is not None else _person(path, top, people)
            found[str(path)] = Source(str(path), kind, who)
    return Found(tops, list(found.values()), refused)


def _person(path: Path, top: Path, people: str) -> Optional[str]:
    folder = path.parent
    plain = people == FROM_NOWHERE or path == top or folder == top
    return None if plain or modality_of_folder(folder.name) else folder.name


def read_content(source: Source) -> Content:
    """Reads a picture's file.

    Raises:
        ImageError: It cannot be read.
    """
    from cari_keras.images.decode import RefusedError, read_bytes

    try:
        status = Path(source.path).stat()
        encoded = read_bytes(Path(source.path))
    except RefusedError as error:
        raise ImageError(f"{source.path}: {error}") from error
    except OSError as error:
        raise ImageError(f"{source.path}: cannot be read ({error.strerror})") from error
    digest = hashlib.sha256(encoded).hexdigest()
    return Content(source, digest, len(encoded), status.st_mtime_ns, encoded)


def bare_row(content: Content, network: str, face: int = NO_FACE) -> FaceRow:
    """A row with what is known of a file before anybody has looked at it."""
    source = content.source
    return FaceRow(
        path=source.path,
        face=face,
        identity=source.identity if face == 0 else None,
        modality=source.modality,
        sha256=content.sha256,
        size=content.size,
        mtime_ns=content.mtime_ns,
        network=network,
    )


def look(
    model: FaceModel, contents: Sequence[Content], network: str, *, thumbnails: bool
) -> list[FaceRow]:
    """The rows of some pictures: one for each face, or one that says why there is none.

    Args:
        model: The network.
        contents: The pictures.
        network: Its key, see `network_key`.
        thumbnails: Whether to keep the faces as small pictures.
    """
    from cari_keras.images.encode import resize, to_jpeg

    rows, faces = [], []
    for content in contents:
        path, modality = content.source.path, content.source.modality
        try:
            cuts = model.every_face(content.encoded, modality, name=path)
        except ImageError as error:
            why = str(error).removeprefix(f"{path}: ")
            rows.append(bare_row(content, network)._replace(reason=why))
            continue
        for number, (pixels, place, (height, width)) in enumerate(cuts):
            row = bare_row(content, network, number)
            if place is None:
                row = row._replace(box=np.array([0, 0, width, height], np.float32))
            else:
                row = row._replace(
                    box=np.asarray(place.box, np.float32),
                    points=np.asarray(place.keypoints, np.float32).ravel(),
                    quality=float(place.confidence),
                )
            small = to_jpeg(resize(pixels, THUMBNAIL)) if thumbnails else None
            rows.append(row._replace(thumbnail=small))
            faces.append(pixels)
    if not faces:
        return rows
    embeddings = iter(model.embed_faces(np.stack(faces)))
    return [
        row if row.face == NO_FACE else row._replace(embedding=next(embeddings)) for row in rows
    ]


def network_key(model: FaceModel) -> str:
    """Tells a network's embeddings from those of others: 16 hexadecimal digits.

    Other weights, another size, another way to cut faces out and another decoder have other keys.
    """
    from cari_keras.images.decode import DECODING

    return hashlib.sha256(f"{model.key} {DECODING}".encode()).hexdigest()[:16]


def check_network(folder: Path, told: dict[str, str], model: FaceModel) -> None:
    """Raises GalleryError where a gallery is of another network than the model."""
    if told["network"] != network_key(model):
        raise GalleryError(
            f"{folder}: made by another network ({told['model']}, or with other crops); "
            "name that network, or run cari-gallery update --network to embed the "
            "pictures again"
        )

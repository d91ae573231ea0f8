"""A row of a gallery: a face, or a picture on which there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array

#: The number of a row that stands for a picture without a face.
NO_FACE = -1

#: The column that is searched.
EMBEDDING = "embedding"


class FaceRow(NamedTuple):
    """A face of a picture.

    Attributes:
        path: The picture's absolute path.
        face: The face's number on the picture, 0 for its main face; `NO_FACE` for a picture that
            shows none or cannot be decoded, whose `reason` says why.
        identity: Whose face it is; None where that is not known.
        modality: `photo` or `caricature`.
        sha256: Of the file's bytes, in hexadecimal.
        size: Of the file, in bytes.
        mtime_ns: When the file was last changed, in nanoseconds since 1970.
        box: Left, top, right, bottom in pixels of the upright picture, float32 [4]; all of the
            picture where the network takes it whole. None without a face.
        points: (x, y) in pixels of left eye, right eye, nose, left and right mouth corner,
            float32 [10]; None without a face and for whole pictures.
        quality: The detector's confidence, in (0, 1]; None likewise.
        network: Key of the network that made the embedding.
        embedding: float32 [d] of unit norm; None without a face.
        thumbnail: The face as JPEG; None where it was not kept.
        reason: Why there is no face; None where there is one.
    """

    path: str
    face: int = 0
    identity: Optional[str] = None
    modality: str = ""
    sha256: str = ""
    size: int = 0
    mtime_ns: int = 0
    box: Optional[Array] = None
    points: Optional[Array] = None
    quality: Optional[float] = None
    network: str = ""
    embedding: Optional[Array] = None
    thumbnail: Optional[bytes] = None
    reason: Optional[str] = None

    @property
    def key(self) -> str:
        """What tells the row from all others of the gallery."""
        return f"{self.path}#{self.face}"


#: Columns with what is said of a face, without what is large.
SMALL = tuple(name for name in FaceRow._fields if name not in (EMBEDDING, "thumbnail"))

#: Columns of vectors that some faces lack, and how long the vectors are.
LENGTHS = {"box": 4, "points": 10}


def schema_of(arrow: Any, dimension: int) -> Any:
    """The table's schema, for PyArrow.

    Args:
        arrow: PyArrow.
        dimension: d.
    """
    kinds = {
        "face": arrow.int32(),
        "size": arrow.int64(),
        "mtime_ns": arrow.int64(),
        "quality": arrow.float32(),
        "thumbnail": arrow.binary(),
        EMBEDDING: arrow.list_(arrow.float32(), dimension),
        **{name: arrow.list_(arrow.float32(), length) for name, length in LENGTHS.items()},
    }
    fields = [(name, kinds.get(name, arrow.string())) for name in FaceRow._fields]
    return arrow.schema([("key", arrow.string()), *fields])


def to_arrow(arrow: Any, rows: Sequence[FaceRow], schema: Any) -> Any:
    """Rows as PyArrow's table."""
    columns = [arrow.array([row.key for row in rows], arrow.string())]
    for name in FaceRow._fields:
        kind = schema.field(name).type
        values = [getattr(row, name) for row in rows]
        if arrow.types.is_fixed_size_list(kind):
            columns.append(_vectors(arrow, values, kind.list_size))
        else:
            columns.append(arrow.array(values, kind))
    return arrow.Table.from_arrays(columns, schema=schema)


def of_arrow(found: Any) -> Iterable[FaceRow]:
    """The rows of PyArrow's table or batch; other columns are left at their default."""
    names = [name for name in FaceRow._fields if name in found.schema.names]
    values = {name: _values(found, name) for name in names}
    for row in range(found.num_rows):
        yield FaceRow(**{name: column[row] for name, column in values.items()})


def embeddings_of(column: Any) -> Array:
    """A column of embeddings without gaps as float32 [n, d], without a copy where there is none."""
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(column), column.type.list_size)


def _values(found: Any, name: str) -> Sequence[Any]:
    values: list[Any] = found[name].to_pylist()
    if name in (EMBEDDING, *LENGTHS):
        return [None if value is None else np.asarray(value, np.float32) for value in values]
    return values


def _vectors(arrow: Any, values: Sequence[Optional[Array]], length: int) -> Any:
    """A column of vectors of one length, some of which may be missing."""
    missing = np.array([value is None for value in values], bool)
    flat = np.zeros((len(values), length), np.float32)
    for row, value in enumerate(values):
        if value is not None:
            flat[row] = value
    mask = arrow.array(missing) if missing.any() else None
    return arrow.FixedSizeListArray.from_arrays(arrow.array(flat.ravel()), length, mask=mask)

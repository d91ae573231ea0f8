"""The result of one file: its rows in the manifest, and the records of its faces.

Runs in worker processes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional

import cv2

from cari_keras.align.config import AlignConfig
from cari_keras.align.detector import Detector
from cari_keras.align.finder import find_faces, main_face
from cari_keras.arrays import Array
from cari_keras.images.crop import Face, Placement, crop, place_face, place_whole
from cari_keras.images.decode import Picture, RefusedError, read_picture
from cari_keras.images.encode import to_jpeg
from cari_keras.images.landmarks import face_of, read_landmarks
from cari_keras.images.layouts import LAYOUTS, Entry
from cari_keras.records.manifest import ALIGNED, NO_FACE, POINTS, REJECTED, ManifestRow, record_name
from cari_keras.records.sample import Sample

#: The label in aligned records: the dataset that reads them numbers its identities.
NO_LABEL = -1


class FileResult(NamedTuple):
    """The result of one file.

    Attributes:
        rows: Of the manifest, one for each face that was kept, or one that says why there is none.
        examples: The records of those faces, serialised.
    """

    rows: list[ManifestRow]
    examples: list[bytes]


class Aligner:
    """Aligns single files.

    Args:
        raw: The raw folder.
        config: The settings; `layout` names a layout.

    Raises:
        AlignError: The `mtcnn` package is missing.
    """

    def __init__(self, raw: Path, config: AlignConfig) -> None:
        self.raw, self.config, self.layout = raw, config, LAYOUTS[config.layout]
        self.detector = Detector()

    def __call__(self, entry: Entry) -> FileResult:
        """Never raises on account of a file's content."""
        config = self.config
        try:
            picture = read_picture(
                self.raw / entry.path,
                max_bytes=config.max_bytes,
                max_pixels=config.max_pixels,
            )
        except RefusedError as error:
            return FileResult([rejected(entry, str(error))], [])
        try:
            return self._outcome(entry, picture)
        except (cv2.error, ValueError, ArithmeticError, IndexError) as error:
            # Of millions of files one always has what nobody thought of. What has to do with the
            # machine or its packages is no file's fault, and ends the work.
            reason = f"cannot be aligned ({type(error).__name__}: {error})"
            return FileResult([{**rejected(entry, reason), **_of_picture(picture)}], [])

    def _outcome(self, entry: Entry, picture: Picture) -> FileResult:
        source, found = self._look(entry, picture.pixels)
        if not found:
            return FileResult([{**rejected(entry, NO_FACE), **_of_picture(picture)}], [])
        rows, examples = [], []
        for number, (face, placement) in enumerate(found):
            row, example = self._keep(entry, picture, face, placement, number)
            rows.append({**row, "source": source})
            examples.append(example)
        return FileResult(rows, examples)

    def _look(
        self, entry: Entry, image: Array
    ) -> tuple[str, list[tuple[Optional[Face], Placement]]]:
        """Where faces were had from, and each with its place in the crop."""
        config, layout = self.config, self.layout
        height, width = image.shape[:2]
        source, faces = find_faces(
            self.detector,
            image,
            entry.modality,
            max_side=config.max_side,
            face_crop=layout.face_crops,
        )
        if faces:
            kept = faces if config.all_faces else [main_face(faces, height, width)]
            return source, [(face, self._place(face, config.margin)) for face in kept]
        if layout.landmarks:
            points = read_landmarks(self.raw / layout.landmarks(entry.path))
            if points is not None:
                face = face_of(points)
                # As published: the widened box is the whole crop.
                margin = 0.0 if config.align == "box" else config.margin
                return "landmarks", [(face, self._place(face, margin))]
        if layout.face_crops:
            return "whole", [(None, place_whole(height, width, config.image_size, config.margin))]
        return "", []

    def _place(self, face: Face, margin: float) -> Placement:
        return place_face(face, self.config.align, self.config.image_size, margin)

    def _keep(
        self,
        entry: Entry,
        picture: Picture,
        face: Optional[Face],
        placement: Placement,
        number: int,
    ) -> tuple[ManifestRow, bytes]:
        from cari_keras.records.schema import serialize

        row = {**_row(entry, ALIGNED), **_of_picture(picture), "face": number}
        keypoints = None
        if face is not None:
            corners = zip(("left", "top", "right", "bottom"), face.box)
            row.update({name: _rounded(value) for name, value in corners})
            row["confidence"] = round(face.confidence, 4)
            inside = placement.points(face.keypoints)
            for prefix, points in (("", face.keypoints), ("crop_", inside)):
                for name, point in zip(POINTS, points):
                    for axis, value in zip("xy", point):
                        row[f"{prefix}{name}_{axis}"] = _rounded(value)
            keypoints = tuple((float(x), float(y)) for x, y in inside / placement.size)
        sample = Sample(
            record_name(entry.path, number), entry.identity, entry.modality, "", keypoints
        )
        image = to_jpeg(crop(picture.pixels, placement))
        return row, serialize(sample, image, NO_LABEL)


def rejected(entry: Entry, reason: str) -> ManifestRow:
    """The row of a file that gives no face."""
    return {**_row(entry, REJECTED), "reason": reason}


def _row(entry: Entry, status: str) -> ManifestRow:
    return {
        "path": entry.path,
        "identity": entry.identity,
        "modality": entry.modality,
        "status": status,
    }


def _of_picture(picture: Picture) -> ManifestRow:
    height, width = picture.pixels.shape[:2]
    return {"width": width, "height": height, "sha256": picture.sha256}


def _rounded(value: float) -> float:
    return round(float(value), 2)

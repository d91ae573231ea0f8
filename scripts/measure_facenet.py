#!/usr/bin/env python
"""Measures the thresholds of the public weights on CaVI's training people.

Every training photo is compared with every other one and with every training caricature, as
`load_model("facenet")` sees them: once with their faces found and aligned, once whole. Pictures in
which no face is found take no part in the former, as they are refused in use. Nothing is trained,
and no validation or test image is looked at.

    .venv/bin/python scripts/measure_facenet.py --data-dir DIR

Writes cari_keras/serving/facenet_thresholds.json: some 15 minutes on two cores.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cari_keras.data.base import Dataset
from cari_keras.errors import ImageError
from cari_keras.evaluation.allpairs import all_pairs
from cari_keras.evaluation.curves import eer, float32_at_most, operating_point, roc, tar_at_far
from cari_keras.evaluation.matcher import FACENET_CROP, load_matcher
from cari_keras.evaluation.probability import fit_probability
from cari_keras.evaluation.verification import auc
from cari_keras.files import DAMAGED_ARCHIVE, atomic_path, cache_name, user_cache_dir, write_json
from cari_keras.images.decode import DECODING
from cari_keras.model.pretrained import FILE_SHA256
from cari_keras.progress import Progress
from cari_keras.serving.asking import BATCH
from cari_keras.serving.opening import face_model_of
from cari_keras.serving.public import BALANCED, MEASUREMENTS
from cari_keras.serving.thresholds import NO_THRESHOLDS
from cari_keras.vocabulary import CARICATURE, FACENET, MODALITIES, PHOTO

FARS = (0.1, 0.01, 0.001)


def embeddings(dataset: Dataset, *, align: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Modality -> embeddings float32 [n, d] of its training images, and labels int [n].

    Those of a modality are kept in the per-user cache, so that a measurement that was stopped goes
    on with the next.
    """
    return {modality: _kept(dataset, modality, align) for modality in MODALITIES}


def _kept(dataset: Dataset, modality: str, align: bool) -> tuple[np.ndarray, np.ndarray]:
    request = [dataset.fingerprint, modality, align, FACENET_CROP, DECODING, FILE_SHA256]
    path = user_cache_dir() / "measure_facenet" / f"{cache_name(request)}.npz"
    with contextlib.suppress(*DAMAGED_ARCHIVE), np.load(path, allow_pickle=False) as stored:
        return stored["rows"], stored["labels"]
    rows, labels = _asked(dataset, modality, align)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, rows=rows, labels=labels)
    return rows, labels


def _asked(dataset: Dataset, modality: str, align: bool) -> tuple[np.ndarray, np.ndarray]:
    model = face_model_of(load_matcher(FACENET, {}), NO_THRESHOLDS, align)
    samples = [s for s in dataset.splits["train"] if s.modality == modality]
    rows, labels = [], []
    with Progress(len(samples), f"{modality}s, {'aligned' if align else 'whole'}") as bar:
        for start in range(0, len(samples), BATCH):
            faces = []
            for sample in samples[start : start + BATCH]:
                bar.update()
                with contextlib.suppress(ImageError):  # no face found, as in use
                    faces.append(model.face(sample.source, modality))
                    labels.append(dataset.labels[sample.identity])
            if faces:
                rows.append(model.embed_faces(np.stack(faces)))
    print(f"{modality}s: {len(labels)} of {len(samples)} used", flush=True)
    return np.concatenate(rows), np.array(labels)


def pairs_of(
    found: dict[str, tuple[np.ndarray, np.ndarray]],
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, distances and whether they are of one person, of each kind of pair."""
    (photos, owners), (drawings, drawn) = found[PHOTO], found[CARICATURE]
    across = all_pairs(photos, owners, drawings, drawn)
    yield "photo-caricature", across.distances, across.same
    within = all_pairs(photos, owners, photos, owners)
    once = np.triu(np.ones((len(photos), len(photos)), bool), 1).reshape(-1)
    yield "photo-photo", within.distances[once], within.same[once]


def measure(distances: np.ndarray, same: np.ndarray) -> dict[str, Any]:
    """The operating points of one kind of pair, and its curve of probabilities."""
    curve = roc(distances, same)
    best = float32_at_most(float(curve.thresholds[np.argmax(curve.tar - curve.far)]))
    points = {BALANCED: best}
    for far in FARS:
        points[f"FAR {far:g}"] = float32_at_most(tar_at_far(distances, same, far).threshold)
    listed = []
    for name, threshold in points.items():
        point = operating_point(distances, same, threshold)
        listed.append({"name": name, "threshold": threshold, "far": point.far, "tar": point.tar})
    return {
        "genuine_pairs": int(np.sum(same)),
        "impostor_pairs": int(np.sum(~same)),
        "auc": round(auc(distances, same), 4),
        "eer": round(eer(distances, same), 4),
        **fit_probability(distances, same)._asdict(),
        "points": listed,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", required=True, help="CaVI's folder")
    parser.add_argument("--output", type=Path, default=MEASUREMENTS, help="the file to write")
    given = parser.parse_args()
    from cari_keras.data import cavi

    dataset = cavi.load(given.data_dir)
    measurements = []
    for align in (False, True):
        found = embeddings(dataset, align=align)
        for name, distances, same in pairs_of(found):
            counts = {f"{modality}s": len(found[modality][1]) for modality in MODALITIES}
            faces = "aligned" if align else "whole"
            measurements.append(
                {"faces": faces, "pairs": name, **counts, **measure(distances, same)}
            )
            print(measurements[-1], flush=True)
    write_json(
        given.output,
        {
            "what": "thresholds of squared distances of the public FaceNet weights",
            "command": "scripts/measure_facenet.py --data-dir CAVI",
            "dataset": "CaVI's training images (in neither of its lists)",
            "people": len(dataset.identities),
            "weights_sha256": FILE_SHA256,
            "measurements": measurements,
        },
    )
    print(given.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

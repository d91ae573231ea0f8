"""Folders of drawn faces, which MTCNN finds, in the layouts that cari-align knows."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from cari_keras.data import demo
from cari_keras.drawn import draw_photo, plan_photo, sample_identity
from cari_keras.drawn.geometry import Pose, build_face
from cari_keras.drawn.head import Expression


@functools.cache
def _faces() -> dict[tuple[str, str], list[np.ndarray]]:
    dataset = demo.load(identities=3, photos=4, caricatures=4, size=200, seed=0)
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for sample in sorted((s for split in dataset.splits.values() for s in split), key=str):
        found.setdefault((sample.modality, sample.identity), []).append(dataset.load(sample))
    return found


def face(modality: str = "photo", person: int = 0, number: int = 0) -> np.ndarray:
    """uint8 RGB [200, 200, 3]."""
    people = sorted(key for key in _faces() if key[0] == modality)
    return _faces()[people[person]][number]


def ahead(side: int, **feature: float) -> np.ndarray:
    """A photo of one person who looks ahead, some features changed: uint8 RGB [side, side, 3]."""
    who = replace(sample_identity(np.random.default_rng(5)), **feature)
    plan = plan_photo(who, np.random.default_rng(3))
    place = build_face(who, Pose(), Expression())
    return draw_photo(replace(plan, face=place, noise=0.0, blur=0.0, grey=False), side)


def write(path: Path, image: np.ndarray) -> Path:
    """Writes uint8 RGB by the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())
    return path


def write_modalities(root: Path, people: int = 2, images: int = 2) -> Path:
    """`root/{photo,caricature}/<identity>/*.png`."""
    for modality in ("photo", "caricature"):
        for person in range(people):
            for number in range(images):
                path = root / modality / f"person {person}" / f"{number}.png"
                write(path, face(modality, person, number))
    return root


def content(folder: Path) -> dict[str, bytes]:
    """Every visible file of a folder, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
